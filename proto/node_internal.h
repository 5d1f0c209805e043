/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every room's part, for those that stand above all rooms: the conductor, the views, and tests. */
#ifndef PROTO_NODE_INTERNAL_H
#define PROTO_NODE_INTERNAL_H

#include "node.h"
#include "spreading.h"

#endif
