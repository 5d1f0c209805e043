/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Health of the policy in force: does it limit, drop and protect anything, and does another one wait. */
#include "daemon.h"

static bool protects(const struct policy_document *policy)
{
	for (uint32_t i = 0; i < policy->rules_count; i++) {
		if (policy->rules[i].kind == POLICY_PROTECT)
			return true;
	}
	return false;
}

/* A key without a rate calls nobody (call.h), and where no key has one, none does. Named defaults are none here. */
static bool has_any_rate(const struct policy_document *policy)
{
	const struct thresholds *defaults = &policy->defaults;

	for (uint32_t i = 0; i < policy->rules_count; i++) {
		const struct policy_rule *rule = &policy->rules[i];

		if (rule->kind == POLICY_OVERRIDE &&
		    (rule->pair_rate || rule->destination_rate || rule->client_rate || rule->network_rate ||
		     rule->outside_rate))
			return true;
	}
	return defaults->pair_rate || defaults->destination_rate || defaults->client_rate || defaults->network_rate;
}

static void look_at_rates(struct daemon *daemon, const struct policy_document *policy)
{
	const bool pair = policy->defaults.pair_rate == 0, destination = policy->defaults.destination_rate == 0,
		   tells = !daemon->config.gossip || daemon->config.publish_all || has_any_rate(policy);

	if (pair || destination)
		conditions_find(&daemon->health.conditions, CONDITION_NO_LIMITS, about_here("policy"),
				"%s%s%s 0: no limit%s", pair ? "pair_rate" : "", pair && destination ? " and " : "",
				destination ? pair ? "destination_rate are" : "destination_rate is" : " is",
				tells ? "" : "; nothing that is counted here is told to others unasked");
}

void health_policy(struct daemon *daemon)
{
	const struct policy_document *policy = node_policy(daemon->node), *next = node_policy_next(daemon->node);
	struct conditions *found = &daemon->health.conditions;

	look_at_rates(daemon, policy);
	if (policy->protected_only && !protects(policy))
		conditions_find(found, CONDITION_NOTHING_PROTECTED, about_here("policy"),
				"protected_only is set and nothing is protected: no packet is counted or judged");
	if (daemon_monitors(daemon))
		conditions_find(found, CONDITION_MONITOR_MODE, about_here("policy"),
				"mode = monitor: what is over its rate would be dropped, and passes");
	if (next)
		conditions_find(found, CONDITION_POLICY_WAITS, about_here("policy"),
				"version %llu of the mesh comes into force with slot %llu",
				(unsigned long long)next->version, (unsigned long long)next->effective_slot);
}
