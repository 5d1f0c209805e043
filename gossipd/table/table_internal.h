/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the files of the table share among themselves: the mapped records, the clock, and a view of the words a pair's record and
 * a destination's head have in common. The tests also look in here.
 */
#ifndef GOSSIPD_TABLE_INTERNAL_H
#define GOSSIPD_TABLE_INTERNAL_H

#include <endian.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "table.h"

#define PIN_PATH_MAX 192
#define ANCHOR_EDGES 8		/* jiffies watched while starting: 32 ms at 250 Hz tell 250 from 300 beyond doubt */
#define COLLECT_SETS_MAX 32768 /* looked at per call: 262,144 places, about 3 ms */
#define COLLECT_PAIRS_MAX 65536 /* taken out per call */
#define COLLECT_DESTINATIONS_MAX 1024
#define PLACED_PER_HARVEST_MAX 256 /* pairs without a destination that get one: a syscall each */

struct xpro;
struct ring_buffer;

/* One family's pair table. A pair6_set begins like a pair4_set. */
struct pairs {
	uint8_t *sets;
	size_t stride, bytes;
	uint32_t count; /* sets */
	uint32_t used;	/* slots, as the last harvest found */
	bool ipv6;
};

/* Where a pair's record stands. */
struct spot {
	struct pair4_set *set;
	uint32_t set_index;
	unsigned int way;
};

