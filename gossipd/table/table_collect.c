/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Taking keys out of the table while packets arrive: idle pairs here, heads in table_heads.c. A packet in flight may
 * still hold a pointer to a record whose tag is gone, so nothing is reused before every such packet is through:
 *
 *	mark	tag -> TAG_DEAD (a head: out of the hash, its shards' tags 0)
 *	grace	all packets then in flight are through
 *	free	zero, tag -> empty
 *
 * A record that still counted something in between is not lost: its tag is put back and it lives on, or, when its
 * key has got another record meanwhile, its packets are joined to that one's. The grace period is the kernel's own
 * (membarrier waits for RCU), awaited by a helper thread so that the event loop does not block.
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
	dead->destinations = calloc(COLLECT_HEADS_MAX, sizeof(*dead->destinations));
	dead->limits = calloc(HOT_LIMITS_MAX, sizeof(*dead->limits));
	return dead->pairs && dead->destinations && dead->limits ? 0 : -ENOMEM;
}

static void dead_free(struct dead *dead)
{
	free(dead->pairs);
	free(dead->destinations);
	free(dead->limits);
}

/* Frees ways that an earlier daemon had marked dead: their tags are lost, and their keys were idle. */
static void sweep(struct table *table, struct pairs *pairs)
{
	uint32_t set_index;
	unsigned int way;

	for (set_index = 0; set_index < pairs->count; set_index++)
		for (way = 0; way < SET_WAYS; way++) {
			__u64 *tag = &set_of_index(pairs, set_index)->tags[way];

			if (load64(tag) < TAG_DEAD)
				continue;
			answers_forget(table, pairs, set_index, way);
			store64(tag, TAG_EMPTY);
		}
}

static void repair(struct table *table)
{
	heads_note(table);
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		return;
	sweep(table, &table->pairs4);
	sweep(table, &table->pairs6);
	heads_adopt(table);
}

int collect_start(struct table *table)
{
	if (heads_start(table) || dead_allocate(&table->marked) || dead_allocate(&table->waiting))
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
	dead_free(&table->marked);
	dead_free(&table->waiting);
	free(table->paces);
	free(table->waits);
}

/* Is its client foreign after a change of sides (table_sides.c), and not on never_drop? */
static bool is_to_go(const struct table *table, const struct pairs *pairs, const struct spot *spot, uint64_t tag)
{
	const struct key key = spot_key(pairs, spot, tag);

	return sides_are_foreign(table, &key.client) &&
	       !(table->policies[policy_of_pair(table, &key)].flags & POLICY_LISTED_PASS);
}

/* False: no room in the list. */
static bool mark_set(struct table *table, struct pairs *pairs, uint32_t set_index, uint32_t idle)
{
	unsigned int way;

	for (way = 0; way < SET_WAYS; way++) {
		struct spot spot = { set_of_index(pairs, set_index), set_index, way };
		uint64_t tag = load64(&spot.set->tags[way]);
		struct words words;

		if (tag == TAG_EMPTY || tag >= TAG_DEAD)
			continue;
		words = words_of_pair(table, spot_record(&spot));
		if ((words_are_idle(table, &words, idle) || (table->sorting && is_to_go(table, pairs, &spot, tag))) &&
		    !spot_retire(table, pairs, &spot, tag))
			return false;
	}
	return true;
}

static void mark_pairs(struct table *table, struct pairs *pairs, uint32_t *cursor, uint32_t *unsorted, uint32_t idle)
{
	uint32_t looked;

	for (looked = 0; looked < pairs->count && looked < COLLECT_SETS_MAX && mark_set(table, pairs, *cursor, idle);
	     looked++, *cursor = (*cursor + 1) % pairs->count)
		*unsorted -= *unsorted > 0;
}

/* `used` goes with it: until the next harvest counts anew, what is free is not given back a second time. */
static void record_free(struct table *table, struct pairs *pairs, const struct spot *spot, uint64_t tag)
{
	const struct key key = spot_key(pairs, spot, tag);

	pairs->used -= pairs->used > 0;
	quota_pair_free(table, pairs, spot, &key);
	memset(spot_record(spot), 0, sizeof(struct pair_record));
	answers_forget(table, pairs, spot->set_index, spot->way);
	store64(&spot->set->tags[spot->way], TAG_EMPTY);
}

static size_t free_pair(struct table *table, const struct dead_pair *dead)
{
	struct pairs *pairs = dead->ipv6 ? &table->pairs6 : &table->pairs4;
	struct spot spot = { set_of_index(pairs, dead->set_index), dead->set_index, dead->way }, twin;
	struct words words = words_of_pair(table, spot_record(&spot)), theirs;

	if (spot_find_twin(table, pairs, dead->tag, &spot, &twin)) {
		const struct key key = spot_key(pairs, &spot, dead->tag);

		theirs = words_of_pair(table, spot_record(&twin));
		words_join(&theirs, &words);
		if (*theirs.harvest != 0)
			quota_pair_seen(table, pairs, &twin, &key);
	} else if ((uint32_t)words.packets != WORD_HIGH(*words.harvest) &&
		   !(table->sorting && is_to_go(table, pairs, &spot, dead->tag))) {
		store64(&spot.set->tags[spot.way], dead->tag);
		return 0;
	}
	record_free(table, pairs, &spot, dead->tag);
	return 1;
}

static size_t free_waiting(struct table *table)
{
	struct dead *dead = &table->waiting;
	size_t freed = 0;
	uint32_t i;

	for (i = 0; i < dead->pair_count; i++)
		freed += free_pair(table, &dead->pairs[i]);
	for (i = 0; i < dead->destination_count; i++)
		freed += head_free(table, dead->destinations[i]);
	for (i = 0; i < dead->limit_count; i++)
		hot_free(table, dead->limits[i]);
	dead->pair_count = dead->destination_count = dead->limit_count = 0;
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
	quotas_give_way(table);
	if (table->sorting)
		sides_sorted(table); /* those marked by the calls before are free now */
	mark_pairs(table, &table->pairs4, &table->cursor4, &table->unsorted4, idle_jiffies);
	mark_pairs(table, &table->pairs6, &table->cursor6, &table->unsorted6, idle_jiffies);
	heads_mark(table, idle_jiffies);
	swap_lists(table);
	if (table->waiting.pair_count || table->waiting.destination_count || table->waiting.limit_count)
		grace_begin(&table->grace);
	return freed;
}
