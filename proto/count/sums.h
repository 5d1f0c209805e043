/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sums of clients and networks. The table has no records of them: what pairs, destinations and coarse entries gained
 * since the last harvest is added up here.
 *
 * Most keys need no sum: they are too slow to be called. So a gain first goes into a *bucket*, one of a small array
 * that stays in the cache, which many keys share. An *exact sum* of a key is begun when its bucket holds more packets
 * of a slot than the key's call threshold (least), or when sums_want asks for it. Then one pass over the records finds
 * what all keys that begin in this tick have had so far (sums_begin.c). From then on the key's gains are added to its
 * sum alone. A sum adds gains and never counters: a record that leaves would make a sum of counters fall.
 *
 * A key is surely begun once its own packets of the slot exceed
 *
 *	least + MARGIN x (packets in all buckets / buckets)
 *
 * The second part is what a bucket holds of other keys, with room for chance. While few clients are active it is below
 * one packet. In a flood of clients that send a packet each, it keeps them all from beginning.
 *
 * A sum ends after two slots with no more than `least` packets each, unless it was wanted in one of them. When all
 * SUMS_MAX are in use, those with the least packets give way. A key that begins again gets its whole sum from the
 * records, so an end loses nothing.
 *
 * The sums stand in memory of the caller, who keeps it across restarts (struct kept_sum in xpro/coarse.h). A gain is
 * added there before the record's harvest words say that it was harvested. A crash in between adds the gains of one
 * batch twice; the other order would lose them. No cell is published before it stands there.
 *
 * A tick's order: sums_tick, sums_add for every gain, sums_begin_open and what follows it (sums_begin.c), then
 * sums_next_changed until it returns false.
 */
#ifndef PROTO_SUMS_H
#define PROTO_SUMS_H

#include <string.h>

#include <xpro/bounds.h>
#include <xpro/key.h>
#include <xpro/record.h>
#include <xpro/time.h>

#include "cell.h"

#define SUM_BUCKETS 16384 /* of each kind: 256 kB, half of a small L2 cache for both */
#define SUM_KINDS 2
#define SUM_BEGINS_MAX 2048 /* keys that begin in one tick; others begin with their next gain */
#define SUM_BEGINS_INDEX (4 * SUM_BEGINS_MAX)
#define SUM_ASKS_MAX 16384 /* keys whose threshold is asked for in one tick, a tenth of a microsecond each */
#define SUM_SIEVE_MAX 12 /* a turn in 4,096 ticks is for four million keys */
#define SUM_FILTER_SHIFT 16
#define SUM_FILTER_BITS (1 << SUM_FILTER_SHIFT) /* 8 kB: of the keys that are met, one in 32 is looked up in vain */

/* Packets of a slot and of the one before. */
struct sum_bucket {
	uint32_t packets, before;
	uint16_t slot; /* low bits */
	uint16_t sum; /* number of the first exact sum whose key falls here, or 0 */
	uint32_t contacts; /* of clients, in `slot` */
};

/* What is known of an exact sum beside its cells. Sums are numbered from 1. */
struct sum_link {
	uint16_t next; /* sum of the same bucket, or 0; of a free one: the next free one */
	uint16_t tag; /* bits of the key's hash */
	uint16_t wanted; /* low bits of the slot it was last wanted in */
	uint8_t marks; /* cells that changed since sums_next_changed returned them, by slot modulo SUM_SLOTS */
	uint8_t flags; /* enum sum_flag */
};
enum sum_flag {
	SUM_LISTED = 0x01, /* in the list of changed sums */
	SUM_WANTED = 0x02, /* `wanted` says something */
};

/* What the frames of an exact sum came to, of packets whose size is known. Half of both is forgotten with each slot. */
struct sum_size {
	uint64_t bytes, packets;
};

/* Contacts of a client's exact sum. They end with the daemon: what was told of them stays told. */
struct sum_contacts {
	uint32_t counts[SUM_SLOTS]; /* by slot modulo SUM_SLOTS */
	uint16_t slots[SUM_SLOTS]; /* low bits */
};

/* A key that begins, and what the pass has found of it. */
struct sum_begin {
	uint64_t words[2]; /* its address */
	uint64_t hash;
	uint64_t packets[2]; /* of the running slot, and of the one before */
	uint8_t first[2], last[2];
	uint8_t kind; /* enum key_kind */
	bool wanted;
};

/* Whom to ask for the call thresholds of a key: in packets, and of a client in contacts. */
struct sum_threshold {
	uint64_t (*of)(void *user, const struct key *key);
	uint64_t (*contacts_of)(void *user, const struct key *key);
	void *user;
};

