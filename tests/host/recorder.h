/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the two halves of the recorder share: recorder.c, the calls; recorder_stores.c, the stores into mapped
 * tables.
 */
#ifndef TESTS_HOST_RECORDER_H
#define TESTS_HOST_RECORDER_H

#include <stddef.h>

/* One line of the record. */
void recorder_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A BPF map's memory, as it was mapped. */
void recorder_mapped(const char *map, const void *memory, size_t bytes);

#endif
