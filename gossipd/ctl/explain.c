/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gossipctl explain CLIENT DESTINATION: the way from counts to a verdict, step by step: who counted what in which
 * slot, the record Algorithm 1 makes of it, the carry, the thresholds, the kernel's own record, and what therefore
 * happens to the packets here.
 */
#include "explain.h"

#include <math.h>
#include <string.h>

#include "text.h"
#include "asked.h"
#include "bytes.h"
#include "coarse.h"
#include "rules.h"
#include "time_text.h"

/* ---- what is shown ---- */

static const char *side_name(uint32_t side)
{
	return side == CONTROL_SIDE_ANSWER ? "answer" : side == CONTROL_SIDE_NOT_CLIENT ? "not_client" : "judged";
}

static void show_key(struct explaining *explaining, struct part *part)
{
	const struct control_key *k = &part->key;
	struct output *output = explaining->output;
	char client[TEXT_PREFIX_BYTES] = "", destination[TEXT_ADDRESS_BYTES], text[TEXT_KEY_BYTES];
	struct key key;

	memcpy(key.client.bytes, k->client, 16);
	memcpy(key.destination.bytes, k->destination, 16);
	text_of_address(&key.destination, destination);
	text_of_key(&key, k->client_bits, text);
	if (key_kind(&key) == KEY_PAIR)
		text_of_part(k->client, k->client_bits, client);
	{
		const struct field fields[] = {
			client[0] ? TEXT("client", NULL, 0, client) : UNKNOWN("client"),
			TEXT("destination", NULL, 0, destination),
			FLAG("held", NULL, 0, k->held),
			SIGNED("ts1_ns", NULL, 0, k->ts1_ns),
			SIGNED("ts2_ns", NULL, 0, k->ts2_ns),
			NUMBER("count", NULL, 0, k->count),
			REAL("carried", NULL, 0, k->carried, 1),
			REAL("window_s", NULL, 0, k->window_s, 2),
			REAL("rate", NULL, 0, k->rate, 1),
			REAL("bytes_per_s", NULL, 0, k->bytes, 0),
			REAL("offered", NULL, 0, k->offered, 1),
			REAL("limit", NULL, 0, k->limit, 0),
			REAL("share", NULL, 0, k->share, 3),
			NUMBER("origins", NULL, 0, k->origins),
			FLAG("over", NULL, 0, k->over),
			FLAG("thinned", NULL, 0, k->thinned),
			NUMBER("untold_most", NULL, 0, k->untold),
		};

		output_facts(output, part->name, FIELDS(fields));
	}
	output_say(output, "%s %s", part->name, text);
}

static void show_record(struct explaining *explaining, const struct part *part)
{
	const struct control_record *r = &part->record;
	const struct field fields[] = {
		FLAG("present", NULL, 0, r->present),
		FLAG("folded", NULL, 0, r->folded),
		NUMBER("packets", NULL, 0, r->packets),
		NUMBER("answers", NULL, 0, r->answers),
		FLAG("answers_tcp", NULL, 0, r->answers_tcp),
		NUMBER("answers_mesh", NULL, 0, r->answers_mesh),
		FLAG("remembered", NULL, 0, r->remembered),
		REAL("window_s", NULL, 0, r->window_s, 2),
		NUMBER("window_packets", NULL, 0, r->window_packets),
		NUMBER("count", NULL, 0, r->count),
		REAL("judged_window_s", NULL, 0, r->judged_window_s, 2),
		REAL("share", NULL, 0, r->share, 3),
		REAL("frame_bytes", NULL, 0, r->size > 0 ? r->size : NAN, 0),
		part == &explaining->part[1] ? NUMBER("bytes", NULL, 0, r->bytes) : UNKNOWN("bytes"),
		FLAG("over", NULL, 0, explain_is_over(explaining, part)),
	};
	char name[32];

	snprintf(name, sizeof(name), "%s_record", part->name);
	output_facts(explaining->output, name, FIELDS(fields));
	snprintf(name, sizeof(name), "%s_cells", part->name);
	output_list(explaining->output, name);
}

