/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The control socket between gossipctl and gossipd: one request record, then a stream of reply records, each a header and a body of the
 * size that belongs to its type, ended by CONTROL_END. Same host, same byte order; `version` must match. Text fields always end in a zero
 * byte and may hold anything else: who shows them escapes them.
 */
#ifndef XPRO_CONTROL_H
#define XPRO_CONTROL_H

#include <stdint.h>

#include "bounds.h"
#include "plane.h"
#include "record.h"

#define CONTROL_MAGIC 0x584d5031u /* "XMP1" */
#define CONTROL_VERSION 4

enum control_verb {
	CONTROL_STATUS = 1, /* control_why rows, one for each reason to be degraded; one control_status, then control_reason, control_reject and control_attachment rows */
	CONTROL_MEMBERS, /* control_member rows */
	CONTROL_PAIRS, /* control_key rows; filters apply */
	CONTROL_DESTINATIONS, /* control_key rows */
	CONTROL_EXPLAIN, /* control_status with the thresholds of this pair and destination; control_rule rows of the rules that decide; then for the pair, then for the destination: control_key, control_record, control_cell rows */
	CONTROL_EVENTS, /* control_event rows: the last ones kept, then with CONTROL_FOLLOW new ones until the client goes */
	CONTROL_POLICY, /* control_status, then control_rule rows of every rule in force */
	CONTROL_CAPTURE, /* for root and control_admin_group: control_sample rows as frames drop; filters, `count` and `seconds` apply; one at a time (-EBUSY) */
	CONTROL_PUSH, /* for root and control_admin_group: a document of the mesh authority, payload_bytes long, follows the request: one control_pushed */
	CONTROL_MESH, /* control_document rows: those held; then control_standing rows: how far each member is */
	CONTROL_LEAVE, /* for root and control_admin_group; no row: the mesh is told that this proxy goes for good, and gossipd ends */
};

#define CONTROL_HAS_CLIENT 0x01 /* client/client_bits hold a prefix */
#define CONTROL_HAS_DESTINATION 0x02
#define CONTROL_OVER 0x04 /* only keys over their rate */
#define CONTROL_FOLLOW 0x08
#define CONTROL_DIGEST 0x10 /* status: digest of the ledger whatever its size; without, only of a small one (CONTROL_DIGEST_CELLS) */
#define CONTROL_DIGEST_CELLS 65536 /* hashed in about 10 ms: the loop may not stand still for more than 50 */

struct control_request {
	uint32_t magic, version;
	uint32_t verb, flags;
	uint8_t client[16], destination[16]; /* IPv4 is IPv4-mapped */
	uint8_t client_bits, destination_bits; /* prefix lengths, 0-128 on the mapped form */
	uint16_t seconds; /* capture: at most */
	uint32_t count; /* capture: samples, at most */
	uint32_t payload_bytes; /* CONTROL_PUSH: what follows this record */
};
_Static_assert(sizeof(struct control_request) == 60, "no padding");

#define CAPTURE_SECONDS_MAX 3600
#define CAPTURE_COUNT_MAX 1000000

enum control_type {
	CONTROL_END = 1, /* struct control_end */
	CONTROL_TYPE_STATUS,
	CONTROL_TYPE_REASON,
	CONTROL_TYPE_REJECT,
	CONTROL_TYPE_ATTACHMENT,
	CONTROL_TYPE_MEMBER,
	CONTROL_TYPE_KEY,
	CONTROL_TYPE_RECORD,
	CONTROL_TYPE_CELL,
	CONTROL_TYPE_EVENT,
	CONTROL_TYPE_RULE,
	CONTROL_TYPE_SAMPLE,
	CONTROL_TYPE_PUSHED,
	CONTROL_TYPE_DOCUMENT,
	CONTROL_TYPE_STANDING,
	CONTROL_TYPE_WHY,
};

struct control_header {
	uint32_t type, size; /* size of the body */
};

struct control_end {
	int32_t error; /* 0, or -errno of what the daemon could not do */
	uint32_t group; /* with -EPERM: the group that may, besides root; 0: root alone */
};

#define CONTROL_WHY_BYTES 256
#define CONTROL_WHYS_MAX 32

struct control_why {
	char text[CONTROL_WHY_BYTES];
};

