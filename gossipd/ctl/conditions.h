/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The conditions of an answer to `status`, and the ways to show them. */
#ifndef CTL_CONDITIONS_H
#define CTL_CONDITIONS_H

#include <xpro/control.h>

#include "output.h"

#define CONDITION_LINE_BYTES (CONTROL_SUBJECT_BYTES + 2 + CONTROL_CONDITION_BYTES)

/* In the order in which they came: the gravest first, so that the errors are the first ones. */
struct shown_conditions {
	size_t count, errors;
	struct control_condition rows[CONTROL_CONDITIONS_MAX];
	char lines[CONTROL_CONDITIONS_MAX][CONDITION_LINE_BYTES]; /* "subject: text" */
	const char *texts[CONTROL_CONDITIONS_MAX]; /* the same */
};

/* "subject: text" */
void condition_line(const struct control_condition *row, char ret_line[CONDITION_LINE_BYTES]);

/* More than there is room for are left out. */
void take_condition(struct shown_conditions *conditions, const struct control_condition *row);

/* For people: two lines each, what is so and what to do. */
void say_conditions(struct output *output, const struct shown_conditions *conditions);

/* In JSON: all of them in `conditions`, and the texts of what is no error in `warnings`. */
void list_conditions(struct output *output, const struct shown_conditions *conditions);

#endif
