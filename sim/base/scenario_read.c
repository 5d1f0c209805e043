/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Scenarios from files: one table per part says which words there are, of what type, within what bounds. */
#include "scenario.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libconfig.h>

#include "../gossipd/config/numbers.h"
#include "fields.h"
#include "kernel.h"
#include "regions.h"

const char *const sharing_names[SHARING_COUNT] = { "mesh", "none", "master-printed", "master-corrected" };
static const char *const placement_names[] = { "home", "spread", "roam", NULL };
static const char *const role_names[] = { "honest", "bot", NULL };
static const char *const fault_names[] = {
	"isolate", "one-way", "heal", "clog", "crash", "power-off", "restart", "pause", "loss", "swizzle", "suspend",
	"jump", NULL,
};
const char *const lie_names[LIE_COUNT + 1] = {
	"nothing", "inflate",	   "invent", "equivocate", "replay", "forge",
	"flood",   "keys",	   "destinations", "pairs",  "pairs6",	   "calls",
	"mute",	   "clients",	   "networks",	   "shun",	 "history", NULL,
};
static const char *const sharing_words[] = { "mesh", "none", "master-printed", "master-corrected", NULL };
static const char *const publish_names[] = { "need", "all", NULL };
static const char *const aggregate_names[] = { "strict", "fair", NULL };
static const char *const action_names[] = { "drop", "police", NULL };
static const char *const measure_names[] = { "verdicts", "rates", "spreading", "convergence", "traffic", NULL };
static const char *const signature_names[] = { "simulated", "real", NULL };

#define AT(type, member) offsetof(struct type, member)

static const struct field scenario_fields[] = {
	{ "name", TYPE_TEXT, AT(scenario, name), 0, sizeof(((struct scenario *)0)->name), NULL },
	{ "members", TYPE_INT, AT(scenario, members), 1, SIM_MEMBERS_MAX, NULL },
	{ "regions", TYPE_OTHER, 0, 0, 0, NULL },
	{ "measure", TYPE_OTHER, 0, 0, 0, NULL },
	{ "duration", TYPE_REAL, AT(scenario, duration_s), 0.1, 86400, NULL },
	{ "warmup", TYPE_REAL, AT(scenario, warmup_s), 0, 86400, NULL },
	{ "quiet", TYPE_REAL, AT(scenario, quiet_s), 0, 86400, NULL },
	{ "start_spread", TYPE_REAL, AT(scenario, start_spread_s), 0, 3600, NULL },
	{ "onset", TYPE_REAL, AT(scenario, onset_s), 0, 86400, NULL },
	{ "signatures", TYPE_BOOL_WORD, AT(scenario, real_signatures), 0, 0, signature_names },
	{ "service", TYPE_BOOL, AT(scenario, service), 0, 0, NULL },
	{ "checks", TYPE_BOOL, AT(scenario, checks), 0, 0, NULL },
	{ "sharing", TYPE_WORD, AT(scenario, sharing), 0, 0, sharing_words },
	{ "client_hosts", TYPE_BOOL, AT(scenario, client_hosts), 0, 0, NULL },
	{ "publish", TYPE_BOOL_WORD, AT(scenario, publish_all), 0, 0, publish_names },
	{ "all_from", TYPE_INT, AT(scenario, all_from), 0, SIM_MEMBERS_MAX, NULL },
	{ "network", TYPE_OTHER, 0, 0, 0, NULL },
	{ "clocks", TYPE_OTHER, 0, 0, 0, NULL },
	{ "thresholds", TYPE_OTHER, 0, 0, 0, NULL },
	{ "limits", TYPE_OTHER, 0, 0, 0, NULL },
	{ "sides", TYPE_OTHER, 0, 0, 0, NULL },
	{ "master", TYPE_OTHER, 0, 0, 0, NULL },
	{ "traffic", TYPE_OTHER, 0, 0, 0, NULL },
	{ "faults", TYPE_OTHER, 0, 0, 0, NULL },
	{ "liars", TYPE_OTHER, 0, 0, 0, NULL },
	{ NULL, TYPE_OTHER, 0, 0, 0, NULL },
};

