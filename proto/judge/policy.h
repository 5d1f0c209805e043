/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The policy: default thresholds, other thresholds by client prefix and by destination prefix, and lists of prefixes
 * that are never dropped, blocked or protected. There is one document for the whole mesh. Here it is a struct;
 * policy_wire.h has its bytes.
 */
#ifndef PROTO_POLICY_H
#define PROTO_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include <xpro/bounds.h>
#include <xpro/key.h>
#include <xpro/time.h>

#include "prefix.h"
#include "thresholds.h"

struct mesh;

enum policy_side {
	POLICY_CLIENT,
	POLICY_DESTINATION,
	POLICY_BOTH, /* of rules: a prefix of clients and one of destinations, an override of their pairs */
	POLICY_SIDES
};

enum policy_kind {
	POLICY_OVERRIDE, /* other thresholds */
	POLICY_NEVER_DROP, /* passes whatever its rate */
	POLICY_BLOCK, /* drops whatever its rate */
	POLICY_PROTECT, /* destination: gets records, when protected_only */
	POLICY_KINDS
};

/* Which thresholds an override replaces. */
enum policy_field {
	POLICY_PAIR_RATE = 0x01,
	POLICY_DESTINATION_RATE = 0x02, /* destination prefixes alone */
	POLICY_IDLE_RESET = 0x04,
	POLICY_PAIR_MIN_WINDOW = 0x08,
	POLICY_DESTINATION_MIN_WINDOW = 0x10, /* destination prefixes alone */
	POLICY_CLIENT_RATE = 0x20, /* client prefixes alone */
	POLICY_NETWORK_RATE = 0x40, /* destination prefixes alone, of whole networks */
	POLICY_OUTSIDE_RATE = 0x80, /* client prefixes alone */
	POLICY_CONTACT_RATE = 0x100, /* client prefixes alone */
	POLICY_OUTSIDE_BLOCK = 0x200, /* client prefixes alone; has no number */
	POLICY_FIELDS = 0x3ff, /* all of them */
};

struct policy_rule {
	struct prefix prefix; /* of POLICY_BOTH: of the clients */
	struct prefix destination; /* of POLICY_BOTH alone */
	uint8_t side, kind; /* enum policy_side, enum policy_kind */
	uint16_t fields; /* POLICY_OVERRIDE: which of these are set; of POLICY_BOTH none need be */
	uint32_t pair_rate, destination_rate, client_rate, network_rate, outside_rate, contact_rate;
	uint32_t idle_reset_ms, pair_min_window_ms, destination_min_window_ms;
	uint64_t until_s; /* UTC seconds since 1970 from which on the rule is none; 0: for good */
};

/*
 * For a pair, a rule of both prefixes comes before its client's override, and that before its destination's, threshold
 * by threshold. Among overrides of one side the longest prefix counts, with the thresholds it sets; among rules of both
 * prefixes the longest prefix of clients, then of destinations. A destination is judged by its own override alone.
 * A client and a network are judged by the override of the longest prefix that holds them whole: each client, or each
 * network, in that prefix may send, or get, its rate.
 *
 * A pair is outside when no rule of both prefixes holds it. Its client's override may hold such a pair to outside_rate
 * (0: to no other rate than pairs have anyhow), or block it.
 */
struct policy_document {
	uint64_t version; /* grows with every push; 0: from this proxy's configuration */
	uint64_t effective_slot; /* in force from this slot's start on, everywhere at once */
	struct thresholds defaults;
	bool protected_only; /* only protected destinations get records, are counted and judged */
	uint32_t rules_count;
	struct policy_rule rules[POLICY_RULES_MAX];
};

#define POLICY_RULE_NONE UINT16_MAX
_Static_assert(POLICY_RULES_MAX < POLICY_RULE_NONE, "the number of a rule fits 16 bits");

/*
 * 0, or -EINVAL with *ret_problem a sentence and *ret_rule the number of the rule at fault (POLICY_RULE_NONE: the
 * defaults, or the document as a whole). A checked document compiles.
 */
int policy_check(const struct policy_document *document, const struct mesh *mesh, uint32_t *ret_rule,
		 const char **ret_problem);

/* The version-0 document of a proxy that was given thresholds alone. */
void policy_of_thresholds(const struct thresholds *thresholds, struct policy_document *ret_document);

/*
 * What becomes of a pair whatever its rate. never_drop comes before block, whichever prefix is longer; both come before
 * the block of what is outside.
 */
enum policy_listing { POLICY_UNLISTED, POLICY_PASSES, POLICY_BLOCKED, POLICY_OUTSIDE };

