/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The control socket between gossipctl and gossipd: one request record, then a stream of reply records, each a
 * header and a body of the size that belongs to its type, ended by CONTROL_END. Same host, same byte order;
 * `version` must match. Text fields always end in a zero byte and may hold anything else: who shows them escapes
 * them.
 */
#ifndef XPRO_CONTROL_H
#define XPRO_CONTROL_H

#include <stdint.h>

#include "bounds.h"
#include "plane.h"
#include "record.h"

#define CONTROL_MAGIC 0x584d5031u /* "XMP1" */
#define CONTROL_VERSION 8

enum control_verb {
	/*
	 * control_condition rows, the gravest first; one control_status, then control_reason, control_reject and
	 * control_attachment rows, then control_coarse rows of the heaviest, then control_shadow rows
	 */
	CONTROL_STATUS = 1,
	CONTROL_MEMBERS, /* control_member rows */
	CONTROL_PAIRS, /* control_key rows; filters apply */
	CONTROL_DESTINATIONS, /* control_key rows */
	/*
	 * control_status with the thresholds of this pair and destination; control_rule rows of the rules that
	 * decide; then for the pair, then for the destination: control_key, control_record, control_cell rows; then a
	 * control_coarse row of the destination's network and of the client, where they counted lately
	 */
	CONTROL_EXPLAIN,
	CONTROL_EVENTS, /* control_event rows: the last ones, then with CONTROL_FOLLOW new ones until the client goes */
	CONTROL_POLICY, /* control_status, then control_rule rows of every rule in force */
	/*
	 * for root and control_admin_group: control_sample rows as frames drop; filters, `count` and `seconds`
	 * apply; one at a time (-EBUSY)
	 */
	CONTROL_CAPTURE,
	/*
	 * for root and control_admin_group: a document of the mesh authority, payload_bytes long, follows the
	 * request: one control_pushed
	 */
	CONTROL_PUSH,
	CONTROL_MESH, /* control_document rows: those held; then control_standing rows: how far each member is */
	/* for root and control_admin_group; no row: the mesh is told that this proxy goes for good, and gossipd ends */
	CONTROL_LEAVE,
	CONTROL_CLIENTS, /* control_key rows; filters apply */
	CONTROL_NETWORKS, /* control_key rows */
	/* control_status, control_watch, control_learnt rows: who spoke to whom in monitor mode; `client` applies */
	CONTROL_LEARNT,
	/* control_status, control_watch, control_bucket and control_top rows: the rates seen in monitor mode */
	CONTROL_RATES,
};

#define CONTROL_HAS_CLIENT 0x01 /* client/client_bits hold a prefix */
#define CONTROL_HAS_DESTINATION 0x02
#define CONTROL_OVER 0x04 /* only keys over their rate */
#define CONTROL_FOLLOW 0x08
/* status: digest of the ledger whatever its size; without, only of a small one (CONTROL_DIGEST_CELLS) */
#define CONTROL_DIGEST 0x10
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
	CONTROL_TYPE_CONDITION,
	CONTROL_TYPE_COARSE,
	/* first, when the client asked for is longer than a client of this mesh: the answer is about the client */
	CONTROL_TYPE_CLIENT,
	CONTROL_TYPE_WATCH,
	CONTROL_TYPE_LEARNT,
	CONTROL_TYPE_BUCKET,
	CONTROL_TYPE_TOP,
	CONTROL_TYPE_SHADOW,
};

struct control_header {
	uint32_t type, size; /* size of the body */
};

struct control_end {
	/*
	 * 0, or -errno of what the daemon could not do; -EDOM: the client to be captured is a prefix longer than one,
	 * and no address
	 */
	int32_t error;
	uint32_t group; /* with -EPERM: the group that may, besides root; 0: root alone */
};

enum control_severity {
	CONTROL_ERROR, /* this proxy does not do its whole job: it is degraded */
	CONTROL_WARNING, /* what others do, or may be a mistake; it degrades nothing */
	CONTROL_NOTICE, /* as configured, and to be known */
	CONTROL_SEVERITIES
};
#define CONTROL_SEVERITY_NAMES { "error", "warning", "notice" }

