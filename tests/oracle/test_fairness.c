/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fair, end to end: real nodes, and a table at each that thins as the kernel does. Two promises are held to numbers,
 * over senders that do not react, constant, random and pulsing, from 1.5 to 100 times the victim's rate: no client
 * below its fair share loses packets, and the victim gets hardly more than its rate.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <xpro/record.h>

#include "mesh_world.h"

#define VICTIM_RATE 1000
#define HONEST 20 /* clients at HONEST_RATE, together a fifth of the victim's rate */
#define HONEST_RATE 10
#define BOTS 40
#define BOTS_MAX 400
#define CLIENTS_MAX (HONEST + BOTS_MAX)
#define STEP_S 0.01
#define START_S 4 /* of the attack */
#define WARM_S 8  /* steady from here on */
#define END_S 22
#define STEPS 2200 /* END_S / STEP_S */

/*
 * Who attacks, and how: seconds on and off; random: Poisson; times the victim's rate, together, while on. 0: as
 * above.
 */
struct attack {
	double times, on_s, off_s;
	bool random, at_one_node;
	unsigned int nodes, bots;
	double honest_rate;
	uint64_t seed;
	enum publish publish;
};

/* One node's words of one pair, as the daemon writes them and the kernel thins by. */
struct record {
	bool seen, folded;
	uint16_t pass_share;
	uint32_t accumulator;
};

static struct table {
	struct record pairs[CLIENTS_MAX];
	struct record victim;
	bool thin;
} tables[WORLD_NODES_MAX];

static uint64_t prng;

static double draw(void)
{
	prng = prng * 6364136223846793005ULL + 1442695040888963407ULL;
	return (double)(prng >> 11) / 9007199254740992.0;
}

static unsigned int client_of(const struct key *key)
{
	for (unsigned int c = 0; c < CLIENTS_MAX; c++) {
		const struct key other = world_key(c, 1);

		if (key_equal(key, &other))
			return c;
	}
	return CLIENTS_MAX;
}

static void take_change(void *user, unsigned int n, const struct change *change, uint32_t harvested)
{
	const bool destination = key_kind(&change->key) == KEY_DESTINATION;
	const unsigned int client = destination ? 0 : client_of(&change->key);
	struct record *record = destination ? &tables[n].victim : &tables[n].pairs[client];

	(void)user, (void)harvested;
	if (client == CLIENTS_MAX)
		return; /* a liar's invention: nobody sends as it */
	if (destination)
		tables[n].thin = change->thin;
	if (!record->seen && !change->notable)
		return; /* no record here, and not worth one */
	record->folded = true;
	record->pass_share = change->pass_share;
}

static bool is_in_share(struct record *record, uint16_t share)
{
	const uint32_t add = (uint32_t)share << 16;

	if (share == SHARE_ALL)
		return true;
	record->accumulator += add;
	return record->accumulator < add;
}

/* xdp/xpro.bpf.c, with no rate for pairs. */
static bool passes(struct world *world, unsigned int n, unsigned int client)
{
	const struct key key = world_key(client, 1);
	struct table *table = &tables[n];
	struct record *record = &table->pairs[client];

	if (!record->seen)
		*record = (struct record){ .seen = true,
					   .pass_share = SHARE_ALL,
					   .accumulator = (uint32_t)(draw() * 4294967295.0) & 0xffff0000 };
	table->victim.seen = true;
	world_packet(world, n, &key);
	if (!table->thin)
		return true;
	return record->folded ? is_in_share(record, record->pass_share)
			      : is_in_share(&table->victim, table->victim.pass_share);
}

struct outcome {
	double honest_lost;	    /* share of the honest clients' packets once steady */
	double worst_1s, worst_10s; /* of the victim, in its rate */
};

/* Packets a sender of this rate has ready in a step. */
static unsigned int due(bool is_random, double rate, double *credit)
{
	unsigned int packets;

	if (!is_random) {
		*credit += rate * STEP_S;
		packets = (unsigned int)*credit;
		*credit -= packets;
		return packets;
	}
	packets = 0; /* Poisson, by the product of uniform numbers; in parts, so that no exp underflows */
	for (double left = rate * STEP_S; left > 0; left -= 8) {
		const double limit = exp(-fmin(left, 8));

		for (double product = draw(); product > limit; product *= draw())
			packets++;
	}
	return packets;
}

