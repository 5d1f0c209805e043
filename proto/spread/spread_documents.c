/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Spreads documents. Members announce which documents they hold (NEWS). A member with an older one requests the newer
 * one (GET) and gets it in parts (CHUNK). Every member that holds a document serves it. When a source has not sent what
 * it announced in the time that an honest member needs, a second source is asked as well; later the first one is not
 * asked for a while. So a single member cannot delay a document. PROTOCOL section "Documents".
 */
#include "spreading.h"

#define NEWS_TICKS 16 /* between NEWS to one member when nothing changes */
#define HEDGE_TICKS 3 /* an honest member has sent the longest document by then; another source is asked as well */
#define STALL_TICKS 5 /* without a new part: the source has no more parts, or does not send them */
#define WAIT_TICKS 15 /* longest time of the first fetch while there are other sources; doubled each time */
#define FETCH_TICKS 150 /* longest time of any fetch: a whole document, 73 parts, over the worst line */
#define DISTRUST_MS 10000 /* time in which a source is not asked after its document did not come; doubled each time */
#define DISTRUST_DOUBLED 3 /* doublings at most: the line may be at fault, and there may be no other source */
#define DISTRUST_FALSE_MS 600000 /* the same after a document that was not the authority's */

static uint32_t chunks_of(uint32_t size)
{
	return (size + DOCUMENT_CHUNK_BYTES - 1) / DOCUMENT_CHUNK_BYTES;
}

static uint32_t chunk_bytes(uint32_t size, uint32_t number)
{
	const uint32_t rest = size - number * DOCUMENT_CHUNK_BYTES;

	return rest < DOCUMENT_CHUNK_BYTES ? rest : DOCUMENT_CHUNK_BYTES;
}

/* ---- news ---- */

static void news_to(struct node *node, uint16_t number)
{
	struct member_standing *t = &node->member->table[number].standing;

	if (t->news_tick == node->tick + 1)
		return;
	t->news_tick = node->tick + 1; /* 0: none yet */
	outbox_add_first(node, (struct out){ .kind = OUT_NEWS, .target = number });
}

void spread_news_to_all(struct node *node, struct now now)
{
	for (uint32_t i = 0; i < node->config.limits.members_max; i++) {
		node->member->table[i].standing.news_tick = 0;
		if (!node->member->table[i].self && member_is_near(node, i, now))
			news_to(node, i);
	}
}

size_t spread_write_news(struct node *node, const struct departure *departure, uint8_t *ret_plain)
{
	uint8_t *at = put_le(ret_plain, MESSAGE_NEWS, 1);

	(void)departure;
	for (unsigned int kind = 0; kind < DOCUMENT_KINDS; kind++) {
		const struct news *news = &node->trust->held[kind].news;

		at = put_le(at, news->serial, 8);
		at = put_le(at, news->size, 4);
		at = put_bytes(at, news->hash, HASH_BYTES);
	}
	return (size_t)(at - ret_plain);
}

/* ---- fetching ---- */

static bool has_newer(const struct node *node, uint16_t number, unsigned int kind, struct now now)
{
	const struct member_standing *t = &node->member->table[number].standing;

	return t->news[kind].serial > node->trust->held[kind].news.serial && !t->revoked &&
	       member_is_near(node, number, now) && !instant_is_before(now.mono, t->distrusted_until[kind]);
}

static struct coming_document *coming_from(const struct node *node, uint16_t number, unsigned int kind)
{
	for (unsigned int i = 0; i < FETCHES_MAX; i++) {
		struct coming_document *coming = &node->trust->coming[kind][i];

		if (coming->active && coming->source == number)
			return coming;
	}
	return NULL;
}

/* A place for one fetch more, or NULL: both are taken, or the other one is too young to be doubted. (Documents, 2) */
static struct coming_document *coming_free(const struct node *node, unsigned int kind, struct now now)
{
	struct coming_document *free = NULL;

	for (unsigned int i = 0; i < FETCHES_MAX; i++) {
		struct coming_document *coming = &node->trust->coming[kind][i];

		if (!coming->active)
			free = coming;
		else if (duration_between(coming->begun, now.mono).ns < HEDGE_TICKS * mesh_tick_length(&node->mesh).ns)
			return NULL;
	}
	return free;
}

/* While it is, others are asked by lot (fetch_from_any), or who announces most often would be asked first. */
static bool is_coming(const struct node *node, unsigned int kind)
{
	for (unsigned int i = 0; i < FETCHES_MAX; i++) {
		if (node->trust->coming[kind][i].active)
			return true;
	}
	return false;
}

static void ask(struct node *node, unsigned int kind, const struct coming_document *coming)
{
	outbox_add_first(node,
			 (struct out){ .kind = OUT_GET, .target = coming->source, .get.document = (uint8_t)kind });
}

static void fetch_from(struct node *node, uint16_t number, unsigned int kind, struct now now,
		       struct coming_document *coming)
{
	coming->active = true;
	coming->source = number;
	coming->news = node->member->table[number].standing.news[kind];
	coming->begun = coming->progressed = now.mono;
	memset(coming->have, 0, sizeof(coming->have));
	ask(node, kind, coming);
}

