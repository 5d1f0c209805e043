/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Limits of a client and of a network, and packets that meet them. */
#ifndef TESTS_HOT_BED_H
#define TESTS_HOT_BED_H

#include <pthread.h>
#include <sched.h>

#include "folds.h"
#include "policies.h"

#define RATE 1000
#define NEIGHBOUR (TARGET + 1) /* of the same /24 */
#define STRANGER (TARGET + 256)

static inline struct key client_key(void)
{
	const struct key key = key4(CLIENT, TARGET);

	return key_of_client(&key.client);
}

static inline struct key network_key(void)
{
	const struct key key = key4(CLIENT, TARGET);
	const struct address network = network_of(&key.destination);

	return key_of_network(&network);
}

static inline int limit(const struct key *key, double rate)
{
	const struct change change = { .key = *key, .limited = rate >= 0, .granted = rate, .pass_share = SHARE_ALL };

	return table_apply(bed.table, &change);
}

static inline int setup(void **state)
{
	if (bed_setup(state))
		return -1;
	bed_policy(policy_plain(0, 0, POLICY_EARLY | POLICY_FAIR));
	return 0;
}

static inline uint64_t dropped(void)
{
	return bed_reason(REASON_DROP_CLIENT) + bed_reason(REASON_DROP_NETWORK);
}

/* How many of the packets pass, each to the next of so many destinations, in one jiffy. */
static inline uint64_t passed_of(uint32_t client, uint32_t destination, int packets, uint32_t destinations)
{
	const uint64_t before = dropped();

	for (int i = 0; i < packets; i++) {
		struct frame frame = frame4(client, destination + (uint32_t)i % destinations);

		bed_run(&frame);
	}
	return (uint64_t)packets - (dropped() - before);
}

static inline void next_jiffy(void)
{
	bed_at(bed.jiffies + 1);
	bed_beat();
}

/* The first packets of an idle bucket: a burst of HOT_BURST_MS. */
static inline void let_fill(void)
{
	bed_at(bed.jiffies + BED_HZ);
	bed_beat();
}

/* How many of so many packets pass, to one destination in one jiffy. */
static inline uint64_t passed_in(double packets)
{
	struct frame frame = frame4(CLIENT, TARGET);
	const uint64_t before = dropped();

	bed_run_many(&frame, (int)packets, NULL);
	return (uint64_t)packets - (dropped() - before);
}

#define BURST (RATE * HOT_BURST_MS / 1000)

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bed_teardown)

#endif
