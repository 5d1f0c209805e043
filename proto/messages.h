/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Calls the function that receives or writes a message; messages.c has the tables. */
#ifndef PROTO_MESSAGES_H
#define PROTO_MESSAGES_H

#include "message.h"
#include "reject.h"

struct node;

/* Calls the handler of a message. `number` is its first byte. */
enum reject message_receive(struct node *node, uint8_t number, const struct arrival *arrival);

/* Writes the message of a decision, with its number; 0: what it was about is gone. */
size_t message_write(struct node *node, const struct departure *departure, uint8_t ret_plain[DATAGRAM_BYTES_MAX]);

#endif
