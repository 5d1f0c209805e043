/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* check_fail: an invariant does not hold. The first such finding of a run is kept. */
#include "check.h"

#include <stdarg.h>
#include <stdio.h>

#include "world.h"

void check_fail(struct world *world, const struct proxy *proxy, const char *format, ...)
{
	struct check *check = &world->check;
	char subject[32] = "mesh";
	va_list arguments;
	size_t used;

	if (check->failed)
		return;
	check->failed = true;
	if (proxy)
		snprintf(subject, sizeof(subject), "node-%u", proxy->number);
	used = (size_t)snprintf(check->text, sizeof(check->text),
				"at %.6f s, event %llu, %s: ", (double)world->now_ns / NS_PER_S,
				(unsigned long long)world->events, subject);
	va_start(arguments, format);
	vsnprintf(check->text + used, sizeof(check->text) - used, format, arguments);
	va_end(arguments);
}
