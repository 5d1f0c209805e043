/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A simulated daemon's sums of clients and networks: the core's own code, fed by the model of the kernel's tables. */
#ifndef SIM_SUMMING_H
#define SIM_SUMMING_H

#include "proxy.h"

void summing_open(struct proxy *proxy);
void summing_close(struct proxy *proxy);

/* A daemon starts. */
void summing_start(struct proxy *proxy);

/* In a tick: before the harvest, which finds what coarse entries gained; what it found of a record; after it. */
void summing_tick(struct proxy *proxy);
/* A packet of this proxy made the pair's record; call it at the harvest that sees it first. */
void summing_contact(struct proxy *proxy, const struct key *pair);
void summing_gain(struct proxy *proxy, const struct key *key, const struct harvest_cell *cell, uint32_t gain);
void summing_end(struct proxy *proxy);

#endif
