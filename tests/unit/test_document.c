/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Documents and their contents: equal to the vectors both ways; every other form is refused even when the authority
 * signed it.
 */
#include <errno.h>

#include "bytes.h"
#include "document.h"
#include "policy_wire.h"
#include "revocation.h"
#include "rotation.h"
#include "vector.h"

#define DOMAIN "xpro-mesh document v1"

static uint8_t bytes[DOCUMENT_BYTES_MAX + 64], again[DOCUMENT_BYTES_MAX];

static size_t open_vector(const char *name, enum document_kind kind, uint64_t serial, struct document *ret)
{
	const struct mesh mesh = mesh_make();
	const size_t size = vector_read(name, bytes, sizeof(bytes));

	assert_int_equal(document_open(bytes, size, &mesh, ret), REJECT_NONE);
	assert_int_equal(ret->kind, kind);
	assert_int_equal(ret->serial, serial);
	return size;
}

static void assert_issued_again(const char *name, const struct document *document, const uint8_t *content, size_t size)
{
	struct document issued = {
		.kind = document->kind, .serial = document->serial, .content = content, .content_bytes = size
	};
	const struct mesh mesh = mesh_make();
	size_t whole;

	assert_int_equal(document_issue(&issued, &mesh, keys_authority().secret, again, &whole), 0);
	assert_is_vector(name, again, whole);
}

static void a_revocation_is_the_vector_both_ways(void **state)
{
	static struct revocation revocation;
	uint8_t content[256];
	struct document document;
	size_t size;

	(void)state;
	open_vector("revocation", DOCUMENT_REVOCATION, 3, &document);
	assert_true(revocation_read(document.content, document.content_bytes, &revocation));
	assert_int_equal(revocation.count, 2);
	assert_int_equal(revocation_find(&revocation, keys_a().public_key)->reason, REVOKED_SUPERSEDED);
	assert_int_equal(revocation_find(&revocation, keys_b().public_key)->reason, REVOKED_LOST);
	assert_int_equal(revocation_find(&revocation, keys_b().public_key)->id, member_id_of(keys_b().public_key));
	assert_null(revocation_find(&revocation, keys_authority().public_key));
	assert_int_equal(revocation_write(&revocation, content, sizeof(content), &size), 0);
	assert_issued_again("revocation", &document, content, size);
}

static void a_rotation_is_the_vector_both_ways(void **state)
{
	struct rotation_member members[] = { { .id = member_id_of(keys_a().public_key) },
					     { .id = member_id_of(keys_b().public_key) } };
	uint8_t secrets[SECRETS_MAX][MESH_SECRET_BYTES], opened[SECRETS_MAX][MESH_SECRET_BYTES], content[1024];
	const struct mesh mesh = mesh_make();
	struct document document;
	struct rotation rotation;
	size_t size;

	(void)state;
	memcpy(members[0].public_key, keys_a().public_key, PUBLIC_KEY_BYTES);
	memcpy(members[1].public_key, keys_b().public_key, PUBLIC_KEY_BYTES);
	for (uint8_t i = 0; i < MESH_SECRET_BYTES; i++)
		secrets[0][i] = (uint8_t)(176 + i);
	mesh_secret_make(secrets[1]);
	open_vector("rotation", DOCUMENT_ROTATION, 2, &document);
	assert_true(rotation_read(document.content, document.content_bytes, members[0].id, &rotation));
	assert_int_equal(rotation.effective_slot, 425000010);
	assert_int_equal(rotation.grace_slots, 76);
	assert_true(rotation_open(&rotation, &mesh, keys_a().secret, opened));
	assert_memory_equal(opened, secrets, 2 * MESH_SECRET_BYTES);
	assert_false(rotation_open(&rotation, &mesh, keys_b().secret, opened)); /* A's box */
	assert_true(rotation_read(document.content, document.content_bytes, members[1].id, &rotation));
	assert_true(rotation_open(&rotation, &mesh, keys_b().secret, opened));
	assert_true(rotation_read(document.content, document.content_bytes, 4711, &rotation));
	assert_false(rotation_open(&rotation, &mesh, keys_b().secret, opened)); /* none */
	if (members[0].id > members[1].id) {
		const struct rotation_member first = members[0];

		members[0] = members[1];
		members[1] = first;
	}
	assert_int_equal(rotation_write(&rotation, &mesh, secrets, members, 2, keys_from(144).secret, content,
					sizeof(content), &size),
			 0);
	assert_issued_again("rotation", &document, content, size);
	assert_int_equal(rotation_write(&rotation, &mesh, secrets, (struct rotation_member[]){ members[1], members[0] },
					2, keys_from(144).secret, content, sizeof(content), &size),
			 -EINVAL);
}

