/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Notes are gathered in a buffer, because hashing a few bytes at a time is slow. */
#include "trace.h"

void trace_begin(struct trace *trace)
{
	crypto_hash_sha256_init(&trace->state);
	trace->used = 0;
	trace->events = 0;
}

static void flush(struct trace *trace)
{
	crypto_hash_sha256_update(&trace->state, (const uint8_t *)trace->buffer, trace->used * sizeof(uint64_t));
	trace->used = 0;
}

void trace_note(struct trace *trace, int64_t at_ns, uint64_t kind, uint64_t who, uint64_t what)
{
	if (trace->used + 3 > sizeof(trace->buffer) / sizeof(uint64_t))
		flush(trace);
	trace->buffer[trace->used++] = (uint64_t)at_ns;
	trace->buffer[trace->used++] = kind << 56 | who;
	trace->buffer[trace->used++] = what;
	trace->events++;
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
