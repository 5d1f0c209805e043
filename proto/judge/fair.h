/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The max-min fair level of a destination's clients, over their offered rates. PROTOCOL section "Fair". */
#ifndef PROTO_FAIR_H
#define PROTO_FAIR_H

#include <stddef.h>
#include <stdint.h>

/*
 * lambda with sum of min(rate, lambda) = capacity; INFINITY when all rates fit. rates[] are not negative; bounded
 * passes over them.
 */
double fair_level(const float *rates, size_t count, double capacity);

/* The share of a rate that passes below a level, in 1/65535; 65535 when the rate does not exceed it. */
uint16_t fair_share(double rate, double level);

#endif