#define CONTROL_CONDITIONS_MAX 96
#define CONTROL_ID_BYTES 32
#define CONTROL_SUBJECT_BYTES 80
#define CONTROL_CONDITION_BYTES 320
#define CONTROL_ADVICE_BYTES 200

struct control_condition {
	int64_t since_ns; /* mesh time */
	uint32_t severity; /* enum control_severity */
	uint32_t omitted; /* with the first of a kind: so many more of it stand that have no row */
	char id[CONTROL_ID_BYTES];
	char subject[CONTROL_SUBJECT_BYTES];
	char text[CONTROL_CONDITION_BYTES];
	char what_to_do[CONTROL_ADVICE_BYTES];
};
_Static_assert(sizeof(struct control_condition) == 648, "no padding");

#define CONTROL_TABLES 3 /* IPv4 pairs, IPv6 pairs, destinations */

/* Of a pair: is it judged? What is not passes where it enters from elsewhere than the clients' side. */
enum control_side {
	CONTROL_SIDE_JUDGED, /* there are no `clients`, or the source is one */
	CONTROL_SIDE_ANSWER, /* from elsewhere to a client */
	CONTROL_SIDE_NOT_CLIENT, /* neither end is a client */
};

struct control_status {
	char name[NAME_BYTES_MAX + 4];
	char version[20];
	int64_t now_ns; /* mesh time */
	uint64_t incarnation, boot;
	double uptime_s;
	uint32_t gossip, members, members_up, degraded; /* booleans and counts; members includes this node */
	uint32_t tick_ms, window_max_ms, decay, slot_ms;
	uint32_t idle_reset_ms, pair_min_window_ms, destination_min_window_ms, protected_only;
	uint32_t pair_rate, destination_rate, policy_flags, hz; /* policy_flags as in struct policy */
	uint32_t client_rate, network_rate; /* as set; 0: none, and the limit is a shadow limit */
	uint32_t client_limit, network_limit; /* that they are judged by; 0: none */
	uint32_t contact_rate, contact_limit; /* as set, and that clients are judged by */
	uint64_t policy_version, policy_waiting, policy_effective_slot; /* waiting: its version and slot, or 0 */
	uint32_t policy_generation, policy_rules;
	uint32_t listing, unprotected; /* explain: enum policy_listing of the pair; its destination is not protected */
	uint32_t side; /* explain: enum control_side */
	uint32_t outside; /* explain: the pair is held to its client's outside_rate */
	uint32_t reserved_outside;
	uint32_t clients, drop_foreign_sources, judge_replies; /* clients: prefixes; the others are booleans */
	uint8_t client[CLIENTS_MAX][16], client_bits[CLIENTS_MAX]; /* on the mapped form */
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
	double turn_ms_worst, turn_cpu_ms_worst; /* longest the event loop was held, and computed meanwhile */
	double tick_late_ms_worst; /* longest time from a tick's begin to its work */
	double clock_drift_ms; /* mesh time less the host's UTC: not 0 after the host's clock was set */
	uint32_t digest_known, reserved_digest;
	uint8_t ledger_digest[HASH_BYTES]; /* while digest_known */
	/* records on other members' word, how many there may be, and how many each member may always have */
	uint64_t vouched[CONTROL_TABLES], vouched_max[CONTROL_TABLES], vouched_part[CONTROL_TABLES];
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

/* A prefix by its coarse entries: what is judged, or reported, of packets that find no record. */
struct control_coarse {
	uint8_t prefix[16];
	uint32_t bits; /* on the mapped form */
	uint32_t kind; /* enum coarse_kind */
	uint64_t packets;
	double window_s, rate;
	double share; /* of a network, by T_F2; 1: within */
};
_Static_assert(sizeof(struct control_coarse) == 56, "no padding");

struct control_reason { /* one per enum reason */
	char name[32];
	uint64_t packets, bytes;
};

struct control_reject { /* one per enum reject */
	char name[32];
	uint64_t count;
};

/* Are answers that leave by the interface counted? */
enum control_answers {
	CONTROL_ANSWERS_NONE, /* none leave by it */
	CONTROL_ANSWERS_COUNTED,
	CONTROL_ANSWERS_MISSED, /* no program of gossipd is on its egress */
};

struct control_attachment {
	char interface[16];
	char mode[16];
	uint32_t program_id, ours;
	uint32_t side; /* SIDE_ flags */
	uint32_t answers; /* enum control_answers */
};

/* Why a member's counts are left out of verdicts. */
enum control_left_out { CONTROL_COUNTS, CONTROL_SKEWED, CONTROL_EQUIVOCATED, CONTROL_REVOKED, CONTROL_LEFT_OUT_COUNT };
#define CONTROL_LEFT_OUT_NAMES { "", "skewed", "equivocation", "revoked" }

struct control_member {
	char name[NAME_BYTES_MAX + 4];
	char region[REGION_BYTES_MAX + 4];
	char endpoint[64];
	char key[72]; /* public key, hex */
	uint32_t self, up, skewed, suspect, left, neighbour;
	uint64_t incarnation, boot, tick, cells, frames_received, frames_repaired;
	double rtt_ms, skew_ms, silent_s; /* NAN until measured */
	double load, load_limit; /* W and T_W, as shares of its capacity, as it says itself; NAN: not said */
	uint64_t keys; /* of the ledger, on its account */
	uint64_t cells_refused; /* in all, because its share of the ledger had no room */
	int64_t left_out_since_ns; /* mesh time; 0: its counts are in verdicts */
	uint32_t left_out; /* enum control_left_out */
	uint32_t cloned; /* two hosts use its key */
	uint64_t line_rate; /* as certified, packets per second; 0: not stated */
	double line_used; /* what it reports, as a multiple of that; above 1 it is read as 1; NAN: not stated */
	uint64_t vouched[CONTROL_TABLES]; /* records that rest on its word */
	uint64_t vouched_alone; /* of these, in all tables: counted by no other member */
	uint64_t vouched_refused; /* times that a record on its word found no room */
	double vouched_share; /* of its part, in the table where it is the most */
};

struct control_key {
	uint8_t client[16], destination[16]; /* of a key of any kind, as xpro/key.h has it */
	int64_t ts1_ns, ts2_ns; /* mesh time */
	uint64_t count;
	double carried, window_s, rate, offered, limit, share;
	uint32_t origins, over;
	uint32_t held; /* explain: false when the ledger holds nothing of the key, and all but the addresses is 0 */
	uint32_t thinned; /* a destination that fair holds to its rate */
	uint32_t shadow; /* nobody set the limit of this client or network */
	uint32_t client_bits; /* of `client`, on the mapped form: 128, or in IPv6 the width of a client */
	/*
	 * explain: the most packets that another member may have counted in a slot without telling, because nobody
	 * called the key; 0: it tells all, UINT32_MAX: any number, as the key has no rate
	 */
	uint32_t untold;
	uint32_t limited; /* a client or network that this proxy holds to its part of the rate; else the rest is 0 */
	double granted; /* that part, packets per second */
	uint64_t reached; /* packets that met the limit since it came on */
	uint64_t dropped; /* of these; in monitor mode they pass */
	uint32_t answers; /* of a pair: those that left here for its client, modulo 2^31 */
	uint32_t answers_mesh; /* of a pair: those of the held slots, of all members */
	double bytes; /* a second: the rate times the mean size of the key's frames here; NAN: the size is not known */
};

/* Of what client the address or prefix is that was asked for. Prefix lengths are on the mapped form. */
struct control_client {
	uint8_t asked[16], client[16];
	uint32_t asked_bits, client_bits;
};
_Static_assert(sizeof(struct control_client) == 40, "no padding");

struct control_record { /* the table's words for the key just sent */
	uint32_t present, folded;
	uint32_t answers, answers_tcp; /* of a pair, with a record or without; one at least was of TCP */
	uint64_t packets, window_packets, count;
	double window_s, judged_window_s, share;
	uint64_t bytes; /* of a destination: of its frames here, since this daemon met it */
	double size; /* mean size of its frames here, in bytes; 0: not known */
	/* of a pair: those of the held slots, of all members; 1: it was answered here within a day */
	uint32_t answers_mesh, remembered;
};

struct control_cell {
	char member[NAME_BYTES_MAX + 4];
	uint64_t incarnation, slot, packets;
	int64_t first_ns, last_ns;
	uint32_t answers, answers_tcp; /* of a pair, in the slot; one at least was of TCP */
};

struct control_rule {
	uint8_t prefix[16], destination[16]; /* destination: of a rule of both prefixes */
	uint8_t bits, destination_bits; /* on the mapped form */
	uint8_t side, kind; /* as in struct policy_rule */
	uint16_t fields, reserved;
	uint32_t number; /* in the document, from 0 */
	uint32_t pair_rate, destination_rate, client_rate, network_rate, outside_rate, contact_rate;
	uint32_t idle_reset_ms, pair_min_window_ms, destination_min_window_ms;
	uint32_t ended; /* its time is over */
	uint32_t reserved_end;
	uint64_t until_s;
};
_Static_assert(sizeof(struct control_rule) == 96, "no padding");

/* What monitor mode has watched. */
struct control_watch {
	int64_t since_ns, until_ns; /* mesh time; since 0: nothing was watched yet */
	uint64_t rounds; /* looks at every key of the ledger */
	uint64_t missed; /* looks at a pair whose client found no room among those learnt */
	uint32_t running; /* in monitor mode now */
	uint32_t learnt_clients;
};
_Static_assert(sizeof(struct control_watch) == 40, "no padding");

/* One client spoke to one destination. */
struct control_learnt {
	uint8_t client[16], destination[16];
	uint32_t client_bits; /* on the mapped form */
	uint32_t peak; /* packets per second, the most that was seen */
	uint32_t looks; /* at which it was there */
	uint32_t more; /* the client spoke to further destinations, which are not told */
};
_Static_assert(sizeof(struct control_learnt) == 48, "no padding");

/* So many samples of a kind of keys lie in a bucket (struct rates). */
struct control_bucket {
	uint32_t kind, bucket;
	uint64_t count;
};
_Static_assert(sizeof(struct control_bucket) == 16, "no padding");

/* One of the keys with the highest rates of their kind. */
struct control_top {
	uint8_t client[16], destination[16]; /* as in control_key */
	double rate; /* its highest, packets per second */
	uint32_t kind, client_bits;
};
_Static_assert(sizeof(struct control_top) == 48, "no padding");

/* What is beyond the shadow policy, of one kind of keys; no rows without one. shadow.h of gossipd has the counts. */
struct control_shadow {
	int64_t since_ns; /* mesh time */
	uint32_t kind, rules; /* rules: of the policy */
	uint64_t over_now, looks_over;
	double packets;
};
_Static_assert(sizeof(struct control_shadow) == 40, "no padding");

/* The mode in which an event was made; it stays when the mode changes. */
enum control_mode {
	CONTROL_MODE_NONE, /* the event speaks of no verdict */
	CONTROL_MODE_ENFORCED, /* what is over its rate is dropped */
	CONTROL_MODE_MONITORED, /* it would be dropped, and passes */
};

/* Who counted how much of a key. */
struct control_counter {
	char member[NAME_BYTES_MAX + 4];
	double rate; /* packets per second; 0: nobody counted more */
};
#define CONTROL_COUNTERS 3

struct control_event {
	int64_t at_ns; /* mesh time */
	char kind[32];
	char member[NAME_BYTES_MAX + 4]; /* it is about; of a key over its rate, who counted most of it */
	uint8_t client[16], destination[16];
	double value; /* rate in packets per second, or skew in ms */
	double member_part; /* of a key over its rate: so much of it rests on that member alone; else 0 */
	struct control_counter counters[CONTROL_COUNTERS]; /* who counted most of the key, in this order */
	double bytes; /* of a destination, a second, by the mean size of its frames here; 0: not known */
	double largest; /* of a destination: part of its packets that one client sends; the largest, of those known */
	uint32_t clients; /* of a destination: those known to send to it lately */
	uint32_t clients_more; /* there may be more of them */
	uint32_t clients_known, clients_answered, clients_new; /* struct event_crowd of the core */
	uint32_t clients_reserved;
	uint32_t mode; /* enum control_mode */
	uint32_t client_bits; /* as in control_key */
	char condition[CONTROL_ID_BYTES]; /* of condition_raised and condition_cleared; else empty */
	char subject[CONTROL_SUBJECT_BYTES]; /* whom or what it is about, if the fields above do not say; else empty */
	char text[CONTROL_CONDITION_BYTES];
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
