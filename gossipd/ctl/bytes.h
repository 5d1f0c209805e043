/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sentences about the bytes of a key. */
#ifndef CTL_BYTES_H
#define CTL_BYTES_H

#include <xpro/control.h>

#include "output.h"

/* Of a pair or a destination, and its record here. */
void say_bytes(struct output *output, const struct control_key *key, const struct control_record *record);
/* Of a client or a network. */
void say_bytes_of_whole(struct output *output, const struct control_key *key);

#endif
