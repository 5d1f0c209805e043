// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Any bytes as requests at the control socket, 56 at a time, of a daemon that holds a little of everything: every
 * answer must be whole records of their types' sizes with texts that end, finish with one end record or wait for
 * events, and change nothing. The table is stood in for.
 */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define START_NS (1760000000LL * NS_PER_S)
#define PAIRS 600 /* their rows do not fit one buffer */
#define FILLS_MAX 100

static struct daemon fuzz_daemon;
static const struct now fuzz_now = { .mono = { NS_PER_S }, .mesh = { START_NS } };

/* ---- in the table's place ---- */

uint64_t table_incarnation(const struct table *table)
{
	(void)table;
	return 7;
}

uint32_t table_hz(const struct table *table)
{
	(void)table;
	return 300;
}

void table_read_usage(const struct table *table, struct table_usage *ret_usage)
{
	(void)table;
	*ret_usage = (struct table_usage){ .pairs4 = 1, .pairs4_max = 64 };
}

void table_read_reasons(const struct table *table, struct reason_counter ret_reasons[REASON_COUNT])
{
	(void)table;
	memset(ret_reasons, 0xff, REASON_COUNT * sizeof(*ret_reasons));
}

size_t table_read_attachments(const struct table *table, struct attachment ret_attachments[INTERFACES_MAX])
{
	(void)table;
	for (size_t i = 0; i < INTERFACES_MAX; i++) {
		ret_attachments[i] = (struct attachment){ .ours = true };
		memset(ret_attachments[i].interface, 'x', sizeof(ret_attachments[i].interface));
		memset(ret_attachments[i].mode, 'x', sizeof(ret_attachments[i].mode));
	}
	return INTERFACES_MAX;
}

bool table_find(const struct table *table, const struct key *key, struct record_view *ret_view)
{
	(void)table;
	*ret_view = (struct record_view){ .packets = key->destination.bytes[15] };
	return key->destination.bytes[15] & 1;
}

struct instant table_mesh_of(const struct table *table, uint32_t jiffies)
{
	(void)table;
	return (struct instant){ (int64_t)jiffies * 4 * NS_PER_MS };
}

int table_capture_begin(struct table *table, const struct table_capture *wanted)
{
	(void)table, (void)wanted;
	return 0;
}

int table_capture_renew(struct table *table, const struct table_capture *wanted)
{
	(void)table, (void)wanted;
	return 0;
}

void table_capture_end(struct table *table)
{
	(void)table;
}

/* One sample of a long frame. */
void table_capture_read(struct table *table, bool (*each)(void *user, const struct sample *sample), void *user)
{
	const struct sample sample = { .reason = REASON_DROP_PAIR, .length = UINT32_MAX, .caught = 192 };

	(void)table;
	each(user, &sample);
}

void table_read_quota(const struct table *table, enum table_kind kind, struct table_quota *ret_quota)
{
	(void)table;
	*ret_quota = (struct table_quota){ .room = 16, .part = 4, .records = kind };
}

void table_read_account(const struct table *table, enum table_kind kind, uint16_t member,
			struct table_account *ret_account)
{
	(void)table, (void)member;
	*ret_account = (struct table_account){ .records = kind };
}

uint32_t table_clients_full(const struct table *table)
{
	(void)table;
	return 1;
}

struct answers_view table_answers(const struct table *table, const struct key *key)
{
	(void)table, (void)key;
	return (struct answers_view){ .recorded = true, .tcp = true, .count = 7 };
}

double table_size(const struct table *table, const struct key *key)
{
	(void)table, (void)key;
	return 1514;
}

bool table_coarse_of(const struct table *table, enum coarse_kind kind, const struct address *address,
		     struct coarse_view *ret_view)
{
	(void)table;
	*ret_view = (struct coarse_view){ .prefix = { *address, 128 }, .packets = kind, .share = SHARE_ALL };
	return true;
}

bool table_limit_of(const struct table *table, const struct key *key, struct limit_view *ret_view)
{
	(void)table;
	*ret_view = (struct limit_view){ .granted = key->client.bytes[15], .reached = 4, .dropped = 3 };
	return key_kind(key) == KEY_CLIENT || key_kind(key) == KEY_NETWORK;
}

size_t table_coarse_heaviest(const struct table *table, enum coarse_kind kind,
			     struct coarse_view ret_heaviest[COARSE_HEAVIEST_MAX])
{
	(void)table;
	for (size_t i = 0; i < COARSE_HEAVIEST_MAX; i++)
		ret_heaviest[i] = (struct coarse_view){ .packets = kind };
	return COARSE_HEAVIEST_MAX;
}

/* ---- a daemon ---- */

static struct key pair_of(uint16_t client)
{
	return (struct key){ address_of_ipv4((uint8_t[]){ 10, 0, (uint8_t)(client >> 8), (uint8_t)client }),
			     address_of_ipv4((uint8_t[]){ 198, 51, 100, 1 }) };
}