static void show_cell(struct explaining *explaining, struct part *part, const struct control_cell *c)
{
	double slot_s = explaining->status.slot_ms / 1000.;
	int64_t begins_ns = (int64_t)c->slot * explaining->status.slot_ms * NS_PER_MS;
	char begins[TIME_TEXT_BYTES];

	shares_take(&part->shares, c);
	time_text(begins_ns, begins);
	if (part->cells++ == 0)
		output_say(explaining->output, "  counted, in slots of %.3g s:", slot_s);
	{
		const struct field fields[] = {
			TEXT("begins", "slot begins", -12, begins),
			NUMBER("slot", "slot", 11, c->slot),
			TEXT("member", "counted by", -20, c->member),
			NUMBER("packets", "packets", 10, c->packets),
			REAL("first_s", "first s", 8, (double)(c->first_ns - begins_ns) / NS_PER_S, 2),
			REAL("last_s", "last s", 8, (double)(c->last_ns - begins_ns) / NS_PER_S, 2),
			NUMBER("incarnation", NULL, 0, c->incarnation),
			SIGNED("first_ns", NULL, 0, c->first_ns),
			SIGNED("last_ns", NULL, 0, c->last_ns),
			/* of a pair */
			NUMBER("answers", "answers", 9, c->answers),
			FLAG("answers_tcp", NULL, 0, c->answers_tcp),
		};
		const size_t of_pairs = part == &explaining->part[0] ? 0 : 2;

		output_row(explaining->output, fields, sizeof(fields) / sizeof(fields[0]) - of_pairs);
	}
}

/* What other proxies may have counted and kept to themselves, as nobody called the key. */
static void say_untold(struct explaining *explaining, const struct part *part)
{
	if (part->key.untold == UINT32_MAX)
		output_say(explaining->output,
			   "  cells of other proxies that no proxy called are not shown: without a rate nobody calls");
	else if (part->key.untold > 0)
		output_say(explaining->output,
			   "  cells that no proxy called are not shown: less than %llu packets a slot of each other "
			   "proxy that publishes by need",
			   (unsigned long long)part->key.untold + 1);
}

static void say_replayed(struct explaining *explaining, const struct part *part)
{
	const struct control_key *k = &part->key;
	struct output *output = explaining->output;
	char ts1[TIME_TEXT_BYTES], ts2[TIME_TEXT_BYTES];

	if (!k->held) {
		output_say(output, "  %s a packet of it in the slots held",
			   k->untold > 0 ? "this proxy counted no packet, and no other told of" : "nobody counted");
		return;
	}
	time_text(k->ts1_ns, ts1);
	time_text(k->ts2_ns, ts2);
	output_say(output, "  Algorithm 1: window from ts1 %s to ts2 %s (%.1f s ago), c = %llu packets by %u %s", ts1,
		   ts2, (double)(explaining->status.now_ns - k->ts2_ns) / NS_PER_S, (unsigned long long)k->count,
		   k->origins, k->origins == 1 ? "proxy" : "proxies");
	if (k->carried >= 0.5)
		output_say(output, "  carried: %.0f more, counted elsewhere since the last tick known of every proxy",
			   k->carried);
	if (k->limit > 0)
		output_say(output, "  rate: %.0f packets / %.2f s = %.1f/s against %s = %.0f/s: %s",
			   (double)k->count + k->carried, k->window_s, k->rate, part->symbol, k->limit,
			   k->rate > k->limit ? "over" : "within");
	else
		output_say(output, "  rate: %.0f packets / %.2f s = %.1f/s; %s: no limit",
			   (double)k->count + k->carried, k->window_s, k->rate, part->symbol);
	if (k->thinned)
		output_say(output, "  thinned: offered %.1f/s lately; each client has a share of %s (aggregate = fair)",
			   k->offered, part->symbol);
}

/* Without a record: it was the other way that this proxy saw. */
static void say_answers(struct explaining *explaining, const struct control_record *r)
{
	if (r->answers)
		output_say(explaining->output, "  answers that left here for the client: %u%s", r->answers,
			   r->answers_tcp ? ", of TCP" : "");
	if (r->answers_mesh)
		output_say(explaining->output, "  answers at all proxies in the slots that are held: %u",
			   r->answers_mesh);
	if (r->remembered)
		output_say(explaining->output, "  it was answered here within the last day");
}

