/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Between the parts of reading a config: the file, the settings, the checks among them. */
#ifndef GOSSIPD_CONFIG_INTERNAL_H
#define GOSSIPD_CONFIG_INTERNAL_H

#include <libconfig.h>

#include "config.h"

/* The whole text, ending in a zero byte, for the caller to free. Refuses a byte order mark, CRLF and zero bytes, by line. */
int config_read_text(const char *path, char **ret_text, struct problem *ret_problem);

/* Parses it. An error names its line and what is probably meant. Numbers that libconfig would cut are refused. */
int config_parse(const char *path, const char *text, config_t *tree, struct problem *ret_problem);

/* The list `tunnels`. */
int config_read_tunnels(const config_setting_t *at, struct config *config, struct problem *problem);

/* Fills in what depends on other settings and checks them against each other. */
int config_finish(struct config *config, struct problem *problem);

#endif
