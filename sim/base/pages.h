/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Memory for a node: all zero, and a page of it is taken only when it is written to. A mesh of thousands lives on
 * that.
 */
#ifndef SIM_PAGES_H
#define SIM_PAGES_H

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* NULL: there is none. */
static inline void *pages_take(size_t bytes)
{
	void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return pages == MAP_FAILED ? NULL : pages;
}

/* How many of the bytes were taken. */
static inline size_t pages_taken(void *pages, size_t bytes)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), count = (bytes + page - 1) / page;
	unsigned char *resident = malloc(count);
	size_t taken = 0;

	if (!resident || mincore(pages, bytes, resident) != 0)
		abort();
	for (size_t i = 0; i < count; i++)
		taken += resident[i] & 1;
	free(resident);
	return taken * page;
}

/* Zero again, and given back. */
static inline void pages_clear(void *pages, size_t bytes)
{
	if (madvise(pages, bytes, MADV_DONTNEED) != 0)
		abort();
}

static inline void pages_free(void *pages, size_t bytes)
{
	if (pages)
		munmap(pages, bytes);
}

#endif
