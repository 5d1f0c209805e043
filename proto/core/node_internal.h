/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a node keeps, and which file's it is. Each part is changed by its own file alone; the others read it.
 */
#ifndef PROTO_NODE_INTERNAL_H
#define PROTO_NODE_INTERNAL_H

#include <math.h>

#include <xpro/record.h>

#include "arena.h"
#include "bytes.h"
#include "carry.h"
#include "fair.h"
#include "ledger.h"
#include "message.h"
#include "node.h"
#include "origin.h"
#include "past.h"
#include "queue.h"
#include "seal.h"
#include "set.h"
#include "store.h"
#include "trust.h"
#include "window.h"

#define MEMBER_NONE UINT16_MAX
#define EVENTS_SIZE 512
#define TELL_AGAIN_MS 60000 /* of one member: what it can bring about must not push other events out of the list */
#define ROOTS_SIZE 64 /* signatures known to be good: two trees of every origin of a small mesh */
#define COOKIE_REPLIES_SIZE 64
#define TOKEN_BYTES 16
#define BAD_SIGNATURES_PER_TICK 32 /* looked at, from one neighbour: 2 % of a core */
#define PUBLISH_CELLS 16384 /* sorted together at the most: some 100 frames */
#define CELLS_PER_FRAME_MOST 160 /* that a full frame takes: IPv4 pairs under one destination, in the longest datagram */
#define OVER_DESTINATIONS_MAX 4096 /* victims at one time; one more is filtered by its pairs' rates alone */

enum member_state { MEMBER_ALIVE, MEMBER_SUSPECT, MEMBER_DOWN, MEMBER_LEFT };

/* What a member says of itself, signed with its own key: nobody else can change a word of it. */
struct record_body {
	uint64_t incarnation, boot, version; /* the newest in this order is in force */
	uint64_t start; /* drawn at each start: two records of one boot with two of them are two hosts with one key */
	int64_t at_ns; /* mesh time */
	bool left;
	struct endpoint endpoint; /* where it thinks it is reached; port 0: unknown */
	uint8_t load, load_limit; /* of its capacity, in 1/255 */
};

/* What a member's datagrams' counters tell of the way from it to us. loss.c. */
struct path {
	bool measured; /* since the last second */
	uint32_t heard; /* datagrams in this second, */
	uint64_t highest; /* and the highest counter at its beginning */
	uint32_t sent, received; /* fading sums */
};

