// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A member that attacks: what it says is well formed, and meant to use up memory, checks or datagrams, or to put
 * others in a bad light. Each row holds one bound of PROTOCOL section "Threat model". Single lies and stumbles
 * are test_faults_member.c's.
 */
#include "liar_bed.h"

static void pass(int64_t ms)
{
	bed.now.mono.ns += ms * NS_PER_MS;
	bed.now.mesh.ns += ms * NS_PER_MS;
	node_tick(bed.node, bed.now);
}

/* Datagrams that wait, and how many of a kind. */
static unsigned int drawn(void)
{
	uint8_t bytes[DATAGRAM_BYTES_MAX];
	struct endpoint to;
	unsigned int count = 0;

	while (node_poll(bed.node, bed.now, &to, bytes) > 0)
		count++;
	return count;
}

static uint16_t number_of(const struct side *side)
{
	return member_find(bed.node, side->id);
}

/* A record as `side` signs it. */
static size_t record_of(const struct side *side, const struct record_body *body, uint8_t *ret_message)
{
	static const char domain[] = "xpro-mesh record v1";
	uint8_t message[sizeof(domain) - 1 + MESH_ID_BYTES + PUBLIC_KEY_BYTES + MEMBER_RECORD_BODY_BYTES],
		*at = message, *words;

	at = put_bytes(at, domain, sizeof(domain) - 1);
	at = put_bytes(at, bed.self.config.mesh.id, MESH_ID_BYTES);
	at = put_bytes(at, side->certificate.public_key, PUBLIC_KEY_BYTES);
	words = at;
	at = put_le(at, body->incarnation, 8);
	at = put_le(at, body->boot, 8);
	at = put_le(at, body->version, 8);
	at = put_le(at, body->start, 8);
	at = put_le(at, (uint64_t)body->at_ns, 8);
	at = put_le(at, body->left, 1);
	memset(at, 0, 20);
	at = put_le(ret_message, MESSAGE_RECORD, 1);
	at = put_le(at, side->id, 8);
	at = put_le(at, side->config.certificate_bytes, 2);
	at = put_bytes(at, side->config.certificate, side->config.certificate_bytes);
	at = put_bytes(at, words, MEMBER_RECORD_BODY_BYTES);
	crypto_sign_detached(at, NULL, message, sizeof(message), side->config.secret_key);
	return (size_t)(at - ret_message) + SIGNATURE_BYTES;
}

/* ---- memory ---- */

/* Each slot another incarnation with a gap: the list of gaps has one place for each origin that can be. */
static void incarnations_with_gaps_stand_in_the_list_once(void **state)
{
	const uint32_t places = bed.self.config.limits.members_max * INCARNATIONS_MAX;

	(void)state;
	for (uint64_t i = 0; i < 3 * places; i++) {
		pass(4000);
		for (uint64_t sequence = 1; sequence < 7; sequence += 5)
			say_frame((struct speech){
				.origin = bed.liar.id, .incarnation = LIAR_INCARNATION + 1 + i, .sequence = sequence });
		assert_true(bed.node->spread->gaps_count <= places);
	}
	assert_true(bed.node->spread->gaps_count <= INCARNATIONS_MAX);
}

static void a_frame_of_the_far_future_is_not_kept_for_ever(void **state)
{
	static const int64_t far = 1LL << 40;
	uint64_t oldest;

	(void)state;
	bed.now.mesh.ns += far;
	tell((struct cell[]){ cell_of(1, 0, 1) }, 1);
	bed.now.mesh.ns -= far;
	oldest = bed.node->tick + 2ULL * slot_ticks(bed.node);
	for (uint32_t i = 0; i < bed.node->spread->store.frames_max; i++)
		assert_true(bed.node->spread->store.frames[i].sequence == 0 ||
			    bed.node->spread->store.frames[i].tick <= oldest);
}

static void the_time_of_a_record_may_be_any(void **state)
{
	static const int64_t times[] = { INT64_MIN, -1, INT64_MAX };
	uint8_t message[DATAGRAM_BYTES_MAX];

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		const struct record_body body = {
			LIAR_INCARNATION, 1, 1 + i, 4711, times[i], true, { .port = 0 }, 0, 0
		};
		const size_t size = record_of(&bed.liar, &body, message);

		assert_int_equal(say(message, size), times[i] < 0 ? REJECT_MESSAGE : REJECT_NONE);
		pass(1000);
	}
}

/* ---- datagrams ---- */

static void rows_of_a_digest_draw_so_many_answers_and_no_more(void **state)
{
	uint8_t message[36 + 28 * 40] = { MESSAGE_DIGEST };

	(void)state;
	pass(200);
	drawn();
	message[34] = 28;
	for (unsigned int n = 0; n < 200; n++) {
		for (unsigned int i = 0; i < 28; i++) {
			put_le(message + 36 + 40 * i, 1000 + i, 8);
			put_le(message + 36 + 40 * i + 32, 1 + i, 8);
		}
		say(message, sizeof(message));
	}
	bed.node->member->table[number_of(&bed.liar)].proven = true;
	assert_true(drawn() <= SERVE_FRAMES_PER_TICK + 4);
}

