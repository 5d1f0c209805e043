/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A directory of a test's own, and files in it. cmocka's headers in the order they want. */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch[] = "/tmp/xpro-test-XXXXXX";

static inline int scratch_make(void **state)
{
	(void)state;
	return mkdtemp(scratch) ? 0 : -1;
}

static inline int scratch_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static inline int scratch_remove(void **state)
{
	(void)state;
	return nftw(scratch, scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline const char *scratch_path(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", scratch, name);
	return path;
}

static inline void scratch_write(const char *name, const void *bytes, size_t size, unsigned int mode)
{
	const char *path = scratch_path(name);
	FILE *file;

	remove(path);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static inline size_t scratch_read(const char *name, char *ret_bytes, size_t bytes_max)
{
	FILE *file = fopen(scratch_path(name), "r");
	size_t size;

	assert_non_null(file);
	size = fread(ret_bytes, 1, bytes_max, file);
	fclose(file);
	return size;
}

/* The text must be in there; both are shown when it is not. */
static inline void assert_says(unsigned int row, const char *text, const char *expected)
{
	if (!strstr(text, expected))
		fail_msg("row %u: \"%s\" does not say \"%s\"", row, text, expected);
}

#endif
