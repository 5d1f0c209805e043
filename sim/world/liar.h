/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Members that lie: their hosts, keys and certificates are good, their daemons are not. Each is the same core as
 * everybody's, fed with inventions or made to send what no honest core would. What they say of themselves is the
 * truth as far as the checks go; what they say of others is not.
 */
#ifndef SIM_LIAR_H
#define SIM_LIAR_H

#include <stdbool.h>
#include <stddef.h>

#include "network.h"
#include "scenario.h"

struct proxy;
struct world;

#define LIAR_FRAMES_KEPT 64 /* others' frames, to be sent again when they are old */

/* What a liar keeps beside its core. */
struct liar_state {
	struct node *twin; /* equivocate: a second core with the same identity, for every other member */
	void *twin_memory;
	struct {
		size_t size;
		uint8_t bytes[DATAGRAM_BYTES_MAX];
	} kept[LIAR_FRAMES_KEPT];
	unsigned int kept_count;
	uint64_t invented; /* keys, and sequences of forged frames */
	uint64_t sent;
};

/* Before a member's tick: the lie for it, when it is a liar and its time has come. */
void liar_tick(struct proxy *proxy);

/* What the scenario says of a liar; NULL: it is none. */
const struct liar *liar_of(const struct world *world, unsigned int member);

/* The lie a member tells now, or LIE_NONE. */
int liar_kind(const struct proxy *proxy);

/* Its own counts may be anything. */
bool liar_is(const struct world *world, int member);

/* The twin, where there is one, hears what its host hears, and sends what it has to say. */
void liar_receive(struct proxy *proxy, const struct flight *flight);
bool liar_sends_to(const struct proxy *proxy, const struct endpoint *to);

void liar_close(struct proxy *proxy);

#endif
