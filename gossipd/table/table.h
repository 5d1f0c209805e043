/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The record table from the daemon's side: loads and attaches the XDP program, keeps it pinned, harvests counts and
 * writes records back. The only user of the skeleton. Layout and who writes what: include/xpro/record.h.
 */
#ifndef GOSSIPD_TABLE_H
#define GOSSIPD_TABLE_H

#include <stddef.h>

#include <xpro/key.h>
#include <xpro/plane.h>
#include <xpro/record.h>
#include <xpro/time.h>

#include "heavy.h"
#include "tunnel.h"
#include "mesh.h"
#include "node_types.h"
#include "policy.h"

struct table;

#define INTERFACES_MAX SIDES_MAX

struct table_config {
	const char *pin_path; /* directory in a bpffs, made when missing, e.g. /sys/fs/bpf/xpro/NAME */
	uint32_t pairs4_max, pairs6_max; /* ways; rounded up to a power of two of sets */
	uint32_t destinations_max; /* < DESTINATION_NONE */
	const char *interfaces[INTERFACES_MAX];
	uint32_t interface_count; /* 0: table only, no program attached */
	bool generic; /* attach in generic mode; else native, and failure if the driver has none */
	struct table_tunnel tunnels[TUNNELS_MAX];
	uint32_t tunnel_count;
	/* UDP ports whose datagrams to the proxy pass a gate; 0s at the end; none: no gate */
	uint16_t gate_ports[GATE_PORTS_MAX];
	bool forward_fast; /* the program sends packets on by itself where it can */
	struct widths widths; /* of the mesh */
	bool replace; /* another XDP program in the way is replaced; else -EBUSY */
	struct prefix clients[CLIENTS_MAX]; /* where the clients are */
	uint32_t client_count; /* 0: nobody knows, and every packet is judged */
	bool drop_foreign_sources; /* from the clients' side, but no client's source: drops */
	uint32_t sides[INTERFACES_MAX]; /* of each interface: SIDE_ flags of xpro/plane.h */
	/* of this host, told before the first packet is judged; later ones: table_add_local */
	const struct address *locals;
	uint32_t local_count;
};

/* Text for the person who started the daemon: what failed, on what, and what to do. */
struct table_problem {
	char text[768];
};

/*
 * Opens the pinned table or makes a new one, loads the program over it, and attaches or atomically updates the
 * pinned link of every interface. A new table gets `fresh_incarnation` and the seed; an old one keeps its own
 * (table_incarnation returns it). An old table of another layout, other sizes or other widths is refused with -ESTALE.
 * Returns -errno and fills ret_problem.
 */
int table_open(const struct table_config *config, uint64_t fresh_incarnation, const uint8_t seed[8],
	       struct table **ret_table, struct table_problem *ret_problem);

/*
 * Starts the thread without which table_collect frees nothing. Call it once privileges are dropped: a thread keeps
 * the capabilities that its creator had, and a later drop is of the caller's alone. Returns -errno.
 */
int table_start_thread(struct table *table);

/* Unmaps and closes; pins and the attached program stay. */
void table_close(struct table *table);

/* Detaches every pinned link under pin_path and removes the pins. Works with no daemon running. */
int table_detach(const char *pin_path, struct table_problem *ret_problem);

/* Before the first harvest, so that nothing is counted under an incarnation that is not on disk. */
uint64_t table_incarnation(const struct table *table);
/*
 * If the last harvest is later than `now`, the clock was set back. The table then continues under incarnation `fresh`,
 * for which no counts were published yet. Returns true in that case. Call it before anything uses the incarnation.
 * (Life of a table, 2)
 */
bool table_time_went_back(struct table *table, struct now now, uint64_t fresh);
/*
 * Makes the next start behave as if the clock had been set back (table_time_went_back returns true). Call it last,
 * after the last harvest.
 */
void table_set_time_back(struct table *table);
uint64_t table_boot(const struct table *table); /* starts so far; the daemon writes the next one with table_set_boot */
void table_set_boot(struct table *table, uint64_t boot);
bool table_is_new(const struct table *table);

/*
 * Puts a policy into force, all at once: a packet is judged by the old one or by this one. Copies both. -EAGAIN: the
 * one before was set less than some ticks ago and records still refer to its predecessor; try again with the next
 * tick.
 */
int table_set_policy(struct table *table, const struct policy_document *document, const struct policy_table *compiled,
		     const struct mesh *mesh, bool monitor);

