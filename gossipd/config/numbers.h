/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whole numbers in files that libconfig reads. libconfig 1.5 cuts a number to 32 bits without a word: 4294967496 is
 * read as 200. The parsed tree does not show it, so the text is looked over. Every reader of settings, the
 * simulator's included, checks a file with these before it takes a number.
 */
#ifndef GOSSIPD_NUMBERS_H
#define GOSSIPD_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include <libconfig.h>

#include "problem.h"

/* Refuses, as "path:line: setting: ...", the first whole number in `text` that an int does not hold: decimal or
 * hexadecimal, with or without the suffix L. The text must be one that libconfig parses. */
int numbers_check(const char *path, const char *text, struct problem *ret_problem);

/* The same for the files that settings of this tree were included from. */
int numbers_check_included(const config_setting_t *root, struct problem *ret_problem);

/* The number of a setting. False when it is none, or written with a point or an exponent. */
bool numbers_read(const config_setting_t *at, int64_t *ret_number);

/* A whole file as text, for the caller to free. NULL with errno set when it cannot be read, or holds a zero byte. */
char *numbers_read_text(const char *path);

#endif
