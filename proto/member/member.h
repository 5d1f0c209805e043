/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Room member/: the members, their sessions, secrets, addresses and clocks, which of them are alive, and which are
 * neighbours.
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

#define REPORT_AGAIN_MS 60000 /* between equal events of one member, so that it cannot fill the ring of events */
#define REPLIES_SIZE 64
#define TOKEN_BYTES 16
#define COOKIE_SECRET_BYTES 32
#define BAD_SIGNATURES_PER_TICK 32 /* from one neighbour, before its frames are ignored: 2 % of a core */
#define SERVE_FRAMES_PER_TICK 256 /* to one member: 12 Mbit/s at 200 ms and 1232 bytes */
#define REQUEST_COST 2 /* frames of that budget that a request costs, even when nothing is found */
#define PEERS_SPARE 64 /* addresses to greet beyond the members' */

enum member_state { MEMBER_ALIVE, MEMBER_SUSPECT, MEMBER_DOWN, MEMBER_LEFT };

/* A member record: what a member publishes about itself, signed with its own key. */
struct record_body {
	uint64_t incarnation, boot, version; /* the newest in this order is in force */
	/*
	 * random number drawn at each start of the daemon. Two records with equal boot and different `start` prove that
	 * two hosts use one key
	 */
	uint64_t start;
	int64_t at_ns; /* mesh time */
	bool left;
	struct endpoint endpoint; /* the address that it takes for its own; port 0: unknown */
	uint8_t load, load_limit; /* of its capacity, in 1/255 */
};

/* Datagrams lost on the path from a member to this node, by the counters in its nonces. loss.c. */
struct path_loss {
	bool measured; /* in the last second */
	uint32_t heard; /* datagrams opened in this second */
	uint64_t highest; /* the highest counter when this second began */
	uint32_t sent, received; /* fading sums */
};

struct mesh_secret {
	uint8_t fingerprint[FINGERPRINT_BYTES];
	uint8_t secret[MESH_SECRET_BYTES];
	uint8_t hello_key[SEAL_KEY_BYTES];
};

/* The authority's documents and a member: what they say about it, and which of them it has. */
struct member_standing {
	bool revoked;
	uint8_t spoken; /* number of the mesh secret that its last datagram was sealed under; 0: the newest */
	uint8_t keys_known; /* bit i: keys[i] was computed */
	uint8_t keys[SECRETS_MAX][SEAL_KEY_BYTES]; /* shared with this member, under each mesh secret */
	uint64_t key_slot; /* in which its certificate's public key was first seen */
	struct news news[DOCUMENT_KINDS]; /* as it last announced */
	struct instant distrusted_until[DOCUMENT_KINDS]; /* mono: no document is requested from it until then */
	/* documents of it that did not verify or never came, since the last good one */
	uint8_t distrusts[DOCUMENT_KINDS];
	uint16_t chunks_left; /* chunks that it may still be sent in this tick */
	uint64_t news_tick; /* in which NEWS was last sent to it */
};

/* How far a member's clock is off. skew.c. */
struct member_clock {
	double rtt_ms, skew_ms; /* smoothed; NAN until measured, the skew again when a frame disproves it */
	bool skewed;
	bool reported; /* `skewed` as last reported by an event */
	struct instant reported_at; /* mono: time of that event */
	int64_t peer_sent_ns; /* mesh time at which its last digest was sent, by its clock; 0: none yet */
	struct instant peer_sent_at; /* mono: when that digest came */
	/*
	 * While its skew is not measured. The lead of a frame: how far the end of its tick was ahead of this node's
	 * clock when it came.
	 */
	int64_t lead_ns; /* largest lead in the running or last LEAD_WINDOW_MS */
	/* a lead above SKEW_MS_MAX that frames proved; 0: none, or a whole LEAD_WINDOW_MS passed without one */
	int64_t proven_ns;
	uint32_t lead_frames; /* frames in that time */
	struct instant lead_since; /* mono: its start */
};

/* A PING sent to a member's new address, which must be echoed. address.c. */
struct member_challenge {
	struct endpoint to;
	uint64_t echo; /* the number that the PONG must contain; 0: no challenge is waiting */
	struct instant at; /* mono: when the PING was sent */
};

