/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The config file that `mesh issue` writes: every setting with its meaning, so that the file is its own manual. */
#ifndef CTL_EXAMPLE_H
#define CTL_EXAMPLE_H

#include <stddef.h>

#include "config.h"

#define EXAMPLE_HOSTS_BYTES (CLIENT_HOSTS_MAX * TEXT_PREFIX_BYTES + 32)

/* The list client_hosts: "[]", or "[\"2001:db8::/48\"]". */
void example_hosts(const struct widths *widths, char ret_text[EXAMPLE_HOSTS_BYTES]);

/* Writes the text for the values in *config; returns its length, or 0 when it does not fit. */
size_t example_write(const struct config *config, char *ret_text, size_t bytes);

#endif