static double worst_window(const unsigned int *victim, unsigned int steps, double seconds)
{
	const unsigned int window = (unsigned int)(seconds / STEP_S + 0.5);
	unsigned int sum = 0, worst = 0;

	for (unsigned int i = (unsigned int)(WARM_S / STEP_S); i < steps; i++) {
		sum += victim[i];
		if (i >= window + (unsigned int)(WARM_S / STEP_S))
			sum -= victim[i - window];
		if (sum > worst)
			worst = sum;
	}
	return worst / (seconds * VICTIM_RATE);
}

static bool is_on(const struct attack *a, double now_s)
{
	return now_s >= START_S && fmod(now_s - START_S, a->on_s + a->off_s) < a->on_s;
}

static struct outcome run(const struct attack *a)
{
	static unsigned int victim[STEPS];
	struct world_options options = {
		.nodes = a->nodes,
		.seed = a->seed,
		.delay_ms = 20,
		.thresholds = world_thresholds,
		.publish = a->publish,
	};
	double credit[CLIENTS_MAX], sent = 0, lost = 0;
	struct world *world;

	options.thresholds.pair_rate = 0;
	options.thresholds.destination_rate = VICTIM_RATE;
	options.thresholds.early = true;
	memset(tables, 0, sizeof(tables));
	memset(victim, 0, sizeof(victim));
	prng = a->seed;
	world = world_make(&options);
	world_set_changes(world, take_change, NULL);
	world_run(world, 1);
	for (unsigned int c = 0; c < HONEST + a->bots; c++)
		credit[c] = draw();
	for (unsigned int step = 0; step < STEPS; step++) {
		const double now_s = step * STEP_S;

		for (unsigned int c = 0; c < HONEST + a->bots; c++) {
			const bool bot = c >= HONEST;

			if (bot && !is_on(a, now_s))
				continue;
			for (unsigned int packets =
				     due(bot && a->random, bot ? a->times * VICTIM_RATE / a->bots : a->honest_rate,
					 &credit[c]);
			     packets > 0; packets--) {
				const unsigned int n = !bot		? c % a->nodes
						       : a->at_one_node ? 0
									: (unsigned int)(draw() * a->nodes);
				const bool pass = passes(world, n, c);

				victim[step] += pass;
				if (!bot && now_s >= WARM_S) {
					sent++;
					lost += !pass;
				}
			}
		}
		world_run(world, STEP_S);
	}
	world_free(world);
	return (struct outcome){ lost / sent, worst_window(victim, STEPS, 1), worst_window(victim, STEPS, 10) };
}

static struct outcome measured(struct attack a)
{
	struct outcome o;

	a.nodes = a.nodes ? a.nodes : 5;
	a.bots = a.bots ? a.bots : BOTS;
	a.honest_rate = a.honest_rate > 0 ? a.honest_rate : HONEST_RATE;
	a.seed = a.seed ? a.seed : 1;
	o = run(&a);
	print_message("# %s, %g s on, %g s off, %g x, %u clients, %u proxies: honest lose %.2f %%, the victim gets "
		      "%.3f in the "
		      "worst second, %.3f in the "
		      "worst ten\n",
		      a.random ? "random" : "even", a.on_s, a.off_s, a.times, a.bots, a.nodes, 100 * o.honest_lost,
		      o.worst_1s, o.worst_10s);
	return o;
}

static void assert_within(const struct attack *rows, size_t count, struct outcome bound)
{
	for (size_t i = 0; i < count; i++) {
		const struct outcome o = measured(rows[i]);

		if (o.honest_lost > bound.honest_lost || o.worst_1s > bound.worst_1s || o.worst_10s > bound.worst_10s)
			fail_msg("row %zu", i);
	}
}

#define ROWS(rows) rows, sizeof(rows) / sizeof((rows)[0])

static void a_constant_attack_of_any_size_leaves_the_victim_its_rate(void **state)
{
	static const struct attack rows[] = {
		/* 0 */ { .times = 1.5, .on_s = 1 },
		/* 1 */ { .times = 5, .on_s = 1 },
		/* 2 */ { .times = 100, .on_s = 1 },
		/* 3 */ { .times = 1.5, .on_s = 1, .nodes = 1 },
		/* 4 */ { .times = 20, .on_s = 1, .nodes = 1 },
		/* 5 */ { .times = 1.5, .on_s = 1, .nodes = 16 },
		/* 6 */ { .times = 20, .on_s = 1, .nodes = 16 },
		/* 7 */ { .times = 1.5, .on_s = 1, .bots = 400, .honest_rate = 1 },
	};

	(void)state;
	assert_within(ROWS(rows), (struct outcome){ 0, 1.05, 1.02 });
}

