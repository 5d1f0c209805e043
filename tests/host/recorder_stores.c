// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Every store of gossipd/table/ into the memory of a BPF map, in program order. For gossipd-recorded those files are
 * compiled with -fsanitize=thread, which puts a call before each access to memory; this file stands in for the
 * sanitizer's library. So a store is seen whichever function makes it. Not seen are structs that a function returns
 * straight into the table: the policies. Fields are those of include/xpro/record.h, by their offset.
 */
#include "recorder.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <xpro/record.h>

#define MAPPED_MAX 32

static struct mapped {
	char map[32];
	uintptr_t from, to;
} mapped[MAPPED_MAX];
static unsigned int mapped_count;

void recorder_mapped(const char *map, const void *memory, size_t bytes)
{
	struct mapped *new = &mapped[mapped_count++];

	if (mapped_count > MAPPED_MAX)
		__builtin_trap();
	strncpy(new->map, map, sizeof(new->map) - 1);
	new->from = (uintptr_t)memory;
	new->to = new->from + bytes;
}

/* ---- names of words ---- */

struct word {
	const char *name;
	size_t from;
};
#define WORD_OF(type, field) { #field, __builtin_offsetof(struct type, field) }

static const struct word record_words[] = {
	WORD_OF(pair_record, packets),	      WORD_OF(pair_record, evidence),	WORD_OF(pair_record, window),
	WORD_OF(pair_record, last),	      WORD_OF(pair_record, thinning),	WORD_OF(pair_record, base),
	WORD_OF(pair_record, fold),	      WORD_OF(pair_record, carry),	WORD_OF(pair_record, harvest),
	WORD_OF(pair_record, slot),	      WORD_OF(pair_record, pass_share), WORD_OF(pair_record, place),
	{ NULL, sizeof(struct pair_record) },
};
static const struct word head_words[] = {
	WORD_OF(destination_head, address), WORD_OF(destination_head, window), WORD_OF(destination_head, base),
	WORD_OF(destination_head, fold), WORD_OF(destination_head, carry), WORD_OF(destination_head, harvest),
	WORD_OF(destination_head, slot), WORD_OF(destination_head, pass_share), WORD_OF(destination_head, policy),
	WORD_OF(destination_head, flags), { NULL, sizeof(struct destination_head) },
};
static const struct word state_words[] = {
	WORD_OF(table_state, layout),
	WORD_OF(table_state, hz),
	WORD_OF(table_state, incarnation),
	WORD_OF(table_state, boot),
	WORD_OF(table_state, seed),
	WORD_OF(table_state, heartbeat),
	WORD_OF(table_state, harvested_at),
	WORD_OF(table_state, carry_span),
	WORD_OF(table_state, heartbeat_stale),
	WORD_OF(table_state, active),
	WORD_OF(table_state, client_pairs_max),
	WORD_OF(table_state, written),
	WORD_OF(table_state, stale_told),
	WORD_OF(table_state, harvested_mesh_ns),
	{ NULL, sizeof(struct table_state) },
};

static const char *word_at(const struct word *words, size_t offset)
{
	while (words[1].name && words[1].from <= offset)
		words++;
	return words->name;
}

static void note_in_sets(const char *map, size_t offset, size_t set_bytes)
{
	const size_t set = offset / set_bytes, within = offset % set_bytes, records = within - SET_WAYS * sizeof(__u64);

	if (within < SET_WAYS * sizeof(__u64))
		recorder_line("store %s %zu.%zu tag", map, set, within / sizeof(__u64));
	else if (records < SET_WAYS * sizeof(struct pair_record))
		recorder_line("store %s %zu.%zu %s", map, set, records / sizeof(struct pair_record),
			      word_at(record_words, records % sizeof(struct pair_record)));
	else
		recorder_line("store %s %zu.%zu key", map, set,
			      (records - SET_WAYS * sizeof(struct pair_record)) / sizeof(struct pair6_key));
}

static void note_store(const volatile void *at)
{
	const uintptr_t address = (uintptr_t)at;
	const struct mapped *found = NULL;
	size_t offset;

	for (unsigned int i = 0; i < mapped_count; i++)
		found = address >= mapped[i].from && address < mapped[i].to ? &mapped[i] : found;
	if (!found)
		return;
	offset = address - found->from;
	if (strcmp(found->map, "pairs4") == 0)
		note_in_sets("pairs4", offset, sizeof(struct pair4_set));
	else if (strcmp(found->map, "pairs6") == 0)
		note_in_sets("pairs6", offset, sizeof(struct pair6_set));
	else if (strcmp(found->map, "destinations") == 0)
		recorder_line("store destinations %zu %s", offset / sizeof(struct destination_head),
			      word_at(head_words, offset % sizeof(struct destination_head)));
	else if (strcmp(found->map, ".data.state") == 0)
		recorder_line("store state 0 %s", word_at(state_words, offset));
	else if (strcmp(found->map, ".data.policies") == 0)
		recorder_line("store policies %zu policy", offset / sizeof(struct policy));
	else
		recorder_line("store %s 0 any", found->map);
}