/* What one side of a key is by the policy; equal contents are one class. Class 0 is what no rule speaks of. */
struct policy_class {
	uint32_t pair_rate, destination_rate, client_rate, network_rate, outside_rate, contact_rate;
	uint32_t idle_reset_ms, pair_min_window_ms, destination_min_window_ms;
	uint16_t fields; /* which of these are set */
	uint16_t both; /* 1 + the rule of both prefixes whose prefix of the side is the longest that holds it; or 0 */
	/* UTC seconds until which it is listed; 0: not, UINT64_MAX: for good */
	uint64_t never_drop_s, block_s, protect_s;
};

/*
 * What a key is judged by; equal contents are one. The ends of listings are part of them: so a
 * document that compiles does so at any later time, when fewer of its rules are left.
 */
struct policy_effective {
	struct thresholds thresholds;
	uint64_t never_drop_s, block_s, protect_s; /* as in policy_class, the later of both sides */
	uint8_t listing; /* enum policy_listing */
	bool unprotected; /* protected_only, and the destination is not */
	bool outside; /* of a pair: no rule of both prefixes holds it, and outside_rate bounds its pair_rate */
};

/* A prefix of a side, in the order (address, bits), with what holds below it unless a longer one says more. */
struct policy_prefix {
	uint16_t rule; /* of the document */
	uint16_t parent; /* the next that holds this one, of the same prefix or a shorter one, or POLICY_RULE_NONE */
	uint16_t above; /* the next of a shorter prefix that holds this one, or POLICY_RULE_NONE */
	uint16_t class;
};

/* A document compiled at a moment: rules that had ended by then are left out. Fixed size. */
struct policy_table {
	uint64_t expires_s; /* UTC seconds at which the first of its rules ends; UINT64_MAX: never */
	uint32_t prefixes_count[2], classes_count[2]; /* by enum policy_side */
	struct policy_prefix prefixes[2 * POLICY_RULES_MAX]; /* clients, then destinations; rules of both have two */
	struct policy_class classes[2][POLICY_CLASSES_MAX];
	uint32_t effective_count; /* of pairs */
	struct policy_effective effective[POLICY_EFFECTIVE_MAX]; /* of pairs */
	struct policy_effective of_destination[POLICY_CLASSES_MAX]; /* of destinations and networks, by their class */
	struct policy_effective of_client[POLICY_CLASSES_MAX]; /* of clients, by their class */
	uint16_t pair[POLICY_CLASSES_MAX][POLICY_CLASSES_MAX]; /* [client's class][destination's] -> effective */
};

/* The prefix of a rule on a side. */
static inline const struct prefix *policy_rule_prefix(const struct policy_rule *rule, enum policy_side side)
{
	return rule->side == POLICY_BOTH && side == POLICY_DESTINATION ? &rule->destination : &rule->prefix;
}

/* -EINVAL: more classes or effective policies than there is room for, *ret_rule being the first rule too many. */
int policy_compile(const struct policy_document *document, uint64_t now_s, struct policy_table *ret_table,
		   uint32_t *ret_rule);

/* What a key is judged by: an index of `effective` for a pair; for every other kind, the class of its address. */
uint16_t policy_index_of(const struct policy_document *document, const struct policy_table *table,
			 const struct key *key);
const struct policy_effective *policy_effective_at(const struct policy_table *table, const struct key *key,
						   uint16_t index);

/*
 * What a key of the kind may send, in packets per second; 0, which is no limit, for what the policy does not judge.
 * *ret_shadow: nobody set it, it is the named default of a client or a network. What is counted of these are packets
 * to protected destinations alone, so their limit holds whether or not all that they speak of is protected.
 */
double policy_limit(const struct policy_effective *policy, enum key_kind kind, bool *ret_shadow);

/*
 * How many contacts a second a client may make at all proxies together. *ret_shadow: nobody set it, it is
 * SCAN_CONTACTS_PER_S.
 */
double policy_contact_limit(const struct policy_effective *policy, bool *ret_shadow);

/* The shortest time that a key of the kind is judged over: T_T2 of pairs and clients, T_T3 of the others. */
struct duration policy_min_window(const struct policy_effective *policy, enum key_kind kind);

/*
 * The rule of a side and kind that decides for an address, or POLICY_RULE_NONE: of those that have not ended, the
 * longest prefix.
 */
uint16_t policy_rule_of(const struct policy_document *document, const struct policy_table *table, enum policy_side side,
			enum policy_kind kind, const struct address *address);

/* The rule of both prefixes that decides for a pair, or POLICY_RULE_NONE. */
uint16_t policy_rule_of_pair(const struct policy_document *document, const struct policy_table *table,
			     const struct address *client, const struct address *destination);

/* The override that decides for the whole network of an address, or POLICY_RULE_NONE. */
uint16_t policy_rule_of_network(const struct policy_document *document, const struct policy_table *table,
				const struct address *address);

enum policy_listing policy_listed(const struct policy_document *document, const struct policy_table *table,
				  const struct address *client, const struct address *destination);

#endif
