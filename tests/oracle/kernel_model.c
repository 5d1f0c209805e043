/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One CPU, no races: what is atomic in the kernel is plain here. The daemon is alive. */
#include "kernel_model.h"

#include <stdlib.h>
#include <string.h>

#include "mesh.h"

#define TS2_AHEAD_MAX 64

struct measure {
	uint64_t count_hz;
	uint32_t window;
};

static uint32_t jiffies_of(struct instant mesh)
{
	const uint32_t jiffies = (uint32_t)(mesh.ns / (NS_PER_S / KERNEL_HZ));

	return jiffies ? jiffies : 1;
}

static uint32_t jiffies_in(struct duration duration)
{
	return (uint32_t)(duration.ns / (NS_PER_S / KERNEL_HZ));
}

static uint32_t age(uint32_t then, uint32_t now)
{
	const int32_t since = jiffies_since(then, now);

	return since > 0 ? (uint32_t)since : 0;
}

static uint32_t ts2_age(uint64_t fold, uint32_t now)
{
	const uint16_t units = (uint16_t)((uint16_t)(now >> TS2_SHIFT) - FOLD_TS2(fold));

	return units > 0xffff - TS2_AHEAD_MAX ? 0 : (uint32_t)units << TS2_SHIFT;
}

void kernel_init(struct kernel *kernel, const struct mesh *mesh, const struct thresholds *thresholds)
{
	*kernel = (struct kernel){
		.thresholds = *thresholds,
		.window_max = jiffies_in(duration_ms(mesh->window_max_ms)),
		.decay = mesh->decay,
		.carry_span = jiffies_in(duration_ms(CARRY_TICKS * (int64_t)mesh->tick_ms)),
	};
}

/* Where the number of a key's record stands, or belongs. */
static uint16_t *place_of(struct kernel *kernel, const struct key *key)
{
	uint64_t words[4];
	size_t at;

	memcpy(words, key, sizeof(words));
	at = tag_of_pair6((const __u64 *)words, 1) % (2 * KERNEL_KEYS_MAX);
	while (kernel->index[at] && !key_equal(&kernel->records[kernel->index[at] - 1].key, key))
		at = (at + 1) % (2 * KERNEL_KEYS_MAX);
	return &kernel->index[at];
}

struct pair_record *kernel_record_of(struct kernel *kernel, const struct key *key)
{
	const uint16_t number = *place_of(kernel, key);

	return number ? &kernel->records[number - 1].words : NULL;
}

static struct pair_record *record_make(struct kernel *kernel, const struct key *key, uint32_t last, uint32_t now)
{
	struct kernel_record *record = &kernel->records[kernel->records_count];

	if (kernel->records_count == KERNEL_KEYS_MAX)
		abort();
	*place_of(kernel, key) = (uint16_t)++kernel->records_count;
	*record = (struct kernel_record){ .key = *key,
					  .words = { .window = WORD(now, 0), .last = last, .pass_share = SHARE_ALL } };
	return &record->words;
}

static bool fold_in_force(const struct pair_record *record)
{
	return FOLD_IS_OF(record->fold, WORD_LOW(record->window));
}

/* Algorithm 2, lines 2-11. */
static void count(const struct kernel *kernel, struct pair_record *record, uint32_t now)
{
	const uint32_t idle_reset = jiffies_in(kernel->thresholds.idle_reset);

	if (age(record->last, now) > idle_reset && age(WORD_LOW(record->window), now) > idle_reset &&
	    !(fold_in_force(record) && ts2_age(record->fold, now) <= idle_reset))
		record->window = WORD(now, record->packets);
	record->last = now;
	record->packets++;
}

static struct measure measure_own(const struct kernel *kernel, struct pair_record *record, uint32_t now)
{
	const uint32_t packets = (uint32_t)record->packets, length = age(WORD_LOW(record->window), now);

	if (length > kernel->window_max)
		record->window = WORD(now - length / kernel->decay,
				      packets - (packets - WORD_HIGH(record->window)) / kernel->decay);
	return (struct measure){ (uint64_t)(packets - WORD_HIGH(record->window)) * KERNEL_HZ,
				 age(WORD_LOW(record->window), now) };
}

