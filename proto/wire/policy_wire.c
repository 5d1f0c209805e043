/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The policy between values and canonical msgpack. What is read is checked as what is written is: is_sound serves
 * both.
 */
#include "policy_wire.h"

#include <errno.h>

#include "document.h"
#include "pack.h"
#include "unpack.h"

#define FIELDS 11
#define RULE_FIELDS 6 /* side, kind, prefix, bits, until, fields; then one number for each field that has one */
#define BOTH_FIELDS 8 /* the same with two prefixes */
#define RULE_NUMBERS 9 /* of all sides */
#define RULE_NUMBERS_MAX 6 /* of a rule of destinations */
#define BOTH_NUMBERS_MAX 3 /* of a rule of both prefixes */
#define PREFIX_BYTES_MAX (2 + 16 + 2)
/* A list entry has an `until` of up to 9 bytes and no number. An override has an `until` of 0, in one byte. */
#define OVERRIDE_BYTES_MAX (1 + 1 + 1 + PREFIX_BYTES_MAX + 1 + 3 + RULE_NUMBERS_MAX * 5)
#define BOTH_BYTES_MAX (1 + 1 + 1 + 2 * PREFIX_BYTES_MAX + 1 + 3 + BOTH_NUMBERS_MAX * 5)
#define RULE_BYTES_MAX (BOTH_BYTES_MAX > OVERRIDE_BYTES_MAX ? BOTH_BYTES_MAX : OVERRIDE_BYTES_MAX)
#define HEAD_BYTES_MAX (1 + 9 + 8 * 5 + 1 + 5)
#define POLICY_BYTES_MAX (HEAD_BYTES_MAX + POLICY_RULES_MAX * RULE_BYTES_MAX)
_Static_assert(POLICY_BYTES_MAX <= DOCUMENT_CONTENT_BYTES_MAX, "the longest policy fits a document");
#define IPV4_BITS 96 /* what IPv4-mapped prefixes have more */
#define DESTINATION_FIELDS (POLICY_DESTINATION_RATE | POLICY_DESTINATION_MIN_WINDOW | POLICY_NETWORK_RATE)
#define CLIENT_FIELDS (POLICY_CLIENT_RATE | POLICY_OUTSIDE_RATE | POLICY_OUTSIDE_BLOCK | POLICY_CONTACT_RATE)

enum flag {
	FLAG_FAIR = 1,
	FLAG_POLICE = 2,
	FLAG_EARLY = 4,
	FLAG_MONITOR = 8,
	FLAG_PROTECTED_ONLY = 16,
	FLAGS_ALL = 31
};

static bool is_ipv4(const struct prefix *prefix)
{
	return prefix->bits >= IPV4_BITS && address_is_ipv4(&prefix->address);
}

static bool prefix_is_sound(const struct prefix *prefix)
{
	return prefix->bits <= 128 && !prefix_has_host_bits(prefix);
}

static bool rule_is_sound(const struct policy_rule *rule)
{
	if (rule->side >= POLICY_SIDES || rule->kind >= POLICY_KINDS || !prefix_is_sound(&rule->prefix))
		return false;
	if (rule->kind == POLICY_OVERRIDE ? rule->until_s != 0 : rule->fields != 0)
		return false;
	if (rule->side == POLICY_BOTH)
		return rule->kind == POLICY_OVERRIDE && prefix_is_sound(&rule->destination) &&
		       !(rule->fields & ~(POLICY_PAIR_RATE | POLICY_IDLE_RESET | POLICY_PAIR_MIN_WINDOW));
	if ((rule->kind == POLICY_OVERRIDE && rule->fields == 0) || (rule->fields & ~POLICY_FIELDS))
		return false;
	if (rule->kind == POLICY_PROTECT && rule->side != POLICY_DESTINATION)
		return false;
	return !(rule->fields & (rule->side == POLICY_CLIENT ? DESTINATION_FIELDS : CLIENT_FIELDS));
}

static int prefix_order(const struct prefix *a, const struct prefix *b)
{
	const int order = memcmp(a->address.bytes, b->address.bytes, sizeof(a->address.bytes));

	return order ? order : (int)a->bits - (int)b->bits;
}

