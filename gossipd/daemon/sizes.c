/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Mean sizes of frames, from where they are held. */
#include "summing.h"

double summing_size(const struct summing *summing, const struct key *key)
{
	const enum key_kind kind = key_kind(key);

	return kind == KEY_PAIR || kind == KEY_DESTINATION ? table_size(summing->table, key)
							   : sums_size(&summing->sums.sums, key);
}
