/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One walk over the ledger, a part at each tick; learnt.c and rates.c keep what it sees. */
#include "watch.h"

#include <math.h>
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

static void begin(struct watch *watch, struct now now)
{
	memset(watch->rates, 0, sizeof(watch->rates));
	learnt_clear(&watch->learnt);
	watch->since = watch->until = watch->round_begun = now.mesh;
	watch->round_before = (struct instant){ 0 };
	watch->rounds = 0;
	watch->cursor = 0;
}

static double rate_of(const struct daemon *daemon, const struct key_view *view)
{
	const struct policy_table *table = node_policy_table(daemon->node);
	const uint16_t index = policy_index_of(node_policy(daemon->node), table, &view->key);
	const struct duration least =
		policy_min_window(policy_effective_at(table, &view->key, index), key_kind(&view->key));
	const struct duration window = duration_between(view->ts1, view->ts2);
	const double window_s = (double)(window.ns > least.ns ? window.ns : least.ns) / NS_PER_S;

	return fmax(view->rate, (double)view->count / window_s);
}

static bool is_of_clients(const struct config *config, const struct address *client)
{
	return config->client_count == 0 || prefixes_hold(config->clients, config->client_count, client);
}

static void look_at(struct daemon *daemon, const struct key_view *view)
{
	struct watch *watch = daemon->watch;
	const enum key_kind kind = key_kind(&view->key);
	double rate;

	if (view->count == 0 || view->ts2.ns < watch->round_before.ns)
		return; /* it was a sample already */
	rate = rate_of(daemon, view);
	rates_add(&watch->rates[kind], &view->key, rate);
	if (kind == KEY_PAIR && is_of_clients(&daemon->config, &view->key.client))
		learnt_note(&watch->learnt, &view->key, rate);
}

/* A round is not shorter than a slot. */
static bool is_resting(const struct watch *watch, const struct daemon *daemon, struct now now)
{
	return watch->cursor == 0 && watch->rounds > 0 &&
	       duration_between(watch->round_begun, now.mesh).ns < mesh_slot_length(&daemon->identity.mesh).ns;
}

void watch_tick(struct daemon *daemon, struct now now)
{
	struct watch *watch = daemon->watch;
	const bool was = watch->running;
	struct key_view view;

	watch->running = daemon_monitors(daemon);
	if (!watch->running)
		return;
	if (!was)
		begin(watch, now);
	if (is_resting(watch, daemon, now))
		return;
	if (watch->cursor == 0 && watch->rounds > 0) {
		watch->round_before = watch->round_begun;
		watch->round_begun = now.mesh;
	}
	watch->until = now.mesh;
	for (unsigned int i = 0; i < WATCH_KEYS_PER_TICK; i++) {
		if (!node_next_key(daemon->node, now, &watch->cursor, &view)) {
			watch->cursor = 0;
			watch->rounds++;
			return;
		}
		look_at(daemon, &view);
	}
}