/* A record or a head as it stood when read, and the daemon's words of it. `packets` is read before `last`. */
struct words {
	uint64_t packets, window;
	uint32_t last;
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
	uint32_t pair_count, destination_count;
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

enum interface_state { INTERFACE_HERE, INTERFACE_GONE, INTERFACE_RENAMED, INTERFACE_REFUSED, INTERFACE_DETACHED };

/* A harvest that is under way: how far it came. */
struct harvest_pass {
	bool under_way;
	struct now now; /* when it began */
	uint32_t stage, next; /* pairs4, pairs6 or destinations, and the set or destination to go on with */
	uint32_t used; /* of this stage so far */
	uint32_t placed;
};

struct table {
	struct table_policy *policy;
	struct harvest_pass pass;
	uint32_t silent; /* jiffies the heartbeat had stood still for when it came back; 0: nothing to tell */
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
	struct destination_head *heads;
	struct destination_shard *shards;
	struct policy *policies;
	struct table_state *state;
	const struct reason_counter (*reasons)[REASONS_MAX]; /* of each CPU */
	struct table_clock clock;
	bool is_new;
	bool renewed;	      /* the first harvest of an old table under a fresh incarnation leaves what was told to the old one */
	bool resuming;	      /* the first harvest of an old table tells every cell again */
	uint32_t young_until; /* jiffies; see is_wiser in table_apply.c */
	bool young;
	uint16_t *bounds; /* while young: of each pair's place and each destination, what its pass_share may be at most; 0: not looked at */
	struct ring_buffer *samples;
	bool (*sample_each)(void *user, const struct sample *sample);
	void *sample_user;
	uint32_t capture_until; /* jiffies; 0: no capture runs */
	bool forward_fast, generic, replace;
	uint32_t interface_count;
	char interfaces[INTERFACES_MAX][16]; /* as configured */
	uint32_t ifindexes[INTERFACES_MAX];  /* of the interface that last had the name */
	enum interface_state interface_states[INTERFACES_MAX];
	int link_fds[INTERFACES_MAX]; /* held, so that the program stays on when its pin is removed; -1: none */
	struct table_problem pins_problem; /* what is wrong with the pins; empty: nothing */
	struct grace grace;
	struct dead marked, waiting; /* since the last grace period began; before */
	uint32_t cursor4, cursor6;   /* next set to look at for idle pairs */
	uint64_t *referenced;	     /* bit per destination */
};

/* As table_open, with a clock that stands still at `injected_jiffies` until table_inject moves it; 0: the kernel's own. */
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

/* Makes the directory of the pins and locks it. One that is somebody else's, or that others may write to, is refused,
 * with who and what to do; so is one with such pins. */
int directory_open(const char *pin_path, int *ret_fd, struct table_problem *problem);

/* table_pins.c: makes the maps or takes the pinned ones, and loads the program over them. */
int pins_load(struct table *table, const struct table_config *config, const uint8_t seed[8], struct table_problem *problem);
int pins_commit(struct table *table, unsigned int *ret_made, struct table_problem *problem); /* what is not pinned yet; NULL: nobody counts */
bool pins_are_here(const struct table *table); /* is the directory at pin_path still the one that was opened? */
void pins_look(struct table *table, bool here, void (*tell)(void *user, enum table_news news, const char *text), void *user);
void pins_unmap(struct table *table);
void pins_remove(const char *pin_path);

/* table_load.c: loads an opened skeleton. A refusal is told with the end of the verifier's log, or with the capabilities that are missing;
 * `what` begins the sentence. */
int program_load(struct xpro *skeleton, const char *what, struct table_problem *problem);

/* table_plane.c: before the program is loaded, and before it is attached. */
int plane_constants(struct table *table, const struct table_config *config);
int plane_fill(struct table *table, const struct table_config *config, struct table_problem *problem);

/* table_ports.c: interfaces of the fast way, looked at once more. */
void ports_look(struct table *table);

/* table_attach.c */
int attach_all(struct table *table, const struct table_config *config, struct table_problem *problem);
void attach_look(struct table *table, bool pinned, void (*tell)(void *user, enum table_news news, const char *text), void *user);
bool attach_is_off(const struct table *table); /* is an interface there without our program? */
int detach_all(const char *pin_path, struct table_problem *problem);

/* table_clock.c */
int clock_measure(int clock_fd, uint32_t *ret_hz);
int clock_start(struct table *table);

/* table_spot.c: finding and making records and destinations. */
uint64_t tag_of_key(const struct table *table, const struct key *key, bool *ret_ipv6);
bool spot_find(const struct table *table, const struct key *key, struct spot *ret_spot);
uint32_t spot_hint(const struct spot *spot);
bool spot_find_at(const struct table *table, const struct key *key, uint32_t hint, struct spot *ret_spot); /* is it there? */
bool key_names_hosts(const struct key *key);
bool spot_find_twin(const struct table *table, const struct pairs *pairs, uint64_t tag, const struct spot *of,
		    struct spot *ret_first);
int spot_make(struct table *table, const struct key *key, uint32_t destination, uint32_t last, struct spot *ret_spot);
struct words words_of_pair(const struct table *table, struct pair_record *record);
struct words words_of_destination(const struct table *table, uint32_t destination);
uint32_t destination_find(const struct table *table, const struct address *address);
uint32_t destination_make(struct table *table, const struct address *address);
void words_join(const struct words *into, const struct words *leftover);

/* table_policy.c */
void policies_plain(struct table *table, const struct policy *policy); /* of all no rule speaks of, written word by word */
uint32_t policy_of_pair(const struct table *table, const struct key *key); /* upper bits of its place */
uint32_t policy_of_destination(const struct table *table, const struct address *address);
void policy_walk(struct table *table);
void place_store(__u32 *place_word, uint32_t destination, uint32_t policy);
void client_pairs_add(struct table *table, const struct key *key, int64_t change);
void client_pairs_start(struct table *table);

/* table_apply.c: while the ledger has just started, it knows less than the table. */
int young_start(struct table *table);
void young_end(struct table *table);

/* table_silence.c: a heartbeat, and what its absence was. */
void heartbeat(struct table *table);

/* table_collect.c */
int collect_start(struct table *table);
void collect_stop(struct table *table);
bool collect_pair(struct table *table, const struct pairs *pairs, const struct spot *spot, uint64_t tag);

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
	return instant_after(clock->mesh, (struct duration){ jiffies_since(clock->jiffies, jiffies) * clock->period_ns });
}

/* A head or the policy in force is another now: shards are to look again. */
static inline void heads_written(struct table *table)
{
	store32(&table->state->written, table->state->written + 1);
}

#endif
