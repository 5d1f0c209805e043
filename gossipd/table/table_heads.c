/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Heads that leave. There are few heads, and one packet to a new address takes one: a scan would hold all of them. So
 * while fewer than an eighth are free, the slowest heads give way after each harvest, and a new victim finds a head.
 * A head at half of its rate or more never gives way, nor one of the proxy's own addresses. Idle heads leave as well.
 *
 * A head leaves in two phases, as pairs do. It is taken out of the hash, and its shards' tags become 0, so that no
 * pair counts in it any more, whatever index the pair's place holds. After a grace period it is cleared. What it
 * counted was harvested before; what it had counted in the current slot is kept for the head its address gets next
 * (table_departed.c).
 */
#include <errno.h>
#include <stdlib.h>

#include "table_internal.h"

#define FREE_PART 8 /* one head of so many is kept free */
#define PACE_SCALE 16 /* packets per second are ranked in sixteenths */
#define RANK_BITS 3 /* of the mantissa: heads whose rates differ by less than an eighth are equally slow */
#define RANKS (64 << RANK_BITS)
#define PACE_JIFFIES_MAX (1U << 30) /* a head that is older counts as this old: jiffies wrap */

int heads_start(struct table *table)
{
	table->paces = calloc(table->destinations_max, sizeof(*table->paces));
	return table->paces ? contacts_take_memory(table) : -ENOMEM;
}

static bool is_moved(const struct words *words)
{
	return (uint32_t)words->packets != WORD_HIGH(*words->harvest);
}

/* ---- what harvests find ---- */

/* The slot whose low 16 bits a head keeps. */
static uint64_t slot_widen(uint16_t low, uint64_t slot_now)
{
	return slot_now - (uint16_t)(slot_now - low);
}

static uint64_t slot_now(const struct table *table)
{
	const struct harvest_pass *pass = &table->pass;

	return harvest_times_of(pass->now.mesh, pass->now.mesh, pass->slot_length).slot;
}

void head_met(struct table *table, uint32_t destination, const struct address *address, const struct words *words)
{
	struct pace *pace = &table->paces[destination];
	struct departed *departed;

	if (pace->since)
		return;
	pace->since = table->clock.jiffies ? table->clock.jiffies : 1;
	departed = departed_find(table, address);
	if (!departed)
		return;
	/* A head with words of its own has them from before a crash: then what had left is in them already. */
	if (*words->harvest == 0 && departed->slot + SLOTS_HELD > slot_now(table)) {
		__u64 harvest = WORD(0, departed->packets);
		__u16 slot = (uint16_t)departed->slot;

		words_join(words, &(struct words){ .packets = departed->packets, .harvest = &harvest, .slot = &slot });
	}
	departed_remove(table, address);
}

/*
 * Before the harvest words change: takes in the bytes since the last harvest, and returns the mean size of the frames
 * they came in. 2^32 bytes between two harvests are more than any line carries. Of a head that
 * an earlier daemon had met, the bytes until now are not known to be of the packets that are new.
 */
uint32_t head_sized(struct table *table, uint32_t destination, const struct words *words)
{
	struct pace *pace = &table->paces[destination];
	const uint32_t packets = (uint32_t)words->packets - WORD_HIGH(*words->harvest),
		       bytes = words->bytes - pace->harvested_bytes;
	const bool known = !table->resuming && packets > 0;

	pace->harvested_bytes = words->bytes;
	if (!known)
		return pace->size;
	pace->bytes += bytes;
	pace->size = (bytes + packets / 2) / packets;
	return pace->size;
}

void head_paced(struct table *table, uint32_t destination, const struct harvest_words *harvested, uint32_t last)
{
	struct pace *pace = &table->paces[destination];
	const uint16_t slot = harvested->slot;
	const uint32_t now = table->clock.jiffies;

	if (slot != pace->slot) {
		if (now - pace->since > PACE_JIFFIES_MAX)
			pace->since = now - PACE_JIFFIES_MAX ? now - PACE_JIFFIES_MAX : 1;
		pace->before = slot == (uint16_t)(pace->slot + 1) ? pace->packets : 0;
		pace->slot = slot;
	}
	pace->packets = harvested->harvested_packets - harvested->slot_start_packets;
	pace->last = last;
}

/* ---- who is slow ---- */

/* The time that paces are taken over. */
struct span {
	uint64_t slot;
	uint32_t begins; /* jiffies: of the slot before */
	uint32_t now, hz;
};

static struct span span_now(const struct table *table)
{
	struct span span = { .slot = slot_now(table), .now = table->clock.jiffies, .hz = table->clock.hz };
	const int64_t slot_ns = table->pass.slot_length.ns;

	span.begins = table_jiffies_of(table, (struct instant){ (int64_t)(span.slot - 1) * slot_ns });
	return span;
}

