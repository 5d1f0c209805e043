/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * `pair_action = police` beside `aggregate = fair`, end to end: real nodes, and a table at each that judges and
 * thins as the kernel does. The kernel has one share of a policed pair for both rules. However many clients over
 * T_F1 there are, their destination gets T_F2; where T_F2 has room for T_F1 of each, each gets that.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel_model.h"
#include "mesh_world.h"

#define T_F1 100
#define T_F2 1000
#define CLIENTS_MAX 200
#define STEP_S 0.01
#define STEPS 1600 /* 16 s */
#define WARM_S 6 /* steady from here on: the window of Algorithm 1 has seen the attack, and every proxy knows of it */

/*
 * Clients over T_F1, and honest ones below their equal part of T_F2; each client's packets come by all proxies in
 * turn.
 */
struct row {
	unsigned int nodes, bots;
	double rate, on_s, off_s; /* of one bot, in its pulses; off_s = 0: constant */
	unsigned int honest;
	double trusted; /* rate of a client on never_drop */
	bool random;
	double worst_1s, worst_10s; /* bounds of what the destination gets, in T_F2 */
	double bot_least, bot_most; /* of what one bot gets, in packets per second; bot_most = 0: not looked at */
};

static struct kernel kernels[WORLD_NODES_MAX];
static bool thin[WORLD_NODES_MAX];
static struct world *world;
static uint64_t prng;

static double draw(void)
{
	prng = prng * 6364136223846793005ULL + 1442695040888963407ULL;
	return (double)(prng >> 11) / 9007199254740992.0;
}

static void take_change(void *user, unsigned int n, const struct change *change, uint32_t harvested)
{
	(void)user;
	if (key_kind(&change->key) == KEY_DESTINATION)
		thin[n] = change->thin;
	kernel_apply(&kernels[n], change, harvested, world_now(world).mesh);
}

static bool is_folded(const struct pair_record *record)
{
	return FOLD_IS_OF(record->fold, WORD_LOW(record->window));
}

static bool is_in_share(uint32_t *thinning, uint16_t share)
{
	const uint32_t add = (uint32_t)share << 16;

	*thinning += add;
	return share == SHARE_ALL || *thinning < add;
}

/* xdp/xpro.bpf.c, filter_pair. */
static bool passes(unsigned int n, unsigned int client)
{
	const struct key pair = world_key(client, 1), destination = key_of_destination(&pair.destination);
	const bool is_new = !kernel_record_of(&kernels[n], &pair);
	const struct instant now = world_now(world).mesh;
	struct pair_record *record, *head;
	bool over;

	kernel_packet(&kernels[n], &destination, now);
	over = kernel_packet(&kernels[n], &pair, now).over_early;
	world_packet(world, n, &pair);
	record = kernel_record_of(&kernels[n], &pair);
	head = kernel_record_of(&kernels[n], &destination);
	if (is_new)
		record->thinning = (uint32_t)(draw() * 65536) << 16;
	if (over)
		return is_folded(record) && is_in_share(&record->thinning, record->pass_share);
	if (!thin[n])
		return true;
	return is_folded(record) ? is_in_share(&record->thinning, record->pass_share)
				 : is_in_share(&head->thinning, head->pass_share);
}

static unsigned int due(bool random, double rate, double *credit)
{
	unsigned int packets = 0;

	if (!random) {
		*credit += rate * STEP_S;
		packets = (unsigned int)*credit;
		*credit -= packets;
		return packets;
	}
	for (double product = draw(), least = exp(-rate * STEP_S); product > least; product *= draw()) /* Poisson */
		packets++;
	return packets;
}

static double worst_of(const unsigned int *got, double seconds)
{
	const unsigned int from = (unsigned int)(WARM_S / STEP_S), window = (unsigned int)(seconds / STEP_S + 0.5);
	unsigned int sum = 0, worst = 0;

	for (unsigned int i = from; i < STEPS; i++) {
		sum += got[i];
		if (i >= from + window)
			sum -= got[i - window];
		worst = sum > worst ? sum : worst;
	}
	return worst / (seconds * T_F2);
}

static void trust(unsigned int nodes, unsigned int client)
{
	static struct policy_document document;
	const struct key pair = world_key(client, 1);

	document = (struct policy_document){ .defaults = world_thresholds, .version = 1, .rules_count = 1 };
	document.defaults.police = true;
	document.rules[0] = (struct policy_rule){
		.prefix = { .address = pair.client, .bits = 128 }, .side = POLICY_CLIENT, .kind = POLICY_NEVER_DROP
	};
	for (unsigned int n = 0; n < nodes; n++)
		assert_int_equal(node_set_policy(world_node(world, n), world_now(world), &document), 0);
}

/* Bots first, then honest clients, then the trusted one. */
static double rate_of(const struct row *row, unsigned int client, double now_s)
{
	if (client >= row->bots + row->honest)
		return row->trusted;
	if (client >= row->bots)
		return 10;
	return now_s >= 2 && fmod(now_s - 2, row->on_s + row->off_s) < row->on_s ? row->rate : 0;
}

