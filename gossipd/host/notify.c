/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* sd_notify without libsystemd. A manager that does not listen is its own problem: nothing here can fail. */
#include "notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"

void notify_send(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	size_t length;
	int fd;

	if (!path || (*path != '/' && *path != '@') || strlen(path) >= sizeof(name.sun_path))
		return;
	length = strlen(path);
	memcpy(name.sun_path, path, length);
	if (*path == '@')
		name.sun_path[0] = '\0'; /* abstract */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&name,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) < 0)
		log_debug("notify: %s", strerror(errno));
	close(fd);
}

bool notify_is_managed(void)
{
	return getenv("NOTIFY_SOCKET") != NULL;
}

struct duration notify_watchdog(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	if (!usec || (pid && strtol(pid, NULL, 10) != getpid()))
		return (struct duration){ 0 };
	return (struct duration){ strtoll(usec, NULL, 10) * 1000 / 2 };
}
