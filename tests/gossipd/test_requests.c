// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Replays the corpus of control requests (tests/fuzz/fuzz_control.c) without a fuzzer. Run from the top of the tree. */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include "../fuzz/fuzz_control.c"

#include <cmocka.h>

static void replay_file(const char *path)
{
	uint8_t data[4096], *exact;
	FILE *file = fopen(path, "rb");
	size_t size;

	assert_non_null(file);
	size = fread(data, 1, sizeof(data), file);
	fclose(file);
	exact = malloc(size ? size : 1); /* so that a sanitizer sees a read behind the end */
	assert_non_null(exact);
	memcpy(exact, data, size);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
}

static void the_corpus_of_requests(void **state)
{
	DIR *directory = opendir("tests/fuzz/control");
	struct dirent *entry;
	int files = 0;

	(void)state;
	if (!directory)
		fail_msg("tests/fuzz/control: cannot be opened; run from the top of the tree");
	while ((entry = readdir(directory))) {
		char path[512];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "tests/fuzz/control/%s", entry->d_name);
		replay_file(path);
		files++;
	}
	closedir(directory);
	assert_true(files > 10);
}

static void every_verb_and_flag_ends(void **state)
{
	(void)state;
	once();
	for (uint32_t verb = 0; verb < CONTROL_RATES + 2; verb++) {
		for (uint32_t flags = 0; flags < 64; flags++) {
			struct control_request request = {
				.magic = CONTROL_MAGIC, .version = CONTROL_VERSION, .verb = verb, .flags = flags
			};

			for (unsigned int bits = 0; bits <= 255; bits += 17) {
				request.client_bits = request.destination_bits = (uint8_t)bits;
				ask(&request);
			}
		}
	}
}

/* Rows of keys in the answer to a list, filtered by a prefix, "" for none. */
static unsigned int rows_of(enum control_verb verb, const char *prefix)
{
	struct control_request request = { .magic = CONTROL_MAGIC, .version = CONTROL_VERSION, .verb = verb };
	static struct answer_buffer buffer;
	struct control_header header;
	const char *why = NULL;
	struct answer answer;
	struct prefix wanted;
	unsigned int rows = 0;

	if (prefix[0]) {
		const bool client = verb == CONTROL_CLIENTS;

		assert_int_equal(text_to_prefix(prefix, &wanted, &why), 0);
		memcpy(client ? request.client : request.destination, wanted.address.bytes, 16);
		*(client ? &request.client_bits : &request.destination_bits) = wanted.bits;
		request.flags = client ? CONTROL_HAS_CLIENT : CONTROL_HAS_DESTINATION;
	}
	answer_begin(&answer, &request, &fuzz_daemon);
	while (answer.state == ANSWER_MORE) {
		unsigned int budget = 64;

		buffer.at = buffer.end = 0;
		answer_fill(&answer, &fuzz_daemon, fuzz_now, &buffer, &budget);
		for (size_t at = buffer.at; at < buffer.end; at += sizeof(header) + header.size) {
			memcpy(&header, buffer.bytes + at, sizeof(header));
			rows += header.type == CONTROL_TYPE_KEY;
		}
	}
	return rows;
}

/*
 * Each list has keys of its kind alone; one address asked for finds the client or the network that holds it. In
 * 2001:db8:0:1::/64 every address is a client.
 */
static void each_list_has_the_keys_of_its_kind(void **state)
{
	static const struct {
		enum control_verb verb;
		const char *prefix;
		unsigned int rows;
	} rows[] = {
		/* 0 */ { CONTROL_CLIENTS, "", 4 },
		/* 1 */ { CONTROL_CLIENTS, "10.1.2.3", 1 },
		/* 2 */ { CONTROL_CLIENTS, "10.1.2.4", 0 },
		/* 3 */ { CONTROL_CLIENTS, "10.0.0.0/8", 1 },
		/* 4 */ { CONTROL_CLIENTS, "2001:db8:0:1::/64", 2 },
		/* 5: listed */ { CONTROL_CLIENTS, "2001:db8:0:1::2", 1 },
		/* 6 */ { CONTROL_CLIENTS, "2001:db8:0:1::3", 0 },
		/* 7: the /64 that holds it */ { CONTROL_CLIENTS, "2001:db8:0:2::1", 1 },
		/* and a part of it */ { CONTROL_CLIENTS, "2001:db8:0:2:8000::/65", 1 },
		{ CONTROL_CLIENTS, "2001:db8:0:3::1", 0 },
		/* 8 */ { CONTROL_NETWORKS, "", 2 },
		/* 9 */ { CONTROL_NETWORKS, "203.0.113.7", 1 },
		/* 10 */ { CONTROL_NETWORKS, "203.0.112.0/23", 1 },
		/* 11 */ { CONTROL_NETWORKS, "203.0.114.0/24", 0 },
		/* 12 */ { CONTROL_NETWORKS, "2001:db8:1:2::3", 1 },
		/* 13 */ { CONTROL_NETWORKS, "2001:db8:2::3", 0 },
		/* 14 */ { CONTROL_DESTINATIONS, "203.0.113.0/24", 0 },
		/* 15 */ { CONTROL_PAIRS, "203.0.113.0/24", 0 },
	};
	static const char *const clients[] = { "10.1.2.3", "2001:db8:0:1::2", "2001:db8:0:1::1", "2001:db8:0:2::" };
	static const char *const networks[] = { "203.0.113.0", "2001:db8:1::" };
	uint64_t slot;

	(void)state;
	once();
	slot = mesh_slot_at(&fuzz_daemon.identity.mesh, fuzz_now.mesh);
	for (unsigned int i = 0; i < 6; i++) {
		struct address address;
		struct key key;

		assert_true(text_to_address(i < 4 ? clients[i] : networks[i - 4], &address));
		key = i < 4 ? key_of_client(&address) : key_of_network(&address);
		assert_true(node_observe(fuzz_daemon.node, fuzz_now, &key, slot, fuzz_now.mesh, fuzz_now.mesh, 1));
	}
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const unsigned int got = rows_of(rows[i].verb, rows[i].prefix);

		if (got != rows[i].rows)
			fail_msg("row %u: %u keys", i, got);
	}
	assert_int_equal(rows_of(CONTROL_PAIRS, ""), PAIRS);
}