static void distrust(struct node *node, unsigned int kind, struct now now, struct coming_document *coming, bool wrong)
{
	struct member_standing *t = &node->member->table[coming->source].standing;
	const int64_t ms = (int64_t)DISTRUST_MS << t->distrusts[kind];

	t->distrusts[kind] += t->distrusts[kind] < DISTRUST_DOUBLED;
	t->distrusted_until[kind] = instant_after(now.mono, duration_ms(wrong ? DISTRUST_FALSE_MS : ms));
	coming->active = false;
}

/*
 * A member that announced a newer document and is not being asked already, drawn with equal chances. MEMBER_NONE: there
 * is none.
 */
static uint16_t source_any(struct node *node, unsigned int kind, struct now now)
{
	uint16_t chosen = MEMBER_NONE;
	uint32_t candidates = 0;

	for (uint32_t i = 0; i < node->config.limits.members_max; i++) {
		if (!node->member->table[i].used || node->member->table[i].self || !has_newer(node, i, kind, now) ||
		    coming_from(node, i, kind))
			continue;
		if (node_random(node) % ++candidates == 0)
			chosen = i;
	}
	return chosen;
}

static void fetch_from_any(struct node *node, unsigned int kind, struct now now)
{
	struct coming_document *coming = coming_free(node, kind, now);
	const uint16_t source = coming ? source_any(node, kind, now) : MEMBER_NONE;

	if (source != MEMBER_NONE)
		fetch_from(node, source, kind, now, coming);
}

/* Has it had its time? Less of it where others wait, but more each time: a slow line is no lie. (Documents, 3) */
static bool is_over(struct node *node, unsigned int kind, struct now now, const struct coming_document *coming)
{
	const int64_t tick_ns = mesh_tick_length(&node->mesh).ns, age_ns = duration_between(coming->begun, now.mono).ns;
	const int64_t wait_ns = ((int64_t)WAIT_TICKS << node->trust->patience[kind]) * tick_ns;

	if (duration_between(coming->progressed, now.mono).ns > STALL_TICKS * tick_ns || age_ns > FETCH_TICKS * tick_ns)
		return true;
	if (age_ns <= wait_ns || source_any(node, kind, now) == MEMBER_NONE)
		return false;
	node->trust->patience[kind] += node->trust->patience[kind] < 4;
	return true;
}

static void fetch_tick(struct node *node, unsigned int kind, struct now now)
{
	for (unsigned int i = 0; i < FETCHES_MAX; i++) {
		struct coming_document *coming = &node->trust->coming[kind][i];

		if (coming->active && coming->news.serial <= node->trust->held[kind].news.serial)
			coming->active = false;
		if (coming->active && is_over(node, kind, now, coming))
			distrust(node, kind, now, coming, false);
		if (coming->active)
			ask(node, kind, coming);
	}
	fetch_from_any(node, kind, now);
}

void spread_tick(struct node *node, struct now now)
{
	for (uint32_t i = 0; i < node->config.limits.members_max; i++) {
		struct member *member = &node->member->table[i];

		if (!member->used || member->self)
			continue;
		member->standing.chunks_left = DOCUMENT_CHUNKS_PER_TICK;
		if (member->session && (node->tick + i) % NEWS_TICKS == 0)
			news_to(node, i);
	}
	for (unsigned int kind = 0; kind < DOCUMENT_KINDS; kind++)
		fetch_tick(node, kind, now);
}

enum reject spread_receive_news(struct node *node, const struct arrival *arrival)
{
	const struct now now = arrival->now;
	const uint16_t number = arrival->member;
	struct member_standing *t = &node->member->table[number].standing;
	struct cursor c = arrival_cursor(arrival);

	for (unsigned int kind = 0; kind < DOCUMENT_KINDS; kind++) {
		struct news news = { .serial = get_le(&c, 8), .size = (uint32_t)get_le(&c, 4) };

		get_bytes(&c, news.hash, HASH_BYTES);
		if (news.size > DOCUMENT_BYTES_MAX || (news.serial > 0 && news.size == 0))
			return REJECT_MESSAGE;
		t->news[kind] = news;
		if (news.serial < node->trust->held[kind].news.serial)
			news_to(node, number);
		else if (has_newer(node, number, kind, now) && !is_coming(node, kind))
			fetch_from(node, number, kind, now, coming_free(node, kind, now));
	}
	return REJECT_NONE;
}

size_t spread_write_get(struct node *node, const struct departure *departure, uint8_t *ret_plain)
{
	const unsigned int kind = departure->out->get.document;
	const struct coming_document *coming = coming_from(node, departure->out->target, kind);
	uint8_t *at = put_le(ret_plain, MESSAGE_GET, 1);

	if (!coming)
		return 0;
	at = put_le(at, kind + 1, 1);
	at = put_le(at, coming->news.serial, 8);
	for (unsigned int i = 0; i < CHUNK_WORDS; i++)
		at = put_le(at, coming->have[i], 8);
	return (size_t)(at - ret_plain);
}

/* ---- serving ---- */

