/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Chooses neighbours in a mesh of more than DIRECT_MEMBERS_MAX: some twelve of two thousand members, if both sides
 * agree. Half are the nearest found, so that a frame crosses an ocean once and is spread on the other side. Half are
 * drawn at random from all, so that the mesh stays connected whichever members fail. PROTOCOL section "Overlay".
 */
#include "spreading.h"

#define LINK_ASK 1
#define LINK_AGREE 2
#define LINK_END 3
#define ASK_MS 1500 /* without an answer another is asked */
#define SAMPLES 32 /* members looked at to find a nearest one */
#define NEARBY_MS 20.0 /* round trip: the same side of an ocean */
#define SWAP_TICKS 10 /* between searches for a nearer neighbour: 2 s */
#define LET_GO_SWAPS 10 /* every 10th search drops a neighbour instead, if there are too many: 20 s */
/* every 300th search draws a random neighbour anew instead: ten minutes, because each change disturbs the trees */
#define REDRAW_SWAPS 300
#define LOST_PING_MS 1000 /* between the first PINGs to a neighbour that fell silent; doubled with each */
#define LOST_PING_DOUBLINGS 3 /* so that the longest is 8 s */
#define SWAP_SHARE 0.7 /* a new neighbour must have at most this part of the farthest one's round trip */

void overlay_init(struct node *node)
{
	for (unsigned int i = 0; i < NEIGHBOURS_MAX; i++)
		node->spread->lost[i].member = MEMBER_NONE;
}

static void say(struct node *node, uint16_t member, uint8_t what)
{
	outbox_add(node, (struct out){ .kind = OUT_LINK, .target = member, .link.what = what });
}

static void link_drop(struct node *node, struct link *link)
{
	*link = node->member->links[--node->member->links_count];
}

static struct link *link_add(struct node *node, struct now now, uint16_t member, bool ours, bool nearest)
{
	struct link *link;

	if (node->member->links_count == NEIGHBOURS_MAX)
		return NULL;
	link = &node->member->links[node->member->links_count++];
	*link = (struct link){ .member = member,
			       .ours = ours,
			       .nearest = nearest,
			       .agreed = !ours,
			       .instead = MEMBER_NONE,
			       .since = now.mono };
	return link;
}

/*
 * Remembers a neighbour that fell silent, and sends it PINGs. Why: when the network is cut in two, each side replaces
 * its lost neighbours by members of its own side. When the cut ends, no member would know a neighbour on the other
 * side. The old neighbours on both ends of the cut are the ones to connect the sides again. (Overlay, 1)
 */
static void lost_add(struct node *node, struct now now, uint16_t member)
{
	struct lost *oldest = &node->spread->lost[0];

	for (unsigned int i = 0; i < NEIGHBOURS_MAX; i++) {
		struct lost *lost = &node->spread->lost[i];

		if (lost->member == member || lost->member == MEMBER_NONE) {
			oldest = lost;
			break;
		}
		if (instant_is_before(lost->since, oldest->since))
			oldest = lost;
	}
	*oldest = (struct lost){ .member = member, .since = now.mono, .due = now.mono };
}

/* A neighbour agreed. Only now the one that it replaces is dropped, so that a swap never leaves fewer neighbours. */
static void link_agree(struct node *node, struct link *link)
{
	struct link *other = link->instead == MEMBER_NONE ? NULL : link_find(node, link->instead);

	if (!link->agreed)
		node->spread->overlay_failed = 0;
	link->agreed = true;
	link->instead = MEMBER_NONE;
	if (!other)
		return;
	say(node, other->member, LINK_END);
	link_drop(node, other);
}

size_t overlay_write(struct node *node, const struct departure *departure, uint8_t *ret_plain)
{
	(void)node;
	ret_plain[0] = MESSAGE_LINK;
	ret_plain[1] = departure->out->link.what;
	return 2;
}

enum reject overlay_receive(struct node *node, const struct arrival *arrival)
{
	const struct now now = arrival->now;
	const uint16_t member = arrival->member;
	struct link *link = link_find(node, member);

	if (arrival->bytes[0] < LINK_ASK || arrival->bytes[0] > LINK_END)
		return REJECT_MESSAGE;
	if (arrival->bytes[0] == LINK_END) {
		if (link)
			link_drop(node, link);
		return REJECT_NONE;
	}
	if (arrival->bytes[0] == LINK_AGREE && !link) {
		say(node, member, LINK_END);
		return REJECT_NONE;
	}
	if (!link)
		link = link_add(node, now, member, false, false);
	if (arrival->bytes[0] == LINK_ASK)
		say(node, member, link ? LINK_AGREE : LINK_END);
	if (link)
		link_agree(node, link);
	return REJECT_NONE;
}

