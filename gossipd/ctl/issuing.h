/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What `mesh issue` works on: the arguments, the authority, and one node after the other. */
#ifndef CTL_ISSUING_H
#define CTL_ISSUING_H

#include "authority.h"
#include "config.h"

struct issuing {
	const struct arguments *arguments;
	const char *directory;
	struct authority authority;
	/* of all nodes of the command; paths that name the node are made for each */
	struct config common;
	char region[REGION_BYTES_MAX + 1];
	uint64_t line_rate;
	/* the node at work */
	char name[NAME_BYTES_MAX + 1], folder[FILES_PATH_BYTES];
	struct certificate certificate;
	struct config config;
};

/* The options. False, with the error told, when one is wrong. */
bool issuing_read_options(struct issuing *issuing);

/*
 * NAME, or NAME=IP:PORT[,IP:PORT]: makes it the node at work, with the addresses of the word or of --address. False,
 * with the error told.
 */
bool issuing_read_node(struct issuing *issuing, const char *word);

#endif
