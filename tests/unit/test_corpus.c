// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Replays the committed corpora of the fuzz targets, without a fuzzer. Run from the top of the tree. */
#include <dirent.h>

#include "vector.h"

#define LLVMFuzzerTestOneInput fuzz_frame
#include "fuzz/fuzz_frame.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_certificate
#include "fuzz/fuzz_certificate.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_datagram
#include "fuzz/fuzz_datagram.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_message
#include "fuzz/fuzz_message.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_document
#include "fuzz/fuzz_document.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_policy
#include "fuzz/fuzz_policy.c"
#undef LLVMFuzzerTestOneInput

#define LLVMFuzzerTestOneInput fuzz_differential
#include "fuzz/fuzz_differential.c"
#undef LLVMFuzzerTestOneInput

static void replay_file(const char *path, int (*target)(const uint8_t *data, size_t size))
{
	uint8_t *data = malloc(1 << 16), *exact;
	FILE *file = fopen(path, "rb");
	size_t size;

	assert_non_null(file);
	assert_non_null(data);
	size = fread(data, 1, 1 << 16, file);
	fclose(file);
	exact = malloc(size ? size : 1); /* so that a sanitizer sees a read behind the end */
	assert_non_null(exact);
	memcpy(exact, data, size);
	target(exact, size);
	free(exact);
	free(data);
}

static void replay(const char *folder, int (*target)(const uint8_t *data, size_t size))
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	int files = 0;

	if (!dir)
		fail_msg("%s: cannot be opened; run from the top of the tree", folder);
	while ((entry = readdir(dir))) {
		char path[512];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		replay_file(path, target);
		files++;
	}
	closedir(dir);
	assert_true(files > 0);
}

static void the_corpus_of_frames(void **state)
{
	(void)state;
	replay("tests/fuzz/frame", fuzz_frame);
}

static void the_corpus_of_certificates(void **state)
{
	(void)state;
	replay("tests/fuzz/certificate", fuzz_certificate);
}

static void the_corpus_of_datagrams(void **state)
{
	(void)state;
	replay("tests/fuzz/datagram", fuzz_datagram);
}

static void the_corpus_of_messages(void **state)
{
	(void)state;
	replay("tests/fuzz/message", fuzz_message);
}

static void the_corpus_of_documents(void **state)
{
	(void)state;
	replay("tests/fuzz/document", fuzz_document);
}

static void the_corpus_of_policies(void **state)
{
	(void)state;
	replay("tests/fuzz/policy", fuzz_policy);
}

static void the_corpus_of_two_readers(void **state)
{
	(void)state;
	replay("tests/fuzz/differential", fuzz_differential);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_corpus_of_frames),
		cmocka_unit_test(the_corpus_of_certificates),
		cmocka_unit_test(the_corpus_of_datagrams),
		cmocka_unit_test(the_corpus_of_messages),
		cmocka_unit_test(the_corpus_of_documents),
		cmocka_unit_test(the_corpus_of_policies),
		cmocka_unit_test(the_corpus_of_two_readers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
