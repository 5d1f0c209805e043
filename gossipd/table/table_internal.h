/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the files of the table share among themselves: the mapped records, the clock, and struct words: pointers to
 * the fields that a pair's record and a destination's head have in common. Tests include it, too.
 */
#ifndef GOSSIPD_TABLE_INTERNAL_H
#define GOSSIPD_TABLE_INTERNAL_H

#include <endian.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <xpro/locals.h>

#include "harvest.h"
#include "heavy.h"
#include "quota.h"
#include "table.h"
#include "table_hot.h"

#define PIN_PATH_MAX 192
#define ANCHOR_EDGES 8		/* jiffies watched while starting: 32 ms at 250 Hz tell 250 from 300 beyond doubt */
#define COLLECT_SETS_MAX 8192 /* looked at per call, five times a second: 65,536 places, less than a millisecond */
#define COLLECT_PAIRS_MAX 65536 /* taken out per call */
#define SUMS_BYTES (SUMS_MAX * sizeof(struct kept_sum))
#define COARSE_BYTES (COARSE_KINDS * COARSE_ROWS * COARSE_ENTRIES * sizeof(struct coarse_entry))
#define CONTACT_SECONDS_MAX 32 /* after which nothing is left of what halves each second */
#define COLLECT_HEADS_MAX 8192 /* taken out per call: two syscalls each, some 5 ms in all */

struct xpro;
struct ring_buffer;

/* One family's pair table. A pair6_set begins like a pair4_set. */
struct pairs {
	uint8_t *sets;
	size_t stride, bytes;
	uint32_t count; /* sets */
	uint32_t used;	/* ways with a record, as the last harvest found */
	bool ipv6;
};

/* Where a pair's record is. */
struct spot {
	struct pair4_set *set;
	uint32_t set_index;
	unsigned int way;
};

/* A record or a head: the kernel's fields as read, pointers to the daemon's. `packets` is read before `last`. */
struct words {
	uint64_t packets, window;
	uint32_t last;
	uint32_t bytes; /* of a destination: of its packets' frames, modulo 2^32 */
	__u64 *base, *fold, *carry, *harvest;
	uint16_t *slot, *pass_share;
	const struct policy *policy;
};

/* Kernel jiffies against the monotonic clock: jiffy `jiffies` began at `mono`. */
struct table_clock {
	bool injected;
	uint32_t hz, jiffies; /* jiffies: of the last anchor; before the first, of an injected clock */
	int64_t period_ns;
	double per_ns; /* 1 / period_ns */
	struct instant mono, mesh;
};

/* The helper that waits until no packet is in flight that may still hold a pointer to a record. */
struct grace {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t asked, done;
	bool running, stop, failed;
};

struct dead_pair {
	uint64_t tag;
	uint32_t set_index;
	uint8_t way;
	bool ipv6;
};

/* Taken out of look-ups, not yet free. */
struct dead {
	struct dead_pair *pairs;
	uint32_t *destinations;
	uint16_t *limits; /* numbers */
	uint32_t pair_count, destination_count, limit_count;
};

/* What the daemon knows of the policy in force. table_policy.c. */
struct table_policy {
	bool set; /* by this daemon; else only the defaults are known */
	bool walking; /* records of the bank before may be left */
	bool monitor;
	uint32_t walk4, walk6; /* next sets to look at */
	struct mesh mesh;
	struct policy_document document;
	struct policy_table compiled;
};

/* A contact that may still be answered. table_contacts.c. */
#define CONTACT_WAITS_MAX 32768
struct contact_wait {
	uint64_t tag;
	uint32_t set_index;
	uint32_t pass; /* number of the pass that saw it */
	uint8_t way;
	bool ipv6;
};

enum interface_state { INTERFACE_HERE, INTERFACE_GONE, INTERFACE_RENAMED, INTERFACE_REFUSED, INTERFACE_DETACHED };

/* A harvest that is under way: how far it came. */
struct harvest_pass {
	bool under_way;
	struct now now; /* when it began */
	uint32_t stage, next; /* pairs4, pairs6, destinations or coarse entries, and where to go on */
	uint32_t used; /* of this stage so far */
	bool scans; /* it looks at every record, and not only at those that counted */
	uint32_t limits_begun; /* hot.begun when it began */
	struct duration slot_length;
};

