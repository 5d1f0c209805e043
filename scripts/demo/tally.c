// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Turns the three traces of one run into one JSON object: what was offered, delivered and dropped, when each proxy
 * first dropped, what still passed after that. Computes from records alone; what it says of a run, verdict judges.
 *
 *     tally on|off|none fair|strict SENT RECEIVED COUNTERS [OVER.json...] > run.json
 *
 * OVER.json: what each proxy named when asked, towards the end, for what is over its rate (gossipctl
 * pairs|destinations --over
 * --json). "After detection" is the time from the moment every proxy has dropped until the attack's end; without
 * that moment there is none.
 */
#include <jansson.h>
#include <math.h>

#include <xpro/record.h>

#include "trace.h"

#define SECONDS_MAX 60
#define TICK_NS 200000000LL
#define TICKS_MAX (SECONDS_MAX * 5)
#define CARRY_TICKS 3
/* a tick with so many times the mean tick's packets: this machine held the sender up, and it caught up */
#define BURST 1.25

struct client_tally {
	uint64_t sent, delivered, sent_after, delivered_after;
};

struct tally {
	struct client_tally client[CLIENTS_MAX];
	uint64_t sent[CLASS_COUNT], delivered[CLASS_COUNT], sent_after[CLASS_COUNT], delivered_after[CLASS_COUNT];
	uint64_t reasons[PROXIES_MAX][REASON_COUNT];
	int64_t first_drop[PROXIES_MAX];
	uint64_t dropped, dropped_early; /* early: more than early_ns before the crossing */
	int64_t early_ns;
	double burst; /* the attack's fullest tick up to the crossing, in its mean tick */
	int64_t detected_at;
	uint64_t victim_pps[SECONDS_MAX];   /* delivered to the attacked address, by second of the run */
	uint64_t victim_after[SECONDS_MAX]; /* the same, by whole seconds after detection */
	uint64_t proxy_peak[PROXIES_MAX];   /* bots: the most one proxy was offered in a second; attack 1: of one bot */
};

static const char *const reason_names[] = REASON_NAMES;
static const char *const class_names[] = { "honest", "bystander", "bot" };

static bool reason_drops(unsigned int reason)
{
	return reason >= REASON_DROP_PAIR && reason <= REASON_DROP_DESTINATION_SHARE;
}

/*
 * What others counted in the last ticks is estimated at the rate before: while that is constant the line may seem
 * crossed a tick before it is, and while it is not, as many ticks as the estimate is carried on.
 */
static void tally_pace(struct tally *tally, const struct trace *sent)
{
	static uint64_t offered[TICKS_MAX];
	uint64_t ticks = (uint64_t)(sent->ended_at - sent->attack_at) / TICK_NS, total = 0, most = 0;

	for (uint64_t i = 0; i < sent->count; i++) {
		const int64_t tick = (sent->record[i].at - sent->attack_at) / TICK_NS;

		if (sent->record[i].kind != CLASS_BOT || tick < 0 || tick >= TICKS_MAX)
			continue;
		total++;
		if (++offered[tick] > most && sent->record[i].at <= sent->crossed_at)
			most = offered[tick];
	}
	tally->burst = total && ticks ? (double)most * (double)ticks / (double)total : 0;
	tally->early_ns = tally->burst > BURST ? CARRY_TICKS * TICK_NS : TICK_NS;
}

static void tally_counters(struct tally *tally, const struct trace *sent, const struct trace *counters)
{
	for (unsigned int i = 0; i < counters->proxies; i++)
		tally->first_drop[i] = NEVER;
	for (uint64_t i = 0; i < counters->count; i++) {
		const struct trace_record *record = &counters->record[i];

		tally->reasons[record->proxy][record->kind] += record->value;
		if (!reason_drops(record->kind))
			continue;
		tally->dropped += record->value;
		if (record->at < sent->crossed_at - tally->early_ns)
			tally->dropped_early += record->value;
		if (record->at < tally->first_drop[record->proxy])
			tally->first_drop[record->proxy] = record->at;
	}
	tally->detected_at = 0;
	for (unsigned int i = 0; i < counters->proxies; i++) {
		if (tally->first_drop[i] > tally->detected_at)
			tally->detected_at = tally->first_drop[i];
	}
}

