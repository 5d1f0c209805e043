/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Widths, for the program (xdp/widths.h): constants. The keys of the records depend on them, so a table that was made
 * with others is not taken over.
 */
#include <errno.h>
#include <string.h>

#include "table_internal.h"
#include "xpro.skel.h"

uint64_t widths_word(const struct widths *widths)
{
	uint8_t digest[WIDTHS_DIGEST_BYTES];
	uint64_t word;

	widths_digest(widths, digest);
	memcpy(&word, digest, sizeof(word));
	return word;
}

void widths_constants(struct table *table, const struct table_config *config)
{
	struct xpro *skeleton = table->skeleton;
	__u64 mask[2];

	table->widths = config->widths;
	prefix_mask(config->widths.client_bits, mask);
	skeleton->rodata->client_mask = mask[0];
	skeleton->rodata->hosts_count = config->widths.hosts_count;
	for (uint32_t i = 0; i < config->widths.hosts_count; i++) {
		struct address_prefix prefix;

		prefix_words(&config->widths.hosts[i], &prefix);
		memcpy(&skeleton->rodata->hosts[i], &prefix, sizeof(prefix));
	}
}