enum reject spread_receive_get(struct node *node, const struct arrival *arrival)
{
	const uint16_t number = arrival->member;
	struct member_standing *t = &node->member->table[number].standing;
	struct cursor c = arrival_cursor(arrival);
	const unsigned int kind = (unsigned int)get_le(&c, 1) - 1;
	const uint64_t serial = get_le(&c, 8);
	uint64_t have[CHUNK_WORDS];

	for (unsigned int i = 0; i < CHUNK_WORDS; i++)
		have[i] = get_le(&c, 8);
	if (kind >= DOCUMENT_KINDS)
		return REJECT_MESSAGE;
	if (serial == 0 || serial != node->trust->held[kind].news.serial) {
		news_to(node, number); /* a newer one by now */
		return REJECT_NONE;
	}
	for (uint32_t i = 0; i < chunks_of(node->trust->held[kind].news.size) && t->chunks_left > 0; i++) {
		if (have[i / 64] >> i % 64 & 1)
			continue;
		t->chunks_left--;
		outbox_add(node,
			   (struct out){
				   .kind = OUT_CHUNK,
				   .target = number,
				   .chunk = { .serial = serial, .number = (uint16_t)i, .document = (uint8_t)kind } });
	}
	return REJECT_NONE;
}

size_t spread_write_chunk(struct node *node, const struct departure *departure, uint8_t *ret_plain)
{
	const struct out *out = departure->out;
	const unsigned int kind = out->chunk.document, number = out->chunk.number;
	const struct held_document *held = &node->trust->held[kind];
	uint8_t *at = ret_plain;

	if (held->news.serial != out->chunk.serial)
		return 0; /* replaced meanwhile */
	at = put_le(at, MESSAGE_CHUNK, 1);
	at = put_le(at, kind + 1, 1);
	at = put_le(at, held->news.serial, 8);
	at = put_le(at, held->news.size, 4);
	at = put_le(at, number, 2);
	at = put_bytes(at, held->bytes + number * DOCUMENT_CHUNK_BYTES, chunk_bytes(held->news.size, number));
	return (size_t)(at - ret_plain);
}

/* ---- receiving ---- */

static bool is_whole(const struct coming_document *coming)
{
	for (uint32_t i = 0; i < chunks_of(coming->news.size); i++) {
		if (!(coming->have[i / 64] >> i % 64 & 1))
			return false;
	}
	return true;
}

/*
 * Takes a document that has come whole. One member announced and sent it. So if it is not the one announced, or not the
 * authority's, that member invented it, or forwarded it without a check. (Documents, 4)
 */
static enum reject finish(struct node *node, struct now now, unsigned int kind, struct coming_document *coming)
{
	const uint16_t source = coming->source;
	uint8_t hash[HASH_BYTES];
	enum reject reason = REJECT_CHUNK;

	if (coming->news.serial <= node->trust->held[kind].news.serial) {
		coming->active = false; /* it came another way meanwhile */
		return REJECT_NONE;
	}
	document_hash(coming->bytes, coming->news.size, hash);
	if (memcmp(hash, coming->news.hash, HASH_BYTES) == 0)
		reason = trust_adopt(node, now, coming->bytes, coming->news.size);
	if (reason == REJECT_NONE && node->trust->held[kind].news.serial != coming->news.serial)
		reason = REJECT_CHUNK; /* a good document, announced as another */
	if (reason == REJECT_NONE) {
		coming->active = false;
		node->member->table[source].standing.distrusts[kind] = 0;
		node->trust->patience[kind] = 0;
		spread_news_to_all(node, now);
		return REJECT_NONE;
	}
	distrust(node, kind, now, coming, true);
	member_report(node, now, source, EVENT_DOCUMENT_FALSE);
	fetch_from_any(node, kind, now);
	return reason;
}

/* A part is taken only from a member that the document is fetched from, and only if it fits. (Documents, 1) */
enum reject spread_receive_chunk(struct node *node, const struct arrival *arrival)
{
	const struct now now = arrival->now;
	const uint16_t number = arrival->member;
	struct cursor c = arrival_cursor(arrival);
	const unsigned int kind = (unsigned int)get_le(&c, 1) - 1;
	const uint64_t serial = get_le(&c, 8), total = get_le(&c, 4), place = get_le(&c, 2);
	struct coming_document *coming;

	if (c.failed || kind >= DOCUMENT_KINDS)
		return REJECT_MESSAGE;
	coming = coming_from(node, number, kind);
	if (!coming || serial != coming->news.serial || total != coming->news.size ||
	    place >= chunks_of(coming->news.size) ||
	    (size_t)(c.end - c.at) != chunk_bytes(coming->news.size, (uint32_t)place))
		return REJECT_CHUNK;
	if (coming->have[place / 64] >> place % 64 & 1)
		return REJECT_NONE;
	memcpy(coming->bytes + place * DOCUMENT_CHUNK_BYTES, c.at, (size_t)(c.end - c.at));
	coming->have[place / 64] |= 1ULL << place % 64;
	coming->progressed = now.mono;
	return is_whole(coming) ? finish(node, now, kind, coming) : REJECT_NONE;
}