static void a_policy_is_the_vector_both_ways(void **state)
{
	static struct policy_document policy;
	static uint8_t content[DOCUMENT_CONTENT_BYTES_MAX];
	struct document document;
	size_t size;

	(void)state;
	open_vector("policy", DOCUMENT_POLICY, 7, &document);
	assert_true(policy_wire_read(document.content, document.content_bytes, document.serial, &policy));
	assert_int_equal(policy.version, 7);
	assert_int_equal(policy.effective_slot, 425000020);
	assert_int_equal(policy.defaults.pair_rate, 1000);
	assert_int_equal(policy.defaults.client_rate, 4000);
	assert_int_equal(policy.defaults.network_rate, 0);
	assert_int_equal(policy.defaults.idle_reset.ns, 10 * NS_PER_S);
	assert_true(policy.defaults.fair && policy.defaults.early && !policy.defaults.police &&
		    !policy.defaults.monitor && !policy.protected_only);
	assert_int_equal(policy.rules_count, 7);
	assert_int_equal(policy.rules[0].prefix.bits, 96 + 16);
	assert_int_equal(policy.rules[0].pair_rate, 50);
	assert_int_equal(policy.rules[0].client_rate, 200);
	assert_int_equal(policy.rules[1].fields, POLICY_OUTSIDE_BLOCK);
	assert_int_equal(policy.rules[2].kind, POLICY_BLOCK);
	assert_int_equal(policy.rules[2].until_s, 1760003600);
	assert_int_equal(policy.rules[3].destination_min_window_ms, 2000);
	assert_int_equal(policy.rules[4].network_rate, 80000);
	assert_int_equal(policy.rules[6].side, POLICY_BOTH);
	assert_int_equal(policy.rules[6].destination.bits, 96 + 32);
	assert_int_equal(policy.rules[6].pair_rate, 20);
	assert_int_equal(policy_wire_write(&policy, content, sizeof(content), &size), 0);
	assert_issued_again("policy", &document, content, size);
}

