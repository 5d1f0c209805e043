/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* gossipctl pairs, destinations, clients and networks: what the mesh knows of each key, as judged at this proxy now. */
#include <string.h>

#include "text.h"
#include "ask.h"
#include "asked.h"

struct listing {
	struct output *output;
	const char *list;
	bool begun;
};

static void list_begin(struct listing *listing)
{
	if (!listing->begun)
		output_list(listing->output, listing->list);
	listing->begun = true;
}

#define FURTHER_FIELDS 5

/* Of a kind: only a pair has answers, and only a client or a network a limit of this proxy's. Returns how many. */
static size_t further_fields(const struct control_key *k, enum key_kind kind, const char *granted,
			     struct field ret_fields[FURTHER_FIELDS])
{
	const struct field of_pair[] = { NUMBER("answers", "answers", 9, k->answers),
					 NUMBER("answers_mesh", NULL, 0, k->answers_mesh) };
	const struct field of_limit[] = {
		TEXT("granted_text", "grants/s", 9, granted),
		NUMBER("dropped", "dropped", 10, k->dropped),
		NUMBER("reached", NULL, 0, k->reached),
		REAL("granted", NULL, 0, k->granted, 1),
		FLAG("limited", NULL, 0, k->limited),
	};

	if (kind == KEY_DESTINATION)
		return 0;
	if (kind == KEY_PAIR) {
		memcpy(ret_fields, of_pair, sizeof(of_pair));
		return sizeof(of_pair) / sizeof(of_pair[0]);
	}
	memcpy(ret_fields, of_limit, sizeof(of_limit));
	return sizeof(of_limit) / sizeof(of_limit[0]);
}

static bool show_key(void *user, enum control_type type, const void *row)
{
	struct listing *listing = user;
	struct output *output = listing->output;
	const struct control_key *k = row;
	struct key key;
	char first[TEXT_PREFIX_BYTES] = "", second[TEXT_PREFIX_BYTES];
	char limit[32] = "no limit", granted[32] = "-";
	const char *name = "destination";
	bool pair;

	if (type == CONTROL_TYPE_CLIENT)
		show_asked(output, row);
	if (type != CONTROL_TYPE_KEY)
		return true;
	list_begin(listing);
	memcpy(key.client.bytes, k->client, 16);
	memcpy(key.destination.bytes, k->destination, 16);
	if (k->limit > 0)
		snprintf(limit, sizeof(limit), k->shadow ? "(%.0f)" : "%.0f", k->limit);
	if (k->limited)
		snprintf(granted, sizeof(granted), "%.1f", k->granted);
	pair = key_kind(&key) == KEY_PAIR;
	switch (key_kind(&key)) {
	case KEY_PAIR:
		text_of_part(k->client, k->client_bits, first);
		text_of_address(&key.destination, second);
		break;
	case KEY_DESTINATION:
		text_of_address(&key.destination, second);
		break;
	case KEY_CLIENT:
		name = "client";
		text_of_part(k->client, k->client_bits, second);
		break;
	case KEY_NETWORK:
		name = "network";
		text_of_network(&key.destination, second);
		break;
	}
	{
		const struct field fields[] = {
			TEXT("client", "client", -28, first),
			TEXT(name, name, -28, second),
			REAL("rate", "rate/s", 10, k->rate, 1),
			REAL("bytes_per_s", "bytes/s", 10, k->bytes, 0),
			REAL("limit", NULL, 0, k->limit, 0),
			TEXT("limit_text", "limit/s", 9, limit),
			TEXT("verdict", "verdict", -7, k->thinned ? "thinned" : k->over ? "over" : "within"),
			REAL("share", "share", 6, k->share, 3),
			NUMBER("count", "packets", 10, k->count),
			REAL("window_s", "window s", 8, k->window_s, 2),
			NUMBER("origins", "proxies", 7, k->origins),
			REAL("offered", NULL, 0, k->offered, 1),
			REAL("carried", NULL, 0, k->carried, 1),
			FLAG("shadow", NULL, 0, k->shadow),
			FLAG("over", NULL, 0, k->over),
			FLAG("thinned", NULL, 0, k->thinned),
			SIGNED("ts1_ns", NULL, 0, k->ts1_ns),
			SIGNED("ts2_ns", NULL, 0, k->ts2_ns),
		};
		struct field shown[sizeof(fields) / sizeof(fields[0]) + FURTHER_FIELDS];
		size_t count = sizeof(fields) / sizeof(fields[0]);

		memcpy(shown, fields, sizeof(fields));
		count += further_fields(k, key_kind(&key), granted, shown + count);
		output_row(output, shown + !pair, count - !pair); /* only a pair has two addresses */
	}
	return !ferror(output->file);
}

static int run(const struct arguments *arguments, struct output *output, enum control_verb verb, const char *list)
{
	struct control_request request = { .verb = verb, .flags = arguments->value[OPTION_OVER] ? CONTROL_OVER : 0 };

	struct listing listing = { .output = output, .list = list };
	int status;

	if (!ask_prefixes(arguments, &request))
		return EXIT_USAGE;
	status = ask(arguments, &request, show_key, &listing);
	list_begin(&listing); /* an empty one */
	return status;
}

int run_pairs(const struct arguments *arguments, struct output *output)
{
	return run(arguments, output, CONTROL_PAIRS, "pairs");
}

int run_destinations(const struct arguments *arguments, struct output *output)
{
	return run(arguments, output, CONTROL_DESTINATIONS, "destinations");
}

int run_clients(const struct arguments *arguments, struct output *output)
{
	return run(arguments, output, CONTROL_CLIENTS, "clients");
}

int run_networks(const struct arguments *arguments, struct output *output)
{
	return run(arguments, output, CONTROL_NETWORKS, "networks");
}
