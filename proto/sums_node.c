// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Sums of clients and networks become own cells of a node. */
#include "sums_node.h"

#include "call.h"
#include "node_internal.h"

static uint64_t least_of(void *user, const struct key *key)
{
	const struct sums_node *sums = user;
	const struct policy_document *document = node_policy(sums->node);
	const struct policy_table *table = node_policy_table(sums->node);
	const uint16_t index = policy_index_of(document, table, key);

	return call_of(policy_effective_at(table, key, index), key_kind(key), sums->members).least;
}

static uint64_t least_contacts_of(void *user, const struct key *key)
{
	const struct sums_node *sums = user;
	const struct policy_document *document = node_policy(sums->node);
	const struct policy_table *table = node_policy_table(sums->node);
	const uint16_t index = policy_index_of(document, table, key);

	return call_of_contacts(policy_effective_at(table, key, index), sums->members).least;
}

/* Of all clients. */
static uint64_t least_contacts(const struct sums_node *sums)
{
	const struct policy_table *table = node_policy_table(sums->node);
	uint64_t least = CALL_NEVER;

	for (uint32_t i = 0; i < table->classes_count[POLICY_CLIENT]; i++) {
		const uint64_t of_class = call_of_contacts(&table->of_client[i], sums->members).least;

		least = of_class < least ? of_class : least;
	}
	return least;
}

/* Of all keys of a kind. */
static uint64_t least_of_kind(const struct sums_node *sums, enum key_kind kind)
{
	const struct policy_table *table = node_policy_table(sums->node);
	const bool client = kind == KEY_CLIENT;
	const struct policy_effective *policies = client ? table->of_client : table->of_destination;
	uint64_t least = CALL_NEVER;

	for (uint32_t i = 0; i < table->classes_count[client ? POLICY_CLIENT : POLICY_DESTINATION]; i++) {
		const uint64_t of_class = call_of(&policies[i], kind, sums->members).least;

		least = of_class < least ? of_class : least;
	}
	return least;
}

void sums_node_init(struct node *node, struct now now, struct kept_sum *cells, const uint64_t seed[2],
		    struct sums_node *ret_sums)
{
	ret_sums->node = node;
	ret_sums->members = 1;
	ret_sums->slot = mesh_slot_at(&node->mesh, now.mesh);
	sums_init(&ret_sums->sums, cells, seed, mesh_slot_length(&node->mesh), ret_sums->slot,
		  (struct sum_threshold){ least_of, least_contacts_of, ret_sums });
}

void sums_node_tick(struct sums_node *sums, struct now now)
{
	sums->members = members_counted(sums->node);
	sums_tick(&sums->sums, mesh_slot_at(&sums->node->mesh, now.mesh),
		  (uint64_t[SUM_KINDS]){ least_of_kind(sums, KEY_CLIENT), least_of_kind(sums, KEY_NETWORK) },
		  least_contacts(sums));
}

/* The first time of a slot of which slot_fraction_of gives this part. */
static struct instant part_of_slot(const struct mesh *mesh, uint64_t slot, uint32_t part)
{
	const int64_t length = mesh_slot_length(mesh).ns;

	return instant_after(mesh_slot_start(mesh, slot),
			     (struct duration){ (part * length + SLOT_FRACTIONS - 1) / SLOT_FRACTIONS });
}

static void observe_changed(struct sums_node *sums, struct now now)
{
	const struct mesh *mesh = &sums->node->mesh;
	struct cell cell;

	while (sums_next_changed(&sums->sums, &cell)) {
		if (cell.packets > 0)
			node_observe(sums->node, now, &cell.key, cell.slot, part_of_slot(mesh, cell.slot, cell.first),
				     part_of_slot(mesh, cell.slot, cell.last), cell.packets);
		if (cell.extras[EXTRA_CONTACTS] > 0)
			node_observe_contacts(sums->node, now, &cell.key, cell.slot, cell.extras[EXTRA_CONTACTS], 0);
	}
}

/* A cell of another member has come of each of these keys. */
static void take_wanted(struct sums_node *sums)
{
	const struct ledger *ledger = &sums->node->count->ledger;
	struct set *wanted = &sums->node->count->wanted;

	while (wanted->count > 0) {
		const struct entry *entry = &ledger->entries[set_take(wanted)];
		struct key key;

		if (!(entry->flags & ENTRY_USED) || !kind_has_sums(entry_kind(entry)))
			continue; /* forgotten since, perhaps for another key */
		key = ledger_key(ledger, entry);
		sums_want(&sums->sums, &key);
	}
}

bool sums_node_open(struct sums_node *sums, struct now now)
{
	take_wanted(sums);
	if (sums->sums.slot != sums->slot)
		sums_slot(&sums->sums);
	sums->slot = sums->sums.slot;
	observe_changed(sums, now); /* before a sum gives way */
	return sums_begin_open(&sums->sums);
}

/* This proxy's cell of a key and slot, as the ledger has it; packets 0: it has none. */
static struct cell own_cell(const struct sums_node *sums, const struct key *key, uint64_t slot)
{
	const struct ledger *ledger = &sums->node->count->ledger;
	const uint32_t entry = ledger_find(ledger, key);
	const struct ledger_cell *held = entry == INDEX_NONE ? NULL : ledger_cell_of(ledger, entry, 0, slot);
	struct cell cell = { .key = *key, .slot = slot };

	if (!held)
		return cell;
	cell.first = held->first;
	cell.last = held->last;
	cell.packets = held->packets;
	return cell;
}

void sums_node_found(struct sums_node *sums, struct sum_begin *begin, const struct cell *counted)
{
	const uint64_t before = sums->sums.slot - 1;
	struct cell cell;

	sum_begin_add(&sums->sums, begin, counted);
	if (counted->slot == before || kind_has_sums(key_kind(&counted->key)))
		return;
	cell = own_cell(sums, &counted->key, before);
	sum_begin_add(&sums->sums, begin, &cell);
}

/* A sum that ended within these slots and begins again is never less than was published of it. */
static void raise_all(struct sums_node *sums)
{
	for (uint32_t i = 0; i < sums->sums.begins_count; i++) {
		struct sum_begin *begin = &sums->sums.begins[i];
		const struct key key = sum_key(begin->kind, begin->words);

		for (uint64_t back = 0; back < 2; back++) {
			const struct cell own = own_cell(sums, &key, sums->sums.slot - back);

			sum_begin_raise(&sums->sums, begin, &own);
		}
	}
}

void sums_node_close(struct sums_node *sums, struct now now)
{
	raise_all(sums);
	sums_begin_close(&sums->sums);
	observe_changed(sums, now);
}
