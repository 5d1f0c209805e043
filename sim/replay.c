/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One core, no world around it: the trace says what is called, and when. Seals open as they did; signatures are
 * checked for real.
 */
#include "replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>
#include <xpro/trace.h>

#include "crypto.h"
#include "node_internal.h"
#include "pages.h"

#define PAYLOAD_BYTES_MAX (65536 > sizeof(struct policy_document) ? 65536 : sizeof(struct policy_document))

struct replay_run {
	const char *path;
	FILE *file;
	struct trace_head head;
	uint8_t payload[PAYLOAD_BYTES_MAX] __attribute__((aligned(8)));
	void *memory;
	size_t memory_bytes;
	struct node *node;
	uint64_t calls, datagrams, differing; /* datagrams refused otherwise than by the daemon */
	int64_t began_ns, first_difference_ns;
	bool ended;
	struct trace_end end;
};

static bool complain(const struct replay_run *run, const char *text)
{
	fprintf(stderr, "xpro-sim: %s, byte %ld: %s\n", run->path, ftell(run->file), text);
	return false;
}

static struct now now_of(const struct replay_run *run)
{
	return (struct now){ .mono = { run->head.mono_ns }, .mesh = { run->head.mesh_ns } };
}

/* Is the record as long as its kind must be at the least? What follows the fixed part is the datagram's. */
static bool has(const struct replay_run *run, size_t fixed_bytes)
{
	return run->head.bytes >= fixed_bytes || complain(run, "a record shorter than its kind");
}

static bool begin(struct replay_run *run)
{
	struct node_config config;
	size_t bytes;

	if (run->node)
		return complain(run, "a second beginning");
	if (run->head.bytes != sizeof(config))
		return complain(run, "the trace of another build of gossipd");
	memcpy(&config, run->payload, sizeof(config));
	bytes = (node_bytes(&config.limits) + 63) / 64 * 64;
	run->memory = pages_take(bytes);
	run->memory_bytes = bytes;
	if (!run->memory)
		return complain(run, "no memory for its ledger");
	if (node_init(run->memory, bytes, &config, now_of(run), &run->node))
		return complain(run, "the core refuses its configuration");
	run->began_ns = run->head.mono_ns;
	return true;
}

static bool receive(struct replay_run *run)
{
	const struct trace_from *head = (const void *)run->payload;
	struct endpoint from = { .port = head->port };
	enum reject reason;

	if (!has(run, sizeof(*head)))
		return false;
	memcpy(from.address.bytes, head->address, sizeof(from.address.bytes));
	crypto_open_as(head->opened ? SEALS_OPEN : SEALS_FAIL);
	reason = node_receive(run->node, now_of(run), (struct duration){ head->waited_us * NS_PER_US }, &from,
			      run->payload + sizeof(*head),
			      run->head.bytes - sizeof(*head));
	run->datagrams++;
	if (reason == (enum reject)head->reason)
		return true;
	if (run->differing++ == 0)
		printf("at %.3f s a datagram ends as %s, and ended as %s\n",
		       (double)(run->head.mono_ns - run->began_ns) / NS_PER_S, reject_names[reason],
		       head->reason < REJECT_COUNT ? reject_names[head->reason] : "?");
	return true;
}

static bool observe(struct replay_run *run)
{
	const struct trace_observe *observe = (const void *)run->payload;
	struct key key;

	if (!has(run, sizeof(*observe)))
		return false;
	memcpy(key.client.bytes, observe->client, 16);
	memcpy(key.destination.bytes, observe->destination, 16);
	node_observe(run->node, now_of(run), &key, observe->slot, (struct instant){ observe->first_ns },
		     (struct instant){ observe->last_ns }, observe->packets);
	return true;
}

static bool observe_beside(struct replay_run *run)
{
	const struct trace_beside *beside = (const void *)run->payload;
	struct key key;

	if (!has(run, sizeof(*beside)))
		return false;
	memcpy(key.client.bytes, beside->client, 16);
	memcpy(key.destination.bytes, beside->destination, 16);
	if (run->head.kind == TRACE_REMEMBER)
		node_remember(run->node, &key, beside->counts[0], beside->counts[1]);
	else if (key_kind(&key) == KEY_PAIR)
		node_observe_answers(run->node, now_of(run), &key, beside->slot, beside->counts[0], beside->counts[1]);
	else
		node_observe_contacts(run->node, now_of(run), &key, beside->slot, beside->counts[0], beside->counts[1]);
	return true;
}

static bool repeat(struct replay_run *run)
{
	const struct trace_calls *calls = (const void *)run->payload;
	uint8_t bytes[DATAGRAM_BYTES_MAX];
	struct node_event event;
	struct change change;
	struct endpoint to;

	if (!has(run, sizeof(*calls)))
		return false;
	for (uint64_t i = 0; i < calls->calls; i++) {
		if (run->head.kind == TRACE_POLL)
			node_poll(run->node, now_of(run), &to, bytes);
		else if (run->head.kind == TRACE_TURN)
			node_turn(run->node, now_of(run));
		else
			node_next_change(run->node, now_of(run), &change);
	}
	while (node_next_event(run->node, &event))
		continue;
	return true;
}

static bool greet(struct replay_run *run)
{
	const struct trace_from *peer = (const void *)run->payload;
	struct endpoint endpoint = { .port = peer->port };

	if (!has(run, sizeof(*peer)))
		return false;
	memcpy(endpoint.address.bytes, peer->address, sizeof(endpoint.address.bytes));
	node_greet(run->node, endpoint);
	return true;
}

static bool set_load(struct replay_run *run)
{
	const struct trace_load *load = (const void *)run->payload;

	if (!has(run, sizeof(*load)))
		return false;
	node_set_load(run->node, now_of(run), load->load, load->load_limit);
	return true;
}