static void a_member_that_renews_its_record_all_the_time_is_heard_a_few_times(void **state)
{
	uint8_t message[DATAGRAM_BYTES_MAX];
	const uint64_t before = bed.node->counters.signatures_checked;

	(void)state;
	for (uint64_t version = 1; version <= 500; version++) {
		const struct record_body body = { LIAR_INCARNATION, 1, version, 4711, bed.now.mesh.ns, version % 2,
						  { .port = 0 },    0, 0 };

		say(message, record_of(&bed.liar, &body, message));
	}
	assert_true(bed.node->counters.signatures_checked - before <= RECORDS_PER_MEMBER_PER_S);
	/* Later it is heard again. */
	pass(1000);
	const struct record_body last = { LIAR_INCARNATION, 1, 501, 4711, bed.now.mesh.ns, false, { .port = 0 }, 0, 0 };

	assert_int_equal(say(message, record_of(&bed.liar, &last, message)), REJECT_NONE);
}

static void suspicions_of_oneself_draw_one_record_in_a_while(void **state)
{
	uint8_t message[PROBE_PLAIN_BYTES + 8 * 25] = { MESSAGE_PING };
	const struct record_body *self = &bed.node->member->table[0].record;
	uint64_t before;

	(void)state;
	pass(2000);
	before = bed.node->counters.signatures_made;
	for (unsigned int ping = 0; ping < 20; ping++) {
		for (unsigned int i = 0; i < 8; i++) {
			uint8_t *at = message + PROBE_PLAIN_BYTES + 25 * (size_t)i;

			at = put_le(at, bed.self.id, 8);
			at = put_le(at, MEMBER_SUSPECT, 1);
			at = put_le(at, self->incarnation, 8);
			put_le(at, self->boot << SEQUENCE_BOOT_SHIFT | (self->version + i), 8);
		}
		assert_int_equal(say(message, sizeof(message)), REJECT_NONE);
	}
	assert_int_equal(bed.node->counters.signatures_made - before, 1);
}

static void an_answer_is_never_written_to_another(void **state)
{
	uint8_t message[PROBE_PLAIN_BYTES] = { MESSAGE_PING };
	const unsigned int pings = 3 * REPLIES_SIZE;

	(void)state;
	drawn();
	for (unsigned int i = 0; i < pings; i++)
		assert_int_equal(say(message, sizeof(message)), REJECT_NONE);
	assert_true(drawn() <= REPLIES_SIZE + 1);
}

static unsigned int errands_of(const struct side *side)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < ERRANDS_SIZE; i++)
		count += bed.node->member->swim.errands[i].member != MEMBER_NONE &&
			 bed.node->member->swim.errands[i].asker == number_of(side);
	return count;
}

static void nobody_takes_all_the_errands(void **state)
{
	uint8_t message[1 + 8 + 8] = { MESSAGE_PING_REQ };

	(void)state;
	put_le(message + 9, bed.third.id, 8);
	for (unsigned int second = 0; second < 4; second++) {
		for (uint64_t i = 0; i < 100; i++) {
			put_le(message + 1, 1 + i, 8);
			assert_int_equal(say(message, sizeof(message)), REJECT_NONE);
		}
		assert_int_equal(errands_of(&bed.liar), ERRANDS_EACH);
		pass(1000);
	}
}

/* ---- events ---- */

/*
 * Each second its clock is off, or is not any more: that is news once a minute, and in the end what is told is how
 * it is.
 */
static void a_clock_that_comes_and_goes_is_told_once_a_minute(void **state)
{
	struct node_event event, last = { .kind = EVENT_MEMBER_SKEW_OK };
	struct member *member = &bed.node->member->table[number_of(&bed.liar)];
	unsigned int told = 0;

	(void)state;
	for (unsigned int second = 0; second < 600; second++) {
		const int64_t off_ns = second < 599 && second % 2 ? 0 : 2 * NS_PER_S;

		member->clock.skew_ms = member->clock.rtt_ms = NAN;
		member_measure(bed.node, number_of(&bed.liar), bed.now, bed.now.mesh.ns + off_ns,
			       bed.now.mesh.ns - NS_PER_MS, 0);
		/* at once, told or not */
		assert_true(bed.node->count->excluded[origin_of(bed.node, number_of(&bed.liar), LIAR_INCARNATION)] ==
			    (off_ns != 0));
		pass(1000);
	}
	for (unsigned int second = 0; second < 61; second++)
		pass(1000);
	while (node_next_event(bed.node, &event)) {
		if (event.kind != EVENT_MEMBER_SKEWED && event.kind != EVENT_MEMBER_SKEW_OK)
			continue;
		told++;
		last = event;
	}
	assert_true(told >= 1 && told <= 12);
	assert_int_equal(last.kind, EVENT_MEMBER_SKEWED);
}

