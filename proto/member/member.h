/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The room of members: who they are, their sessions, secrets, addresses and clocks, who is alive, and who is a neighbour.
 */
#ifndef PROTO_MEMBER_H
#define PROTO_MEMBER_H

#include "certificate.h"
#include "frame.h"
#include "judging.h"
#include "outbox.h"
#include "revocation.h"
#include "rotation.h"
#include "seal.h"
#include "anti_replay.h"

#define TELL_AGAIN_MS 60000 /* of one member: what it can bring about must not push other events out of the list */
#define REPLIES_SIZE 64
#define TOKEN_BYTES 16
#define BAD_SIGNATURES_PER_TICK 32 /* looked at, from one neighbour: 2 % of a core */
#define SERVE_FRAMES_PER_TICK 256 /* to one member: at 200 ms and 1232 bytes 12 Mbit/s */
#define REQUEST_COST 2 /* of the frames served: looking costs, too, even when nothing is found */
#define PEERS_SPARE 64 /* addresses to greet beyond the members' */

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

struct mesh_secret {
	uint8_t fingerprint[FINGERPRINT_BYTES];
	uint8_t secret[MESH_SECRET_BYTES];
	uint8_t hello_key[SEAL_KEY_BYTES];
};

/* What the authority's documents make of a member, and what it knows of them. */
struct member_standing {
	bool revoked;
	uint8_t spoken; /* the secret it last spoke under: 0 is the newest */
	uint8_t keys_known; /* bit per secret: its key with this member is worked out */
	uint8_t keys[SECRETS_MAX][SEAL_KEY_BYTES];
	uint64_t key_slot; /* in which its certificate's key was first seen */
	struct news news[DOCUMENT_KINDS]; /* as it last announced */
	struct instant distrusted_until[DOCUMENT_KINDS]; /* mono: its document did not verify, or never came, */
	uint8_t distrusts[DOCUMENT_KINDS]; /* so often since one of it was good */
	uint16_t chunks_left; /* it may still be served in this tick */
	uint64_t news_tick; /* of the last news sent to it */
};

/* How far a member's clock is off. skew.c. */
struct member_clock {
	double rtt_ms, skew_ms; /* smoothed; NAN until measured, the skew again when a frame disproves it */
	bool skewed;
	bool told; /* skewed, as last told by an event */
	struct instant told_at; /* mono */
	int64_t peer_sent_ns; /* mesh time its last digest was sent, by its clock; 0: none yet */
	struct instant peer_sent_at; /* mono: when that came */
	/* Of its frames, while its skew is not measured: how far the ends of their ticks were ahead of our clock, at most. */
	int64_t lead_ns; /* in the window that runs, or ran last */
	int64_t proven_ns; /* more than SKEW_MS_MAX, if that was proven and no whole window since was without; else 0 */
	uint32_t lead_frames;
	struct instant lead_since; /* mono */
};

/* A new address that must bring something back. address.c. */
struct member_challenge {
	struct endpoint to;
	uint64_t echo; /* what it must bring back; 0: none is out */
	struct instant at; /* mono */
};

/* What a member may still bring about, and what was told of it. */
struct member_account {
	int64_t records_second; /* in which it was last heard of by new records, */
	uint32_t records_left; /* and how many more of that second are taken */
	uint64_t quota_slot; /* in which EVENT_QUOTA was last told of it */
	uint64_t line_slot; /* in which EVENT_LINE_RATE was */
	uint64_t claimed_slot, claimed; /* the newest slot it told of, and what its destination cells of it come to */
	uint64_t incarnation_slot; /* in which its newest incarnation was first heard of */
};

/* Two hosts with one key. */
struct member_clone {
	struct instant stale_since; /* mono: when an earlier start first greeted beside the running session */
	struct instant sought_at; /* mono: when a greeting of an earlier start was last looked at */
	struct instant told_at; /* mono */
};

