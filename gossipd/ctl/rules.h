/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rules of the policy as people read them. */
#ifndef CTL_RULES_H
#define CTL_RULES_H

#include <xpro/control.h>

#include "output.h"

/* One row of the list that is open: "rules", say. */
void show_rule(struct output *output, const struct control_rule *rule);

#endif
