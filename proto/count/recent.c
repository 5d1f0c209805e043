/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A ring of the last ticks' packets of a key. */
#include "recent.h"

#include <string.h>

static void recent_advance(struct recent *recent, uint32_t tick)
{
	const uint32_t steps = tick - recent->newest;

	if (steps >= RECENT_TICKS) {
		memset(recent->packets, 0, sizeof(recent->packets));
	} else {
		for (uint32_t i = 1; i <= steps; i++)
			recent->packets[(recent->newest + i) % RECENT_TICKS] = 0;
	}
	recent->newest = tick;
}

/* Ticks are compared by signed distance, which says nothing about a ring that never saw one. */
static bool recent_is_empty(const struct recent *recent)
{
	return recent->newest == 0;
}

void recent_add(struct recent *recent, uint64_t from, uint64_t to, uint64_t packets)
{
	const uint64_t ticks = to > from ? to - from : 1;
	uint64_t left = packets;

	if (packets == 0)
		return;
	if (recent_is_empty(recent) || (int32_t)((uint32_t)to - recent->newest) > 0)
		recent_advance(recent, (uint32_t)to);
	for (uint64_t i = 0; i < ticks && i < RECENT_TICKS; i++) {
		const uint32_t tick = (uint32_t)(to - i);
		/* The newest tick takes the remainder, so that the parts add up. */
		const uint64_t part = packets / ticks + (i < packets % ticks ? 1 : 0);

		left -= part;
		if (recent->newest - tick >= RECENT_TICKS)
			continue;
		uint32_t *cell = &recent->packets[tick % RECENT_TICKS];

		*cell = part > UINT32_MAX - *cell ? UINT32_MAX : *cell + (uint32_t)part;
		if (left == 0)
			break;
	}
}

uint64_t recent_sum(const struct recent *recent, uint64_t from, uint64_t to)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < RECENT_TICKS; i++) {
		const uint32_t tick = recent->newest - (uint32_t)i;

		if ((int32_t)(tick - (uint32_t)from) > 0 && (int32_t)(tick - (uint32_t)to) <= 0)
			sum += recent->packets[tick % RECENT_TICKS];
	}
	return sum;
}

bool recent_is_after(const struct recent *recent, uint64_t tick)
{
	return !recent_is_empty(recent) && (int32_t)(recent->newest - (uint32_t)tick) > 0;
}