int policy_wire_order(const struct policy_rule *a, const struct policy_rule *b)
{
	int order = (int)a->side - (int)b->side;

	if (order == 0)
		order = (int)a->kind - (int)b->kind;
	if (order == 0)
		order = prefix_order(&a->prefix, &b->prefix);
	return order || a->side != POLICY_BOTH ? order : prefix_order(&a->destination, &b->destination);
}

/* The numbers a rule's fields stand for, in the order of their bits. */
static uint32_t *rule_number(struct policy_rule *rule, unsigned int bit)
{
	uint32_t *const numbers[] = { &rule->pair_rate, &rule->destination_rate, &rule->idle_reset_ms,
				      &rule->pair_min_window_ms, &rule->destination_min_window_ms,
				      &rule->client_rate, &rule->network_rate, &rule->outside_rate,
				      &rule->contact_rate };

	return numbers[bit];
}

static uint32_t numbers_of(uint16_t fields)
{
	uint32_t count = 0;

	for (unsigned int bit = 0; bit < RULE_NUMBERS; bit++)
		count += fields >> bit & 1;
	return count;
}

static uint32_t elements_of(const struct policy_rule *rule)
{
	return (rule->side == POLICY_BOTH ? BOTH_FIELDS : RULE_FIELDS) + numbers_of(rule->fields);
}

static void pack_prefix(struct pack *p, const struct prefix *prefix)
{
	const bool ipv4 = is_ipv4(prefix);

	pack_bin(p, prefix->address.bytes + (ipv4 ? 12 : 0), ipv4 ? 4 : 16);
	pack_uint(p, prefix->bits - (ipv4 ? IPV4_BITS : 0));
}

static void pack_rule(struct pack *p, const struct policy_rule *given)
{
	struct policy_rule rule = *given;

	pack_array(p, elements_of(&rule));
	pack_uint(p, rule.side);
	pack_uint(p, rule.kind);
	pack_prefix(p, &rule.prefix);
	if (rule.side == POLICY_BOTH)
		pack_prefix(p, &rule.destination);
	pack_uint(p, rule.until_s);
	pack_uint(p, rule.fields);
	for (unsigned int bit = 0; bit < RULE_NUMBERS; bit++) {
		if (rule.fields >> bit & 1)
			pack_uint(p, *rule_number(&rule, bit));
	}
}

static bool is_whole_ms(struct duration d)
{
	return d.ns >= 0 && d.ns % NS_PER_MS == 0 && d.ns / NS_PER_MS <= UINT32_MAX;
}

static bool is_sound(const struct policy_document *policy)
{
	const struct thresholds *t = &policy->defaults;

	if (policy->rules_count > POLICY_RULES_MAX || !is_whole_ms(t->idle_reset) || !is_whole_ms(t->pair_min_window) ||
	    !is_whole_ms(t->destination_min_window))
		return false;
	for (uint32_t i = 0; i < policy->rules_count; i++) {
		if (!rule_is_sound(&policy->rules[i]) ||
		    (i > 0 && policy_wire_order(&policy->rules[i - 1], &policy->rules[i]) >= 0))
			return false;
	}
	return true;
}

int policy_wire_write(const struct policy_document *policy, uint8_t *ret_content, size_t bytes_max, size_t *ret_size)
{
	const struct thresholds *t = &policy->defaults;
	struct pack p;

	if (!is_sound(policy))
		return -EINVAL;
	if (bytes_max < HEAD_BYTES_MAX + (size_t)policy->rules_count * RULE_BYTES_MAX)
		return -ENOSPC;
	pack_begin(&p, ret_content, bytes_max);
	pack_array(&p, FIELDS);
	pack_uint(&p, policy->effective_slot);
	pack_uint(&p, t->pair_rate);
	pack_uint(&p, t->destination_rate);
	pack_uint(&p, t->client_rate);
	pack_uint(&p, t->network_rate);
	pack_uint(&p, t->contact_rate);
	pack_uint(&p, (uint64_t)(t->idle_reset.ns / NS_PER_MS));
	pack_uint(&p, (uint64_t)(t->pair_min_window.ns / NS_PER_MS));
	pack_uint(&p, (uint64_t)(t->destination_min_window.ns / NS_PER_MS));
	pack_uint(&p, (t->fair ? FLAG_FAIR : 0) | (t->police ? FLAG_POLICE : 0) | (t->early ? FLAG_EARLY : 0) |
			      (t->monitor ? FLAG_MONITOR : 0) | (policy->protected_only ? FLAG_PROTECTED_ONLY : 0));
	pack_array(&p, policy->rules_count);
	for (uint32_t i = 0; i < policy->rules_count; i++)
		pack_rule(&p, &policy->rules[i]);
	*ret_size = (size_t)(p.at - ret_content);
	return 0;
}

