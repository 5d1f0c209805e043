/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shared by the config_*.c files: reading the text, parsing it, and checking settings against each other. */
#ifndef GOSSIPD_CONFIG_INTERNAL_H
#define GOSSIPD_CONFIG_INTERNAL_H

#include <libconfig.h>

#include "config.h"

enum kind { KIND_TEXT, KIND_PATH, KIND_FLAG, KIND_NUMBER, KIND_CHOICE, KIND_LIST, KIND_GROUP };

struct setting {
	const char *name;
	size_t offset;
	int64_t min, max;	    /* numbers: bounds; text and paths: max is the size of the field */
	const char *const *choices; /* NULL-terminated */
	enum kind kind;
	bool required;
};

/* Every setting, by enum config_key. */
extern const struct setting config_settings[CONFIG_KEY_COUNT];

/*
 * The whole text, ending in a zero byte, for the caller to free. Refuses a byte order mark, CRLF and zero bytes, by
 * line.
 */
int config_read_text(const char *path, char **ret_text, struct problem *ret_problem);

/* What libconfig would misread or explain badly in a text: a BOM, CRLF, zero bytes. */
int config_check_text(const char *path, const char *text, size_t size, struct problem *ret_problem);

/* Parses the text. An error names its line and the probable intention. Numbers that libconfig would cut are refused. */
int config_parse(const char *path, const char *text, config_t *tree, struct problem *ret_problem);

/* The list `tunnels`. */
int config_read_tunnels(const config_setting_t *at, struct config *config, struct problem *problem);

/* The lists `interfaces`, `clients` and `outer_interfaces`. */
int config_read_interfaces(const config_setting_t *at, struct config *config, struct problem *problem);
int config_read_clients(const config_setting_t *at, struct config *config, struct problem *problem);
int config_read_outer(const config_setting_t *at, struct config *config, struct problem *problem);

/*
 * The list `client_hosts`, into empty widths, which are still to be checked. `path`: of the file, for messages. The
 * mesh authority's parameters have it, too.
 */
int config_read_hosts(const config_setting_t *at, const char *path, struct widths *widths, struct problem *problem);

/* What the settings of sides say about each other. */
int config_check_sides(struct config *config, struct problem *problem);

/* Fills in what depends on other settings and checks them against each other. */
int config_finish(struct config *config, struct problem *problem);

#endif
