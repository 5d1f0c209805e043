/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Checks a policy document, and finds the rules that hold for an address. policy_compile.c computes what they mean
 * for a key; policy_node.c puts the policy into force.
 */
#include "policy.h"

#include <errno.h>
#include <string.h>

#include "mesh.h"

#define TEXT_OF(number) #number
#define TEXT(macro) TEXT_OF(macro)
#define HOST_BITS 128

void policy_of_thresholds(const struct thresholds *thresholds, struct policy_document *ret_document)
{
	*ret_document = (struct policy_document){ .defaults = *thresholds };
}

/* ---- check ---- */

static const char *problem_of_windows(const struct thresholds *t, const struct mesh *mesh)
{
	const int64_t longest = (int64_t)mesh->window_max_ms * NS_PER_MS / (mesh->decay * mesh->decay);

	if (t->pair_rate > RATE_MAX || t->destination_rate > RATE_MAX || t->client_rate > RATE_MAX ||
	    t->network_rate > RATE_MAX || t->contact_rate > RATE_MAX)
		return "a rate must be at most " TEXT(RATE_MAX) " packets/s";
	if (t->pair_min_window.ns > longest || t->destination_min_window.ns > longest)
		return "a minimum window must be at most window_max / decay^2; a longer one would be aged away";
	if (t->pair_min_window.ns < THRESHOLD_MIN_WINDOW_MS_MIN * NS_PER_MS ||
	    t->destination_min_window.ns < THRESHOLD_MIN_WINDOW_MS_MIN * NS_PER_MS)
		return "a minimum window must be at least " TEXT(THRESHOLD_MIN_WINDOW_MS_MIN) " ms";
	if (t->idle_reset.ns < mesh_slot_length(mesh).ns)
		return "idle_reset must be at least a slot, window_max * (1 - 1/decay): "
		       "a shorter silence cannot be seen";
	if (t->idle_reset.ns > IDLE_RESET_MS_MAX * NS_PER_MS)
		return "idle_reset must be at most " TEXT(IDLE_RESET_MS_MAX) " ms";
	return NULL;
}

/*
 * Of IPv4 addresses, or of IPv6 addresses alone: 96 bits and more of ::ffff:0:0, or a prefix that does not hold
 * that. ::/0 is all IPv6.
 */
static bool straddles_families(const struct prefix *prefix)
{
	static const struct address mapped = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff } };

	return prefix->bits > 0 && prefix->bits < 96 && prefix_holds(prefix, &mapped);
}

/* The most bits of a prefix that holds a network whole: a longer one speaks of a part of it. */
static unsigned int bits_of_network(const struct address *address)
{
	return (address_is_ipv4(address) ? 96 : 0) + network_bits(address);
}

_Static_assert(NETWORK_BITS_IPV4 == 24 && NETWORK_BITS_IPV6 == 48, "as the sentence says");

#define OUTSIDE_FIELDS (POLICY_OUTSIDE_RATE | POLICY_OUTSIDE_BLOCK)
#define BOTH_FIELDS (POLICY_PAIR_RATE | POLICY_IDLE_RESET | POLICY_PAIR_MIN_WINDOW)

static const char *problem_of_sides(const struct policy_rule *rule)
{
	if (rule->side == POLICY_BOTH && rule->fields & ~BOTH_FIELDS)
		return "a rule of a client and a destination sets pair_rate, idle_reset_ms or pair_min_window_ms, "
		       "or nothing";
	if (rule->side == POLICY_DESTINATION && rule->fields & OUTSIDE_FIELDS)
		return "outside_rate and outside belong to client prefixes";
	if ((rule->fields & OUTSIDE_FIELDS) == OUTSIDE_FIELDS)
		return "a rule sets outside_rate or outside, not both";
	if (rule->side == POLICY_CLIENT && rule->fields & (POLICY_DESTINATION_RATE | POLICY_DESTINATION_MIN_WINDOW))
		return "destination_rate and destination_min_window belong to destination prefixes";
	if (rule->side == POLICY_CLIENT && rule->fields & POLICY_NETWORK_RATE)
		return "network_rate belongs to destination prefixes";
	if (rule->side == POLICY_DESTINATION && rule->fields & POLICY_CLIENT_RATE)
		return "client_rate belongs to client prefixes";
	if (rule->side == POLICY_DESTINATION && rule->fields & POLICY_CONTACT_RATE)
		return "contact_rate belongs to client prefixes";
	if (rule->fields & POLICY_NETWORK_RATE && rule->prefix.bits > bits_of_network(&rule->prefix.address))
		return "network_rate: the prefix is longer than a network, a /24 or, in IPv6, a /48";
	return NULL;
}

