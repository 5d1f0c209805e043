/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The record table from the daemon's side: loads and attaches the XDP program, keeps it pinned, harvests counts and writes records back.
 * The only user of the skeleton. Layout and who writes what: include/xpro/record.h.
 */
#ifndef GOSSIPD_TABLE_H
#define GOSSIPD_TABLE_H

#include <stddef.h>

#include <xpro/key.h>
#include <xpro/record.h>
#include <xpro/time.h>

#include "tunnel.h"
#include "mesh.h"
#include "node_types.h"
#include "policy.h"

struct table;

#define INTERFACES_MAX 16

struct table_config {
	const char *pin_path; /* directory in a bpffs, made when missing, e.g. /sys/fs/bpf/xpro/NAME */
	uint32_t pairs4_max, pairs6_max; /* slots; rounded up to a power of two of sets */
	uint32_t destinations_max; /* < DESTINATION_NONE */
	const char *interfaces[INTERFACES_MAX];
	uint32_t interface_count; /* 0: table only, no program attached */
	bool generic; /* attach in generic mode; else native, and failure if the driver has none */
	struct table_tunnel tunnels[TUNNELS_MAX];
	uint32_t tunnel_count;
	uint16_t gate_ports[GATE_PORTS_MAX]; /* UDP ports whose datagrams to the proxy pass a gate; 0s at the end; none: no gate */
	bool forward_fast; /* the program sends packets on by itself where it can */
	bool replace; /* another XDP program in the way is replaced; else -EBUSY */
};

/* Text for the one who started the daemon: what failed, on what, and what to do. */
struct table_problem {
	char text[768];
};

/* Opens the pinned table or makes a new one, loads the program over it, and attaches or atomically updates the pinned link of every
 * interface. A new table gets `fresh_incarnation` and a random seed; an old one keeps its own (table_incarnation tells). An old table of
 * another layout or other sizes is refused with -ESTALE. Returns -errno and fills ret_problem. */
int table_open(const struct table_config *config, uint64_t fresh_incarnation, const uint8_t seed[8], struct table **ret_table,
	       struct table_problem *ret_problem);

/* Starts the thread without which table_collect frees nothing. Call it once privileges are dropped: a thread keeps the capabilities that its
 * creator had, and a later drop is of the caller's alone. Returns -errno. */
int table_start_thread(struct table *table);

/* Unmaps and closes; pins and the attached program stay. */
void table_close(struct table *table);

/* Detaches every pinned link under pin_path and removes the pins. Works with no daemon running. */
int table_detach(const char *pin_path, struct table_problem *ret_problem);

/* Before the first harvest, so that nothing is counted under an incarnation that is not on disk. */
uint64_t table_incarnation(const struct table *table);
/* If counts were told of a time that is still to come, the clock was set back: the table goes on as `fresh`, under which nothing was told yet.
 * Call it before anything uses the incarnation. True: it was. */
bool table_time_went_back(struct table *table, struct now now, uint64_t fresh);
/* The next start finds it so: last of all, after the last harvest. */
void table_set_time_back(struct table *table);
uint64_t table_boot(const struct table *table); /* starts so far; the daemon writes the next one with table_set_boot */
void table_set_boot(struct table *table, uint64_t boot);
bool table_is_new(const struct table *table);

/* Puts a policy into force, all at once: a packet is judged by the old one or by this one. Copies both. -EAGAIN: the one before was set less
 * than some ticks ago and records still refer to its predecessor; try again with the next tick. */
int table_set_policy(struct table *table, const struct policy_document *document, const struct policy_table *compiled,
		     const struct mesh *mesh, bool monitor);

/* Pairs one client may have records of, 0 = any number; and how many clients have that many now, give or take those whose hashes meet. */
void table_set_client_pairs(struct table *table, uint32_t client_pairs_max);
uint32_t table_clients_full(const struct table *table);
uint32_t table_hz(const struct table *table);
void table_set_tick(struct table *table, struct duration tick); /* how long the kernel carries a rate on; TICK_MS_DEFAULT until called */

/* Addresses of this host: their packets pass and are not counted. */
int table_add_local(struct table *table, const struct address *address);

/* The gate at the gossip port lets a member's address through, or no longer. */
int table_gate_open(struct table *table, const struct address *peer);
void table_gate_close(struct table *table, const struct address *peer);

/* The same of a member's mark, wherever its datagrams come from. */
int table_gate_mark(struct table *table, const struct gate_marked *marked);
void table_gate_unmark(struct table *table, const struct gate_marked *marked);

