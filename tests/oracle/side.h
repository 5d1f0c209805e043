/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A mesh of real nodes, each with a table beside it that judges like the kernel. */
#ifndef TESTS_ORACLE_SIDE_H
#define TESTS_ORACLE_SIDE_H

#include "kernel_model.h"
#include "mesh_world.h"

struct side {
	struct world *world;
	struct kernel *kernels;
	bool no_carry; /* negative control */
};

/* *side stays where it is until side_close. */
void side_open(struct side *side, const struct world_options *options);
void side_close(struct side *side);

/* One packet of a pair at node n, counted there; judged by the pair's record, or by its destination's. */
struct kernel_verdict side_packet(struct side *side, unsigned int n, const struct key *pair, bool destination);

#endif
