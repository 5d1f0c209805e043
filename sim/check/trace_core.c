/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reasons and events have numbers of their own here: the core's may be put in another order. Frames are noted where
 * they are stored (--wrap in the Makefile), and hashed at the end of the turn, when they have been written.
 */
#include "trace_core.h"

#include <math.h>
#include <string.h>

#include "crypto.h"
#include "document.h"
#include "node_internal.h"
#include "world.h"

#define WORDS(array) (sizeof(array) / sizeof((array)[0]))

enum { PART_SENT = 1, PART_CHANGE, PART_FRAME, PART_TURN };

_Static_assert(REJECT_COUNT == 37, "a new reason gets the next number below");
static const uint8_t reject_numbers[REJECT_COUNT] = {
	[REJECT_NONE] = 0,
	[REJECT_SIZE] = 1,
	[REJECT_VERSION] = 2,
	[REJECT_SELF] = 3,
	[REJECT_SENDER] = 4,
	[REJECT_SEAL] = 5,
	[REJECT_REPLAY] = 6,
	[REJECT_REVOKED] = 7,
	[REJECT_COOKIE] = 8,
	[REJECT_HELLO_RATE] = 9,
	[REJECT_CERTIFICATE] = 10,
	[REJECT_MESH] = 11,
	[REJECT_STALE_SESSION] = 12,
	[REJECT_SUPERSEDED] = 13,
	[REJECT_MEMBERS_FULL] = 14,
	[REJECT_MESSAGE] = 15,
	[REJECT_FRAME_SIZE] = 16,
	[REJECT_FRAME_DUPLICATE] = 17,
	[REJECT_ORIGIN] = 18,
	[REJECT_PATH] = 19,
	[REJECT_SIGNATURE] = 20,
	[REJECT_EQUIVOCATION] = 21,
	[REJECT_BODY] = 22,
	[REJECT_SLOT] = 23,
	[REJECT_CELL] = 24,
	[REJECT_INCARNATION] = 25,
	[REJECT_SHRUNK] = 26,
	[REJECT_OLD_SECRET] = 27,
	[REJECT_DOCUMENT] = 28,
	[REJECT_AUTHORITY] = 29,
	[REJECT_DOCUMENT_OLD] = 30,
	[REJECT_DOCUMENT_CONFLICT] = 31,
	[REJECT_CHUNK] = 32,
	[REJECT_QUOTA] = 33,
	[REJECT_OTHER_VERSION] = 34,
	[REJECT_WIDTHS] = 35,
	[REJECT_CLIENT] = 36,
};

_Static_assert(EVENT_COUNT == 27, "a new event gets the next number below");
static const uint8_t event_numbers[EVENT_COUNT] = {
	[EVENT_MEMBER_UP] = 0,
	[EVENT_MEMBER_SILENT] = 1,
	[EVENT_MEMBER_SKEWED] = 2,
	[EVENT_MEMBER_SKEW_OK] = 3,
	[EVENT_EQUIVOCATION] = 4,
	[EVENT_MEMBER_REVOKED] = 5,
	[EVENT_DOCUMENT_FALSE] = 6,
	[EVENT_LEFT_OUT] = 7,
	[EVENT_PAIR_OVER] = 8,
	[EVENT_PAIR_UNDER] = 9,
	[EVENT_DESTINATION_OVER] = 10,
	[EVENT_DESTINATION_UNDER] = 11,
	[EVENT_QUOTA] = 12,
	[EVENT_POLICY] = 13,
	[EVENT_NEVER_DROP_OVER] = 14,
	[EVENT_DOCUMENT] = 15,
	[EVENT_MEMBER_CLONED] = 16,
	[EVENT_MEMBER_LEFT] = 17,
	[EVENT_LINE_RATE] = 18,
	[EVENT_MEMBER_VERSION] = 19,
	[EVENT_CLIENT_OVER] = 20,
	[EVENT_CLIENT_UNDER] = 21,
	[EVENT_NETWORK_OVER] = 22,
	[EVENT_NETWORK_UNDER] = 23,
	[EVENT_MEMBER_WIDTHS] = 24,
	[EVENT_CONTACTS_OVER] = 25,
	[EVENT_CONTACTS_UNDER] = 26,
};

/* ---- words ---- */

/* Compilers differ in the sign of a zero, and in what a NAN holds. */
static uint64_t word_of_double(double value)
{
	uint64_t word;

	if (value == 0 || isnan(value))
		return isnan(value) ? 1 : 0;
	memcpy(&word, &value, sizeof(word));
	return word;
}

