/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The control socket's file, and who may do what at it. Root may do everything. Members of control_group may connect,
 * and so may ask for everything that only reads. Members of control_admin_group may have the daemon act, too, and see
 * packets.
 */
#ifndef GOSSIPD_CONTROL_SOCKET_H
#define GOSSIPD_CONTROL_SOCKET_H

#include <sys/types.h>

#include "config.h"

/* Makes the socket's directory when it is missing, refuses one that others may write to, and removes what a dead daemon
 * left behind. */
int control_socket_clear(const struct config *config, struct problem *ret_problem);

/* Binds and listens: mode 0660, for the groups configured. *ret_admins is the gid of control_admin_group, 0 when none
 * is set. */
int control_socket_bind(int fd, const struct config *config, gid_t *ret_admins, struct problem *ret_problem);

/* The name of a request that does more than read; NULL for all others, unknown ones among them. */
const char *control_socket_act_name(uint32_t verb);

/* Is the peer, as it was when it connected, root, our own user, or a member of `admins`? */
bool control_socket_may_act(int fd, gid_t admins);
uid_t control_socket_uid(int fd);

#endif
