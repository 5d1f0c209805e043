// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Linked into a gossipd of the tests (gossipd-recorded), before the C library: every call that makes something
 * durable or lets it out becomes a line of the file RECORD_FILE, in order. A line holds names instead of numbers,
 * and neither times, contents nor addresses: two runs that do the same differ in counts alone. A test may append
 * lines of its own ("mark ...").
 *
 *     open NAME, write NAME BYTES, fsync NAME, rename FROM TO, unlink NAME     files; a directory's name ends in /
 *     send TYPE BYTES, receive COUNT                                           datagrams
 *     control-in BYTES, control-out BYTES                                      the control socket
 *     update MAP, delete MAP                                                   bpf(2)
 *     store MAP PLACE FIELD                                                    recorder_stores.c
 */
#define _GNU_SOURCE
#include "recorder.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAME_BYTES 128

static int record_fd = -1;
static pid_t record_pid; /* of the daemon: what a child does is its own business */

__attribute__((constructor)) static void start(void)
{
	const char *path = getenv("RECORD_FILE");

	record_pid = getpid();
	if (path)
		record_fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* A line is written at once, so that lines of others stand where they belong. */
void recorder_line(const char *format, ...)
{
	char line[256];
	va_list arguments;
	int size;

	if (record_fd < 0 || getpid() != record_pid)
		return;
	va_start(arguments, format);
	size = vsnprintf(line, sizeof(line) - 1, format, arguments);
	va_end(arguments);
	if (size < 0 || size >= (int)sizeof(line) - 1)
		abort();
	line[size] = '\n';
	if (syscall(SYS_write, record_fd, line, size + 1) != size + 1)
		abort();
}

/* ---- names ---- */

/* The last part of a path. */
static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* False: no file or directory. */
static bool name_of(int fd, char ret_name[NAME_BYTES])
{
	char link[64], path[512];
	struct stat st;
	ssize_t size;

	if (fstat(fd, &st) || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	size = syscall(SYS_readlink, link, path, sizeof(path) - 1);
	if (size < 0)
		return false;
	path[size] = '\0';
	snprintf(ret_name, NAME_BYTES, "%.100s%s", last_part(path), S_ISDIR(st.st_mode) ? "/" : "");
	return true;
}

static sa_family_t family_of(int fd)
{
	struct sockaddr_storage name = { .ss_family = AF_UNSPEC };
	socklen_t size = sizeof(name);

	getsockname(fd, (struct sockaddr *)&name, &size);
	return name.ss_family;
}

static void map_name(int fd, char ret_name[NAME_BYTES])
{
	struct bpf_map_info info = { .type = 0 };
	union bpf_attr attr = {
		.info = { .bpf_fd = (uint32_t)fd, .info_len = sizeof(info), .info = (uintptr_t)&info },
	};

	ret_name[0] = '\0';
	if (syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) == 0)
		snprintf(ret_name, NAME_BYTES, "%s", info.name);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* ---- files ---- */

static void note_open(int fd, int flags)
{
	char name[NAME_BYTES];

	if (fd >= 0 && (flags & O_ACCMODE) != O_RDONLY && name_of(fd, name))
		recorder_line("open %s", name);
}

static mode_t mode_of(int flags, va_list arguments)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;
	int fd;

	va_start(arguments, flags);
	mode = mode_of(flags, arguments);
	va_end(arguments);
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	note_open(fd, flags);
	return fd;
}

int openat(int directory, const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;
	int fd;

	va_start(arguments, flags);
	mode = mode_of(flags, arguments);
	va_end(arguments);
	fd = (int)syscall(SYS_openat, directory, path, flags, mode);
	note_open(fd, flags);
	return fd;
}

ssize_t write(int fd, const void *bytes, size_t size)
{
	char name[NAME_BYTES];

	if (fd > STDERR_FILENO && name_of(fd, name))
		recorder_line("write %s %zu", name, size);
	return syscall(SYS_write, fd, bytes, size);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
	char name[NAME_BYTES];

	if (name_of(fd, name))
		recorder_line("write %s %zu", name, size);
	return syscall(SYS_pwrite64, fd, bytes, size, offset);
}

static int note_sync(int fd, int result)
{
	char name[NAME_BYTES];

	if (result == 0 && name_of(fd, name))
		recorder_line("fsync %s", name);
	return result;
}

int fsync(int fd)
{
	return note_sync(fd, (int)syscall(SYS_fsync, fd));
}

int fdatasync(int fd)
{
	return note_sync(fd, (int)syscall(SYS_fdatasync, fd));
}

static int note_rename(const char *from, const char *to, int result)
{
	if (result == 0)
		recorder_line("rename %s %s", last_part(from), last_part(to));
	return result;
}

int rename(const char *from, const char *to)
{
	return note_rename(from, to, (int)syscall(SYS_rename, from, to));
}

int renameat(int from_directory, const char *from, int to_directory, const char *to)
{
	return note_rename(from, to, (int)syscall(SYS_renameat, from_directory, from, to_directory, to));
}

int unlinkat(int directory, const char *path, int flags)
{
	const int result = (int)syscall(SYS_unlinkat, directory, path, flags);

	if (result == 0)
		recorder_line("unlink %s", last_part(path));
	return result;
}

int unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

/* ---- sockets ---- */

static void note_message(int fd, const struct msghdr *message, size_t size)
{
	const uint8_t *bytes = message->msg_iovlen ? message->msg_iov[0].iov_base : NULL;

	if (family_of(fd) == AF_UNIX)
		recorder_line("control-out %zu", size);
	else if (family_of(fd) == AF_INET || family_of(fd) == AF_INET6)
		recorder_line("send %u %zu", bytes && size > 3 ? bytes[3] : 0, size);
}

ssize_t sendto(int fd, const void *bytes, size_t size, int flags, const struct sockaddr *to, socklen_t to_bytes)
{
	struct iovec part = { (void *)(uintptr_t)bytes, size };
	const struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	note_message(fd, &message, size);
	return syscall(SYS_sendto, fd, bytes, size, flags, to, to_bytes);
}

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
	return sendto(fd, bytes, size, flags, NULL, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	note_message(fd, message, message->msg_iovlen ? message->msg_iov[0].iov_len : 0);
	return syscall(SYS_sendmsg, fd, message, flags);
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags)
{
	for (unsigned int i = 0; i < count; i++)
		note_message(fd, &messages[i].msg_hdr, messages[i].msg_hdr.msg_iov[0].iov_len);
	return (int)syscall(SYS_sendmmsg, fd, messages, count, flags);
}

int recvmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags, struct timespec *timeout)
{
	const int got = (int)syscall(SYS_recvmmsg, fd, messages, count, flags, timeout);

	if (got > 0)
		recorder_line("receive %d", got);
	return got;
}