/* Packets of this slot and the one before, per second x PACE_SCALE, over at least a second. */
static uint64_t pace_of(const struct pace *pace, const struct span *span)
{
	const uint16_t back = (uint16_t)(span->slot - pace->slot);
	const uint64_t packets = back == 0 ? (uint64_t)pace->packets + pace->before : back == 1 ? pace->packets : 0;
	const uint32_t from = pace->since && jiffies_since(span->begins, pace->since) > 0 ? pace->since : span->begins;
	const int32_t jiffies = jiffies_since(from, span->now);
	const uint32_t least = span->hz;

	return packets * PACE_SCALE * span->hz / (jiffies > (int32_t)least ? (uint32_t)jiffies : least);
}

/* A number that grows with the pace; the first are exact, then RANK_BITS bits of it count. */
static unsigned int rank_of(uint64_t pace)
{
	unsigned int shift;

	if (pace < 2U << RANK_BITS)
		return (unsigned int)pace;
	shift = 63 - (unsigned int)__builtin_clzll(pace) - RANK_BITS;
	return (shift << RANK_BITS) + (unsigned int)(pace >> shift);
}

static bool is_used(const struct destination_head *head)
{
	struct address address;

	memcpy(&address, head->address, sizeof(address));
	return !address_is_zero(&address);
}

/* May the head give way? Then its rank. */
static bool may_give_way(const struct table *table, uint32_t destination, const struct span *span,
			 unsigned int *ret_rank)
{
	const struct destination_head *head = &table->heads[destination];
	const struct policy *policy = &table->policies[head->policy % POLICIES_MAX];
	const uint64_t pace = pace_of(&table->paces[destination], span);

	if (!is_used(head) || head->flags & (HEAD_PASS | HEAD_LEAVING))
		return false;
	if (policy->destination_rate && pace * 2 >= (uint64_t)policy->destination_rate * PACE_SCALE)
		return false;
	*ret_rank = rank_of(pace);
	return true;
}

/* ---- leaving ---- */

static void depart(struct table *table, const struct words *words, const struct address *address)
{
	struct departed leaving = { .slot = slot_widen(*words->slot, slot_now(table)),
				    .packets = WORD_HIGH(*words->harvest) - WORD_LOW(*words->harvest),
				    .last = words->last };

	memcpy(leaving.address, address, sizeof(leaving.address));
	if (*words->harvest && leaving.packets && leaving.slot + SLOTS_HELD > slot_now(table))
		departed_put(table, &leaving);
}

/* The order is that of shard_claim in xdp/aggregate.h. */
static void untag(struct table *table, uint32_t destination)
{
	struct destination_shard *shards = &table->shards[(size_t)destination * table->cpus];

	__atomic_or_fetch(&table->heads[destination].flags, HEAD_LEAVING, __ATOMIC_SEQ_CST);
	for (uint32_t cpu = 0; cpu < table->cpus; cpu++)
		__atomic_store_n(&shards[cpu].tag, 0, __ATOMIC_SEQ_CST);
}

/* A head that counted since the harvest stays: it would be told too little of. */
static void mark(struct table *table, uint32_t destination)
{
	const struct words words = words_of_destination(table, destination);
	struct dead *dead = &table->marked;
	struct address address;

	memcpy(&address, table->heads[destination].address, sizeof(address));
	if (is_moved(&words) || dead->destination_count == COLLECT_HEADS_MAX ||
	    destination_find(table, &address) != destination)
		return; /* the last: it is being made */
	depart(table, &words, &address);
	if (bpf_map_delete_elem(table->index_fd, &address))
		return;
	untag(table, destination);
	dead->destinations[dead->destination_count++] = destination;
}

static bool is_idle(const struct table *table, uint32_t destination, uint32_t idle)
{
	const struct destination_head *head = &table->heads[destination];
	const struct pace *pace = &table->paces[destination];
	struct words words;

	if (pace->last && jiffies_since(pace->last, table->clock.jiffies) <= (int32_t)idle)
		return false;
	if (!is_used(head) || head->flags & (HEAD_PASS | HEAD_LEAVING))
		return false;
	words = words_of_destination(table, destination);
	return words_are_idle(table, &words, idle);
}

static uint32_t free_wanted(const struct table *table)
{
	return (table->destinations_max + FREE_PART - 1) / FREE_PART;
}

/* How many heads of each rank there are, of those that may give way; how many must, for an eighth to be free. */
static uint32_t heads_rank(const struct table *table, const struct span *span, uint32_t ret_ranks[RANKS])
{
	const uint32_t wanted = free_wanted(table);
	uint32_t free_or_leaving = 0, destination;
	unsigned int rank;

	for (destination = 0; destination < table->destinations_max; destination++) {
		const struct destination_head *head = &table->heads[destination];

		free_or_leaving += !is_used(head) || head->flags & HEAD_LEAVING;
		if (may_give_way(table, destination, span, &rank))
			ret_ranks[rank]++;
	}
	return wanted > free_or_leaving ? wanted - free_or_leaving : 0;
}

