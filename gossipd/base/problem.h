/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An error message for the person who started a program: one sentence with what failed, on what, and what to do. It is
 * returned up to a caller that prints it.
 */
#ifndef GOSSIPD_PROBLEM_H
#define GOSSIPD_PROBLEM_H

#include <stdarg.h>
#include <stdio.h>

struct problem {
	char text[1536];
};

/* Fills it in and returns err, so that a check reads `return problem_set(problem, -EINVAL, "...")`. */
__attribute__((format(printf, 3, 4))) static inline int problem_set(struct problem *problem, int err,
								    const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(problem->text, sizeof(problem->text), format, arguments);
	va_end(arguments);
	return err;
}

#endif
