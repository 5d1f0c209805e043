/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The parameters that all proxies of a mesh share. `gossipctl mesh init` fixes them, and every certificate contains
 * them (a digest of the widths), so a node with other parameters cannot join. Also the arithmetic of ticks and slots in
 * mesh time.
 */
#ifndef PROTO_MESH_H
#define PROTO_MESH_H

#include <xpro/bounds.h>
#include <xpro/time.h>

#include "widths.h"

struct mesh {
	uint8_t id[MESH_ID_BYTES]; /* the first bytes of BLAKE2b-256 of the authority's public key */
	uint8_t authority[PUBLIC_KEY_BYTES]; /* Ed25519 */
	uint32_t tick_ms; /* t */
	uint32_t window_max_ms; /* T_T4 */
	uint32_t decay; /* r */
	struct widths widths;
};

/* 0, or -EINVAL with *ret_problem a sentence naming the parameter and its bounds. */
int mesh_check(const struct mesh *mesh, const char **ret_problem);

/* The mesh id that belongs to an authority. */
void mesh_id_of(const uint8_t authority[PUBLIC_KEY_BYTES], uint8_t ret_id[MESH_ID_BYTES]);

static inline struct duration mesh_tick_length(const struct mesh *mesh)
{
	return duration_ms(mesh->tick_ms);
}

/* window_max * (1 - 1/r). */
static inline struct duration mesh_slot_length(const struct mesh *mesh)
{
	return (struct duration){ (int64_t)mesh->window_max_ms * NS_PER_MS * (mesh->decay - 1) / mesh->decay };
}

static inline uint64_t mesh_slot_at(const struct mesh *mesh, struct instant at)
{
	return at.ns <= 0 ? 0 : (uint64_t)(at.ns / mesh_slot_length(mesh).ns);
}

static inline struct instant mesh_slot_start(const struct mesh *mesh, uint64_t slot)
{
	return (struct instant){ (int64_t)slot * mesh_slot_length(mesh).ns };
}

/* The last tick that ended at or before `at`: tick n ends at mesh time n x tick length. */
static inline uint64_t mesh_tick_ended(const struct mesh *mesh, struct instant at)
{
	return at.ns <= 0 ? 0 : (uint64_t)(at.ns / mesh_tick_length(mesh).ns);
}

/* When a tick ends, which is when the next one starts. */
static inline struct instant mesh_tick_end(const struct mesh *mesh, uint64_t tick)
{
	return (struct instant){ (int64_t)tick * mesh_tick_length(mesh).ns };
}

#endif
