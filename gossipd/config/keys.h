/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Key files: one line of base64 or hex, ended by a newline. Secret ones are refused when anybody but their owner may
 * read them. No key ever stands in an argument, a log line or a message.
 */
#ifndef GOSSIPD_KEYS_H
#define GOSSIPD_KEYS_H

#include <stdint.h>

#include "files.h"

enum keys_kind {
	KEYS_SECRET, /* mode must be 0600 or stricter, owner root or ourselves */
	KEYS_PUBLIC,
};

/*
 * Reads and decodes a key file of at most bytes_max bytes. -EACCES: readable by others; -EINVAL: not one line of
 * base64 or hex.
 */
int keys_read(const char *path, enum keys_kind kind, uint8_t *ret_bytes, size_t bytes_max, size_t *ret_size,
	      struct problem *ret_problem);

/* Decodes the text of a key file; `path` is for the message. -EINVAL as above. */
int keys_decode(const char *path, const char *text, size_t size, uint8_t *ret_bytes, size_t bytes_max, size_t *ret_size,
		struct problem *ret_problem);

/* The same for a key file of one exact length. */
int keys_read_exact(const char *path, enum keys_kind kind, uint8_t *ret_bytes, size_t bytes,
		    struct problem *ret_problem);

/* Writes one as base64, 0600 or 0644. */
int keys_write(const char *path, enum keys_kind kind, const uint8_t *bytes, size_t size, bool replace,
	       struct problem *ret_problem);

#endif