static void every_bit_and_every_length_is_signed(void **state)
{
	static const char *const names[] = { "revocation", "rotation", "policy" };
	const struct mesh mesh = mesh_make();

	(void)state;
	for (size_t n = 0; n < ROWS(names); n++) {
		size_t size;
		struct document document;

		memset(bytes, 0, sizeof(bytes));
		size = vector_read(names[n], bytes, sizeof(bytes));
		for (size_t bit = 0; bit < size * 8; bit++) {
			bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (document_open(bytes, size, &mesh, &document) == REJECT_NONE)
				fail_msg("%s, bit %zu", names[n], bit);
			bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		for (size_t other = 0; other < size + 64; other++) {
			uint8_t *exact = malloc(other ? other : 1);

			memcpy(exact, bytes, other);
			if (other != size && document_open(exact, other, &mesh, &document) == REJECT_NONE)
				fail_msg("%s, %zu bytes instead of %zu", names[n], other, size);
			free(exact);
		}
	}
	assert_int_equal(document_open(bytes, DOCUMENT_BYTES_MAX + 1, &mesh, &(struct document){ 0 }), REJECT_DOCUMENT);
}

/* Signs a body whatever it says. */
static size_t sign_body(size_t size, const struct keys *keys)
{
	uint8_t message[sizeof(DOMAIN) - 1 + HASH_BYTES];

	memcpy(message, DOMAIN, sizeof(DOMAIN) - 1);
	crypto_generichash(message + sizeof(DOMAIN) - 1, HASH_BYTES, bytes, size, NULL, 0);
	crypto_sign_detached(bytes + size, NULL, message, sizeof(message), keys->secret);
	return size + SIGNATURE_BYTES;
}

#define ID "c4 10 9d24e2eeaf27c2a088a564a32fc03a88"

static void only_one_envelope_is_taken_though_it_be_signed(void **state)
{
	static const struct {
		const char *body;
		enum reject reject;
	} rows[] = {
		/*  0 */ { "95 01 " ID " 01 01 c4 01 90", REJECT_NONE },
		/*  1 */ { "95 02 " ID " 01 01 c4 01 90", REJECT_DOCUMENT }, /* version */
		/*  2 */ { "94 01 " ID " 01 c4 01 90", REJECT_DOCUMENT }, /* a field short */
		/*  3 */ { "96 01 " ID " 01 01 c4 01 90 00", REJECT_DOCUMENT }, /* one more */
		/*  4 */ { "95 01 " ID " 01 01 c4 01 90 00", REJECT_DOCUMENT }, /* a byte behind */
		/*  5 */ { "95 01 " ID " 00 01 c4 01 90", REJECT_DOCUMENT }, /* no kind */
		/*  6 */ { "95 01 " ID " 04 01 c4 01 90", REJECT_DOCUMENT }, /* a kind of the future */
		/*  7 */ { "95 01 " ID " 01 00 c4 01 90", REJECT_DOCUMENT }, /* serial 0 */
		/*  8 */ { "95 01 " ID " 01 cc 01 c4 01 90", REJECT_DOCUMENT }, /* long integer */
		/*  9 */ { "95 01 " ID " 01 01 c5 0001 90", REJECT_DOCUMENT }, /* long bin */
		/* 10 */ { "95 01 " ID " 01 01 90", REJECT_DOCUMENT }, /* not in a bin */
		/* 11 */ { "95 01 c4 10 9d24e2eeaf27c2a088a564a32fc03a89 01 01 c4 01 90", REJECT_MESH },
		/* 12 */ { "95 01 c4 0f 9d24e2eeaf27c2a088a564a32fc03a 01 01 c4 01 90", REJECT_DOCUMENT },
		/* 13 */ { "dc 0005 01 " ID " 01 01 c4 01 90", REJECT_DOCUMENT },
		/* 14 */ { "95 01 " ID " 01 01 c6 ffffffff 90", REJECT_DOCUMENT },
	};
	const struct mesh mesh = mesh_make();
	const struct keys authority = keys_authority(), other = keys_a();
	struct document document;
	size_t size;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		size = sign_body(hex_read(rows[i].body, bytes, 256), &authority);
		enum reject reject = document_open(bytes, size, &mesh, &document);

		if (reject != rows[i].reject)
			fail_msg("row %zu: %s", i, reject_names[reject]);
	}
	size = sign_body(hex_read(rows[0].body, bytes, 256), &other); /* a member's key is not the authority's */
	assert_int_equal(document_open(bytes, size, &mesh, &document), REJECT_AUTHORITY);
	assert_int_equal(document_issue(&(struct document){ .serial = 1 }, &mesh, other.secret, again, &size), -EINVAL);
	assert_int_equal(document_issue(&(struct document){ .serial = 0 }, &mesh, authority.secret, again, &size),
			 -EINVAL);
	assert_int_equal(document_issue(&(struct document){ .serial = 1,
							    .content_bytes = DOCUMENT_CONTENT_BYTES_MAX + 1 },
					&mesh, authority.secret, again, &size),
			 -EINVAL);
}

