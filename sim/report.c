/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Figures of a run. */
#include "report.h"

#include <math.h>
#include <string.h>

#include "world.h"

static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *percentiles(struct samples *samples)
{
	return json_pack("{s:I, s:o, s:o, s:o, s:o}", "count", (json_int_t)samples->count, "mean",
			 number(samples_mean(samples)), "p50", number(samples_percentile(samples, 0.5)), "p99",
			 number(samples_percentile(samples, 0.99)), "max", number(samples_percentile(samples, 1)));
}

/* Per member: from the group's first packet anywhere to the first that this member dropped. */
static json_t *detection_of(const struct world *world, const struct group *group, const struct group_measure *measure)
{
	struct samples delays = { .values = NULL };
	json_t *each = json_array(), *result;
	int never = 0;

	for (int i = 0; i < group_members(&world->scenario, group) && measure->first_packet_ns >= 0; i++) {
		const int64_t first_ns = measure->first_drop_ns[group->member + i];
		const double s = (double)(first_ns - measure->first_packet_ns) / NS_PER_S;

		if (first_ns < 0) {
			never++;
			json_array_append_new(each, json_null());
			continue;
		}
		samples_add(&delays, s);
		json_array_append_new(each, json_real(s));
	}
	result = percentiles(&delays);
	json_object_set_new(result, "per_member_s", each);
	json_object_set_new(result, "members_never", json_integer(never));
	json_object_set_new(result, "one_proxy_that_sees_all_s",
			    world->scenario.oracle && measure->first_oracle_drop_ns >= 0
				    ? json_real((double)(measure->first_oracle_drop_ns - measure->first_packet_ns) /
						NS_PER_S)
				    : json_null());
	samples_free(&delays);
	return result;
}

static json_t *group_report(const struct world *world, int g)
{
	const struct group *group = &world->scenario.groups[g];
	const struct group_measure *m = &world->measure.groups[g];
	const double offered = m->offered ? (double)m->offered : NAN;
	json_t *result = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "name",
				   group->name, "role", group->bot ? "bot" : "honest", "offered",
				   (json_int_t)m->offered, "delivered", (json_int_t)m->delivered, "dropped_pair",
				   (json_int_t)m->dropped_pair, "dropped_client", (json_int_t)m->dropped_client,
				   "dropped_destination", (json_int_t)m->dropped_destination, "dropped_network",
				   (json_int_t)m->dropped_network, "no_route", (json_int_t)m->no_route,
				   "worst_10_s_per_s", number(measure_worst(world, g, 10)), "delivered_share",
				   number((double)m->delivered / offered), "dropped_falsely_share",
				   number((double)m->dropped_falsely / offered), "missed_share",
				   number((double)m->missed / offered));

	if (world->scenario.onset_s > 0)
		json_object_set_new(result, "delivered_since_onset_share",
				    number((double)m->delivered_since / (double)m->offered_since));
	if (group->connects)
		json_object_set_new(result, "connections",
				    json_pack("{s:I, s:o, s:o}", "begun", (json_int_t)m->connections,
					      "within_2_s_share", number((double)m->connected_2_s / m->connections),
					      "within_8_s_share", number((double)m->connected_8_s / m->connections)));
	if (group->bot)
		json_object_set_new(result, "detection", detection_of(world, group, m));
	return result;
}

/* The destination of the first group, in packets per second. */
static json_t *victim_report(const struct world *world)
{
	const struct victim victim = measure_victim(world, world->scenario.groups[0].destination);

	return json_pack("{s:o, s:o, s:o}", "mean", number(victim.mean), "worst_1_s", number(victim.worst_1_s),
			 "worst_10_s", number(victim.worst_10_s));
}

