/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* gossipctl status: is this proxy doing its job, and what has it done. */
#include <math.h>
#include <sodium.h>
#include <string.h>

#include "text.h"
#include "ask.h"
#include "coarse.h"
#include "conditions.h"
#include "rules.h"

struct showing {
	struct output *output;
	enum control_type list; /* the list that is open */
	bool attached; /* an attachment was shown */
	bool coarse; /* an entry was shown */
	bool shadow; /* there is a shadow policy */
	bool degraded;
	struct shown_conditions conditions;
	char client[CLIENTS_MAX][TEXT_PREFIX_BYTES];
	const char *clients[CLIENTS_MAX];
};

static double percent(uint64_t used, uint64_t most)
{
	return most ? 100. * (double)used / (double)most : 0;
}

static void show_status_facts(const struct showing *showing, const struct control_status *s, const char *digest)
{
	const struct shown_conditions *conditions = &showing->conditions;
	const struct field fields[] = {
		TEXT("name", NULL, 0, s->name),
		TEXT("version", NULL, 0, s->version),
		SIGNED("now_ns", NULL, 0, s->now_ns),
		NUMBER("incarnation", NULL, 0, s->incarnation),
		NUMBER("boot", NULL, 0, s->boot),
		REAL("uptime_s", NULL, 0, s->uptime_s, 1),
		FLAG("gossip", NULL, 0, s->gossip),
		NUMBER("members", NULL, 0, s->members),
		NUMBER("members_up", NULL, 0, s->members_up),
		FLAG("degraded", NULL, 0, s->degraded),
		TEXT("degraded_why", NULL, 0, conditions->errors ? conditions->texts[0] : ""),
		TEXTS("degraded_reasons", conditions->texts, conditions->errors),
		NUMBER("tick_ms", NULL, 0, s->tick_ms),
		NUMBER("window_max_ms", NULL, 0, s->window_max_ms),
		NUMBER("decay", NULL, 0, s->decay),
		NUMBER("slot_ms", NULL, 0, s->slot_ms),
		NUMBER("idle_reset_ms", NULL, 0, s->idle_reset_ms),
		NUMBER("pair_min_window_ms", NULL, 0, s->pair_min_window_ms),
		NUMBER("destination_min_window_ms", NULL, 0, s->destination_min_window_ms),
		NUMBER("pair_rate", NULL, 0, s->pair_rate),
		NUMBER("destination_rate", NULL, 0, s->destination_rate),
		FLAG("early", NULL, 0, s->policy_flags & POLICY_EARLY),
		TEXT("pair_action", NULL, 0, s->policy_flags & POLICY_POLICE ? "police" : "drop"),
		TEXT("aggregate", NULL, 0, s->policy_flags & POLICY_FAIR ? "fair" : "strict"),
		TEXT("mode", NULL, 0, s->policy_flags & POLICY_MONITOR ? "monitor" : "enforce"),
		NUMBER("hz", NULL, 0, s->hz),
		NUMBER("slot", NULL, 0, s->slot),
		NUMBER("tick", NULL, 0, s->tick),
		NUMBER("pairs4", NULL, 0, s->pairs4),
		NUMBER("pairs4_max", NULL, 0, s->pairs4_max),
		NUMBER("pairs6", NULL, 0, s->pairs6),
		NUMBER("pairs6_max", NULL, 0, s->pairs6_max),
		NUMBER("destinations", NULL, 0, s->destinations),
		NUMBER("destinations_max", NULL, 0, s->destinations_max),
		NUMBER("table_bytes", NULL, 0, s->table_bytes),
		NUMBER("keys_held", NULL, 0, s->keys_held),
		NUMBER("policy_version", NULL, 0, s->policy_version),
		NUMBER("policy_rules", NULL, 0, s->policy_rules),
		NUMBER("policy_waiting", NULL, 0, s->policy_waiting),
		NUMBER("clients_full", NULL, 0, s->clients_full),
		NUMBER("keys_max", NULL, 0, s->keys_max),
		NUMBER("cells_held", NULL, 0, s->cells_held),
		NUMBER("cells_max", NULL, 0, s->cells_max),
		NUMBER("datagrams_received", NULL, 0, s->datagrams_received),
		NUMBER("datagrams_sent", NULL, 0, s->datagrams_sent),
		NUMBER("datagrams_unsent", NULL, 0, s->datagrams_unsent),
		NUMBER("bytes_received", NULL, 0, s->bytes_received),
		NUMBER("bytes_sent", NULL, 0, s->bytes_sent),
		NUMBER("frames_published", NULL, 0, s->frames_published),
		NUMBER("frames_received", NULL, 0, s->frames_received),
		NUMBER("frames_duplicate", NULL, 0, s->frames_duplicate),
		NUMBER("frames_repaired", NULL, 0, s->frames_repaired),
		NUMBER("frames_served", NULL, 0, s->frames_served),
		NUMBER("cells_published", NULL, 0, s->cells_published),
		NUMBER("cells_merged", NULL, 0, s->cells_merged),
		NUMBER("cells_refused", NULL, 0, s->cells_refused),
		NUMBER("cells_waiting", NULL, 0, s->cells_waiting),
		NUMBER("cells_over_line", NULL, 0, s->cells_over_line),
		NUMBER("outbox_dropped", NULL, 0, s->outbox_dropped),
		NUMBER("signatures_made", NULL, 0, s->signatures_made),
		NUMBER("signatures_checked", NULL, 0, s->signatures_checked),
		NUMBER("cells_harvested", NULL, 0, s->cells_harvested),
		NUMBER("cells_unheld", NULL, 0, s->cells_unheld),
		NUMBER("records_written", NULL, 0, s->records_written),
		NUMBER("records_refused", NULL, 0, s->records_refused),
		NUMBER("changes_pending", NULL, 0, s->changes_pending),
		NUMBER("filters_restored", NULL, 0, s->filters_restored),
		NUMBER("requests_refused", NULL, 0, s->requests_refused),
		NUMBER("warnings", NULL, 0, s->warnings),
		REAL("tick_ms_worst", NULL, 0, s->tick_ms_worst, 2),
		REAL("turn_ms_worst", NULL, 0, s->turn_ms_worst, 2),
		REAL("turn_cpu_ms_worst", NULL, 0, s->turn_cpu_ms_worst, 2),
		REAL("tick_late_ms_worst", NULL, 0, s->tick_late_ms_worst, 2),
		REAL("clock_drift_ms", NULL, 0, s->clock_drift_ms, 1),
		digest ? TEXT("ledger_digest", NULL, 0, digest) : UNKNOWN("ledger_digest"),
	};

	output_facts(showing->output, "status", FIELDS(fields));
}

