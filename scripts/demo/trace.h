/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A trace: what one of the demo's programs counted, packet by packet, in a file that the others map. traffic writes
 * one record per packet offered, victim one per packet received, watch one per change of a kernel counter; tally
 * reads the three. One writer per file; readers look at `count` and `state` while it grows, which is how the live
 * line knows what happens now. Times are CLOCK_MONOTONIC, nanoseconds.
 */
#ifndef DEMO_TRACE_H
#define DEMO_TRACE_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "packet.h"

#define TRACE_MAGIC 0x64656d32u
#define RECORDS_MAX 1000000 /* 25,000 packets/s for 40 s: no run is longer */
#define NEVER INT64_MAX

enum trace_state { TRACE_OPENED, TRACE_READY, TRACE_WARMUP, TRACE_ATTACK, TRACE_DONE };
/* one proxy; a packet to each in turn; another proxy every two seconds */
enum path { PATH_HOME, PATH_SPREAD, PATH_ROAM };

struct trace_record {
	int64_t at;
	uint32_t value;	 /* watch: packets since the record before */
	uint16_t client; /* traffic, victim */
	uint8_t proxy;	 /* from 0 */
	uint8_t kind;	 /* traffic, victim: enum class; watch: enum reason */
};

struct trace_client {
	uint8_t class, family, protocol, path, home, reserved[3];
	double rate;	    /* packets per second offered, over all proxies */
	int64_t crossed_at; /* its own count over T_F1 x max(window, 1 s) */
};

struct trace {
	uint32_t magic, state;
	uint64_t count;
	uint64_t packets[CLASS_COUNT];
	/* traffic: the kernel did not take it; not in the records */
	uint64_t refused;
	uint64_t foreign, damaged, overrun;		     /* victim: not ours; wrong checksum; lost by its socket */
	int64_t started_at, attack_at, ended_at, crossed_at; /* traffic */
	uint64_t pair_rate, destination_rate;
	double fair_rate;	  /* lambda of what is offered to the attacked address; 0 in attack 1 */
	uint32_t attacked_family; /* attack 2: which of the victim's addresses; attack 1: 0 */
	uint32_t proxies, clients;
	struct trace_client client[CLIENTS_MAX];
	struct trace_record record[RECORDS_MAX];
};

static inline int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static inline void sleep_until(int64_t at)
{
	struct timespec then = { .tv_sec = at / 1000000000, .tv_nsec = at % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL) == EINTR) {
	}
}

/*
 * Maps a trace: a new one to write, or another program's to read, waiting up to `wait_ms` until it is there. NULL:
 * errno says why.
 */
static inline struct trace *trace_create(const char *path)
{
	struct trace *trace;
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return NULL;
	if (ftruncate(fd, sizeof(*trace)) != 0) {
		close(fd);
		return NULL;
	}
	trace = mmap(NULL, sizeof(*trace), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (trace == MAP_FAILED)
		return NULL;
	trace->started_at = trace->attack_at = trace->ended_at = trace->crossed_at = NEVER;
	__atomic_store_n(&trace->magic, TRACE_MAGIC, __ATOMIC_RELEASE);
	return trace;
}

static inline const struct trace *trace_read(const char *path, int wait_ms)
{
	for (int waited = 0;; waited += 10) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		struct stat stat;

		if (fd >= 0 && fstat(fd, &stat) == 0 && stat.st_size == (off_t)sizeof(struct trace)) {
			const struct trace *trace = mmap(NULL, sizeof(*trace), PROT_READ, MAP_SHARED, fd, 0);

			close(fd);
			if (trace != MAP_FAILED && __atomic_load_n(&trace->magic, __ATOMIC_ACQUIRE) == TRACE_MAGIC)
				return trace;
		} else if (fd >= 0) {
			close(fd);
		}
		if (waited >= wait_ms)
			return NULL;
		usleep(10000);
	}
}

static inline void trace_enter(struct trace *trace, enum trace_state state)
{
	__atomic_store_n(&trace->state, state, __ATOMIC_RELEASE);
}

static inline enum trace_state trace_state(const struct trace *trace)
{
	return __atomic_load_n(&trace->state, __ATOMIC_ACQUIRE);
}

static inline uint64_t trace_count(const struct trace *trace)
{
	return __atomic_load_n(&trace->count, __ATOMIC_ACQUIRE);
}

static inline void trace_append(struct trace *trace, struct trace_record record)
{
	if (trace->count == RECORDS_MAX) {
		fprintf(stderr, "trace: more than %d records\n", RECORDS_MAX);
		exit(1);
	}
	trace->record[trace->count] = record;
	__atomic_store_n(&trace->count, trace->count + 1, __ATOMIC_RELEASE);
}

#endif