static void a_random_one_as_well(void **state)
{
	static const struct attack rows[] = {
		/* 0 */ { .times = 1.5, .on_s = 1, .random = true, .seed = 1 },
		/* 1 */ { .times = 1.5, .on_s = 1, .random = true, .seed = 2 },
		/* 2 */ { .times = 5, .on_s = 1, .random = true },
		/* 3 */ { .times = 20, .on_s = 1, .random = true },
		/* 4 */ { .times = 1.5, .on_s = 1, .random = true, .nodes = 1 },
		/* 5 */ { .times = 1.5, .on_s = 1, .random = true, .nodes = 16 },
	};

	(void)state;
	assert_within(ROWS(rows), (struct outcome){ 0, 1.15, 1.03 });
}

/* Whether their mean is over the rate or not, and whether windows are longer or shorter than their period. */
static void pulses_are_met_at_the_rate_of_the_pulse_before(void **state)
{
	static const struct attack rows[] = {
		/* 0 */ { .times = 1.5, .on_s = 1, .off_s = 1 },
		/* 1 */ { .times = 1.5, .on_s = 1, .off_s = 1, .nodes = 1 },
		/* 2 */ { .times = 1.5, .on_s = 1, .off_s = 1, .nodes = 16 },
		/* 3 */ { .times = 100, .on_s = 1, .off_s = 1 },
		/* 4 */ { .times = 1.5, .on_s = 1, .off_s = 1, .random = true },
		/* 5 */ { .times = 20, .on_s = 1, .off_s = 1, .random = true },
		/* 6 */ { .times = 2, .on_s = 0.5, .off_s = 0.5 },
		/* 7 */ { .times = 2.5, .on_s = 0.5, .off_s = 1.5 },
		/* 8 */ { .times = 8, .on_s = 0.2, .off_s = 0.8 },
		/* 9 */ { .times = 8, .on_s = 0.2, .off_s = 1.8 },
		/* 10 */ { .times = 1.5, .on_s = 2, .off_s = 2 },
		/* 11 */ { .times = 1.3, .on_s = 3, .off_s = 5 },
		/* 12 */ { .times = 1.5, .on_s = 1, .off_s = 3 },
		/* 13 */ { .times = 20, .on_s = 1, .off_s = 3 },
		/* 14 */ { .times = 5, .on_s = 1, .off_s = 6 },
		/* 15 */ { .times = 20, .on_s = 1, .off_s = 9, .nodes = 1 },
		/* 16 */ { .times = 20, .on_s = 1, .off_s = 9 },
	};

	(void)state;
	assert_within(ROWS(rows), (struct outcome){ 0, 1.25, 1.05 });
}

/*
 * After a silence of more than T_T1 a client is new, as in the paper: what comes before the first ticks that tell of
 * it passes. By need that may take up to 0.1 s more: until a proxy has called it.
 */
static void after_ten_seconds_of_silence_an_attack_is_new(void **state)
{
	struct attack attack = { .times = 5, .on_s = 1, .off_s = 11 };
	const struct outcome need = measured(attack);
	struct outcome all;

	(void)state;
	attack.publish = PUBLISH_ALL;
	all = measured(attack);
	assert_true(all.honest_lost <= 0 && need.honest_lost <= 0);
	assert_true(all.worst_1s > 1.25 && all.worst_1s < 3 && all.worst_10s < 1);
	assert_true(need.worst_1s < 3.5 && need.worst_10s < 1);
}

/*
 * Fewer than eight packets in FAIR_TICKS tell no rate: such clients are judged by their mean. What passes of them is
 * solved for what came, so a pulse of many of them is met, too.
 */
static void pulses_of_slow_clients_are_met_as_well(void **state)
{
	const struct outcome o = measured(
		(struct attack){ .times = 2.5, .on_s = 1, .off_s = 1, .bots = 400, .honest_rate = 1 });

	(void)state;
	assert_true(o.honest_lost <= 0);
	assert_true(o.worst_1s <= 1.25 && o.worst_10s <= 1.05);
}

/*
 * An attack that one proxy alone sees may be that one's lie. Clients that are known from before, four fifths of the
 * rate together, lose nothing to it.
 */
static void an_attack_that_one_proxy_sees_takes_nothing_from_known_clients(void **state)
{
	const struct outcome o = measured(
		(struct attack){ .times = 20, .on_s = 1, .bots = 400, .at_one_node = true, .honest_rate = 40 });

	(void)state;
	assert_true(o.worst_1s <= 1.05 && o.worst_10s <= 1.02);
	assert_true(o.honest_lost <= 0);
}

/*
 * Every tick the liar claims another 50,000 packets of clients that nobody saw, and ten times as many of the
 * destination.
 */
