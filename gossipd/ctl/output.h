/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a command shows, apart from how: facts about one thing, lists of rows, and sentences for people. As a table
 * for people or as JSON: one object {"schema":1,"command":...}, or one object per line for streams. Rows are written
 * as they come; nothing is collected.
 */
#ifndef CTL_OUTPUT_H
#define CTL_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define OUTPUT_SCHEMA 1 /* grows when a field changes its meaning or goes */

enum field_kind { FIELD_NONE, FIELD_TEXT, FIELD_NUMBER, FIELD_SIGNED, FIELD_REAL, FIELD_FLAG, FIELD_TEXTS };

struct field {
	const char *name;  /* in JSON */
	const char *title; /* of the table's column; NULL = not in the table */
	int width;	   /* of the column; negative = left-aligned */
	enum field_kind kind;
	union {
		const char *text;
		uint64_t number;
		int64_t integer;
		double real; /* NAN and infinities are shown as unknown */
		bool flag;
		const char *const *texts; /* `count` of them: an array in JSON, never in a table */
	};
	size_t count;
	int decimals;
};

#define TEXT(n, t, w, v) ((struct field){ .name = (n), .title = (t), .width = (w), .kind = FIELD_TEXT, .text = (v) })
#define NUMBER(n, t, w, v) \
	((struct field){ .name = (n), .title = (t), .width = (w), .kind = FIELD_NUMBER, .number = (v) })
#define SIGNED(n, t, w, v) \
	((struct field){ .name = (n), .title = (t), .width = (w), .kind = FIELD_SIGNED, .integer = (v) })
#define REAL(n, t, w, v, d) \
	((struct field){ .name = (n), .title = (t), .width = (w), .kind = FIELD_REAL, .real = (v), .decimals = (d) })
#define FLAG(n, t, w, v) ((struct field){ .name = (n), .title = (t), .width = (w), .kind = FIELD_FLAG, .flag = (v) })
#define TEXTS(n, v, c) ((struct field){ .name = (n), .kind = FIELD_TEXTS, .texts = (v), .count = (c) })
#define UNKNOWN(n) ((struct field){ .name = (n), .kind = FIELD_NONE })
#define FIELDS(array) (array), sizeof(array) / sizeof((array)[0])

struct output;

struct output_way {
	void (*begin)(struct output *output, const char *command);
	void (*facts)(struct output *output, const char *name, const struct field *fields, size_t count);
	void (*list)(struct output *output, const char *name);
	void (*row)(struct output *output, const struct field *fields, size_t count);
	void (*event)(struct output *output, const struct field *fields, size_t count);
	void (*say)(struct output *output, const char *line);
	void (*end)(struct output *output, const char *error);
};

struct output {
	const struct output_way *way;
	FILE *file;
	bool streaming; /* set before output_begin: the command writes events, each for itself */
	bool in_list;
	unsigned int rows; /* of the list, so far */
};

extern const struct output_way output_as_table, output_as_json;

/*
 * The first call and the last, made for every command by main. `error` is what went wrong, or NULL; it becomes a
 * field in JSON.
 */
void output_begin(struct output *output, const char *command);
void output_end(struct output *output, const char *error);

/* One thing's facts: an object in JSON, nothing in a table (sentences say it there). */
void output_facts(struct output *output, const char *name, const struct field *fields, size_t count);

/* Opens a list, closing the one before; rows follow. An empty one is [] in JSON and nothing in a table. */
void output_list(struct output *output, const char *name);
void output_row(struct output *output, const struct field *fields, size_t count);

/* The same, but a dull row is left out of the table. */
void output_row_unless(struct output *output, bool dull, const struct field *fields, size_t count);

/* Streams: each event stands alone and is on its way when the call returns. */
void output_event(struct output *output, const struct field *fields, size_t count);

/* A line for people; not in JSON. */
void output_say(struct output *output, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
