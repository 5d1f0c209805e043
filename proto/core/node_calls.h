/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the files of a node ask of each other, by the file that answers. What they keep: node_internal.h, which includes this one.
 */
#ifndef PROTO_NODE_CALLS_H
#define PROTO_NODE_CALLS_H

/* ---- random.c, events.c, and what every file may need ---- */
uint64_t node_random(struct node *node);
void node_tell(struct node *node, const struct node_event *event); /* events.c */
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

/* When `part` of its slot had passed, as a cell's first and last are told. */
static inline struct instant node_cell_instant(const struct node *node, const struct entry *entry, const struct ledger_cell *cell, uint32_t part)
{
	const struct instant begins = mesh_slot_start(&node->mesh, cell_slot(entry, cell, node->slot));

	return (struct instant){ begins.ns + part * mesh_slot_length(&node->mesh).ns / SLOT_FRACTIONS };
}

/* ---- membership.c: who is who ---- */
#define PEERS_SPARE 64 /* addresses to greet beyond the members' */
int membership_init(struct node *node, const struct certificate *self);
uint16_t member_find(const struct node *node, uint64_t id);
/* Learns of a member, or of another session of it. REJECT_STALE_SESSION, REJECT_MEMBERS_FULL or REJECT_NONE. */
enum reject member_meet(struct node *node, struct now now, const struct certificate *certificate, uint64_t incarnation, uint64_t boot,
			const struct endpoint *endpoint, uint16_t *ret_member);
/* What its certificate now says its line carries bounds what its cells are read as. */
void member_line(struct node *node, uint16_t member);
/* It claims more than that: told once per slot. */
void member_over_line(struct node *node, uint16_t member);
/* The certificate as issued, to be handed on. */
void member_keep_certificate(struct member *member, const uint8_t *bytes, size_t size);
/* A member shows a certificate: the later one counts. */
void member_certificate(struct node *node, uint16_t member, const struct certificate *certificate);
void member_forget(struct node *node, uint16_t member);
void member_tell(struct node *node, struct now now, uint16_t member, enum node_event_kind kind, double rate);
/* Two hosts run with this member's key: told once a minute. */
void member_cloned(struct node *node, struct now now, uint16_t member);
/* The origin of a member in an incarnation, or INDEX_NONE. */
uint32_t origin_find(const struct node *node, uint16_t member, uint64_t incarnation);
/* The same, made when new; INDEX_NONE when it is older than those held. */
uint32_t origin_of(struct node *node, uint16_t member, uint64_t incarnation);
/* An earlier incarnation that a neighbour tells of: only where a place is free, and to be replaced by one that frames were heard of. */
uint32_t origin_claimed(struct node *node, uint16_t member, uint64_t incarnation);
static inline uint16_t origin_member(uint32_t origin)
{
	return (uint16_t)(origin / INCARNATIONS_MAX);
}
/* Was it heard in the last ticks? */
static inline bool member_is_near(const struct node *node, uint16_t member, struct now now)
{
	const struct member *m = &node->members[member];

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
	return node->members_count <= DIRECT_MEMBERS_MAX;
}
/* A sealed datagram of the running session was opened. True: the member is up again. */
bool member_heard(struct node *node, uint16_t member, struct now now, const struct endpoint *from, size_t size);
/* ---- address.c ---- */
void member_alive(struct node *node, struct now now, uint16_t member);
/* Sends a challenge to an address where the member may be. */
void member_challenge(struct node *node, struct now now, uint16_t member, const struct endpoint *at);
/* What a PING carries and a PONG must bring back: never 0. */
uint64_t echo_draw(struct node *node);
/* A new address brought back its challenge. */
void member_prove(struct node *node, uint16_t member, const struct endpoint *at);
void membership_tick(struct node *node, struct now now);

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
	return node->replies_next - out->reply.number >= COOKIE_REPLIES_SIZE;
}

/* ---- greet.c: HELLO ---- */
enum reject greet_receive(struct node *node, struct now now, const struct endpoint *from, const struct datagram_header *header, uint8_t *bytes,
			  size_t size);
size_t greet_write(struct node *node, struct now now, const struct out *out, struct endpoint *ret_to, uint8_t *ret_bytes);

/* ---- greetings.c: whom to greet, and when ---- */
void greet_tick(struct node *node, struct now now);
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
enum reject record_receive_want(struct node *node, const struct arrival *arrival);
size_t record_write(struct node *node, const struct departure *departure, uint8_t *ret_plain);
size_t record_write_want(struct node *node, const struct departure *departure, uint8_t *ret_plain);
/* Order of two records of one member: < 0, 0, > 0. */
int record_compare(const struct record_body *a, uint64_t incarnation, uint64_t boot, uint64_t version);
void record_send(struct node *node, uint16_t to, uint16_t of);
void record_tick(struct node *node, struct now now);