static void lie(struct world *world, unsigned int liar, unsigned int clients, uint64_t *packets, uint64_t *slot)
{
	const struct now now = world_now(world);
	const struct key victim = world_key(0, 1), destination = key_of_destination(&victim.destination);
	const uint64_t running = mesh_slot_at(world_mesh(world), now.mesh);
	const struct instant begins = mesh_slot_start(world_mesh(world), running);

	*packets = *slot == running ? *packets + 50000 / clients : 1;
	*slot = running;
	for (unsigned int i = 0; i < clients; i++) {
		const struct key invented = world_key(CLIENTS_MAX + i, 1);

		node_observe(world_node(world, liar), now, &invented, running, begins, now.mesh, *packets);
	}
	node_observe(world_node(world, liar), now, &destination, running, begins, now.mesh, 10 * *packets * clients);
}

/*
 * Nobody attacks, but node 4 of 5 tells of an attack by thousands, from `start_s` on. Returns the part of known
 * clients' packets that passes at the others.
 */
static double beside_a_liar(double start_s)
{
	struct world_options options = { .nodes = 5, .seed = 1, .delay_ms = 20, .thresholds = world_thresholds };
	double credit[HONEST], sent = 0, passed = 0;
	unsigned int strangers = 0, let_in = 0;
	uint64_t packets = 0, slot = 0;
	struct world *world;

	options.thresholds.pair_rate = 0;
	options.thresholds.destination_rate = VICTIM_RATE;
	options.thresholds.early = true;
	memset(tables, 0, sizeof(tables));
	prng = 1;
	world = world_make(&options);
	world_set_changes(world, take_change, NULL);
	world_run(world, 1);
	for (unsigned int c = 0; c < HONEST; c++)
		credit[c] = draw();
	for (unsigned int step = 0; step < STEPS; step++) {
		const bool counts = step * STEP_S >= WARM_S;

		for (unsigned int c = 0; c < HONEST; c++) {
			for (unsigned int due_now = due(false, 40, &credit[c]); due_now > 0; due_now--) {
				const bool pass = passes(world, c % 4, c);

				sent += counts;
				passed += counts && pass;
			}
		}
		if (step % 20 == 0) { /* one packet each, never to be heard of again */
			const bool pass = passes(world, step / 20 % 4, HONEST + step / 20);

			strangers += counts;
			let_in += counts && pass;
		}
		if (step >= start_s / STEP_S && step % 20 == 0)
			lie(world, 4, 2000, &packets, &slot);
		world_run(world, STEP_S);
	}
	world_free(world);
	print_message("# beside a liar: %.1f %% of the packets of known clients passed, %u of %u of strangers\n",
		      100 * passed / sent, let_in, strangers);
	/*
	 * Too few came for one to be let in for certain, so it is their share that is held: 5 packets/s of the 201
	 * seen here.
	 */
	for (unsigned int n = 0; n < 4; n++)
		assert_in_range(tables[n].victim.pass_share, 0.95 * SHARE_ALL * 5 / 201, 1.05 * SHARE_ALL * 5 / 201);
	assert_in_range(let_in, 0, strangers / 10);
	return passed / sent;
}

static void a_liar_that_invents_an_attack_takes_nothing_from_known_clients(void **state)
{
	(void)state;
	assert_true(beside_a_liar(START_S) >= 1);
}

/*
 * By its word the invented clients were there before, too: since the slot began, in which nobody else was. What is left
 * to the clients of the others is the floor of local evidence: T_F2 / (4 x 5) at each of the four, to the five that it
 * sees and a dozen that it saw in the last T_T1 once; a tenth of that to strangers.
 */
static void a_liar_that_invents_their_past_leaves_the_others_their_floor(void **state)
{
	const double passed = beside_a_liar(2);

	(void)state;
	assert_true(passed > (50. - 13) / 5 / 40 && passed < 0.25);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_constant_attack_of_any_size_leaves_the_victim_its_rate),
		cmocka_unit_test(a_random_one_as_well),
		cmocka_unit_test(pulses_are_met_at_the_rate_of_the_pulse_before),
		cmocka_unit_test(after_ten_seconds_of_silence_an_attack_is_new),
		cmocka_unit_test(pulses_of_slow_clients_are_met_as_well),
		cmocka_unit_test(an_attack_that_one_proxy_sees_takes_nothing_from_known_clients),
		cmocka_unit_test(a_liar_that_invents_an_attack_takes_nothing_from_known_clients),
		cmocka_unit_test(a_liar_that_invents_their_past_leaves_the_others_their_floor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