/*
 * Pairs one client may have records of, 0 = any number; and how many clients have that many now, give or take those
 * whose hashes meet.
 */
void table_set_client_pairs(struct table *table, uint32_t client_pairs_max);
uint32_t table_clients_full(const struct table *table);
uint32_t table_hz(const struct table *table);
/* how long the kernel carries a rate on; TICK_MS_DEFAULT until called */
void table_set_tick(struct table *table, struct duration tick);

/* Addresses of this host: their packets pass and are not counted. */
int table_add_local(struct table *table, const struct address *address);

/*
 * Interface number i of the configuration is on this side from now on. With a change the records are looked through:
 * those that no packet to be judged would make any more are taken out by the next calls of table_collect.
 */
void table_set_side(struct table *table, uint32_t i, uint32_t side);

/*
 * To this MAC address alone frames on interface number i come that the host routes; 0: it may be others. As the first
 * six bytes of a frame.
 */
void table_set_mac(struct table *table, uint32_t i, uint64_t mac);

/* Adds a member's address to the gate at the gossip port, or removes it. */
int table_gate_open(struct table *table, const struct address *peer);
void table_gate_close(struct table *table, const struct address *peer);

/* The same for a member's session tag, whatever address its datagrams come from. */
int table_gate_mark(struct table *table, const struct gate_marked *marked);
void table_gate_unmark(struct table *table, const struct gate_marked *marked);

/*
 * The clock: kernel jiffies to mesh time and back. table_anchor reads both at once; call once per tick, before the
 * harvest.
 */
void table_anchor(struct table *table, struct now now);
struct instant table_mesh_of(const struct table *table, uint32_t jiffies);
uint32_t table_jiffies_of(const struct table *table, struct instant mesh);

/*
 * One changed key found by a harvest. Of a pair or a destination: its cell. Of a client or a network: what coarse
 * entries counted for it and no record did; it has no cell, and only the gain is of use (proto/count/sums.h).
 */
struct harvested {
	struct key key;
	enum key_kind kind; /* of the key */
	uint32_t gain; /* packets since the last harvest; 0: a cell that an earlier daemon had told of */
	uint32_t size; /* mean size of their frames, in bytes; 0: not known */
	uint64_t slot;
	struct instant first, last;
	uint64_t packets; /* of this slot so far */
};

/*
 * Harvests: every record whose packets moved since the last harvest gives one cell, or several when the time since
 * spans slot boundaries (harvest_divide in proto/count/harvest.h). `each` receives the cells, up to
 * HARVESTED_AT_ONCE per call. When it returns, the records' words say that they were harvested: what it keeps of gains
 * across a crash it must have stored by then. Also writes harvested_at and the heartbeat. Returns the number of cells.
 */
#define HARVESTED_AT_ONCE 64
size_t table_harvest(struct table *table, struct now now, struct duration slot_length,
		     void (*each)(void *user, const struct harvested *cells, size_t count), void *user);

/*
 * The same in parts, so that no other work waits long: true when the pass has ended. The whole pass uses the `now` of
 * its first part: packets that arrive meanwhile are counted up to that time, or in the next pass. Do not call
 * table_anchor or table_collect before the pass has ended.
 */
#define HARVEST_WORK_PER_TURN 65536 /* sets looked at, and CELL_WORK for every cell given to `each`: 2 to 4 ms */
bool table_harvest_some(struct table *table, struct now now, struct duration slot_length, uint32_t work_max,
			void (*each)(void *user, const struct harvested *cells, size_t count), void *user);

/* Is this the first harvest of an old table under a fresh incarnation? What was counted before belongs to another. */
bool table_is_renewed(const struct table *table);

/*
 * SUMS_MAX sums of clients and networks in a pinned map, as the last daemon left them. The caller alone reads and
 * writes them.
 */
struct kept_sum *table_sums(const struct table *table);

/* Adds a batch of a harvest to the sums. Each gain stands in the pinned map when this returns. */
struct sums;
void table_sums_add(struct sums *sums, const struct harvested *cells, size_t count);

/*
 * The pass for the keys that begin (sums_begin_open in proto/count/sums.h), after a harvest and before the next: `each`
 * receives every record of such a key that was harvested in the running slot or the one before. In parts, as
 * table_harvest_some: true when the pass has ended. (Sums of clients and networks, 4)
 */
struct sum_begin;
struct cell;
bool table_sums_pass(struct table *table, struct sums *sums, uint32_t work_max,
		     void (*each)(void *user, struct sum_begin *begin, const struct cell *counted), void *user);

