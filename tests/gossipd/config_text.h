/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A configuration that is right but for what a test adds to it. */
#ifndef TESTS_CONFIG_TEXT_H
#define TESTS_CONFIG_TEXT_H

#include "scratch.h"

#include "config.h"

static struct config config;
static struct problem problem;

/* Reads it with `text`, which begins at line 3. */
static inline int load(const char *text)
{
	static const char base[] = "name = \"a\"; key_file = \"k\"; certificate_file = \"c\"; "
				   "mesh_secret_file = \"s\"; "
				   "interfaces = [\"eth0\", \"eth1\"];\n"
				   "mesh = { pair_rate = 1; destination_rate = 1; };\n";
	char file[8192];

	snprintf(file, sizeof(file), "%s%s\n", base, text);
	scratch_write("a.conf", file, strlen(file), 0644);
	return config_load(scratch_path("a.conf"), &config, &problem);
}

#endif