static void open_world(const struct row *row)
{
	struct world_options options = {
		.nodes = row->nodes, .seed = 1, .delay_ms = 20, .thresholds = world_thresholds
	};

	options.thresholds.police = options.thresholds.early = true;
	prng = 1;
	world = world_make(&options);
	for (unsigned int n = 0; n < row->nodes; n++) {
		thin[n] = false;
		kernel_init(&kernels[n], world_mesh(world), &options.thresholds);
	}
	world_set_changes(world, take_change, NULL);
	world_run(world, 1);
	if (row->trusted > 0)
		trust(row->nodes, row->bots + row->honest);
}

static bool assert_row(const struct row *row)
{
	const unsigned int clients = row->bots + row->honest + (row->trusted > 0);
	unsigned int got[STEPS] = { 0 }, lost = 0;
	double credit[CLIENTS_MAX], bots_got = 0, second, ten;

	open_world(row);
	for (unsigned int c = 0; c < clients; c++)
		credit[c] = draw();
	for (unsigned int step = 0; step < STEPS; step++) {
		for (unsigned int c = 0; c < clients; c++) {
			for (unsigned int left =
				     due(row->random && c < row->bots, rate_of(row, c, step * STEP_S), &credit[c]);
			     left > 0; left--) {
				const bool pass = passes((unsigned int)(draw() * row->nodes), c) ||
						  c >= row->bots + row->honest;

				got[step] += pass;
				if (step * STEP_S < WARM_S)
					continue;
				bots_got += pass && c < row->bots;
				lost += !pass && c >= row->bots;
			}
		}
		world_run(world, STEP_S);
	}
	world_free(world);
	second = worst_of(got, 1);
	ten = worst_of(got, 10);
	bots_got /= row->bots * (STEPS * STEP_S - WARM_S);
	print_message("# %u bots at %g/s, %g s on, %g s off, %u proxies: the destination gets %.3f x T_F2 in the worst "
		      "second, %.3f in ten; "
		      "a bot %.1f/s; others lose %u\n",
		      row->bots, row->rate, row->on_s, row->off_s, row->nodes, second, ten, bots_got, lost);
	return second <= row->worst_1s && ten <= row->worst_10s && lost == 0 &&
	       (row->bot_most <= 0 || (bots_got >= row->bot_least && bots_got <= row->bot_most));
}

static void assert_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!assert_row(&rows[i]))
			fail_msg("row %zu", i);
	}
}

#define ROWS(rows) rows, sizeof(rows) / sizeof((rows)[0])

/* The bounds are those of fair (PROTOCOL, section Fair), however many times T_F2 the clients could have by T_F1. */
static void a_destination_of_many_policed_clients_gets_its_rate(void **state)
{
	static const struct row rows[] = {
		/* 0 */ { 5, 80, 400, 1, 0, .worst_1s = 1.05, .worst_10s = 1.02, .bot_least = 11.9, .bot_most = 12.8 },
		/* 1 */ { 5, 20, 130, 1, 0, .worst_1s = 1.05, .worst_10s = 1.02, .bot_least = 48, .bot_most = 51 },
		/* 2 */ { 1, 80, 400, 1, 0, .worst_1s = 1.05, .worst_10s = 1.02, .bot_least = 11.9, .bot_most = 12.8 },
		/* 3 */ { 16, 40, 1000, 1, 0, .worst_1s = 1.05, .worst_10s = 1.02, .bot_least = 23.5,
			.bot_most = 25.5 },
		/* 4 */ { 5, 40, 400, 1, 0, .random = true, .worst_1s = 1.15, .worst_10s = 1.03 },
		/* 5 */ { 5, 40, 400, 1, 1, .worst_1s = 1.25, .worst_10s = 1.05 },
		/* 6 */ { 5, 40, 400, 0.4, 0.6, .worst_1s = 1.25, .worst_10s = 1.05 },
		/* 7: clients below the level lose nothing */
		{ 5, 40, 400, 1, 0, .honest = 20, .worst_1s = 1.05, .worst_10s = 1.02, .bot_least = 19,
		  .bot_most = 20.5 },
		/* 8: what passes whatever any rate says is taken from T_F2 first */
		{ 5, 40, 400, 1, 0, .honest = 5, .trusted = 500, .worst_1s = 1.1, .worst_10s = 1.02, .bot_least = 10,
		  .bot_most = 12 },
	};

	(void)state;
	assert_rows(ROWS(rows));
}

static void policed_clients_for_whom_there_is_room_get_their_rate(void **state)
{
	static const struct row rows[] = {
		/* 0: their destination is offered less than T_F2 */
		{ 5, 2, 400, 1, 0, .worst_1s = 0.22, .worst_10s = 0.21, .bot_least = 97, .bot_most = 103 },
		/* 1: it is offered five times T_F2, of which police leaves a half: fair holds, and takes nothing */
		{ 5, 5, 1000, 1, 0, .worst_1s = 0.54, .worst_10s = 0.51, .bot_least = 97, .bot_most = 103 },
		/* 2 */ { 1, 5, 1000, 1, 0, .honest = 20, .worst_1s = 0.75, .worst_10s = 0.72, .bot_least = 97,
			.bot_most = 103 },
	};

	(void)state;
	assert_rows(ROWS(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_destination_of_many_policed_clients_gets_its_rate),
		cmocka_unit_test(policed_clients_for_whom_there_is_room_get_their_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