static void unpack_prefix(struct unpack *u, struct prefix *ret_prefix)
{
	size_t size;
	const uint8_t *bytes = unpack_bin(u, &size);
	const uint8_t bits = (uint8_t)unpack_uint_max(u, size == 4 ? 32 : 128);

	if (size == 4)
		*ret_prefix = (struct prefix){ address_of_ipv4(bytes), (uint8_t)(bits + IPV4_BITS) };
	else if (size == 16)
		memcpy(ret_prefix->address.bytes, bytes, 16), ret_prefix->bits = bits;
	else
		unpack_fail(u);
	if (size == 16 && is_ipv4(ret_prefix))
		unpack_fail(u); /* has a shorter form */
}

static bool unpack_rule(struct unpack *u, struct policy_rule *ret_rule)
{
	const uint32_t elements = unpack_array(u);

	*ret_rule = (struct policy_rule){ .side = 0 };
	ret_rule->side = (uint8_t)unpack_uint_max(u, POLICY_SIDES - 1);
	ret_rule->kind = (uint8_t)unpack_uint_max(u, POLICY_KINDS - 1);
	unpack_prefix(u, &ret_rule->prefix);
	if (ret_rule->side == POLICY_BOTH)
		unpack_prefix(u, &ret_rule->destination);
	ret_rule->until_s = unpack_uint(u);
	ret_rule->fields = (uint16_t)unpack_uint_max(u, POLICY_FIELDS);
	if (elements != elements_of(ret_rule))
		return false;
	for (unsigned int bit = 0; bit < RULE_NUMBERS; bit++) {
		if (ret_rule->fields >> bit & 1)
			*rule_number(ret_rule, bit) = (uint32_t)unpack_uint_max(u, UINT32_MAX);
	}
	return !u->failed;
}

bool policy_wire_read(const uint8_t *content, size_t size, uint64_t version, struct policy_document *ret_policy)
{
	struct thresholds *t = &ret_policy->defaults;
	struct unpack u;
	uint64_t flags;

	unpack_begin(&u, content, size);
	unpack_array_of(&u, FIELDS);
	ret_policy->version = version;
	ret_policy->effective_slot = unpack_uint(&u);
	t->pair_rate = (uint32_t)unpack_uint_max(&u, UINT32_MAX);
	t->destination_rate = (uint32_t)unpack_uint_max(&u, UINT32_MAX);
	t->client_rate = (uint32_t)unpack_uint_max(&u, UINT32_MAX);
	t->network_rate = (uint32_t)unpack_uint_max(&u, UINT32_MAX);
	t->contact_rate = (uint32_t)unpack_uint_max(&u, UINT32_MAX);
	t->idle_reset = duration_ms((int64_t)unpack_uint_max(&u, UINT32_MAX));
	t->pair_min_window = duration_ms((int64_t)unpack_uint_max(&u, UINT32_MAX));
	t->destination_min_window = duration_ms((int64_t)unpack_uint_max(&u, UINT32_MAX));
	flags = unpack_uint_max(&u, FLAGS_ALL);
	t->fair = flags & FLAG_FAIR;
	t->police = flags & FLAG_POLICE;
	t->early = flags & FLAG_EARLY;
	t->monitor = flags & FLAG_MONITOR;
	ret_policy->protected_only = flags & FLAG_PROTECTED_ONLY;
	ret_policy->rules_count = unpack_array(&u);
	if (ret_policy->rules_count > POLICY_RULES_MAX)
		return false;
	for (uint32_t i = 0; i < ret_policy->rules_count; i++) {
		if (!unpack_rule(&u, &ret_policy->rules[i]))
			return false;
	}
	return unpack_done(&u) && is_sound(ret_policy);
}