static bool may_link(struct node *node, uint16_t number)
{
	const struct member *member = &node->member->table[number];

	return member->used && !member->self && member->session && member->state == MEMBER_ALIVE &&
	       member->endpoint.port != 0 && !link_find(node, number);
}

enum choice { CHOICE_NEAREST, CHOICE_LAST_HEARD, CHOICE_ANY };

static bool is_better(const struct node *node, enum choice choice, uint16_t a, uint16_t b)
{
	if (choice == CHOICE_LAST_HEARD)
		return instant_is_before(node->member->table[b].heard_at, node->member->table[a].heard_at);
	return choice == CHOICE_NEAREST && distance_ms(node, a) < distance_ms(node, b);
}

/* The best of some members drawn at random. */
static uint16_t candidate(struct node *node, enum choice choice)
{
	uint16_t best = MEMBER_NONE;

	for (unsigned int i = 0; i < SAMPLES; i++) {
		const uint16_t number = (uint16_t)(node_random(node) % node->member->high);

		if (may_link(node, number) && (best == MEMBER_NONE || is_better(node, choice, number, best)))
			best = number;
	}
	return best;
}

/*
 * Which kind of member to ask next. Why not only the nearest: a member that is alive for others may not be reachable
 * from here, or its answers may be lost. So after a member that did not agree the one heard last is asked, then any,
 * then again the nearest.
 */
static enum choice choice_of(const struct node *node, bool nearest)
{
	if (node->spread->overlay_failed % 3 != 0)
		return node->spread->overlay_failed % 3 == 1 ? CHOICE_LAST_HEARD : CHOICE_ANY;
	return nearest ? CHOICE_NEAREST : CHOICE_ANY;
}

/*
 * The number of neighbours wanted, log2(members) + 1: with this many random neighbours each, a mesh stays connected
 * although a third of its members fails.
 */
static uint32_t degree(const struct node *node)
{
	uint32_t links = 1;

	for (uint32_t members = node->member->count; members > 1; members /= 2)
		links++;
	return links < NEIGHBOURS_MAX / 2 ? links : NEIGHBOURS_MAX / 2;
}

static bool link_is_dead(const struct node *node, const struct link *link, struct now now)
{
	const struct member *member = &node->member->table[link->member];
	const struct instant heard = instant_is_before(member->heard_at, link->since) ? link->since : member->heard_at;

	if (!member->used || !member->session || member->state == MEMBER_LEFT)
		return true;
	if (!link->agreed)
		return duration_between(link->since, now.mono).ns > ASK_MS * NS_PER_MS;
	return duration_between(heard, now.mono).ns > MEMBER_SILENT_MS * NS_PER_MS;
}

/* Asks a member to become a neighbour, once its address has answered a challenge. */
static void link_ask(struct node *node, struct now now, struct link *link)
{
	const struct member *member = &node->member->table[link->member];

	if (link->agreed)
		return;
	if (member->proven)
		say(node, link->member, LINK_ASK);
	else
		member_challenge(node, now, link->member, &member->endpoint);
}

/* A lost neighbour is back: asks it again, and sends PINGs to the other lost ones soon, which may be back as well. */
static void lost_found(struct node *node, struct now now, struct lost *found)
{
	struct link *link = link_find(node, found->member);

	if (!link)
		link = link_add(node, now, found->member, true, false);
	if (link)
		link_ask(node, now, link);
	found->member = MEMBER_NONE;
	for (unsigned int i = 0; i < NEIGHBOURS_MAX; i++) {
		struct lost *lost = &node->spread->lost[i];

		if (lost->pings < 2)
			continue; /* a PING was sent a moment ago */
		lost->pings = 0;
		lost->due = now.mono;
	}
}

static void lost_ask(struct node *node, struct now now, struct lost *lost)
{
	const struct member *member = &node->member->table[lost->member];

	if (instant_is_before(now.mono, lost->due))
		return;
	lost->due = instant_after(now.mono, duration_ms(LOST_PING_MS << lost->pings));
	lost->pings += lost->pings < LOST_PING_DOUBLINGS;
	member_challenge(node, now, lost->member, &member->endpoint);
	if (member->state != MEMBER_ALIVE)
		greet_member(node, now, lost->member); /* it may have started again */
}

static void lost_tick(struct node *node, struct now now)
{
	for (unsigned int i = 0; i < NEIGHBOURS_MAX; i++) {
		struct lost *lost = &node->spread->lost[i];
		const struct member *member = lost->member == MEMBER_NONE ? NULL : &node->member->table[lost->member];

		if (!member)
			continue;
		if (!member->used || member->state == MEMBER_LEFT || member->standing.revoked || node_is_direct(node))
			lost->member = MEMBER_NONE;
		else if (instant_is_before(lost->since, member->heard_at))
			lost_found(node, now, lost);
		else
			lost_ask(node, now, lost);
	}
}

