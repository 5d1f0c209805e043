/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One walk over the ledger, a part at each tick; learnt.c and rates.c keep what it sees. */
#include "watch.h"

#include <stdlib.h>

#include <sodium.h>

#include "daemon.h"

struct watch *watch_start(void)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	if (watch)
		randombytes_buf(&watch->learnt.seed, sizeof(watch->learnt.seed));
	return watch;
}

void watch_stop(struct watch *watch)
{
	free(watch);
}

static void forget(struct watch *watch, struct now now)
{
	memset(watch->rates, 0, sizeof(watch->rates));
	learnt_clear(&watch->learnt);
	watch->since = watch->until = now.mesh;
	watch->rounds = 0;
}

static void first_round(struct watch *watch, struct now now)
{
	watch->walking = true;
	watch->resting = false;
	watch->cursor = 0;
	watch->round_begun = now.mesh;
	watch->round_before = (struct instant){ 0 };
}

static void next_round(struct watch *watch, struct now now)
{
	watch->resting = false;
	watch->round_before = watch->round_begun;
	watch->round_begun = now.mesh;
}

static void end_round(struct watch *watch, struct now now)
{
	watch->cursor = 0;
	watch->resting = true;
	watch->rounds += watch->running;
	shadow_round(&watch->shadow, now);
}

static double rate_of(const struct daemon *daemon, const struct key_view *view, struct now now)
{
	const struct policy_table *table = node_policy_table(daemon->node);
	const uint16_t index = policy_index_of(node_policy(daemon->node), table, &view->key);
	const struct policy_effective *policy = policy_effective_at(table, &view->key, index);

	return shadow_rate(view, now, policy_min_window(policy, key_kind(&view->key)));
}

static bool is_of_clients(const struct config *config, const struct address *client)
{
	return config->client_count == 0 || prefixes_hold(config->clients, config->client_count, client);
}

/* A sample of monitor mode. */
static void note(struct daemon *daemon, const struct key_view *view, struct now now)
{
	const enum key_kind kind = key_kind(&view->key);
	const double rate = rate_of(daemon, view, now);

	rates_add(&daemon->watch->rates[kind], &view->key, rate);
	if (kind == KEY_PAIR && is_of_clients(&daemon->config, &view->key.client))
		learnt_note(&daemon->watch->learnt, &view->key, rate);
}

static void look_at(struct daemon *daemon, const struct key_view *view, struct now now)
{
	struct watch *watch = daemon->watch;
	const bool first = watch->round_before.ns == 0;

	if (!view->own || view->count == 0 || view->ts2.ns < watch->round_before.ns)
		return; /* it rests on others' word alone, or was a sample already */
	if (watch->running)
		note(daemon, view, now);
	if (watch->shadow.set)
		shadow_look(&watch->shadow, view, now,
			    first ? (struct duration){ 0 } : duration_between(watch->round_before, watch->round_begun));
}

/* Is there something to look at in this tick? */
static bool goes_on(const struct daemon *daemon, struct watch *watch, struct now now)
{
	const bool was = watch->running;

	watch->running = daemon_monitors(daemon);
	if (watch->running && !was)
		forget(watch, now);
	if (!watch->running && !watch->shadow.set) {
		watch->walking = false;
		return false;
	}
	if (!watch->walking || (watch->running && !was))
		first_round(watch, now);
	if (!watch->resting)
		return true;
	if (duration_between(watch->round_begun, now.mesh).ns < mesh_slot_length(&daemon->identity.mesh).ns)
		return false;
	next_round(watch, now);
	return true;
}

void watch_tick(struct daemon *daemon, struct now now)
{
	struct watch *watch = daemon->watch;
	struct key_view view;

	if (!goes_on(daemon, watch, now))
		return;
	if (watch->running)
		watch->until = now.mesh;
	for (unsigned int i = 0; i < WATCH_KEYS_PER_TICK; i++) {
		if (!node_next_key(daemon->node, now, &watch->cursor, &view)) {
			end_round(watch, now);
			return;
		}
		look_at(daemon, &view, now);
	}
}