/* The first row of an answer: of which client the address is. False: there is no such row. */
static bool asked_of(enum control_verb verb, const char *prefix, struct control_client *ret_row, int *ret_error)
{
	struct control_request request = { .magic = CONTROL_MAGIC,
					   .version = CONTROL_VERSION,
					   .verb = verb,
					   .flags = CONTROL_HAS_CLIENT,
					   .count = 1,
					   .seconds = 1 };
	static struct answer_buffer buffer;
	const char *why = NULL;
	unsigned int budget = 64;
	struct control_header header;
	struct answer answer;
	struct prefix wanted;

	assert_int_equal(text_to_prefix(prefix, &wanted, &why), 0);
	memcpy(request.client, wanted.address.bytes, 16);
	request.client_bits = wanted.bits;
	answer_begin(&answer, &request, &fuzz_daemon);
	buffer.at = buffer.end = 0;
	memset(buffer.bytes, 0, sizeof(header)); /* of an answer without rows yet */
	answer_fill(&answer, &fuzz_daemon, fuzz_now, &buffer, &budget);
	memcpy(&header, buffer.bytes, sizeof(header));
	*ret_error = header.type == CONTROL_END ? ((struct control_end *)(buffer.bytes + sizeof(header)))->error : 0;
	if (header.type != CONTROL_TYPE_CLIENT)
		return false;
	assert_int_equal(header.size, sizeof(*ret_row));
	memcpy(ret_row, buffer.bytes + sizeof(header), sizeof(*ret_row));
	return true;
}

static void an_address_within_a_client_is_answered_by_the_client(void **state)
{
	static const enum control_verb verbs[] = { CONTROL_PAIRS, CONTROL_CLIENTS, CONTROL_EXPLAIN, CONTROL_CAPTURE };
	static const struct {
		const char *asked, *client; /* NULL: it is the client */
	} rows[] = {
		/* 0 */ { "10.1.2.3", NULL },
		/* 1 */ { "2001:db8:0:1::5", NULL }, /* listed */
		/* 2 */ { "2001:db8:0:2::5", "2001:db8:0:2::/64" },
		/* 3 */ { "2001:db8:0:2::", "2001:db8:0:2::/64" },
		/* 4 */ { "::5", "::/64" },
	};
	struct control_client row;
	char text[TEXT_PREFIX_BYTES];
	int error;

	(void)state;
	once();
	for (size_t v = 0; v < sizeof(verbs) / sizeof(verbs[0]); v++)
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			const bool told = asked_of(verbs[v], rows[i].asked, &row, &error);

			if (told != (rows[i].client != NULL) || error)
				fail_msg("verb %d, row %zu: %d, error %d", (int)verbs[v], i, told, error);
			if (!told)
				continue;
			text_of_part(row.client, row.client_bits, text);
			assert_string_equal(text, rows[i].client);
			text_of_part(row.asked, row.asked_bits, text);
			assert_string_equal(text, rows[i].asked);
		}
	/* A part of a client, for which no packet is captured, although lists find the client. */
	assert_false(asked_of(CONTROL_CAPTURE, "2001:db8:0:2::/65", &row, &error));
	assert_int_equal(error, -EDOM);
	assert_true(asked_of(CONTROL_PAIRS, "2001:db8:0:2::/65", &row, &error));
	assert_false(asked_of(CONTROL_CAPTURE, "2001:db8:0:1::/65", &row, &error));
	assert_int_equal(error, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_corpus_of_requests),
		cmocka_unit_test(every_verb_and_flag_ends),
		cmocka_unit_test(each_list_has_the_keys_of_its_kind),
		cmocka_unit_test(an_address_within_a_client_is_answered_by_the_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