/* ---- in place of the sanitizer's library: plain accesses ---- */

#define QUIET(name, ...) \
	void name(__VA_ARGS__); \
	void name(__VA_ARGS__)  \
	{                       \
	}
/* For each size. */
#define WRITES(bytes) \
	void __tsan_write##bytes(void *at); \
	void __tsan_write##bytes(void *at) { note_store(at); } \
	void __tsan_unaligned_write##bytes(void *at); \
	void __tsan_unaligned_write##bytes(void *at) { note_store(at); } \
	QUIET(__tsan_read##bytes, void *at __attribute__((unused))) \
	QUIET(__tsan_unaligned_read##bytes, void *at __attribute__((unused)))

QUIET(__tsan_init, void)
QUIET(__tsan_func_entry, void *at __attribute__((unused)))
QUIET(__tsan_func_exit, void *at __attribute__((unused)))
QUIET(__tsan_read_range, void *at __attribute__((unused)), size_t bytes __attribute__((unused)))
WRITES(1)
WRITES(2)
WRITES(4)
WRITES(8)
WRITES(16)

void __tsan_write_range(void *at, size_t bytes);
void __tsan_write_range(void *at, size_t bytes)
{
	(void)bytes;
	note_store(at);
}

/* The compiler leaves these two to the sanitizer's library: --wrap in the Makefile. */
void *__real_memcpy(void *to, const void *from, size_t bytes);
void *__wrap_memcpy(void *to, const void *from, size_t bytes);
void *__wrap_memcpy(void *to, const void *from, size_t bytes)
{
	note_store(to);
	return __real_memcpy(to, from, bytes);
}

void *__real_memset(void *at, int byte, size_t bytes);
void *__wrap_memset(void *at, int byte, size_t bytes);
void *__wrap_memset(void *at, int byte, size_t bytes)
{
	note_store(at);
	return __real_memset(at, byte, bytes);
}

/* ---- atomic ones, which are done here ---- */

#define ATOMICS(bits)                                                                                       \
	uint##bits##_t __tsan_atomic##bits##_load(const uint##bits##_t *at, int order);                     \
	uint##bits##_t __tsan_atomic##bits##_load(const uint##bits##_t *at, int order)                      \
	{                                                                                                   \
		(void)order;                                                                                \
		return __atomic_load_n(at, __ATOMIC_SEQ_CST);                                               \
	}                                                                                                   \
	void __tsan_atomic##bits##_store(uint##bits##_t *at, uint##bits##_t value, int order);              \
	void __tsan_atomic##bits##_store(uint##bits##_t *at, uint##bits##_t value, int order)               \
	{                                                                                                   \
		(void)order;                                                                                \
		note_store(at);                                                                             \
		__atomic_store_n(at, value, __ATOMIC_SEQ_CST);                                              \
	}                                                                                                   \
	int __tsan_atomic##bits##_compare_exchange_strong(uint##bits##_t *at, uint##bits##_t *expected,     \
							  uint##bits##_t value, int order, int other);      \
	int __tsan_atomic##bits##_compare_exchange_strong(uint##bits##_t *at, uint##bits##_t *expected,     \
							  uint##bits##_t value, int order, int other)       \
	{                                                                                                   \
		const bool done = __atomic_compare_exchange_n(at, expected, value, false, __ATOMIC_SEQ_CST, \
							      __ATOMIC_SEQ_CST);                            \
		(void)order, (void)other;                                                                   \
		if (done)                                                                                   \
			note_store(at);                                                                     \
		return done;                                                                                \
	}
#define FETCHES(bits, name) \
	uint##bits##_t __tsan_atomic##bits##_fetch_##name(uint##bits##_t *at, uint##bits##_t value, int order); \
	uint##bits##_t __tsan_atomic##bits##_fetch_##name(uint##bits##_t *at, uint##bits##_t value, int order) \
	{ \
		(void)order; \
		note_store(at); \
		return __atomic_fetch_##name(at, value, __ATOMIC_SEQ_CST); \
	}

ATOMICS(8)
ATOMICS(16)
ATOMICS(32)
ATOMICS(64)
FETCHES(8, or)
FETCHES(8, and)
FETCHES(32, add)
FETCHES(32, or)
FETCHES(32, and)
FETCHES(64, add)
FETCHES(64, or)
