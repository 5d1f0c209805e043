/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The control socket: a unix stream socket that gossipctl asks questions at. Bounded in everything: clients, bytes
 * per client, work per turn, time without progress. Protocol: include/xpro/control.h.
 */
#ifndef GOSSIPD_CONTROL_H
#define GOSSIPD_CONTROL_H

#include "daemon.h"

#define CONTROL_CLIENTS_MAX 16
#define CONTROL_ASK_MS 5000	      /* from connecting to the whole request */
#define CONTROL_STALL_MS 10000	      /* a client that takes nothing for this long is cut off */
#define CONTROL_LOOK_MS 50	      /* between two looks for a capture's samples */
#define CONTROL_RECORDS_PER_TURN 2048 /* looked at for all clients together: about ten milliseconds */

/*
 * Binds config->control_socket: directory 0755, socket 0660, groups as configured. What a dead daemon left behind is
 * replaced; a socket that answers (-EADDRINUSE) and anything that is no socket (-EEXIST) are left alone.
 */
int control_open(const struct config *config, struct control **ret_control, struct problem *ret_problem);

/* Closes every client and removes the socket. */
void control_close(struct control *control);

/* Readable when control_turn has something to do. */
int control_fd(const struct control *control);
void control_turn(struct control *control, struct daemon *daemon, struct now now);

/* Hands new events to the clients that follow. Cheap when there are none. */
void control_tell(struct control *control, struct daemon *daemon, struct now now);

/* Cuts off clients past their deadline; once a second. */
void control_second(struct control *control, struct now now);

#endif
