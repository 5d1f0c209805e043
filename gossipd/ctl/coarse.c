/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Coarse entries as people read them: the networks and clients of packets that find no record. */
#include "coarse.h"
#include "text.h"

void show_coarse(struct output *output, const struct control_coarse *row)
{
	char prefix[TEXT_PREFIX_BYTES];
	const struct field fields[] = {
		TEXT("kind", "without a record", -16, row->kind == COARSE_NETWORKS ? "network" : "client"),
		TEXT("prefix", "prefix", -24, prefix),
		NUMBER("packets", "packets", 14, row->packets),
		REAL("window_s", "window s", 9, row->window_s, 2),
		REAL("rate", "rate/s", 10, row->rate, 1),
		REAL("share", NULL, 0, row->share, 3),
	};

	text_of_part(row->prefix, row->bits, prefix);
	output_row(output, FIELDS(fields));
}
