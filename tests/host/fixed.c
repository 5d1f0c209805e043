// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A shared object for LD_PRELOAD under which a program repeats itself: its UTC stands at FIXED_UTC seconds, and its
 * randomness is a stream made from FIXED_SEED. The kernel says that NTP keeps the clock. For tests alone: keys made
 * under it are known to everybody.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static uint64_t number_of(const char *name)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : 0;
}

/* splitmix64 */
static uint64_t next_word(void)
{
	static uint64_t calls;
	uint64_t z = number_of("FIXED_SEED") * 0xd1342543de82ef95ULL + ++calls * 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

ssize_t getrandom(void *ret_bytes, size_t size, unsigned int flags)
{
	uint8_t *bytes = ret_bytes;
	uint64_t word = 0;

	(void)flags;
	for (size_t i = 0; i < size; i++) {
		word = i % 8 ? word >> 8 : next_word();
		bytes[i] = (uint8_t)word;
	}
	return (ssize_t)size;
}

int clock_gettime(clockid_t id, struct timespec *ret_time)
{
	if (id != CLOCK_REALTIME)
		return (int)syscall(SYS_clock_gettime, id, ret_time);
	*ret_time = (struct timespec){ .tv_sec = (time_t)number_of("FIXED_UTC") };
	return 0;
}

time_t time(time_t *ret_time)
{
	const time_t now = (time_t)number_of("FIXED_UTC");

	if (ret_time)
		*ret_time = now;
	return now;
}

int adjtimex(struct timex *clock)
{
	*clock = (struct timex){ .status = STA_PLL };
	return TIME_OK;
}
