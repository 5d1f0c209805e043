/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The policy: thresholds by default, by client prefix and by destination prefix, and who is never dropped, blocked or protected. One
 * document for the whole mesh; as bytes it is policy_wire.h's, here it is values and what they mean for a key.
 */
#ifndef PROTO_POLICY_H
#define PROTO_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include <xpro/bounds.h>
#include <xpro/key.h>
#include <xpro/time.h>

struct mesh;

/* The thresholds all proxies of a mesh judge by. Rates are packets per second, 0 = no limit. */
struct thresholds {
	uint32_t pair_rate; /* T_F1 */
	uint32_t destination_rate; /* T_F2 */
	struct duration idle_reset; /* T_T1 */
	struct duration pair_min_window; /* T_T2 */
	struct duration destination_min_window; /* T_T3 */
	bool fair; /* aggregate = fair; else strict */
	bool police; /* pair_action = police; else drop */
	bool early; /* rates compare against max(window, minimum window); else the paper's form */
	bool monitor; /* count what would be dropped, drop nothing */
};

/* IPv4 is IPv4-mapped: its prefix lengths are 96 more. Bits behind the prefix are zero. */
struct prefix {
	struct address address;
	uint8_t bits; /* 0..128 */
};

enum policy_side { POLICY_CLIENT, POLICY_DESTINATION };

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
};

struct policy_rule {
	struct prefix prefix;
	uint8_t side, kind; /* enum policy_side, enum policy_kind */
	uint8_t fields; /* POLICY_OVERRIDE: which of these are set */
	uint32_t pair_rate, destination_rate;
	uint32_t idle_reset_ms, pair_min_window_ms, destination_min_window_ms;
	uint64_t until_s; /* UTC seconds since 1970 from which on the rule is none; 0: for good */
};

/* For a pair, a client's override comes before its destination's, threshold by threshold; among prefixes of one side the longest counts. A
 * destination is judged by its own overrides alone. */
struct policy_document {
	uint64_t version; /* grows with every push; 0: from this proxy's configuration */
	uint64_t effective_slot; /* in force from this slot's start on, everywhere at once */
	struct thresholds defaults;
	bool protected_only; /* only protected destinations get records, are counted and judged */
	uint32_t rules_count;
	struct policy_rule rules[POLICY_RULES_MAX];
};

#endif