static json_t *traffic_report(struct world *world)
{
	const struct scenario *scenario = &world->scenario;
	const double seconds = scenario->duration_s - scenario->quiet_s - scenario->warmup_s;
	double most = 0, bytes = 0, sent = 0, made = 0, checked = 0, received = 0, duplicate = 0;

	for (int i = 0; i < scenario->members; i++) {
		const struct totals_mark *a = &world->measure.marks[i], *b = &world->measure.ends[i];

		bytes += (double)(b->bytes_sent - a->bytes_sent);
		if (!liar_is(world, i))
			most = fmax(most, (double)(b->bytes_sent - a->bytes_sent));
		sent += (double)(b->sent - a->sent);
		made += (double)(b->made - a->made);
		checked += (double)(b->checked - a->checked);
		received += (double)(b->frames_received - a->frames_received);
		duplicate += (double)(b->frames_duplicate - a->frames_duplicate);
	}
	const double per = seconds * scenario->members;

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "bytes_per_s", number(bytes / per),
			 "honest_most_bytes_per_s", number(most / seconds), "honest_worst_second_bytes",
			 number((double)world->measure.worst_second), "datagrams_per_s",
			 number(sent / per), "signatures_made_per_s", number(made / per), "signatures_checked_per_s",
			 number(checked / per), "frames_received_per_s", number(received / per),
			 "duplicates_per_delivery", number(received > 0 ? duplicate / received : NAN));
}

static json_t *spreading_report(struct world *world)
{
	struct measure *measure = &world->measure;
	json_t *full = percentiles(&measure->full_ms);

	json_object_set_new(full, "share_of_frames",
			    number(measure->frames_sent ? (double)measure->frames_full / (double)measure->frames_sent
							: NAN));
	return json_pack("{s:o, s:o, s:o}", "delivery_ms", percentiles(&measure->deliveries_ms), "all_members_ms", full,
			 "last_packet_to_agreement_ms",
			 number(measure->converged_ns >= 0 ? (double)measure->converged_ns / NS_PER_MS : NAN));
}

static json_t *rejects_report(const struct world *world)
{
	json_t *result = json_object();

	for (unsigned int reason = 1; reason < REJECT_COUNT; reason++) {
		uint64_t sum = 0;

		for (int i = 0; i < world->scenario.members; i++) {
			struct proxy_totals totals;

			proxy_totals(&world->proxies[i], &totals);
			sum += totals.rejects[reason];
		}
		if (sum)
			json_object_set_new(result, reject_names[reason], json_integer((json_int_t)sum));
	}
	return result;
}

/*
 * Packets that a full table or a coarse entry decided, and records that gave way or were refused, of honest members.
 * Records of their kernels and keys of their ledgers in the end.
 */
static json_t *tables_report(const struct world *world)
{
	struct kernel sum = { .full = 0 };
	uint64_t records = 0, keys = 0;

	for (int i = 0; i < world->scenario.members; i++) {
		const struct kernel *kernel = &world->proxies[i].kernel;

		if (liar_is(world, i))
			continue;
		sum.full += kernel->full;
		sum.heads_full += kernel->heads_full;
		sum.coarse_drops += kernel->coarse_drops;
		sum.over_quota += kernel->over_quota;
		sum.gave_way += kernel->gave_way;
		sum.claims_refused += kernel->claims_refused;
		for (unsigned int table = 0; table < TABLE_KINDS; table++)
			records += kernel->tables[table].held;
		keys += proxy_keys(&world->proxies[i]);
	}
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "without_pair", (json_int_t)sum.full,
			 "without_destination", (json_int_t)sum.heads_full, "coarse_drops",
			 (json_int_t)sum.coarse_drops, "client_quota", (json_int_t)sum.over_quota,
			 "gave_way", (json_int_t)sum.gave_way, "claims_refused", (json_int_t)sum.claims_refused,
			 "records", (json_int_t)records, "keys", (json_int_t)keys);
}

/*
 * Events EVENT_CONTACTS_OVER at all members; when the first member and the last that did named a client, and whether
 * any named more than one.
 */
static json_t *scans_report(const struct world *world)
{
	int64_t first_ns = INT64_MAX, last_ns = 0;
	bool several = false;
	json_int_t events = 0, members = 0;

	for (int i = 0; i < world->scenario.members; i++) {
		const struct proxy *proxy = &world->proxies[i];

		events += (json_int_t)proxy->events[EVENT_CONTACTS_OVER];
		if (!proxy->scan_named_ns)
			continue;
		members++;
		several |= proxy->scanners;
		first_ns = proxy->scan_named_ns < first_ns ? proxy->scan_named_ns : first_ns;
		last_ns = proxy->scan_named_ns > last_ns ? proxy->scan_named_ns : last_ns;
	}
	return json_pack("{s:I, s:I, s:b, s:f, s:f}", "events", events, "members", members, "several_clients", several,
			 "first_s", members ? (double)first_ns / NS_PER_S : 0, "last_s", (double)last_ns / NS_PER_S);
}