static void tally_packets(struct tally *tally, const struct trace *sent, const struct trace *received)
{
	static uint32_t offered[PROXIES_MAX][CLIENTS_MAX + 1][SECONDS_MAX]; /* the last row: all bots */
	bool spread = sent->attacked_family == 0;

	for (uint64_t i = 0; i < sent->count; i++) {
		const struct trace_record *record = &sent->record[i];
		int64_t second = (record->at - sent->started_at) / 1000000000;
		bool after = record->at > tally->detected_at && record->at < sent->ended_at;

		tally->sent[record->kind]++;
		tally->client[record->client].sent++;
		tally->sent_after[record->kind] += after;
		tally->client[record->client].sent_after += after;
		if (record->kind == CLASS_BOT && second >= 0 && second < SECONDS_MAX)
			offered[record->proxy][spread ? record->client : CLIENTS_MAX][second]++;
	}
	for (unsigned int i = 0; i < sent->proxies; i++) {
		for (unsigned int j = 0; j <= CLIENTS_MAX; j++) {
			for (unsigned int k = 0; k < SECONDS_MAX; k++)
				tally->proxy_peak[i] = offered[i][j][k] > tally->proxy_peak[i] ? offered[i][j][k]
											       : tally->proxy_peak[i];
		}
	}
	for (uint64_t i = 0; i < received->count; i++) {
		const struct trace_record *record = &received->record[i];
		int64_t second = (record->at - sent->started_at) / 1000000000;
		int64_t second_after = (record->at - tally->detected_at) / 1000000000;
		bool after = record->at > tally->detected_at && record->at < sent->ended_at;

		tally->delivered[record->kind]++;
		tally->client[record->client].delivered++;
		tally->delivered_after[record->kind] += after;
		tally->client[record->client].delivered_after += after;
		if (record->value != sent->attacked_family || second < 0 || second >= SECONDS_MAX)
			continue;
		tally->victim_pps[second]++;
		if (after && second_after < SECONDS_MAX)
			tally->victim_after[second_after]++;
	}
}

/* Milliseconds from one moment to another; null when it never came. */
static json_t *milliseconds(int64_t from, int64_t to)
{
	return from == NEVER || to == NEVER ? json_null() : json_real(round((double)(to - from) / 1e5) / 10);
}

static json_t *ratio(double part, double whole)
{
	return whole > 0 ? json_real(round(part / whole * 1e5) / 1e5) : json_null();
}

/*
 * Of the bots' packets above T_F1 after detection, how many were dropped: what a bot got through beyond T_F1 x the
 * time leaked.
 */
static void add_excess(json_t *run, const struct tally *tally, const struct trace *sent, double seconds)
{
	double excess = 0, leaked = 0, allowed = (double)sent->pair_rate * seconds;

	for (unsigned int i = 0; i < sent->clients; i++) {
		if (sent->client[i].class != CLASS_BOT)
			continue;
		excess += fmax(0, (double)tally->client[i].sent_after - allowed);
		leaked += fmax(0, (double)tally->client[i].delivered_after - allowed);
	}
	json_object_set_new(run, "bot_above_rate_after_detection", json_real(round(excess)));
	json_object_set_new(run, "bot_above_rate_leaked", json_real(round(leaked)));
	json_object_set_new(run, "bot_above_rate_dropped_share", ratio(excess - leaked, excess));
}

static void add_victim(json_t *run, const struct tally *tally, const struct trace *sent, double seconds)
{
	json_t *rates = json_array();
	uint64_t most = 0;
	unsigned int run_seconds = (unsigned int)((sent->ended_at - sent->started_at) / 1000000000);

	for (unsigned int i = 0; i < run_seconds && i < SECONDS_MAX; i++)
		json_array_append_new(rates, json_integer((json_int_t)tally->victim_pps[i]));
	for (unsigned int i = 0; i + 1 <= (unsigned int)seconds && i < SECONDS_MAX; i++)
		most = tally->victim_after[i] > most ? tally->victim_after[i] : most;
	json_object_set_new(run, "victim_pps", rates);
	json_object_set_new(run, "victim_rate_over_limit",
			    seconds >= 1 ? ratio((double)most, (double)sent->destination_rate) : json_null());
}

static void add_clients(json_t *run, const struct tally *tally, const struct trace *sent)
{
	unsigned int clients[CLASS_COUNT] = { 0 }, honest_hurt = 0;
	double worst = 0;

	for (unsigned int i = 0; i < sent->clients; i++) {
		const struct client_tally *client = &tally->client[i];

		clients[sent->client[i].class]++;
		if (sent->client[i].class != CLASS_HONEST || client->sent == client->delivered)
			continue;
		honest_hurt++;
		worst = fmax(worst, 1 - (double)client->delivered / (double)client->sent);
	}
	json_object_set_new(run, "clients",
			    json_pack("{si,si,si}", "honest", clients[CLASS_HONEST], "bystander",
				      clients[CLASS_BYSTANDER], "bot", clients[CLASS_BOT]));
	json_object_set_new(run, "honest_clients_hurt", json_integer(honest_hurt));
	json_object_set_new(run, "honest_worst_loss", json_real(worst));
}