static const char *problem_of_override(const struct policy_rule *rule, const struct thresholds *defaults,
				       const struct mesh *mesh)
{
	const char *problem = problem_of_sides(rule);
	struct thresholds t = *defaults;

	if (rule->fields == 0 && rule->side != POLICY_BOTH)
		return "an override must set a threshold";
	if (rule->fields & ~POLICY_FIELDS)
		return "an override sets a threshold that is not known";
	if (problem)
		return problem;
	if (rule->until_s)
		return "an override does not end; only list entries do";
	if (rule->fields & POLICY_PAIR_RATE)
		t.pair_rate = rule->pair_rate;
	if (rule->fields & POLICY_DESTINATION_RATE)
		t.destination_rate = rule->destination_rate;
	if (rule->fields & POLICY_CLIENT_RATE)
		t.client_rate = rule->client_rate;
	if (rule->fields & POLICY_NETWORK_RATE)
		t.network_rate = rule->network_rate;
	if (rule->fields & POLICY_CONTACT_RATE)
		t.contact_rate = rule->contact_rate;
	if (rule->fields & POLICY_OUTSIDE_RATE && rule->outside_rate > RATE_MAX)
		return "a rate must be at most " TEXT(RATE_MAX) " packets/s";
	if (rule->fields & POLICY_IDLE_RESET)
		t.idle_reset = duration_ms(rule->idle_reset_ms);
	if (rule->fields & POLICY_PAIR_MIN_WINDOW)
		t.pair_min_window = duration_ms(rule->pair_min_window_ms);
	if (rule->fields & POLICY_DESTINATION_MIN_WINDOW)
		t.destination_min_window = duration_ms(rule->destination_min_window_ms);
	return problem_of_windows(&t, mesh);
}

static const char *problem_of_prefix(const struct prefix *prefix)
{
	if (prefix->bits > 128)
		return "a prefix has at most 128 bits";
	if (prefix_has_host_bits(prefix))
		return "the prefix has bits set behind its length";
	if (straddles_families(prefix))
		return "the prefix would hold IPv4 and IPv6 addresses; write one for each";
	return NULL;
}

static bool prefix_is_ipv4(const struct prefix *prefix)
{
	return prefix->bits >= 96 && address_is_ipv4(&prefix->address);
}

static const char *problem_of_prefixes(const struct policy_rule *rule)
{
	const char *problem = problem_of_prefix(&rule->prefix);

	if (problem || rule->side != POLICY_BOTH)
		return problem;
	problem = problem_of_prefix(&rule->destination);
	if (!problem && prefix_is_ipv4(&rule->prefix) != prefix_is_ipv4(&rule->destination))
		return "one prefix is IPv4, the other IPv6; no packet goes from one to the other";
	return problem;
}

static const char *problem_of_rule(const struct policy_rule *rule, const struct thresholds *defaults,
				   const struct mesh *mesh)
{
	const char *problem;

	if (rule->side >= POLICY_SIDES || rule->kind >= POLICY_KINDS)
		return "the rule is of a kind that is not known";
	problem = problem_of_prefixes(rule);
	if (problem)
		return problem;
	if (rule->side != POLICY_DESTINATION && !widths_prefix_is_whole(&mesh->widths, &rule->prefix))
		return "the prefix is longer than an IPv6 client of this mesh, a /64 unless client_bits says "
		       "otherwise; shorten it, or list its prefix in client_hosts of the mesh";
	if (rule->kind == POLICY_OVERRIDE)
		return problem_of_override(rule, defaults, mesh);
	if (rule->fields)
		return "a list entry sets no thresholds";
	if (rule->side == POLICY_BOTH)
		return "a list entry is of clients or of destinations";
	if (rule->kind == POLICY_PROTECT && rule->side != POLICY_DESTINATION)
		return "only destinations can be protected";
	return NULL;
}

static bool is_repeated(const struct policy_document *document, uint32_t rule)
{
	const struct policy_rule *this = &document->rules[rule];

	for (uint32_t i = 0; i < rule; i++) {
		const struct policy_rule *other = &document->rules[i];

		if (other->side == this->side && other->kind == this->kind &&
		    prefix_equal(&other->prefix, &this->prefix) &&
		    (this->side != POLICY_BOTH || prefix_equal(&other->destination, &this->destination)))
			return true;
	}
	return false;
}

