/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Log lines. One write(2) each, so that lines of two processes on one file do not mix; a log that cannot be written
 * stops nothing.
 */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_BYTES 1024

const char *const log_level_names[LOG_LEVEL_COUNT] = { "error", "warning", "info", "debug" };

static enum log_level log_level = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	log_level = level;
}

static void line(enum log_level level, const char *format, va_list arguments)
{
	static const char priorities[LOG_LEVEL_COUNT] = { '3', '4', '6', '7' };
	char text[LINE_BYTES];
	size_t at = 0, room;
	int length;

	if (level > log_level)
		return;
	if (getenv("JOURNAL_STREAM"))
		at = (size_t)snprintf(text, sizeof(text), "<%c>", priorities[level]);
	at += (size_t)snprintf(text + at, sizeof(text) - at, "gossipd: %s", level == LOG_LEVEL_ERROR ? "error: " : "");
	room = sizeof(text) - at - 1;
	length = vsnprintf(text + at, room, format, arguments);
	if (length > 0)
		at += (size_t)length < room ? (size_t)length : room - 1;
	text[at++] = '\n';
	if (write(STDERR_FILENO, text, at) < 0)
		return; /* nobody left to tell */
}

#define LOG_FUNCTION(name, level)                \
	void log_##name(const char *format, ...) \
	{                                        \
		va_list arguments;               \
                                                 \
		va_start(arguments, format);     \
		line(level, format, arguments);  \
		va_end(arguments);               \
	}

LOG_FUNCTION(error, LOG_LEVEL_ERROR)
LOG_FUNCTION(warning, LOG_LEVEL_WARNING)
LOG_FUNCTION(info, LOG_LEVEL_INFO)
LOG_FUNCTION(debug, LOG_LEVEL_DEBUG)

bool log_allow(struct log_limit *limit, struct now now, const char *subject)
{
	int64_t second = now.mono.ns / NS_PER_S;

	if (second != limit->second) {
		if (limit->suppressed)
			log_info("%s: %llu more, not written (gossipctl events shows the latest)", subject,
				 limit->suppressed);
		*limit = (struct log_limit){ .second = second };
	}
	if (limit->lines >= LOG_LINES_PER_S) {
		limit->suppressed++;
		return false;
	}
	limit->lines++;
	return true;
}
