/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a member's certified line can carry bounds what its counts are read as, and nothing of what is kept. */
#include "vector.h"

#include "node_internal.h"

#define START_NS (1760000000LL * NS_PER_S)
#define LINE_RATE 50 /* of the teller's: 200 packets in a slot of 4 s */
#define LINE_PACKETS 200

static struct {
	struct node_config config;
	struct certificate teller;
	struct node *node;
	void *memory;
	struct now now;
	uint16_t member;
} bed;

static void issue(struct certificate *certificate, uint8_t n, uint64_t line_rate, struct node_config *config)
{
	const uint8_t seed[32] = { n };

	*certificate = (struct certificate){ .serial = n, .name = { (char)('a' + n) }, .line_rate = line_rate };
	crypto_sign_seed_keypair(certificate->public_key, config->secret_key, seed);
	certificate->id = member_id_of(certificate->public_key);
	assert_int_equal(certificate_issue(certificate, &config->mesh, keys_authority().secret, config->certificate, &config->certificate_bytes), 0);
}

static int bed_make(void **state)
{
	const struct endpoint from = { .address = address_of_ipv4((uint8_t[]){ 192, 0, 2, 2 }), .port = 7946 };
	struct node_config other = { .mesh = mesh_make() };
	struct certificate self;
	size_t bytes;

	(void)state;
	bed.config = (struct node_config){ .limits = { .keys_max = 64, .cells_max = 256, .frames_max = 64, .members_max = 4 },
					   .mesh = mesh_make(),
					   .thresholds = { .pair_rate = 100,
							   .destination_rate = 0,
							   .idle_reset = { 10 * NS_PER_S },
							   .pair_min_window = { NS_PER_S },
							   .destination_min_window = { NS_PER_S },
							   .early = true },
					   .incarnation = 1,
					   .boot = 1,
					   .datagram_bytes = DATAGRAM_BYTES_DEFAULT,
					   .frames_per_tick = 8,
					   .gossip = true };
	bed.now = (struct now){ .mono = { NS_PER_S }, .mesh = { START_NS } };
	issue(&self, 1, 0, &bed.config);
	issue(&bed.teller, 2, LINE_RATE, &other);
	bytes = node_bytes(&bed.config.limits);
	bed.memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
	memset(bed.memory, 0, bytes);
	assert_int_equal(node_init(bed.memory, bytes, &bed.config, bed.now, &bed.node), 0);
	assert_int_equal(member_meet(bed.node, bed.now, &bed.teller, 7, 1, &from, &bed.member), REJECT_NONE);
	node_tick(bed.node, bed.now);
	return 0;
}

static int bed_free(void **state)
{
	(void)state;
	node_close(bed.node);
	free(bed.memory);
	return 0;
}

static struct key key_of(uint8_t client)
{
	return (struct key){ .client = address_of_ipv4((uint8_t[]){ 198, 18, 0, client }),
			     .destination = address_of_ipv4((uint8_t[]){ 203, 0, 113, 9 }) };
}

/* The teller, in this incarnation, has counted so much of a key in the running slot. */
static void tell(uint64_t incarnation, const struct key *key, uint64_t packets)
{
	const uint64_t tick = mesh_tick_at(&bed.config.mesh, bed.now.mesh);
	const struct cell cell = { .key = *key, .slot = mesh_slot_at(&bed.config.mesh, bed.now.mesh), .last = 1, .packets = packets };
	uint32_t origin;

	bed.node->member->table[bed.member].account.incarnation_slot = 0; /* else one new incarnation per slot */
	origin = origin_of(bed.node, bed.member, incarnation);

	assert_int_not_equal(origin, INDEX_NONE);
	bed.node->count->origins[origin].frames_received++; /* so that its place is its own */
	assert_int_equal(receive_cell(bed.node, origin, &cell, tick - 1, tick), REJECT_NONE);
}

static struct key_view view_of(uint8_t client)
{
	const struct key key = key_of(client);
	struct key_view view;

	assert_true(node_find_key(bed.node, bed.now, &key, &view));
	return view;
}

static unsigned int times_told(void)
{
	struct node_event event;
	unsigned int times = 0;

	while (node_next_event(bed.node, &event))
		times += event.kind == EVENT_LINE_RATE && strcmp(event.member, bed.teller.name) == 0 && event.line_rate == LINE_RATE;
	return times;
}

static uint64_t cells_over_line(void)
{
	struct node_counters counters;

	node_read_counters(bed.node, &counters);
	return counters.cells_over_line;
}