/* What a head counted lately, as the last harvests found. table_heads.c. */
struct pace {
	uint32_t packets, before; /* of `slot`, and of the slot before it */
	uint32_t since; /* jiffies of the first harvest that met the head; 0: none did */
	uint32_t last; /* jiffies of its latest packet */
	uint16_t slot; /* low 16 bits */
	uint32_t harvested_bytes; /* of all its frames, modulo 2^32, as the last harvest found */
	uint64_t bytes; /* of its frames since this daemon met it */
	uint32_t size; /* mean size of the frames that the last harvest found, in bytes; 0: none yet */
};

struct table {
	struct table_policy *policy;
	struct harvest_pass pass;
	uint32_t silent; /* jiffies for which the heartbeat had stopped, not reported yet; 0: none */
	struct class_matrix *matrix;
	__u64 *client_pairs;
	int prefixes_fd;
	struct xpro *skeleton;
	struct ring_buffer *warnings;
	void (*warn_each)(void *user, const struct warning *warning);
	void *warn_user;
	char pin_path[PIN_PATH_MAX];
	int lock_fd, index_fd, free_fd, local_fd, clock_fd, program_fd, l3_program_fd;
	uint32_t cpus, destinations_max, destinations_used;
	struct pairs pairs4, pairs6;
	struct answer_set *answers4, *answers6; /* beside them */
	struct answers_seen *answers_seen; /* what was looked at of each of their words, and of the strays */
	uint32_t answered_next; /* set that table_answered goes on with */
	const __u64 *strays;
	int egress_fd, l3_egress_fd; /* programs that count answers */
	struct quota quotas[TABLE_KINDS]; /* of records on others' word: table_quota.c */
	struct destination_head *heads;
	struct destination_shard *shards;
	struct policy *policies;
	struct table_state *state;
	const struct reason_counter (*reasons)[REASONS_MAX]; /* of each CPU */
	struct table_clock clock;
	bool is_new;
	/* first harvest of an old table under a fresh incarnation: counts published under the old one are left out */
	bool renewed;
	bool resuming;	      /* first harvest of an old table: every cell is given to the core again */
	uint32_t young_until; /* jiffies; see is_wiser in table_apply.c */
	bool young;
	/* while young: by way of a pair and by destination, the largest pass_share allowed; 0: not known yet */
	uint16_t *bounds;
	struct ring_buffer *samples;
	bool (*sample_each)(void *user, const struct sample *sample);
	void *sample_user;
	uint32_t capture_until; /* jiffies; 0: no capture runs */
	bool forward_fast, generic, replace;
	uint32_t interface_count;
	char interfaces[INTERFACES_MAX][16]; /* as configured */
	uint32_t ifindexes[INTERFACES_MAX];  /* of the interface that last had the name */
	bool bare[INTERFACES_MAX];	     /* its frames begin with the IP header */
	struct prefix clients[CLIENTS_MAX];
	uint32_t client_count;
	struct widths widths;
	uint32_t sides[INTERFACES_MAX]; /* SIDE_ flags, without SIDE_ANSWERS */
	/* sets still to be looked through for records of foreign clients; sorting: there are some */
	uint32_t unsorted4, unsorted6;
	bool sorting;
	enum interface_state interface_states[INTERFACES_MAX];
	int link_fds[INTERFACES_MAX]; /* held, so that the program stays on when its pin is removed; -1: none */
	struct table_problem pins_problem; /* what is wrong with the pins; empty: nothing */
	struct grace grace;
	struct dead marked, waiting; /* since the last grace period began; before */
	uint32_t cursor4, cursor6;   /* next set to look at for idle pairs */
	struct pace *paces;	     /* of each destination */
	struct departed_set *departed;
	uint32_t departed_sets;
	struct coarse_entry *coarse;
	struct hot_table *hot;
	uint64_t coarse_counted; /* packets counted by coarse entries, as the last harvest found */
	uint8_t coarse_looks; /* harvests that still have to look at them */
	struct kept_sum *sums;
	struct { /* of the pass for the sums that begin: how far it came. table_sums.c */
		uint32_t stage, next;
	} sums_pass;
	struct heavy contacts; /* new pairs by client, half of them forgotten each second: table_contacts.c */
	struct instant contacts_halved; /* mono: the last time; 0: never */
	struct contact_wait *waits; /* a ring, oldest first */
	uint32_t waits_first, waits_count;
	uint32_t contact_pass; /* number of this pass, or of the last */
};