/* What a datagram with another protocol version says of itself. versions.c */
struct version_said {
	bool known;
	uint8_t version;
	uint64_t slot; /* of the last such datagram */
	struct endpoint from;
};

#define MISFITS_MAX 8 /* remembered; a mesh has few, since their certificates are the authority's */

/* A node of this mesh with other widths. misfits.c */
struct misfit {
	char name[NAME_BYTES_MAX + 1]; /* empty: none */
	uint64_t slot; /* of its last greeting */
	struct endpoint from;
};

#define LINE_QUIET_SLOTS 2 /* a member within its line for longer is reported again by EVENT_LINE_RATE */

/* Budgets of a member, and the slots in which events about it were last reported. */
struct member_account {
	int64_t records_second; /* second of its last new member record */
	uint32_t records_left; /* new member records of it that are still taken in that second */
	uint64_t quota_slot; /* of its last EVENT_QUOTA */
	uint32_t cells_refused; /* because its share of the ledger had no room */
	uint64_t line_slot; /* in which it last reported more than its line carries */
	uint64_t incarnation_slot; /* in which its newest incarnation was first seen */
	struct version_said version_said;
};

/* Signs that two hosts use one key. */
struct member_clone {
	struct instant stale_since; /* mono: first HELLO of an earlier boot during the running session */
	struct instant sought_at; /* mono: when the signature of such a HELLO was last checked */
	struct instant reported_at; /* mono: time of the last EVENT_MEMBER_CLONED */
};

struct member {
	/* The fields that every tick and datagram reads are first. */
	bool used, self;
	bool session; /* incarnation and boot are known, from a HELLO or a member record */
	bool heard; /* a sealed datagram of the running session was opened */
	bool up; /* as last reported by an event */
	bool proven; /* it answered a challenge at its endpoint */
	bool has_record;
	bool relay_wanted; /* small mesh: this node asks it to forward other members' frames */
	bool relay_asked; /* small mesh: it asks this node to do so */
	uint8_t state; /* enum member_state */
	uint16_t parent; /* number of the neighbour that gets no PRUNE for this member's frames (tree.c) */
	uint16_t certificate_bytes;
	uint64_t id;
	uint64_t incarnation, boot;
	struct instant heard_at; /* mono */
	struct record_body record;
	uint32_t serve_budget; /* frames that it may still be served in this tick */
	uint32_t bad_signatures_left; /* it may still send in this tick before its frames are ignored */
	struct endpoint endpoint;
	uint64_t send_counter;
	uint64_t hello_counter; /* of the last HELLO taken in the running session */
	struct instant met_at; /* mono: start of the running session, as seen here */
	struct instant state_at; /* mono: of the last change of state */
	struct member_clock clock;
	struct member_challenge challenge;
	struct member_account account;
	struct member_clone clone;
	struct member_standing standing; /* trust.c, spread_documents.c */
	struct anti_replay anti_replay;
	struct path_loss path;
	struct certificate certificate;
	uint8_t certificate_issued[CERTIFICATE_BYTES_MAX]; /* the same, as issued; forwarded with its member record */
	uint8_t record_signed[MEMBER_RECORD_BYTES];
};

/* An address to which HELLOs are sent: from the configuration, or a member's. */
struct greeting {
	struct endpoint endpoint;
	uint16_t member; /* number of the member that answered from there, or MEMBER_NONE */
	bool has_cookie;
	bool repeated; /* the HELLO was sent again with the same cookie */
	uint8_t cookie[COOKIE_BYTES]; /* from the other side, for this node's address */
	uint64_t cookie_of; /* id of the member that sent the cookie */
	uint8_t tries; /* HELLOs since a member there was last near */
	uint8_t secret; /* number of the mesh secret that the HELLO is sealed under */
	bool configured; /* from the configuration: greeted while no near member is there */
	bool transient; /* a member that may not know this node: greeted a few times */
	uint8_t token[TOKEN_BYTES]; /* drawn here; a WELCOME must echo it */
	struct instant due; /* mono */
	struct version_said version_said; /* by whoever is there, when it is configured */
};

