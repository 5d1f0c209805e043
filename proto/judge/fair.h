/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Levels: how much of what the parts of a destination offer passes of each. PROTOCOL section "Fair". */
#ifndef PROTO_FAIR_H
#define PROTO_FAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A part of a destination: one of its pairs. Rates are in packets per second, and not negative. */
enum part_kind {
	PART_LOT, /* a stranger */
	PART_AWAITED, /* a stranger whose second packet is due */
	PART_STEADY, /* a stranger that was offered twice */
	PART_KNOWN, /* it has a past */
};
struct part {
	float offered; /* what came of it lately */
	/* the rate that its share is computed by, over a longer time where few packets came; and by which it was */
	float counted, judged;
	float past; /* of a known one: above 0 */
	/* the part of it that is granted to a known one by its past; the other rates are what is left then */
	float granted;
	/* of a known one, that this proxy counted: its part of the past by its part of the packets; 1: as elsewhere */
	float here;
	uint8_t kind; /* enum part_kind: by which its share is computed */
	uint8_t was; /* the same, by which what is offered was judged */
	bool is_sparse; /* few packets came lately */
	bool is_held; /* its share does not grow */
};

/* The parts that share a capacity, from kind `first` to kind `last`, and by what. */
struct parts {
	const struct part *list;
	size_t count;
	enum part_kind first, last;
	bool by_past; /* a part's level is a multiple of its past */
};

/* The part of a rate that passes at a level; all of it when the rate does not exceed it. */
double part_passes(double rate, double level);

/*
 * The level at which the sum of offered x (the part that passes of `judged`) is the capacity; INFINITY when all passes.
 * Bounded passes over the parts.
 */
double fair_level(const struct parts *parts, double capacity);

/* What passes of these parts at a level. `sparse_alone`: of those of few packets. */
double fair_taken(const struct parts *parts, double level, bool sparse_alone);

/* All that is divided of a destination. levels_of changes the parts of known ones: see `granted`. */
struct division {
	struct part *list;
	size_t count;
	double limit; /* packets per second that may pass */
	double offered; /* packets per second, those included that are no part's */
	double members; /* that count the destination: who is awaited, each knows for itself */
	double first; /* of these, what came of strangers that were not steady yet, and of what is no part's */
};

/* How much passes: levels are packets per second, INFINITY when all passes. */
struct levels {
	bool by_past; /* `known` is a multiple of each client's past; else packets per second, the same for all */
	double known, steady, awaited;
	double rest; /* the part that passes of what a steady client of few packets offers beyond its level */
	double lot; /* the part that passes of newcomers, and of what has no record */
	double strangers; /* the same, were all that are not known newcomers */
	double alike; /* if known and steady ones shared the rate alike: for the floor of local evidence */
};
extern const struct levels levels_none; /* all passes */

/* The levels of a division; none exceeds that of `most`. levels.c */
struct levels levels_of(const struct division *division, const struct levels *most);

/*
 * The part of a client's packets that passes at these levels. A rate above its level counts with `one` packet more, as
 * a rate of few packets does already: by 1 / n, the victim of random packets would get a twentieth too many.
 */
double levels_pass(const struct levels *levels, const struct part *part, double one);

/* The share of a rate that passes below a level, in 1/65535; 65535 when the rate does not exceed it. */
uint16_t fair_share(double rate, double level);

#endif
