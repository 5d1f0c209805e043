/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gossipctl metrics: the counters of a proxy in Prometheus' text format, to standard output or, whole, into a file for
 * a textfile collector. Labels are verdicts, tables, interfaces and members; never a client or a destination.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "look.h"
#include "metrics_table.h"
#include "text.h"

#define LABELS_BYTES 256
#define VALUE_BYTES 32

struct members {
	unsigned int count;
	struct {
		char name[NAME_BYTES_MAX + 4];
		bool up;
		double rtt_ms, skew_ms;
	} member[MEMBERS_MAX];
};

/* ---- the text ---- */

static void tell(struct output *output, const char *name, const char *help, enum metric_type type)
{
	output_say(output, "# HELP %s %s", name, help);
	output_say(output, "# TYPE %s %s", name, type == METRIC_COUNTER ? "counter" : "gauge");
}

/* In a table the line of the format, in JSON a row. */
static void sample(struct output *output, const char *name, const char *labels, const char *value)
{
	const bool labelled = labels && *labels;
	const struct field fields[] = {
		TEXT("name", NULL, 0, name),
		labelled ? TEXT("labels", NULL, 0, labels) : UNKNOWN("labels"),
		TEXT("value", NULL, 0, value),
	};

	output_say(output, labelled ? "%s{%s} %s" : "%s%s %s", name, labelled ? labels : "", value);
	output_row_unless(output, true, FIELDS(fields));
}

static void sample_number(struct output *output, const char *name, const char *labels, uint64_t number)
{
	char value[VALUE_BYTES];

	snprintf(value, sizeof(value), "%" PRIu64, number);
	sample(output, name, labels, value);
}

static void sample_real(struct output *output, const char *name, const char *labels, double real)
{
	char value[VALUE_BYTES];

	if (isfinite(real))
		snprintf(value, sizeof(value), "%.9g", real);
	else
		snprintf(value, sizeof(value), "NaN"); /* not measured */
	sample(output, name, labels, value);
}

/* NAME="text", with what must not stand in a label's value escaped. */
static void label(const char *name, const char *text, char ret_labels[LABELS_BYTES])
{
	char escaped[LABELS_BYTES / 2];
	size_t used;

	text_escape(text, escaped, sizeof(escaped)); /* of bytes that are no printable ASCII */
	used = (size_t)snprintf(ret_labels, LABELS_BYTES, "%s=\"", name);
	for (const char *c = escaped; *c && used < LABELS_BYTES - 3; c++) {
		if (*c == '"' || *c == '\\')
			ret_labels[used++] = '\\';
		ret_labels[used++] = *c;
	}
	snprintf(ret_labels + used, LABELS_BYTES - used, "\"");
}

/* ---- what is exported ---- */

static void export_status(struct output *output, const struct control_status *status)
{
	for (size_t i = 0; i < metrics_of_status_count; i++) {
		const struct metric *metric = &metrics_of_status[i];
		const void *at = (const char *)status + metric->offset;

		if (metric->help)
			tell(output, metric->name, metric->help, metric->type);
		switch (metric->value) {
		case METRIC_U64:
			sample_number(output, metric->name, metric->labels, *(const uint64_t *)at);
			break;
		case METRIC_U32:
			sample_number(output, metric->name, metric->labels, *(const uint32_t *)at);
			break;
		case METRIC_REAL:
			sample_real(output, metric->name, metric->labels, *(const double *)at);
			break;
		case METRIC_MS:
			sample_real(output, metric->name, metric->labels, *(const double *)at / 1000);
			break;
		}
	}
}

/* A packet has one verdict, and may have remarks beside it. */
static void export_packets(struct output *output, const struct look *look)
{
	char labels[LABELS_BYTES];

	tell(output, "xpro_packets_total", "Packets by verdict.", METRIC_COUNTER);
	for (unsigned int i = 0; i < look->reasons; i++) {
		if (i == REASON_TABLE_FULL)
			tell(output, "xpro_remarks_total", "Packets with a remark beside their verdict.",
			     METRIC_COUNTER);
		label(i < REASON_TABLE_FULL ? "verdict" : "remark", look->reason[i].name, labels);
		sample_number(output, i < REASON_TABLE_FULL ? "xpro_packets_total" : "xpro_remarks_total", labels,
			      look->reason[i].packets);
	}
	tell(output, "xpro_refused_total", "Messages from the network that were refused.", METRIC_COUNTER);
	sample_number(output, "xpro_refused_total", NULL, look->rejects);
}

/* Without a shadow policy there are none. */
static void export_shadow(struct output *output, const struct look *look)
{
	char labels[LABELS_BYTES];

	if (look->shadows == 0)
		return;
	tell(output, "xpro_shadow_keys_over", "Keys over the rates of the shadow policy.", METRIC_GAUGE);
	for (unsigned int i = 0; i < look->shadows; i++) {
		label("kind", text_of_kind(i), labels);
		sample_number(output, "xpro_shadow_keys_over", labels, look->shadow[i].over_now);
	}
	tell(output, "xpro_shadow_packets_total", "Packets beyond the rates of the shadow policy.", METRIC_COUNTER);
	for (unsigned int i = 0; i < look->shadows; i++) {
		label("kind", text_of_kind(i), labels);
		sample_real(output, "xpro_shadow_packets_total", labels, look->shadow[i].packets);
	}
}