/* The gravest condition stands beside the name, when it degrades the proxy; all of them below. */
static void show_health(const struct showing *showing, const struct control_status *s)
{
	const struct shown_conditions *conditions = &showing->conditions;
	char name[160], why[4 * CONDITION_LINE_BYTES] = "";

	text_escape(s->name, name, sizeof(name));
	if (conditions->errors)
		text_escape(conditions->texts[0], why, sizeof(why));
	output_say(showing->output, "%s: %s%s%.800s", name, s->degraded ? "degraded" : "healthy", why[0] ? ": " : "",
		   why);
	say_conditions(showing->output, conditions);
}

/* Where the clients are, as texts, and what follows from it. */
static void show_sides(struct showing *showing, const struct control_status *s)
{
	const uint32_t clients = s->clients < CLIENTS_MAX ? s->clients : CLIENTS_MAX;
	const struct field fields[] = {
		TEXTS("clients", showing->clients, clients),
		FLAG("drop_foreign_sources", NULL, 0, s->drop_foreign_sources),
		FLAG("judge_replies", NULL, 0, s->judge_replies),
	};

	for (uint32_t i = 0; i < clients; i++) {
		struct prefix prefix = { .bits = s->client_bits[i] };

		memcpy(prefix.address.bytes, s->client[i], sizeof(prefix.address.bytes));
		text_of_prefix(&prefix, showing->client[i]);
		showing->clients[i] = showing->client[i];
	}
	output_facts(showing->output, "sides", FIELDS(fields));
}