/*
 * As table_open, with a clock that stands still at `injected_jiffies` until table_inject moves it; 0: the kernel's
 * own.
 */
int table_open_clocked(const struct table_config *config, uint64_t fresh_incarnation, const uint8_t seed[8],
		       uint32_t injected_jiffies, struct table **ret_table, struct table_problem *ret_problem);
void table_inject(struct table *table, uint32_t jiffies);
uint32_t table_now(const struct table *table); /* kernel jiffies, read now */

__attribute__((format(printf, 2, 3))) static inline void problem_say(struct table_problem *problem, const char *format,
								     ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(problem->text, sizeof(problem->text), format, arguments);
	va_end(arguments);
}

/* table_directory.c: the paths of a map's pin and of an interface's link. */
#define LINK_PREFIX "link-"
int pins_path(char ret_path[PIN_PATH_MAX + 32], const char *pin_path, const char *name);
int link_path(char ret_path[PIN_PATH_MAX + 32], const char *pin_path, const char *interface);

/*
 * Makes the directory of the pins and locks it. Refused with a sentence is a directory, or a pin in it, of another
 * owner or writable by others.
 */
int directory_open(const char *pin_path, int *ret_fd, struct table_problem *problem);

/* table_pins.c: makes the maps or takes the pinned ones, and loads the program over them. */
int pins_load(struct table *table, const struct table_config *config, const uint8_t seed[8],
	      struct table_problem *problem);
/* what is not pinned yet; NULL: nobody counts */
int pins_commit(struct table *table, unsigned int *ret_made, struct table_problem *problem);
bool pins_are_here(const struct table *table); /* is the directory at pin_path still the one that was opened? */
void pins_look(struct table *table, bool here, void (*tell)(void *user, enum table_news news, const char *text),
	       void *user);
void pins_unmap(struct table *table);
void pins_remove(const char *pin_path);

/*
 * table_load.c: loads an opened skeleton. The problem contains the end of the verifier's log, or the missing
 * capabilities; `what` begins the sentence.
 */
int program_load(struct xpro *skeleton, const char *what, struct table_problem *problem);

/* table_plane.c: before the program is loaded, and before it is attached. */
int plane_constants(struct table *table, const struct table_config *config);
int plane_fill(struct table *table, const struct table_config *config, struct table_problem *problem);

/*
 * table_sides.c: constants before the program is loaded; the word of an interface before the program is attached to
 * it; which records are to go because their packets are not judged any more.
 */
void sides_constants(struct table *table, const struct table_config *config);
void sides_note(struct table *table, uint32_t i, uint32_t ifindex);
void sides_note_all(struct table *table);
bool sides_want_answers(const struct table *table, uint32_t i); /* those that leave by interface i count */
void sides_start(struct table *table);
/* There are `clients`, and no address of this client is one. */
bool sides_are_foreign(const struct table *table, const struct address *client);
void sides_sorted(struct table *table); /* a set was looked through */
/* A foreign source that never_drop lets pass has a record; one that it names no more must lose it. */
void sides_lists_changed(struct table *table);

/* table_widths.c: constants before the program is loaded; the widths in one word. */
void widths_constants(struct table *table, const struct table_config *config);
uint64_t widths_word(const struct widths *widths);

/* table_ports.c: interfaces of the fast way, looked at once more. */
void ports_look(struct table *table);

/* table_attach.c */
int attach_all(struct table *table, const struct table_config *config, struct table_problem *problem);
void attach_look(struct table *table, bool pinned, void (*tell)(void *user, enum table_news news, const char *text),
		 void *user);
bool attach_is_off(const struct table *table); /* is an interface there without our program? */
int detach_all(const char *pin_path, struct table_problem *problem);