static void make_node(void)
{
	struct node_config config = {
		.limits = { .keys_max = 2048, .cells_max = 4096, .frames_max = 64, .members_max = 4 },
		.mesh = { .tick_ms = TICK_MS_DEFAULT,
			  .window_max_ms = WINDOW_MAX_MS_DEFAULT,
			  .decay = DECAY_DEFAULT,
			  .widths = { .client_bits = CLIENT_BITS_DEFAULT,
				      .hosts_count = 1,
				      .hosts = { { { { 0x20, 0x01, 0x0d, 0xb8, [7] = 1 } }, 64 } } } },
		.thresholds = { .pair_rate = 10,
				.destination_rate = 20,
				.idle_reset = { 10 * NS_PER_S },
				.pair_min_window = { NS_PER_S },
				.destination_min_window = { NS_PER_S } },
		.incarnation = 7,
		.boot = 1,
		.datagram_bytes = DATAGRAM_BYTES_DEFAULT,
		.frames_per_tick = 4
	};
	struct certificate certificate = { .name = "a", .serial = 1 };
	uint8_t authority[SECRET_KEY_BYTES], seed[32] = { 99 };
	size_t bytes = node_bytes(&config.limits);

	crypto_sign_seed_keypair(config.mesh.authority, authority, seed);
	mesh_id_of(config.mesh.authority, config.mesh.id);
	seed[0] = 1;
	crypto_sign_seed_keypair(certificate.public_key, config.secret_key, seed);
	fuzz_daemon.node_memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
	if (!fuzz_daemon.node_memory)
		abort();
	memset(fuzz_daemon.node_memory, 0, bytes);
	if (certificate_issue(&certificate, &config.mesh, authority, config.certificate, &config.certificate_bytes) ||
	    node_init(fuzz_daemon.node_memory, bytes, &config, fuzz_now, &fuzz_daemon.node))
		abort();
	fuzz_daemon.identity.mesh = config.mesh;
	fuzz_daemon.watch = watch_start();
	if (!fuzz_daemon.watch)
		abort();
	for (uint16_t client = 0; client < PAIRS; client++) {
		const struct key key = pair_of(client);

		node_observe(fuzz_daemon.node, fuzz_now, &key, mesh_slot_at(&config.mesh, fuzz_now.mesh), fuzz_now.mesh,
			     fuzz_now.mesh, 5);
	}
}

/* As many conditions as there may be, with the longest subjects and texts. */
static void make_conditions(struct conditions *set)
{
	struct about about = about_here("");

	set->count = CONDITIONS_MAX;
	memset(about.name, 's', sizeof(about.name) - 1);
	for (uint32_t i = 0; i < CONDITIONS_MAX; i++) {
		set->items[i] = (struct condition){ .id = i % CONDITION_COUNT, .about = about };
		memset(set->items[i].text, 'w', sizeof(set->items[i].text) - 1);
	}
	set->now = fuzz_now;
}

/* One client with as many destinations as are learnt, and a sample of each kind of keys. */
static void make_watch(struct watch *watch)
{
	const struct key pair = pair_of(1);

	for (uint32_t i = 0; i <= LEARNT_DESTINATIONS; i++) {
		struct key key = pair;

		key.destination.bytes[15] = (uint8_t)i;
		learnt_note(&watch->learnt, &key, i);
	}
	for (uint32_t kind = 0; kind < KEY_KINDS; kind++)
		rates_add(&watch->rates[kind], &pair, 1000);
	shadow_set(&watch->shadow, node_policy(fuzz_daemon.node), fuzz_now);
}

static void once(void)
{
	static struct summing summing; /* without sums */
	struct node_event event = { .kind = EVENT_PAIR_OVER, .member = "\033[2Jb" };

	if (fuzz_daemon.node)
		return;
	if (sodium_init() < 0)
		abort();
	log_set_level(LOG_LEVEL_ERROR);
	memset(fuzz_daemon.config.name, 'n', sizeof(fuzz_daemon.config.name) - 1);
	fuzz_daemon.summing = &summing;
	make_node();
	make_watch(fuzz_daemon.watch);
	make_conditions(&fuzz_daemon.health.conditions);
	for (int i = 0; i < 5; i++)
		events_tell(&fuzz_daemon.events, fuzz_now, &event, 0);
}

/* ---- answers ---- */