struct sums {
	struct kept_sum *cells; /* SUMS_MAX, of the caller */
	uint64_t seed[2];
	int64_t slot_ns;
	uint64_t slot; /* the running one */
	struct sum_threshold threshold;
	uint64_t least[SUM_KINDS]; /* of all keys of a kind: spares asking for most */
	uint64_t contacts_least; /* of all clients */
	uint32_t held;
	uint16_t high; /* numbers up to this were ever used: no walk goes beyond */
	uint16_t free; /* list head of those that are not used now, through sum_link.next */
	uint32_t changed_count, begins_count, asks; /* asks: in this tick */
	uint32_t ticks;
	uint8_t sieve; /* is_its_turn in sums_begin.c */
	bool crowded; /* more keys would have begun in this tick than may */
	struct sum_bucket totals[SUM_KINDS]; /* over all buckets */
	struct sum_bucket buckets[SUM_KINDS][SUM_BUCKETS];
	struct sum_link links[SUMS_MAX + 1];
	struct sum_size sizes[SUMS_MAX + 1];
	struct sum_contacts contacts[SUMS_MAX + 1];
	uint16_t changed[SUMS_MAX]; /* numbers */
	struct sum_begin begins[SUM_BEGINS_MAX];
	uint16_t begins_index[SUM_BEGINS_INDEX]; /* number of a begin + 1; 0: none */
	uint64_t filter[SUM_FILTER_BITS / 64]; /* of the keys that begin */
};

static inline struct key sum_key(enum key_kind kind, const uint64_t words[2])
{
	struct address address;

	memcpy(&address, words, sizeof(address));
	return kind == KEY_NETWORK ? key_of_network(&address) : key_of_client(&address);
}

/* A record gained packets. */
struct sum_gain {
	uint64_t slot;
	struct instant first, last; /* of the record in that slot */
	uint32_t packets;
	uint32_t size; /* mean size of their frames, in bytes; 0: not known */
	bool fresh; /* the record's first in that slot: `first` says when */
};

/*
 * `sums` is all zero. `cells` are all zero, or as an earlier sums_init and what followed it left them. Cells of slots
 * no longer held are taken out. The others are changed: sums_next_changed returns them once more.
 */
void sums_init(struct sums *sums, struct kept_sum *cells, const uint64_t seed[2], struct duration slot_length,
	       uint64_t slot_now, struct sum_threshold threshold);

/* A new incarnation: what was counted before belongs to another. */
void sums_clear(struct sums *sums);

/*
 * A tick begins; `least`: the least call threshold of each kind: clients, networks. `contacts_least`: that of clients
 * in contacts.
 */
void sums_tick(struct sums *sums, uint64_t slot, const uint64_t least[SUM_KINDS], uint64_t contacts_least);

/*
 * A client made a contact, in the running slot. As packets do, it goes into a bucket until that holds more contacts
 * than the key's call threshold; then the client's sum begins, and what its bucket held of contacts is not known to be
 * its.
 * (Sums of clients and networks, 8)
 */
void sums_contact(struct sums *sums, const uint64_t words[2], uint64_t hash);

/*
 * The first tick of a slot has been harvested: sums that were quiet in the last two slots end.
 * (Sums of clients and networks, 6)
 */
void sums_slot(struct sums *sums);

/*
 * The key of a client or network is to have an exact sum, because another member counts it. Without packets of it here
 * in this slot or the one before nothing begins, and whoever asks asks again with the next cell of the key.
 * (Sums of clients and networks, 3)
 */
void sums_want(struct sums *sums, const struct key *key);

/*
 * The mean size of a client's or network's frames here, in bytes; 0: not known. Of a network it is exact; of a client
 * it is that of its pairs' samples (xdp/size.h).
 */
double sums_size(const struct sums *sums, const struct key *key);

/* The next cell that changed since it was last returned, or false. */
bool sums_next_changed(struct sums *sums, struct cell *ret_cell);

/*
 * What a record had counted in a slot before this daemon started. Exact sums hold it already; of the others their
 * buckets know nothing.
 */
void sums_meet(struct sums *sums, enum key_kind kind, const uint64_t words[2], uint64_t hash, uint64_t slot,
	       uint32_t packets);

/* ---- what a harvest does for every record ---- */

static inline unsigned int sum_kind(enum key_kind kind)
{
	return kind == KEY_NETWORK;
}

/*
 * Addresses are two words here, as they stand in memory: a harvest has just written them by words, and to read more
 * than one word at once would have to wait for that.
 */
static inline void sum_words(const struct address *address, uint64_t ret_words[2])
{
	memcpy(ret_words, address, sizeof(*address));
}

static inline uint64_t sum_hash(const struct sums *sums, const uint64_t words[2])
{
	/* of an IPv4 address the first word is 0 */
	return mix64((words[0] ? mix64(words[0] ^ sums->seed[0]) : sums->seed[1]) ^ words[1]);
}

static inline struct sum_bucket *sum_bucket_of(struct sums *sums, unsigned int kind, uint64_t hash)
{
	return &sums->buckets[kind][hash % SUM_BUCKETS];
}

static inline uint16_t sum_tag(uint64_t hash)
{
	return (uint16_t)(hash >> 48);
}

/* The number of the key's exact sum, or 0. */
static inline uint16_t sum_find(const struct sums *sums, uint16_t first, uint16_t tag, const uint64_t words[2])
{
	uint16_t number = first;

	while (number && (sums->links[number].tag != tag || sums->cells[number - 1].address[0] != words[0] ||
			  sums->cells[number - 1].address[1] != words[1]))
		number = sums->links[number].next;
	return number;
}