static void say_clients(const struct showing *showing, const struct control_status *s)
{
	char text[CLIENTS_MAX * (TEXT_PREFIX_BYTES + 2)] = "";

	for (uint32_t i = 0; i < s->clients && i < CLIENTS_MAX; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? ", " : "", showing->client[i]);
	if (s->clients)
		output_say(showing->output, "  clients       %s; other sources from their side are %s", text,
			   s->drop_foreign_sources ? "dropped" : "judged");
}

static void show_status_sentences(const struct showing *showing, const struct control_status *s, const char *digest)
{
	struct output *output = showing->output;
	char pair[RATE_TEXT_BYTES], destination[RATE_TEXT_BYTES];

	rate_text(s->pair_rate, pair);
	rate_text(s->destination_rate, destination);
	output_say(output, "  up %.0f s, start %llu of incarnation %llu, gossipd %s", s->uptime_s,
		   (unsigned long long)s->boot, (unsigned long long)s->incarnation, s->version);
	if (s->gossip)
		output_say(output, "  members       %u of %u up, this one included", s->members_up, s->members);
	else
		output_say(output, "  members       alone (gossip = false)");
	output_say(output, "  rates         pair %s (%s), destination %s (%s)%s", pair,
		   s->policy_flags & POLICY_POLICE ? "police" : "drop", destination,
		   s->policy_flags & POLICY_FAIR ? "fair" : "strict",
		   s->policy_flags & POLICY_MONITOR ? "; mode = monitor: what is over would be dropped, and passes"
						    : "");
	output_say(output, "  policy        version %llu, %u rules%s", (unsigned long long)s->policy_version,
		   s->policy_rules, s->policy_waiting ? ", another waits for its slot" : "");
	say_clients(showing, s);
	if (s->clients_full)
		output_say(output, "  quota         %llu clients have records of as many pairs as one may",
			   (unsigned long long)s->clients_full);
	output_say(output, "  ledger        %llu keys (%.1f %%), %llu cells (%.1f %%)",
		   (unsigned long long)s->keys_held, percent(s->keys_held, s->keys_max),
		   (unsigned long long)s->cells_held, percent(s->cells_held, s->cells_max));
	output_say(output,
		   "  table         %llu IPv4 pairs (%.1f %%), %llu IPv6 pairs (%.1f %%), %llu destinations (%.1f %%), "
		   "%.1f MiB",
		   (unsigned long long)s->pairs4, percent(s->pairs4, s->pairs4_max), (unsigned long long)s->pairs6,
		   percent(s->pairs6, s->pairs6_max), (unsigned long long)s->destinations,
		   percent(s->destinations, s->destinations_max), (double)s->table_bytes / (1 << 20));
	if (s->vouched[0] + s->vouched[1] + s->vouched[2])
		output_say(output,
			   "  vouched       %llu IPv4 pairs, %llu IPv6 pairs, %llu destinations rest on other members' "
			   "word, of %llu, %llu, %llu at most",
			   (unsigned long long)s->vouched[0], (unsigned long long)s->vouched[1],
			   (unsigned long long)s->vouched[2], (unsigned long long)s->vouched_max[0],
			   (unsigned long long)s->vouched_max[1], (unsigned long long)s->vouched_max[2]);
	output_say(output,
		   "  received      %llu datagrams, %llu frames (%llu repaired, %llu seen before), %llu cells merged",
		   (unsigned long long)s->datagrams_received, (unsigned long long)s->frames_received,
		   (unsigned long long)s->frames_repaired, (unsigned long long)s->frames_duplicate,
		   (unsigned long long)s->cells_merged);
	output_say(output, "  sent          %llu datagrams, %llu frames, %llu cells, %llu cells waiting",
		   (unsigned long long)s->datagrams_sent, (unsigned long long)s->frames_published,
		   (unsigned long long)s->cells_published, (unsigned long long)s->cells_waiting);
	if (s->outbox_dropped)
		output_say(output,
			   "                %llu datagrams dropped before they were made: more to send than there is "
			   "room for",
			   (unsigned long long)s->outbox_dropped);
	if (s->cells_over_line)
		output_say(output,
			   "  line rates    %llu cells came from members that report more than their line carries",
			   (unsigned long long)s->cells_over_line);
	output_say(output, "  ticks         every %u ms, longest %.2f ms, latest begin %.2f ms, longest turn %.2f ms",
		   s->tick_ms, s->tick_ms_worst, s->tick_late_ms_worst, s->turn_ms_worst);
	if (s->filters_restored)
		output_say(output, "  filter        taken off by hand and put back %llu times",
			   (unsigned long long)s->filters_restored);
	if (s->requests_refused)
		output_say(output, "  control       %llu requests refused: they are for root and control_admin_group",
			   (unsigned long long)s->requests_refused);
	if (fabs(s->clock_drift_ms) >= 1)
		output_say(output, "  clock         mesh time is %+.0f ms off this host's", s->clock_drift_ms);
	if (digest)
		output_say(output, "  ledger digest %.16s", digest);
}