/*
 * table_egress.c: the programs that count answers, on the egress of the interfaces that answers leave by. What is not
 * attached at the start is reported, and never a failure: only evidence is missing.
 */
void egress_start(struct table *table);
bool egress_is_on(const struct table *table, uint32_t ifindex);
void egress_remove(const char *pin_path); /* those of the table pinned there, from every interface */

/* table_answers.c: counts of answers, beside the records. */
int answers_map(struct table *table);
void answers_unmap(struct table *table);
void answers_forget(struct table *table, const struct pairs *pairs, uint32_t set_index, unsigned int way);

/* table_clock.c */
int clock_measure(int clock_fd, uint32_t *ret_hz);
int clock_start(struct table *table);

/* table_spot.c: finding and making records and destinations. */
uint64_t tag_of_key(const struct table *table, const struct key *key, bool *ret_ipv6);
bool spot_find(const struct table *table, const struct key *key, struct spot *ret_spot);
uint32_t spot_hint(const struct spot *spot);
/* is it there? */
bool spot_find_at(const struct table *table, const struct key *key, uint32_t hint, struct spot *ret_spot);
bool key_names_hosts(const struct key *key);
struct pairs *pairs_of_key(struct table *table, const struct key *key);
/* the two candidate sets of a pair */
void sets_of_key(const struct table *table, const struct key *key, uint32_t ret_set_index[2]);
bool spot_find_twin(const struct table *table, const struct pairs *pairs, uint64_t tag, const struct spot *of,
		    struct spot *ret_first);
int spot_make(struct table *table, const struct key *key, uint32_t last, struct spot *ret_spot);
/* Marks a pair dead. False: no room in the list, or somebody else changed the tag. */
bool spot_retire(struct table *table, const struct pairs *pairs, const struct spot *spot, uint64_t tag);
struct words words_of_pair(const struct table *table, struct pair_record *record);
struct words words_of_destination(const struct table *table, uint32_t destination);
uint32_t destination_find(const struct table *table, const struct address *address);
uint32_t destination_make(struct table *table, const struct address *address);
bool words_are_idle(const struct table *table, const struct words *words, uint32_t idle);
void words_join(const struct words *into, const struct words *leftover);

/* table_policy.c */
/* of all no rule speaks of, written word by word */
void policies_plain(struct table *table, const struct policy *policy);
uint32_t policy_of_pair(const struct table *table, const struct key *key); /* upper bits of its place */
uint32_t policy_of_destination(const struct table *table, const struct address *address);
void policy_walk(struct table *table);
void client_pairs_add(struct table *table, const struct key *key, int64_t change);
/* Does the client have records of pairs? Now and then yes also of one that shares its buckets with others that do. */
bool client_has_pairs(const struct table *table, const struct address *client);

/*
 * table_quota.c: records on others' word. Those of a change that are missing, made within the quota of who vouches for
 * its key (DESTINATION_NONE, or -EDQUOT or -ENOSPC: none); those that are there, and who vouches for them now.
 */
int quotas_start(struct table *table); /* also counts the clients' pairs */
void quotas_stop(struct table *table);
uint32_t quota_destination(struct table *table, const struct change *change);
int quota_pair(struct table *table, const struct change *change, uint32_t last, struct spot *ret_spot);
void quota_vouch_pair(struct table *table, const struct spot *spot, const struct change *change);
void quota_vouch_destination(struct table *table, uint32_t destination, const struct change *change);
/*
 * This proxy has counted in it: the record is its own, and a pair counts as its client's. True: it was on others' word
 * before.
 */
bool quota_pair_seen(struct table *table, const struct pairs *pairs, const struct spot *spot, const struct key *key);
void quota_destination_seen(struct table *table, uint32_t destination);
/* The record is about to be free: it leaves its account, or its client's count. */
void quota_pair_free(struct table *table, const struct pairs *pairs, const struct spot *spot, const struct key *key);
/* Marks the pairs that must go, and notes the destinations that must. */
void quotas_give_way(struct table *table);

/* table_contacts.c: a harvest's pass begins; it meets a pair that a packet of this proxy made a record of. */
void contact_seen(struct table *table, const struct spot *spot, const struct key *key);
void contacts_pass_begin(struct table *table, struct now now);
int contacts_take_memory(struct table *table);

