/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a node is given and gives back: its configuration, records for the table, events, counters. node.h has the calls.
 */
#ifndef PROTO_NODE_TYPES_H
#define PROTO_NODE_TYPES_H

#include <stddef.h>

#include <xpro/bounds.h>
#include <xpro/key.h>
#include <xpro/time.h>

#include "mesh.h"
#include "reject.h"
#include "thresholds.h"

/* A UDP address: IPv4 is IPv4-mapped. Port in host order. */
struct endpoint {
	struct address address;
	uint16_t port;
};

/* Kinds of the authority's documents, in the order they are told in: who is out comes first. */
enum document_kind { DOCUMENT_REVOCATION, DOCUMENT_ROTATION, DOCUMENT_POLICY, DOCUMENT_KINDS };

struct node_limits {
	uint32_t keys_max; /* pairs and destinations held, over all origins */
	uint32_t cells_max; /* cells held, over all origins and slots; a key has room for seven, whatever this says */
	uint32_t frames_max; /* frames kept for repair */
	uint32_t members_max; /* <= MEMBERS_MAX */
};

struct node_config {
	struct node_limits limits;
	struct mesh mesh;
	struct thresholds thresholds;
	uint8_t secret_key[SECRET_KEY_BYTES]; /* this node's Ed25519 key */
	uint8_t mesh_secret[MESH_SECRET_BYTES];
	uint8_t certificate[CERTIFICATE_BYTES_MAX]; /* this node's, as issued */
	size_t certificate_bytes;
	uint64_t incarnation; /* of the table; persisted before first use */
	uint64_t boot; /* number of this start; grows by one at each, persisted before use. Below 2^24 */
	uint8_t seed[SEED_BYTES]; /* fresh randomness */
	uint16_t datagram_bytes; /* largest UDP payload to send */
	uint16_t frames_per_tick; /* budget: largest number of frames published per tick */
	bool gossip; /* false: count and judge alone, send nothing */
};

/*
 * What has changed of a key, as its record in the table should have it: Algorithm 1's M, the carry and the shares. node_next_change
 * gives it and table_apply (gossipd) writes it, as with the changes of any database that another follows. All times are mesh times; the
 * table translates them to jiffies of its kernel (xpro/record.h, struct pair_record).
 */
struct change {
	struct key key;
	uint32_t number; /* below keys_max; the key's own as long as it is held, another's afterwards: where a caller may keep what it knows of it */
	struct instant ts1, ts2; /* M.ts1 and M.ts2: mesh time of the window's start, and of the latest packet */
	uint64_t count; /* M.c: packets in the window */
	uint64_t floor; /* packets: M.c less what is known after carry_from */
	double rho; /* packets per second, expected after carry_from */
	struct instant carry_from; /* A of PROTOCOL.md, Carry: mesh time */
	uint16_t pass_share; /* share of packets that pass, in 1/65535; SHARE_ALL = all */
	uint8_t members; /* with counts of the key, this one included; 1 (or 0) also when its own counts alone are over the rate: no floor then */
	bool thin; /* destination: fair is in force, the shares of its pairs apply; pass_share is the remainder's */
	bool notable; /* a proxy that never saw the key makes a record for it; without, only a record that is there is written */
};

enum node_event_kind {
	EVENT_MEMBER_UP, /* first authenticated datagram of a session */
	EVENT_MEMBER_SILENT, /* nothing for MEMBER_SILENT_MS */
	EVENT_MEMBER_SKEWED, /* clock more than SKEW_MS_MAX off; its counts are left out of verdicts */
	EVENT_MEMBER_SKEW_OK,
	EVENT_EQUIVOCATION, /* two signed frames with one sequence */
	EVENT_MEMBER_REVOKED, /* its counts are out of every verdict; maybe this node's own */
	EVENT_DOCUMENT_FALSE, /* it announced a document that is not the authority's, or not what it brought */
	EVENT_LEFT_OUT, /* a new mesh secret is in force that this node was not given */
	EVENT_PAIR_OVER, /* mesh-wide rate crossed T_F1 */
	EVENT_PAIR_UNDER,
	EVENT_DESTINATION_OVER,
	EVENT_DESTINATION_UNDER,
	EVENT_QUOTA, /* an origin, maybe this one, used up its share of the ledger; at most once per member and slot */
	EVENT_POLICY, /* a policy came into force */
	EVENT_NEVER_DROP_OVER, /* a never_drop client is over its rate, most of it counted by `member`: it passes all the same */
	EVENT_DOCUMENT, /* a document is held, spread and in force from now on */
	EVENT_MEMBER_CLONED, /* two hosts run with this member's key, maybe this one's */
	EVENT_MEMBER_LEFT, /* it said so itself */
	EVENT_LINE_RATE, /* `member` tells more packets than its certified line carries; at most once per slot */
	EVENT_COUNT
};

/* `kind` says which of the union's fields is set; kinds that are not named at one have none. */
struct node_event {
	enum node_event_kind kind;
	struct instant at; /* mesh */
	char member[NAME_BYTES_MAX + 1]; /* name of the member it is about, or that counted most (EVENT_NEVER_DROP_OVER); else empty */
	struct key key; /* of EVENT_PAIR_..., EVENT_DESTINATION_..., EVENT_NEVER_DROP_OVER */
	union {
		struct {
			enum document_kind kind;
			uint64_t serial;
		} document; /* EVENT_DOCUMENT */
		uint64_t policy_version; /* EVENT_POLICY */
		uint64_t line_rate; /* EVENT_LINE_RATE: packets per second, as certified */
		double skew_ms; /* EVENT_MEMBER_SKEWED, EVENT_MEMBER_SKEW_OK */
		double rate; /* EVENT_PAIR_..., EVENT_DESTINATION_..., EVENT_NEVER_DROP_OVER: packets per second, as judged */
	};
};

/* The number that goes with an event, whichever its kind has; 0 when it has none. For records that keep one number of every kind. */
double node_event_value(const struct node_event *event);

struct node_counters {
	uint64_t rejects[REJECT_COUNT];
	uint64_t datagrams_received, datagrams_sent, bytes_received, bytes_sent;
	uint64_t frames_published, frames_received, frames_duplicate, frames_repaired, frames_served;
	uint64_t cells_published, cells_merged, cells_refused;
	uint64_t cells_over_line; /* told more than their member's certified line carries */
	uint64_t signatures_made, signatures_checked;
	uint64_t keys_held, cells_held, keys_max, cells_max;
	uint64_t changes_pending;
	uint64_t cells_waiting; /* own cells over the tick's budget, sent with the next */
	uint64_t frames_relayed; /* handed on to neighbours */
	uint64_t outbox_dropped; /* decisions to send that were dropped for want of room, the oldest of their kind first */
	uint64_t members_known, links, gaps; /* now; gaps: origins of which something is missing */
};

#endif