struct control_status {
	char name[NAME_BYTES_MAX + 4];
	char version[20];
	int64_t now_ns; /* mesh time */
	uint64_t incarnation, boot;
	double uptime_s;
	uint32_t gossip, members, members_up, degraded; /* booleans and counts; members includes this node */
	char degraded_why[CONTROL_WHY_BYTES]; /* the first reason, empty when there is none */
	char notices[512]; /* what is allowed, and may be a mistake; it degrades nothing; empty when there is none */
	uint32_t tick_ms, window_max_ms, decay, slot_ms;
	uint32_t idle_reset_ms, pair_min_window_ms, destination_min_window_ms, protected_only;
	uint32_t pair_rate, destination_rate, policy_flags, hz; /* policy_flags as in struct policy */
	uint64_t policy_version, policy_waiting, policy_effective_slot; /* waiting: version of the one that waits, and its slot; 0 none */
	uint32_t policy_generation, policy_rules;
	uint32_t listing, unprotected; /* explain: enum policy_listing of the pair; its destination is not protected */
	uint64_t clients_full; /* with records of as many pairs as one may have */
	uint64_t slot, tick;
	uint64_t pairs4, pairs4_max, pairs6, pairs6_max, destinations, destinations_max, table_bytes;
	uint64_t keys_held, keys_max, cells_held, cells_max;
	uint64_t datagrams_received, datagrams_sent, bytes_received, bytes_sent;
	uint64_t datagrams_unsent; /* the kernel did not take them */
	uint64_t frames_published, frames_received, frames_duplicate, frames_repaired, frames_served;
	uint64_t cells_published, cells_merged, cells_refused, cells_waiting, cells_over_line;
	uint64_t outbox_dropped; /* decisions to send, dropped for want of room */
	uint64_t signatures_made, signatures_checked;
	uint64_t cells_harvested, cells_unheld; /* own counts out of the table; those the ledger had no room for */
	uint64_t records_written, records_refused; /* into the table; refused: it was full */
	uint64_t changes_pending; /* records not written yet */
	uint64_t filters_restored; /* times that a filter, or pins, taken off by hand were put back */
	uint64_t requests_refused; /* at this socket, for want of privilege */
	uint64_t warnings; /* overload warnings of the XDP program */
	double tick_ms_worst; /* longest tick's work since start */
	double turn_ms_worst, turn_cpu_ms_worst; /* longest the event loop was held at once, and computed meanwhile, since start */
	double tick_late_ms_worst; /* longest time from a tick's begin to its work */
	double clock_drift_ms; /* mesh time less the host's UTC: not 0 after the host's clock was set */
	uint32_t digest_known, reserved_digest;
	uint8_t ledger_digest[HASH_BYTES]; /* while digest_known */
};

#define CONTROL_KINDS 3 /* of documents */

struct control_pushed {
	uint32_t taken, reserved;
	char reason[32]; /* why not, as counted */
};

struct control_document {
	char kind[16];
	uint64_t serial, size;
	uint8_t hash[HASH_BYTES];
};

struct control_standing {
	char name[NAME_BYTES_MAX + 4];
	char key[72]; /* public key, hex */
	uint32_t self, up, revoked, behind;
	uint32_t reserved;
	uint64_t certificate_serial;
	uint64_t serials[CONTROL_KINDS]; /* of the documents it says it has */
};

struct control_reason { /* one per enum reason */
	char name[32];
	uint64_t packets, bytes;
};

struct control_reject { /* one per enum reject */
	char name[32];
	uint64_t count;
};

struct control_attachment {
	char interface[16];
	char mode[16];
	uint32_t program_id, ours;
};

struct control_member {
	char name[NAME_BYTES_MAX + 4];
	char region[REGION_BYTES_MAX + 4];
	char endpoint[64];
	char key[72]; /* public key, hex */
	uint32_t self, up, skewed, suspect, left, neighbour;
	uint64_t incarnation, boot, tick, cells, frames_received, frames_repaired;
	double rtt_ms, skew_ms, silent_s; /* NAN until measured */
	double load, load_limit; /* W and T_W, as shares of its capacity, as it says itself; NAN: not said */
};

struct control_key {
	uint8_t client[16], destination[16]; /* client all zero: a destination */
	int64_t ts1_ns, ts2_ns; /* mesh time */
	uint64_t count;
	double carried, window_s, rate, offered, limit, share;
	uint32_t origins, over;
	uint32_t held; /* explain: false when the ledger holds nothing of the key, and all but the addresses is 0 */
	uint32_t thinned; /* a destination that fair holds to its rate */
};

struct control_record { /* the table's words for the key just sent */
	uint32_t present, folded;
	uint64_t packets, window_packets, count;
	double window_s, judged_window_s, share;
};

struct control_cell {
	char member[NAME_BYTES_MAX + 4];
	uint64_t incarnation, slot, packets;
	int64_t first_ns, last_ns;
};

struct control_rule {
	uint8_t prefix[16], bits; /* on the mapped form */
	uint8_t side, kind, fields; /* as in struct policy_rule */
	uint32_t number; /* in the document, from 0 */
	uint32_t pair_rate, destination_rate, idle_reset_ms, pair_min_window_ms, destination_min_window_ms;
	uint32_t ended; /* its time is over */
	uint64_t until_s;
};
_Static_assert(sizeof(struct control_rule) == 56, "no padding");

/* The mode in which an event was made; it stays when the mode changes. */
enum control_mode {
	CONTROL_MODE_NONE, /* the event speaks of no verdict */
	CONTROL_MODE_ENFORCED, /* what is over its rate is dropped */
	CONTROL_MODE_MONITORED, /* it would be dropped, and passes */
};

struct control_event {
	int64_t at_ns; /* mesh time */
	char kind[32];
	char member[NAME_BYTES_MAX + 4];
	uint8_t client[16], destination[16];
	double value; /* rate in packets per second, or skew in ms */
	uint32_t mode, reserved; /* enum control_mode */
	char text[96];
};

/* A dropped frame's first bytes. */
struct control_sample {
	int64_t at_ns; /* mesh time */
	uint32_t reason, length, ifindex;
	uint16_t caught;
	uint8_t bare, reserved; /* bare: no Ethernet header */
	uint8_t client[16], destination[16];
	uint8_t bytes[CAPTURE_BYTES];
};

#endif