/* The clock: kernel jiffies to mesh time and back. table_anchor reads both at once; call once per tick, before the harvest. */
void table_anchor(struct table *table, struct now now);
struct instant table_mesh_of(const struct table *table, uint32_t jiffies);
uint32_t table_jiffies_of(const struct table *table, struct instant mesh);

/* One changed key found by a harvest. */
struct harvested {
	struct key key;
	uint64_t slot;
	struct instant first, last;
	uint64_t packets; /* of this slot so far */
};

/*
 * Harvests: every record whose packets moved since the last harvest gives one cell, or several when the time since spans slot
 * boundaries (harvest_divide in proto/harvest.h). `each` is told of them, some at a time. Also writes harvested_at and the
 * heartbeat. Returns the number of cells.
 */
#define HARVESTED_AT_ONCE 64
size_t table_harvest(struct table *table, struct now now, struct duration slot_length,
		     void (*each)(void *user, const struct harvested *cells, size_t count), void *user);

/*
 * The same in parts, so that nobody waits long: true when it is through. The pass is of the time it began, whatever `now` the later parts have:
 * what comes meanwhile counts up to that time, or with the next pass. No table_anchor and no table_collect before it is through.
 */
#define HARVEST_WORK_PER_TURN 65536 /* sets looked at, and CELL_WORK for every cell told: 2 to 4 ms */
bool table_harvest_some(struct table *table, struct now now, struct duration slot_length, uint32_t work_max,
			void (*each)(void *user, const struct harvested *cells, size_t count), void *user);

/* Writes a change into the record of its key: base, fold, carry, share. Makes a record when the key has none and the change is notable.
 * -ENOENT: no record and none to be made. -ENOSPC: table full. -EINVAL: none to be made, the key names no
 * single hosts. */
int table_apply(struct table *table, const struct change *change);

/* The same for whoever keeps a word beside the key, 0 at first: where the record stood when last written. A word that is out of date costs a
 * search and nothing else. */
int table_apply_hinted(struct table *table, const struct change *change, uint32_t *hint);

/* Fetches the record's cache lines while something else is done. */
void table_foresee(const struct table *table, const struct key *key, uint32_t hint);

/* Takes out keys that were idle longer than `idle`: a bounded number per call, in two phases with a grace period between (see
 * PROTOCOL.md). Call once a second, after a harvest. `idle` must exceed the slots held: a key that returns within the slot it was last
 * counted in would begin that slot again. Returns how many slots became free. A key that counted packets in the meantime keeps
 * its record, and the next harvest tells of them. */
size_t table_collect(struct table *table, struct now now, struct duration idle);

struct table_usage {
	uint32_t pairs4, pairs4_max, pairs6, pairs6_max, destinations, destinations_max;
	uint64_t bytes; /* of kernel memory in maps */
};
void table_read_usage(const struct table *table, struct table_usage *ret_usage);

/* Sums over CPUs. */
void table_read_reasons(const struct table *table, struct reason_counter ret_reasons[REASON_COUNT]);

/* Was the daemon silent for so long that the kernel filtered alone? True once for each time that ended: how long it was, and how many packets
 * of pairs the daemon had judged before were judged without it. */
bool table_read_silence(struct table *table, struct duration *ret_silence, uint64_t *ret_packets);

/* What is attached, as the kernel says now. */
struct attachment {
	char interface[16];
	uint32_t ifindex;
	char mode[8]; /* "native", "generic" or "none" */
	uint32_t program_id; /* 0 when none */
	bool ours;
};
size_t table_read_attachments(const struct table *table, struct attachment ret_attachments[INTERFACES_MAX]);

/*
 * Once a second: attaches to an interface that was made anew under a configured name, puts a filter back that was taken off by hand, makes pins again
 * that were removed, and tells of all this. A filter that was taken off together with the directory of the pins, as gossipctl detach does, stays
 * off.
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
/* `each` returns false when it has room for no more: the rest waits. */
void table_capture_read(struct table *table, bool (*each)(void *user, const struct sample *sample), void *user);

/* A record as it stands, for `explain`. False when there is none. */
struct record_view {
	uint64_t packets; /* counted here, in all */
	double window_s; /* kernel's own window */
	uint64_t window_packets;
	bool folded; /* the daemon's words are in force */
	uint64_t count; /* as judged now, carry included */
	double judged_window_s;
	uint16_t pass_share;
};
bool table_find(const struct table *table, const struct key *key, struct record_view *ret_view);

/* Descriptor that becomes readable when warnings wait, and the call that hands them out. */
int table_warnings_fd(const struct table *table);
int table_read_warnings(struct table *table, void (*each)(void *user, const struct warning *warning), void *user);

#endif
