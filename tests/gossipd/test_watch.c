// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What monitor mode watches of a real core's ledger: rounds of looks, when they begin, and what is forgotten. */
#include <setjmp.h>
#include <stdarg.h>

#include "../fuzz/fuzz_control.c"

#include <cmocka.h>

static struct daemon *const the_daemon = &fuzz_daemon;

static struct now after(double seconds)
{
	const int64_t ns = (int64_t)(seconds * NS_PER_S);

	return (struct now){ { fuzz_now.mono.ns + ns }, { fuzz_now.mesh.ns + ns } };
}

/* Ticks from one time to another, as the daemon makes them. */
static void tick(double from, double to)
{
	for (double at = from; at < to; at += 0.2)
		watch_tick(the_daemon, after(at));
}

static int begin(void **state)
{
	(void)state;
	once();
	the_daemon->config.monitor = true;
	the_daemon->watch->running = false;
	shadow_set(&the_daemon->watch->shadow, NULL, fuzz_now);
	return 0;
}

static void each_key_is_a_sample_once(void **state)
{
	struct watch *watch = the_daemon->watch;

	(void)state;
	tick(0, 0.1);
	assert_true(watch->running);
	assert_true(watch->since.ns == fuzz_now.mesh.ns); /* what was there before is forgotten */
	assert_int_equal(watch->rounds, 1);
	assert_int_equal(watch->learnt.used, PAIRS);
	assert_true(watch->rates[KEY_PAIR].samples == PAIRS);
	assert_int_equal(watch->learnt.clients[0].destinations[0].peak, 5); /* 5 packets over the minimum window */
	tick(0.2, 3.9); /* within a slot nothing is looked at again */
	assert_int_equal(watch->rounds, 1);
	tick(4, 12.5); /* then again, but nothing new was counted */
	assert_int_equal(watch->rounds, 4);
	/* once more at most: a key may have been counted between the begin of a round and its look */
	assert_true(watch->rates[KEY_PAIR].samples <= 2 * PAIRS);
	assert_int_equal(watch->learnt.used, PAIRS);
}

static void a_mode_that_ends_leaves_what_was_seen(void **state)
{
	struct watch *watch = the_daemon->watch;
	uint64_t samples;

	(void)state;
	tick(0, 0.1);
	samples = watch->rates[KEY_PAIR].samples;
	the_daemon->config.monitor = false;
	tick(5, 10);
	assert_false(watch->running);
	assert_true(watch->rates[KEY_PAIR].samples == samples && watch->learnt.used == PAIRS);
	assert_true(watch->until.ns == fuzz_now.mesh.ns);
	the_daemon->config.monitor = true;
	tick(20, 20.1); /* begins anew */
	assert_true(watch->since.ns == after(20).mesh.ns);
	assert_int_equal(watch->rounds, 1);
}

static void of_clients_alone_it_is_learnt(void **state)
{
	struct watch *watch = the_daemon->watch;

	(void)state;
	the_daemon->config.clients[0] = (struct prefix){ pair_of(0).client, 96 + 31 };
	the_daemon->config.client_count = 1;
	tick(0, 0.1);
	the_daemon->config.client_count = 0;
	assert_int_equal(watch->learnt.used, 2);
	assert_true(watch->rates[KEY_PAIR].samples == PAIRS);
}

/* Without monitor mode a shadow policy is judged all the same, and nothing else is kept. */
static void a_shadow_policy_needs_no_monitor_mode(void **state)
{
	static struct policy_document document;
	struct watch *watch = the_daemon->watch;
	uint64_t samples;

	(void)state;
	document = *node_policy(the_daemon->node);
	document.defaults.pair_rate = 4; /* below the 5 of each pair */
	the_daemon->config.monitor = false;
	samples = watch->rates[KEY_PAIR].samples;
	tick(0, 0.1);
	assert_int_equal(watch->shadow.kinds[KEY_PAIR].looks_over, 0);
	shadow_set(&watch->shadow, &document, fuzz_now);
	tick(0.2, 0.3);
	assert_int_equal(watch->shadow.kinds[KEY_PAIR].over_now, PAIRS);
	assert_true(watch->shadow.kinds[KEY_PAIR].packets == 0); /* the first round has no time before it */
	assert_true(watch->rates[KEY_PAIR].samples == samples);
	assert_false(watch->running);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_key_is_a_sample_once, begin),
		cmocka_unit_test_setup(a_mode_that_ends_leaves_what_was_seen, begin),
		cmocka_unit_test_setup(of_clients_alone_it_is_learnt, begin),
		cmocka_unit_test_setup(a_shadow_policy_needs_no_monitor_mode, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