/* A neighbour in a mesh of more than DIRECT_MEMBERS_MAX. */
struct link {
	uint16_t member;
	bool ours; /* this node asked for it, not the neighbour */
	bool nearest; /* chosen for its short round trip, not at random */
	bool agreed;
	uint16_t instead; /* number of the neighbour that this one replaces once it has agreed, or MEMBER_NONE */
	struct instant since; /* mono */
	uint64_t lazy[MEMBERS_MAX / 64]; /* members for whose frames it sent PRUNE */
	uint64_t prunes[MEMBERS_MAX / 64]; /* members for whose frames PRUNE will be sent to it */
	bool pruning; /* `prunes` is not empty */
};

/* A probe without an answer so far. */
struct probe {
	uint16_t member; /* MEMBER_NONE: none */
	bool helped; /* other members were asked to probe it */
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
#define ERRANDS_EACH 4 /* for one asker: it probes one member a second, and an errand lasts two */

/* A change of a member's state, sent along with a number of probes. */
struct rumour {
	uint16_t member; /* MEMBER_NONE: free */
	uint8_t tellings;
};
#define RUMOURS_SIZE 64

enum reply_kind { REPLY_TO_HELLO, REPLY_TO_PING };

/* What an answer needs from the datagram that it answers, until the answer is written. */
struct reply {
	enum reply_kind kind;
	struct endpoint to; /* source address of that datagram */
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

/* The addresses to greet, and the budgets of handshakes. greetings.c, handshake.c. */
struct handshake {
	struct greeting *greetings; /* members_max + PEERS_SPARE */
	uint32_t count;
	uint8_t cookie_secret[COOKIE_SECRET_BYTES];
	uint64_t counter; /* of the last HELLO that was sent */
	uint32_t checks_left; /* certificate checks in this second */
	int64_t checks_second;
	uint32_t cookies_left; /* that may still be sent in this second */
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
	uint8_t health; /* Lifeguard's local health: 0 is healthy, up to HEALTH_MAX - 1 */
	struct endpoint seen_as; /* this node's address as another member sees it */
	uint64_t seen_by; /* id of that member */
};

/* Mesh secrets, newest first, and the revoked keys. secrets.c, standing.c; trust/ changes them. */
struct secrets {
	struct mesh_secret items[SECRETS_MAX];
	uint32_t count;
	uint64_t serial; /* of the rotation held */
	uint64_t effective_slot, grace_end_slot; /* of the newest secret; 0: from the start */
	struct revocation revocation;
};

struct membership {
	struct member *table; /* by number; 0 is this node */
	uint16_t *index; /* open addressing by id: numbers, MEMBER_NONE is empty */
	uint32_t index_mask;
	uint16_t high; /* numbers ever used: no walk goes beyond */
	uint16_t free; /* every number below is in use: the search for a free one begins here */
	uint16_t count; /* this node included, members that left not */
	/* of this node, remembered by members (node_later_incarnation); 0: none. records.c */
	uint64_t later_incarnation;
	uint32_t records_left; /* signatures of member records that may still be checked in this second; records.c */
	int64_t records_second;
	struct secrets secrets;
	struct version_said version_said; /* by who is neither a member nor at a configured address */
	uint64_t versions_slot; /* in which versions_told events of other versions were reported; versions.c */
	uint32_t versions_told;
	struct misfit misfits[MISFITS_MAX];
	struct handshake handshake;
	struct {
		struct reply items[REPLIES_SIZE];
		uint32_t next;
	} replies; /* to HELLOs and PINGs, until they are written */
	struct swim swim;
	struct link links[NEIGHBOURS_MAX]; /* in a larger mesh; spread/overlay.c */
	uint32_t links_count;
};

/* ---- membership.c: members and their origins ---- */
/* Members that are neither revoked nor known to have left, this one included: n of the call rule (judge/call.h). */
uint32_t members_counted(const struct node *node);
/* Takes the memory; membership_init makes the room's part of it. */
void membership_take_memory(struct node *node, struct arena *arena, const struct node_limits *limits);
int membership_init(struct node *node, const struct certificate *self,
		    const uint8_t cookie_secret[COOKIE_SECRET_BYTES]);
uint16_t member_find(const struct node *node, uint64_t id);
/* Learns of a member, or of another session of it. REJECT_STALE_SESSION, REJECT_MEMBERS_FULL or REJECT_NONE. */
enum reject member_meet(struct node *node, struct now now, const struct certificate *certificate, uint64_t incarnation,
			uint64_t boot, const struct endpoint *endpoint, uint16_t *ret_member);
/* Reports EVENT_LINE_RATE when it begins: the member's cells of a kind are above its certified line rate. */
void member_over_line(struct node *node, uint16_t member, enum key_kind kind);
/* Keeps the certificate as issued, to be forwarded. */
void member_keep_certificate(struct member *member, const uint8_t *bytes, size_t size);
void member_forget(struct node *node, uint16_t member);
/* Reports an event about a member, of a kind that has no other fields. */
void member_report(struct node *node, struct now now, uint16_t member, enum node_event_kind kind);
/* Reports that two hosts use this member's key, once a minute. (Member records, 7) */
void member_cloned(struct node *node, struct now now, uint16_t member);
/* The origin of a member in an incarnation, or INDEX_NONE. */
uint32_t origin_find(const struct node *node, uint16_t member, uint64_t incarnation);
/* The same, made when new; INDEX_NONE when it is older than those held. */
uint32_t origin_of(struct node *node, uint16_t member, uint64_t incarnation);
/*
 * The origin of an earlier incarnation that a neighbour claims to have frames of. Made only in a free place; an
 * incarnation of which a frame comes may replace it.
 */
uint32_t origin_claimed(struct node *node, uint16_t member, uint64_t incarnation);
/* Was a datagram of the member opened in the last CARRY_TICKS + 1 ticks? */
static inline bool member_is_near(const struct node *node, uint16_t member, struct now now)
{
	const struct member *m = &node->member->table[member];

	return m->used && m->session && m->heard &&
	       duration_between(m->heard_at, now.mono).ns < (CARRY_TICKS + 1) * mesh_tick_length(&node->mesh).ns;
}
/* Takes `cost` frames from the member's budget of this tick; false: the budget is used up, so do not answer. */
static inline bool member_spend(struct member *member, uint32_t cost)
{
	if (member->serve_budget < cost)
		return false;
	member->serve_budget -= cost;
	return true;
}
/* Is the mesh small, so that every member sends to every member? */
static inline bool node_is_direct(const struct node *node)
{
	return node->member->count <= DIRECT_MEMBERS_MAX;
}
/* Marks a member alive. */
void member_alive(struct node *node, struct now now, uint16_t member);

/* ---- presence.c ---- */
/* Call it when a sealed datagram of the running session was opened. True: the member is up again. */
bool member_heard(struct node *node, uint16_t member, struct now now, const struct endpoint *from, size_t size);
void membership_tick(struct node *node, struct now now);

/* ---- address.c ---- */
/* Sends a challenge to an address where the member may be. */
void member_challenge(struct node *node, struct now now, uint16_t member, const struct endpoint *at);
/* Draws the number that a PONG must echo; never 0. */
uint64_t echo_draw(struct node *node);
/* Moves the member to an address that echoed its challenge. */
void member_prove(struct node *node, uint16_t member, const struct endpoint *at);

/* ---- skew.c: members' clocks ---- */
/*
 * Measures skew and round trip by a PONG or DIGEST. sent_ns: mesh time at which the member sent it, by its clock.
 * echo_ns: mesh time at which this node sent the datagram that it answers. hold_ns: time between the two at the member.
 */
void member_measure(struct node *node, uint16_t member, struct now now, int64_t sent_ns, int64_t echo_ns,
		    int64_t hold_ns);
/*
 * Estimates a member's clock by a frame of this tick of its running incarnation; `served`: the frame came on request.
 * A frame that proves a lead of more than SKEW_MS_MAX leaves the member out of verdicts at once, whatever was measured
 * before. This ends when its clock is measured anew, or after LEAD_WINDOW_MS of frames without such a lead.
 */
void member_estimate(struct node *node, uint16_t member, struct now now, uint64_t tick, bool served);
/* Reports that a member's clock left its bounds or returned: at once, then once a minute. */
void skew_report(struct node *node, uint16_t member, struct now now);

/*
 * Was this reply's place in the ring reused before the reply was written? Then it must not be written: the place now
 * holds the data of another peer.
 */
static inline bool reply_is_gone(const struct node *node, const struct out *out)
{
	return node->member->replies.next - out->reply.number >= REPLIES_SIZE;
}

/* ---- handshake.c: HELLO ---- */
enum reject handshake_receive(struct node *node, struct now now, const struct endpoint *from,
			      const struct datagram_header *header, uint8_t *bytes, size_t size);
size_t handshake_write(struct node *node, struct now now, const struct out *out, struct endpoint *ret_to,
		       uint8_t *ret_bytes);

/* ---- greetings.c: addresses to greet, and when ---- */
void handshake_tick(struct node *node, struct now now);
/* Greets a member once, at its last known address. */
void greet_member(struct node *node, struct now now, uint16_t member);
struct greeting *greeting_by_token(struct node *node, const uint8_t token[TOKEN_BYTES]);
/* Adds a member that is known only by its own HELLO, so that it is greeted when it falls silent. */
void greeting_keep(struct node *node, uint16_t member);
void token_draw(struct node *node, struct greeting *greeting);

/* ---- records.c: member records ---- */
/* Signs this node's own record anew and sends it to the neighbours. (Member records, 4) */
void record_renew(struct node *node, struct now now);
enum reject record_receive(struct node *node, const struct arrival *arrival);
/* Takes this node's own record of a later boot or incarnation (HELLO_LATER). */
enum reject record_receive_later(struct node *node, struct now now, const uint8_t record[MEMBER_RECORD_BYTES]);
enum reject record_receive_request(struct node *node, const struct arrival *arrival);
size_t record_write(struct node *node, const struct departure *departure, uint8_t *ret_plain);
size_t record_write_request(struct node *node, const struct departure *departure, uint8_t *ret_plain);
/* Order of two records of one member: < 0, 0, > 0. The higher one is in force. (Member records, 1) */
int record_compare(const struct record_body *a, uint64_t incarnation, uint64_t boot, uint64_t version);
void record_send(struct node *node, uint16_t to, uint16_t of);

/* ---- versions.c ---- */
/* A datagram of another version: REJECT_OTHER_VERSION. Its sender is remembered and, if a member, told of. */
enum reject version_receive(struct node *node, const struct endpoint *from, const struct datagram_header *header);

/* ---- misfits.c ---- */
/* A node with other widths, whose certificate and greeting are good otherwise: it is remembered and told of. */
void misfit_note(struct node *node, const struct certificate *certificate, const struct endpoint *from);

/* ---- neighbours.c ---- */
struct link *link_find(struct node *node, uint16_t member);
/* Some neighbour except `but`: a near member of a small mesh, a link of a larger one; MEMBER_NONE: there is none. */
uint16_t neighbour_any(struct node *node, struct now now, uint16_t but);
/* The neighbour with the shortest round trip, except `but`. */
uint16_t neighbour_nearest(const struct node *node, struct now now, uint16_t but);
/* A member's round trip, or a guess by its region. */
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
/* Overwrites them, and the secret of cookies. */
void secrets_close(struct node *node);
void secret_set(struct mesh_secret *place, const uint8_t secret[MESH_SECRET_BYTES]);
/* May this certificate, which the authority signed, still greet? REJECT_REVOKED, REJECT_SUPERSEDED or REJECT_NONE. */
enum reject standing_check(const struct node *node, const struct certificate *certificate);
bool standing_frame_is_signed(const struct node *node, uint16_t member, const struct frame_root *root);
/* The key shared with a member under a secret, by the secret's number; NULL: none. */
const uint8_t *secrets_key(struct node *node, uint16_t member, unsigned int secret);
unsigned int secrets_for(const struct node *node, uint16_t member, struct now now);
unsigned int secrets_to_greet(const struct node *node, unsigned int tries, struct now now);
/* Does the member use a mesh secret whose time is over? Then only documents are exchanged with it. */
bool secrets_is_behind(const struct node *node, uint16_t member, struct now now);
enum reject secrets_open(struct node *node, struct now now, uint16_t member, const struct seal_context *context,
			 uint8_t *bytes, size_t size, size_t *ret_plain_size);
enum reject secrets_open_hello(struct node *node, const struct seal_context *context, uint8_t *bytes, size_t size,
			       size_t *ret_plain_size, unsigned int *ret_secret);

#endif
