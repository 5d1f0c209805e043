/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a node is given and gives back: its configuration, records for the table, events, counters. node.h has the
 * calls.
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

/* Kinds of the authority's documents, in the order in which they are announced: revocations first. */
enum document_kind { DOCUMENT_REVOCATION, DOCUMENT_ROTATION, DOCUMENT_POLICY, DOCUMENT_KINDS };

struct node_limits {
	uint32_t keys_max; /* keys of all kinds held, over all origins */
	/* cells held, over all origins and slots; each key has room for seven, even if this is less */
	uint32_t cells_max;
	uint32_t frames_max; /* frames kept for repair */
	uint32_t members_max; /* <= MEMBERS_MAX */
	uint32_t notes_max; /* answered pairs remembered for a day; 0: none */
};

/* Which own cells are published: those that members need for their verdicts (PROTOCOL "Publishing"), or all. */
enum publish { PUBLISH_NEED, PUBLISH_ALL };

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
	enum publish publish;
	bool gossip; /* false: count and judge alone, send nothing */
};

/*
 * A change of a key's record in the table: Algorithm 1's M, the carry and the share. node_next_change returns it, and
 * table_apply (gossipd/table/table_apply.c) writes it. All times are mesh times; the table translates them to jiffies
 * of its kernel (xpro/record.h, struct pair_record).
 */
struct change {
	struct key key;
	/*
	 * index of the key, below keys_max; unique while the ledger holds the key, reused afterwards. A caller may use
	 * it to index data of its own
	 */
	uint32_t number;
	struct instant ts1, ts2; /* M.ts1 and M.ts2: mesh time of the window's start, and of the latest packet */
	uint64_t count; /* M.c: packets in the window */
	uint64_t known; /* packets counted up to carry_from: M.c without those known of later ticks */
	double rho; /* packets per second, expected after carry_from */
	struct instant carry_from; /* A of PROTOCOL, Carry: mesh time */
	uint16_t pass_share; /* share of packets that pass, in 1/65535; SHARE_ALL = all */
	/*
	 * members that counted the key, this one included. 0 or 1: the floor of local evidence does not apply; so also
	 * when this member's counts alone are over the rate
	 */
	uint8_t members;
	bool thin; /* destination: fair is in force, the shares of its pairs apply; pass_share is the lot's */
	/*
	 * make a record if the table has none; if false, only an existing record is written. The kernel has no records
	 * of clients and networks.
	 */
	bool notable;
	/*
	 * number of the member on whose word the key rests: on whose account it is in the ledger; 0: this proxy counted
	 * it itself
	 */
	uint16_t payer;
	bool alone; /* no other member counts the key */
	/*
	 * a client or network that is over the rate that a policy gives it: all its packets here together may come to
	 * `granted` packets per second, a share of pass_share of what came lately. There is such a change in each tick
	 * while the limit lasts
	 */
	bool limited;
	double granted;
};

enum node_event_kind {
	EVENT_MEMBER_UP, /* first authenticated datagram of a session */
	EVENT_MEMBER_SILENT, /* nothing for MEMBER_SILENT_MS */
	EVENT_MEMBER_SKEWED, /* clock more than SKEW_MS_MAX off; its counts are left out of verdicts */
	EVENT_MEMBER_SKEW_OK,
	EVENT_EQUIVOCATION, /* two signed frames with one sequence */
	EVENT_MEMBER_REVOKED, /* a member's counts are left out of every verdict; may be this node itself */
	EVENT_DOCUMENT_FALSE, /* a member announced a document that is not the authority's, or not the one it sent */
	EVENT_LEFT_OUT, /* a new mesh secret is in force that this node was not given */
	EVENT_PAIR_OVER, /* mesh-wide rate crossed T_F1 */
	EVENT_PAIR_UNDER,
	EVENT_DESTINATION_OVER,
	EVENT_DESTINATION_UNDER,
	EVENT_QUOTA, /* a member, maybe this one, used up its part of the ledger; at most once per member and slot */
	EVENT_POLICY, /* a policy came into force */
	EVENT_NEVER_DROP_OVER, /* a never_drop client is over its rate and still passes; `member` counted most of it */
	EVENT_DOCUMENT, /* a document is held, spread and in force from now on */
	EVENT_MEMBER_CLONED, /* two hosts run with the key of one member, maybe this one */
	EVENT_MEMBER_LEFT, /* the member announced that it leaves */
	EVENT_LINE_RATE, /* `member` begins to report more packets of a kind of keys than its certified line carries */
	/* a datagram in its name has another protocol version; nothing proves the name; once per member and slot */
	EVENT_MEMBER_VERSION,
	EVENT_CLIENT_OVER, /* the mesh-wide rate of a client crossed its limit, which may be a shadow limit */
	EVENT_CLIENT_UNDER,
	EVENT_NETWORK_OVER, /* the mesh-wide rate of a network crossed its limit, which may be a shadow limit */
	EVENT_NETWORK_UNDER,
	EVENT_MEMBER_WIDTHS, /* a node of this mesh greets with other widths, and is refused */
	EVENT_CONTACTS_OVER, /* all proxies together count more contacts of a client than it may make */
	EVENT_CONTACTS_UNDER,
	EVENT_COUNT
};

