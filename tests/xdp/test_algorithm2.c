/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Algorithm 2 against a brute-force model, verdict by verdict, on random traces: the paper's lines as plainly as
 * they can be written, with doubles and divisions and without a daemon. Differences allowed: none.
 */
#include "bed.h"

#define CLIENTS 4
#define TRACE_PACKETS 4000
#define TARGET 0xc0000201

struct model_key {
	bool exists;
	uint32_t start, last, limit_at;
	uint64_t packets, start_packets;
	bool over_at_jiffy;
};

struct model {
	struct policy policy;
	uint32_t hz;
	struct model_key pairs[CLIENTS], destination;
};

static uint64_t prng_state;

static uint32_t random_below(uint32_t bound)
{
	prng_state = prng_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(prng_state >> 33) % bound;
}

/* Lines 2-10. */
static void model_look_up(const struct model *model, struct model_key *key, uint32_t now)
{
	if (!key->exists || now - key->last > model->policy.idle_reset) {
		key->start = now;
		key->start_packets = key->packets;
	}
	key->exists = true;
}

/* T_T4 for a window the kernel keeps itself. */
static void model_age(const struct model *model, struct model_key *key, uint64_t packets, uint32_t now)
{
	if (now - key->start <= model->policy.window_max)
		return;
	key->start = now - (now - key->start) / model->policy.decay;
	key->start_packets = packets - (packets - key->start_packets) / model->policy.decay;
}

/* Lines 12-13, 21-22. */
static bool model_is_over(const struct model *model, double count, uint32_t window, uint32_t rate, uint32_t window_min)
{
	bool early = model->policy.flags & POLICY_EARLY;

	if (rate == 0 || (!early && window <= window_min))
		return false;
	if (window < window_min)
		window = window_min;
	return count / ((double)window / model->hz) > rate * (1 + 1e-12);
}

static bool model_pair(struct model *model, struct model_key *pair, uint32_t now)
{
	model_look_up(model, pair, now);
	pair->packets++;
	pair->last = now;
	model_age(model, pair, pair->packets, now);
	return model_is_over(model, (double)(pair->packets - pair->start_packets), now - pair->start,
			     model->policy.pair_rate, model->policy.pair_min_window);
}

/* The window moves once a jiffy, before its first packet; the count is exact for every packet. */
static bool model_destination(struct model *model, struct model_key *destination, uint32_t now)
{
	if (!destination->exists || destination->limit_at != now) {
		model_look_up(model, destination, now);
		model_age(model, destination, destination->packets, now);
		destination->limit_at = now;
	}
	destination->packets++;
	destination->last = now;
	return model_is_over(model, (double)(destination->packets - destination->start_packets),
			     now - destination->start, model->policy.destination_rate,
			     model->policy.destination_min_window);
}

static enum reason model_packet(struct model *model, uint32_t client, uint32_t now)
{
	bool pair = model_pair(model, &model->pairs[client], now);
	bool destination = model_destination(model, &model->destination, now);

	if (pair)
		return REASON_DROP_PAIR;
	return destination ? REASON_DROP_DESTINATION : REASON_PASS;
}

/* Bursts, steady stretches, pauses around the idle reset. */
static uint32_t next_gap(const struct policy *policy, uint32_t *mood)
{
	if (random_below(200) == 0)
		*mood = random_below(4);
	if (random_below(400) == 0)
		return policy->idle_reset - 1 + random_below(3);
	if (random_below(300) == 0)
		return random_below(2 * policy->window_max);
	return *mood == 0 ? 0 : random_below(*mood * 4);
}

static enum reason reason_now(const uint64_t before[REASON_COUNT])
{
	struct reason_counter reasons[REASON_COUNT];
	int i;

	table_read_reasons(bed.table, reasons);
	for (i = 0; i <= REASON_WOULD_DROP; i++)
		if (reasons[i].packets != before[i])
			return i;
	return REASON_COUNT;
}