static const struct field network_fields[] = {
	{ "delay_ms", TYPE_REAL, AT(scenario, delay_ms), -1, 60000, NULL },
	{ "jitter", TYPE_REAL, AT(scenario, jitter), 0, 10, NULL },
	{ "loss", TYPE_REAL, AT(scenario, loss), 0, 1, NULL },
	{ "duplication", TYPE_REAL, AT(scenario, duplication), 0, 1, NULL },
	{ "reordering", TYPE_REAL, AT(scenario, reordering), 0, 1, NULL },
	{ "corruption", TYPE_REAL, AT(scenario, corruption), 0, 1, NULL },
	{ "replay_per_s", TYPE_REAL, AT(scenario, replay_per_s), 0, 1e6, NULL },
	{ "forge_per_s", TYPE_REAL, AT(scenario, forge_per_s), 0, 1e6, NULL },
	{ NULL, TYPE_OTHER, 0, 0, 0, NULL },
};

static const struct field clock_fields[] = {
	{ "skew_ms", TYPE_REAL, AT(scenario, skew_ms), 0, 3600000, NULL },
	{ "drift_ppm", TYPE_REAL, AT(scenario, drift_ppm), 0, 10000, NULL },
	{ "skewed_ms", TYPE_REAL, AT(scenario, skewed_ms), -3600000, 3600000, NULL },
	{ "skewed_from", TYPE_INT, AT(scenario, skewed_from), 0, SIM_MEMBERS_MAX, NULL },
	{ NULL, TYPE_OTHER, 0, 0, 0, NULL },
};

static const struct field threshold_fields[] = {
	{ "pair_rate", TYPE_UINT32, AT(scenario, thresholds.pair_rate), 0, 1e9, NULL },
	{ "destination_rate", TYPE_UINT32, AT(scenario, thresholds.destination_rate), 0, 1e9, NULL },
	{ "client_rate", TYPE_UINT32, AT(scenario, thresholds.client_rate), 0, 1e9, NULL },
	{ "contact_rate", TYPE_UINT32, AT(scenario, thresholds.contact_rate), 0, 1e9, NULL },
	{ "network_rate", TYPE_UINT32, AT(scenario, thresholds.network_rate), 0, 1e9, NULL },
	{ "idle_reset_ms", TYPE_MS, AT(scenario, thresholds.idle_reset), 100, 3600000, NULL },
	{ "pair_min_window_ms", TYPE_MS, AT(scenario, thresholds.pair_min_window), 10, 3600000, NULL },
	{ "destination_min_window_ms", TYPE_MS, AT(scenario, thresholds.destination_min_window), 10, 3600000, NULL },
	{ "aggregate", TYPE_BOOL_WORD, AT(scenario, thresholds.fair), 0, 0, aggregate_names },
	{ "pair_action", TYPE_BOOL_WORD, AT(scenario, thresholds.police), 0, 0, action_names },
	{ "tick_ms", TYPE_INT, AT(scenario, tick_ms), TICK_MS_MIN, TICK_MS_MAX, NULL },
	{ "window_max_ms", TYPE_INT, AT(scenario, window_max_ms), 100, WINDOW_MAX_MS_MAX, NULL },
	{ "decay", TYPE_INT, AT(scenario, decay), 2, DECAY_MAX, NULL },
	{ NULL, TYPE_OTHER, 0, 0, 0, NULL },
};

static const struct field limit_fields[] = {
	{ "keys", TYPE_INT, AT(scenario, keys_max), 16, 1e8, NULL },
	{ "cells", TYPE_INT, AT(scenario, cells_max), 16, 1e8, NULL },
	{ "frames", TYPE_INT, AT(scenario, frames_max), 16, 1e6, NULL },
	{ "table_pairs", TYPE_INT, AT(scenario, table_pairs), 0, 1e8, NULL },
	{ "table_heads", TYPE_INT, AT(scenario, table_heads), 0, 1e8, NULL },
	{ "client_pairs", TYPE_INT, AT(scenario, client_pairs), 0, 1e8, NULL },
	{ "coarse", TYPE_INT, AT(scenario, coarse), 1, 1e6, NULL },
	{ "cpus", TYPE_INT, AT(scenario, cpus), 1, KERNEL_CPUS_MAX, NULL },
	{ "line_rate", TYPE_INT, AT(scenario, line_rate), 0, INT32_MAX, NULL },
	{ "frames_per_tick", TYPE_INT, AT(scenario, frames_per_tick), 1, FRAMES_PER_TICK_MAX, NULL },
	{ "datagram_bytes", TYPE_INT, AT(scenario, datagram_bytes), DATAGRAM_BYTES_MIN, DATAGRAM_BYTES_MAX, NULL },
	{ NULL, TYPE_OTHER, 0, 0, 0, NULL },
};