static void export_health(struct output *output, const struct look *look)
{
	static const char *const severities[CONTROL_SEVERITIES] = CONTROL_SEVERITY_NAMES;
	const struct control_status *status = &look->status;
	char labels[LABELS_BYTES];

	label("version", status->version, labels);
	tell(output, "xpro_build_info", "The version of gossipd.", METRIC_GAUGE);
	sample_number(output, "xpro_build_info", labels, 1);
	tell(output, "xpro_monitor", "1 in monitor mode: packets over their rate pass.", METRIC_GAUGE);
	sample_number(output, "xpro_monitor", NULL, (status->policy_flags & POLICY_MONITOR) != 0);
	tell(output, "xpro_conditions", "What is wrong with this proxy or to be known of it.", METRIC_GAUGE);
	for (unsigned int severity = 0; severity < CONTROL_SEVERITIES; severity++) {
		label("severity", severities[severity], labels);
		sample_number(output, "xpro_conditions", labels, look->conditions[severity]);
	}
	tell(output, "xpro_condition", "Subjects of a condition that stands; 0 while it does not.", METRIC_GAUGE);
	for (unsigned int id = 0; id < CONDITION_COUNT; id++) {
		snprintf(labels, sizeof(labels), "condition=\"%s\",severity=\"%s\"", condition_kinds[id].name,
			 severities[condition_kinds[id].severity]);
		sample_number(output, "xpro_condition", labels, look->subjects[id]);
	}
	if (look->attachments)
		tell(output, "xpro_attached", "1 while our program filters this interface.", METRIC_GAUGE);
	for (unsigned int i = 0; i < look->attachments; i++) {
		label("interface", look->attachment[i].interface, labels);
		sample_number(output, "xpro_attached", labels, look->attachment[i].ours != 0);
	}
}

/* Two members may have one name, when one was issued anew: the one that is heard is shown. */
static unsigned int place_of(const struct members *members, const char *name)
{
	unsigned int i = 0;

	while (i < members->count && strcmp(members->member[i].name, name) != 0)
		i++;
	return i;
}

static bool take_member(void *user, enum control_type type, const void *row)
{
	const struct control_member *member = row;
	struct members *members = user;
	unsigned int i;

	if (type != CONTROL_TYPE_MEMBER || member->self || member->left)
		return true;
	i = place_of(members, member->name);
	if (i == MEMBERS_MAX || (i < members->count && !member->up))
		return true;
	if (i == members->count)
		members->count++;
	text_copy(member->name, members->member[i].name, sizeof(members->member[i].name));
	members->member[i].up = member->up;
	members->member[i].rtt_ms = member->rtt_ms;
	members->member[i].skew_ms = member->skew_ms;
	return true;
}

/* Three series of each other member. Series of one metric stand together. */
static void export_members(struct output *output, const struct members *members)
{
	char labels[LABELS_BYTES];

	if (members->count == 0)
		return;
	tell(output, "xpro_member_up", "1 while the member is heard.", METRIC_GAUGE);
	for (unsigned int i = 0; i < members->count; i++) {
		label("member", members->member[i].name, labels);
		sample_number(output, "xpro_member_up", labels, members->member[i].up);
	}
	tell(output, "xpro_member_rtt_seconds", "Round-trip time to the member.", METRIC_GAUGE);
	for (unsigned int i = 0; i < members->count; i++) {
		label("member", members->member[i].name, labels);
		sample_real(output, "xpro_member_rtt_seconds", labels, members->member[i].rtt_ms / 1000);
	}
	tell(output, "xpro_member_skew_seconds", "The member's clock less ours.", METRIC_GAUGE);
	for (unsigned int i = 0; i < members->count; i++) {
		label("member", members->member[i].name, labels);
		sample_real(output, "xpro_member_skew_seconds", labels, members->member[i].skew_ms / 1000);
	}
}

static int export_all(const struct arguments *arguments, struct output *output)
{
	struct control_request request = { .verb = CONTROL_MEMBERS };
	static struct members members;
	static struct look look;
	int status = look_at(arguments, &look);

	if (status == EXIT_OK)
		status = ask(arguments, &request, take_member, &members);
	output_list(output, "metrics");
	tell(output, "xpro_up", "1 while gossipd answers.", METRIC_GAUGE);
	sample_number(output, "xpro_up", NULL, status == EXIT_OK);
	if (status != EXIT_OK)
		return status;
	export_health(output, &look);
	export_status(output, &look.status);
	export_packets(output, &look);
	export_shadow(output, &look);
	export_members(output, &members);
	return EXIT_OK;
}

/* A collector may read at any time: the file is replaced as a whole. */
static int export_to_file(const struct arguments *arguments, struct output *output, const char *path)
{
	struct problem problem;
	struct output text = { .way = &output_as_table };
	char *bytes = NULL;
	size_t size = 0;
	int status;

	text.file = open_memstream(&bytes, &size);
	if (!text.file) {
		complain("%s: no memory", path);
		return EXIT_FAILED;
	}
	status = export_all(arguments, &text);
	if (fclose(text.file)) {
		complain("%s: no memory", path);
		status = EXIT_FAILED;
	} else if (files_write_path(path, 0644, bytes, size, true, &problem)) {
		complain("%s", problem.text);
		status = EXIT_FAILED;
	} else {
		const struct field fields[] = { TEXT("file", NULL, 0, path), NUMBER("bytes", NULL, 0, size) };

		output_facts(output, "written", FIELDS(fields));
	}
	free(bytes);
	return status;
}

int run_metrics(const struct arguments *arguments, struct output *output)
{
	const char *path = arguments->value[OPTION_OUTPUT];

	return path ? export_to_file(arguments, output, path) : export_all(arguments, output);
}