static uint32_t count_nearby(const struct node *node)
{
	uint32_t nearby = 0;

	for (uint32_t i = 0; i < node->member->links_count; i++)
		nearby += distance_ms(node, node->member->links[i].member) <= NEARBY_MS;
	return nearby;
}

static bool is_swapping(const struct node *node)
{
	for (uint32_t i = 0; i < node->member->links_count; i++) {
		if (node->member->links[i].instead != MEMBER_NONE)
			return true;
	}
	return false;
}

/* The farthest of the neighbours that this node chose as nearest. */
static uint16_t farthest(const struct node *node)
{
	uint16_t found = MEMBER_NONE;

	for (uint32_t i = 0; i < node->member->links_count; i++) {
		const struct link *link = &node->member->links[i];

		if (link->ours && link->nearest && link->agreed &&
		    (found == MEMBER_NONE || distance_ms(node, link->member) > distance_ms(node, found)))
			found = link->member;
	}
	return found;
}

/* One of the neighbours that this node drew at random. */
static uint16_t drawn(struct node *node)
{
	uint16_t found = MEMBER_NONE;
	uint32_t seen = 0;

	for (uint32_t i = 0; i < node->member->links_count; i++) {
		const struct link *link = &node->member->links[i];

		if (link->ours && !link->nearest && link->agreed && node_random(node) % ++seen == 0)
			found = link->member;
	}
	return found;
}

static void ask_instead(struct node *node, struct now now, uint16_t number, bool nearest, uint16_t instead)
{
	struct link *link = link_add(node, now, number, true, nearest);

	if (!link)
		return;
	link->instead = instead;
	link_ask(node, now, link);
}

/* Replaces the farthest of the nearest by a clearly nearer member. Why later: probes measure round trips one by one. */
static void swap(struct node *node, struct now now)
{
	const uint16_t far = farthest(node);
	const uint16_t number = far == MEMBER_NONE ? MEMBER_NONE : candidate(node, CHOICE_NEAREST);

	if (number != MEMBER_NONE && !isnan(node->member->table[number].clock.rtt_ms) &&
	    distance_ms(node, number) <= SWAP_SHARE * distance_ms(node, far))
		ask_instead(node, now, number, true, far);
}

/*
 * Replaces a random neighbour by another random one. Why: the old one was drawn from the members known then, for
 * example during a cut from one side only.
 */
static void redraw(struct node *node, struct now now)
{
	const uint16_t old = drawn(node);
	const uint16_t number = old == MEMBER_NONE ? MEMBER_NONE : candidate(node, CHOICE_ANY);

	if (number != MEMBER_NONE)
		ask_instead(node, now, number, false, old);
}

/* Drops a random neighbour. There are too many when lost neighbours came back. */
static void let_go(struct node *node)
{
	const uint16_t old = drawn(node);

	if (old == MEMBER_NONE)
		return;
	say(node, old, LINK_END);
	link_drop(node, link_find(node, old));
}

/* Changes one neighbour at most, every SWAP_TICKS. (Overlay, 2) */
static void renew(struct node *node, struct now now, uint32_t wanted)
{
	const uint64_t turn = node->tick + node->id;
	const bool has_many = node->member->links_count > wanted + wanted / 2;

	if (turn % SWAP_TICKS != 0 || node->member->links_count < wanted || is_swapping(node))
		return; /* one at a time */
	if (has_many && turn / SWAP_TICKS % LET_GO_SWAPS == 0)
		let_go(node);
	else if (!has_many && turn / SWAP_TICKS % REDRAW_SWAPS == 0)
		redraw(node, now);
	else
		swap(node, now);
}

void overlay_tick(struct node *node, struct now now)
{
	const uint32_t wanted = degree(node);

	for (uint32_t i = 0; i < node->member->links_count;) {
		if (node_is_direct(node) || link_is_dead(node, &node->member->links[i], now)) {
			node->spread->overlay_failed += !node->member->links[i].agreed &&
							node->member->links[i].instead == MEMBER_NONE;
			if (node->member->links[i].agreed)
				lost_add(node, now, node->member->links[i].member);
			link_drop(node, &node->member->links[i]);
			continue;
		}
		link_ask(node, now, &node->member->links[i++]);
	}
	lost_tick(node, now);
	for (uint32_t nearby = count_nearby(node); !node_is_direct(node) && node->member->links_count < wanted;
	     nearby++) {
		const enum choice choice = choice_of(node, nearby < wanted / 2);
		const uint16_t number = candidate(node, choice);
		struct link *link = number == MEMBER_NONE ? NULL
							  : link_add(node, now, number, true, choice == CHOICE_NEAREST);

		if (!link)
			break;
		link_ask(node, now, link);
	}
	if (!node_is_direct(node))
		renew(node, now, wanted);
}
