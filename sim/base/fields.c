/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Settings into the fields of a struct, and what is said of those that do not fit. */
#include "fields.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <xpro/time.h>

#include "../gossipd/config/numbers.h"

bool fields_complain(const struct reading *reading, const config_setting_t *setting, const char *text)
{
	return problem_set(reading->problem, false, "%s:%d: %s", reading->path,
			   setting ? config_setting_source_line(setting) : 0, text);
}

/* How many letters of two words differ, counted place by place: enough to guess what was meant. */
static size_t distance(const char *a, const char *b)
{
	const size_t a_size = strlen(a), b_size = strlen(b), shorter = a_size < b_size ? a_size : b_size;
	size_t from_start = 0, from_end = 0;

	while (from_start < shorter && tolower(a[from_start]) == tolower(b[from_start]))
		from_start++;
	while (from_end < shorter - from_start &&
	       tolower(a[a_size - 1 - from_end]) == tolower(b[b_size - 1 - from_end]))
		from_end++;
	return (a_size > b_size ? a_size : b_size) - from_start - from_end;
}

static bool complain_unknown(const struct reading *reading, const config_setting_t *setting, const struct field *fields)
{
	const char *name = config_setting_name(setting), *nearest = fields->name;
	char text[200];

	for (const struct field *field = fields; field->name; field++) {
		if (distance(name, field->name) < distance(name, nearest))
			nearest = field->name;
	}
	snprintf(text, sizeof(text), "unknown word \"%.40s\"; did you mean \"%s\"?", name, nearest);
	return fields_complain(reading, setting, text);
}

bool fields_complain_words(const struct reading *reading, const config_setting_t *setting, const char *name,
			   const char *const *words)
{
	char text[200];
	size_t used = (size_t)snprintf(text, sizeof(text), "%s must be one of:", name);

	for (; *words && used < sizeof(text); words++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, " \"%s\"", *words);
	return fields_complain(reading, setting, text);
}

static bool number_of(const config_setting_t *setting, double *ret_number)
{
	const bool real = config_setting_type(setting) == CONFIG_TYPE_FLOAT;
	int64_t whole = 0;

	if (!real && !numbers_read(setting, &whole))
		return false;
	*ret_number = real ? config_setting_get_float(setting) : (double)whole;
	return true;
}

bool fields_read_number(const struct reading *reading, const config_setting_t *setting, const struct field *field,
			void *target)
{
	char text[160];
	double number;

	if (!number_of(setting, &number) || (field->type != TYPE_REAL && number != floor(number))) {
		snprintf(text, sizeof(text), "%s must be %s", field->name,
			 field->type == TYPE_REAL ? "a number" : "a whole number");
		return fields_complain(reading, setting, text);
	}
	if (number < field->low || number > field->high) {
		snprintf(text, sizeof(text), "%s must be between %g and %g", field->name, field->low, field->high);
		return fields_complain(reading, setting, text);
	}
	if (field->type == TYPE_REAL)
		*(double *)target = number;
	else if (field->type == TYPE_INT)
		*(int *)target = (int)number;
	else if (field->type == TYPE_UINT32)
		*(uint32_t *)target = (uint32_t)number;
	else
		*(struct duration *)target = duration_ms((int64_t)number);
	return true;
}

bool fields_read_word(const struct reading *reading, const config_setting_t *setting, const struct field *field,
		      void *target)
{
	const char *word = config_setting_get_string(setting);

	for (int i = 0; word && field->words[i]; i++) {
		if (strcmp(field->words[i], word) != 0)
			continue;
		if (field->type == TYPE_BOOL_WORD)
			*(bool *)target = i;
		else
			*(int *)target = i;
		return true;
	}
	return fields_complain_words(reading, setting, field->name, field->words);
}

static bool read_field(const struct reading *reading, const config_setting_t *setting, const struct field *field,
		       void *target)
{
	const char *text;

	switch (field->type) {
	case TYPE_BOOL:
		if (config_setting_type(setting) != CONFIG_TYPE_BOOL)
			return fields_complain(reading, setting, "must be true or false");
		*(bool *)target = config_setting_get_bool(setting);
		return true;
	case TYPE_WORD:
	case TYPE_BOOL_WORD:
		return fields_read_word(reading, setting, field, target);
	case TYPE_TEXT:
		text = config_setting_get_string(setting);
		if (!text || strlen(text) >= (size_t)field->high)
			return fields_complain(reading, setting, "must be a short text in quotes");
		memcpy(target, text, strlen(text) + 1);
		return true;
	case TYPE_OTHER:
		return true;
	default:
		return fields_read_number(reading, setting, field, target);
	}
}

bool fields_read(const struct reading *reading, const config_setting_t *group, const struct field *fields,
		 void *base)
{
	if (!group)
		return true;
	if (!config_setting_is_group(group))
		return fields_complain(reading, group, "must be a group: { word = value; ... }");
	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *setting = config_setting_get_elem(group, (unsigned int)i);
		const struct field *field = fields;

		while (field->name && strcmp(field->name, config_setting_name(setting)) != 0)
			field++;
		if (!field->name)
			return complain_unknown(reading, setting, fields);
		if (!read_field(reading, setting, field, (char *)base + field->offset))
			return false;
	}
	return true;
}
