/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Conditions: what is wrong with this proxy, or to be known of it, for as long as it is so. condition_kinds.h has
 * their kinds. Status, log and events are made of it.
 *
 * Once a second everything is looked at, and what is found stands in a set (health.c):
 *
 *	raised		when it was found for `after_s` seconds without a pause
 *	cleared		when it was not found for CONDITION_HOLD_S. What was raised more than CONDITION_FLAPS times,
 *			each time within a minute of its end, is cleared when it was not found for CONDITION_FLAPPING_S
 *
 * So what comes and goes each second is raised once, and what comes and goes more slowly is told of at most some times
 * a minute.
 */
#ifndef GOSSIPD_CONDITIONS_H
#define GOSSIPD_CONDITIONS_H

#include <stdbool.h>

#include <xpro/control.h>
#include <xpro/key.h>
#include <xpro/time.h>

#include "condition_kinds.h"
#include "widths.h"

#define CONDITION_HOLD_S 2
#define CONDITION_FLAPS 3
#define CONDITION_FLAPPING_S 30
#define CONDITION_REST_S 60 /* for how long an ended one is remembered: as one that may flap */
#define CONDITIONS_MAX CONTROL_CONDITIONS_MAX
#define CONDITION_SUBJECTS_MAX 8 /* of one kind; more of them are counted */

/* What a condition is about. Made by the functions below, so that equal subjects have equal bytes. */
enum about_kind { ABOUT_HERE, ABOUT_INTERFACE, ABOUT_MEMBER, ABOUT_CLIENT };
struct about {
	enum about_kind kind;
	char name[CONTROL_SUBJECT_BYTES - 16]; /* of all but clients; here: a word for the part of this proxy */
	struct address client; /* as in the key of a client */
	unsigned int client_bits; /* of `client`, on the mapped form */
};
struct about about_here(const char *name);
struct about about_interface(const char *name);
struct about about_member(const char *name);
struct about about_client(const struct address *client, const struct widths *widths);
/* "pins", "interface lan0", "member b", "client 10.1.2.3". What a member chose of it is not escaped. */
void about_text(const struct about *about, char ret_text[CONTROL_SUBJECT_BYTES]);

struct condition {
	enum condition_id id;
	struct about about;
	char text[CONTROL_CONDITION_BYTES]; /* as last found */
	struct instant since; /* mesh: when it was found first */
	struct instant found_at, begun_at, ended_at; /* mono: last found; since then without a pause; cleared */
	unsigned int raised; /* times, each within CONDITION_REST_S of the one before */
	bool found; /* in this look */
	bool told; /* that it is raised */
	bool ended; /* it is over, and remembered */
};

struct conditions {
	struct condition items[CONDITIONS_MAX];
	uint32_t count;
	uint32_t omitted[CONDITION_COUNT]; /* found in the last look without a place */
	struct now now; /* of the look */
};

/* A look begins, and with it everything is not found yet. */
void conditions_begin(struct conditions *set, struct now now);

/* It is so. The text is without the subject. */
void conditions_find(struct conditions *set, enum condition_id id, struct about about, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * The look ends. `tell` is called for each condition that is raised or cleared by it. `quiet`: nothing is raised yet;
 * what stands is shown nevertheless.
 */
void conditions_end(struct conditions *set, bool quiet,
		    void (*tell)(void *user, const struct condition *condition, bool raised), void *user);

/* The conditions that stand, the gravest first. The cursor starts at 0; NULL at the end. */
const struct condition *conditions_next(const struct conditions *set, uint32_t *cursor);

/* Is there an error among them? */
bool conditions_degrade(const struct conditions *set);

#endif
