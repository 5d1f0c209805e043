// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The end of the demo: gathers the runs into one document, prints them as tables, and holds every claim the project
 * makes of its main job against the figures. Exit 0 when all claims hold.
 *
 *     verdict DEMO.json RUN.json...
 */
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The claims' figures. */
#define WITHOUT_GOSSIP_DELIVERED_MIN 0.95
#define FIRST_DROP_MS_MAX 2000
#define ABOVE_RATE_DROPPED_MIN 0.99
#define VICTIM_OVER_LIMIT_MAX 1.1
#define FAIR_HONEST_LOST_MAX 0.01
#define LOST_ELSEWHERE_MAX 0.0005 /* of all packets: of those the kernel or this machine lost, not the filter */

static unsigned int failed, checked;

static double number(json_t *run, const char *name)
{
	return json_number_value(json_object_get(run, name));
}

static const char *text(json_t *run, const char *name)
{
	const char *value = json_string_value(json_object_get(run, name));

	return value ? value : "";
}

static bool is(json_t *run, const char *attack, bool gossip, const char *aggregate)
{
	return strcmp(text(run, "attack"), attack) == 0 && json_is_true(json_object_get(run, "gossip")) == gossip &&
	       (!aggregate || strcmp(text(run, "aggregate"), aggregate) == 0);
}

static double lost_share(json_t *run, const char *class)
{
	char name[48];
	double sent, delivered;

	snprintf(name, sizeof(name), "%s_sent", class);
	sent = number(run, name);
	snprintf(name, sizeof(name), "%s_delivered", class);
	delivered = number(run, name);
	return sent > 0 ? (sent - delivered) / sent : 0;
}

/* ---- tables ---- */

static void print_class(json_t *run, const char *class, const char *label)
{
	char name[48];
	double sent, delivered;

	snprintf(name, sizeof(name), "%s_sent", class);
	sent = number(run, name);
	snprintf(name, sizeof(name), "%s_delivered", class);
	delivered = number(run, name);
	if (sent == 0)
		return;
	printf("    %-28s %9.0f %10.0f %9.0f %8.2f %%\n", label, sent, delivered, sent - delivered,
	       100 * delivered / sent);
}

static void print_times(json_t *run)
{
	json_t *first = json_object_get(run, "first_drop_ms");
	json_t *agree = json_object_get(run, "agree_ms");
	bool many = strcmp(text(run, "attack"), "many") == 0, fair = strcmp(text(run, "aggregate"), "fair") == 0;

	printf("    from the crossing to the first drop:");
	for (size_t i = 0; i < json_array_size(first); i++) {
		json_t *ms = json_array_get(first, i);

		if (json_is_null(ms))
			printf("  proxy%zu never", i + 1);
		else
			printf("  proxy%zu %.0f ms", i + 1, round(json_number_value(ms)) + 0.0);
	}
	printf("\n");
	if (json_is_number(agree) && json_number_value(agree) < 0)
		printf("    (below 0: what others counted since the last tick is estimated, and the estimate was a "
		       "little "
		       "high)\n");
	if (!json_is_null(agree))
		printf("    all proxies agreed after %.0f ms; the mesh-wide rate, over %s, had crossed the line %.0f "
		       "ms into the attack\n",
		       json_number_value(agree),
		       many && fair ? "a second or Algorithm 1's window" : "Algorithm 1's window",
		       number(run, "crossed_ms"));
}

static void print_reasons(json_t *run)
{
	const char *name;
	json_t *packets;
	bool any = false;

	printf("    dropped, as the kernel counted:     ");
	json_object_foreach(json_object_get(run, "reasons"), name, packets)
	{
		if (strncmp(name, "drop_", 5) != 0 || json_integer_value(packets) == 0)
			continue;
		printf(" %s %lld", name, (long long)json_integer_value(packets));
		any = true;
	}
	printf("%s\n", any ? "" : " nothing");
}

