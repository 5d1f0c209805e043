/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A map from a cell's name to a number of packets: the truth as its origin counted it, and what a viewer last saw of
 * it.
 */
#ifndef SIM_TALLY_H
#define SIM_TALLY_H

#include <stddef.h>
#include <stdint.h>

struct tally_name {
	uint64_t who;  /* viewer 16, member 16, key 32 */
	uint64_t when; /* slot 32, incarnation 16, life of the viewer 16 */
};

struct tally_entry {
	struct tally_name name;
	uint64_t packets; /* 0: empty */
};

struct tally {
	struct tally_entry *entries;
	size_t count, mask;
};

static inline struct tally_name tally_name(unsigned int viewer, uint64_t life, unsigned int member,
					   uint64_t incarnation, uint32_t key, uint64_t slot)
{
	return (struct tally_name){
		.who = (uint64_t)viewer << 48 | (uint64_t)member << 32 | key,
		.when = slot << 32 | (incarnation & 0xffff) << 16 | (life & 0xffff),
	};
}

static inline uint64_t tally_slot(const struct tally_name *name)
{
	return name->when >> 32;
}

/* 0 when there is none. */
uint64_t tally_get(const struct tally *tally, struct tally_name name);
/* Makes room by forgetting slots below `oldest`. */
void tally_set(struct tally *tally, struct tally_name name, uint64_t packets, uint64_t oldest);
void tally_free(struct tally *tally);

#endif