/* Records on others' word, by table: in JSON alone. */
static void list_vouched(struct output *output, const struct control_status *s)
{
	static const char *const tables[CONTROL_TABLES] = { "pairs4", "pairs6", "destinations" };

	output_list(output, "vouched");
	for (unsigned int i = 0; i < CONTROL_TABLES; i++) {
		const struct field fields[] = {
			TEXT("table", NULL, 0, tables[i]),
			NUMBER("records", NULL, 0, s->vouched[i]),
			NUMBER("max", NULL, 0, s->vouched_max[i]),
			NUMBER("part", NULL, 0, s->vouched_part[i]),
		};

		output_row_unless(output, true, FIELDS(fields));
	}
}

static void show_status(struct showing *showing, const struct control_status *status)
{
	char digest[2 * HASH_BYTES + 1];
	const char *known = NULL;

	if (status->digest_known) {
		sodium_bin2hex(digest, sizeof(digest), status->ledger_digest, sizeof(status->ledger_digest));
		known = digest;
	}
	showing->degraded = status->degraded;
	show_status_facts(showing, status, known);
	show_sides(showing, status);
	show_health(showing, status);
	show_status_sentences(showing, status, known);
	list_conditions(showing->output, &showing->conditions);
	list_vouched(showing->output, status);
}

/* Rows of one type stand together; a type's first row opens its list. Counters of 0 are left out of the table. */
static void open_list(struct showing *showing, enum control_type type, const char *name)
{
	if (showing->list == type)
		return;
	output_list(showing->output, name);
	showing->list = type;
	output_say(showing->output, "%s", "");
}

static const char *face_of(uint32_t side)
{
	return side & SIDE_UNKNOWN ? "unknown" : side & SIDE_OUTER ? "outside"
								   : "clients";
}

/* What of answers that leave by the interface: none do, they are counted, or they are missed. */
static const char *answers_of(uint32_t answers)
{
	return answers == CONTROL_ANSWERS_COUNTED ? "counted" : answers == CONTROL_ANSWERS_MISSED ? "missed"
												  : "none";
}

/* The attachments before it are a list even when there are none. */
static void open_coarse(struct showing *showing)
{
	if (!showing->attached)
		output_list(showing->output, "attachments");
	showing->attached = true;
	open_list(showing, CONTROL_TYPE_COARSE, "coarse");
	showing->coarse = true;
}