/* What one member counted of a key. */
struct event_counter {
	uint16_t member; /* its number */
	char name[NAME_BYTES_MAX + 1];
	double part; /* of the key's packets in its window, as they are read; 0: nobody counted more */
};
#define EVENT_COUNTERS 3

/* Who sent to a destination in the last RECENT_TICKS ticks, as far as this node holds their pairs. */
struct event_crowd {
	uint32_t clients;
	/* Of these: known before the window in which the destination went over its rate; answered; and neither. */
	uint32_t known, answered, strangers;
	bool more; /* there were too many to look at them all: the numbers are of those looked at */
	double largest; /* part of the destination's packets that one client sends: the largest */
};

/* `kind` says which of the union's fields is set; kinds that are not named at one have none. */
struct node_event {
	enum node_event_kind kind;
	struct instant at; /* mesh */
	char member[NAME_BYTES_MAX + 1]; /* it is about, or that counted most (EVENT_NEVER_DROP_OVER); else empty */
	struct key key; /* of every kind with a rate */
	/*
	 * EVENT_..._OVER and EVENT_DESTINATION_UNDER: who counted most of it, in this order: so much of it rests on
	 * each one's word alone
	 */
	struct event_counter counters[EVENT_COUNTERS];
	union {
		struct {
			enum document_kind kind;
			uint64_t serial;
		} document; /* EVENT_DOCUMENT */
		uint64_t policy_version; /* EVENT_POLICY */
		struct {
			uint64_t line_rate; /* packets per second, as certified */
			enum key_kind line_kind; /* the kind of keys it begins with */
		}; /* EVENT_LINE_RATE */
		uint8_t version; /* EVENT_MEMBER_VERSION: of the protocol */
		double skew_ms; /* EVENT_MEMBER_SKEWED, EVENT_MEMBER_SKEW_OK */
		/*
		 * EVENT_PAIR_..., EVENT_DESTINATION_..., EVENT_CLIENT_..., EVENT_NETWORK_..., EVENT_NEVER_DROP_OVER;
		 * EVENT_CONTACTS_...: contacts for packets
		 */
		struct {
			double rate; /* packets per second, as judged */
			double limit; /* packets per second, that was crossed */
			bool shadow; /* nobody set the limit */
			struct event_crowd crowd; /* EVENT_DESTINATION_... */
		};
	};
};

/*
 * The number of an event, whichever its kind has, or 0. For rows that have one number field for all kinds.
 */
double node_event_value(const struct node_event *event);

/* Enters a member among those who counted most, in their order. `part` is in packets until its event is whole. */
void event_counter_rank(struct event_counter counters[EVENT_COUNTERS], uint16_t member, double packets);

struct node_counters {
	uint64_t rejects[REJECT_COUNT];
	uint64_t datagrams_received, datagrams_sent, bytes_received, bytes_sent;
	uint64_t frames_published, frames_received, frames_duplicate, frames_repaired, frames_served;
	uint64_t cells_published, cells_merged, cells_refused;
	uint64_t cells_over_line; /* that came while their member was over its certified line */
	uint64_t signatures_made, signatures_checked;
	uint64_t keys_held, cells_held, keys_max, cells_max;
	uint64_t changes_pending;
	uint64_t cells_waiting; /* own cells over the tick's budget, sent with the next */
	uint64_t frames_relayed; /* forwarded to neighbours */
	uint64_t outbox_dropped; /* decisions to send that were dropped because a ring of the outbox was full */
	uint64_t members_known, links, gaps; /* now; gaps: origins with missing frames */
};

#endif
