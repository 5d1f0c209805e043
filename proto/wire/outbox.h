/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Decisions to send, a ring for each class. outbox.c says in which order they go out.
 */
#ifndef PROTO_OUTBOX_H
#define PROTO_OUTBOX_H

#include "message.h"
#include "node_core.h"

/* Classes of the outbox, most urgent first. */
enum out_class { CLASS_CONTROL, CLASS_MEMBERSHIP, CLASS_OWN, CLASS_RELAY, CLASS_REPAIR, CLASS_SERVE, CLASS_COUNT };

struct out_ring {
	struct out *items;
	uint32_t size, head, count;
};

struct outbox {
	struct out_ring rings[CLASS_COUNT];
	uint32_t count; /* in all */
	uint32_t turn; /* counts decisions taken; each GUARD-th is of the least urgent class that has one */
};

/* Adds a decision to the ring of its class. A full ring drops its oldest one. */
void outbox_add(struct node *node, struct out out);
/* The next decision, or false: there is none. */
bool outbox_take(struct node *node, struct out *ret_out);
/* Takes the rings' memory from the arena. */
void outbox_take_memory(struct node *node, struct arena *arena, const struct node_limits *limits);
/* Drops all decisions: this node falls silent. */
void outbox_stop(struct node *node);
/* Adds a decision at the head of class CONTROL, the most urgent. */
void outbox_add_first(struct node *node, struct out out);

#endif
