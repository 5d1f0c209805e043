/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One trace per process. A trace that cannot go on ends there: the daemon matters more. */
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xpro/trace.h>

#define RECORD_BYTES_MAX 4096
#define BUFFER_BYTES (1 << 20)

static struct {
	FILE *file; /* NULL: no trace, or no longer */
	uint64_t bytes, bytes_max;
	struct node *node; /* who is traced */
	struct now now; /* of the last call */
	struct trace_head calls_of; /* polls and changes are counted while their time stays the same; kind 0: none */
	struct trace_calls calls;
} tracing;

static char buffer[BUFFER_BYTES];

int trace_open(const struct config *config, struct problem *ret_problem)
{
	int fd;

	if (!config->trace_file[0])
		return 0;
	unlink(config->trace_file);
	fd = open(config->trace_file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	tracing.file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!tracing.file)
		return problem_set(ret_problem, -errno, "%s:%u: trace_file: cannot create %s: %s", config->path,
				   config->line[CONFIG_TRACE_FILE], config->trace_file, strerror(errno));
	setvbuf(tracing.file, buffer, _IOFBF, sizeof(buffer));
	tracing.bytes_max = (uint64_t)config->trace_mib << 20;
	tracing.bytes = fwrite(TRACE_MAGIC, 1, 8, tracing.file);
	log_warning("trace: everything the core is given goes to %s, up to %u MiB: addresses of clients and peers, no "
		    "keys",
		    config->trace_file, config->trace_mib);
	return 0;
}

static void put(uint32_t kind, struct now now, const void *fixed, size_t fixed_bytes, const void *more,
		size_t more_bytes)
{
	const struct trace_head head = {
		.kind = kind,
		.bytes = (uint32_t)(fixed_bytes + more_bytes),
		.mono_ns = now.mono.ns,
		.mesh_ns = now.mesh.ns,
	};

	fwrite(&head, sizeof(head), 1, tracing.file);
	fwrite(fixed, 1, fixed_bytes, tracing.file);
	fwrite(more, 1, more_bytes, tracing.file);
	tracing.bytes += sizeof(head) + head.bytes;
}

static void put_calls(void)
{
	if (!tracing.calls_of.kind)
		return;
	put(tracing.calls_of.kind, (struct now){ { tracing.calls_of.mono_ns }, { tracing.calls_of.mesh_ns } },
	    &tracing.calls, sizeof(tracing.calls), NULL, 0);
	tracing.calls_of.kind = 0;
}

/* The end of the trace, with what the core had come to by then. */
static void end(bool full)
{
	struct trace_end end = { .full = full };
	char ledger[2 * HASH_BYTES + 1], verdicts[2 * HASH_BYTES + 1];

	put_calls();
	node_digest(tracing.node, end.ledger);
	node_digest_verdicts(tracing.node, tracing.now, end.verdicts);
	put(TRACE_END, tracing.now, &end, sizeof(end), NULL, 0);
	sodium_bin2hex(ledger, sizeof(ledger), end.ledger, sizeof(end.ledger));
	sodium_bin2hex(verdicts, sizeof(verdicts), end.verdicts, sizeof(end.verdicts));
	if (fclose(tracing.file))
		log_warning("trace: not written whole: %s", strerror(errno));
	tracing.file = NULL;
	log_info("trace: ended%s: ledger %s verdicts %s", full ? " at its bound" : "", ledger, verdicts);
}

/* Before a call of the core is traced: is it, and is there room left for it and the end? */
static bool traces(struct node *node, struct now now)
{
	if (!tracing.file || node != tracing.node)
		return false;
	if (tracing.bytes + 2 * RECORD_BYTES_MAX > tracing.bytes_max || ferror(tracing.file)) {
		end(true);
		return false;
	}
	tracing.now = now;
	return true;
}

static void trace(uint32_t kind, struct now now, const void *fixed, size_t bytes)
{
	put_calls();
	put(kind, now, fixed, bytes, NULL, 0);
}