static const struct field side_fields[] = {
	{ "clients", TYPE_BOOL, AT(scenario, sides.clients), 0, 0, NULL },
	{ "one_interface", TYPE_BOOL, AT(scenario, sides.one_interface), 0, 0, NULL },
	{ "drop_foreign_sources", TYPE_BOOL, AT(scenario, sides.drop_foreign_sources), 0, 0, NULL },
	{ "judge_replies", TYPE_BOOL, AT(scenario, sides.judge_replies), 0, 0, NULL },
	{ NULL, TYPE_OTHER, 0, 0, 0, NULL },
};

static const struct field master_fields[] = {
	{ "delay_ms", TYPE_REAL, AT(scenario, master_delay_ms), -1, 60000, NULL },
	{ "period_ms", TYPE_REAL, AT(scenario, master_period_ms), 1, 60000, NULL },
	{ "early", TYPE_BOOL, AT(scenario, master_early), 0, 0, NULL },
	{ "dead_after", TYPE_REAL, AT(scenario, master_dead_s), 0, 86400, NULL },
	{ NULL, TYPE_OTHER, 0, 0, 0, NULL },
};

static const struct field group_fields[] = {
	{ "name", TYPE_TEXT, AT(group, name), 0, sizeof(((struct group *)0)->name), NULL },
	{ "role", TYPE_BOOL_WORD, AT(group, bot), 0, 0, role_names },
	{ "placement", TYPE_WORD, AT(group, placement), 0, 0, placement_names },
	{ "member", TYPE_INT, AT(group, member), 0, SIM_MEMBERS_MAX - 1, NULL },
	{ "members", TYPE_INT, AT(group, members), 0, SIM_MEMBERS_MAX, NULL },
	{ "clients", TYPE_INT, AT(group, clients), 1, 1000000, NULL },
	{ "destinations", TYPE_INT, AT(group, destinations), 1, 10000, NULL },
	{ "destination", TYPE_INT, AT(group, destination), 0, 60000, NULL },
	{ "rate", TYPE_REAL, AT(group, rate), 0.001, 1e7, NULL },
	{ "roam", TYPE_REAL, AT(group, roam_s), 0.01, 86400, NULL },
	{ "start", TYPE_REAL, AT(group, start_s), 0, 86400, NULL },
	{ "stop", TYPE_REAL, AT(group, stop_s), 0, 86400, NULL },
	{ "ramp", TYPE_REAL, AT(group, ramp_s), 0, 86400, NULL },
	{ "on", TYPE_REAL, AT(group, on_s), 0, 86400, NULL },
	{ "off", TYPE_REAL, AT(group, off_s), 0, 86400, NULL },
	{ "step_at", TYPE_REAL, AT(group, step_s), 0, 86400, NULL },
	{ "step_rate", TYPE_REAL, AT(group, step_rate), 0, 1e7, NULL },
	{ "even", TYPE_BOOL, AT(group, even), 0, 0, NULL },
	{ "sources", TYPE_INT, AT(group, sources), 0, 2000000, NULL },
	{ "fresh", TYPE_BOOL, AT(group, fresh), 0, 0, NULL },
	{ "connects", TYPE_BOOL, AT(group, connects), 0, 0, NULL },
	{ "impersonates", TYPE_TEXT, AT(group, impersonates), 0, sizeof(((struct group *)0)->impersonates), NULL },
	{ "scan", TYPE_INT, AT(group, scan), 0, 1000000, NULL },
	{ "ipv6", TYPE_BOOL, AT(group, ipv6), 0, 0, NULL },
	{ "rotates", TYPE_INT, AT(group, rotates), 0, 65535, NULL },
	{ "outside", TYPE_BOOL, AT(group, outside), 0, 0, NULL },
	{ "replies", TYPE_BOOL, AT(group, replies), 0, 0, NULL },
	{ "to_clients", TYPE_BOOL, AT(group, to_clients), 0, 0, NULL },
	{ "churn", TYPE_REAL, AT(group, churn_s), 0, 86400, NULL },
	{ NULL, TYPE_OTHER, 0, 0, 0, NULL },
};

static const struct field fault_fields[] = {
	{ "kind", TYPE_WORD, AT(fault, kind), 0, 0, fault_names },
	{ "at", TYPE_REAL, AT(fault, at_s), 0, 86400, NULL },
	{ "for", TYPE_REAL, AT(fault, for_s), 0, 86400, NULL },
	{ "loss", TYPE_REAL, AT(fault, loss), 0, 1, NULL },
	{ "jump_ms", TYPE_REAL, AT(fault, jump_ms), -86400000, 86400000, NULL },
	{ "nodes", TYPE_OTHER, 0, 0, 0, NULL },
	{ NULL, TYPE_OTHER, 0, 0, 0, NULL },
};

