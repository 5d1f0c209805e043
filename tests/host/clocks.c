// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A shared object for LD_PRELOAD under which the host's UTC is another: CLOCK_FILE holds by how many ms, and is read
 * at every look at the clock, so that writing it sets the clock. The monotonic clocks are the host's.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long long shift_ms(void)
{
	const char *path = getenv("CLOCK_FILE");
	const int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
	char text[32] = "";
	long got;

	if (fd < 0)
		return 0;
	got = syscall(SYS_read, fd, text, sizeof(text) - 1);
	syscall(SYS_close, fd);
	return got > 0 ? atoll(text) : 0;
}

int clock_gettime(clockid_t id, struct timespec *ret_time)
{
	const int result = (int)syscall(SYS_clock_gettime, id, ret_time);
	const long long ms = result || id != CLOCK_REALTIME ? 0 : shift_ms();
	const long long ns = ret_time->tv_nsec + ms % 1000 * 1000000;

	ret_time->tv_sec += ms / 1000 + (ns < 0 ? -1 : ns >= 1000000000);
	ret_time->tv_nsec = (ns + 1000000000) % 1000000000;
	return result;
}

int gettimeofday(struct timeval *restrict ret_time, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &now))
		return -1;
	*ret_time = (struct timeval){ now.tv_sec, now.tv_nsec / 1000 };
	return 0;
}

time_t time(time_t *ret_time)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_REALTIME, &now);
	if (ret_time)
		*ret_time = now.tv_sec;
	return now.tv_sec;
}