static void trace_call(uint32_t kind, struct now now)
{
	const struct trace_head head = { .kind = kind, .mono_ns = now.mono.ns, .mesh_ns = now.mesh.ns };

	if (memcmp(&head, &tracing.calls_of, sizeof(head)) != 0) {
		put_calls();
		tracing.calls_of = head;
		tracing.calls.calls = 0;
	}
	tracing.calls.calls++;
}

static struct trace_from from_of(const struct endpoint *endpoint)
{
	struct trace_from from = { .port = endpoint->port };

	memcpy(from.address, endpoint->address.bytes, sizeof(from.address));
	return from;
}

/* What the linker offers: the real function, and the place where calls of it arrive. */
#define WRAPPED(result, name, ...)         \
	result __real_##name(__VA_ARGS__); \
	result __wrap_##name(__VA_ARGS__); \
	result __wrap_##name(__VA_ARGS__)

WRAPPED(int, node_init, void *memory, size_t bytes, const struct node_config *config, struct now now,
	struct node **ret_node)
{
	const int err = __real_node_init(memory, bytes, config, now, ret_node);
	struct node_config bare = *config;

	if (!tracing.file || err)
		return err;
	/* The public half stays. */
	sodium_memzero(bare.secret_key, SECRET_KEY_BYTES - PUBLIC_KEY_BYTES);
	sodium_memzero(bare.mesh_secret, sizeof(bare.mesh_secret));
	tracing.node = *ret_node;
	trace(TRACE_INIT, now, &bare, sizeof(bare));
	return 0;
}

WRAPPED(int, node_greet, struct node *node, struct endpoint peer)
{
	const struct trace_from from = from_of(&peer);

	if (traces(node, tracing.now))
		trace(TRACE_GREET, tracing.now, &from, sizeof(from));
	return __real_node_greet(node, peer);
}

WRAPPED(bool, node_observe, struct node *node, struct now now, const struct key *key, uint64_t slot,
	struct instant first, struct instant last, uint64_t packets)
{
	struct trace_observe observe = { .slot = slot, .first_ns = first.ns, .last_ns = last.ns, .packets = packets };

	if (traces(node, now)) {
		memcpy(observe.client, key->client.bytes, 16);
		memcpy(observe.destination, key->destination.bytes, 16);
		trace(TRACE_OBSERVE, now, &observe, sizeof(observe));
	}
	return __real_node_observe(node, now, key, slot, first, last, packets);
}

static void trace_beside(struct node *node, struct now now, const struct key *key, uint64_t slot, uint32_t first,
			 uint32_t second)
{
	struct trace_beside beside = { .slot = slot, .counts = { first, second } };

	if (!traces(node, now))
		return;
	memcpy(beside.client, key->client.bytes, 16);
	memcpy(beside.destination, key->destination.bytes, 16);
	trace(TRACE_OBSERVE_BESIDE, now, &beside, sizeof(beside));
}

WRAPPED(bool, node_observe_answers, struct node *node, struct now now, const struct key *key, uint64_t slot,
	uint32_t answers, bool tcp)
{
	trace_beside(node, now, key, slot, answers, tcp);
	return __real_node_observe_answers(node, now, key, slot, answers, tcp);
}

WRAPPED(bool, node_observe_contacts, struct node *node, struct now now, const struct key *key, uint64_t slot,
	uint32_t contacts, uint32_t unanswered)
{
	trace_beside(node, now, key, slot, contacts, unanswered);
	return __real_node_observe_contacts(node, now, key, slot, contacts, unanswered);
}

WRAPPED(void, node_remember, struct node *node, const struct key *pair, uint32_t minute, bool tcp)
{
	struct trace_beside beside = { .counts = { minute, tcp } };

	if (traces(node, tracing.now)) {
		memcpy(beside.client, pair->client.bytes, 16);
		memcpy(beside.destination, pair->destination.bytes, 16);
		trace(TRACE_REMEMBER, tracing.now, &beside, sizeof(beside));
	}
	__real_node_remember(node, pair, minute, tcp);
}

