/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Notes are gathered in a buffer and mixed down to 128 bits before they are hashed: hashing all of them took a
 * seventh of the time.
 */
#include "trace.h"

#include <string.h>

#include "crypto.h"

void trace_begin(struct trace *trace)
{
	crypto_hash_sha256_init(&trace->state);
	trace->used = 0;
	trace->events = 0;
}

static void flush(struct trace *trace)
{
	const size_t size = trace->used * sizeof(uint64_t);
	const uint64_t mixed[] = { crypto_mix(1, trace->buffer, size), crypto_mix(2, trace->buffer, size) };

	crypto_hash_sha256_update(&trace->state, (const uint8_t *)mixed, sizeof(mixed));
	trace->used = 0;
}

void trace_words(struct trace *trace, const uint64_t *words, unsigned int count)
{
	if (trace->used + count > sizeof(trace->buffer) / sizeof(uint64_t))
		flush(trace);
	memcpy(trace->buffer + trace->used, words, count * sizeof(*words));
	trace->used += count;
}

void trace_note(struct trace *trace, int64_t at_ns, uint64_t kind, uint64_t who, uint64_t what)
{
	const uint64_t words[] = { (uint64_t)at_ns, kind << 56 | who, what };

	trace_words(trace, words, sizeof(words) / sizeof(words[0]));
	trace->last[trace->events++ % TRACE_LAST] = (struct trace_line){ at_ns, kind, who, what };
}

void trace_text(struct trace *trace, char ret_text[65])
{
	crypto_hash_sha256_state copy;
	uint8_t hash[32];

	flush(trace);
	copy = trace->state;
	crypto_hash_sha256_final(&copy, hash);
	sodium_bin2hex(ret_text, 65, hash, sizeof(hash));
}

void trace_print(const struct trace *trace, FILE *out)
{
	static const char *const kinds[] = { "-",     "tick", "datagram", "packet", "event",
					     "start", "stop", "pause",	  "fault" };
	const uint64_t first = trace->events > TRACE_LAST ? trace->events - TRACE_LAST : 0;

	for (uint64_t i = first; i < trace->events; i++) {
		const struct trace_line *line = &trace->last[i % TRACE_LAST];

		fprintf(out, "  %12.6f s  %-8s ", (double)line->at_ns / 1e9, kinds[line->kind]);
		if (line->kind == 2)
			fprintf(out, "node-%u to node-%u, refused: %u\n", (unsigned int)(line->who >> 32),
				(unsigned int)(line->who >> 16 & 0xffff), (unsigned int)(line->who & 0xffff));
		else
			fprintf(out, "%llu %llu\n", (unsigned long long)line->who, (unsigned long long)line->what);
	}
}