struct member {
	/* What every tick and datagram looks at stands first. */
	bool used, self;
	bool session; /* incarnation and boot are known, by greeting or record */
	bool heard; /* a sealed datagram of the running session was opened */
	bool up; /* as last told by an event */
	bool skewed;
	bool skew_told; /* as last told by an event */
	bool proven; /* something that was sent to its endpoint came back from the member */
	bool has_record;
	bool relay_wanted; /* we ask it to hand frames on to us, */
	bool relay_asked; /* and it asks us. In a small mesh */
	uint8_t state; /* enum member_state */
	uint16_t parent; /* number of the neighbour whose pushes of its frames are never refused */
	uint16_t certificate_bytes;
	uint64_t id;
	uint64_t incarnation, boot;
	struct instant heard_at; /* mono */
	struct record_body record;
	uint32_t serve_budget; /* frames it may still be served in this tick */
	uint32_t trust; /* bad signatures it may still bring in this tick before its frames are not looked at */
	struct endpoint endpoint;
	double rtt_ms, skew_ms; /* smoothed; NAN until measured, the skew again when a frame disproves it */
	uint64_t send_counter;
	uint64_t hello_counter; /* of the last HELLO taken in the running session */
	int64_t peer_sent_ns; /* mesh time its last digest was sent, by its clock; 0: none yet */
	struct instant peer_sent_at; /* mono: when that came */
	struct endpoint challenged; /* a new address that was sent a challenge */
	uint64_t challenge; /* what it must bring back; 0: none is out */
	struct instant challenged_at; /* mono */
	struct instant met_at; /* mono: the running session was learnt */
	struct instant state_at; /* mono: of the last change of state */
	struct instant stale_since; /* mono: when an earlier start first greeted beside the running session */
	struct instant clone_sought_at; /* mono: when a greeting of an earlier start was last looked at */
	struct instant cloned_at; /* mono: when it was last told that two hosts have its key, */
	struct instant skew_told_at; /* and that its clock is off, or is not any more */
	/* Of its frames, while its skew is not measured: how far the ends of their ticks were ahead of our clock, at most. */
	int64_t lead_ns; /* in the window that runs, or ran last */
	int64_t proven_ns; /* more than SKEW_MS_MAX, if that was proven and no whole window since was without; else 0 */
	uint32_t lead_frames;
	struct instant lead_since; /* mono */
	int64_t records_second; /* in which it was last heard of by new records, */
	uint32_t records_left; /* and how many more of that second are taken */
	uint64_t quota_slot; /* in which EVENT_QUOTA was last told of it */
	uint64_t line_slot; /* in which EVENT_LINE_RATE was */
	uint64_t claimed_slot, claimed; /* the newest slot it told of, and what its destination cells of it come to */
	uint64_t incarnation_slot; /* in which its newest incarnation was first heard of */
	struct member_standing standing; /* trust.c, spread_documents.c */
	struct window window;
	struct path path;
	struct certificate certificate;
	uint8_t certificate_issued[CERTIFICATE_BYTES_MAX]; /* the same, as issued; handed on with its record */
	uint8_t record_signed[MEMBER_RECORD_BYTES];
};

/* An address to be greeted: from the configuration, or a member's. */
struct greeting {
	struct endpoint endpoint;
	uint16_t member; /* who answered from there, or MEMBER_NONE */
	bool has_cookie;
	bool repeated; /* with the same cookie */
	uint8_t cookie[COOKIE_BYTES]; /* theirs, for us */
	uint64_t cookie_of; /* member id of who gave it */
	uint8_t tries; /* greetings since it was last near */
	uint8_t secret; /* the mesh secret it is greeted under */
	bool configured; /* greeted for as long as nobody near answers from there */
	bool transient; /* a member that may not know us: greeted a few times */
	uint8_t token[TOKEN_BYTES]; /* ours: a welcome must echo it */
	struct instant due; /* mono */
};

/* A neighbour in a mesh of more than DIRECT_MEMBERS_MAX. */
struct link {
	uint16_t member;
	bool ours; /* we asked for it, not they */
	bool near; /* it was sought among the nearest, not drawn from all */
	bool agreed;
	uint16_t instead; /* number of the neighbour that goes when this one has agreed, or MEMBER_NONE */
	struct instant since; /* mono */
	uint64_t lazy[MEMBERS_MAX / 64]; /* members whose frames it asked not to be pushed */
	uint64_t prunes[MEMBERS_MAX / 64]; /* members whose frames we are about to ask it not to push */
	bool pruning;
};

/* A neighbour that fell silent. */
struct lost {
	uint16_t member; /* MEMBER_NONE: free */
	uint8_t pings; /* since it was lost, up to what makes no difference any more */
	struct instant since, due; /* mono */
};

/* A frame that came in: to be named to those it was not pushed to. */
struct fresh {
	uint32_t origin;
	uint16_t from; /* member */
	uint64_t sequence;
	uint8_t leaf[8];
};
#define FRESH_SIZE 1024

/* A probe that is out. */
struct probe {
	uint16_t member; /* MEMBER_NONE: none */
	bool helped; /* others were asked */
	uint64_t echo;
	struct instant at; /* mono */
};