json_t *report_make(struct world *world)
{
	static const struct {
		unsigned int by;
		const char *name;
	} parts[] = {
		{ MEASURE_VERDICTS, "groups" },
		{ MEASURE_RATES, "rate_error" },
		{ MEASURE_SPREADING | MEASURE_CONVERGENCE, "spreading" },
		{ MEASURE_TRAFFIC, "per_member" },
	};
	json_t *groups = json_array(), *report;
	char trace[65];

	for (int i = 0; i < world->scenario.groups_count; i++)
		json_array_append_new(groups, group_report(world, i));
	trace_text(&world->trace, trace);
	report = json_pack("{s:i, s:s, s:I, s:s, s:i, s:f, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I}", "schema", 1,
			   "scenario", world->scenario.name, "seed", (json_int_t)world->seed, "sharing",
			   sharing_names[world->scenario.sharing], "members", world->scenario.members, "simulated_s",
			   (double)world->now_ns / NS_PER_S, "trace", trace, "groups", groups, "per_member",
			   traffic_report(world), "spreading", spreading_report(world), "rate_error",
			   percentiles(&world->measure.errors), "rejects", rejects_report(world), "packets",
			   (json_int_t)world->traffic.packets, "events", (json_int_t)world->trace.events,
			   "cells_joined", (json_int_t)world->check.joins);
	for (unsigned int i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (!(world->scenario.measure & parts[i].by))
			json_object_del(report, parts[i].name);
	}
	if (world->scenario.onset_s > 0)
		json_object_set_new(report, "victim", victim_report(world));
	json_object_set_new(report, "tables", tables_report(world));
	json_object_set_new(report, "scans", scans_report(world));
	json_object_set_new(report, "check", world->check.failed ? json_string(world->check.text) : json_null());
	return report;
}

/* ---- text ---- */

static void print_value(const json_t *object, const char *name, const char *format, double scale, FILE *out)
{
	const json_t *value = json_object_get(object, name);

	if (json_is_number(value))
		fprintf(out, format, scale * json_number_value(value));
	else
		fputs("-", out);
}

static void print_percentiles(const json_t *object, const char *label, const char *unit, double scale, FILE *out)
{
	fprintf(out, "  %-30s mean ", label);
	print_value(object, "mean", "%.3f", scale, out);
	fputs("  p50 ", out);
	print_value(object, "p50", "%.3f", scale, out);
	fputs("  p99 ", out);
	print_value(object, "p99", "%.3f", scale, out);
	fputs("  max ", out);
	print_value(object, "max", "%.3f", scale, out);
	fprintf(out, " %s  (%lld)\n", unit, (long long)json_integer_value(json_object_get(object, "count")));
}

/* What only some groups have: an onset before, connections. */
static void print_more(const json_t *group, FILE *out)
{
	const json_t *connections = json_object_get(group, "connections");

	if (json_object_get(group, "delivered_since_onset_share")) {
		fputs("    since the onset: ", out);
		print_value(group, "delivered_since_onset_share", "%.2f %% delivered\n", 100, out);
	}
	if (connections) {
		print_value(connections, "begun", "    %.0f connections: ", 1, out);
		print_value(connections, "within_2_s_share", "%.1f %% within 2 s, ", 100, out);
		print_value(connections, "within_8_s_share", "%.1f %% within 8 s\n", 100, out);
	}
}

static void print_victim(const json_t *victim, FILE *out)
{
	fprintf(out, "victim, from %d s after the onset\n  ", ONSET_LAG_S);
	print_value(victim, "mean", "mean %.0f packets/s, ", 1, out);
	print_value(victim, "worst_1_s", "worst second %.0f, ", 1, out);
	print_value(victim, "worst_10_s", "worst 10 s %.0f\n", 1, out);
}

