/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "suggestion.h"

#include <math.h>

#include "learning.h"

static struct suggestion suggest(const struct rates *rates, uint32_t margin_percent)
{
	const double usual = rates_percentile(rates, 99);
	struct suggestion suggestion = { .cut = rates->highest > SUGGESTION_OUTLIER * usual };

	suggestion.base = suggestion.cut ? usual : rates->highest;
	if (rates->samples > 0)
		suggestion.rate = learning_rate((uint32_t)fmin(ceil(suggestion.base), UINT32_MAX), margin_percent);
	return suggestion;
}

static void raise_to(struct suggestion *suggestion, const struct suggestion *least)
{
	if (suggestion->rate == 0 || suggestion->rate >= least->rate)
		return;
	suggestion->rate = least->rate;
	suggestion->raised = true;
}

void suggestion_make(const struct rates rates[KEY_KINDS], uint32_t margin_percent,
		     struct suggestion ret_suggestions[KEY_KINDS])
{
	for (unsigned int kind = 0; kind < KEY_KINDS; kind++)
		ret_suggestions[kind] = suggest(&rates[kind], margin_percent);
	raise_to(&ret_suggestions[KEY_CLIENT], &ret_suggestions[KEY_PAIR]);
	raise_to(&ret_suggestions[KEY_DESTINATION], &ret_suggestions[KEY_PAIR]);
	raise_to(&ret_suggestions[KEY_NETWORK], &ret_suggestions[KEY_DESTINATION]);
	for (unsigned int kind = 0; kind < KEY_KINDS; kind++)
		ret_suggestions[kind].above =
			ret_suggestions[kind].rate ? rates_above(&rates[kind], ret_suggestions[kind].rate) : 0;
}
