/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Memory for a node: all zero, and a page of it is taken only when it is written to. A mesh of thousands lives on
 * that.
 */
#ifndef SIM_PAGES_H
#define SIM_PAGES_H

#include <stdlib.h>
#include <sys/mman.h>

/* NULL: there is none. */
static inline void *pages_take(size_t bytes)
{
	void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return pages == MAP_FAILED ? NULL : pages;
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
