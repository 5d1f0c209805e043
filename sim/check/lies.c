/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who lies, and how: read from the scenario. */
#include "liar.h"

#include "world.h"

const struct liar *liar_of(const struct world *world, unsigned int member)
{
	for (int i = 0; i < world->scenario.liars_count; i++) {
		if (world->scenario.liars[i].node == (int)member)
			return &world->scenario.liars[i];
	}
	return NULL;
}

bool liar_is(const struct world *world, int member)
{
	return member >= 0 && liar_of(world, (unsigned int)member);
}

int liar_kind(const struct proxy *proxy)
{
	const struct liar *liar = liar_of(proxy->world, proxy->number);

	return liar && proxy->world->now_ns >= (int64_t)(liar->start_s * NS_PER_S) ? liar->kind : LIE_NONE;
}