static size_t size_of(uint32_t type)
{
	static const size_t sizes[] = { [CONTROL_END] = sizeof(struct control_end),
					[CONTROL_TYPE_STATUS] = sizeof(struct control_status),
					[CONTROL_TYPE_REASON] = sizeof(struct control_reason),
					[CONTROL_TYPE_REJECT] = sizeof(struct control_reject),
					[CONTROL_TYPE_ATTACHMENT] = sizeof(struct control_attachment),
					[CONTROL_TYPE_MEMBER] = sizeof(struct control_member),
					[CONTROL_TYPE_KEY] = sizeof(struct control_key),
					[CONTROL_TYPE_RECORD] = sizeof(struct control_record),
					[CONTROL_TYPE_CELL] = sizeof(struct control_cell),
					[CONTROL_TYPE_EVENT] = sizeof(struct control_event),
					[CONTROL_TYPE_RULE] = sizeof(struct control_rule),
					[CONTROL_TYPE_SAMPLE] = sizeof(struct control_sample),
					[CONTROL_TYPE_PUSHED] = sizeof(struct control_pushed),
					[CONTROL_TYPE_DOCUMENT] = sizeof(struct control_document),
					[CONTROL_TYPE_STANDING] = sizeof(struct control_standing),
					[CONTROL_TYPE_CONDITION] = sizeof(struct control_condition),
					[CONTROL_TYPE_COARSE] = sizeof(struct control_coarse),
					[CONTROL_TYPE_CLIENT] = sizeof(struct control_client),
					[CONTROL_TYPE_WATCH] = sizeof(struct control_watch),
					[CONTROL_TYPE_LEARNT] = sizeof(struct control_learnt),
					[CONTROL_TYPE_BUCKET] = sizeof(struct control_bucket),
					[CONTROL_TYPE_TOP] = sizeof(struct control_top),
					[CONTROL_TYPE_SHADOW] = sizeof(struct control_shadow) };

	return type < sizeof(sizes) / sizeof(sizes[0]) ? sizes[type] : 0;
}

#define ENDS(text) (memchr((text), 0, sizeof(text)) != NULL)

static bool texts_end(uint32_t type, const uint8_t *body)
{
	union {
		struct control_status status;
		struct control_attachment attachment;
		struct control_member member;
		struct control_event event;
		struct control_condition condition;
	} row;

	memcpy(&row, body, size_of(type) < sizeof(row) ? size_of(type) : sizeof(row));
	switch (type) {
	case CONTROL_TYPE_STATUS:
		return ENDS(row.status.name) && ENDS(row.status.version);
	case CONTROL_TYPE_ATTACHMENT:
		return ENDS(row.attachment.interface) && ENDS(row.attachment.mode);
	case CONTROL_TYPE_MEMBER:
		return ENDS(row.member.name) && ENDS(row.member.region) && ENDS(row.member.endpoint) &&
		       ENDS(row.member.key);
	case CONTROL_TYPE_EVENT:
		return ENDS(row.event.kind) && ENDS(row.event.member) && ENDS(row.event.condition) &&
		       ENDS(row.event.subject) && ENDS(row.event.text);
	case CONTROL_TYPE_CONDITION:
		return ENDS(row.condition.id) && ENDS(row.condition.subject) && ENDS(row.condition.text) &&
		       ENDS(row.condition.what_to_do);
	default:
		return true;
	}
}

/* Walks the records; true when the last is the end. */
static bool check_records(const struct answer_buffer *buffer)
{
	struct control_header header = { .type = 0 };

	for (size_t at = buffer->at; at < buffer->end; at += sizeof(header) + header.size) {
		if (header.type == CONTROL_END || buffer->end - at < sizeof(header))
			abort();
		memcpy(&header, buffer->bytes + at, sizeof(header));
		if (header.size == 0 || header.size != size_of(header.type) ||
		    header.size > buffer->end - at - sizeof(header))
			abort();
		if (!texts_end(header.type, buffer->bytes + at + sizeof(header)))
			abort();
	}
	return header.type == CONTROL_END;
}

static void ask(const struct control_request *request)
{
	static struct answer_buffer buffer;
	struct answer answer;
	bool ended = false;

	answer_begin(&answer, request, &fuzz_daemon);
	for (int fills = 0; answer.state == ANSWER_MORE; fills++) {
		unsigned int budget = 64;

		buffer.at = buffer.end = 0;
		answer_fill(&answer, &fuzz_daemon, fuzz_now, &buffer, &budget);
		ended = check_records(&buffer);
		if (fills > FILLS_MAX || ended != (answer.state == ANSWER_DONE))
			abort();
	}
	if (!ended && request->verb != CONTROL_CAPTURE &&
	    !(request->verb == CONTROL_EVENTS && (request->flags & CONTROL_FOLLOW)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct node_counters before, after;

	once();
	node_read_counters(fuzz_daemon.node, &before);
	for (; size > 0; data += size < sizeof(struct control_request) ? size : sizeof(struct control_request),
			 size -= size < sizeof(struct control_request) ? size : sizeof(struct control_request)) {
		struct control_request request = { .magic = CONTROL_MAGIC, .version = CONTROL_VERSION };

		/* The first byte says whether magic and version are right: most requests should get further. */
		memcpy(&request, data, size < sizeof(request) ? size : sizeof(request));
		if (data[0] & 1)
			request.magic = CONTROL_MAGIC, request.version = CONTROL_VERSION;
		if (data[0] & 2)
			request.verb %= CONTROL_NETWORKS + 2;
		ask(&request);
	}
	node_read_counters(fuzz_daemon.node, &after);
	if (memcmp(&before, &after, sizeof(before)) != 0)
		abort();
	return 0;
}
