/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Clients that send, millisecond by millisecond; the verdicts on each of their packets. */
#include "run.h"

#include <math.h>
#include <stdlib.h>

static double draw(struct run *run)
{
	run->random = run->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (double)(run->random >> 11) / (double)(1ULL << 53);
}

/* 10 to 250 ms, a number of its own for every pair of proxies. */
static double far_apart(unsigned int a, unsigned int b)
{
	const unsigned int low = a < b ? a : b, high = a + b - low;

	return 10 + 230 * fmod((low * WORLD_NODES_MAX + high) * 0.6180339887, 1);
}

static double nowhere(unsigned int a, unsigned int b)
{
	(void)a, (void)b;
	return 0;
}

static unsigned int proxy_of(struct run *run, const struct client *client, double t)
{
	if (client->placement == SPREAD)
		return (unsigned int)(draw(run) * run->setting.proxies);
	return (unsigned int)(t / (client->placement == ROAMS_2_S ? 2 : 0.5)) % run->setting.proxies;
}

static void clients_place(struct run *run, const struct traffic *traffics, size_t traffics_count)
{
	const unsigned int together = run->setting.destinations ? DESTINATION_CLIENTS : 1;
	unsigned int destination = 0;

	for (size_t i = 0; i < traffics_count; i++) {
		for (unsigned int kind = 0; kind < ARRIVALS * PLACEMENTS; kind++) {
			if (run->setting.proxies == 1 && kind % PLACEMENTS != SPREAD)
				continue;
			destination++;
			for (unsigned int c = 0; c < together; c++) {
				run->clients[run->clients_count++] = (struct client){
					.pair = world_key(run->clients_count + 1, destination),
					.traffic = &traffics[i],
					.placement = kind % PLACEMENTS,
					.arrival = kind / PLACEMENTS,
					.share = 1.0 / together,
					.next = draw(run) / 10,
				};
			}
		}
	}
}

struct run *run_open(const struct setting *setting, const struct traffic *traffics, size_t traffics_count,
		     uint64_t seed)
{
	struct world_options options = {
		.nodes = setting->proxies, .seed = seed, .thresholds = world_thresholds, .publish = PUBLISH_ALL
	};
	struct oracle_options paper = oracle_defaults;
	struct run *run = calloc(1, sizeof(*run));
	double warm;

	run->setting = *setting;
	run->random = seed * 77 + 1;
	run->mesh.no_carry = setting->no_carry;
	options.delay_ms_between = setting->delayed ? far_apart : nowhere;
	options.thresholds.fair = false;
	options.thresholds.destination_rate = DESTINATION_RATE;
	paper.destination_rate = DESTINATION_RATE;
	paper.corrections = setting->corrections;
	paper.proxies = setting->proxies;
	side_open(&run->mesh, &options);
	run->many = oracle_make(&paper);
	options.nodes = paper.proxies = 1;
	side_open(&run->alone, &options);
	run->one = oracle_make(&paper);

	/* The members meet, and the traffic begins anywhere in a slot. */
	warm = 2 + floor(4000 * draw(run)) / 1000;
	world_run(run->mesh.world, warm);
	world_run(run->alone.world, warm);
	run->tick = mesh_tick_ended(world_mesh(run->mesh.world), world_now(run->mesh.world).mesh);
	clients_place(run, traffics, traffics_count);
	return run;
}

void run_close(struct run *run)
{
	side_close(&run->mesh);
	side_close(&run->alone);
	oracle_free(run->many);
	oracle_free(run->one);
	free(run);
}

static void tally_add(struct tally *tally, struct kernel_verdict mesh, enum yardstick yardstick, bool over,
		      bool over_early)
{
	tally->dropped[yardstick] += over_early;
	tally->differing[yardstick][0] += mesh.over != over;
	tally->differing[yardstick][1] += mesh.over_early != over_early;
}

static void packet(struct run *run, struct client *client, double t)
{
	const unsigned int p = proxy_of(run, client, t);
	const bool destination = run->setting.destinations;
	const struct kernel_verdict mesh = side_packet(&run->mesh, p, &client->pair, destination);
	const struct kernel_verdict alone = side_packet(&run->alone, 0, &client->pair, destination);
	const struct oracle_verdict many = oracle_packet(run->many, p, &client->pair, t),
				    one = oracle_packet(run->one, 0, &client->pair, t);
	struct tally *tally = &client->tally;

	tally->packets++;
	tally->dropped[YARDSTICKS] += mesh.over_early;
	tally_add(tally, mesh, MANY, destination ? many.destination : many.pair,
		  destination ? many.destination_early : many.pair_early);
	tally_add(tally, mesh, ONE, destination ? one.destination : one.pair,
		  destination ? one.destination_early : one.pair_early);
	tally_add(tally, mesh, ALONE, alone.over, alone.over_early);
}

/* What a client sends up to t: a packet at a time, none in a lull. */
static void client_send(struct run *run, struct client *client, double t)
{
	const double limit = run->setting.destinations ? DESTINATION_RATE : PAIR_RATE;

	while (client->next <= t) {
		const double rate = client->traffic->shape(t) * client->traffic->times * client->share * limit;

		if (rate <= 0) {
			client->next += 0.01;
			continue;
		}
		packet(run, client, t);
		client->next += (client->arrival == EVEN ? 1 : -log(1 - draw(run))) / rate;
	}
}

void run_all(struct run *run)
{
	for (unsigned int ms = 0; ms < run->setting.seconds * 1000; ms++) {
		const uint64_t tick = mesh_tick_ended(world_mesh(run->mesh.world), world_now(run->mesh.world).mesh);
		const double t = ms / 1000.0;

		if (tick != run->tick) {
			oracle_synchronise_all(run->many, t);
			oracle_synchronise_all(run->one, t);
			run->tick = tick;
		}
		for (unsigned int i = 0; i < run->clients_count; i++)
			client_send(run, &run->clients[i], t);
		world_run(run->mesh.world, 0.001);
		world_run(run->alone.world, 0.001);
	}
}