static void print_run(json_t *run, size_t position)
{
	bool many = strcmp(text(run, "attack"), "many") == 0;

	printf("\nrun %zu: %s, gossip %s\n", position + 1,
	       many ? "many clients, one victim" : "one client, many proxies",
	       json_is_true(json_object_get(run, "gossip")) ? "on" : "off");
	if (many)
		printf("    T_F2 %.0f packets/s to the victim's %s address, aggregate = %s, fair share %.1f "
		       "packets/s\n",
		       number(run, "destination_rate"), text(run, "attacked"), text(run, "aggregate"),
		       number(run, "fair_rate"));
	else
		printf("    T_F1 %.0f packets/s for one client and destination\n", number(run, "pair_rate"));
	printf("    %-28s %9s %10s %9s %10s\n", "packets of", "offered", "delivered", "missing", "delivered");
	print_class(run, "honest", "honest clients");
	print_class(run, "bystander", "honest, other address");
	print_class(run, "bot", "bots");
	print_reasons(run);
	printf("    missing, but not dropped by the filter: %.0f\n", number(run, "lost_elsewhere"));
	print_times(run);
	if (json_is_number(json_object_get(run, "bot_above_rate_dropped_share")))
		printf("    after that, of bots' packets above T_F1, dropped: %.2f %% (of all their packets: %.2f "
		       "%%)\n",
		       100 * number(run, "bot_above_rate_dropped_share"),
		       100 - 100 * number(run, "bot_delivered_after_detection") /
				       fmax(1, number(run, "bot_sent_after_detection")));
	if (json_is_number(json_object_get(run, "victim_rate_over_limit")))
		printf("    after that, the victim received at most %.2f x T_F2 in a second\n",
		       number(run, "victim_rate_over_limit"));
	if (many) {
		json_t *rates = json_object_get(run, "victim_pps");

		printf("    victim, packets/s by second:");
		for (size_t i = 0; i < json_array_size(rates); i++)
			printf(" %lld", (long long)json_integer_value(json_array_get(rates, i)));
		printf("\n");
	}
}

/* ---- claims ---- */