/* A probe made for another member. */
struct errand {
	uint16_t asker, member; /* MEMBER_NONE: free */
	uint64_t echo, asker_echo;
	struct instant at;
};
#define ERRANDS_SIZE 32
#define ERRANDS_EACH 4 /* of one asker: it probes one member a second, and an errand lasts two */

/* News of a member's state, told with probes a number of times. */
struct rumour {
	uint16_t member; /* MEMBER_NONE: free */
	uint8_t tellings;
};
#define RUMOURS_SIZE 64


struct cookie_reply {
	struct endpoint to;
	uint64_t greeter;
	uint8_t token[TOKEN_BYTES];
	uint8_t secret; /* the mesh secret the greeter spoke */
	int64_t sent_ns; /* of the PING that a PONG answers */
	struct instant came_at;
};

/* What is judged by, and what will be. policy_node.c. */
struct policy_state {
	struct policy_document document, next;
	struct policy_table table; /* of document */
	bool waits; /* next waits for its slot */
	uint32_t generation; /* of table; 0 is none, so that an entry just made has none */
};

/* fair's walk over the destinations that are over their rate, and over the clients of each, in three passes. share.c. */
enum share_stage { SHARE_BEGIN, SHARE_LEAST, SHARE_RATES, SHARE_GIVE, SHARE_LIFT };
struct share_walk {
	uint32_t place; /* of the destination, in `over`; over_count: the walk is through */
	uint32_t kept; /* destinations that stay, of those before */
	enum share_stage stage;
	bool over; /* the destination is, by its own verdict */
	uint32_t first, next; /* client: of the destination, and to be looked at */
	size_t clients; /* in `rates`, by now */
	uint64_t tick; /* A of the destination */
	double limit, floor; /* T_F2, and what local evidence leaves of it at least */
	double listed, listed_effective, untouchable, remainder; /* packets per second */
	double water, least; /* levels: of all, and of what is seen here */
	uint16_t left; /* the remainder's share */
};

struct node {
	/* node.c */
	struct node_config config;
	uint64_t id;
	struct mesh mesh;
	uint64_t tick; /* the last one that was ended */
	bool ticked; /* one was, since the start */
	uint64_t slot; /* as of that tick */
	struct node_counters counters;
	uint64_t random[4]; /* xoshiro256** state */
	uint8_t nonce_random[16];
	struct node_event events[EVENTS_SIZE];
	uint32_t events_head, events_count;

	/* membership.c, greet.c, records.c */
	struct instant started_at; /* mono */
	uint64_t later_incarnation; /* of a later start of this node, which ended; 0: none is known */
	struct member *members;
	uint16_t *member_index; /* open addressing by id: numbers, MEMBER_NONE is empty */
	uint32_t member_index_mask;
	uint16_t members_high; /* numbers ever used: no walk goes beyond */
	uint16_t members_free; /* all below are taken: two thousand that are met one after the other are not walked over each time */
	uint16_t members_count; /* itself included, without those that left */
	struct origin *origins; /* members_max * INCARNATIONS_MAX */
	struct track *tracks; /* theirs. First of all members' first incarnations: most members never have another, whose pages stay untouched */
	bool others[ORIGINS_MAX]; /* all but our own: who is left out where local evidence alone counts */
	bool excluded[ORIGINS_MAX]; /* skewed or quarantined: left out of verdicts */
	struct greeting *greetings; /* members_max + PEERS_SPARE */
	uint32_t greetings_count;
	uint8_t cookie_secret[32];
	uint64_t hello_counter;
	struct cookie_reply replies[COOKIE_REPLIES_SIZE];
	uint32_t replies_next;
	uint32_t checks_left; /* certificate checks in this second */
	int64_t checks_second;
	uint32_t cookies_left; /* to be given away in this second */
	int64_t cookies_second;
	uint32_t records_left; /* records' signatures to be checked in this second */
	int64_t records_second;
	uint64_t record_wanted[MEMBERS_MAX / 64]; /* scratch of a digest: not used between calls */

