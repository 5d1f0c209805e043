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
#include "fair.h"
#include "ledger.h"
#include "node.h"
#include "origin.h"
#include "past.h"
#include "seal.h"
#include "store.h"
#include "trust.h"
#include "window.h"

#define MEMBER_NONE UINT16_MAX
#define OUTBOX_SIZE 32768 /* datagrams decided on and not yet fetched: 256 members x 128 */
#define EVENTS_SIZE 512
#define ROOTS_SIZE 64 /* signatures known to be good: two trees of every origin of a small mesh */
#define COOKIE_REPLIES_SIZE 64
#define TOKEN_BYTES 16
#define BAD_SIGNATURES_PER_TICK 32 /* looked at, from one neighbour: 2 % of a core */
#define PUBLISH_CELLS_MIN 4096 /* what is sorted at once always has room */
#define CELLS_PER_FRAME_TYPICAL 160 /* of IPv4 pairs under one destination, what a full frame takes at most */
#define OVER_DESTINATIONS_MAX 4096 /* victims at one time; one more is filtered by its pairs' rates alone */

struct member {
	bool used, self;
	bool session; /* greeted in both directions: key and boot are known */
	bool heard; /* a sealed datagram of the running session was opened */
	bool up; /* as last told by an event */
	bool skewed;
	uint64_t id;
	struct certificate certificate;
	struct endpoint endpoint;
	struct member_standing standing; /* trust.c, spread_documents.c */
	uint64_t incarnation, boot;
	struct window window;
	uint64_t send_counter;
	uint64_t hello_counter; /* of the last HELLO taken in the running session */
	struct instant heard_at; /* mono */
	int64_t peer_sent_ns; /* mesh time its last digest was sent, by its clock; 0: none yet */
	struct instant peer_sent_at; /* mono: when that came */
	double rtt_ms, skew_ms; /* smoothed; NAN until measured */
	uint32_t serve_budget; /* frames it may still be served in this tick */
	uint32_t trust; /* bad signatures it may still bring in this tick before its frames are not looked at */
	uint64_t quota_slot; /* in which EVENT_QUOTA was last told of it */
	uint64_t incarnation_slot; /* in which its newest incarnation was first heard of */
};

/* An address to be greeted: from the configuration, or a member's. */
struct greeting {
	struct endpoint endpoint;
	uint16_t member; /* who answered from there, or MEMBER_NONE */
	bool has_cookie;
	uint8_t cookie[COOKIE_BYTES]; /* theirs, for us */
	uint64_t cookie_of; /* member id of who gave it */
	uint8_t tries; /* greetings since it was last near */
	uint8_t secret; /* the mesh secret it is greeted under */
	uint8_t token[TOKEN_BYTES]; /* ours: a welcome must echo it */
	struct instant due; /* mono */
};

enum out_kind { OUT_HELLO, OUT_COOKIE, OUT_WELCOME, OUT_DIGEST, OUT_WANT, OUT_FRAME, OUT_NEWS, OUT_GET, OUT_CHUNK };

struct out {
	uint8_t kind;
	uint16_t target; /* greeting for OUT_HELLO, reply for OUT_COOKIE, else member */
	uint32_t what; /* origin for OUT_WANT, frame for OUT_FRAME, first digest row for OUT_DIGEST, kind for OUT_GET, kind and part for OUT_CHUNK */
	uint64_t sequence; /* of the frame or document, in case its place was taken meanwhile; of OUT_WANT: 1 asks for everything */
};

struct cookie_reply {
	struct endpoint to;
	uint64_t greeter;
	uint8_t token[TOKEN_BYTES];
	uint8_t secret; /* the mesh secret the greeter spoke */
};

/* A ring of entry numbers; at most keys_max of them, so it never overflows. */
struct queue {
	uint32_t *items;
	uint32_t size, head, count;
};

/* (entry, cell) of an own cell to be published. */
struct own_change {
	uint32_t entry, cell;
};

struct own_queue {
	struct own_change *items;
	uint32_t size, head, count;
};

/* What is judged by, and what will be. policy_node.c. */
struct policy_state {
	struct policy_document document, next;
	struct policy_table table; /* of document */
	bool waits; /* next waits for its slot */
	uint32_t generation; /* of table; 0 is none, so that an entry just made has none */
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

	/* membership.c, greet.c */
	struct member *members;
	struct origin *origins; /* members_max * INCARNATIONS_MAX */
	bool others[ORIGINS_MAX]; /* all but our own: who is left out where local evidence alone counts */
	bool excluded[ORIGINS_MAX]; /* skewed or quarantined: left out of verdicts */
	struct greeting greetings[MEMBERS_MAX];
	uint32_t greetings_count;
	uint8_t cookie_secret[32];
	uint64_t hello_counter;
	struct cookie_reply replies[COOKIE_REPLIES_SIZE];
	uint32_t replies_next;
	uint32_t checks_left; /* certificate checks in this second */
	int64_t checks_second;
	uint32_t cookies_left; /* to be given away in this second */
	int64_t cookies_second;

