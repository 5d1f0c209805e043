/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Conditions as people and as programs read them. What a member chose of their texts is escaped for people. */
#include "conditions.h"

#include <string.h>

#include "text.h"
#include "time_text.h"

static const char *severity_of(const struct control_condition *row)
{
	static const char *const names[CONTROL_SEVERITIES] = CONTROL_SEVERITY_NAMES;

	return row->severity < CONTROL_SEVERITIES ? names[row->severity] : "unknown";
}

void condition_line(const struct control_condition *row, char ret_line[CONDITION_LINE_BYTES])
{
	snprintf(ret_line, CONDITION_LINE_BYTES, "%.*s: %.*s", CONTROL_SUBJECT_BYTES - 1, row->subject,
		 CONTROL_CONDITION_BYTES - 1, row->text);
}

void take_condition(struct shown_conditions *conditions, const struct control_condition *row)
{
	const size_t i = conditions->count;

	if (i == CONTROL_CONDITIONS_MAX)
		return;
	conditions->rows[i] = *row;
	condition_line(row, conditions->lines[i]);
	conditions->texts[i] = conditions->lines[i];
	conditions->count++;
	conditions->errors += row->severity == CONTROL_ERROR;
}

static bool is_last_of_its_kind(const struct shown_conditions *conditions, size_t i)
{
	return i + 1 == conditions->count || strcmp(conditions->rows[i].id, conditions->rows[i + 1].id) != 0;
}

void say_conditions(struct output *output, const struct shown_conditions *conditions)
{
	for (size_t i = 0; i < conditions->count; i++) {
		const struct control_condition *row = &conditions->rows[i];
		char line[4 * CONDITION_LINE_BYTES], since[TIME_TEXT_BYTES];

		text_escape(conditions->lines[i], line, sizeof(line));
		time_text_full(row->since_ns, since);
		output_say(output, "  %-12s  %.800s", severity_of(row), line);
		output_say(output, "                %s since %s: %s", row->id, since, row->what_to_do);
		if (row->omitted && is_last_of_its_kind(conditions, i))
			output_say(output, "                %s: %u more are not shown", row->id, row->omitted);
	}
}

void list_conditions(struct output *output, const struct shown_conditions *conditions)
{
	char since[TIME_TEXT_BYTES];

	output_list(output, "conditions");
	for (size_t i = 0; i < conditions->count; i++) {
		const struct control_condition *row = &conditions->rows[i];
		const struct field fields[] = {
			TEXT("id", NULL, 0, row->id),
			TEXT("severity", NULL, 0, severity_of(row)),
			TEXT("since", NULL, 0, since),
			TEXT("subject", NULL, 0, row->subject),
			TEXT("text", NULL, 0, row->text),
			TEXT("what_to_do", NULL, 0, row->what_to_do),
			NUMBER("omitted", NULL, 0, row->omitted),
		};

		time_text_full(row->since_ns, since);
		output_row_unless(output, true, FIELDS(fields));
	}
	output_list(output, "warnings");
	for (size_t i = conditions->errors; i < conditions->count; i++) {
		const struct field fields[] = { TEXT("text", NULL, 0, conditions->texts[i]) };

		output_row_unless(output, true, FIELDS(fields));
	}
}
