/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Asking gossipd: one request, and its rows as they come. Protocol: include/xpro/control.h. */
#ifndef CTL_ASK_H
#define CTL_ASK_H

#include <sys/types.h>
#include <xpro/control.h>

#include "ctl.h"

/* A row of the type's own size. Returns false to stop asking (standard output is gone, say). */
typedef bool ask_row(void *user, enum control_type type, const void *row);

/* --client and --destination into the request. False, with the error told, when one is no prefix. */
bool ask_prefixes(const struct arguments *arguments, struct control_request *request);

/*
 * Fills in magic and version, finds the socket, asks, and calls `each` for every row. EXIT_OK at the end;
 * EXIT_UNREACHABLE when there is no daemon or it stops answering; EXIT_FAILED when it refuses. What went wrong is
 * told on standard error.
 */
int ask(const struct arguments *arguments, struct control_request *request, ask_row *each, void *user);

/* The same with bytes behind the request. */
int ask_with(const struct arguments *arguments, struct control_request *request, const void *payload, size_t size,
	     ask_row *each, void *user);

/* The process that answers at this socket; 0: none does. */
pid_t ask_daemon(const char *path);

#endif