ssize_t recv(int fd, void *ret_bytes, size_t size, int flags)
{
	const ssize_t got = syscall(SYS_recvfrom, fd, ret_bytes, size, flags, NULL, NULL);

	if (got > 0 && family_of(fd) == AF_UNIX)
		recorder_line("control-in %zd", got);
	return got;
}

/* ---- the table ---- */

/* It has as many arguments as its number says; here six are read and handed on, whatever the last hold. */
long syscall(long number, ...)
{
	static long (*real)(long number, ...);
	long words[6];
	char name[NAME_BYTES];
	va_list arguments;
	long result;

	if (!real)
		real = REAL(syscall);
	va_start(arguments, number);
	for (unsigned int i = 0; i < 6; i++)
		words[i] = va_arg(arguments, long);
	va_end(arguments);
	result = real(number, words[0], words[1], words[2], words[3], words[4], words[5]);
	if (number == SYS_bpf && result >= 0 && (words[0] == BPF_MAP_UPDATE_ELEM || words[0] == BPF_MAP_DELETE_ELEM)) {
		map_name((int)((const union bpf_attr *)words[1])->map_fd, name);
		recorder_line("%s %s", words[0] == BPF_MAP_UPDATE_ELEM ? "update" : "delete", name);
	}
	return result;
}

void *mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	void *memory = (void *)syscall(SYS_mmap, at, bytes, protection, flags, fd, offset);
	char name[NAME_BYTES];

	if (memory == MAP_FAILED || fd < 0 || !(flags & MAP_SHARED) || !(protection & PROT_WRITE))
		return memory;
	map_name(fd, name);
	if (name[0])
		recorder_mapped(name, memory, bytes);
	return memory;
}

void *mmap64(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
	__attribute__((alias("mmap"), copy(mmap)));