static void a_claim_beyond_the_line_is_read_as_what_the_line_carries(void **state)
{
	static const struct {
		uint64_t claim, read;
		bool over;
	} rows[] = {
		/* 0 */ { LINE_PACKETS - 1, LINE_PACKETS - 1, false },
		/* 1 */ { LINE_PACKETS, LINE_PACKETS, false },
		/* 2 */ { LINE_PACKETS + 1, LINE_PACKETS, true },
		/* 3 */ { 1ULL << 31, LINE_PACKETS, true },
		/* 4 */ { UINT64_MAX, LINE_PACKETS, true },
	};

	(void)state;
	for (uint8_t i = 0; i < ROWS(rows); i++) {
		const struct key key = key_of(i);
		const uint64_t before = cells_over_line();

		tell(7, &key, rows[i].claim);
		assert_int_equal(view_of(i).count, rows[i].read);
		assert_true(view_of(i).carried + (double)rows[i].read <= 2. * LINE_PACKETS); /* the carry knows no more either */
		assert_int_equal(cells_over_line() > before, rows[i].over);
	}
	assert_int_equal(times_told(), 1); /* in this slot */
}

static void what_was_claimed_is_kept_so_that_ledgers_agree(void **state)
{
	const struct key key = key_of(1);
	struct cell_view cell;
	uint32_t cursor = 0;

	(void)state;
	tell(7, &key, 1ULL << 31);
	assert_true(node_next_cell(bed.node, &key, &cursor, &cell));
	assert_int_equal(cell.packets, 1ULL << 31);
}

static void several_incarnations_have_one_line(void **state)
{
	const struct key key = key_of(1);

	(void)state;
	for (uint64_t incarnation = 7; incarnation > 7 - INCARNATIONS_MAX; incarnation--)
		tell(incarnation, &key, LINE_PACKETS - 10);
	assert_int_equal(view_of(1).count, LINE_PACKETS);
	bed.node->count->excluded[origin_find(bed.node, bed.member, 7)] = true;
	bed.node->count->excluded[origin_find(bed.node, bed.member, 6)] = true;
	assert_int_equal(view_of(1).count, LINE_PACKETS - 10); /* what is left out takes no part of it */
}

static void own_counts_and_other_members_are_not_cut(void **state)
{
	const struct key key = key_of(1);
	const uint64_t slot = mesh_slot_at(&bed.config.mesh, bed.now.mesh);

	(void)state;
	tell(7, &key, 1ULL << 31);
	assert_true(node_observe(bed.node, bed.now, &key, slot, bed.now.mesh, bed.now.mesh, 5000));
	assert_int_equal(view_of(1).count, LINE_PACKETS + 5000);
}

static void the_sum_of_its_destinations_is_looked_at(void **state)
{
	(void)state;
	for (uint8_t n = 0; n < 4; n++) {
		const struct address destination = address_of_ipv4((uint8_t[]){ 203, 0, 113, n });
		const struct key key = key_of_destination(&destination);

		tell(7, &key, LINE_PACKETS / 4);
	}
	assert_int_equal(times_told(), 0);
	const struct address one_more = address_of_ipv4((uint8_t[]){ 203, 0, 113, 100 });
	const struct key key = key_of_destination(&one_more);

	tell(7, &key, 1);
	assert_int_equal(times_told(), 1);
}

/* Re-issued with a faster line: older slots that were summed before are summed again. */
static void a_new_certificate_moves_the_line(void **state)
{
	const struct endpoint from = { .address = address_of_ipv4((uint8_t[]){ 192, 0, 2, 2 }), .port = 7946 };
	const struct key key = key_of(1);
	uint16_t member;

	(void)state;
	tell(7, &key, 1000);
	bed.now.mesh.ns += mesh_slot_length(&bed.config.mesh).ns;
	bed.now.mono.ns += mesh_slot_length(&bed.config.mesh).ns;
	tell(7, &key, 1);
	const uint64_t before = view_of(1).count;

	bed.teller.line_rate = 1000;
	bed.teller.serial++;
	assert_int_equal(member_meet(bed.node, bed.now, &bed.teller, 7, 1, &from, &member), REJECT_NONE);
	assert_true(before <= LINE_PACKETS + 1);
	assert_true(view_of(1).count > before);
}

static int start(void **state)
{
	(void)state;
	return sodium_init() < 0 ? -1 : 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_make, bed_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_claim_beyond_the_line_is_read_as_what_the_line_carries),
		TEST(what_was_claimed_is_kept_so_that_ledgers_agree),
		TEST(several_incarnations_have_one_line),
		TEST(own_counts_and_other_members_are_not_cut),
		TEST(the_sum_of_its_destinations_is_looked_at),
		TEST(a_new_certificate_moves_the_line),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
