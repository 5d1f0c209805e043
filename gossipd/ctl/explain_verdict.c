/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The verdict of gossipctl explain, from the kernel's record, as Algorithm 2 gives it. */
#include "explain.h"

#include <stdio.h>

#include "text.h"

bool explain_may_judge(const struct explaining *explaining, const struct part *part, double *ret_window_s)
{
	uint32_t least_ms = part == &explaining->part[0] ? explaining->status.pair_min_window_ms
							 : explaining->status.destination_min_window_ms;
	double window_s = part->record.judged_window_s, least_s = least_ms / 1000.;

	*ret_window_s = window_s > least_s ? window_s : least_s;
	return (explaining->status.policy_flags & POLICY_EARLY) || window_s >= least_s;
}

bool explain_is_over(const struct explaining *explaining, const struct part *part)
{
	uint32_t limit = part == &explaining->part[0] ? explaining->status.pair_rate
						      : explaining->status.destination_rate;
	double window_s;

	return part->record.present && limit > 0 && explain_may_judge(explaining, part, &window_s) &&
	       (double)part->record.count > limit * window_s;
}

/* Does the side on which its packets enter decide, not a rate? The lists are asked first. */
static bool is_unjudged(const struct explaining *explaining)
{
	return explaining->status.side != CONTROL_SIDE_JUDGED && explaining->status.listing == POLICY_UNLISTED;
}

bool explain_is_outside(const struct explaining *explaining)
{
	return explaining->status.outside || explaining->status.listing == POLICY_OUTSIDE;
}

/* Without a head the destination's network decides. */
static bool is_coarse(const struct explaining *explaining)
{
	return !explaining->part[1].record.present && explaining->network.bits > 0 && explaining->network.share < 1;
}

static void write_coarse(const struct explaining *explaining, const char *would, char *ret_text, size_t bytes)
{
	char network[TEXT_PREFIX_BYTES];

	text_of_part(explaining->network.prefix, explaining->network.bits, network);
	if (explaining->status.policy_flags & POLICY_FAIR)
		snprintf(ret_text, bytes,
			 "%.1f %% of its packets pass, the rest %s: the destination has no record here, and its "
			 "network %s is over T_F2 (coarse)",
			 100 * explaining->network.share, would, network);
	else
		snprintf(ret_text, bytes,
			 "every packet %s: the destination has no record here, and its network %s is over T_F2 "
			 "(coarse)",
			 would, network);
}

void explain_verdict(const struct explaining *explaining, char *ret_text, size_t bytes)
{
	const struct part *pair = &explaining->part[0], *destination = &explaining->part[1];
	uint32_t flags = explaining->status.policy_flags;
	const char *would = flags & POLICY_MONITOR ? "would drop (mode = monitor: it passes)" : "drops";

	if (is_unjudged(explaining))
		snprintf(ret_text, bytes, "%s from elsewhere than the clients' side its packets pass%s; from there %s",
			 explaining->status.side == CONTROL_SIDE_ANSWER ? "an answer:" : "neither end is a client:",
			 explaining->status.side == CONTROL_SIDE_ANSWER ? " (pass_answer)" : " (pass_not_client)",
			 !explaining->status.drop_foreign_sources ? "they are judged"
			 : flags & POLICY_MONITOR
				 ? "they would drop as spoofed (mode = monitor: they pass)"
				 : "they drop as spoofed (drop_foreign_source)");
	else if (explaining->status.unprotected)
		snprintf(ret_text, bytes,
			 "its packets pass uncounted: the destination is not protected (protected_only)");
	else if (explaining->status.listing == POLICY_PASSES)
		snprintf(ret_text, bytes, "every packet passes: the client or the destination is on never_drop");
	else if (explaining->status.listing == POLICY_BLOCKED)
		snprintf(ret_text, bytes, "every packet %s: the client or the destination is on block", would);
	else if (explaining->status.listing == POLICY_OUTSIDE)
		snprintf(ret_text, bytes,
			 "every packet %s: no rule of its client holds the destination, and what is outside is blocked",
			 would);
	else if (explain_is_over(explaining, pair) && !(flags & POLICY_POLICE))
		snprintf(ret_text, bytes, "every packet %s: the pair is over its rate (Algorithm 2, line 14)", would);
	else if (explain_is_over(explaining, pair))
		snprintf(ret_text, bytes,
			 "%.1f %% of its packets pass, the rest %s: the pair is over its rate (pair_action = police)",
			 100 * pair->record.share, would);
	else if (explain_is_over(explaining, destination) && !(flags & POLICY_FAIR) && !destination->key.thinned)
		snprintf(ret_text, bytes, "every packet %s: the destination is over its rate (Algorithm 2, line 23)",
			 would);
	else if (destination->key.thinned)
		snprintf(ret_text, bytes,
			 "%.1f %% of its packets pass, the rest %s: the destination is over its rate (aggregate = "
			 "fair)",
			 100 * (pair->record.folded ? pair->record.share : destination->record.share), would);
	else if (is_coarse(explaining))
		write_coarse(explaining, would, ret_text, bytes);
	else if (!pair->record.present)
		snprintf(ret_text, bytes,
			 "its packets would pass: this proxy has seen none of them, and the destination is within its "
			 "rate");
	else
		snprintf(ret_text, bytes, "its packets pass: pair and destination are within their rates");
}
