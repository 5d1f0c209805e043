// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A shared object for LD_PRELOAD under which calls of the C library fail as told, as on a host that has run out of
 * something.
 *
 *     FAIL_CALL=NAME FAIL_AT=N      the Nth call of NAME fails, once
 *     FAIL_CALL=NAME FAIL_EVERY=N   every Nth call of NAME fails
 *     FAIL_KILLS=1                  instead of failing, the call kills the process: as a crash would
 *     FAIL_COUNTS=FILE              how often each was called is written there at exit, or when the process says
 *     READY to its manager
 *
 * Calls that the C library makes of itself are not seen. bpf(2) is called through syscall(2), and has a name of its
 * own here. Left out are
 *     allocations by libconfig, which does not look at what it gets and runs before anything is open that could be
 *     harmed;
 *     what libev asks for, which says so and aborts; and libev's writes to its own eventfd, which cannot fail and
 *     bring a signal to the loop;
 *     writing to standard error, or nobody would hear of it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum call {
	CALL_malloc,
	CALL_calloc,
	CALL_realloc,
	CALL_aligned_alloc,
	CALL_mmap,
	CALL_open,
	CALL_openat,
	CALL_read,
	CALL_write,
	CALL_close,
	CALL_fsync,
	CALL_renameat,
	CALL_renameat2,
	CALL_mkdir,
	CALL_mkdirat,
	CALL_unlinkat,
	CALL_fchmod,
	CALL_flock,
	CALL_socket,
	CALL_bind,
	CALL_listen,
	CALL_setsockopt,
	CALL_epoll_create1,
	CALL_epoll_ctl,
	CALL_prctl,
	CALL_bpf,
	CALL_sendmmsg,
	CALL_recvmmsg,
	CALL_COUNT
};

static const struct {
	const char *name;
	int error;
} calls[CALL_COUNT] = {
	[CALL_malloc] = { "malloc", ENOMEM },	      [CALL_calloc] = { "calloc", ENOMEM },
	[CALL_realloc] = { "realloc", ENOMEM },	      [CALL_aligned_alloc] = { "aligned_alloc", ENOMEM },
	[CALL_mmap] = { "mmap", ENOMEM },	      [CALL_open] = { "open", EMFILE },
	[CALL_openat] = { "openat", EMFILE },	      [CALL_read] = { "read", EIO },
	[CALL_write] = { "write", ENOSPC },	      [CALL_close] = { "close", EIO },
	[CALL_fsync] = { "fsync", EIO },	      [CALL_renameat] = { "renameat", EROFS },
	[CALL_renameat2] = { "renameat2", EINVAL },   [CALL_mkdirat] = { "mkdirat", ENOSPC },
	[CALL_unlinkat] = { "unlinkat", EROFS },
	[CALL_mkdir] = { "mkdir", ENOSPC },	      [CALL_fchmod] = { "fchmod", EPERM },
	[CALL_flock] = { "flock", EWOULDBLOCK },      [CALL_socket] = { "socket", EMFILE },
	[CALL_bind] = { "bind", EADDRINUSE },	      [CALL_listen] = { "listen", EADDRINUSE },
	[CALL_setsockopt] = { "setsockopt", ENOBUFS }, [CALL_epoll_create1] = { "epoll_create1", EMFILE },
	[CALL_epoll_ctl] = { "epoll_ctl", ENOSPC },   [CALL_prctl] = { "prctl", EPERM },
	[CALL_bpf] = { "bpf", EPERM },		      [CALL_sendmmsg] = { "sendmmsg", ENOBUFS },
	[CALL_recvmmsg] = { "recvmmsg", ECONNREFUSED },
};

static atomic_ulong counts[CALL_COUNT];
static unsigned long fail_at, fail_every;
static int fail_call = -1;
static const char *counts_file;
static bool kills;

__attribute__((constructor)) static void start(void)
{
	const char *name = getenv("FAIL_CALL"), *at = getenv("FAIL_AT"), *every = getenv("FAIL_EVERY");

	for (int i = 0; name && i < CALL_COUNT; i++)
		fail_call = strcmp(name, calls[i].name) == 0 ? i : fail_call;
	fail_at = at ? strtoul(at, NULL, 10) : 0;
	fail_every = every ? strtoul(every, NULL, 10) : 0;
	counts_file = getenv("FAIL_COUNTS");
	kills = getenv("FAIL_KILLS");
}

__attribute__((destructor)) static void end(void)
{
	FILE *file = counts_file ? fopen(counts_file, "w") : NULL;

	for (int i = 0; file && i < CALL_COUNT; i++)
		fprintf(file, "%s %lu\n", calls[i].name, atomic_load(&counts[i]));
	if (file)
		fclose(file);
}

/* True when this call is one that fails; errno says of what. */
static bool fails(enum call call)
{
	const unsigned long number = atomic_fetch_add(&counts[call], 1) + 1;

	if ((int)call != fail_call || !((fail_at && number == fail_at) || (fail_every && number % fail_every == 0)))
		return false;
	if (kills)
		kill(getpid(), SIGKILL);
	errno = calls[call].error;
	return true;
}

#define REAL(name) ((__typeof__(&name))real(CALL_##name, #name))
static void *real(enum call call, const char *name)
{
	static void *found[CALL_COUNT];

	if (!found[call])
		found[call] = dlsym(RTLD_NEXT, name);
	return found[call];
}