/*
 * Writes a change into the record of its key: base, fold, carry, share; or the limit of a client or network, which
 * ends when no change has told of it for two seconds. Makes a record when the key has none and the change is notable.
 * -ENOENT: no record, and the change is not notable, or the key's client is foreign: answers would be judged by such a
 * record. -ENOSPC: the table is full, or has no room for a destination on others' word. -EDQUOT: no
 * room for a pair on others' word. -EINVAL: no record, and none may be made, because an address of the key names no
 * single host.
 */
int table_apply(struct table *table, const struct change *change);

/*
 * The same with a hint that the caller keeps for each key, 0 at first: where the record was when last written. A hint
 * that is out of date costs a search and nothing else.
 */
int table_apply_hinted(struct table *table, const struct change *change, uint32_t *hint);

/* Prefetches the record's cache lines. */
void table_foresee(const struct table *table, const struct key *key, uint32_t hint);

/*
 * Removes keys that were idle longer than `idle`, and the slowest heads while fewer than an eighth are free: a bounded
 * number per call, in two phases with a grace period between. Call it after every harvest. `idle` must exceed the
 * SLOTS_HELD slots of time: otherwise a pair could return within the slot it was last counted in and start that slot's
 * count from 0. (A head goes on where its address left off.) Returns how many places became free. A key that counted
 * packets in the meantime keeps its record, and the next harvest returns them. (Life of a table, 4)
 */
size_t table_collect(struct table *table, struct now now, struct duration idle);

struct table_usage {
	uint32_t pairs4, pairs4_max, pairs6, pairs6_max, destinations, destinations_max;
	uint64_t bytes; /* of kernel memory in maps */
};
void table_read_usage(const struct table *table, struct table_usage *ret_usage);

/*
 * Records on others' word: made for what other members count, with no packet of this proxy's in them yet. They take at
 * most a quarter of each table, of which each member is guaranteed an equal part (quota.h).
 */
enum table_kind { TABLE_PAIRS4, TABLE_PAIRS6, TABLE_DESTINATIONS, TABLE_KINDS };

/* So many other members share the quarter. */
void table_set_members(struct table *table, uint32_t others);
/* A member is gone: what rests on its word gives way first. */
void table_disown(struct table *table, uint16_t member);

struct table_quota {
	uint32_t room, part; /* of all, and guaranteed to each member */
	uint32_t records; /* on others' word, with those that are leaving */
	uint32_t leaving;
};
void table_read_quota(const struct table *table, enum table_kind kind, struct table_quota *ret_quota);

struct table_account {
	uint32_t records; /* on this member's word */
	uint32_t alone; /* of these: no other member counts their keys */
	uint64_t refused; /* times that a record for its word found no room */
};
void table_read_account(const struct table *table, enum table_kind kind, uint16_t member,
			struct table_account *ret_account);

/* Sums over CPUs. */
void table_read_reasons(const struct table *table, struct reason_counter ret_reasons[REASON_COUNT]);

/*
 * Was the daemon silent for so long that the kernel filtered alone? Returns true once for each such time that ended,
 * with its length, and the packets of folded pairs that were judged without their fold.
 */
bool table_read_silence(struct table *table, struct duration *ret_silence, uint64_t *ret_packets);

/* What is attached, as the kernel says now. */
struct attachment {
	char interface[16];
	uint32_t ifindex;
	char mode[8]; /* "native", "generic" or "none" */
	uint32_t program_id; /* 0 when none */
	bool ours;
	uint32_t side; /* SIDE_ flags */
	bool answers, answers_on; /* answers leave by it; a program of ours counts them */
};
size_t table_read_attachments(const struct table *table, struct attachment ret_attachments[INTERFACES_MAX]);

/*
 * Call it once a second. It attaches to an interface that was made anew under a configured name, restores a filter
 * that was taken off by hand, makes removed pins again, and reports all this by `tell`. A filter that was taken off
 * together with the directory of the pins, as gossipctl detach does, stays off.
 */
enum table_news { TABLE_INTERFACE_GOOD, TABLE_INTERFACE_BAD, TABLE_FILTER_RESTORED, TABLE_PINS_RESTORED };
void table_second(struct table *table, void (*tell)(void *user, enum table_news news, const char *text), void *user);

/* What is wrong with the pins, for people; NULL when nothing is. */
const char *table_pins_problem(const struct table *table);