static void say_record(struct explaining *explaining, const struct part *part)
{
	const struct control_record *r = &part->record;
	struct output *output = explaining->output;
	double window_s;

	say_answers(explaining, r);
	if (!r->present) {
		output_say(output, "  in the kernel: no record");
		return;
	}
	output_say(output,
		   "  in the kernel: %llu packets passed by here since its record was made; judged: %llu packets / "
		   "%.2f s (%s)",
		   (unsigned long long)r->packets, (unsigned long long)r->count, r->judged_window_s,
		   r->folded ? "the mesh's record" : "its own window, nothing from the mesh is in force");
	say_bytes(output, &part->key, r);
	if (!explain_may_judge(explaining, part, &window_s))
		output_say(output, "  no verdict yet: the window is shorter than the minimum of %.2f s (early = false)",
			   window_s);
	else if (window_s > r->judged_window_s)
		output_say(output, "  the minimum window of %.2f s counts instead", window_s);
}

static void say_part(struct explaining *explaining, struct part *part)
{
	show_shares(explaining->output, part->name, &part->shares);
	say_untold(explaining, part);
	say_replayed(explaining, part);
	say_record(explaining, part);
	output_say(explaining->output, "%s", "");
}

/* ---- the rows as they come ---- */

/* The last part is said before what follows it. */
static void end_parts(struct explaining *explaining)
{
	if (!explaining->ended && explaining->parts == 2) {
		say_part(explaining, &explaining->part[1]);
		output_list(explaining->output, "coarse");
		explaining->ended = true;
	}
}

static void take_coarse(struct explaining *explaining, const struct control_coarse *row)
{
	end_parts(explaining);
	if (row->kind == COARSE_NETWORKS)
		explaining->network = *row;
	show_coarse(explaining->output, row);
}

static bool take_row(void *user, enum control_type type, const void *row)
{
	struct explaining *explaining = user;
	struct part *part = explaining->parts ? &explaining->part[explaining->parts - 1] : NULL;

	if (type == CONTROL_TYPE_CLIENT) {
		show_asked(explaining->output, row);
	} else if (type == CONTROL_TYPE_STATUS) {
		explaining->status = *(const struct control_status *)row;
		output_list(explaining->output, "rules");
	} else if (type == CONTROL_TYPE_RULE) {
		show_rule(explaining->output, row);
	} else if (type == CONTROL_TYPE_KEY && explaining->parts < 2) {
		if (part)
			say_part(explaining, part);
		part = &explaining->part[explaining->parts++];
		part->key = *(const struct control_key *)row;
		show_key(explaining, part);
	} else if (type == CONTROL_TYPE_KEY && explaining->wholes < 2) {
		end_parts(explaining);
		explaining->whole[explaining->wholes++] = *(const struct control_key *)row;
	} else if (type == CONTROL_TYPE_RECORD && part) {
		part->record = *(const struct control_record *)row;
		show_record(explaining, part);
	} else if (type == CONTROL_TYPE_CELL && part) {
		show_cell(explaining, part, row);
	} else if (type == CONTROL_TYPE_COARSE) {
		take_coarse(explaining, row);
	}
	return !ferror(explaining->output->file);
}

/* A client or network: its rate, the limit that it is judged by, and what this proxy does about it. */
static void say_whole(const struct explaining *explaining, const struct control_key *k, uint32_t rate, uint32_t limit)
{
	const bool is_client = k == &explaining->whole[0];
	char text[LIMIT_TEXT_BYTES], name[TEXT_PREFIX_BYTES];
	struct address network;

	memcpy(network.bytes, k->destination, 16);
	if (is_client)
		text_of_part(k->client, k->client_bits, name);
	else
		text_of_network(&network, name);
	limit_text(rate, limit, text);
	output_say(explaining->output, "  %s_rate of %s: %s", is_client ? "client" : "network", name, text);
	if (k->held)
		output_say(explaining->output, "    at all proxies %.1f/s: %s", k->rate, k->over ? "over" : "within");
	say_bytes_of_whole(explaining->output, k);
	if (k->limited)
		output_say(explaining->output,
			   "    this proxy lets %.1f/s pass; since the limit began %llu of %llu packets %s", k->granted,
			   (unsigned long long)k->dropped, (unsigned long long)k->reached,
			   explaining->status.policy_flags & POLICY_MONITOR ? "would have been dropped" :
									      "were dropped");
}

static void show_whole(const struct explaining *explaining, const struct control_key *k, const char *name)
{
	const struct field fields[] = {
		FLAG("held", NULL, 0, k->held),	      REAL("rate", NULL, 0, k->rate, 1),
		REAL("bytes_per_s", NULL, 0, k->bytes, 0),
		REAL("limit", NULL, 0, k->limit, 0),  FLAG("shadow", NULL, 0, k->shadow),
		FLAG("over", NULL, 0, k->over),	      NUMBER("origins", NULL, 0, k->origins),
		FLAG("limited", NULL, 0, k->limited), REAL("granted", NULL, 0, k->granted, 1),
		NUMBER("reached", NULL, 0, k->reached), NUMBER("dropped", NULL, 0, k->dropped),
		NUMBER("untold_most", NULL, 0, k->untold),
	};

	output_facts(explaining->output, name, FIELDS(fields));
}