/* Whether an address in the code belongs to libconfig or libev. */
static bool is_exempt(const void *caller)
{
	Dl_info info;

	return dladdr(caller, &info) && info.dli_fname &&
	       (strstr(info.dli_fname, "libconfig") || strstr(info.dli_fname, "libev."));
}

static bool caller_fails(enum call call, const void *caller)
{
	return !is_exempt(caller) && fails(call);
}

#define CALLER __builtin_extract_return_addr(__builtin_return_address(0))

/* The C library's own names: dlsym itself allocates. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size)
{
	return caller_fails(CALL_malloc, CALLER) ? NULL : __libc_malloc(size);
}

/* Here, so that its caller is seen. */
char *strdup(const char *text)
{
	const size_t size = strlen(text) + 1;
	char *copy = caller_fails(CALL_malloc, CALLER) ? NULL : __libc_malloc(size);

	return copy ? memcpy(copy, text, size) : NULL;
}

char *__strdup(const char *text) __attribute__((alias("strdup"), copy(strdup)));

void *calloc(size_t count, size_t size)
{
	return caller_fails(CALL_calloc, CALLER) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	return caller_fails(CALL_realloc, CALLER) ? NULL : __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return caller_fails(CALL_aligned_alloc, CALLER) ? NULL : __libc_memalign(alignment, size);
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	return fails(CALL_mmap) ? MAP_FAILED : REAL(mmap)(address, size, protection, flags, fd, offset);
}

void *mmap64(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	return mmap(address, size, protection, flags, fd, offset);
}

int open(const char *path, int flags, ...)
{
	va_list rest;
	mode_t mode;

	va_start(rest, flags);
	mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
	va_end(rest);
	return fails(CALL_open) ? -1 : REAL(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list rest;
	mode_t mode;

	va_start(rest, flags);
	mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
	va_end(rest);
	return fails(CALL_open) ? -1 : REAL(open)(path, flags, mode);
}

int openat(int directory, const char *path, int flags, ...)
{
	va_list rest;
	mode_t mode;

	va_start(rest, flags);
	mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
	va_end(rest);
	return fails(CALL_openat) ? -1 : REAL(openat)(directory, path, flags, mode);
}

int prctl(int option, ...)
{
	unsigned long a[4];
	va_list rest;

	va_start(rest, option);
	for (int i = 0; i < 4; i++)
		a[i] = va_arg(rest, unsigned long);
	va_end(rest);
	return fails(CALL_prctl) ? -1 : REAL(prctl)(option, a[0], a[1], a[2], a[3]);
}

long syscall(long number, ...)
{
	static long (*really)(long, ...);
	long a[6];
	va_list rest;

	va_start(rest, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(rest, long);
	va_end(rest);
	if (!really)
		really = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	if (number == SYS_bpf && fails(CALL_bpf))
		return -1;
	return really(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

#define FAILING(result, name, parameters, arguments)              \
	result name parameters                                    \
	{                                                         \
		return fails(CALL_##name) ? -1 : REAL(name) arguments; \
	}

FAILING(ssize_t, read, (int fd, void *bytes, size_t size), (fd, bytes, size))
FAILING(int, fsync, (int fd), (fd))
FAILING(int, renameat, (int from, const char *old, int to, const char *new), (from, old, to, new))
FAILING(int, renameat2, (int from, const char *old, int to, const char *new, unsigned int flags),
	(from, old, to, new, flags))
FAILING(int, mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode))
FAILING(int, unlinkat, (int fd, const char *path, int flags), (fd, path, flags))
FAILING(int, mkdir, (const char *path, mode_t mode), (path, mode))
FAILING(int, fchmod, (int fd, mode_t mode), (fd, mode))
FAILING(int, flock, (int fd, int operation), (fd, operation))
FAILING(int, socket, (int family, int type, int protocol), (family, type, protocol))
FAILING(int, bind, (int fd, const struct sockaddr *name, socklen_t size), (fd, name, size))
FAILING(int, listen, (int fd, int backlog), (fd, backlog))
FAILING(int, setsockopt, (int fd, int level, int option, const void *value, socklen_t size),
	(fd, level, option, value, size))
FAILING(int, epoll_create1, (int flags), (flags))
FAILING(int, sendmmsg, (int fd, struct mmsghdr *messages, unsigned int count, int flags), (fd, messages, count, flags))
FAILING(int, recvmmsg, (int fd, struct mmsghdr *messages, unsigned int count, int flags, struct timespec *timeout),
	(fd, messages, count, flags, timeout))

ssize_t write(int fd, const void *bytes, size_t size)
{
	return fd > STDERR_FILENO && caller_fails(CALL_write, CALLER) ? -1 : REAL(write)(fd, bytes, size);
}

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
	return caller_fails(CALL_epoll_ctl, CALLER) ? -1 : REAL(epoll_ctl)(epoll, operation, fd, event);
}

/* The descriptor is closed all the same, as Linux does it. */
int close(int fd)
{
	const bool failed = fails(CALL_close);
	const int result = REAL(close)(fd);

	if (!failed)
		return result;
	errno = calls[CALL_close].error;
	return -1;
}
