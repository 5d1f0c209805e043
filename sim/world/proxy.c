/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The turns of a simulated daemon: tick, datagram, and what follows either. */
#include "proxy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "crypto.h"
#include "node_internal.h"
#include "summing.h"
#include "trace_core.h"
#include "world.h"

#define TICK_LATE_NS 1000000 /* the loop wakes up to this late */

/* ---- what every turn ends with ---- */

static uint32_t destination_number(struct world *world, const struct key *key)
{
	const struct key destination = key_of_destination(&key->destination);

	return keys_intern(&world->keys, &destination);
}

/* On whose word alone a record of the change would stand: nobody's, if the key was counted here. */
static int claimant(struct proxy *proxy, const struct change *change)
{
	const struct entry *entry = &proxy->node->count->ledger.entries[change->number];
	int member;

	if (entry->flags & ENTRY_OWN || entry->maker == 0)
		return CLAIM_NONE;
	member = proxy_member_of(proxy, entry->maker);
	return member < 0 ? proxy->world->scenario.members : member;
}

static void note_scan(struct proxy *proxy, const struct node_event *event)
{
	proxy->scanners |= proxy->scan_named_ns && !address_equal(&proxy->scanner, &event->key.client);
	if (proxy->scan_named_ns)
		return;
	proxy->scan_named_ns = proxy->world->now_ns;
	proxy->scanner = event->key.client;
}

static void drain(struct proxy *proxy, int64_t done_ns)
{
	struct world *world = proxy->world;
	const struct now now = proxy_now(proxy, world->now_ns);
	uint8_t bytes[DATAGRAM_BYTES_MAX];
	struct node_event event;
	struct change change;
	struct endpoint to;
	size_t size;

	while ((size = node_poll(proxy->node, now, &to, bytes)) > 0) {
		check_datagram(world, proxy, size);
		trace_sent(world, proxy, &to, bytes, size);
		if (liar_sends_to(proxy, &to))
			network_send(world, proxy->number, &to, done_ns, bytes, size);
	}
	while (node_next_change(proxy->node, now, &change)) {
		check_change(world, proxy, &change);
		check_verdict(world, proxy, now, &change);
		trace_change(world, proxy, &change);
		if (key_kind(&change.key) == KEY_PAIR || key_kind(&change.key) == KEY_DESTINATION)
			kernel_apply(&proxy->kernel, keys_intern(&world->keys, &change.key),
				     destination_number(world, &change.key), claimant(proxy, &change), &change);
		else
			kernel_limit(&proxy->kernel, keys_intern(&world->keys, &change.key), &change);
	}
	while (node_next_event(proxy->node, &event)) {
		trace_event(world, proxy, &event);
		proxy->events[event.kind]++;
		if (event.kind == EVENT_CONTACTS_OVER)
			note_scan(proxy, &event);
	}
	trace_frames(world, proxy);
}

/* The processor is taken for as long as this turn's work lasts. */
static int64_t spend(struct proxy *proxy, uint64_t made_before, uint64_t checked_before)
{
	const struct node_counters *counters = &proxy->node->counters;
	int64_t cost_ns = COST_DATAGRAM_NS;

	if (!proxy->world->scenario.service)
		return proxy->world->now_ns;
	cost_ns += (int64_t)(counters->signatures_made - made_before) * COST_SIGN_NS;
	cost_ns += (int64_t)(counters->signatures_checked - checked_before) * COST_VERIFY_NS;
	proxy->busy_until_ns =
		(proxy->busy_until_ns > proxy->world->now_ns ? proxy->busy_until_ns : proxy->world->now_ns) + cost_ns;
	return proxy->busy_until_ns;
}

/* ---- tick ---- */

static void plan_turn(struct proxy *proxy);
static void plan_tick(struct proxy *proxy);

static void observe(void *user, struct kernel_record *record, const struct harvest_cell *cell, uint32_t gain)
{
	struct proxy *proxy = user;
	struct world *world = proxy->world;
	const struct key key = world->keys.keys[record->key]; /* its place moves when a sum's key is new */

	if (liar_kind(proxy) == LIE_MUTE)
		return;
	summing_gain(proxy, &key, cell, gain);
	if (key_kind(&key) == KEY_PAIR && gain > 0 && gain == record->harvest.harvested_packets)
		summing_contact(proxy, &key);
	check_harvest(world, proxy, record, cell);
	if (node_observe(proxy->node, proxy_now(proxy, world->now_ns), &key, cell->slot, cell->first, cell->last,
			 cell->packets))
		return;
	world->check.reached[REACHED_QUOTA]++;
	check_unheld(world, proxy, &key, cell->slot);
}

static void tick(struct world *world, uint64_t who, void *what)
{
	struct proxy *proxy = &world->proxies[who];
	const struct now now = proxy_now(proxy, world->now_ns);
	uint64_t made, checked;

	if (!proxy->running || proxy->plans != (uint64_t)(uintptr_t)what)
		return;
	if (world->now_ns < proxy->paused_until_ns) {
		heap_add(&world->heap, proxy->paused_until_ns, tick, who, what);
		return;
	}
	trace_note(&world->trace, world->now_ns, TRACE_TICK, who, 0);
	check_enter(world, proxy);
	made = proxy->node->counters.signatures_made;
	checked = proxy->node->counters.signatures_checked;
	summing_tick(proxy);
	kernel_harvest(&proxy->kernel, now.mesh.ns, mesh_slot_length(&world->mesh), observe, proxy);
	summing_end(proxy);
	if (now.mesh.ns / NS_PER_S != proxy->collected_s) {
		proxy->collected_s = now.mesh.ns / NS_PER_S;
		kernel_collect(&proxy->kernel, now.mesh.ns);
	}
	liar_tick(proxy);
	node_tick(proxy->node, now);
	drain(proxy, spend(proxy, made, checked));
	check_leave(world, proxy);
	check_tables(world, proxy);
	check_told(world, proxy);
	plan_turn(proxy);
	plan_tick(proxy);
}