static uint64_t word_of_address(const struct address *address)
{
	return crypto_mix(0, address->bytes, sizeof(address->bytes));
}

static uint64_t word_of_text(const char *text)
{
	return crypto_mix(0, text, strlen(text));
}

static uint64_t head_of(unsigned int part, const struct proxy *proxy)
{
	return (uint64_t)part << 56 | proxy->number;
}

/* ---- datagrams ---- */

void trace_sent(struct world *world, const struct proxy *proxy, const struct endpoint *to, const uint8_t *bytes,
		size_t size)
{
	const uint64_t words[] = { head_of(PART_SENT, proxy), word_of_address(&to->address), to->port,
				   crypto_mix(size, bytes, size) };

	trace_words(&world->trace, words, WORDS(words));
}

void trace_received(struct world *world, const struct proxy *proxy, const struct parcel *parcel, enum reject reason)
{
	trace_note(&world->trace, world->now_ns, TRACE_DATAGRAM,
		   (uint64_t)parcel->from << 32 | (uint64_t)proxy->number << 16 | reject_numbers[reason],
		   crypto_mix(parcel->size, parcel->bytes, parcel->size));
}

/* ---- records and events ---- */

void trace_change(struct world *world, const struct proxy *proxy, const struct change *change)
{
	const uint64_t words[] = {
		head_of(PART_CHANGE, proxy),
		word_of_address(&change->key.client),
		word_of_address(&change->key.destination),
		change->number,
		(uint64_t)change->ts1.ns,
		(uint64_t)change->ts2.ns,
		change->count,
		change->known,
		word_of_double(change->rho),
		(uint64_t)change->carry_from.ns,
		change->pass_share,
		change->members,
		change->thin,
		change->notable,
	};

	trace_words(&world->trace, words, WORDS(words));
}

/* A document's kind goes in where other kinds have a member. */
static const char *subject_of(const struct node_event *event)
{
	return event->kind == EVENT_DOCUMENT ? document_names[event->document.kind] : event->member;
}

void trace_event(struct world *world, const struct proxy *proxy, const struct node_event *event)
{
	const uint64_t words[] = {
		(uint64_t)event->at.ns,
		word_of_text(subject_of(event)),
		word_of_address(&event->key.client),
		word_of_address(&event->key.destination),
		word_of_double(node_event_value(event)),
	};

	trace_note(&world->trace, world->now_ns, TRACE_EVENT, proxy->number, event_numbers[event->kind]);
	trace_words(&world->trace, words, WORDS(words));
}

void trace_turn(struct world *world, const struct proxy *proxy)
{
	const uint64_t words[] = { head_of(PART_TURN, proxy), (uint64_t)world->now_ns };

	trace_words(&world->trace, words, WORDS(words));
}

/* ---- frames ---- */

static void trace_frame(struct world *world, const struct proxy *proxy, uint32_t number)
{
	const struct stored *stored = &proxy->node->spread->store.frames[number];
	const uint64_t words[] = {
		head_of(PART_FRAME, proxy),
		number,
		stored->origin,
		stored->incarnation,
		stored->sequence,
		stored->tick,
		crypto_mix(0, stored->leaf, sizeof(stored->leaf)),
		stored->owner,
		stored->kind,
		stored->is_proof,
		stored->size,
		crypto_mix(stored->size, stored->frame, stored->size),
	};

	trace_words(&world->trace, words, WORDS(words));
}

void trace_frames(struct world *world, struct proxy *proxy)
{
	for (uint32_t i = 0; i < proxy->frames_put_count; i++)
		trace_frame(world, proxy, proxy->frames_put[i]);
	proxy->frames_put_count = 0;
}

uint32_t __real_store_put(struct store *store, const struct frame_head *head, uint16_t owner, uint64_t oldest_tick);
uint32_t __wrap_store_put(struct store *store, const struct frame_head *head, uint16_t owner, uint64_t oldest_tick);

uint32_t __wrap_store_put(struct store *store, const struct frame_head *head, uint16_t owner, uint64_t oldest_tick)
{
	const uint32_t number = __real_store_put(store, head, owner, oldest_tick);
	struct world *world;
	struct proxy *proxy = check_caller(&world);

	if (!proxy || store != &proxy->node->spread->store)
		return number;
	if (proxy->frames_put_count == PROXY_FRAMES_PUT)
		trace_frames(world, proxy);
	proxy->frames_put[proxy->frames_put_count++] = number;
	return number;
}