	/* trust.c, spread_documents.c */
	struct trust *trust;

	/* ledger.c, receive.c, publish.c */
	struct ledger ledger;
	struct store store;
	struct own_queue own_destinations, own_pairs; /* changed own cells: destinations are published first */
	struct cell *publish_cells; /* scratch: the cells of one tick */
	uint32_t publish_cells_max;
	struct frame_writer writer;
	uint64_t next_sequence;
	uint32_t published[FRAMES_PER_TICK_MAX]; /* scratch: where the frames of a tick stand in the store */
	uint64_t closing_slot; /* the slot whose closing frames are being written, entry by entry */
	uint32_t closing_entry; /* next entry to look at; INDEX_NONE: done */
	struct frame_root roots[ROOTS_SIZE]; /* whose signature was verified */
	uint32_t roots_next;

	/* policy_node.c */
	struct policy_state policy;

	/* verdict.c, judge.c */
	struct past past;
	struct queue dirty, warm;
	float *rates; /* scratch of fair: one destination's clients */
	uint32_t sweep; /* next entry to look at for cells of forgotten slots */
	bool sweeping;
	uint32_t over[OVER_DESTINATIONS_MAX]; /* destinations over their rate, for fair */
	uint32_t over_count;

	/* outbox.c */
	struct out *outbox;
	uint32_t outbox_head, outbox_count;
};

/* ---- node.c ---- */
uint64_t node_random(struct node *node);
void node_tell(struct node *node, const struct node_event *event);
static inline enum reject node_reject(struct node *node, enum reject reason)
{
	node->counters.rejects[reason]++;
	return reason;
}
static inline uint64_t slot_oldest(uint64_t slot_now)
{
	return slot_now < SLOTS_HELD ? 0 : slot_now - (SLOTS_HELD - 1);
}
static inline bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && address_equal(&a->address, &b->address);
}
/* At least 4: mesh_check. */
static inline uint32_t slot_ticks(const struct node *node)
{
	return (uint32_t)(mesh_slot_length(&node->mesh).ns / mesh_tick_length(&node->mesh).ns);
}
static inline double tick_seconds(const struct node *node)
{
	return node->mesh.tick_ms / 1000.0;
}

/* ---- membership.c: who is who ---- */
int membership_init(struct node *node, const struct certificate *self);
uint16_t member_find(const struct node *node, uint64_t id);
/* Learns of a member, or of another session of it. REJECT_STALE_SESSION, REJECT_MEMBERS_FULL or REJECT_NONE. */
enum reject member_meet(struct node *node, struct now now, const struct certificate *certificate, uint64_t incarnation, uint64_t boot,
			const struct endpoint *endpoint, uint16_t *ret_member);
/* The origin of a member in an incarnation, or INDEX_NONE. */
uint32_t origin_find(const struct node *node, uint16_t member, uint64_t incarnation);
/* The same, made when new; INDEX_NONE when it is older than those held. */
uint32_t origin_of(struct node *node, uint16_t member, uint64_t incarnation);
static inline uint16_t origin_member(uint32_t origin)
{
	return (uint16_t)(origin / INCARNATIONS_MAX);
}
static inline bool member_is_near(const struct node *node, uint16_t member, struct now now)
{
	const struct member *m = &node->members[member];

	return m->used && m->session && m->heard &&
	       duration_between(m->heard_at, now.mono).ns < (CARRY_TICKS + 1) * mesh_tick_length(&node->mesh).ns;
}
void member_heard(struct node *node, uint16_t member, struct now now, const struct endpoint *from);
void member_measure(struct node *node, uint16_t member, struct now now, int64_t sent_ns, int64_t echo_ns, int64_t hold_ns);
void membership_tick(struct node *node, struct now now);

/* ---- greet.c: HELLO ---- */
void greet_tick(struct node *node, struct now now);
enum reject greet_receive(struct node *node, struct now now, const struct endpoint *from, const struct datagram_header *header, uint8_t *bytes,
			  size_t size);
size_t greet_write(struct node *node, struct now now, const struct out *out, struct endpoint *ret_to, uint8_t *ret_bytes);

/* ---- repair.c: digests and what they bring ---- */
void repair_tick(struct node *node, struct now now);
size_t repair_write_digest(struct node *node, struct now now, uint16_t member, uint32_t first_row, uint8_t *ret_plain);
size_t repair_write_want(struct node *node, uint32_t origin, bool everything, uint8_t *ret_plain);
enum reject repair_receive_digest(struct node *node, struct now now, uint16_t member, const uint8_t *bytes, size_t size);
enum reject repair_receive_want(struct node *node, uint16_t member, const uint8_t *bytes, size_t size);

/* ---- receive.c: frames ---- */
enum reject receive_frame(struct node *node, struct now now, uint16_t member, const uint8_t *frame, size_t size);
/* Joins one version of a cell; the only way into the ledger. `from_tick` and `tick`: the ticks it was counted in, for the carry; equal: it
 * tells no recent rate. */