static void claim(bool holds, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void claim(bool holds, const char *format, ...)
{
	va_list arguments;

	checked++;
	failed += !holds;
	printf("  %s  ", holds ? "PASS" : "FAIL");
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
}

static void claim_asked(json_t *run, const char *whom)
{
	json_t *named = json_object_get(run, "over_named");

	if (named)
		claim(json_is_true(json_object_get(run, "over_agree")),
		      "asked while it lasts, each of the %zu proxies names exactly the %.0f %s", json_array_size(named),
		      number(run, "over_expected"), whom);
}

/* Every proxy dropped, and in time; the time of the slowest. */
static bool all_dropped(json_t *run, double *ret_slowest)
{
	json_t *first = json_object_get(run, "first_drop_ms");
	bool all = json_array_size(first) > 0;

	*ret_slowest = -INFINITY;
	for (size_t i = 0; i < json_array_size(first); i++) {
		json_t *ms = json_array_get(first, i);

		all = all && json_is_number(ms) && json_number_value(ms) <= FIRST_DROP_MS_MAX;
		*ret_slowest = fmax(*ret_slowest, json_is_number(ms) ? json_number_value(ms) : INFINITY);
	}
	return all;
}

/* What holds in every run alike. */
static void claim_all(json_t *runs)
{
	double offered = 0, elsewhere = 0, damaged = 0, overrun = 0, early = 0, burst = 0;
	json_t *run;
	size_t i;

	json_array_foreach(runs, i, run)
	{
		offered += number(run, "honest_sent") + number(run, "bystander_sent") + number(run, "bot_sent");
		elsewhere += fabs(number(run, "lost_elsewhere"));
		damaged += number(run, "damaged");
		overrun += number(run, "victim_socket_lost");
		early += number(run, "dropped_early");
		burst = fmax(burst, number(run, "burst"));
	}
	claim(early == 0,
	      "nothing is dropped more than a tick before the line is crossed, three where the sender came in bursts "
	      "(%.0f packets were; burst %.2f)",
	      early, burst);
	claim(elsewhere <= offered * LOST_ELSEWHERE_MAX && damaged == 0 && overrun == 0,
	      "every packet is accounted for: of %.0f offered, %.0f neither arrived nor were dropped by the filter",
	      offered, elsewhere);
}

static void claim_spread(json_t *run)
{
	double delivered = number(run, "bot_delivered") / fmax(1, number(run, "bot_sent")), slowest;
	double share = number(run, "bot_above_rate_dropped_share"),
	       lost = number(run, "honest_sent") - number(run, "honest_delivered");

	if (is(run, "spread", false, NULL)) {
		claim(delivered >= WITHOUT_GOSSIP_DELIVERED_MIN,
		      "one client, many proxies, without gossip: the attack passes, %.2f %% of the bots' "
		      "packets delivered (at least 95 %%)",
		      100 * delivered);
	} else {
		bool in_time = all_dropped(run, &slowest);

		claim(in_time, "with gossip: every proxy drops within 2 s of the crossing (slowest: %.0f ms)", slowest);
		claim(in_time && share >= ABOVE_RATE_DROPPED_MIN,
		      "and after that %.2f %% of bots' packets above the rate are dropped (at least 99 %%)",
		      100 * share);
		claim_asked(run, "bots");
	}
	claim(lost == 0, "honest clients lose nothing (%.0f of %.0f packets lost)", lost, number(run, "honest_sent"));
}

static void claim_many(json_t *run)
{
	double slowest, over = number(run, "victim_rate_over_limit"), lost = lost_share(run, "honest");
	bool in_time = all_dropped(run, &slowest);

	if (is(run, "many", false, NULL)) {
		double delivered = number(run, "bot_delivered") / fmax(1, number(run, "bot_sent"));

		claim(delivered >= WITHOUT_GOSSIP_DELIVERED_MIN,
		      "many clients, one victim, without gossip: the attack passes, %.2f %% of the bots' "
		      "packets delivered (at least 95 %%)",
		      100 * delivered);
		return;
	}
	claim(in_time,
	      "many clients, one victim, %s, with gossip: every proxy drops within 2 s of the crossing (slowest: %.0f "
	      "ms)",
	      text(run, "aggregate"), slowest);
	claim(in_time && json_is_number(json_object_get(run, "victim_rate_over_limit")) &&
		      over <= VICTIM_OVER_LIMIT_MAX,
	      "once detected the victim receives at most %.2f x T_F2 (at most 1.1)", over);
	claim_asked(run, "attacked address");
	if (is(run, "many", true, "fair"))
		claim(lost <= FAIR_HONEST_LOST_MAX,
		      "fair: honest clients below 0.8 of their fair share lose %.2f %% (at most 1 %%)", 100 * lost);
	else
		claim(number(run, "honest_delivered_after_detection") <= 0.2 * number(run, "honest_sent_after_"
											   "detection"),
		      "strict, as in the paper: everything to the victim's address drops, honest packets too (%.0f of "
		      "%.0f pass "
		      "after detection)",
		      number(run, "honest_delivered_after_detection"), number(run, "honest_sent_after_detection"));
	claim(lost_share(run, "bystander") == 0,
	      "honest clients of the victim's other address lose nothing (%.0f of %.0f packets lost)",
	      number(run, "bystander_sent") - number(run, "bystander_delivered"), number(run, "bystander_sent"));
}

int main(int argc, char **argv)
{
	json_t *demo = json_object(), *runs = json_array();
	json_t *run;
	size_t i;

	if (argc < 3) {
		fprintf(stderr, "usage: verdict DEMO.json RUN.json...\n");
		return 2;
	}
	for (int argument = 2; argument < argc; argument++) {
		json_error_t error;

		run = json_load_file(argv[argument], 0, &error);
		if (!run) {
			fprintf(stderr, "verdict: %s:%d: %s\n", argv[argument], error.line, error.text);
			return 1;
		}
		json_array_append_new(runs, run);
	}
	run = json_array_get(runs, 0);
	json_object_set_new(demo, "proxies",
			    json_integer((json_int_t)json_array_size(json_object_get(run, "first_drop_ms"))));
	json_array_foreach(runs, i, run)
	{
		if (strcmp(text(run, "attack"), "spread") == 0)
			json_object_set(demo, "pair_rate", json_object_get(run, "pair_rate"));
		else
			json_object_set(demo, "destination_rate", json_object_get(run, "destination_rate"));
		print_run(run, i);
	}
	printf("\nverdict:\n");
	json_array_foreach(runs, i, run)
	{
		if (strcmp(text(run, "attack"), "spread") == 0)
			claim_spread(run);
		else
			claim_many(run);
	}
	claim_all(runs);
	json_object_set_new(demo, "claims_checked", json_integer(checked));
	json_object_set_new(demo, "claims_failed", json_integer(failed));
	json_object_set_new(demo, "runs", runs);
	if (json_dump_file(demo, argv[1], JSON_INDENT(1) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(7)) != 0) {
		fprintf(stderr, "verdict: cannot write %s\n", argv[1]);
		return 1;
	}
	json_decref(demo);
	printf("%s: %u of %u claims hold. All figures: %s\n", failed ? "FAIL" : "PASS", checked - failed, checked,
	       argv[1]);
	return failed ? 1 : 0;
}