/* A document takes more room than anything else. */
static bool traces_document(struct node *node, struct now now, size_t size)
{
	if (!traces(node, now))
		return false;
	if (tracing.bytes + size + 2 * RECORD_BYTES_MAX <= tracing.bytes_max)
		return true;
	end(true);
	return false;
}

WRAPPED(enum reject, node_command, struct node *node, struct now now, const uint8_t *bytes, size_t size)
{
	if (traces_document(node, now, size)) {
		put_calls();
		put(TRACE_COMMAND, now, NULL, 0, bytes, size);
	}
	return __real_node_command(node, now, bytes, size);
}

WRAPPED(enum reject, node_restore, struct node *node, struct now now, const uint8_t *bytes, size_t size)
{
	if (traces_document(node, now, size)) {
		put_calls();
		put(TRACE_RESTORE, now, NULL, 0, bytes, size);
	}
	return __real_node_restore(node, now, bytes, size);
}

WRAPPED(void, node_tick, struct node *node, struct now now)
{
	if (traces(node, now))
		trace(TRACE_TICK, now, NULL, 0);
	__real_node_tick(node, now);
}

WRAPPED(void, node_turn, struct node *node, struct now now)
{
	if (traces(node, now))
		trace_call(TRACE_TURN, now);
	__real_node_turn(node, now);
}

WRAPPED(void, node_set_load, struct node *node, struct now now, double load, double load_limit)
{
	const struct trace_load said = { load, load_limit };

	if (traces(node, now))
		trace(TRACE_LOAD, now, &said, sizeof(said));
	__real_node_set_load(node, now, load, load_limit);
}

WRAPPED(void, node_leave, struct node *node, struct now now)
{
	if (traces(node, now))
		trace(TRACE_LEAVE, now, NULL, 0);
	__real_node_leave(node, now);
}

WRAPPED(void, node_slept, struct node *node, struct now now, struct duration slept)
{
	const struct trace_slept said = { slept.ns };

	if (traces(node, now))
		trace(TRACE_SLEPT, now, &said, sizeof(said));
	__real_node_slept(node, now, slept);
}

WRAPPED(int, node_set_policy, struct node *node, struct now now, const struct policy_document *document)
{
	if (traces_document(node, now, sizeof(*document)))
		trace(TRACE_POLICY, now, document, sizeof(*document));
	return __real_node_set_policy(node, now, document);
}

WRAPPED(enum reject, node_receive, struct node *node, struct now now, struct duration waited,
	const struct endpoint *from, uint8_t *bytes, size_t size)
{
	struct trace_from head = from_of(from);
	uint8_t before[RECORD_BYTES_MAX / 2];
	enum reject reason;

	if (size > sizeof(before) || !traces(node, now))
		return __real_node_receive(node, now, waited, from, bytes, size);
	memcpy(before, bytes, size);
	reason = __real_node_receive(node, now, waited, from, bytes, size);
	/* The seal opens in place. */
	head.opened = size > SEAL_BYTES && memcmp(before, bytes, size) != 0;
	head.reason = (uint8_t)reason;
	head.waited_us = (uint32_t)(waited.ns / NS_PER_US);
	put_calls();
	put(TRACE_RECEIVE, now, &head, sizeof(head), head.opened ? bytes : before, size);
	return reason;
}

WRAPPED(size_t, node_poll, struct node *node, struct now now, struct endpoint *ret_to, uint8_t *ret_bytes)
{
	if (traces(node, now))
		trace_call(TRACE_POLL, now);
	return __real_node_poll(node, now, ret_to, ret_bytes);
}

WRAPPED(bool, node_next_change, struct node *node, struct now now, struct change *ret_change)
{
	if (traces(node, now))
		trace_call(TRACE_CHANGE, now);
	return __real_node_next_change(node, now, ret_change);
}

WRAPPED(void, node_refresh, struct node *node, const struct key *key)
{
	if (traces(node, tracing.now))
		trace(TRACE_REFRESH, tracing.now, key, sizeof(*key));
	__real_node_refresh(node, key);
}

WRAPPED(void, node_close, struct node *node)
{
	if (tracing.file && node == tracing.node)
		end(false);
	__real_node_close(node);
}