/* As many overrides of a side as there may be, each with all that it may set. */
static void longest_policy(unsigned int side, struct policy_document *ret_policy)
{
	static const uint16_t fields[POLICY_SIDES] = { 0x3ad, 0x5f, 0x0d };

	ret_policy->rules_count = POLICY_RULES_MAX;
	for (uint32_t i = 0; i < POLICY_RULES_MAX; i++) {
		struct policy_rule *rule = &ret_policy->rules[i];

		*rule = (struct policy_rule){ .side = (uint8_t)side, .fields = fields[side], .prefix.bits = 128 };
		memset(rule->prefix.address.bytes, 0xfe, 16);
		rule->prefix.address.bytes[0] = (uint8_t)(0x20 + (i >> 8));
		rule->prefix.address.bytes[1] = (uint8_t)i;
		if (side == POLICY_BOTH)
			rule->destination = rule->prefix;
		rule->pair_rate = rule->idle_reset_ms = rule->pair_min_window_ms = UINT32_MAX;
		if (side == POLICY_DESTINATION)
			rule->destination_rate = rule->destination_min_window_ms = rule->network_rate = UINT32_MAX;
		if (side == POLICY_CLIENT)
			rule->client_rate = rule->outside_rate = rule->contact_rate = UINT32_MAX;
	}
}

static void the_longest_lists_fit_and_one_more_does_not(void **state)
{
	static struct revocation revocation;
	static struct policy_document policy, read;
	static uint8_t content[DOCUMENT_CONTENT_BYTES_MAX];
	const struct mesh mesh = mesh_make();
	struct document document = { .kind = DOCUMENT_REVOCATION, .serial = UINT64_MAX, .content = content };
	size_t size;

	(void)state;
	revocation.count = REVOKED_KEYS_MAX;
	for (uint32_t i = 0; i < REVOKED_KEYS_MAX; i++) {
		memset(revocation.keys[i].public_key, 0xff, PUBLIC_KEY_BYTES);
		revocation.keys[i].public_key[0] = (uint8_t)(i >> 8);
		revocation.keys[i].public_key[1] = (uint8_t)i;
		revocation.keys[i].id = UINT64_MAX;
		revocation.keys[i].reason = REVOKED_SUPERSEDED;
	}
	assert_int_equal(revocation_write(&revocation, content, sizeof(content), &document.content_bytes), 0);
	assert_int_equal(document_issue(&document, &mesh, keys_authority().secret, again, &size), 0);
	assert_true(revocation_read(content, document.content_bytes, &revocation));
	revocation.count++;
	assert_int_equal(revocation_write(&revocation, content, sizeof(content), &document.content_bytes), -EINVAL);
	document.kind = DOCUMENT_POLICY;
	for (unsigned int side = 0; side < POLICY_SIDES; side++) {
		longest_policy(side, &policy);
		assert_int_equal(policy_wire_write(&policy, content, sizeof(content), &document.content_bytes), 0);
		assert_int_equal(document_issue(&document, &mesh, keys_authority().secret, again, &size), 0);
		assert_true(policy_wire_read(content, document.content_bytes, 1, &read));
		assert_memory_equal(read.rules, policy.rules, sizeof(policy.rules));
	}
}

static void only_one_form_of_a_revocation(void **state)
{
#define KEY_1 "93 c4 20 1111111111111111111111111111111111111111111111111111111111111111 05 00"
#define KEY_2 "93 c4 20 2222222222222222222222222222222222222222222222222222222222222222 06 01"
	static const struct {
		const char *content;
		bool taken;
	} rows[] = {
		/*  0 */ { "90", true },
		/*  1 */ { "91 " KEY_1, true },
		/*  2 */ { "92 " KEY_1 KEY_2, true },
		/*  3 */ { "92 " KEY_2 KEY_1, false }, /* out of order */
		/*  4 */ { "92 " KEY_1 KEY_1, false }, /* twice */
		/*  5 */ { "92 " KEY_1, false }, /* one short */
		/*  6 */ { "91 " KEY_1 " 00", false },
		/* no such reason */
		/*  7 */ { "91 93 c4 20 1111111111111111111111111111111111111111111111111111111111111111 05 02",
			false },
		/*  8 */ { "91 93 c4 1f 11111111111111111111111111111111111111111111111111111111111111 05 00", false },
		/*  9 */ { "dd ff000000", false },
		/* 10 */ { "dc 0401", false }, /* 1,025 keys */
		/* 11 */ { "", false },
	};
	static struct revocation revocation;
	uint8_t content[256];

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		if (revocation_read(content, hex_read(rows[i].content, content, sizeof(content)), &revocation) !=
		    rows[i].taken)
			fail_msg("row %zu", i);
	}
}

