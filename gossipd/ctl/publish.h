/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The authority's documents: signed here, kept in the mesh's directory, brought to a daemon that is asked for. */
#ifndef CTL_PUBLISH_H
#define CTL_PUBLISH_H

#include "authority.h"
#include "document.h"

/* Signs the next document of a kind (its serial is one above the last in the directory) and writes D/KIND.doc. */
int publish_sign(const struct authority *authority, const char *directory, enum document_kind kind,
		 const uint8_t *content, size_t size, uint64_t *ret_serial, struct problem *ret_problem);

/* Can the next documents be numbered? Asked before anything is changed. */
int publish_check(const struct authority *authority, const char *directory, struct problem *ret_problem);

/* The revocation of every key on the directory's list. */
int publish_revocation(const struct authority *authority, const char *directory, uint64_t *ret_serial,
		       struct problem *ret_problem);

/* A fresh mesh secret, written into the directory, in a box for every node issued. In force `in_s` seconds from now. */
int publish_rotation(struct authority *authority, const char *directory, uint64_t in_s, uint64_t *ret_serial,
		     struct problem *ret_problem);

/* The slot that begins at least `in_s` seconds from now. */
uint64_t publish_slot(const struct mesh *mesh, uint64_t in_s);

/* Brings D/KIND.doc to the daemon when --socket or --config names one; else says how to. An exit code. */
int publish_push(const struct arguments *arguments, struct output *output, const char *directory,
		 enum document_kind kind);

/* Brings a file to the daemon. An exit code. */
int publish_push_file(const struct arguments *arguments, struct output *output, const char *path);

#endif
