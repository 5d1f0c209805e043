/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The shadow policy is compiled like the one in force, and anew when one of its rules ends. */
#include "shadow.h"

#include <math.h>
#include <string.h>

static uint64_t utc_seconds(struct now now)
{
	return now.mesh.ns < 0 ? 0 : (uint64_t)(now.mesh.ns / NS_PER_S);
}

static void compile(struct shadow *shadow, struct now now)
{
	uint32_t rule;

	policy_compile(&shadow->document, utc_seconds(now), &shadow->table, &rule); /* was checked */
}

void shadow_set(struct shadow *shadow, const struct policy_document *document, struct now now)
{
	memset(shadow->kinds, 0, sizeof(shadow->kinds));
	shadow->set = document != NULL;
	if (!document)
		return;
	shadow->since = now.mesh;
	shadow->document = *document;
	compile(shadow, now);
}

void shadow_round(struct shadow *shadow, struct now now)
{
	if (!shadow->set)
		return;
	for (unsigned int kind = 0; kind < KEY_KINDS; kind++) {
		shadow->kinds[kind].over_now = shadow->kinds[kind].over_running;
		shadow->kinds[kind].over_running = 0;
	}
	if (utc_seconds(now) >= shadow->table.expires_s)
		compile(shadow, now);
}

static double over_window(double packets, struct duration window, struct duration least)
{
	return packets * NS_PER_S / (double)(window.ns > least.ns ? window.ns : least.ns);
}

double shadow_rate(const struct key_view *view, struct now now, struct duration min_window)
{
	const double count = (double)view->count;

	return fmax(over_window(count + view->carried, duration_between(view->ts1, now.mesh), min_window),
		    over_window(count, duration_between(view->ts1, view->ts2), min_window));
}

/* A limit, or INFINITY where there is none. */
static double limit_of(const struct policy_effective *policy, enum key_kind kind)
{
	bool is_default;
	double limit;

	if (kind == KEY_PAIR && !policy->unprotected) {
		if (policy->listing == POLICY_PASSES)
			return INFINITY;
		if (policy->listing == POLICY_BLOCKED || policy->listing == POLICY_OUTSIDE)
			return 0;
	}
	limit = policy_limit(policy, kind, &is_default);
	return limit > 0 && !is_default ? limit : INFINITY;
}

void shadow_look(struct shadow *shadow, const struct key_view *view, struct now now, struct duration span)
{
	const enum key_kind kind = key_kind(&view->key);
	const uint16_t index = policy_index_of(&shadow->document, &shadow->table, &view->key);
	const struct policy_effective *policy = policy_effective_at(&shadow->table, &view->key, index);
	const double rate = shadow_rate(view, now, policy_min_window(policy, kind)), limit = limit_of(policy, kind);

	if (rate <= limit)
		return;
	shadow->kinds[kind].over_running++;
	shadow->kinds[kind].looks_over++;
	shadow->kinds[kind].packets += (rate - limit) * (double)span.ns / NS_PER_S;
}
