/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sides: which filtered interfaces face clients, and where nothing may drop. An interface that a default route leads
 * out by faces the rest of the world, unless outer_interfaces says which ones do.
 */
#ifndef GOSSIPD_SIDES_H
#define GOSSIPD_SIDES_H

#include "config.h"
#include "default_route.h"

struct daemon;

struct sides_view {
	uint32_t side[CONFIG_INTERFACES_MAX]; /* SIDE_ flags */
	char unenforced[DEFAULT_ROUTE_TEXT_BYTES]; /* where nothing drops, and what to do; empty: nowhere */
	char notice[DEFAULT_ROUTE_TEXT_BYTES]; /* where replies are judged because the config says so; empty: nowhere */
};

/*
 * Looks at the routes. `before`: what was found the time before, or NULL. With `clients` an interface that was once on
 * the outer side stays there until gossipd starts anew: else answers would drop while a route is away. -errno when the
 * kernel does not answer; then sides that only routes can tell are unknown, or as before.
 */
int sides_find(const struct config *config, bool protected_only, const struct sides_view *before,
	       struct sides_view *ret_view);

/* Every few seconds: looks, and tells the table and the log what has changed. */
void sides_look(struct daemon *daemon);

/* Once a second: tells the table to which MAC address frames come. */
void sides_look_at_macs(struct daemon *daemon);

/* Does nothing drop on any interface? */
bool sides_drop_nothing(const struct daemon *daemon);

#endif