/* The last list. Those before it are lists even when they are empty. */
static void open_shadow(struct showing *showing)
{
	if (!showing->attached)
		output_list(showing->output, "attachments");
	if (!showing->coarse)
		output_list(showing->output, "coarse");
	showing->attached = showing->coarse = true;
	open_list(showing, CONTROL_TYPE_SHADOW, "shadow");
	showing->shadow = true;
}

static void show_shadow(struct output *output, const struct control_shadow *row)
{
	const struct field fields[] = {
		TEXT("kind", "shadow policy: over", -24, row->kind < KEY_KINDS ? text_of_kind(row->kind) : "?"),
		NUMBER("over_now", "keys now", 10, row->over_now),
		NUMBER("looks_over", "looks", 10, row->looks_over),
		REAL("packets", "packets beyond", 18, row->packets, 0),
		NUMBER("rules", NULL, 0, row->rules),
		SIGNED("since_ns", NULL, 0, row->since_ns),
	};

	output_row(output, FIELDS(fields));
}

static bool show_status_row(void *user, enum control_type type, const void *row)
{
	struct showing *showing = user;
	const struct control_reason *reason = row;
	const struct control_reject *reject = row;
	const struct control_attachment *attachment = row;

	switch (type) {
	case CONTROL_TYPE_CONDITION: /* they come before the status */
		take_condition(&showing->conditions, row);
		break;
	case CONTROL_TYPE_STATUS:
		show_status(showing, row);
		break;
	case CONTROL_TYPE_COARSE:
		open_coarse(showing);
		show_coarse(showing->output, row);
		break;
	case CONTROL_TYPE_SHADOW:
		open_shadow(showing);
		show_shadow(showing->output, row);
		break;
	case CONTROL_TYPE_REASON: {
		const struct field fields[] = {
			TEXT("name", "verdict", -24, reason->name),
			NUMBER("packets", "packets", 14, reason->packets),
			NUMBER("bytes", "bytes", 18, reason->bytes),
		};

		open_list(showing, type, "reasons");
		output_row(showing->output, FIELDS(fields));
		break;
	}
	case CONTROL_TYPE_REJECT: {
		const struct field fields[] = {
			TEXT("name", "refused from the network", -24, reject->name),
			NUMBER("count", "count", 14, reject->count),
		};

		open_list(showing, type, "rejects");
		output_row_unless(showing->output, reject->count == 0, FIELDS(fields));
		break;
	}
	case CONTROL_TYPE_ATTACHMENT: {
		const struct field fields[] = {
			TEXT("interface", "interface", -16, attachment->interface),
			TEXT("mode", "mode", -8, attachment->mode),
			NUMBER("program_id", "program", 8, attachment->program_id),
			FLAG("ours", "ours", 5, attachment->ours),
			TEXT("faces", "faces", -8, face_of(attachment->side)),
			FLAG("enforced", "enforced", 8, !(attachment->side & SIDE_UNENFORCED)),
			TEXT("answers", "answers", -8, answers_of(attachment->answers)),
		};

		open_list(showing, type, "attachments");
		showing->attached = true;
		output_row(showing->output, FIELDS(fields));
		break;
	}
	default:
		break;
	}
	return !ferror(showing->output->file);
}

int run_status(const struct arguments *arguments, struct output *output)
{
	struct control_request request = { .verb = CONTROL_STATUS,
					   .flags = arguments->value[OPTION_DIGEST] ? CONTROL_DIGEST : 0 };
	static struct showing showing;
	int status;

	showing.output = output;
	status = ask(arguments, &request, show_status_row, &showing);
	if (status == EXIT_OK && !showing.attached)
		output_list(output, "attachments");
	if (status == EXIT_OK && !showing.coarse)
		output_list(output, "coarse");
	if (status == EXIT_OK && !showing.shadow)
		output_list(output, "shadow");
	return status == EXIT_OK && showing.degraded ? EXIT_DEGRADED : status;
}