	/* links.c, spread.c, loss.c */
	struct link links[NEIGHBOURS_MAX];
	uint32_t links_count;
	struct lost lost[NEIGHBOURS_MAX];
	uint32_t links_failed; /* asked and not agreed, since one was */
	struct fresh fresh[FRESH_SIZE];
	uint64_t fresh_next, fresh_named; /* counts of frames: come, and named to neighbours */
	struct instant names_due; /* mono; INT64_MAX: nothing to name or to prune */
	uint64_t eager_first, repaired_first; /* frames that came first by push, and by repair: in this second */
	uint32_t loss; /* thousandths of the datagrams sent to us */
	uint8_t copies; /* of a frame that are wanted */
	uint32_t digest_turn; /* rotates over neighbours */

	/* swim.c */
	struct probe probe;
	struct errand errands[ERRANDS_SIZE];
	struct rumour rumours[RUMOURS_SIZE];
	uint16_t *probe_order; /* numbers, shuffled */
	uint32_t probe_at, probe_count;
	struct instant probe_due; /* mono */
	uint8_t health; /* Lifeguard: 0 is well, up to HEALTH_MAX - 1 */
	struct endpoint seen_as; /* where another member sees us */
	uint64_t seen_by;

	/* repair.c, catch_up.c */
	uint32_t *gaps; /* origins of which something is missing */
	uint32_t gaps_count;
	struct instant gaps_due; /* mono; INT64_MAX: nothing */
	uint32_t wants_left; /* in this tick */
	struct catch_up {
		uint16_t member, last; /* who is asked now, and was last; MEMBER_NONE: nobody */
		uint8_t rounds; /* members still to be asked */
		uint8_t tries;
		uint32_t cursor;
		uint64_t have; /* of the piece's places */
		struct instant due; /* mono: of the next request */
		uint64_t asked; /* set of member ids, by id % 64 */
		struct instant begun_at; /* mono */
	} catch_up;

	/* trust.c, spread_documents.c */
	struct trust *trust;

	/* ledger.c, receive.c, publish.c */
	struct ledger ledger;
	struct store store;
	struct queue own_destinations, own_pairs; /* keys with own cells that changed (entry.waiting) */
	struct queue own_late; /* with own cells that grew after their slot's closing frames (entry.late): published in closing frames of their own */
	struct cell *publish_cells; /* scratch: cells to be published, in the order of their turn */
	uint16_t *publish_order;    /* scratch: their numbers, sorted; twice as many places */
	struct frame_writer writer;
	uint64_t next_sequence;
	uint32_t published[FRAMES_PER_TICK_MAX]; /* scratch: where the frames of a tick stand in the store */
	uint64_t closing_slot; /* the slot whose closing frames are being written, entry by entry */
	uint32_t closing_entry; /* next entry to look at; INDEX_NONE: done */
	uint32_t closing_left, closing_frames; /* entries still to be looked at for this tick, and its closing frames so far */
	struct frame_root roots[ROOTS_SIZE]; /* whose signature was verified */
	uint32_t roots_next;

	/* policy_node.c */
	struct policy_state policy;

	/* verdict.c, judge.c */
	struct past past;
	struct set dirty; /* keys to be judged */
	struct set warm; /* to be judged again at the next tick */
	uint32_t sweep; /* next entry to look at for cells of forgotten slots */
	uint32_t sweep_left; /* entries of this tick's stretch */
	bool sweeping;
	uint32_t over[OVER_DESTINATIONS_MAX]; /* destinations over their rate, for fair */
	uint32_t over_count;

	/* share.c */
	struct share_walk share;
	float *rates; /* of the clients of the destination that is walked over, in their order */

	/* outbox.c */
	struct out_ring outbox[CLASS_COUNT];
	uint32_t outbox_count; /* in all */
	uint32_t outbox_turn; /* every so often the least urgent goes first */
};

#include "node_calls.h"

#endif
