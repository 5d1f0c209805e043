/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The flags of an interface, by SIOCGIFFLAGS. */
#include "link_state.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum link_state link_state_of(const char *interface)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { .ifr_flags = 0 };
	bool known;

	if (fd < 0)
		return LINK_UNKNOWN;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	known = ioctl(fd, SIOCGIFFLAGS, &request) == 0;
	close(fd);
	if (!known)
		return LINK_UNKNOWN;
	if (!(request.ifr_flags & IFF_UP))
		return LINK_DOWN;
	return request.ifr_flags & IFF_RUNNING ? LINK_UP : LINK_WITHOUT_CARRIER;
}