/* Samples of what drops: one capture at a time, renewed at least every second or it ends. -EBUSY: another one runs. */
struct table_capture {
	struct address_prefix client, destination;
};
int table_capture_begin(struct table *table, const struct table_capture *wanted);
int table_capture_renew(struct table *table, const struct table_capture *wanted);
void table_capture_end(struct table *table);
/* `each` returns false when it has no more room; the other samples wait for the next call. */
void table_capture_read(struct table *table, bool (*each)(void *user, const struct sample *sample), void *user);

/* A record as it is now, for `explain`. False when there is none. */
struct record_view {
	uint64_t packets; /* counted here, in all */
	double window_s; /* kernel's own window */
	uint64_t window_packets;
	bool folded; /* a fold is in force */
	uint64_t count; /* as judged now, carry included */
	double judged_window_s;
	uint16_t pass_share;
	uint64_t bytes; /* of a destination: of its packets' frames here since the daemon met it */
	double size; /* as table_size */
};
bool table_find(const struct table *table, const struct key *key, struct record_view *ret_view);

/*
 * The mean size of a key's frames here, in bytes from the Ethernet header on. Of a destination: exactly that of the
 * last harvest; of a pair: by samples of it. 0: not known; so of every client and network.
 */
double table_size(const struct table *table, const struct key *key);

/*
 * Answers to a pair that left here for its client (xdp/answers.h), modulo 2^31. Of a pair without a record, `recorded`
 * is false: then the number is bounded by no packets, and another pair of the same hash may have put an end to it.
 */
struct answers_view {
	bool recorded;
	bool tcp; /* one of them at least was of TCP */
	uint32_t count;
};
struct answers_view table_answers(const struct table *table, const struct key *key);

/*
 * Answers to a pair since this was last asked of it; *ret_tcp: one at least of all of them was of TCP. 0 when it was
 * never asked, or longer than ANSWERS_LOOK_SECONDS_MAX ago, and its record is older: nobody knows then when they came.
 */
#define ANSWERS_LOOK_SECONDS_MAX 8
uint32_t table_answers_gained(struct table *table, const struct key *key, struct instant mono, bool *ret_tcp);

/* `each` receives the answered pairs of so many sets of the table, of which there are table_pair_sets, in turn. */
void table_answered(struct table *table, uint32_t sets,
		    void (*each)(void *user, const struct key *key, bool tcp), void *user);
uint32_t table_pair_sets(const struct table *table);

/*
 * Coarse entries (record.h), for people: the estimate for a prefix, the smaller of its two counts. `share`: what the
 * policy of the address asked for lets through by it; SHARE_ALL: it is within its rate.
 */
#define COARSE_HEAVIEST_MAX 3
struct coarse_view {
	struct prefix prefix;
	uint64_t packets;
	double window_s, rate; /* packets per second, over at least one */
	uint16_t share;
};
/* of the network of an address, or of a client; false when it counted nothing in the last seconds */
bool table_coarse_of(const struct table *table, enum coarse_kind kind, const struct address *address,
		     struct coarse_view *ret_view);
/* the owners of the heaviest entries, heaviest first */
size_t table_coarse_heaviest(const struct table *table, enum coarse_kind kind,
			     struct coarse_view ret_heaviest[COARSE_HEAVIEST_MAX]);

/* The limit of a client or network here; false: it has none. */
struct limit_view {
	double granted; /* packets per second */
	uint64_t reached, dropped; /* packets since it came on; in monitor mode the latter pass */
};
bool table_limit_of(const struct table *table, const struct key *key, struct limit_view *ret_view);

/* Whose the pairs' records are, by a sample of some ten thousand. */
void table_sample_clients(const struct table *table, bool ipv6, struct heavy *ret_clients);

/*
 * Contacts: new pairs by the client whose packets made their records, as the harvests of the last seconds met them.
 * Half of them are forgotten each second. So a client that makes n a second, for some seconds, counts n to 2 n.
 * Answers to packets from the other side are no contacts.
 */
const struct heavy *table_contacts(const struct table *table);
/*
 * After a harvest: of the contacts that an earlier one met, those that no answer has come to since, each with its
 * client. Returns how many.
 */
size_t table_settle_contacts(struct table *table, void (*each)(void *user, const struct address *client), void *user);
/* What so many of them are per second. */
double table_contacts_rate(const struct table *table, uint32_t count);

/* Descriptor that becomes readable when warnings wait, and the call that hands them out. */
int table_warnings_fd(const struct table *table);
int table_read_warnings(struct table *table, void (*each)(void *user, const struct warning *warning), void *user);

#endif
