/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A policy that is tried: it is judged beside the policy in force, and only counted. At each look at a key (watch.h)
 * the key's rate is compared with the shadow policy's limit of its kind. What the counts mean:
 *
 *	over_now     keys that were over at the look of the last round
 *	looks_over   looks at which a key was over
 *	packets      at each such look, (rate - limit) times the time since the round before: what was sent beyond it
 *
 * Each kind is counted by itself, as if it alone were in force, so kinds do not add up. A pair that is blocked, or
 * outside, has a limit of 0. Of a key that never drops nothing is counted. The rate is that of all packets sent, those
 * too that the policy in force drops. What else a policy decides (police, fair, the floor of local evidence, early) has
 * no part in it.
 */
#ifndef GOSSIPD_SHADOW_H
#define GOSSIPD_SHADOW_H

#include "node.h"

struct shadow_kind {
	uint64_t over_now, over_running; /* running: in the round that is not at its end */
	uint64_t looks_over;
	double packets;
};

struct shadow {
	bool set;
	struct instant since; /* mesh */
	struct policy_document document; /* checked */
	struct policy_table table;
	struct shadow_kind kinds[KEY_KINDS]; /* by enum key_kind */
};

/* Tries this policy from now on, and counts anew; NULL: none. */
void shadow_set(struct shadow *shadow, const struct policy_document *document, struct now now);

/* A round of looks is over: the next begins. */
void shadow_round(struct shadow *shadow, struct now now);

/* A look at a key; span: since the look before, 0 when there was none. */
void shadow_look(struct shadow *shadow, const struct key_view *view, struct now now, struct duration span);

/*
 * The rate that a policy with this minimum window compares: the higher of the verdict's now and of that at the key's
 * last packet, in packets per second.
 */
double shadow_rate(const struct key_view *view, struct now now, struct duration min_window);

#endif
