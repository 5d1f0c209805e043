/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An address or a prefix within an IPv6 client: packets are counted by the client, so the answer is about that. */
#include <string.h>

#include "asked.h"
#include "text.h"

void asked_text(const struct control_client *row, char ret_text[ASKED_TEXT_BYTES])
{
	char asked[TEXT_PREFIX_BYTES], client[TEXT_PREFIX_BYTES];

	text_of_part(row->asked, row->asked_bits, asked);
	text_of_part(row->client, row->client_bits, client);
	snprintf(ret_text, ASKED_TEXT_BYTES, "%s is of the client %s", asked, client);
}

void show_asked(struct output *output, const struct control_client *row)
{
	char asked[TEXT_PREFIX_BYTES], client[TEXT_PREFIX_BYTES], text[ASKED_TEXT_BYTES];
	const struct field fields[] = {
		TEXT("address", NULL, 0, asked),
		TEXT("client", NULL, 0, client),
	};

	text_of_part(row->asked, row->asked_bits, asked);
	text_of_part(row->client, row->client_bits, client);
	asked_text(row, text);
	output_facts(output, "asked", FIELDS(fields));
	output_say(output, "%s", text);
}
