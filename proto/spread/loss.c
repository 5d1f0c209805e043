/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is lost on the way to us, and what follows from it. Every datagram carries a counter that grows by one, so each path is
 * measured all the time, idle or not, to the datagram. From it follows how many copies of a frame are worth having before the
 * first is ever missed: a lost one then costs no round trip. PROTOCOL.md section "Loss".
 */
#include "spreading.h"

#define PARTS 16       /* datagrams are remembered in sixteenths */
#define SENT_MAX 65536 /* of one member in a second: a counter that leaps further tells of nothing else */
#define SENT_MIN 12    /* in all that is remembered: fewer tell nothing */
#define SAMPLE_MIN 20  /* frames, below which their loss tells nothing */

/* One second of a path, into what is remembered of it: each second weighs three quarters of the one after it. */
static void path_second(struct path *path, uint64_t highest)
{
	const uint64_t sent = highest > path->highest ? highest - path->highest : 0;

	if (path->measured) {
		path->sent += PARTS * (uint32_t)(sent < SENT_MAX ? sent : SENT_MAX);
		path->received += PARTS * path->heard;
	}
	path->sent -= path->sent / 4;
	path->received -= path->received / 4;
	path->measured = highest > 0; /* what was sent before we could hear it is not lost */
	path->highest = highest;
	path->heard = 0;
}

/* In thousandths; false: too little was sent to tell. */
static bool path_loss(const struct path *path, uint32_t *ret_loss)
{
	if (path->sent < PARTS * SENT_MIN)
		return false;
	*ret_loss = path->received >= path->sent ? 0 : (uint32_t)((uint64_t)(path->sent - path->received) * 1000 / path->sent);
	return true;
}

struct mean {
	uint32_t sum, worst, count;
};

static void mean_add(struct mean *mean, const struct path *path)
{
	uint32_t loss;

	if (!path_loss(path, &loss))
		return;
	mean->sum += loss;
	mean->worst = loss > mean->worst ? loss : mean->worst;
	mean->count++;
}

/* The mean over those who send to us, without the worst: one bad line, or one that makes its counter leap, is its own business.
 */
static uint32_t loss_mean(struct node *node, struct now now)
{
	struct mean mean = { .count = 0 };

	for (uint32_t i = 0; !node_is_direct(node) && i < node->member->links_count; i++)
		mean_add(&mean, &node->member->table[node->member->links[i].member].path);
	for (uint16_t i = 1; node_is_direct(node) && i < node->member->high; i++) {
		if (member_is_near(node, i, now))
			mean_add(&mean, &node->member->table[i].path);
	}
	if (mean.count < 3)
		return mean.count ? mean.sum / mean.count : 0;
	return (mean.sum - mean.worst) / (mean.count - 1);
}

static uint8_t copies_for(uint32_t loss)
{
	return loss < LOSS_FEW ? 1 : loss < LOSS_SOME ? 2 : COPIES_MAX;
}

/* More than the paths ask for when frames had to be asked for all the same. Falls slowly, so that it does not swing. */
static void copies_second(struct node *node, uint8_t least)
{
	const uint64_t all = node->spread->eager_first + node->spread->repaired_first;

	if (node->spread->copies < least)
		node->spread->copies = least;
	if (all < SAMPLE_MIN)
		return;
	if (all > COPIED_PER_S) { /* what is lost now is lost for want of room: copies would take more of it */
		node->spread->copies = 1;
		least = 1;
	}
	if (node->spread->repaired_first * 200 > all && node->spread->copies < COPIES_MAX)
		node->spread->copies++;
	else if (node->spread->repaired_first * 5000 < all && node->spread->copies > least && node_random(node) % 30 == 0)
		node->spread->copies--;
	node->spread->eager_first = node->spread->repaired_first = 0;
}

/* In a small mesh nobody hands on a frame unless he is asked: the nearest are. One of them may be the origin itself: one more
 * than copies. */
static void relays_choose(struct node *node, struct now now)
{
	const unsigned int wanted = node_is_direct(node) && node->spread->copies > 1 ? node->spread->copies : 0;

	for (uint16_t i = 1; i < node->member->high; i++)
		node->member->table[i].relay_wanted = false;
	for (unsigned int k = 0; k < wanted; k++) {
		uint16_t nearest = MEMBER_NONE;

		for (uint16_t i = 1; i < node->member->high; i++) {
			if (member_is_near(node, i, now) && !node->member->table[i].relay_wanted &&
			    (nearest == MEMBER_NONE || distance_ms(node, i) < distance_ms(node, nearest)))
				nearest = i;
		}
		if (nearest == MEMBER_NONE)
			return;
		node->member->table[nearest].relay_wanted = true;
	}
}

void loss_second(struct node *node, struct now now)
{
	for (uint16_t i = 1; i < node->member->high; i++)
		path_second(&node->member->table[i].path, node->member->table[i].anti_replay.highest);
	node->spread->loss = loss_mean(node, now);
	copies_second(node, copies_for(node->spread->loss));
	relays_choose(node, now);
}
