/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A hash over everything that happened, in order: two runs with one trace did the same, bit for bit. */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include <stdint.h>
#include <stdio.h>

#include <sodium.h>

#define TRACE_LAST 50

struct trace_line {
	int64_t at_ns;
	uint64_t kind, who, what;
};

struct trace {
	crypto_hash_sha256_state state;
	uint64_t buffer[512];
	unsigned int used;
	uint64_t events;
	struct trace_line last[TRACE_LAST]; /* the latest, at events % TRACE_LAST */
};

void trace_begin(struct trace *trace);
void trace_note(struct trace *trace, int64_t at_ns, uint64_t kind, uint64_t who, uint64_t what);
/*
 * Takes in words, at most a few dozen, beside the notes: they are hashed, but neither counted as an event nor kept
 * for trace_print.
 */
void trace_words(struct trace *trace, const uint64_t *words, unsigned int count);
/* 64 hexadecimal digits. The trace goes on afterwards. */
void trace_text(struct trace *trace, char ret_text[65]);
/* The latest events, for whoever looks into a failure. */
void trace_print(const struct trace *trace, FILE *out);

#endif