/* ---- links.c: neighbours in a larger mesh ---- */
void links_init(struct node *node);
struct link *link_find(struct node *node, uint16_t member);
void links_tick(struct node *node, struct now now);
enum reject link_receive(struct node *node, const struct arrival *arrival);
size_t link_write(struct node *node, const struct departure *departure, uint8_t *ret_plain);
/* Some neighbour: a near member of a small mesh, a link of a larger; MEMBER_NONE: none. Never `but`. */
uint16_t neighbour_any(struct node *node, struct now now, uint16_t but);
/* The nearest of them. */
uint16_t neighbour_nearest(const struct node *node, struct now now, uint16_t but);
/* Its round trip, or a guess by its region. */
double distance_ms(const struct node *node, uint16_t member);

/* ---- spread.c: frames on their way ---- */
/* An own frame, or one that came first from `from`. */
void spread_frame(struct node *node, struct now now, uint32_t origin, uint32_t frame, uint16_t from);
/* A frame came first from there, pushed or asked for. */
void spread_first(struct node *node, uint32_t origin, uint16_t from, bool served);
/* A second copy was pushed here. */
void spread_duplicate(struct node *node, struct now now, uint16_t from, uint32_t origin, struct stored *held);
void spread_turn(struct node *node, struct now now);
enum reject spread_receive_names(struct node *node, const struct arrival *arrival);
enum reject spread_receive_prune(struct node *node, const struct arrival *arrival);
size_t spread_write_names(struct node *node, const struct departure *departure, uint8_t *ret_plain);
size_t spread_write_prune(struct node *node, const struct departure *departure, uint8_t *ret_plain);

/* ---- loss.c: what is lost on the way to us ---- */
void loss_second(struct node *node, struct now now);

/* ---- swim.c: who is alive, and where ---- */
void swim_init(struct node *node);
void swim_turn(struct node *node, struct now now);
enum reject swim_receive_ping(struct node *node, const struct arrival *arrival);
enum reject swim_receive_pong(struct node *node, const struct arrival *arrival);
enum reject swim_receive_ping_for(struct node *node, const struct arrival *arrival);
size_t swim_write_ping(struct node *node, const struct departure *departure, uint8_t *ret_plain);
size_t swim_write_pong(struct node *node, const struct departure *departure, uint8_t *ret_plain);
size_t swim_write_ping_for(struct node *node, const struct departure *departure, uint8_t *ret_plain);

/* ---- repair.c: digests and what they bring ---- */
void repair_tick(struct node *node, struct now now);
void repair_turn(struct node *node, struct now now);
/* Something may be missing of an origin; `teller` says so, or MEMBER_NONE: its own frames. */
void repair_note(struct node *node, struct now now, uint32_t origin, uint16_t teller, int64_t wait_ms);
size_t repair_write_digest(struct node *node, const struct departure *departure, uint8_t *ret_plain);
size_t repair_write_summary(struct node *node, const struct departure *departure, uint8_t *ret_plain);
size_t repair_write_want(struct node *node, const struct departure *departure, uint8_t *ret_plain);
enum reject repair_receive_digest(struct node *node, const struct arrival *arrival);
enum reject repair_receive_summary(struct node *node, const struct arrival *arrival);
enum reject repair_receive_want(struct node *node, const struct arrival *arrival);
/* A frame for one member, within its budget. */
bool repair_serve(struct node *node, uint16_t member, const struct stored *frame);

/* ---- catch_up.c: everything a neighbour keeps, piece by piece ---- */
void catch_up_begin(struct node *node, struct now now);
void catch_up_again(struct node *node, uint16_t member);
void catch_up_turn(struct node *node, struct now now);
struct instant catch_up_due(const struct node *node);
enum reject catch_up_receive(struct node *node, const struct arrival *arrival);
/* A frame of the piece that is being asked for has come. */
void catch_up_note(struct node *node, uint16_t member, unsigned int place);
enum reject catch_up_receive_end(struct node *node, const struct arrival *arrival);
size_t catch_up_write(struct node *node, const struct departure *departure, uint8_t *ret_plain);
size_t catch_up_write_end(struct node *node, const struct departure *departure, uint8_t *ret_plain);

/* ---- receive.c: frames ---- */
enum reject receive_frame(struct node *node, struct now now, uint16_t member, const uint8_t *frame, size_t size, bool served);
enum reject frame_receive(struct node *node, const struct arrival *arrival);
enum reject frame_receive_served(struct node *node, const struct arrival *arrival);
/* A frame of the store as a message. */
size_t frame_message(struct node *node, const struct departure *departure, uint8_t *ret_plain);
/* Joins one version of a cell; the only way into the ledger. `from_tick` and `tick`: the ticks it was counted in, for the carry; equal: it
 * tells no recent rate. */
enum reject receive_cell(struct node *node, uint32_t origin, const struct cell *cell, uint64_t from_tick, uint64_t tick);

/* ---- fill.c: cells become frames, as many as fit ---- */
/* The frames under way: those written (node->published), and one that is still open. */
struct fill {
	enum frame_kind kind;
	uint32_t frames; /* written */
	size_t open; /* cells of the open frame: the first of node->publish_cells, */
	size_t count; /* and of all cells there, in the order of their turn */
};
/* Writes as many of the cells as fit into so many quarters of frames, those written before included; returns how many, in the order of their turn. The
 * caller takes care of the rest, then calls fill_go_on to collect more cells behind those of the open frame, or fill_end. */