static bool sleep_on(struct replay_run *run)
{
	const struct trace_slept *said = (const void *)run->payload;

	if (!has(run, sizeof(*said)))
		return false;
	if (said->slept_ns < 0)
		return complain(run, "a sleep shorter than none");
	node_slept(run->node, now_of(run), (struct duration){ said->slept_ns });
	return true;
}

static bool refresh(struct replay_run *run)
{
	struct key key;

	if (!has(run, sizeof(key)))
		return false;
	memcpy(&key, run->payload, sizeof(key));
	node_refresh(run->node, &key);
	return true;
}

static bool set_policy(struct replay_run *run)
{
	static struct policy_document document;

	if (!has(run, sizeof(document)))
		return false;
	memcpy(&document, run->payload, sizeof(document));
	node_set_policy(run->node, now_of(run), &document);
	return true;
}

static bool finish(struct replay_run *run)
{
	if (!has(run, sizeof(run->end)))
		return false;
	memcpy(&run->end, run->payload, sizeof(run->end));
	run->ended = true;
	return true;
}

static bool call(struct replay_run *run)
{
	run->calls++;
	if (!run->node && run->head.kind != TRACE_INIT)
		return complain(run, "the trace does not begin at the beginning");
	switch ((enum trace_kind)run->head.kind) {
	case TRACE_INIT:
		return begin(run);
	case TRACE_GREET:
		return greet(run);
	case TRACE_OBSERVE:
		return observe(run);
	case TRACE_OBSERVE_BESIDE:
	case TRACE_REMEMBER:
		return observe_beside(run);
	case TRACE_TICK:
		node_tick(run->node, now_of(run));
		return true;
	case TRACE_COMMAND:
		node_command(run->node, now_of(run), run->payload, run->head.bytes);
		return true;
	case TRACE_RESTORE:
		node_restore(run->node, now_of(run), run->payload, run->head.bytes);
		return true;
	case TRACE_POLICY:
		return set_policy(run);
	case TRACE_RECEIVE:
		return receive(run);
	case TRACE_POLL:
	case TRACE_CHANGE:
	case TRACE_TURN:
		return repeat(run);
	case TRACE_LOAD:
		return set_load(run);
	case TRACE_LEAVE:
		node_leave(run->node, now_of(run));
		return true;
	case TRACE_SLEPT:
		return sleep_on(run);
	case TRACE_REFRESH:
		return refresh(run);
	case TRACE_END:
		return finish(run);
	}
	return complain(run, "a record of an unknown kind");
}

static bool all_calls(struct replay_run *run)
{
	char magic[8];

	if (fread(magic, 1, sizeof(magic), run->file) != sizeof(magic) ||
	    memcmp(magic, TRACE_MAGIC, sizeof(magic)) != 0)
		return complain(run, "not a trace of gossipd (trace_file)");
	while (!run->ended) {
		if (fread(&run->head, sizeof(run->head), 1, run->file) != 1)
			return complain(run, "the trace has no end: the daemon was killed, or the disk was full");
		if (run->head.bytes > sizeof(run->payload) ||
		    fread(run->payload, 1, run->head.bytes, run->file) != run->head.bytes)
			return complain(run, "a record that is cut");
		if (!call(run))
			return false;
	}
	return true;
}

static bool compare(const char *what, const uint8_t *ours, const uint8_t *theirs)
{
	const bool same = memcmp(ours, theirs, HASH_BYTES) == 0;
	char text[2 * HASH_BYTES + 1];

	sodium_bin2hex(text, sizeof(text), ours, HASH_BYTES);
	printf("%s %s%s", what, text, same ? ", as the daemon's\n" : "");
	sodium_bin2hex(text, sizeof(text), theirs, HASH_BYTES);
	if (!same)
		printf(", but the daemon's was %s\n", text);
	return same;
}

static enum replay_outcome verdict(struct replay_run *run)
{
	uint8_t ledger[HASH_BYTES], verdicts[HASH_BYTES];
	struct node_counters counters;
	bool same;

	node_digest(run->node, ledger);
	node_digest_verdicts(run->node, now_of(run), verdicts);
	node_read_counters(run->node, &counters);
	printf("%s: %.1f s, %llu calls, %llu datagrams of %llu bytes, %llu keys and %llu cells held at the end%s\n",
	       run->path, (double)(run->head.mono_ns - run->began_ns) / NS_PER_S, (unsigned long long)run->calls,
	       (unsigned long long)run->datagrams, (unsigned long long)counters.bytes_received,
	       (unsigned long long)counters.keys_held, (unsigned long long)counters.cells_held,
	       run->end.full ? ", where the file was full" : "");
	same = compare("ledger  ", ledger, run->end.ledger);
	same = compare("verdicts", verdicts, run->end.verdicts) && same;
	if (run->differing)
		printf("%llu datagrams ended otherwise than at the daemon\n", (unsigned long long)run->differing);
	return same && run->differing == 0 ? REPLAY_SAME : REPLAY_DIFFERS;
}

enum replay_outcome replay_run(const char *path)
{
	struct replay_run *run = calloc(1, sizeof(*run));
	enum replay_outcome outcome = REPLAY_UNREADABLE;

	if (!run)
		abort();
	run->path = path;
	run->file = fopen(path, "rb");
	crypto_simulate(false);
	crypto_open_as(SEALS_FAIL);
	if (!run->file)
		fprintf(stderr, "xpro-sim: %s: %s\n", path, strerror(errno));
	else if (all_calls(run))
		outcome = verdict(run);
	crypto_open_as(SEALS_AS_THEY_ARE);
	if (run->file)
		fclose(run->file);
	pages_free(run->memory, run->memory_bytes);
	free(run);
	return outcome;
}