static void reasons_read(uint64_t ret_packets[REASON_COUNT])
{
	struct reason_counter reasons[REASON_COUNT];
	int i;

	table_read_reasons(bed.table, reasons);
	for (i = 0; i < REASON_COUNT; i++)
		ret_packets[i] = reasons[i].packets;
}

static void trace_agrees(uint64_t trace_seed, struct policy policy)
{
	struct model model = { .policy = policy, .hz = BED_HZ };
	uint64_t before[REASON_COUNT], drops = 0;
	uint32_t now = BED_START + (uint32_t)trace_seed * 0x10000000, mood = 1;
	int i;

	prng_state = trace_seed;
	bed_policy(policy);
	bed.table->state->heartbeat = now - 1000 * BED_HZ; /* no daemon: the paper's own windows */
	for (i = 0; i < TRACE_PACKETS; i++) {
		uint32_t client = random_below(CLIENTS) & random_below(CLIENTS);
		struct frame frame = frame4(0x0a000001 + client, TARGET);
		enum reason expected, got;

		now += next_gap(&policy, &mood);
		bed_at(now ? now : 1);
		reasons_read(before);
		expected = model_packet(&model, client, bed.jiffies);
		bed_run(&frame);
		got = reason_now(before);
		drops += expected != REASON_PASS;
		if (got != expected)
			fail_msg("trace %llu, packet %d of client %u at +%u: reason %d, the model says %d",
				 (unsigned long long)trace_seed, i, client, bed.jiffies - BED_START, got, expected);
	}
	assert_true(drops > 0 && drops < TRACE_PACKETS);
}

static const struct row {
	uint32_t pair_rate, destination_rate, flags, window_min_divisor, decay;
} rows[] = {
	{ 40, 0, POLICY_EARLY, 1, 2 },
	{ 40, 0, 0, 1, 2 },
	{ 0, 60, POLICY_EARLY, 1, 2 },
	{ 0, 60, 0, 1, 2 },
	{ 40, 60, POLICY_EARLY, 1, 2 },
	{ 40, 60, 0, 1, 2 },
	{ 0, 170, POLICY_EARLY, 1, 2 }, /* packets of several jiffies between over and within */
	{ 33, 71, POLICY_EARLY, 3, 3 },
	{ 50, 80, 0, 2, 3 },
	{ 40, 60, POLICY_EARLY | POLICY_FAIR, 1, 2 }, /* no daemon: strict in spite of it */
	{ 40, 60, POLICY_EARLY | POLICY_POLICE, 1, 2 },
};

static void every_verdict_is_the_models(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct policy policy;

		assert_int_equal(bed_make(64, 16, true), 0);
		policy = policy_plain(rows[i].pair_rate, rows[i].destination_rate, rows[i].flags);
		policy.pair_min_window /= rows[i].window_min_divisor;
		policy.destination_min_window /= rows[i].window_min_divisor;
		policy.decay = rows[i].decay;
		trace_agrees(i + 1, policy);
		assert_int_equal(bed_remove(), 0);
	}
}

static void the_wrap_of_jiffies_changes_nothing(void **state)
{
	struct frame frame = frame4(0x0a000001, TARGET);
	uint32_t i;

	(void)state;
	bed_policy(policy_plain(2 * BED_HZ, 0, POLICY_EARLY));
	bed.table->state->heartbeat = 0x80000000;
	for (i = 0; i < 3 * BED_HZ; i++) { /* half the rate, across 2^32 */
		bed_at(0xffffffff - BED_HZ + i);
		assert_int_equal(bed_run(&frame), XDP_VERDICT_PASS);
	}
	bed_run_many(&frame, 4 * (int)BED_HZ, NULL);
	assert_int_equal(bed_run(&frame), XDP_VERDICT_DROP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_verdict_is_the_models),
		cmocka_unit_test_setup_teardown(the_wrap_of_jiffies_changes_nothing, bed_setup, bed_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
