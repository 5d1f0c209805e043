/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* gossipctl pairs and destinations: what the mesh knows of each key, as judged at this proxy now. */
#include <string.h>

#include "text.h"
#include "ask.h"

static bool show_key(void *user, enum control_type type, const void *row)
{
	struct output *output = user;
	const struct control_key *k = row;
	struct key key;
	char client[TEXT_ADDRESS_BYTES] = "", destination[TEXT_ADDRESS_BYTES];
	char limit[32] = "no limit";
	bool pair;

	if (type != CONTROL_TYPE_KEY)
		return true;
	memcpy(key.client.bytes, k->client, 16);
	memcpy(key.destination.bytes, k->destination, 16);
	if (k->limit > 0)
		snprintf(limit, sizeof(limit), "%.0f", k->limit);
	pair = !key_is_destination(&key);
	text_of_address(&key.destination, destination);
	if (pair)
		text_of_address(&key.client, client);
	{
		const struct field fields[] = {
			TEXT("client", "client", -28, client),
			TEXT("destination", "destination", -28, destination),
			REAL("rate", "rate/s", 10, k->rate, 1),
			REAL("limit", NULL, 0, k->limit, 0),
			TEXT("limit_text", "limit/s", 9, limit),
			TEXT("verdict", "verdict", -7, k->thinned ? "thinned" : k->over ? "over" : "within"),
			REAL("share", "share", 6, k->share, 3),
			NUMBER("count", "packets", 10, k->count),
			REAL("window_s", "window s", 8, k->window_s, 2),
			NUMBER("origins", "proxies", 7, k->origins),
			REAL("offered", NULL, 0, k->offered, 1),
			REAL("carried", NULL, 0, k->carried, 1),
			FLAG("over", NULL, 0, k->over),
			FLAG("thinned", NULL, 0, k->thinned),
			SIGNED("ts1_ns", NULL, 0, k->ts1_ns),
			SIGNED("ts2_ns", NULL, 0, k->ts2_ns),
		};

		/* A destination has no client. */
		output_row(output, fields + !pair, sizeof(fields) / sizeof(fields[0]) - !pair);
	}
	return !ferror(output->file);
}

static int run(const struct arguments *arguments, struct output *output, enum control_verb verb, const char *list)
{
	struct control_request request = { .verb = verb, .flags = arguments->value[OPTION_OVER] ? CONTROL_OVER : 0 };

	if (!ask_prefixes(arguments, &request))
		return EXIT_USAGE;
	output_list(output, list);
	return ask(arguments, &request, show_key, output);
}

int run_pairs(const struct arguments *arguments, struct output *output)
{
	return run(arguments, output, CONTROL_PAIRS, "pairs");
}

int run_destinations(const struct arguments *arguments, struct output *output)
{
	return run(arguments, output, CONTROL_DESTINATIONS, "destinations");
}