static void only_one_form_of_a_policy(void **state)
{
#define HEAD "9b 07 0a 14 28 50 00 cd2710 cd03e8 cd03e8 05 "
	static const struct {
		const char *content;
		bool taken;
	} rows[] = {
		/*  0 */ { HEAD "90", true },
		/*  1 */ { HEAD "91 97 00 00 c404 0a010000 10 00 01 32", true },
		/*  2 */ { HEAD "91 97 00 00 c404 0a010001 10 00 01 32", false }, /* a bit behind the prefix */
		/*  3 */ { HEAD "91 97 00 00 c404 0a010000 21 00 01 32", false }, /* 33 bits of IPv4 */
		/* mapped: has a shorter form */
		/*  4 */ { HEAD "91 97 00 00 c410 00000000000000000000ffff0a010000 70 00 01 32", false },
		/*  5 */ { HEAD "91 97 00 00 c410 20010db8000000000000000000000000 20 00 01 32", true },
		/*  6 */ { HEAD "91 97 00 00 c410 20010db8000000000000000000000000 cc81 00 01 32", false }, /* 129 */
		/*  7 */ { HEAD "91 96 00 00 c404 0a010000 10 00 00", false }, /* an override of nothing */
		/*  8 */ { HEAD "91 97 00 01 c404 0a010000 10 00 01 32", false }, /* never_drop with a rate */
		/*  9 */ { HEAD "91 97 00 00 c404 0a010000 10 00 02 32", false }, /* a client with a destination rate */
		/* 10 */ { HEAD "91 97 01 00 c404 0a010000 10 00 02 32", true },
		/* 11 */ { HEAD "91 96 00 03 c404 0a010000 10 00 00", false }, /* a protected client */
		/* 12 */ { HEAD "91 96 03 01 c404 0a010000 10 00 00", false }, /* no such side */
		/* 13 */ { HEAD "91 96 00 04 c404 0a010000 10 00 00", false }, /* no such kind */
		/* 14 */ { HEAD "91 97 00 00 c404 0a010000 10 00 cd0400 32", false }, /* no such field */
		/* 15 */ { HEAD "91 98 00 00 c404 0a010000 10 00 01 32 32", false }, /* a number too many */
		/* 16 */ { HEAD "91 96 00 00 c404 0a010000 10 00 01", false }, /* one short */
		/* twice */
		/* 17 */ { HEAD "92 96 00 01 c404 0a010000 10 00 00 96 00 01 c404 0a010000 10 00 00", false },
		/* out of order */
		/* 18 */ { HEAD "92 96 00 01 c404 0a020000 10 00 00 96 00 01 c404 0a010000 10 00 00", false },
		/* 19 */ { HEAD "92 96 00 01 c404 0a010000 10 00 00 96 00 01 c404 0a020000 10 00 00", true },
		/* 20 */ { "9b 07 0a 14 28 50 00 cd2710 cd03e8 cd03e8 20 90", false }, /* no such flag */
		/* 21 */ { "9b 07 cf0000000100000000 14 28 50 00 cd2710 cd03e8 cd03e8 05 90", false }, /* 2^32 */
		/* 22 */ { HEAD "dc 0401", false }, /* 1,025 rules */
		/* 23 */ { HEAD "dd ff000000", false },
		/* 24 */ { HEAD "90 00", false },
		/* 25 */ { HEAD "91 97 00 00 c404 00000000 00 00 01 32", true }, /* all of IPv4 */
		/* 26 */ { HEAD "91 97 00 00 c410 00000000000000000000000000000000 00 00 01 32", true }, /* all */
		/* 27 */ { HEAD "91 97 00 00 c405 0a01000000 10 00 01 32", false },
		/* 28 */ { HEAD "91 97 00 00 c404 0a010000 10 00 20 32", true },
		/* 29 */ { HEAD "91 97 01 00 c404 0a010000 10 00 20 32", false }, /* a destination with a client rate */
		/* 30 */ { HEAD "91 97 01 00 c404 0a010000 10 00 40 32", true },
		/* 31 */ { HEAD "91 97 00 00 c404 0a010000 10 00 40 32", false }, /* a client with a network rate */
		/* 32 */ { HEAD "91 98 01 00 c404 0a010000 10 00 41 32 33", true },
		/* 33 */ { HEAD "91 97 01 00 c404 0a010000 10 00 41 32", false }, /* one short */
		/* 34 */ { "98 07 0a 14 cd2710 cd03e8 cd03e8 05 90", false }, /* neither rate */
		/* 35 */ { "9b 07 0a 14 cf0000000100000000 50 00 cd2710 cd03e8 cd03e8 05 90", false }, /* of 2^32 */
		/* 36 */ { "9b 07 0a 14 28 cf0000000100000000 00 cd2710 cd03e8 cd03e8 05 90", false },
		/* 37 */ { HEAD "91 97 00 00 c404 0a010000 10 00 cd0100 32", true }, /* a contact rate */
		/* 38 */ { HEAD "91 97 01 00 c404 0a010000 10 00 cd0100 32", false }, /* of destinations */
	};
	static struct policy_document policy;
	uint8_t content[256];

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		if (policy_wire_read(content, hex_read(rows[i].content, content, sizeof(content)), 1, &policy) !=
		    rows[i].taken)
			fail_msg("row %zu", i);
	}
}

