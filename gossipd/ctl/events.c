/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* gossipctl events: what happened, oldest first; with --follow, what happens. One object per line in JSON. */
#include <string.h>

#include "text.h"
#include "ask.h"
#include "time_text.h"

#define COUNTER_TEXT_BYTES (NAME_BYTES_MAX + 32)

/* "NAME: RATE", packets per second. Returns how many. */
static size_t write_counters(const struct control_event *e, char texts[CONTROL_COUNTERS][COUNTER_TEXT_BYTES],
			     const char *ret_counted[CONTROL_COUNTERS])
{
	size_t count = 0;

	for (; count < CONTROL_COUNTERS && e->counters[count].rate > 0; count++) {
		snprintf(texts[count], COUNTER_TEXT_BYTES, "%.*s: %.1f", NAME_BYTES_MAX, e->counters[count].member,
			 e->counters[count].rate);
		ret_counted[count] = texts[count];
	}
	return count;
}

static bool show_event(void *user, enum control_type type, const void *row)
{
	struct output *output = user;
	const struct control_event *e = row;
	char at[TIME_TEXT_BYTES], client[TEXT_PREFIX_BYTES] = "", destination[TEXT_PREFIX_BYTES] = "",
				  subject[TEXT_KEY_BYTES];
	char texts[CONTROL_COUNTERS][COUNTER_TEXT_BYTES];
	const char *counted[CONTROL_COUNTERS];
	enum key_kind kind;
	size_t counters;
	struct key key;

	if (type != CONTROL_TYPE_EVENT)
		return true;
	memcpy(key.client.bytes, e->client, 16);
	memcpy(key.destination.bytes, e->destination, 16);
	kind = key_kind(&key);
	if (kind == KEY_NETWORK)
		text_of_network(&key.destination, destination);
	else if (!address_is_zero(&key.destination))
		text_of_address(&key.destination, destination);
	if (kind == KEY_CLIENT || kind == KEY_PAIR)
		text_of_part(e->client, e->client_bits, client);
	if (destination[0] || kind == KEY_CLIENT)
		text_of_key(&key, e->client_bits, subject);
	else
		snprintf(subject, sizeof(subject), "%s", e->member);
	if (e->subject[0])
		snprintf(subject, sizeof(subject), "%.*s", CONTROL_SUBJECT_BYTES - 1, e->subject);
	time_text(e->at_ns, at);
	counters = write_counters(e, texts, counted);
	{
		const struct field fields[] = {
			TEXT("time", "time", -12, at),
			TEXT("kind", "kind", -17, e->kind),
			TEXT("subject", "subject", 0, subject),
			TEXT("text", "what", 0, e->text),
			SIGNED("at_ns", NULL, 0, e->at_ns),
			e->member[0] ? TEXT("member", NULL, 0, e->member) : UNKNOWN("member"),
			client[0] ? TEXT("client", NULL, 0, client) : UNKNOWN("client"),
			destination[0] ? TEXT("destination", NULL, 0, destination) : UNKNOWN("destination"),
			REAL("value", NULL, 0, e->value, 1),
			e->member_part > 0 ? REAL("member_part", NULL, 0, e->member_part, 3) : UNKNOWN("member_part"),
			TEXTS("counted_by", counted, counters),
			e->clients > 0 ? NUMBER("clients", NULL, 0, e->clients) : UNKNOWN("clients"),
			e->clients > 0 ? FLAG("clients_more", NULL, 0, e->clients_more) : UNKNOWN("clients_more"),
			e->clients > 0 ? NUMBER("clients_known", NULL, 0, e->clients_known) : UNKNOWN("clients_known"),
			e->clients > 0 ? NUMBER("clients_answered", NULL, 0, e->clients_answered)
				       : UNKNOWN("clients_answered"),
			e->clients > 0 ? NUMBER("clients_new", NULL, 0, e->clients_new) : UNKNOWN("clients_new"),
			e->clients > 0 ? REAL("largest_part", NULL, 0, e->largest, 3) : UNKNOWN("largest_part"),
			e->bytes > 0 ? REAL("bytes_per_s", NULL, 0, e->bytes, 0) : UNKNOWN("bytes_per_s"),
			e->condition[0] ? TEXT("condition", NULL, 0, e->condition) : UNKNOWN("condition"),
			e->mode == CONTROL_MODE_NONE ? UNKNOWN("enforced")
						     : FLAG("enforced", NULL, 0, e->mode == CONTROL_MODE_ENFORCED),
		};

		output_event(output, FIELDS(fields));
	}
	return !ferror(output->file);
}

int run_events(const struct arguments *arguments, struct output *output)
{
	struct control_request request = { .verb = CONTROL_EVENTS,
					   .flags = arguments->value[OPTION_FOLLOW] ? CONTROL_FOLLOW : 0 };

	return ask(arguments, &request, show_event, output);
}