size_t fill_frames(struct node *node, struct fill *fill, uint32_t quarters);
void fill_go_on(struct node *node, struct fill *fill);
/* Writes the open frame. */
void fill_end(struct node *node, struct fill *fill);
/* Writes a frame without cells: a sign of life. */
void fill_empty(struct node *node, struct fill *fill);

/* ---- publish.c: own cells become frames ---- */
void publish_later(struct node *node, uint32_t entry, uint64_t slot);
bool publish_is_closed(const struct node *node, uint32_t entry, uint64_t slot);
void publish_late(struct node *node, uint32_t entry, uint64_t slot);
/* What a tick must publish; publish_turn does the next piece of its closing frames, PUBLISH_CELLS at the most, until none is left. */
void publish_tick(struct node *node, struct now now);
void publish_turn(struct node *node, struct now now);
bool publish_is_under_way(const struct node *node);

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
	double burst; /* packets per second of a destination over the last T_T3, where fair judges it by that too; else 0 */
	uint32_t origins;
	uint32_t members; /* with cells of the key, ourselves included even without any */
};
void verdict_of(const struct node *node, struct now now, uint32_t entry, struct verdict *ret_verdict);
/* Is the key over its rate, or over this part of it? */
#define UNDER_AGAIN 0.8 /* a key that was over is under again below this part: its events must not flutter */
bool verdict_is_over(const struct verdict *v, double part);
/* Are our own counts alone over the rate? Then no floor of local evidence holds: nobody else's word is needed. */
bool verdict_is_own(const struct node *node, struct now now, uint32_t entry, const struct verdict *v);
/* What this proxy saw of a key itself, and how many members have cells of it. */
struct evidence {
	double rate; /* over the running slot and the one before, or within one cell of the last T_T1, if that is more: who pauses is not slow */
	uint32_t members;
};
struct evidence verdict_evidence(const struct node *node, struct now now, const struct entry *entry);
/* The key is to be judged anew. */
static inline void judge_dirty(struct node *node, uint32_t entry)
{
	set_add(&node->dirty, entry);
}
void judge_whole_tick(struct node *node);
/* Sets about what a tick has to look at; judge_turn does the next piece of it: of the sweep, or of the walk for fair. */
void judge_tick(struct node *node);
void judge_turn(struct node *node, struct now now);
bool judge_is_under_way(const struct node *node);
/* Lists a destination over its rate; `idle`: and works out its shares at once, not with the next tick. */
void share_list(struct node *node, struct now now, uint32_t number, bool idle);
/* Begins the walk over all that are listed, if the last one is through; share_turn does the next piece of it. */
void share_tick(struct node *node);
void share_turn(struct node *node, struct now now);
bool share_is_under_way(const struct node *node);
/* Keys were forgotten: the destination that was being walked over is begun anew. */
void share_anew(struct node *node);

/* ---- policy_node.c ---- */
int policy_start(struct node *node, struct now now);
void policy_tick(struct node *node, struct now now);
/* Brings the entry's number of what it is judged by up to date; entry_policy reads it. */
void policy_refresh(struct node *node, uint32_t entry);
const struct policy_effective *entry_policy(const struct node *node, const struct entry *entry);
uint64_t utc_seconds(struct now now);

/* ---- outbox.c ---- */
int outbox_class(uint8_t kind);
void outbox_add(struct node *node, struct out out);
/* The next decision, or false: there is none. */
bool outbox_take(struct node *node, struct out *ret_out);
void outbox_place(struct node *node, struct arena *arena, const struct node_limits *limits);

#define SERVE_FRAMES_PER_TICK 256 /* to one member: at 200 ms and 1232 bytes 12 Mbit/s */
#define WANT_COST 2 /* of the frames served: looking costs, too, even when nothing is found */

void outbox_add_first(struct node *node, struct out out); /* before all that waits */


/* ---- trust.c: the authority's documents and what follows from them ---- */
void trust_init(struct node *node);
void secret_set(struct mesh_secret *place, const uint8_t secret[MESH_SECRET_BYTES]);
void trust_close(struct node *node);
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
enum reject trust_adopt(struct node *node, struct now now, const uint8_t *bytes, size_t size);

/* ---- spread_documents.c ---- */
void spread_tick(struct node *node, struct now now);
void spread_news_to_all(struct node *node, struct now now);
size_t spread_write_news(struct node *node, const struct departure *departure, uint8_t *ret_plain);
size_t spread_write_get(struct node *node, const struct departure *departure, uint8_t *ret_plain);
size_t spread_write_chunk(struct node *node, const struct departure *departure, uint8_t *ret_plain);
enum reject spread_receive_news(struct node *node, const struct arrival *arrival);
enum reject spread_receive_get(struct node *node, const struct arrival *arrival);
enum reject spread_receive_chunk(struct node *node, const struct arrival *arrival);

#endif
