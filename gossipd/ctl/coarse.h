/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Coarse entries as people read them. */
#ifndef CTL_COARSE_H
#define CTL_COARSE_H

#include <xpro/control.h>

#include "output.h"

/* One row of the list that is open. */
void show_coarse(struct output *output, const struct control_coarse *row);

#endif