static void add_proxies(json_t *run, const struct tally *tally, const struct trace *sent)
{
	json_t *first = json_array(), *from_start = json_array(), *peaks = json_array(), *reasons = json_array();
	json_t *all = json_object();
	bool agreed = tally->detected_at != NEVER && sent->crossed_at != NEVER;

	for (unsigned int i = 0; i < sent->proxies; i++) {
		json_t *own = json_object();

		for (unsigned int reason = 0; reason < REASON_COUNT; reason++) {
			json_int_t before = json_integer_value(json_object_get(all, reason_names[reason]));

			json_object_set_new(own, reason_names[reason],
					    json_integer((json_int_t)tally->reasons[i][reason]));
			json_object_set_new(all, reason_names[reason],
					    json_integer(before + (json_int_t)tally->reasons[i][reason]));
		}
		json_array_append_new(reasons, own);
		json_array_append_new(first, milliseconds(sent->crossed_at, tally->first_drop[i]));
		json_array_append_new(from_start, milliseconds(sent->attack_at, tally->first_drop[i]));
		json_array_append_new(peaks, json_integer((json_int_t)tally->proxy_peak[i]));
	}
	json_object_set_new(run, "crossed_ms", milliseconds(sent->attack_at, sent->crossed_at));
	json_object_set_new(run, "first_drop_ms", first);
	json_object_set_new(run, "first_drop_from_attack_ms", from_start);
	json_object_set_new(run, "agree_ms", agreed ? milliseconds(sent->crossed_at, tally->detected_at) : json_null());
	json_object_set_new(run, "proxy_peak_pps", peaks);
	json_object_set_new(run, "reasons", all);
	json_object_set_new(run, "reasons_by_proxy", reasons);
}

static json_t *describe(const struct tally *tally, const struct trace *sent, const struct trace *received)
{
	json_t *run = json_object();
	bool detected = tally->detected_at != NEVER && tally->detected_at < sent->ended_at;
	double seconds = detected ? (double)(sent->ended_at - tally->detected_at) / 1e9 : 0;
	uint64_t total = 0, arrived = 0;
	char name[48];

	json_object_set_new(run, "attack", json_string(sent->attacked_family ? "many" : "spread"));
	json_object_set_new(run, "pair_rate", json_integer((json_int_t)sent->pair_rate));
	json_object_set_new(run, "destination_rate", json_integer((json_int_t)sent->destination_rate));
	json_object_set_new(run, "attacked",
			    sent->attacked_family ? json_string(sent->attacked_family == 4 ? "IPv4" : "IPv6")
						  : json_null());
	json_object_set_new(run, "fair_rate", sent->fair_rate > 0 ? json_real(sent->fair_rate) : json_null());
	json_object_set_new(run, "attack_s", json_real((double)(sent->ended_at - sent->attack_at) / 1e9));
	for (unsigned int class = 0; class < CLASS_COUNT; class ++) {
		snprintf(name, sizeof(name), "%s_sent", class_names[class]);
		json_object_set_new(run, name, json_integer((json_int_t)tally->sent[class]));
		snprintf(name, sizeof(name), "%s_delivered", class_names[class]);
		json_object_set_new(run, name, json_integer((json_int_t)tally->delivered[class]));
		snprintf(name, sizeof(name), "%s_sent_after_detection", class_names[class]);
		json_object_set_new(run, name,
				    detected ? json_integer((json_int_t)tally->sent_after[class]) : json_null());
		snprintf(name, sizeof(name), "%s_delivered_after_detection", class_names[class]);
		json_object_set_new(run, name,
				    detected ? json_integer((json_int_t)tally->delivered_after[class]) : json_null());
		total += tally->sent[class];
		arrived += tally->delivered[class];
	}
	json_object_set_new(run, "dropped", json_integer((json_int_t)tally->dropped));
	json_object_set_new(run, "burst", json_real(tally->burst));
	json_object_set_new(run, "dropped_early", json_integer((json_int_t)tally->dropped_early));
	json_object_set_new(run, "lost_elsewhere",
			    json_integer((json_int_t)total - (json_int_t)arrived - (json_int_t)tally->dropped));
	json_object_set_new(run, "not_sent", json_integer((json_int_t)sent->refused));
	json_object_set_new(run, "damaged", json_integer((json_int_t)received->damaged));
	json_object_set_new(run, "victim_socket_lost", json_integer((json_int_t)received->overrun));
	json_object_set_new(run, "after_detection_s", detected ? json_real(seconds) : json_null());
	add_proxies(run, tally, sent);
	add_clients(run, tally, sent);
	if (sent->attacked_family)
		add_victim(run, tally, sent, seconds);
	else if (detected)
		add_excess(run, tally, sent, seconds);
	return run;
}