static void plan_tick(struct proxy *proxy)
{
	struct world *world = proxy->world;
	const struct now now = proxy_now(proxy, world->now_ns);
	int64_t at_ns = proxy_world_ns_at(proxy, node_next_due(proxy->node, now));

	if (at_ns <= world->now_ns)
		at_ns = world->now_ns + 1;
	heap_add(&world->heap, at_ns + (int64_t)rng_below(&proxy->rng, TICK_LATE_NS), tick, proxy->number,
		 (void *)(uintptr_t)proxy->plans);
}

/* ---- datagrams ---- */

static void receive(struct proxy *proxy, struct flight *flight)
{
	struct world *world = proxy->world;
	const struct node_counters *counters = &proxy->node->counters;
	const uint64_t made = counters->signatures_made, checked = counters->signatures_checked;
	struct parcel *parcel = flight->parcel;
	uint8_t bytes[DATAGRAM_BYTES_MAX];
	enum reject reason;

	memcpy(bytes, parcel->bytes, parcel->size);
	check_enter(world, proxy);
	reason = node_receive(proxy->node, proxy_now(proxy, world->now_ns), (struct duration){ 0 },
			      &flight->from, bytes, parcel->size);
	trace_received(world, proxy, parcel, reason);
	check_receive(world, proxy, parcel, reason);
	drain(proxy, spend(proxy, made, checked));
	check_leave(world, proxy);
	plan_turn(proxy);
	liar_receive(proxy, flight);
	flight_free(flight);
}

static void wake(struct world *world, uint64_t who, void *what);

/* ---- between ticks ---- */

static void turn(struct world *world, uint64_t who, void *what)
{
	struct proxy *proxy = &world->proxies[who];
	uint64_t made, checked;

	if (!proxy->running || proxy->plans != (uint64_t)(uintptr_t)what || world->now_ns < proxy->turn_at_ns)
		return;
	proxy->turn_at_ns = INT64_MAX;
	check_enter(world, proxy);
	made = proxy->node->counters.signatures_made;
	checked = proxy->node->counters.signatures_checked;
	trace_turn(world, proxy);
	node_turn(proxy->node, proxy_now(proxy, world->now_ns));
	drain(proxy, spend(proxy, made, checked));
	check_leave(world, proxy);
	plan_turn(proxy);
}

/* After whatever happened to a core: its next turn, unless one is planned that is as early. */
static void plan_turn(struct proxy *proxy)
{
	struct world *world = proxy->world;
	const struct now now = proxy_now(proxy, world->now_ns);
	const struct instant due = node_next_turn(proxy->node, now);
	int64_t at_ns;

	if (due.ns == INT64_MAX)
		return;
	at_ns = world->now_ns + (due.ns > now.mono.ns ? due.ns - now.mono.ns : 1);
	if (at_ns < proxy->busy_until_ns)
		at_ns = proxy->busy_until_ns;
	if (at_ns < proxy->paused_until_ns)
		at_ns = proxy->paused_until_ns;
	if (at_ns >= proxy->turn_at_ns)
		return;
	proxy->turn_at_ns = at_ns;
	heap_add(&world->heap, at_ns, turn, proxy->number, (void *)(uintptr_t)proxy->plans);
}

static void plan_wake(struct proxy *proxy)
{
	struct world *world = proxy->world;
	int64_t at_ns = proxy->busy_until_ns > proxy->paused_until_ns ? proxy->busy_until_ns : proxy->paused_until_ns;

	if (proxy->waking)
		return;
	proxy->waking = true;
	heap_add(&world->heap, at_ns > world->now_ns ? at_ns : world->now_ns, wake, proxy->number,
		 (void *)(uintptr_t)proxy->plans);
}

static void wake(struct world *world, uint64_t who, void *what)
{
	struct proxy *proxy = &world->proxies[who];

	if (proxy->plans != (uint64_t)(uintptr_t)what)
		return;
	proxy->waking = false;
	if (world->now_ns >= proxy->paused_until_ns && world->now_ns >= proxy->busy_until_ns &&
	    proxy->inbox_count > 0) {
		struct flight *flight = proxy->inbox[proxy->inbox_head];

		proxy->inbox_head = (proxy->inbox_head + 1) % INBOX_SIZE;
		proxy->inbox_count--;
		receive(proxy, flight);
	}
	if (proxy->inbox_count > 0)
		plan_wake(proxy);
}

void proxy_arrive(struct world *world, struct flight *flight)
{
	struct proxy *proxy = &world->proxies[flight->to];

	if (!proxy->running || world->now_ns < proxy->suspended_until_ns) {
		flight_free(flight);
		return;
	}
	if (world->now_ns >= proxy->busy_until_ns && world->now_ns >= proxy->paused_until_ns &&
	    proxy->inbox_count == 0) {
		receive(proxy, flight);
		return;
	}
	if (proxy->inbox_count == INBOX_SIZE) {
		proxy->inbox_lost++;
		flight_free(flight);
		return;
	}
	proxy->inbox[(proxy->inbox_head + proxy->inbox_count++) % INBOX_SIZE] = flight;
	plan_wake(proxy);
}

void proxy_plan_anew(struct proxy *proxy)
{
	proxy->plans++;
	proxy->waking = false;
	proxy->turn_at_ns = INT64_MAX;
	plan_tick(proxy);
	if (proxy->inbox_count > 0)
		plan_wake(proxy);
}
