/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Measures the loss of datagrams on each path to this node, and chooses how many copies of a frame to ask for. Every
 * datagram contains a counter that grows by one, so the loss is exact, also on an idle path. With enough copies a lost
 * datagram costs no round trip for a request. PROTOCOL section "Loss".
 */
#include "spreading.h"

#define PARTS 16       /* the sums are in sixteenths of a datagram */
#define SENT_MAX 65536 /* datagrams of one member in a second; a larger step of its counter counts as this many */
#define SENT_MIN 12    /* datagrams in the sums, below which they give no loss */
#define SAMPLE_MIN 20  /* frames in a second, below which the part that was repaired is not used */

/* Adds one second of a path to its sums: each second weighs three quarters of the one after it. (Loss, 1) */
static void path_second(struct path_loss *path, uint64_t highest)
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

/* The loss of a path in thousandths; false: too few datagrams were sent. */
static bool path_loss_read(const struct path_loss *path, uint32_t *ret_loss)
{
	if (path->sent < PARTS * SENT_MIN)
		return false;
	*ret_loss = 0;
	if (path->received < path->sent)
		*ret_loss = (uint32_t)((uint64_t)(path->sent - path->received) * 1000 / path->sent);
	return true;
}

struct mean {
	uint32_t sum, worst, count;
};

static void mean_add(struct mean *mean, const struct path_loss *path)
{
	uint32_t loss;

	if (!path_loss_read(path, &loss))
		return;
	mean->sum += loss;
	mean->worst = loss > mean->worst ? loss : mean->worst;
	mean->count++;
}

/*
 * The mean loss over the paths to this node, without the worst path: a single bad line, or a member that falsifies its
 * counter, must not change it. (Loss, 2)
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

/* `loss`: in thousandths. (Loss, 3) */
static uint8_t copies_for(uint32_t loss)
{
	return loss < LOSS_FEW ? 1 : loss < LOSS_SOME ? 2 : COPIES_MAX;
}

/*
 * Sets the number of copies: at least the number for the paths' loss, and one more while frames still had to be
 * requested. It falls slowly, so that it does not oscillate. (Loss, 4)
 */
static void copies_second(struct node *node, uint8_t least)
{
	const uint64_t all = node->spread->eager_first + node->spread->repaired_first;

	if (node->spread->copies < least)
		node->spread->copies = least;
	if (all < SAMPLE_MIN)
		return;
	if (all > COPIED_PER_S) /* the load itself causes the loss: copies would add to it (Loss, 5) */
		node->spread->copies = 1;
	else if (node->spread->repaired_first * 200 > all && node->spread->copies < COPIES_MAX)
		node->spread->copies++;
	else if (node->spread->repaired_first * 5000 < all && node->spread->copies > least &&
		 node_random(node) % 30 == 0)
		node->spread->copies--;
	node->spread->eager_first = node->spread->repaired_first = 0;
}

/*
 * Small mesh: members forward frames only to members that asked for it. Asks the nearest members, as many as copies are
 * wanted: one of them may be the origin itself.
 */
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