/*
 * Whether this is a key that the traffic really drove over the line: a bot of attack 1, the attacked address of
 * attack 2.
 */
static bool is_attack(const struct trace *sent, json_t *row)
{
	const char *destination = json_string_value(json_object_get(row, "destination"));
	const char *name = json_string_value(json_object_get(row, "client"));
	uint8_t address[16];
	char expected[INET6_ADDRSTRLEN + 4];

	if (sent->attacked_family)
		return destination &&
		       strcmp(destination, sent->attacked_family == 4 ? "203.0.113.9" : "2001:db8:f::9") == 0;
	for (unsigned int i = 0; name && i < sent->clients; i++) {
		const struct trace_client *client = &sent->client[i];

		if (client->class != CLASS_BOT)
			continue;
		client_address(CLASS_BOT, i, client->family, address);
		if (client->family == 6)
			memset(address + 8, 0, 8); /* in IPv6 a client is its /64 */
		inet_ntop(client->family == 4 ? AF_INET : AF_INET6, address, expected, INET6_ADDRSTRLEN);
		if (client->family == 6)
			strcat(expected, "/64");
		if (strcmp(expected, name) == 0)
			return true;
	}
	return false;
}

/* What the proxies said themselves: how many keys are over, and whether each named exactly those that are. */
static void add_asked(json_t *run, const struct trace *sent, char **paths, int count)
{
	json_t *named = json_array();
	unsigned int expected = 0;
	bool agree = true;

	for (unsigned int i = 0; i < sent->clients; i++)
		expected += sent->client[i].class == CLASS_BOT;
	if (sent->attacked_family)
		expected = 1;
	for (int i = 0; i < count; i++) {
		json_t *answer = json_load_file(paths[i], 0, NULL);
		json_t *rows = json_object_get(answer, sent->attacked_family ? "destinations" : "pairs"), *row;
		size_t at;

		agree = agree && json_array_size(rows) == expected; /* each key stands once in an answer */
		json_array_foreach(rows, at, row) agree = agree && is_attack(sent, row);
		json_array_append_new(named, answer ? json_integer((json_int_t)json_array_size(rows)) : json_null());
		json_decref(answer);
	}
	json_object_set_new(run, "over_expected", json_integer(expected));
	json_object_set_new(run, "over_named", named);
	json_object_set_new(run, "over_agree", json_boolean(agree));
}

int main(int argc, char **argv)
{
	static struct tally tally;
	const struct trace *sent, *received, *counters;
	json_t *run;

	if (argc < 6) {
		fprintf(stderr, "usage: tally on|off|none fair|strict SENT RECEIVED COUNTERS [OVER.json...]\n");
		return 2;
	}
	sent = trace_read(argv[3], 0);
	received = trace_read(argv[4], 0);
	counters = trace_read(argv[5], 0);
	if (!sent || !received || !counters || trace_state(sent) != TRACE_DONE || trace_state(received) != TRACE_DONE ||
	    trace_state(counters) != TRACE_DONE) {
		fprintf(stderr, "tally: %s, %s or %s is not there or not complete\n", argv[3], argv[4], argv[5]);
		return 1;
	}
	tally_pace(&tally, sent);
	tally_counters(&tally, sent, counters);
	tally_packets(&tally, sent, received);
	run = describe(&tally, sent, received);
	if (argc > 6)
		add_asked(run, sent, argv + 6, argc - 6);
	json_object_set_new(run, "gossip", json_boolean(strcmp(argv[1], "on") == 0));
	json_object_set_new(run, "aggregate", json_string(argv[2]));
	if (json_dumpf(run, stdout, JSON_INDENT(1) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(7)) != 0 ||
	    fflush(stdout) != 0) {
		fprintf(stderr, "tally: cannot write\n");
		return 1;
	}
	json_decref(run);
	return 0;
}