static void give_way(struct table *table)
{
	const struct span span = span_now(table);
	uint32_t ranks[RANKS] = { 0 }, wanted, destination;
	unsigned int rank, slow = 0;

	wanted = heads_rank(table, &span, ranks);
	while (wanted && slow < RANKS - 1 && ranks[slow] < wanted)
		wanted -= ranks[slow++];
	for (destination = 0; wanted && destination < table->destinations_max; destination++) {
		if (!may_give_way(table, destination, &span, &rank) || rank > slow)
			continue;
		mark(table, destination);
		wanted -= rank == slow; /* the slower ones are counted off already */
	}
}

void heads_mark(struct table *table, uint32_t idle)
{
	for (uint32_t destination = 0; destination < table->destinations_max; destination++) {
		if (is_idle(table, destination, idle) ||
		    quota_is_leaving(&table->quotas[TABLE_DESTINATIONS], destination))
			mark(table, destination);
	}
	if (table->pass.slot_length.ns && table->destinations_used + free_wanted(table) > table->destinations_max)
		give_way(table);
}

/* It is in the hash again. Its own words hold what it counted, if they were ever written. */
static void stay(struct table *table, uint32_t destination, const struct address *address)
{
	struct destination_head *head = &table->heads[destination];

	if (head->harvest)
		departed_remove(table, address);
	__atomic_and_fetch(&head->flags, (__u8)~HEAD_LEAVING, __ATOMIC_SEQ_CST);
}

/* The head before its shards: after a crash between them the index is lost, but no words without their counts stay. */
static void head_clear(struct table *table, uint32_t destination)
{
	quota_destination_seen(table, destination);
	table->destinations_used -= table->destinations_used > 0;
	memset(&table->heads[destination], 0, sizeof(*table->heads));
	asm volatile("" : : : "memory"); /* a killed process has stored in the order of its program */
	memset(&table->shards[(size_t)destination * table->cpus], 0, table->cpus * sizeof(*table->shards));
	table->paces[destination] = (struct pace){ 0 };
	bpf_map_update_elem(table->free_fd, NULL, &destination, BPF_ANY);
}

/* The harvest word of a head all of whose packets were harvested, and none in the current slot. */
static __u64 harvest_all(const struct words *words)
{
	return WORD((uint32_t)words->packets, (uint32_t)words->packets);
}

/*
 * After the grace period. A head that a packet in flight still counted in goes back into the hash; when its address
 * has another head by now, that one counts what this one was not harvested of.
 */
size_t head_free(struct table *table, uint32_t destination)
{
	struct words words = words_of_destination(table, destination), theirs;
	__u64 harvest = WORD(WORD_HIGH(*words.harvest), WORD_HIGH(*words.harvest));
	struct address address;
	uint32_t successor;

	memcpy(&address, table->heads[destination].address, sizeof(address));
	if (is_moved(&words)) {
		if (!bpf_map_update_elem(table->index_fd, &address, &destination, BPF_NOEXIST)) {
			stay(table, destination, &address);
			return 0;
		}
		successor = destination_find(table, &address);
		if (successor != DESTINATION_NONE) {
			theirs = words_of_destination(table, successor);
			head_met(table, successor, &address, &theirs);
			store64(&table->heads[destination].harvest, harvest_all(&words)); /* not twice after a crash */
			words.harvest = &harvest; /* what was told of is kept apart: see table_departed.c */
			words_join(&theirs, &words);
			if (*theirs.harvest != 0)
				quota_destination_seen(table, successor);
		}
	}
	head_clear(table, destination);
	return 1;
}

/* ---- what an earlier daemon left half done ---- */

static bool is_listed(const struct table *table, uint32_t destination, struct address *ret_address)
{
	memcpy(ret_address, table->heads[destination].address, sizeof(*ret_address));
	return destination_find(table, ret_address) == destination;
}

void heads_note(struct table *table)
{
	struct address address;

	for (uint32_t destination = 0; destination < table->destinations_max; destination++) {
		if (is_used(&table->heads[destination]) && !is_listed(table, destination, &address))
			untag(table, destination);
	}
}

void heads_adopt(struct table *table)
{
	struct dead *dead = &table->marked;
	struct address address;

	for (uint32_t destination = 0; destination < table->destinations_max; destination++) {
		const struct destination_head *head = &table->heads[destination];

		if (!is_used(head) || !(head->flags & HEAD_LEAVING))
			continue;
		if (is_listed(table, destination, &address) ||
		    !bpf_map_update_elem(table->index_fd, &address, &destination, BPF_NOEXIST))
			stay(table, destination, &address);
		else if (dead->destination_count < COLLECT_HEADS_MAX)
			dead->destinations[dead->destination_count++] = destination;
	}
}
