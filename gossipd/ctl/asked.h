/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Of which client an address is that was asked for. */
#ifndef CTL_ASKED_H
#define CTL_ASKED_H

#include <xpro/control.h>

#include "output.h"
#include "text.h"

#define ASKED_TEXT_BYTES (2 * TEXT_PREFIX_BYTES + 32)

/* "2001:db8::1 is of the client 2001:db8::/64" */
void asked_text(const struct control_client *row, char ret_text[ASKED_TEXT_BYTES]);

/* The same as facts and a sentence. */
void show_asked(struct output *output, const struct control_client *row);

#endif
