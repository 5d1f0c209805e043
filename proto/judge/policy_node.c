/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The policy in force and the one that waits for its slot. A new policy changes no count: an entry looks up its policy
 * again when it is next judged, and a sweep judges all entries within SWEEP_TICKS (judge.c).
 */
#include <errno.h>

#include "judging.h"
#include "node.h"

static uint64_t utc_seconds(struct now now)
{
	return now.mesh.ns < 0 ? 0 : (uint64_t)(now.mesh.ns / NS_PER_S);
}

#define GENERATIONS 7 /* values of an entry's three bits, without 0, which means none */

static uint16_t generation_of(const struct node *node)
{
	return (uint16_t)(node->judge->policy.generation % GENERATIONS + 1);
}

/* Before a generation is used again, all entries lose theirs, so that each looks its policy up again. */
static void forget_generations(struct node *node)
{
	for (uint32_t i = 0; i < node->count->ledger.entries_high; i++)
		node->count->ledger.entries[i].policy_generation = 0;
}

static void compile(struct node *node, struct now now)
{
	uint32_t rule;

	/* was checked */
	policy_compile(&node->judge->policy.document, utc_seconds(now), &node->judge->policy.table, &rule);
	if (++node->judge->policy.generation % GENERATIONS == 0)
		forget_generations(node);
	node->judge->sweep = 0;
	node->judge->sweeping = true;
}

static void take_over(struct node *node, struct now now, const struct policy_document *document)
{
	struct node_event event = { .kind = EVENT_POLICY, .at = now.mesh, .policy_version = document->version };

	if (document != &node->judge->policy.document)
		node->judge->policy.document = *document;
	compile(node, now);
	node_report(node, &event);
}

int policy_start(struct node *node, struct now now)
{
	const char *problem;
	uint32_t rule;

	policy_of_thresholds(&node->config.thresholds, &node->judge->policy.document);
	if (policy_check(&node->judge->policy.document, &node->mesh, &rule, &problem))
		return -EINVAL;
	compile(node, now);
	return 0;
}

void policy_tick(struct node *node, struct now now)
{
	if (node->judge->policy.waits && node->slot >= node->judge->policy.next.effective_slot) {
		node->judge->policy.waits = false;
		take_over(node, now, &node->judge->policy.next);
	} else if (utc_seconds(now) >= node->judge->policy.table.expires_s) {
		compile(node, now);
	}
}

int node_set_policy(struct node *node, struct now now, const struct policy_document *document)
{
	struct policy_state *policy = &node->judge->policy;
	const uint64_t newest = policy->waits && policy->next.version > policy->document.version
					? policy->next.version
					: policy->document.version;
	const char *problem;
	uint32_t rule;

	if (policy_check(document, &node->mesh, &rule, &problem))
		return -EINVAL;
	if (document->version < newest || (document->version == newest && newest != 0))
		return -ESTALE;
	if (document->effective_slot > mesh_slot_at(&node->mesh, now.mesh)) {
		policy->next = *document;
		policy->waits = true;
		return 0;
	}
	policy->waits = false;
	take_over(node, now, document);
	return 0;
}

const struct policy_document *node_policy(const struct node *node)
{
	return &node->judge->policy.document;
}

const struct policy_table *node_policy_table(const struct node *node)
{
	return &node->judge->policy.table;
}

uint32_t node_policy_generation(const struct node *node)
{
	return node->judge->policy.generation;
}

const struct policy_document *node_policy_next(const struct node *node)
{
	return node->judge->policy.waits ? &node->judge->policy.next : NULL;
}

void policy_refresh(struct node *node, uint32_t number)
{
	struct entry *entry = &node->count->ledger.entries[number];

	if (entry->policy_generation == generation_of(node))
		return;
	const struct key key = ledger_key(&node->count->ledger, entry);

	entry->policy = policy_index_of(&node->judge->policy.document, &node->judge->policy.table, &key);
	entry->policy_generation = generation_of(node);
}

/* One that was not judged since the change is looked up each time: its number is of another table. */
const struct policy_effective *entry_policy(const struct node *node, const struct entry *entry)
{
	const struct key key = ledger_key(&node->count->ledger, entry);
	const uint16_t index = entry->policy_generation == generation_of(node) ?
				       entry->policy :
				       policy_index_of(&node->judge->policy.document, &node->judge->policy.table, &key);

	return policy_effective_at(&node->judge->policy.table, &key, index);
}