static int fault(uint32_t rule, const char *problem, uint32_t *ret_rule, const char **ret_problem)
{
	*ret_rule = rule;
	*ret_problem = problem;
	return -EINVAL;
}

static const char too_many_rules[] = "more different rules than there is room for: " TEXT(POLICY_CLASSES_MAX)
	" of clients, as many of destinations, " TEXT(POLICY_EFFECTIVE_MAX) " of both together";

int policy_check(const struct policy_document *document, const struct mesh *mesh, uint32_t *ret_rule,
		 const char **ret_problem)
{
	const char *problem = problem_of_windows(&document->defaults, mesh);
	struct policy_table table;
	uint32_t rule;

	if (problem)
		return fault(POLICY_RULE_NONE, problem, ret_rule, ret_problem);
	if (document->rules_count > POLICY_RULES_MAX)
		return fault(POLICY_RULE_NONE, "a policy has at most " TEXT(POLICY_RULES_MAX) " rules", ret_rule,
			     ret_problem);
	for (rule = 0; rule < document->rules_count; rule++) {
		problem = problem_of_rule(&document->rules[rule], &document->defaults, mesh);
		if (!problem && is_repeated(document, rule))
			problem = "the prefix is listed twice";
		if (problem)
			return fault(rule, problem, ret_rule, ret_problem);
	}
	/* At 0 every rule is live, and what fits with all of them fits with fewer. */
	if (policy_compile(document, 0, &table, &rule))
		return fault(rule, too_many_rules, ret_rule, ret_problem);
	return 0;
}

/* ---- which rules speak of an address ---- */

static const struct prefix *prefix_at(const struct policy_document *document, const struct policy_table *table,
				      enum policy_side side, uint32_t at)
{
	return policy_rule_prefix(&document->rules[table->prefixes[at].rule], side);
}

/* The longest prefix, of at most so many bits, that holds the address: an index of prefixes, or POLICY_RULE_NONE. */
static uint16_t prefix_find(const struct policy_document *document, const struct policy_table *table,
			    enum policy_side side, const struct address *address, unsigned int bits_max)
{
	const uint32_t begin = side == POLICY_CLIENT ? 0 : table->prefixes_count[POLICY_CLIENT];
	uint32_t low = begin, high = begin + table->prefixes_count[side];
	uint16_t at;

