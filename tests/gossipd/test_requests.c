// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Replays the corpus of control requests (tests/fuzz/fuzz_control.c) without a fuzzer. Run from the top of the tree. */
#include <dirent.h>
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
	for (uint32_t verb = 0; verb < 12; verb++) {
		for (uint32_t flags = 0; flags < 64; flags++) {
			struct control_request request = { .magic = CONTROL_MAGIC, .version = CONTROL_VERSION, .verb = verb, .flags = flags };

			for (unsigned int bits = 0; bits <= 255; bits += 17) {
				request.client_bits = request.destination_bits = (uint8_t)bits;
				ask(&request);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_corpus_of_requests),
		cmocka_unit_test(every_verb_and_flag_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