/* table_apply.c: while the ledger has just started, it knows less than the table. */
int young_start(struct table *table);
void young_end(struct table *table);

/* table_silence.c: a heartbeat, and what its absence was. */
void heartbeat(struct table *table);

/* table_collect.c */
int collect_start(struct table *table);
void collect_stop(struct table *table);

/* table_heads.c: heads that leave, because they are idle or because they are the slowest. */
int heads_start(struct table *table);
/*
 * Heads that an earlier daemon took out and did not clear: noted before a grace period and adopted after it, so that
 * one the program is just making is none. They stay, or are cleared.
 */
void heads_note(struct table *table);
void heads_adopt(struct table *table);
/* a harvest meets a head: one that is new goes on from what its address had counted before it left */
void head_met(struct table *table, uint32_t destination, const struct address *address, const struct words *words);
uint32_t head_sized(struct table *table, uint32_t destination, const struct words *words);
void head_paced(struct table *table, uint32_t destination, const struct harvest_words *harvested, uint32_t last);
void heads_mark(struct table *table, uint32_t idle);
size_t head_free(struct table *table, uint32_t destination);

/*
 * table_harvest_coarse.c: whose packets entry `index` was harvested of, and its words. False: there were none, or the
 * owner's entry in the first row counts them, too.
 */
bool coarse_harvested(struct table *table, uint32_t index, struct key *ret_key, struct harvest_words *ret_words);

/* table_departed.c: what heads had counted in their last slot when they left. */
void departed_put(struct table *table, const struct departed *leaving);
struct departed *departed_find(const struct table *table, const struct address *address);
void departed_remove(struct table *table, const struct address *address);
void departed_clear(struct table *table);

/* ---- a prefix as the program has it ---- */

static inline void prefix_mask(uint8_t bits, __u64 ret_mask[2])
{
	uint8_t bytes[16] = { 0 };

	for (unsigned int bit = 0; bit < bits; bit++)
		bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	memcpy(ret_mask, bytes, sizeof(bytes));
}

static inline void prefix_words(const struct prefix *prefix, struct address_prefix *ret_prefix)
{
	memcpy(ret_prefix->words, &prefix->address, sizeof(ret_prefix->words));
	prefix_mask(prefix->bits, ret_prefix->mask);
}

/* ---- what a harvest asks for every record ---- */

static inline struct pair4_set *set_of_index(const struct pairs *pairs, uint32_t set_index)
{
	return (struct pair4_set *)(void *)(pairs->sets + set_index * pairs->stride);
}

static inline __u64 *key_words(const struct spot *spot)
{
	return ((struct pair6_set *)(void *)spot->set)->keys[spot->way].words;
}

/* The second half of an IPv4-mapped address; the first is zero. */
static inline uint64_t ipv4_mapped(uint32_t address)
{
	return htobe64(0xffffULL << 32 | address);
}

/* By words, not by bytes: a wide load waits for the narrow stores before it. */
static inline struct key spot_key(const struct pairs *pairs, const struct spot *spot, uint64_t tag)
{
	const uint64_t words[4] = { 0, ipv4_mapped((uint32_t)(tag >> 32)), 0, ipv4_mapped((uint32_t)tag) };
	struct key key;

	if (pairs->ipv6)
		memcpy(&key, key_words(spot), sizeof(key));
	else
		memcpy(&key, words, sizeof(key));
	return key;
}

static inline struct pair_record *spot_record(const struct spot *spot)
{
	return &spot->set->records[spot->way];
}

static inline uint64_t load64(const __u64 *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline uint32_t load32(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void store64(__u64 *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static inline void store32(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static inline void store16(uint16_t *word, uint16_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static inline struct instant mesh_of(const struct table_clock *clock, uint32_t jiffies)
{
	return instant_after(clock->mesh,
			     (struct duration){ jiffies_since(clock->jiffies, jiffies) * clock->period_ns });
}

/* A head or the policy in force is another now: shards are to look again. */
static inline void heads_written(struct table *table)
{
	store32(&table->state->written, table->state->written + 1);
}

#endif
