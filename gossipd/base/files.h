/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Files that must be whole: directories made with their parents, and writes that leave either the old content or the
 * new one.
 */
#ifndef GOSSIPD_FILES_H
#define GOSSIPD_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "problem.h"

#define FILES_PATH_BYTES 1024

/* Makes a directory and its parents; those that exist stay as they are. */
int files_make_directory(const char *path, mode_t mode, struct problem *ret_problem);

/*
 * Writes `name` in an open directory: temporary file, fsync, rename, fsync of the directory. Refuses an existing
 * file unless `replace`
 * (-EEXIST). `path` is for the message alone.
 */
int files_write(int directory_fd, const char *path, const char *name, mode_t mode, const void *bytes, size_t size,
		bool replace, struct problem *ret_problem);

/* The same, without waiting for the disk: after a power failure the file may be older, damaged or gone. */
int files_write_unsynced(int directory_fd, const char *path, const char *name, mode_t mode, const void *bytes,
			 size_t size, struct problem *ret_problem);

/* The same as files_write by path. */
int files_write_path(const char *path, mode_t mode, const void *bytes, size_t size, bool replace,
		     struct problem *ret_problem);

/* Reads a regular file of at most bytes_max; *ret_size is what it holds. -EFBIG when it is larger. */
int files_read_at(int directory_fd, const char *name, void *ret_bytes, size_t bytes_max, size_t *ret_size);

/*
 * Standard input, output and error that are closed are held by /dev/null, where writing fails: else the next socket
 * or file to be opened would take their number, and be written to. First thing in main.
 */
void files_hold_standard(void);

#endif