static void say_wholes(const struct explaining *explaining)
{
	const struct control_status *s = &explaining->status;

	show_whole(explaining, &explaining->whole[0], "client");
	show_whole(explaining, &explaining->whole[1], "network");
	say_whole(explaining, &explaining->whole[0], s->client_rate, s->client_limit);
	say_whole(explaining, &explaining->whole[1], s->network_rate, s->network_limit);
}

static void show_verdict(struct explaining *explaining)
{
	char text[256], name[160];
	const struct field fields[] = {
		TEXT("proxy", NULL, 0, explaining->status.name),
		TEXT("verdict", NULL, 0, text),
		TEXT("side", NULL, 0, side_name(explaining->status.side)),
		FLAG("pair_over", NULL, 0, explain_is_over(explaining, &explaining->part[0])),
		FLAG("destination_over", NULL, 0, explain_is_over(explaining, &explaining->part[1])),
		FLAG("enforced", NULL, 0, !(explaining->status.policy_flags & POLICY_MONITOR)),
		FLAG("outside", NULL, 0, explain_is_outside(explaining)),
		NUMBER("pair_rate", NULL, 0, explaining->status.pair_rate),
		NUMBER("destination_rate", NULL, 0, explaining->status.destination_rate),
		NUMBER("client_rate", NULL, 0, explaining->status.client_rate),
		NUMBER("client_limit", NULL, 0, explaining->status.client_limit),
		NUMBER("network_rate", NULL, 0, explaining->status.network_rate),
		NUMBER("network_limit", NULL, 0, explaining->status.network_limit),
		NUMBER("idle_reset_ms", NULL, 0, explaining->status.idle_reset_ms),
		NUMBER("pair_min_window_ms", NULL, 0, explaining->status.pair_min_window_ms),
		NUMBER("destination_min_window_ms", NULL, 0, explaining->status.destination_min_window_ms),
		NUMBER("slot_ms", NULL, 0, explaining->status.slot_ms),
		SIGNED("now_ns", NULL, 0, explaining->status.now_ns),
	};

	explain_verdict(explaining, text, sizeof(text));
	text_escape(explaining->status.name, name, sizeof(name));
	output_facts(explaining->output, "verdict", FIELDS(fields));
	output_say(explaining->output, "verdict at %s: %s", name, text);
	if (explaining->status.pair_rate == 0)
		output_say(explaining->output, "  T_F1 (pair_rate): no limit");
	if (explaining->status.outside)
		output_say(explaining->output,
			   "  no rule of its client holds the destination: T_F1 is at most outside_rate");
	if (explaining->status.destination_rate == 0)
		output_say(explaining->output, "  T_F2 (destination_rate): no limit");
	say_wholes(explaining);
}

int run_explain(const struct arguments *arguments, struct output *output)
{
	struct control_request request = { .verb = CONTROL_EXPLAIN };
	struct explaining explaining = {
		.output = output,
		.part = { { .name = "pair", .symbol = "T_F1" }, { .name = "destination", .symbol = "T_F2" } },
	};
	struct address address[2];
	int status;

	for (unsigned int i = 0; i < 2; i++) {
		if (!text_to_counted(arguments->words[i], &address[i])) {
			complain("%s: not a literal IPv4 or IPv6 address", arguments->words[i]);
			return EXIT_USAGE;
		}
	}
	if (address_is_ipv4(&address[0]) != address_is_ipv4(&address[1])) {
		complain("%s, %s: one is IPv4, the other IPv6; no packet goes from one to the other",
			 arguments->words[0], arguments->words[1]);
		return EXIT_USAGE;
	}
	memcpy(request.client, address[0].bytes, 16);
	memcpy(request.destination, address[1].bytes, 16);
	status = ask(arguments, &request, take_row, &explaining);
	if (status != EXIT_OK)
		return status;
	if (explaining.wholes < 2) {
		complain("gossipd ended its answer early");
		return EXIT_FAILED;
	}
	end_parts(&explaining);
	show_verdict(&explaining);
	return EXIT_OK;
}
