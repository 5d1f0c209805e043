/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Taking idle keys out of the table while packets arrive. A packet in flight may still hold a pointer to a record whose tag is gone, so
 * nothing is reused before every such packet is through:
 *
 *	mark	tag -> TAG_DEAD (a destination: out of the hash)
 *	grace	all packets then in flight are through
 *	free	zero, tag -> empty
 *
 * A record that still counted something in between is not lost: its tag is put back and it lives on, or, when its key has got another record
 * meanwhile, its packets are joined to that one's. The grace period is the kernel's own (membarrier waits for RCU), awaited by a helper
 * thread so that the event loop does not block.
 */
#include <errno.h>
#include <linux/membarrier.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "table_internal.h"

static void *grace_run(void *user)
{
	struct grace *grace = user;
	uint64_t asked;
	bool failed;

	pthread_mutex_lock(&grace->lock);
	while (!grace->stop) {
		if (grace->asked == grace->done) {
			pthread_cond_wait(&grace->changed, &grace->lock);
			continue;
		}
		asked = grace->asked;
		pthread_mutex_unlock(&grace->lock);
		failed = syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0;
		pthread_mutex_lock(&grace->lock);
		grace->failed = failed;
		grace->done = asked;
	}
	pthread_mutex_unlock(&grace->lock);
	return NULL;
}

static void grace_begin(struct grace *grace)
{
	pthread_mutex_lock(&grace->lock);
	grace->asked++;
	pthread_cond_signal(&grace->changed);
	pthread_mutex_unlock(&grace->lock);
}

/* Where the kernel refuses to wait (nohz_full), nothing is ever free again rather than too soon. */
static bool grace_is_over(struct grace *grace)
{
	bool over;

	pthread_mutex_lock(&grace->lock);
	over = grace->asked == grace->done && !grace->failed;
	pthread_mutex_unlock(&grace->lock);
	return over;
}

static int dead_allocate(struct dead *dead)
{
	dead->pairs = calloc(COLLECT_PAIRS_MAX, sizeof(*dead->pairs));
	dead->destinations = calloc(COLLECT_DESTINATIONS_MAX, sizeof(*dead->destinations));
	return dead->pairs && dead->destinations ? 0 : -ENOMEM;
}

/* What an earlier daemon left half done: nobody knows the tags any more, and idle keys they were. */
static void sweep(struct pairs *pairs)
{
	uint32_t set_index;
	unsigned int way;

	for (set_index = 0; set_index < pairs->count; set_index++)
		for (way = 0; way < SET_WAYS; way++) {
			__u64 *tag = &set_of_index(pairs, set_index)->tags[way];

			if (load64(tag) >= TAG_DEAD)
				store64(tag, TAG_EMPTY);
		}
}

static bool is_referenced(const struct table *table, uint32_t destination)
{
	return table->referenced[destination / 64] >> destination % 64 & 1;
}

static bool is_orphan(const struct table *table, uint32_t destination)
{
	struct address address;

	memcpy(&address, table->heads[destination].address, sizeof(address));
	return !address_is_zero(&address) && destination_find(table, &address) != destination;
}

static void note_orphans(struct table *table)
{
	uint32_t destination;

	for (destination = 0; destination < table->destinations_max; destination++)
		if (is_orphan(table, destination))
			table->referenced[destination / 64] |= 1ULL << destination % 64;
}

/* Destinations taken out of the hash and not cleared: an orphan before and after a grace period is not one the kernel is just
 * making. */
static void adopt_orphans(struct table *table)
{
	struct dead *dead = &table->marked;
	uint32_t destination;

	for (destination = 0; destination < table->destinations_max; destination++) {
		if (!is_referenced(table, destination) || !is_orphan(table, destination))
			continue;
		if (bpf_map_update_elem(table->index_fd, table->heads[destination].address, &destination, BPF_NOEXIST) &&
		    dead->destination_count < COLLECT_DESTINATIONS_MAX)
			dead->destinations[dead->destination_count++] = destination;
	}
}

static void repair(struct table *table)
{
	note_orphans(table);
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		return;
	sweep(&table->pairs4);
	sweep(&table->pairs6);
	adopt_orphans(table);
}

int collect_start(struct table *table)
{
	table->referenced = calloc(table->destinations_max / 64 + 1, sizeof(*table->referenced));
	if (!table->referenced || dead_allocate(&table->marked) || dead_allocate(&table->waiting))
		return -ENOMEM;
	if (!table->is_new)
		repair(table);
	pthread_mutex_init(&table->grace.lock, NULL);
	pthread_cond_init(&table->grace.changed, NULL);
	return 0;
}

int table_start_thread(struct table *table)
{
	struct grace *grace = &table->grace;
	sigset_t all, before;
	int err;

	sigfillset(&all); /* signals are the event loop's */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&grace->thread, NULL, grace_run, grace);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	grace->running = err == 0;
	return -err;
}

