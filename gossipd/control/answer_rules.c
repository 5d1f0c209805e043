/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rules of the policy in force, as rows: each of them for `policy show`, and those that `explain` names. */
#include "answer_internal.h"

void answer_put_rule(const struct daemon *daemon, struct now now, uint32_t number, struct answer_buffer *buffer)
{
	const struct policy_rule *rule = &node_policy(daemon->node)->rules[number];
	struct control_rule row = {
		.bits = rule->prefix.bits,
		.destination_bits = rule->destination.bits,
		.side = rule->side,
		.kind = rule->kind,
		.fields = rule->fields,
		.number = number,
		.pair_rate = rule->pair_rate,
		.destination_rate = rule->destination_rate,
		.client_rate = rule->client_rate,
		.network_rate = rule->network_rate,
		.outside_rate = rule->outside_rate,
		.contact_rate = rule->contact_rate,
		.idle_reset_ms = rule->idle_reset_ms,
		.pair_min_window_ms = rule->pair_min_window_ms,
		.destination_min_window_ms = rule->destination_min_window_ms,
		.ended = rule->until_s && now.mesh.ns / NS_PER_S >= (int64_t)rule->until_s,
		.until_s = rule->until_s,
	};

	memcpy(row.prefix, rule->prefix.address.bytes, 16);
	memcpy(row.destination, rule->destination.address.bytes, 16);
	answer_put(buffer, CONTROL_TYPE_RULE, &row, sizeof(row));
}

void answer_put_deciding_rules(const struct answer *answer, const struct daemon *daemon, struct now now,
			       struct answer_buffer *buffer)
{
	const struct policy_document *document = node_policy(daemon->node);
	const struct policy_table *table = node_policy_table(daemon->node);
	struct address address[2];
	uint16_t of_network, of_both;

	memcpy(address[POLICY_CLIENT].bytes, answer->request.client, 16);
	memcpy(address[POLICY_DESTINATION].bytes, answer->request.destination, 16);
	of_both = policy_rule_of_pair(document, table, &address[POLICY_CLIENT], &address[POLICY_DESTINATION]);
	if (of_both != POLICY_RULE_NONE)
		answer_put_rule(daemon, now, of_both, buffer);
	of_network = policy_rule_of_network(document, table, &address[POLICY_DESTINATION]);
	for (unsigned int side = POLICY_CLIENT; side <= POLICY_DESTINATION; side++) {
		for (unsigned int kind = 0; kind < POLICY_KINDS; kind++) {
			const uint16_t rule = policy_rule_of(document, table, side, kind, &address[side]);

			if (rule != POLICY_RULE_NONE)
				answer_put_rule(daemon, now, rule, buffer);
			if (side == POLICY_DESTINATION && kind == POLICY_OVERRIDE && of_network != rule &&
			    of_network != POLICY_RULE_NONE)
				answer_put_rule(daemon, now, of_network, buffer);
		}
	}
}
