// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Bounds of the mesh parameters. The shortest windows, which are policy, are compared with these where policy is read.
 */
#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "mesh.h"

#define TEXT_OF(number) #number
#define TEXT(macro) TEXT_OF(macro)

#define SLOT_TICKS_MIN 4 /* the rate of a key is taken over two complete ticks, CARRY_TICKS back: all inside one slot */
_Static_assert(SLOT_TICKS_MIN > CARRY_TICKS, "the carry reaches back into one slot at most");

/* The sentence that names what is wrong, or NULL. */
static const char *problem_of(const struct mesh *mesh)
{
	if (mesh->tick_ms < TICK_MS_MIN || mesh->tick_ms > TICK_MS_MAX)
		return "tick must be " TEXT(TICK_MS_MIN) " to " TEXT(TICK_MS_MAX) " ms";
	if (mesh->decay < 2 || mesh->decay > DECAY_MAX)
		return "decay must be 2 to " TEXT(DECAY_MAX);
	if (mesh->window_max_ms == 0 || mesh->window_max_ms > WINDOW_MAX_MS_MAX)
		return "window_max must be 1 to " TEXT(WINDOW_MAX_MS_MAX) " ms";

	uint64_t slot_times_decay = (uint64_t)mesh->window_max_ms * (mesh->decay - 1);
	uint64_t slot_ms = slot_times_decay / mesh->decay;

	if (slot_times_decay % mesh->decay != 0)
		return "window_max must be a multiple of decay ms, "
		       "so that a slot, window_max * (1 - 1/decay), is whole";
	if (slot_ms % mesh->tick_ms != 0)
		return "a slot, window_max * (1 - 1/decay), must be a whole number of ticks";
	if (slot_ms / mesh->tick_ms < SLOT_TICKS_MIN)
		return "a slot, window_max * (1 - 1/decay), must be at least " TEXT(SLOT_TICKS_MIN) " ticks";
	return NULL;
}

int mesh_check(const struct mesh *mesh, const char **ret_problem)
{
	const char *problem = problem_of(mesh);

	if (!problem)
		return widths_check(&mesh->widths, ret_problem);
	*ret_problem = problem;
	return -EINVAL;
}

void mesh_id_of(const uint8_t authority[PUBLIC_KEY_BYTES], uint8_t ret_id[MESH_ID_BYTES])
{
	uint8_t hash[HASH_BYTES];

	crypto_generichash(hash, sizeof(hash), authority, PUBLIC_KEY_BYTES, NULL, 0);
	memcpy(ret_id, hash, MESH_ID_BYTES);
}