/* Packets of the gain's slot in a bucket, which may begin that slot; NULL: the slot is too old. */
static inline uint32_t *bucket_part(struct sum_bucket *bucket, uint16_t slot)
{
	const uint16_t back = (uint16_t)(bucket->slot - slot);

	if (back == 0)
		return &bucket->packets;
	if (back <= SLOTS_HELD) /* more: the bucket has been idle for a round of the low bits, or for longer */
		return back == 1 ? &bucket->before : NULL;
	bucket->before = (uint16_t)(slot - bucket->slot) == 1 ? bucket->packets : 0;
	bucket->packets = 0;
	bucket->contacts = 0;
	bucket->slot = slot;
	return &bucket->packets;
}

/* What a bucket may hold of a slot beside `least` before keys begin: half as much again as all hold on average. */
static inline uint32_t sums_margin(uint32_t total)
{
	return (uint32_t)(((uint64_t)total + total / 2) / SUM_BUCKETS);
}

/*
 * The bucket holds so many packets, without the margin: the key begins if that is above its own threshold.
 * (Sums of clients and networks, 2)
 */
void sums_nominate(struct sums *sums, enum key_kind kind, const uint64_t words[2], uint64_t hash, uint64_t packets);
/* Adds a gain to an exact sum: a number of the list, which is not 0. (Sums of clients and networks, 5) */
void sum_add(struct sums *sums, uint16_t number, const struct sum_gain *gain);

/*
 * Adds what a record gained to its client or network. `kind` is KEY_CLIENT or KEY_NETWORK, `words` the address, the
 * network's without host bits, and `hash` its sum_hash. The caller may prefetch sum_bucket_of before.
 * (Sums of clients and networks, 1)
 */
static inline void sums_add(struct sums *sums, enum key_kind kind, const uint64_t words[2], uint64_t hash,
			    const struct sum_gain *gain)
{
	struct sum_bucket *bucket = sum_bucket_of(sums, sum_kind(kind), hash);
	const uint16_t number = bucket->sum ? sum_find(sums, bucket->sum, sum_tag(hash), words) : 0;
	uint32_t *part, *total;

	if (number) {
		sum_add(sums, number, gain);
		return;
	}
	part = bucket_part(bucket, (uint16_t)gain->slot);
	total = bucket_part(&sums->totals[sum_kind(kind)], (uint16_t)gain->slot);
	if (!part || !total)
		return; /* no key begins for what came so late */
	*part += gain->packets;
	*total += gain->packets;
	if (*part > sums_margin(*total) && *part - sums_margin(*total) > sums->least[sum_kind(kind)])
		sums_nominate(sums, kind, words, hash, *part - sums_margin(*total));
}

/* ---- sums_begin.c: the pass over the records for the keys that begin ---- */

/*
 * Do keys begin? Then the pass: for every record, sum_begin_of its client or network, and sum_begin_add of what the
 * record had counted at this tick's harvest, for the running slot and for the one before. At its end sums_begin_close.
 * No gain may be added in between.
 */
bool sums_begin_open(const struct sums *sums);

/* What begins under this hash and address, or NULL. */
struct sum_begin *sums_begin_find(struct sums *sums, enum key_kind kind, const uint64_t words[2], uint64_t hash);

/* One multiplication: a pass asks for every record. */
static inline uint64_t sum_filter_bit(const struct sums *sums, uint64_t first, uint64_t second)
{
	return (first + second) * (sums->seed[0] | 1) >> (64 - SUM_FILTER_SHIFT);
}

static inline bool sum_may_begin(const struct sums *sums, uint64_t first, uint64_t second)
{
	const uint64_t bit = sum_filter_bit(sums, first, second);

	return sums->filter[bit / 64] >> bit % 64 & 1;
}

static inline struct sum_begin *sum_begin_of(struct sums *sums, enum key_kind kind, const struct address *address)
{
	uint64_t words[2];

	sum_words(address, words);
	return sum_may_begin(sums, words[0], words[1]) ? sums_begin_find(sums, kind, words, sum_hash(sums, words))
						       : NULL;
}

/*
 * Packets of the running slot, or of the one before; any other is left out. `first` and `last` are parts of the slot.
 */
void sum_begin_add(const struct sums *sums, struct sum_begin *begin, const struct cell *cell);

/* The total of that slot is at least this. */
void sum_begin_raise(const struct sums *sums, struct sum_begin *begin, const struct cell *cell);

/* Makes the sums of what was found. Those with the least packets give way when there is no room. */
void sums_begin_close(struct sums *sums);

/* Of a time in a slot that begins at `begins`. */
static inline uint8_t slot_fraction_of(struct instant begins, int64_t slot_ns, struct instant at)
{
	const int64_t into = at.ns - begins.ns;

	if (into <= 0)
		return 0;
	return into >= slot_ns ? SLOT_FRACTIONS - 1 : (uint8_t)(into * SLOT_FRACTIONS / slot_ns);
}

#endif