static struct measure measure_fold(const struct kernel *kernel, const struct pair_record *record, uint32_t now)
{
	const int16_t since = (int16_t)((uint16_t)now - FOLD_CARRY_FROM(record->fold));
	uint32_t elapsed = since > 0 ? (uint32_t)since : 0;
	uint64_t count_hz = (uint64_t)(uint32_t)(record->packets + WORD_HIGH(record->base)) * KERNEL_HZ, carried_hz;

	if (elapsed > kernel->carry_span)
		elapsed = kernel->carry_span;
	carried_hz = (uint64_t)WORD_LOW(record->carry) * KERNEL_HZ +
		     (uint64_t)WORD_HIGH(record->carry) * elapsed / RHO_SCALE;
	return (struct measure){ count_hz > carried_hz ? count_hz : carried_hz, age(WORD_LOW(record->base), now) };
}

/* Lines 12-13, 21-22. */
static struct kernel_verdict judge(const struct measure *measure, uint32_t rate, uint32_t window_min)
{
	const uint32_t longer = measure->window > window_min ? measure->window : window_min;

	return (struct kernel_verdict){
		.over = rate && measure->window > window_min && measure->count_hz > (uint64_t)rate * measure->window,
		.over_early = rate && measure->count_hz > (uint64_t)rate * longer,
	};
}

/* As xdp/share.h, with time and bucket in whole numbers of a jiffy's 1/1024. */
static bool evidence_grants(struct pair_record *record, uint32_t rate, uint32_t now)
{
	const uint32_t members = FOLD_MEMBERS(record->fold), at = EVIDENCE_AT(now), second = KERNEL_HZ * EVIDENCE_SCALE;
	const uint64_t packet = (uint64_t)second * EVIDENCE_SHARE * members / (rate ? rate : 1);
	uint32_t ahead = record->evidence - at;

	if (members < 2 || !rate)
		return false;
	if (ahead > second + packet)
		ahead = 0;
	if (ahead + packet > (second > packet ? second : packet))
		return false;
	record->evidence = at + ahead + (uint32_t)packet;
	return true;
}

struct kernel_verdict kernel_packet(struct kernel *kernel, const struct key *key, struct instant mesh)
{
	const struct thresholds *t = &kernel->thresholds;
	const uint32_t now = jiffies_of(mesh);
	struct pair_record *record = kernel_record_of(kernel, key);
	struct measure measure;

	if (!record)
		record = record_make(kernel, key, now, now);
	count(kernel, record, now);
	measure = fold_in_force(record) ? measure_fold(kernel, record, now) : measure_own(kernel, record, now);
	if (key_kind(key) == KEY_DESTINATION)
		return judge(&measure, t->destination_rate, jiffies_in(t->destination_min_window));
	struct kernel_verdict verdict = judge(&measure, t->pair_rate, jiffies_in(t->pair_min_window));

	verdict.floor = verdict.over_early && fold_in_force(record) && evidence_grants(record, t->pair_rate, now);
	return verdict;
}

/*
 * A window that began after the last harvest is not in the ledger yet; a record never harvested continues what
 * others counted unless they were silent for T_T1.
 */
static bool window_is_known(const struct kernel *kernel, const struct pair_record *record, uint32_t harvested,
			    uint32_t ts2)
{
	const uint32_t before = WORD_HIGH(record->window);

	if ((int32_t)(harvested - before) > 0)
		return true;
	return harvested == 0 && before == 0 &&
	       jiffies_since(ts2, WORD_LOW(record->window)) <= (int32_t)jiffies_in(kernel->thresholds.idle_reset);
}

void kernel_apply(struct kernel *kernel, const struct change *change, uint32_t harvested, struct instant mesh)
{
	const uint32_t ts1 = jiffies_of(change->ts1), ts2 = jiffies_of(change->ts2),
		       from = jiffies_of(change->carry_from);
	struct pair_record *record = kernel_record_of(kernel, &change->key);

	if (!record && !change->notable)
		return;
	if (!record)
		record = record_make(kernel, &change->key, ts2, jiffies_of(mesh));
	if (!window_is_known(kernel, record, harvested, ts2))
		return;
	record->base = WORD(ts1, (uint32_t)change->count - harvested);
	record->fold = FOLD(WORD_LOW(record->window), change->members, from, ts2 >> TS2_SHIFT);
	record->carry = WORD((uint32_t)change->known, (uint32_t)(change->rho * RHO_SCALE + 0.5));
	record->pass_share = change->pass_share;
}