static const struct field liar_fields[] = {
	{ "node", TYPE_INT, AT(liar, node), 0, SIM_MEMBERS_MAX - 1, NULL },
	{ "kind", TYPE_WORD, AT(liar, kind), 0, 0, lie_names },
	{ "start", TYPE_REAL, AT(liar, start_s), 0, 86400, NULL },
	{ "amount", TYPE_REAL, AT(liar, amount), 0, 1e6, NULL },
	{ NULL, TYPE_OTHER, 0, 0, 0, NULL },
};

static const char unknown_region[] =
	"unknown region; there are ams fra lhr cdg arn iad ewr ord dfw lax sjc yyz gru scl jnb bom sin nrt syd";

static bool read_regions(const struct reading *reading, const config_setting_t *list, struct scenario *scenario)
{
	if (!list)
		return true;
	if (!config_setting_is_aggregate(list) || config_setting_length(list) < 1 ||
	    config_setting_length(list) > SIM_MEMBERS_MAX)
		return fields_complain(reading, list, "regions must be a list: [ \"fra\", \"iad\" ]");
	scenario->regions_count = config_setting_length(list);
	for (int i = 0; i < scenario->regions_count; i++) {
		const char *name = config_setting_get_string_elem(list, i);

		scenario->regions[i] = name ? region_find(name) : -1;
		if (scenario->regions[i] < 0)
			return fields_complain(reading, list, unknown_region);
	}
	return true;
}

/* Comparing needs the one proxy that sees all. */
static bool read_measure(const struct reading *reading, const config_setting_t *list, struct scenario *scenario)
{
	if (!list)
		return true;
	if (!config_setting_is_aggregate(list) || config_setting_length(list) < 1)
		return fields_complain(reading, list, "measure must be a list: [ \"convergence\", \"traffic\" ]");
	scenario->measure = 0;
	for (int i = 0; i < config_setting_length(list); i++) {
		const struct field field = { "measure", TYPE_WORD, 0, 0, 0, measure_names };
		int what;

		if (!fields_read_word(reading, config_setting_get_elem(list, (unsigned int)i), &field, &what))
			return false;
		scenario->measure |= 1U << what;
	}
	scenario->oracle = scenario->measure & (MEASURE_VERDICTS | MEASURE_RATES);
	return true;
}

static bool read_traffic(const struct reading *reading, const config_setting_t *list, struct scenario *scenario)
{
	if (!list)
		return true;
	if (!config_setting_is_list(list) || config_setting_length(list) > GROUPS_MAX)
		return fields_complain(reading, list,
				       "traffic must be a list of at most 24 groups: ( { ... }, { ... } )");
	for (int i = 0; i < config_setting_length(list); i++) {
		struct group *group = &scenario->groups[i];

		*group = (struct group){ .clients = 1, .destinations = 1, .rate = 10, .roam_s = 2 };
		snprintf(group->name, sizeof(group->name), "group-%d", i);
		if (!fields_read(reading, config_setting_get_elem(list, (unsigned int)i), group_fields, group))
			return false;
		scenario->groups_count = i + 1;
	}
	return true;
}

/* A fault or a lie that does not say which is a mistake, and not the first of them. */
static bool has_kind(const struct reading *reading, const config_setting_t *setting, const char *const *words)
{
	return config_setting_get_member(setting, "kind") || fields_complain_words(reading, setting, "kind", words);
}

static bool read_nodes(const struct reading *reading, const config_setting_t *list, const struct scenario *scenario,
		       struct fault *fault)
{
	if (!list)
		return true;
	if (!config_setting_is_aggregate(list) || config_setting_length(list) < 1 ||
	    config_setting_length(list) > FAULT_NODES_MAX)
		return fields_complain(reading, list,
				       "nodes must be a list of 1 to 64 numbers of members: [ 0, 3 ]");
	fault->nodes_count = config_setting_length(list);
	for (int i = 0; i < fault->nodes_count; i++) {
		const struct field field = { "a node", TYPE_INT, 0, 0, scenario->members - 1, NULL };

		if (!fields_read_number(reading, config_setting_get_elem(list, (unsigned int)i), &field,
					&fault->nodes[i]))
			return false;
	}
	return true;
}

static bool read_fault(const struct reading *reading, const config_setting_t *setting, const struct scenario *scenario,
		       struct fault *fault)
{
	const config_setting_t *nodes;

