/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A ustar archive in memory, in one canonical form: regular files that belong to root, one time for all, no padding but
 * zeros. tar lists and extracts it. The reader compares each header with the one that the writer would have made, so
 * no other form is read.
 */
#ifndef CTL_TAR_H
#define CTL_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAR_BLOCK_BYTES 512
#define TAR_NAME_BYTES 100 /* with its end */

struct tar_file {
	char name[TAR_NAME_BYTES];
	unsigned int mode; /* 0600, say */
	int64_t made_s; /* UTC */
	const char *bytes;
	size_t size;
};

/* Writes a file at *used and moves it. False: it does not fit. */
bool tar_put(char *archive, size_t bytes_max, size_t *used, const struct tar_file *file);
bool tar_put_end(char *archive, size_t bytes_max, size_t *used);

/* The name of the file at `used`, or false: there is none. */
bool tar_peek(const char *archive, size_t size, size_t used, char ret_name[TAR_NAME_BYTES]);

/* Reads the file of this name and mode at *used and moves it. False: it is another, larger than size_max, or cut. */
bool tar_take(const char *archive, size_t size, size_t *used, const char *name, unsigned int mode, size_t size_max,
	      struct tar_file *ret_file);
/* Is the end of the archive at `used`, and nothing behind it? */
bool tar_ends(const char *archive, size_t size, size_t used);

#endif