	while (low < high) { /* the last one that does not begin behind the address */
		const uint32_t middle = (low + high) / 2;
		const struct prefix *prefix = prefix_at(document, table, side, middle);

		if (memcmp(&prefix->address, address, sizeof(*address)) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	at = low == begin ? POLICY_RULE_NONE : (uint16_t)(low - 1);
	while (at != POLICY_RULE_NONE && (prefix_at(document, table, side, at)->bits > bits_max ||
					  !prefix_holds(prefix_at(document, table, side, at), address)))
		at = table->prefixes[at].above;
	/* ::/0 holds all IPv6, and no IPv4 address. */
	if (at != POLICY_RULE_NONE && prefix_at(document, table, side, at)->bits == 0 && address_is_ipv4(address))
		return POLICY_RULE_NONE;
	return at;
}

/* The class of an address. Binary search, then at most as many steps as prefixes hold each other. */
static uint16_t policy_class_of(const struct policy_document *document, const struct policy_table *table,
				enum policy_side side, const struct address *address, unsigned int bits_max)
{
	const uint16_t at = table->prefixes_count[side] ? prefix_find(document, table, side, address, bits_max)
							: POLICY_RULE_NONE;

	return at == POLICY_RULE_NONE ? 0 : table->prefixes[at].class;
}

uint16_t policy_index_of(const struct policy_document *document, const struct policy_table *table,
			 const struct key *key)
{
	uint16_t client, destination;

	switch (key_kind(key)) {
	case KEY_DESTINATION:
		return policy_class_of(document, table, POLICY_DESTINATION, &key->destination, HOST_BITS);
	case KEY_CLIENT:
		return policy_class_of(document, table, POLICY_CLIENT, &key->client, HOST_BITS);
	case KEY_NETWORK: /* a rule for x.y.z.0/32 must not speak for x.y.z.0/24 */
		return policy_class_of(document, table, POLICY_DESTINATION, &key->destination,
				       bits_of_network(&key->destination));
	case KEY_PAIR:
		break;
	}
	client = policy_class_of(document, table, POLICY_CLIENT, &key->client, HOST_BITS);
	destination = policy_class_of(document, table, POLICY_DESTINATION, &key->destination, HOST_BITS);
	return table->pair[client][destination];
}

const struct policy_effective *policy_effective_at(const struct policy_table *table, const struct key *key,
						   uint16_t index)
{
	switch (key_kind(key)) {
	case KEY_DESTINATION:
	case KEY_NETWORK:
		return &table->of_destination[index];
	case KEY_CLIENT:
		return &table->of_client[index];
	case KEY_PAIR:
		break;
	}
	return &table->effective[index];
}

double policy_limit(const struct policy_effective *policy, enum key_kind kind, bool *ret_shadow)
{
	const struct thresholds *t = &policy->thresholds;

	*ret_shadow = false;
	switch (kind) {
	case KEY_PAIR:
		return policy->unprotected ? 0 : t->pair_rate;
	case KEY_DESTINATION:
		return policy->unprotected || policy->listing == POLICY_PASSES ? 0 : t->destination_rate;
	case KEY_CLIENT:
		*ret_shadow = t->client_rate == 0;
		return t->client_rate ? t->client_rate : (double)SHADOW_CLIENT_RATES * t->pair_rate;
	case KEY_NETWORK:
		if (policy->listing == POLICY_PASSES)
			return 0;
		*ret_shadow = t->network_rate == 0;
		return t->network_rate ? t->network_rate : (double)SHADOW_NETWORK_RATES * t->destination_rate;
	}
	return 0;
}

double policy_contact_limit(const struct policy_effective *policy, bool *ret_shadow)
{
	const struct thresholds *t = &policy->thresholds;

	*ret_shadow = t->contact_rate == 0;
	return t->contact_rate ? t->contact_rate : SCAN_CONTACTS_PER_S;
}

struct duration policy_min_window(const struct policy_effective *policy, enum key_kind kind)
{
	const struct thresholds *t = &policy->thresholds;

	return kind == KEY_DESTINATION || kind == KEY_NETWORK ? t->destination_min_window : t->pair_min_window;
}

static uint16_t rule_within(const struct policy_document *document, const struct policy_table *table,
			    enum policy_side side, enum policy_kind kind, const struct address *address,
			    unsigned int bits_max)
{
	uint16_t at = prefix_find(document, table, side, address, bits_max);
	const bool ipv4 = address_is_ipv4(address);

	for (; at != POLICY_RULE_NONE; at = table->prefixes[at].parent) {
		const struct policy_rule *rule = &document->rules[table->prefixes[at].rule];

		if (rule->side == side && rule->kind == kind && !(ipv4 && rule->prefix.bits == 0))
			return table->prefixes[at].rule;
	}
	return POLICY_RULE_NONE;
}

uint16_t policy_rule_of(const struct policy_document *document, const struct policy_table *table, enum policy_side side,
			enum policy_kind kind, const struct address *address)
{
	return rule_within(document, table, side, kind, address, HOST_BITS);
}

uint16_t policy_rule_of_pair(const struct policy_document *document, const struct policy_table *table,
			     const struct address *client, const struct address *destination)
{
	uint16_t at = prefix_find(document, table, POLICY_CLIENT, client, HOST_BITS), best = POLICY_RULE_NONE;

	/* Up the prefixes of clients, the longest first; of one prefix the rule of the longest destination decides. */
	for (; at != POLICY_RULE_NONE; at = table->prefixes[at].parent) {
		const uint16_t number = table->prefixes[at].rule;
		const struct policy_rule *rule = &document->rules[number];

		if (rule->side != POLICY_BOTH || (rule->prefix.bits == 0 && address_is_ipv4(client)) ||
		    !prefix_holds(&rule->destination, destination))
			continue;
		if (best == POLICY_RULE_NONE || (rule->prefix.bits == document->rules[best].prefix.bits &&
						 rule->destination.bits > document->rules[best].destination.bits))
			best = number;
	}
	return best;
}

uint16_t policy_rule_of_network(const struct policy_document *document, const struct policy_table *table,
				const struct address *address)
{
	return rule_within(document, table, POLICY_DESTINATION, POLICY_OVERRIDE, address, bits_of_network(address));
}

enum policy_listing policy_listed(const struct policy_document *document, const struct policy_table *table,
				  const struct address *client, const struct address *destination)
{
	const struct key pair = { *client, *destination };

	return table->effective[policy_index_of(document, table, &pair)].listing;
}
