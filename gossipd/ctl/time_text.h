/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Mesh time as people read it. */
#ifndef CTL_TIME_TEXT_H
#define CTL_TIME_TEXT_H

#include <stdint.h>

#define TIME_TEXT_BYTES 48

/* "15:04:05.123", UTC. */
void time_text(int64_t ns, char ret_text[TIME_TEXT_BYTES]);

/* "2027-01-15T15:04:05Z" (RFC 3339), rounded down. */
void time_text_full(int64_t ns, char ret_text[TIME_TEXT_BYTES]);

#endif