/* ---- who is out ---- */

/*
 * Whoever has a key that was replaced and revoked, before its member showed the next one here: a newer record begins
 * no session.
 */
static void a_superseded_key_does_not_come_back_by_a_record(void **state)
{
	static struct revocation revocation;
	static uint8_t content[DOCUMENT_CONTENT_BYTES_MAX], bytes[DOCUMENT_BYTES_MAX];
	struct record_body body = { 3, 1, 1, 4711, START_NS, false, { .port = 0 }, 0, 0 };
	struct document document = { DOCUMENT_REVOCATION, 1, content, 0 };
	uint8_t message[DATAGRAM_BYTES_MAX];
	size_t size;

	(void)state;
	assert_int_equal(say(message, record_of(&bed.third, &body, message)), REJECT_NONE);
	revocation.count = 1;
	revocation.keys[0] = (struct revoked_key){ .id = bed.third.id, .reason = REVOKED_SUPERSEDED };
	memcpy(revocation.keys[0].public_key, bed.third.certificate.public_key, PUBLIC_KEY_BYTES);
	assert_int_equal(revocation_write(&revocation, content, sizeof(content), &document.content_bytes), 0);
	assert_int_equal(document_issue(&document, &bed.self.config.mesh, keys_authority().secret, bytes, &size), 0);
	assert_int_equal(node_command(bed.node, bed.now, bytes, size), REJECT_NONE);
	assert_false(bed.node->member->table[number_of(&bed.third)].session);
	body.version = 2;
	assert_int_equal(say(message, record_of(&bed.third, &body, message)), REJECT_SUPERSEDED);
	assert_false(bed.node->member->table[number_of(&bed.third)].session);
}

/* ---- others in a bad light ---- */

static void nobody_is_down_by_one_members_word(void **state)
{
	const struct record_body body = { 3, 1, 1, 4711, START_NS, false, { .port = 0 }, 0, 0 };
	uint8_t message[DATAGRAM_BYTES_MAX] = { MESSAGE_PING }, *at;

	(void)state;
	assert_int_equal(say(message, record_of(&bed.third, &body, message)), REJECT_NONE);
	memset(message, 0, sizeof(message));
	message[0] = MESSAGE_PING;
	at = message + PROBE_PLAIN_BYTES;
	at = put_le(at, bed.third.id, 8);
	at = put_le(at, MEMBER_DOWN, 1);
	at = put_le(at, 3, 8);
	put_le(at, 1ULL << SEQUENCE_BOOT_SHIFT | 1, 8);
	assert_int_equal(say(message, PROBE_PLAIN_BYTES + 25), REJECT_NONE);
	assert_int_equal(bed.node->member->table[number_of(&bed.third)].state, MEMBER_SUSPECT);
}

/* ---- holding up ---- */

/* A neighbour that always has one piece more, or has what it does not send. */
static void a_neighbour_cannot_keep_us_catching_up(void **state)
{
	uint8_t message[1 + 4 + 8 + 1] = { MESSAGE_CAUGHT_UP };
	unsigned int pieces = 0;

	(void)state;
	say(message, 1); /* heard */
	pass(200);
	assert_int_equal(bed.node->spread->catch_up.member, number_of(&bed.liar));
	while (bed.node->spread->catch_up.member == number_of(&bed.liar) && pieces++ < 100) {
		put_le(message + 1, bed.node->spread->catch_up.cursor, 4);
		say(message, sizeof(message));
		pass(200);
	}
	assert_true(pieces < 3);
}

static void a_neighbour_that_does_not_send_what_it_has_is_left(void **state)
{
	uint8_t message[1 + 4 + 8 + 1] = { MESSAGE_CAUGHT_UP };
	unsigned int turns = 0;

	(void)state;
	say(message, 1);
	pass(200);
	message[5] = 1;
	while (bed.node->spread->catch_up.member == number_of(&bed.liar) && turns++ < 200) {
		say(message, sizeof(message));
		pass(100);
	}
	pass(100);
	assert_int_not_equal(bed.node->spread->catch_up.member, number_of(&bed.liar));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(incarnations_with_gaps_stand_in_the_list_once),
		TEST(a_frame_of_the_far_future_is_not_kept_for_ever),
		TEST(the_time_of_a_record_may_be_any),
		TEST(rows_of_a_digest_draw_so_many_answers_and_no_more),
		TEST(a_member_that_renews_its_record_all_the_time_is_heard_a_few_times),
		TEST(suspicions_of_oneself_draw_one_record_in_a_while),
		TEST(an_answer_is_never_written_to_another),
		TEST(nobody_takes_all_the_errands),
		TEST(a_clock_that_comes_and_goes_is_told_once_a_minute),
		TEST(a_superseded_key_does_not_come_back_by_a_record),
		TEST(nobody_is_down_by_one_members_word),
		TEST(a_neighbour_cannot_keep_us_catching_up),
		TEST(a_neighbour_that_does_not_send_what_it_has_is_left),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