	*fault = (struct fault){ .for_s = 1 };
	if (!fields_read(reading, setting, fault_fields, fault) || !has_kind(reading, setting, fault_names))
		return false;
	nodes = config_setting_get_member(setting, "nodes");
	if (!nodes && fault->kind != FAULT_HEAL && fault->kind != FAULT_LOSS)
		return fields_complain(reading, setting,
				       "this fault needs nodes = [ ... ], numbers of members from 0");
	return read_nodes(reading, nodes, scenario, fault);
}

static bool read_faults(const struct reading *reading, const config_setting_t *list, struct scenario *scenario)
{
	if (!list)
		return true;
	if (!config_setting_is_list(list) || config_setting_length(list) > FAULTS_MAX)
		return fields_complain(reading, list,
				       "faults must be a list of at most 64 groups: ( { ... }, { ... } )");
	for (int i = 0; i < config_setting_length(list); i++) {
		if (!read_fault(reading, config_setting_get_elem(list, (unsigned int)i), scenario,
				&scenario->faults[i]))
			return false;
		scenario->faults_count = i + 1;
	}
	return true;
}

static bool read_liars(const struct reading *reading, const config_setting_t *list, struct scenario *scenario)
{
	if (!list)
		return true;
	if (!config_setting_is_list(list) || config_setting_length(list) > LIARS_MAX)
		return fields_complain(reading, list, "liars must be a list of at most 8 groups: ( { ... }, { ... } )");
	for (int i = 0; i < config_setting_length(list); i++) {
		const config_setting_t *setting = config_setting_get_elem(list, (unsigned int)i);
		struct liar *liar = &scenario->liars[i];

		*liar = (struct liar){ .amount = 10 };
		if (!fields_read(reading, setting, liar_fields, liar) || !has_kind(reading, setting, lie_names))
			return false;
		if (liar->node >= scenario->members)
			return fields_complain(reading, setting, "no member has this number; the first is 0");
		scenario->liars_count = i + 1;
	}
	return true;
}

static bool read_all(const struct reading *reading, const config_setting_t *root, struct scenario *scenario)
{
	const struct {
		const char *name;
		const struct field *fields;
	} parts[] = {
		{ "network", network_fields },
		{ "clocks", clock_fields },
		{ "thresholds", threshold_fields },
		{ "limits", limit_fields },
		{ "sides", side_fields },
		{ "master", master_fields },
	};
	const config_setting_t *setting;
	char where[SCENARIO_WHERE_SIZE];
	const char *problem;

	if (!fields_read(reading, root, scenario_fields, scenario))
		return false;
	for (unsigned int i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (!fields_read(reading, config_setting_get_member(root, parts[i].name), parts[i].fields, scenario))
			return false;
	}
	if (!read_regions(reading, config_setting_get_member(root, "regions"), scenario) ||
	    !read_measure(reading, config_setting_get_member(root, "measure"), scenario) ||
	    !read_traffic(reading, config_setting_get_member(root, "traffic"), scenario) ||
	    !read_faults(reading, config_setting_get_member(root, "faults"), scenario) ||
	    !read_liars(reading, config_setting_get_member(root, "liars"), scenario))
		return false;
	problem = scenario_check(scenario, where);
	setting = problem ? config_setting_lookup((config_setting_t *)(uintptr_t)root, where) : NULL;
	/* what is not written has its default, and something else does not fit it */
	if (problem && !setting && config_setting_length(root) > 0)
		setting = config_setting_get_elem(root, (unsigned int)config_setting_length(root) - 1);
	return problem ? fields_complain(reading, setting, problem) : true;
}

static bool parse(const char *path, config_t *tree, struct problem *ret_problem)
{
	char *text = numbers_read_text(path);
	bool good = text && config_read_string(tree, text);

	if (!text)
		problem_set(ret_problem, 0, "%s: %s", path, strerror(errno));
	else if (!good)
		problem_set(ret_problem, 0, "%s:%d: %s (words end with ;, texts stand in quotes, groups in { })", path,
			    config_error_line(tree), config_error_text(tree));
	else
		good = !numbers_check(path, text, ret_problem) &&
		       !numbers_check_included(config_root_setting(tree), ret_problem);
	free(text);
	return good;
}

bool scenario_read(const char *path, struct scenario *ret_scenario, struct problem *ret_problem)
{
	const struct reading reading = { path, ret_problem };
	config_t config;
	bool good;

	scenario_defaults(ret_scenario);
	config_init(&config);
	config_set_auto_convert(&config, 1);
	good = parse(path, &config, ret_problem) && read_all(&reading, config_root_setting(&config), ret_scenario);
	config_destroy(&config);
	return good;
}