struct member {
	/* What every tick and datagram looks at stands first. */
	bool used, self;
	bool session; /* incarnation and boot are known, by greeting or record */
	bool heard; /* a sealed datagram of the running session was opened */
	bool up; /* as last told by an event */
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
	uint64_t send_counter;
	uint64_t hello_counter; /* of the last HELLO taken in the running session */
	struct instant met_at; /* mono: the running session was learnt */
	struct instant state_at; /* mono: of the last change of state */
	struct member_clock clock;
	struct member_challenge challenge;
	struct member_account account;
	struct member_clone clone;
	struct member_standing standing; /* trust.c, spread_documents.c */
	struct anti_replay anti_replay;
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

enum reply_kind { REPLY_TO_HELLO, REPLY_TO_PING };

/* What a datagram that answers another needs of it, until the answer is written. */
struct reply {
	enum reply_kind kind;
	struct endpoint to; /* where the other came from */
	union {
		struct {
			uint64_t greeter; /* member id of the sender */
			uint8_t token[TOKEN_BYTES]; /* the HELLO's */
			uint8_t secret; /* number of the mesh secret the HELLO was sealed with */
		} hello; /* COOKIE, WELCOME, LATER */
		struct {
			uint64_t echo; /* the PING's */
			int64_t sent_ns; /* mesh time at which the PING was sent, by its sender's clock */
			struct instant came_at; /* mono: when the PING came */
		} ping; /* PONG */
	};
};

/* Whom to greet, and what greetings may cost. greetings.c, handshake.c. */
struct handshake {
	struct greeting *greetings; /* members_max + PEERS_SPARE */
	uint32_t count;
	uint8_t cookie_secret[32];
	uint64_t counter; /* of the last HELLO that was sent */
	uint32_t checks_left; /* certificate checks in this second */
	int64_t checks_second;
	uint32_t cookies_left; /* to be given away in this second */
	int64_t cookies_second;
};

/* Failure detection. swim.c. */
struct swim {
	struct probe probe;
	struct errand errands[ERRANDS_SIZE];
	struct rumour rumours[RUMOURS_SIZE];
	uint16_t *order; /* numbers, shuffled */
	uint32_t at, count;
	struct instant due; /* mono */
	uint8_t health; /* Lifeguard: 0 is well, up to HEALTH_MAX - 1 */
	struct endpoint seen_as; /* where another member sees us */
	uint64_t seen_by;
};

/* Mesh secrets, newest first, and whose keys are out. secrets.c, standing.c; trust/ changes them. */
struct secrets {
	struct mesh_secret items[SECRETS_MAX];
	uint32_t count;
	uint64_t serial; /* of the rotation held */
	uint64_t effective_slot, grace_end_slot; /* of the newest; 0: it always was */
	struct revocation revocation;
};

struct membership {
	struct member *table; /* by number; 0 is this node */
	uint16_t *index; /* open addressing by id: numbers, MEMBER_NONE is empty */
	uint32_t index_mask;
	uint16_t high; /* numbers ever used: no walk goes beyond */
	uint16_t free; /* all below are taken: two thousand that are met one after the other are not walked over each time */
	uint16_t count; /* itself included, without those that left */
	uint64_t later_incarnation; /* of a later start of this node, which ended; 0: none is known. records.c */
	uint32_t records_left; /* records' signatures to be checked in this second; records.c */
	int64_t records_second;
	struct secrets secrets;
	struct handshake handshake;
	struct {
		struct reply items[REPLIES_SIZE];
		uint32_t next;
	} replies; /* to HELLOs and PINGs, until they are written */
	struct swim swim;
	struct link links[NEIGHBOURS_MAX]; /* in a larger mesh; spread/overlay.c */
	uint32_t links_count;
};

/* ---- membership.c: who is who ---- */
#define PEERS_SPARE 64 /* addresses to greet beyond the members' */
int membership_init(struct node *node, const struct certificate *self);
uint16_t member_find(const struct node *node, uint64_t id);
/* Learns of a member, or of another session of it. REJECT_STALE_SESSION, REJECT_MEMBERS_FULL or REJECT_NONE. */
enum reject member_meet(struct node *node, struct now now, const struct certificate *certificate, uint64_t incarnation, uint64_t boot,
			const struct endpoint *endpoint, uint16_t *ret_member);
/* It claims more than that: told once per slot. */
void member_over_line(struct node *node, uint16_t member);
/* The certificate as issued, to be handed on. */
void member_keep_certificate(struct member *member, const uint8_t *bytes, size_t size);
void member_forget(struct node *node, uint16_t member);
/* An event of a member, of a kind that carries nothing else. */
void member_tell(struct node *node, struct now now, uint16_t member, enum node_event_kind kind);
/* Two hosts run with this member's key: told once a minute. */
void member_cloned(struct node *node, struct now now, uint16_t member);
/* The origin of a member in an incarnation, or INDEX_NONE. */
uint32_t origin_find(const struct node *node, uint16_t member, uint64_t incarnation);
/* The same, made when new; INDEX_NONE when it is older than those held. */
uint32_t origin_of(struct node *node, uint16_t member, uint64_t incarnation);
/* An earlier incarnation that a neighbour tells of: only where a place is free, and to be replaced by one that frames were heard of. */
uint32_t origin_claimed(struct node *node, uint16_t member, uint64_t incarnation);
/* Was it heard in the last ticks? */
static inline bool member_is_near(const struct node *node, uint16_t member, struct now now)
{
	const struct member *m = &node->member->table[member];

	return m->used && m->session && m->heard &&
	       duration_between(m->heard_at, now.mono).ns < (CARRY_TICKS + 1) * mesh_tick_length(&node->mesh).ns;
}
/* Answers that a member draws, in frames served: a bounded number per tick, whatever it says. */
static inline bool member_spend(struct member *member, uint32_t cost)
{
	if (member->serve_budget < cost)
		return false;
	member->serve_budget -= cost;
	return true;
}
/* A small mesh: everybody sends to everybody. */
static inline bool node_is_direct(const struct node *node)
{
	return node->member->count <= DIRECT_MEMBERS_MAX;
}
/* It is alive: by itself, by its record or by another's word. */
void member_alive(struct node *node, struct now now, uint16_t member);

/* ---- presence.c ---- */
/* A sealed datagram of the running session was opened. True: the member is up again. */
bool member_heard(struct node *node, uint16_t member, struct now now, const struct endpoint *from, size_t size);
void membership_tick(struct node *node, struct now now);

/* ---- address.c ---- */
/* Sends a challenge to an address where the member may be. */
void member_challenge(struct node *node, struct now now, uint16_t member, const struct endpoint *at);
/* What a PING carries and a PONG must bring back: never 0. */
uint64_t echo_draw(struct node *node);
/* A new address brought back its challenge. */
void member_prove(struct node *node, uint16_t member, const struct endpoint *at);

/* ---- skew.c: members' clocks ---- */
/* A PONG or DIGEST has come: its clock as it left, ours as what it answers left, and how long it held that. */
void member_measure(struct node *node, uint16_t member, struct now now, int64_t sent_ns, int64_t echo_ns, int64_t hold_ns);
/* A frame of this tick of the running incarnation has come: pushed by its origin or handed on, or, `served`, asked for.
 * One that proves a lead of more than SKEW_MS_MAX leaves the member out of verdicts at once, whatever was measured
 * before, until it is measured anew or LEAD_WINDOW_MS of its frames prove none. */
void member_estimate(struct node *node, uint16_t member, struct now now, uint64_t tick, bool served);
/* Tells of a clock that goes in and out of bounds: at once, then once a minute, as it is then. */
void skew_tell(struct node *node, uint16_t member, struct now now);

/* Others' replies have taken the place of one that was to be written: it is not another's to have. */
static inline bool reply_is_gone(const struct node *node, const struct out *out)
{
	return node->member->replies.next - out->reply.number >= REPLIES_SIZE;
}

/* ---- handshake.c: HELLO ---- */
enum reject handshake_receive(struct node *node, struct now now, const struct endpoint *from, const struct datagram_header *header, uint8_t *bytes,
			  size_t size);
size_t handshake_write(struct node *node, struct now now, const struct out *out, struct endpoint *ret_to, uint8_t *ret_bytes);

/* ---- greetings.c: whom to greet, and when ---- */
void handshake_tick(struct node *node, struct now now);
/* Greets where a member was last known to be, once. */
void greet_member(struct node *node, struct now now, uint16_t member);
struct greeting *greeting_by_token(struct node *node, const uint8_t token[TOKEN_BYTES]);
/* A member known only because it greeted us is greeted in turn when it falls silent. */
void greeting_keep(struct node *node, uint16_t member);
void token_draw(struct node *node, struct greeting *greeting);

/* ---- records.c: what members say of themselves ---- */
/* Signs this node's own record anew and tells the neighbours. */
void record_renew(struct node *node, struct now now);
enum reject record_receive(struct node *node, const struct arrival *arrival);
/* This node's own record, of a later start. */
enum reject record_receive_later(struct node *node, struct now now, const uint8_t record[MEMBER_RECORD_BYTES]);
enum reject record_receive_request(struct node *node, const struct arrival *arrival);
size_t record_write(struct node *node, const struct departure *departure, uint8_t *ret_plain);
size_t record_write_request(struct node *node, const struct departure *departure, uint8_t *ret_plain);
/* Order of two records of one member: < 0, 0, > 0. */
int record_compare(const struct record_body *a, uint64_t incarnation, uint64_t boot, uint64_t version);
void record_send(struct node *node, uint16_t to, uint16_t of);

/* ---- neighbours.c ---- */
struct link *link_find(struct node *node, uint16_t member);
/* Some neighbour: a near member of a small mesh, a link of a larger; MEMBER_NONE: none. Never `but`. */
uint16_t neighbour_any(struct node *node, struct now now, uint16_t but);
/* The nearest of them. */
uint16_t neighbour_nearest(const struct node *node, struct now now, uint16_t but);
/* Its round trip, or a guess by its region. */
double distance_ms(const struct node *node, uint16_t member);

/* ---- swim.c: who is alive, and where ---- */
void swim_init(struct node *node);
void swim_turn(struct node *node, struct now now);
enum reject swim_receive_ping(struct node *node, const struct arrival *arrival);
enum reject swim_receive_pong(struct node *node, const struct arrival *arrival);
enum reject swim_receive_ping_req(struct node *node, const struct arrival *arrival);
size_t swim_write_ping(struct node *node, const struct departure *departure, uint8_t *ret_plain);
size_t swim_write_pong(struct node *node, const struct departure *departure, uint8_t *ret_plain);
size_t swim_write_ping_req(struct node *node, const struct departure *departure, uint8_t *ret_plain);

/* ---- secrets.c, standing.c ---- */
void secrets_init(struct node *node);
/* Overwrites them. */
void secrets_close(struct node *node);
void secret_set(struct mesh_secret *place, const uint8_t secret[MESH_SECRET_BYTES]);
/* May this certificate, which the authority signed, still greet? REJECT_REVOKED, REJECT_SUPERSEDED or REJECT_NONE. */
enum reject trust_check(const struct node *node, const struct certificate *certificate);
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

#endif