enum reject receive_cell(struct node *node, uint32_t origin, const struct cell *cell, uint64_t from_tick, uint64_t tick);

/* ---- publish.c: own cells become frames ---- */
void publish_later(struct node *node, uint32_t entry, uint32_t cell);
void publish_tick(struct node *node, struct now now);

/* ---- verdict.c, judge.c, share.c ---- */
/* A key as it is judged now. */
struct verdict {
	const struct policy_effective *policy;
	struct record m;
	struct carry carry;
	uint64_t floor; /* M.c less what is known after A */
	double count; /* M.c or what the carry expects, whichever is more */
	double window_s, rate, limit;
	double offered; /* packets per second over FAIR_TICKS complete ticks; a young client's count over the minimum window */
	uint32_t origins;
	uint32_t members; /* with cells of the key, ourselves included even without any */
};
void verdict_of(const struct node *node, struct now now, uint32_t entry, struct verdict *ret_verdict);
/* Are our own counts alone over the rate? Then no floor of local evidence holds: nobody else's word is needed. */
bool verdict_is_own(const struct node *node, struct now now, uint32_t entry, const struct verdict *v);
/* What this proxy saw of a key itself, over the running slot and the one before, and how many members have cells of it. */
struct evidence {
	double rate;
	uint32_t members;
};
struct evidence verdict_evidence(const struct node *node, struct now now, const struct entry *entry);
void judge_dirty(struct node *node, uint32_t entry);
void judge_whole_tick(struct node *node);
void judge_tick(struct node *node, struct now now);
/* Works out the shares of a destination over its rate; share_tick does for all that are listed. */
void share_level(struct node *node, struct now now, uint32_t number);
void share_tick(struct node *node, struct now now);

/* ---- policy_node.c ---- */
int policy_start(struct node *node, struct now now);
void policy_tick(struct node *node, struct now now);
/* Brings the entry's number of what it is judged by up to date; entry_policy reads it. */
void policy_refresh(struct node *node, uint32_t entry);
const struct policy_effective *entry_policy(const struct node *node, const struct entry *entry);
uint64_t utc_seconds(struct now now);

/* ---- outbox.c ---- */
void outbox_add(struct node *node, struct out out);
void outbox_add_first(struct node *node, struct out out); /* before all that waits */
void outbox_frame_to_all(struct node *node, uint32_t frame, struct now now);

enum message { MESSAGE_FRAME = 1, MESSAGE_DIGEST = 2, MESSAGE_WANT = 3, MESSAGE_NEWS = 4, MESSAGE_GET = 5, MESSAGE_CHUNK = 6 };

/* ---- trust.c: the authority's documents and what follows from them ---- */
void trust_init(struct node *node);
void trust_close(struct node *node);
/* May this certificate, which the authority signed, still greet? REJECT_REVOKED, REJECT_SUPERSEDED or REJECT_NONE. */
enum reject trust_check(const struct node *node, const struct certificate *certificate);
/* A member shows a certificate: the later one counts. */
void trust_certificate(struct node *node, uint16_t member, const struct certificate *certificate);
bool trust_frame_is_signed(const struct node *node, uint16_t member, const struct frame_root *root);
/* The key shared with a member under a secret, by the secret's number; NULL: none. */
const uint8_t *trust_key(struct node *node, uint16_t member, unsigned int secret);
unsigned int trust_secret_for(const struct node *node, uint16_t member, struct now now);
unsigned int trust_secret_to_greet(const struct node *node, unsigned int tries, struct now now);
/* It speaks a secret whose time is over: nothing but documents goes either way. */
bool trust_is_behind(const struct node *node, uint16_t member, struct now now);
enum reject trust_open(struct node *node, struct now now, uint16_t member, const struct seal_context *context, uint8_t *bytes, size_t size,
		       size_t *ret_plain_size);
enum reject trust_open_hello(struct node *node, const struct seal_context *context, uint8_t *bytes, size_t size, size_t *ret_plain_size,
			     unsigned int *ret_secret);
enum reject trust_adopt(struct node *node, struct now now, const uint8_t *bytes, size_t size);

/* ---- spread_documents.c ---- */
void spread_tick(struct node *node, struct now now);
void spread_news_to_all(struct node *node, struct now now);
size_t spread_write_news(const struct node *node, uint8_t *ret_plain);
size_t spread_write_get(const struct node *node, unsigned int kind, uint8_t *ret_plain);
size_t spread_write_chunk(const struct node *node, const struct out *out, uint8_t *ret_plain);
enum reject spread_receive_news(struct node *node, struct now now, uint16_t member, const uint8_t *bytes, size_t size);
enum reject spread_receive_get(struct node *node, uint16_t member, const uint8_t *bytes, size_t size);
enum reject spread_receive_chunk(struct node *node, struct now now, uint16_t member, const uint8_t *bytes, size_t size);

#endif