static void only_one_form_of_a_rotation(void **state)
{
	/* Of each box the id; then so many bytes more or fewer. */
	static const struct row {
		uint64_t ids[3];
		unsigned int boxes;
		int more;
		bool taken;
	} rows[] = {
		/* 0: no boxes */ { { 0 }, 0, 0, true },
		/* 1 */ { { 5, 6 }, 2, 0, true },
		/* 2: out of order */ { { 6, 5 }, 2, 0, false },
		/* 3: twice */ { { 5, 5 }, 2, 0, false },
		/* 4: a byte short */ { { 5 }, 1, -1, false },
		/* 5: and one too many */ { { 5 }, 1, 1, false },
		/* 6: no member */ { { 0 }, 1, 0, false },
		/* 7: above 2^63 */ { { 5, 6, UINT64_MAX }, 3, 0, true },
	};
	static const char head[] = "96 07 02 c420 1111111111111111111111111111111111111111111111111111111111111111 91 "
				   "c410 22222222222222222222222222222222 c430 "
				   "33333333333333333333333333333333333333333333333333333333333333333333333333333333333"
				   "3333333333333 c4";
	struct rotation rotation;
	uint8_t content[512];

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const size_t boxes = (size_t)((int)rows[i].boxes * BOX_BYTES + rows[i].more);
		size_t size = hex_read(head, content, sizeof(content));

		content[size++] = (uint8_t)boxes;
		memset(content + size, 0x44, boxes);
		for (unsigned int k = 0; k < rows[i].boxes; k++)
			put_le(content + size + k * BOX_BYTES, rows[i].ids[k], 8);
		if (rotation_read(content, size + boxes, 5, &rotation) != rows[i].taken)
			fail_msg("row %zu", i);
		if (rows[i].taken && (rotation.box != NULL) != (rows[i].ids[0] == 5))
			fail_msg("row %zu: whose box?", i);
		for (size_t less = 1; rows[i].taken && less <= size + boxes; less++)
			assert_false(rotation_read(content, size + boxes - less, 5, &rotation));
	}
}