static void print_group(const json_t *group, FILE *out)
{
	const json_t *detection = json_object_get(group, "detection");

	fprintf(out, "  %-20s %-7s offered %8lld  delivered %8lld (", json_string_value(json_object_get(group, "name")),
		json_string_value(json_object_get(group, "role")),
		(long long)json_integer_value(json_object_get(group, "offered")),
		(long long)json_integer_value(json_object_get(group, "delivered")));
	print_value(group, "delivered_share", "%.2f %%", 100, out);
	fprintf(out, ")  dropped: pair %lld, client %lld, destination %lld, network %lld",
		(long long)json_integer_value(json_object_get(group, "dropped_pair")),
		(long long)json_integer_value(json_object_get(group, "dropped_client")),
		(long long)json_integer_value(json_object_get(group, "dropped_destination")),
		(long long)json_integer_value(json_object_get(group, "dropped_network")));
	fputs("  falsely ", out);
	print_value(group, "dropped_falsely_share", "%.2f %%", 100, out);
	fputs(", missed ", out);
	print_value(group, "missed_share", "%.2f %%", 100, out);
	fputc('\n', out);
	print_more(group, out);
	if (!detection)
		return;
	print_percentiles(detection, "  first drop at each member", "s", 1, out);
	fputs("    one proxy that sees all: ", out);
	print_value(detection, "one_proxy_that_sees_all_s", "%.3f s", 1, out);
	fprintf(out, "; members that never dropped: %lld\n",
		(long long)json_integer_value(json_object_get(detection, "members_never")));
}

/* Ledgers that were never equal leave no figure; why not is the first that is asked. */
static void print_agreement(const json_t *report, const json_t *spreading, FILE *out)
{
	const json_t *ms = json_object_get(spreading, "last_packet_to_agreement_ms");
	const bool full = json_object_get(json_object_get(report, "rejects"), "quota");

	fputs("  last packet to equal ledgers   ", out);
	if (json_is_number(ms))
		fprintf(out, "%.0f ms\n", json_number_value(ms));
	else
		fprintf(out, "- (not equal when the run ended%s)\n",
			full ? "; quota: members' parts of a ledger were full, limits.keys and limits.cells" : "");
}

static void print_spreading(const json_t *report, const json_t *spreading, FILE *out)
{
	fputs("spreading\n", out);
	print_percentiles(json_object_get(spreading, "delivery_ms"), "frame to a member", "ms", 1, out);
	print_percentiles(json_object_get(spreading, "all_members_ms"), "frame to all members", "ms", 1, out);
	print_agreement(report, spreading, out);
}

static void print_per_member(const json_t *per_member, FILE *out)
{
	fputs("per member and second\n  ", out);
	print_value(per_member, "bytes_per_s", "%.0f bytes sent, ", 1, out);
	print_value(per_member, "datagrams_per_s", "%.1f datagrams sent, ", 1, out);
	print_value(per_member, "signatures_made_per_s", "%.1f signatures made, ", 1, out);
	print_value(per_member, "signatures_checked_per_s", "%.1f checked, ", 1, out);
	print_value(per_member, "duplicates_per_delivery", "%.2f duplicates per delivery", 1, out);
	fputc('\n', out);
}

void report_print(const json_t *report, FILE *out)
{
	const json_t *per_member = json_object_get(report, "per_member"),
		     *spreading = json_object_get(report, "spreading"), *group, *count;
	const char *reason;
	size_t i;

	fprintf(out, "%s: %lld members, sharing: %s, seed %lld, %.1f s simulated, %lld packets, %lld events\n",
		json_string_value(json_object_get(report, "scenario")),
		(long long)json_integer_value(json_object_get(report, "members")),
		json_string_value(json_object_get(report, "sharing")),
		(long long)json_integer_value(json_object_get(report, "seed")),
		json_real_value(json_object_get(report, "simulated_s")),
		(long long)json_integer_value(json_object_get(report, "packets")),
		(long long)json_integer_value(json_object_get(report, "events")));
	if (json_object_get(report, "groups"))
		fputs("traffic\n", out);
	json_array_foreach(json_object_get(report, "groups"), i, group) print_group(group, out);
	if (json_object_get(report, "victim"))
		print_victim(json_object_get(report, "victim"), out);
	if (spreading)
		print_spreading(report, spreading, out);
	if (json_object_get(report, "rate_error")) {
		fputs("rate of a pair, member's view against one that sees all\n", out);
		print_percentiles(json_object_get(report, "rate_error"), "relative error", "%", 100, out);
	}
	if (per_member)
		print_per_member(per_member, out);
	fputs("refused\n ", out);
	json_object_foreach((json_t *)(uintptr_t)json_object_get(report, "rejects"), reason, count)
		fprintf(out, " %s %lld", reason, (long long)json_integer_value(count));
	fputc('\n', out);
	if (json_is_string(json_object_get(report, "check")))
		fprintf(out, "CHECK FAILED %s\n", json_string_value(json_object_get(report, "check")));
	fprintf(out, "trace %s\n", json_string_value(json_object_get(report, "trace")));
}
