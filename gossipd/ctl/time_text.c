/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Mesh time as people read it. */
#include "time_text.h"

#include <stdio.h>
#include <time.h>

void time_text(int64_t ns, char ret_text[TIME_TEXT_BYTES])
{
	time_t seconds = (time_t)(ns / 1000000000);
	struct tm parts;

	gmtime_r(&seconds, &parts);
	snprintf(ret_text, TIME_TEXT_BYTES, "%02d:%02d:%02d.%03d", parts.tm_hour, parts.tm_min, parts.tm_sec,
		 (int)(ns / 1000000 % 1000));
}

void time_text_full(int64_t ns, char ret_text[TIME_TEXT_BYTES])
{
	time_t seconds = (time_t)(ns / 1000000000);
	struct tm parts;

	if (!gmtime_r(&seconds, &parts) || strftime(ret_text, TIME_TEXT_BYTES, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
		ret_text[0] = '\0';
}