/* The largest mesh: every member opens its own box, nobody another's; one member more does not fit. */
static void a_rotation_has_a_box_for_every_member(void **state)
{
	static struct rotation_member members[ROTATION_MEMBERS_MAX + 1];
	static uint8_t content[DOCUMENT_CONTENT_BYTES_MAX], secret[ROTATION_MEMBERS_MAX][SECRET_KEY_BYTES];
	uint8_t secrets[SECRETS_MAX][MESH_SECRET_BYTES], opened[SECRETS_MAX][MESH_SECRET_BYTES];
	const struct mesh mesh = mesh_make();
	struct rotation rotation = { .effective_slot = UINT32_MAX, .grace_slots = UINT32_MAX, .secrets = SECRETS_MAX };
	struct document document;
	size_t size, whole;

	(void)state;
	for (unsigned int i = 0; i < SECRETS_MAX; i++)
		memset(secrets[i], (int)(0x50 + i), MESH_SECRET_BYTES);
	for (uint32_t i = 0; i <= ROTATION_MEMBERS_MAX; i++) {
		uint8_t seed[SEED_BYTES] = { 1 }, unused[SECRET_KEY_BYTES];

		put_le(seed + 1, i, 4);
		members[i].id = UINT64_MAX - ROTATION_MEMBERS_MAX + i;
		crypto_sign_seed_keypair(members[i].public_key, i < ROTATION_MEMBERS_MAX ? secret[i] : unused, seed);
	}
	assert_int_equal(rotation_write(&rotation, &mesh, secrets, members, ROTATION_MEMBERS_MAX + 1,
					keys_from(144).secret, content, sizeof(content), &size),
			 -EINVAL);
	assert_int_equal(rotation_write(&rotation, &mesh, secrets, members, ROTATION_MEMBERS_MAX, keys_from(144).secret,
					content, sizeof(content), &size),
			 0);
	document = (struct document){ DOCUMENT_ROTATION, UINT64_MAX, content, size };
	assert_int_equal(document_issue(&document, &mesh, keys_authority().secret, again, &whole), 0);
	assert_int_equal(document_open(again, whole, &mesh, &document), REJECT_NONE);
	for (uint32_t i = 0; i < ROTATION_MEMBERS_MAX; i += 89) {
		assert_true(rotation_read(document.content, document.content_bytes, members[i].id, &rotation));
		assert_true(rotation_open(&rotation, &mesh, secret[i], opened));
		assert_memory_equal(opened, secrets, sizeof(secrets));
		assert_false(rotation_open(&rotation, &mesh, secret[(i + 1) % ROTATION_MEMBERS_MAX], opened));
	}
}

static void a_revocation_covers_what_it_holds(void **state)
{
	static struct {
		struct revocation list;
	} earlier, later;

	(void)state;
	earlier.list = (struct revocation){ .count = 1, .keys = { { { 1 }, 7, REVOKED_SUPERSEDED } } };
	later.list = (struct revocation){ .count = 2,
					  .keys = { { { 1 }, 7, REVOKED_LOST }, { { 2 }, 8, REVOKED_LOST } } };
	assert_true(revocation_covers(&later.list, &earlier.list)); /* graver */
	assert_false(revocation_covers(&earlier.list, &later.list));
	later.list.keys[0].id = 9;
	assert_false(revocation_covers(&later.list, &earlier.list)); /* somebody else's */
	earlier.list.keys[0].reason = REVOKED_LOST;
	later.list.keys[0] = (struct revoked_key){ { 1 }, 7, REVOKED_SUPERSEDED };
	assert_false(revocation_covers(&later.list, &earlier.list)); /* milder */
}

static int start(void **state)
{
	(void)state;
	return sodium_init() < 0 ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_revocation_is_the_vector_both_ways),
		cmocka_unit_test(a_rotation_is_the_vector_both_ways),
		cmocka_unit_test(a_policy_is_the_vector_both_ways),
		cmocka_unit_test(every_bit_and_every_length_is_signed),
		cmocka_unit_test(only_one_envelope_is_taken_though_it_be_signed),
		cmocka_unit_test(the_longest_lists_fit_and_one_more_does_not),
		cmocka_unit_test(only_one_form_of_a_revocation),
		cmocka_unit_test(only_one_form_of_a_rotation),
		cmocka_unit_test(a_rotation_has_a_box_for_every_member),
		cmocka_unit_test(only_one_form_of_a_policy),
		cmocka_unit_test(a_revocation_covers_what_it_holds),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
