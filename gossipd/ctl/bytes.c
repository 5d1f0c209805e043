/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bytes as people read them: those of a destination are counted, those of a pair are taken from samples. */
#include "bytes.h"
#include "text.h"

void say_bytes(struct output *output, const struct control_key *key, const struct control_record *record)
{
	const struct address *client = (const struct address *)key->client;

	if (record->size <= 0)
		return;
	if (address_is_zero(client))
		output_say(output, "  frames here: %.0f bytes each in the last tick; %llu bytes since gossipd met it",
			   record->size, (unsigned long long)record->bytes);
	else
		output_say(output, "  frames here: about %.0f bytes each, by samples", record->size);
	if (key->bytes > 0)
		output_say(output, "  at this size its rate is %.3g kB/s", key->bytes / 1e3);
}

void say_bytes_of_whole(struct output *output, const struct control_key *key)
{
	if (key->held && key->bytes > 0)
		output_say(output, "    about %.3g kB/s by the size of its frames here", key->bytes / 1e3);
}
