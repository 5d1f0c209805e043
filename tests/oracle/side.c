/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "side.h"

#include <stdlib.h>

static void side_changed(void *user, unsigned int n, const struct change *change, uint32_t harvested)
{
	struct side *side = user;
	struct change written = *change;

	if (side->no_carry)
		written.rho = 0;
	kernel_apply(&side->kernels[n], &written, harvested, world_now(side->world).mesh);
}

void side_open(struct side *side, const struct world_options *options)
{
	side->world = world_make(options);
	side->kernels = calloc(options->nodes, sizeof(*side->kernels));
	if (!side->kernels)
		abort();
	for (unsigned int n = 0; n < options->nodes; n++)
		kernel_init(&side->kernels[n], world_mesh(side->world), &options->thresholds);
	world_set_changes(side->world, side_changed, side);
}

void side_close(struct side *side)
{
	world_free(side->world);
	free(side->kernels);
}

struct kernel_verdict side_packet(struct side *side, unsigned int n, const struct key *pair, bool destination)
{
	const struct key judged = destination ? key_of_destination(&pair->destination) : *pair;
	const struct kernel_verdict v = kernel_packet(&side->kernels[n], &judged, world_now(side->world).mesh);

	world_packet(side->world, n, pair);
	return v;
}