void collect_stop(struct table *table)
{
	struct grace *grace = &table->grace;

	if (grace->running) {
		pthread_mutex_lock(&grace->lock);
		grace->stop = true;
		pthread_cond_signal(&grace->changed);
		pthread_mutex_unlock(&grace->lock);
		pthread_join(grace->thread, NULL);
		grace->running = false;
	}
	free(table->marked.pairs);
	free(table->marked.destinations);
	free(table->waiting.pairs);
	free(table->waiting.destinations);
	free(table->referenced);
}

/* Marks a pair dead. False: no room in the list, or somebody else changed the tag. */
bool collect_pair(struct table *table, const struct pairs *pairs, const struct spot *spot, uint64_t tag)
{
	struct dead *dead = &table->marked;
	__u64 expected = tag;

	if (dead->pair_count == COLLECT_PAIRS_MAX)
		return false;
	if (!__atomic_compare_exchange_n(&spot->set->tags[spot->way], &expected, TAG_DEAD, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return false;
	dead->pairs[dead->pair_count++] =
		(struct dead_pair){ .tag = tag, .set_index = spot->set_index, .way = (uint8_t)spot->way, .ipv6 = pairs->ipv6 };
	return true;
}

static bool words_are_idle(const struct table *table, const struct words *words, uint32_t idle)
{
	uint32_t now = table->clock.jiffies;
	uint16_t ts2_age = (uint16_t)(now >> TS2_SHIFT) - FOLD_TS2(*words->fold);

	if (jiffies_since(words->last, now) <= (int32_t)idle || (uint32_t)words->packets != WORD_HIGH(*words->harvest))
		return false;
	return *words->fold == 0 ||
	       (uint32_t)ts2_age << TS2_SHIFT > idle; /* active at another proxy: it will want the record here */
}

static void mark_pairs(struct table *table, struct pairs *pairs, uint32_t *cursor, uint32_t idle)
{
	uint32_t looked;
	unsigned int way;

	for (looked = 0; looked < pairs->count && looked < COLLECT_SETS_MAX; looked++, *cursor = (*cursor + 1) % pairs->count)
		for (way = 0; way < SET_WAYS; way++) {
			struct spot spot = { set_of_index(pairs, *cursor), *cursor, way };
			uint64_t tag = load64(&spot.set->tags[way]);
			struct words words;

			if (tag == TAG_EMPTY || tag >= TAG_DEAD)
				continue;
			words = words_of_pair(table, spot_record(&spot));
			if (words_are_idle(table, &words, idle) && !collect_pair(table, pairs, &spot, tag))
				return;
		}
}

static void refer(struct table *table, const struct pairs *pairs)
{
	uint32_t set_index, destination;
	unsigned int way;

	for (set_index = 0; set_index < pairs->count; set_index++)
		for (way = 0; way < SET_WAYS; way++) {
			struct pair4_set *set = set_of_index(pairs, set_index);

			if (load64(&set->tags[way]) == TAG_EMPTY)
				continue;
			destination = PLACE_DESTINATION(load32(&set->records[way].place));
			if (destination < table->destinations_max)
				table->referenced[destination / 64] |= 1ULL << destination % 64;
		}
}

static void references_count(struct table *table)
{
	memset(table->referenced, 0, (table->destinations_max / 64 + 1) * sizeof(*table->referenced));
	refer(table, &table->pairs4);
	refer(table, &table->pairs6);
}

static bool destination_is_idle(const struct table *table, uint32_t destination, uint32_t idle)
{
	const struct destination_head *head = &table->heads[destination];
	struct address address;
	struct words words;

	memcpy(&address, head->address, sizeof(address));
	if (address_is_zero(&address) || head->flags & HEAD_PASS)
		return false;
	words = words_of_destination(table, destination);
	return words_are_idle(table, &words, idle);
}

/* References are counted only when there is a candidate: that is a pass over the whole table. */
static void mark_destinations(struct table *table, uint32_t idle)
{
	struct dead *dead = &table->marked;
	uint32_t destination, found;
	bool counted = false;

	for (destination = 0; destination < table->destinations_max && dead->destination_count < COLLECT_DESTINATIONS_MAX;
	     destination++) {
		if (!destination_is_idle(table, destination, idle))
			continue;
		if (!counted)
			references_count(table);
		counted = true;
		if (is_referenced(table, destination))
			continue;
		if (bpf_map_lookup_elem(table->index_fd, table->heads[destination].address, &found) || found != destination)
			continue; /* being made, or already out */
		if (!bpf_map_delete_elem(table->index_fd, table->heads[destination].address))
			dead->destinations[dead->destination_count++] = destination;
	}
}

static void record_free(struct table *table, const struct pairs *pairs, const struct spot *spot, uint64_t tag)
{
	const struct key key = spot_key(pairs, spot, tag);

	client_pairs_add(table, &key, -1);
	memset(spot_record(spot), 0, sizeof(struct pair_record));
	store64(&spot->set->tags[spot->way], TAG_EMPTY);
}

static size_t free_pair(struct table *table, const struct dead_pair *dead)
{
	struct pairs *pairs = dead->ipv6 ? &table->pairs6 : &table->pairs4;
	struct spot spot = { set_of_index(pairs, dead->set_index), dead->set_index, dead->way }, twin;
	struct words words = words_of_pair(table, spot_record(&spot)), theirs;

	if (spot_find_twin(table, pairs, dead->tag, &spot, &twin)) {
		theirs = words_of_pair(table, spot_record(&twin));
		words_join(&theirs, &words);
	} else if ((uint32_t)words.packets != WORD_HIGH(*words.harvest)) {
		store64(&spot.set->tags[spot.way], dead->tag);
		return 0;
	}
	record_free(table, pairs, &spot, dead->tag);
	return 1;
}

/* The kernel may be looking up the policy meanwhile. */
static void place_move(__u32 *word, uint32_t to)
{
	uint32_t place = load32(word);

	while (!__atomic_compare_exchange_n(word, &place, PLACE(to, PLACE_POLICY(place)), false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		;
}

/* Pairs that went on referring to a destination whose address now has another index. */
static void repoint(struct pairs *pairs, uint32_t from, uint32_t to)
{
	uint32_t set_index, place;
	unsigned int way;

	for (set_index = 0; set_index < pairs->count; set_index++)
		for (way = 0; way < SET_WAYS; way++) {
			__u32 *word = &set_of_index(pairs, set_index)->records[way].place;

			place = load32(word);
			if (PLACE_DESTINATION(place) == from)
				place_move(word, to);
		}
}

static void destination_clear(struct table *table, uint32_t destination)
{
	memset(&table->shards[(size_t)destination * table->cpus], 0, table->cpus * sizeof(*table->shards));
	memset(&table->heads[destination], 0, sizeof(*table->heads));
	bpf_map_update_elem(table->free_fd, NULL, &destination, BPF_ANY);
}

static size_t free_destination(struct table *table, uint32_t destination)
{
	struct words words = words_of_destination(table, destination), theirs;
	bool moved = (uint32_t)words.packets != WORD_HIGH(*words.harvest), referenced = is_referenced(table, destination);
	struct address address;
	uint32_t successor;

	memcpy(&address, table->heads[destination].address, sizeof(address));
	if ((moved || referenced) && !bpf_map_update_elem(table->index_fd, &address, &destination, BPF_NOEXIST))
		return 0; /* lives on */
	successor = destination_find(table, &address);
	if (referenced && successor != DESTINATION_NONE) {
		repoint(&table->pairs4, destination, successor);
		repoint(&table->pairs6, destination, successor);
		table->marked.destinations[table->marked.destination_count++] =
			destination; /* packets in flight: another grace period */
		return 0;
	}
	if (successor != DESTINATION_NONE) {
		theirs = words_of_destination(table, successor);
		words_join(&theirs, &words);
	}
	destination_clear(table, destination);
	return 1;
}

static size_t free_waiting(struct table *table)
{
	struct dead *dead = &table->waiting;
	size_t freed = 0;
	uint32_t i;

	for (i = 0; i < dead->pair_count; i++)
		freed += free_pair(table, &dead->pairs[i]);
	if (dead->destination_count)
		references_count(table);
	for (i = 0; i < dead->destination_count; i++)
		freed += free_destination(table, dead->destinations[i]);
	dead->pair_count = dead->destination_count = 0;
	return freed;
}

static void swap_lists(struct table *table)
{
	struct dead waiting = table->waiting;

	table->waiting = table->marked;
	table->marked = waiting;
}

size_t table_collect(struct table *table, struct now now, struct duration idle)
{
	int64_t periods = idle.ns / table->clock.period_ns;
	uint32_t idle_jiffies = periods > INT32_MAX ? INT32_MAX : (uint32_t)periods;
	size_t freed;

	(void)now; /* records are stamped in jiffies, and the anchor has just read them */
	if (!grace_is_over(&table->grace))
		return 0;
	freed = free_waiting(table);
	mark_pairs(table, &table->pairs4, &table->cursor4, idle_jiffies);
	mark_pairs(table, &table->pairs6, &table->cursor6, idle_jiffies);
	mark_destinations(table, idle_jiffies);
	swap_lists(table);
	if (table->waiting.pair_count || table->waiting.destination_count)
		grace_begin(&table->grace);
	return freed;
}
