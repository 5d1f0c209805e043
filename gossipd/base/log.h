/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The log: lines on standard error, "gossipd: subject: fact", with the journal's priority in front when the journal
 * reads them.
 */
#ifndef GOSSIPD_LOG_H
#define GOSSIPD_LOG_H

#include <stdbool.h>

#include <xpro/time.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG, LOG_LEVEL_COUNT };

extern const char *const log_level_names[LOG_LEVEL_COUNT];

void log_set_level(enum log_level level);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Limits lines that a network can cause to LOG_LINES_PER_S a second; the others are counted and reported in one line.
 * Zero-initialised.
 */
#define LOG_LINES_PER_S 10
struct log_limit {
	int64_t second;
	unsigned int lines;
	unsigned long long suppressed;
};

/* May a line be written now? Writes the summary of an earlier second's silence first. */
bool log_allow(struct log_limit *limit, struct now now, const char *subject);

#endif
