/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Two ways to write the same thing. JSON: jansson writes each object, the frame around them is written here, so that
 * a list of a million rows needs no memory. Table: columns as wide as their widest usual value; text of strangers is
 * escaped.
 */
#include "output.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "text.h"

#define CELL_BYTES 512

/* ---- JSON ---- */

static json_t *json_text(const char *text)
{
	json_t *value = json_string(text);

	if (!value) { /* not UTF-8: hostile or broken, shown escaped */
		char escaped[CELL_BYTES];

		text_escape(text, escaped, sizeof(escaped));
		value = json_string(escaped);
	}
	return value;
}

static json_t *json_texts(const struct field *field)
{
	json_t *array = json_array();

	for (size_t i = 0; i < field->count; i++)
		json_array_append_new(array, json_text(field->texts[i]));
	return array;
}

static json_t *json_value(const struct field *field)
{
	switch (field->kind) {
	case FIELD_TEXT:
		return json_text(field->text);
	case FIELD_TEXTS:
		return json_texts(field);
	case FIELD_NUMBER:
		return json_integer((json_int_t)field->number);
	case FIELD_SIGNED:
		return json_integer(field->integer);
	case FIELD_REAL:
		return isfinite(field->real) ? json_real(field->real) : json_null();
	case FIELD_FLAG:
		return json_boolean(field->flag);
	default:
		return json_null();
	}
}

static void json_write(struct output *output, json_t *object, const struct field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		json_object_set_new(object, fields[i].name, json_value(&fields[i]));
	json_dumpf(object, output->file, JSON_REAL_PRECISION(9));
	json_decref(object);
}

static void json_close_list(struct output *output)
{
	if (output->in_list)
		fputs(output->rows ? "\n  ]" : "]", output->file);
	output->in_list = false;
}

static void json_part(struct output *output, const char *name)
{
	json_close_list(output);
	fprintf(output->file, ",\n  \"%s\": ", name);
}

static void json_begin(struct output *output, const char *command)
{
	fprintf(output->file, "{\n  \"schema\": %d,\n  \"command\": \"%s\"", OUTPUT_SCHEMA, command);
}

static void json_facts(struct output *output, const char *name, const struct field *fields, size_t count)
{
	json_part(output, name);
	json_write(output, json_object(), fields, count);
}

static void json_list(struct output *output, const char *name)
{
	json_part(output, name);
	fputc('[', output->file);
	output->in_list = true;
	output->rows = 0;
}

static void json_row(struct output *output, const struct field *fields, size_t count)
{
	fputs(output->rows ? ",\n    " : "\n    ", output->file);
	json_write(output, json_object(), fields, count);
}

static void json_event(struct output *output, const struct field *fields, size_t count)
{
	json_write(output, json_pack("{si}", "schema", OUTPUT_SCHEMA), fields, count);
	fputc('\n', output->file);
}

static void json_say(struct output *output, const char *line)
{
	(void)output, (void)line;
}

static void json_end(struct output *output, const char *error)
{
	const struct field fields[] = { TEXT("error", NULL, 0, error) };

	if (output->streaming) {
		if (error)
			json_event(output, FIELDS(fields));
		return;
	}
	json_close_list(output);
	if (error) {
		json_t *text = json_value(fields);

		fputs(",\n  \"error\": ", output->file);
		json_dumpf(text, output->file, JSON_ENCODE_ANY);
		json_decref(text);
	}
	fputs("\n}\n", output->file);
}

const struct output_way output_as_json = {
	json_begin, json_facts, json_list, json_row, json_event, json_say, json_end
};

/* ---- table ---- */

static void table_cell(const struct field *field, char ret_text[CELL_BYTES])
{
	switch (field->kind) {
	case FIELD_TEXT:
		text_escape(field->text, ret_text, CELL_BYTES);
		break;
	case FIELD_NUMBER:
		snprintf(ret_text, CELL_BYTES, "%llu", (unsigned long long)field->number);
		break;
	case FIELD_SIGNED:
		snprintf(ret_text, CELL_BYTES, "%lld", (long long)field->integer);
		break;
	case FIELD_REAL:
		if (isfinite(field->real))
			snprintf(ret_text, CELL_BYTES, "%.*f", field->decimals, field->real);
		else
			text_copy("-", ret_text, CELL_BYTES);
		break;
	case FIELD_FLAG:
		text_copy(field->flag ? "yes" : "no", ret_text, CELL_BYTES);
		break;
	default:
		text_copy("-", ret_text, CELL_BYTES);
		break;
	}
}

static void table_line(struct output *output, const struct field *fields, size_t count, bool titles)
{
	char text[CELL_BYTES];
	size_t pending = 0; /* blanks owed; none are left at the end of a line */

	for (size_t i = 0; i < count; i++) {
		int width = fields[i].width < 0 ? -fields[i].width : fields[i].width;
		int length;

		if (!fields[i].title)
			continue;
		if (titles)
			snprintf(text, sizeof(text), "%s", fields[i].title);
		else
			table_cell(&fields[i], text);
		length = (int)strlen(text);
		if (fields[i].width > 0 && length < width)
			pending += (size_t)(width - length);
		fprintf(output->file, "%*s%s", (int)pending, "", text);
		pending = 2 + (fields[i].width < 0 && length < width ? (size_t)(width - length) : 0);
	}
	fputc('\n', output->file);
}

static void table_begin(struct output *output, const char *command)
{
	(void)output, (void)command;
}

static void table_facts(struct output *output, const char *name, const struct field *fields, size_t count)
{
	(void)output, (void)name, (void)fields, (void)count;
}

static void table_list(struct output *output, const char *name)
{
	(void)name;
	output->rows = 0;
}

static void table_row(struct output *output, const struct field *fields, size_t count)
{
	if (output->rows == 0)
		table_line(output, fields, count, true);
	table_line(output, fields, count, false);
}

static void table_event(struct output *output, const struct field *fields, size_t count)
{
	table_line(output, fields, count, false);
}

static void table_say(struct output *output, const char *line)
{
	fprintf(output->file, "%s\n", line);
}

static void table_end(struct output *output, const char *error)
{
	(void)output, (void)error; /* told on standard error */
}

const struct output_way output_as_table = { table_begin, table_facts, table_list, table_row,
					    table_event, table_say,   table_end };

/* ---- either ---- */

void output_begin(struct output *output, const char *command)
{
	if (!output->streaming)
		output->way->begin(output, command);
}

void output_end(struct output *output, const char *error)
{
	output->way->end(output, error);
}

void output_facts(struct output *output, const char *name, const struct field *fields, size_t count)
{
	output->way->facts(output, name, fields, count);
}

void output_list(struct output *output, const char *name)
{
	output->way->list(output, name);
}

void output_row(struct output *output, const struct field *fields, size_t count)
{
	output->way->row(output, fields, count);
	output->rows++;
}

void output_row_unless(struct output *output, bool dull, const struct field *fields, size_t count)
{
	if (!dull || output->way != &output_as_table)
		output_row(output, fields, count);
}

void output_event(struct output *output, const struct field *fields, size_t count)
{
	output->way->event(output, fields, count);
	fflush(output->file);
}

void output_say(struct output *output, const char *format, ...)
{
	char line[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	output->way->say(output, line);
}
