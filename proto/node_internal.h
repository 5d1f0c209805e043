/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The structs of all rooms, for files that are higher than all rooms (receive.c, send.c, node.c, view.c) and for
 * tests.
 */
#ifndef PROTO_NODE_INTERNAL_H
#define PROTO_NODE_INTERNAL_H

#include "node.h"
#include "spreading.h"

#endif
