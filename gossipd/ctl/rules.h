/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rules of the policy as people read them. */
#ifndef CTL_RULES_H
#define CTL_RULES_H

#include <xpro/control.h>

#include "output.h"

#define RATE_TEXT_BYTES 16

/* A threshold in packets per second: "200/s", or "no limit" for 0. */
void rate_text(uint32_t rate, char ret_text[RATE_TEXT_BYTES]);

/*
 * The rate of clients or networks: "200/s"; for 0 the shadow limit it is judged by, "no limit (1000/s is reported)";
 * "no limit" where that is 0 too.
 */
#define LIMIT_TEXT_BYTES 48
void limit_text(uint32_t rate, uint32_t limit, char ret_text[LIMIT_TEXT_BYTES]);

/* One row of the list that is open: "rules", say. */
void show_rule(struct output *output, const struct control_rule *rule);

#endif
