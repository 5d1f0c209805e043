// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Mesh parameters: every bound and both its neighbours; and that every reject reason has a name of its own. */
#include <errno.h>

#include "reject.h"
#include "vector.h"

static void parameters_within_their_bounds_are_taken(void **state)
{
	static const struct {
		uint32_t tick_ms, window_max_ms, decay;
		const char *problem; /* the word it names; NULL = none */
	} rows[] = {
		/*  0 */ { 200, 8000, 2, NULL },
		/*  1 */ { TICK_MS_MIN, 8000, 2, NULL },
		/*  2 */ { TICK_MS_MIN - 1, 8000, 2, "tick" },
		/*  3 */ { TICK_MS_MAX, 8000, 2, NULL },
		/*  4 */ { TICK_MS_MAX + 1, 8000, 2, "tick" },
		/*  5 */ { 0, 8000, 2, "tick" },
		/*  6 */ { UINT32_MAX, 8000, 2, "tick" },
		/*  7 */ { 200, 8000, 1, "decay" },
		/*  8 */ { 200, 8000, 0, "decay" },
		/*  9 */ { 200, 6400, DECAY_MAX, NULL },
		/* 10 */ { 200, 8100, DECAY_MAX + 1, "decay" },
		/* 11 */ { 200, 8000, UINT32_MAX, "decay" },
		/* 12 */ { 200, 0, 2, "window_max" },
		/* 13 */ { 200, WINDOW_MAX_MS_MAX, 2, NULL },
		/* 14 */ { 200, WINDOW_MAX_MS_MAX + 400, 2, "window_max" },
		/* 15 */ { 200, UINT32_MAX, 2, "window_max" },
		/* 16 */ { 200, 8001, 2, "multiple of decay" },
		/* 17 */ { 200, 8000, 3, "multiple of decay" },
		/* 18 */ { 200, 8100, 2, "whole number of ticks" },
		/* 19 */ { 300, 8000, 2, "whole number of ticks" },
		/* 20 */ { 200, 1600, 2, NULL }, /* 4 ticks */
		/* 21 */ { 200, 1200, 2, "at least 4 ticks" },
		/* 22 */ { 200, 1200, 3, NULL }, /* a slot of 800 ms */
		/* 23 */ { 200, 100, 2, "whole number of ticks" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct mesh mesh = { .tick_ms = rows[i].tick_ms,
					   .window_max_ms = rows[i].window_max_ms,
					   .decay = rows[i].decay,
					   .widths = WIDTHS_DEFAULT };
		const char *problem = NULL;
		int error = mesh_check(&mesh, &problem);

		if (error != (rows[i].problem ? -EINVAL : 0) || !problem != !rows[i].problem ||
		    (problem && !strstr(problem, rows[i].problem)))
			fail_msg("row %zu: %d, \"%s\"", i, error, problem ? problem : "no problem");
	}
}

static void a_slot_is_window_max_less_its_rth_part(void **state)
{
	const struct mesh mesh = mesh_make();

	(void)state;
	assert_int_equal(mesh_slot_length(&mesh).ns, 4 * NS_PER_S);
	assert_int_equal(mesh_slot_at(&mesh, (struct instant){ 4 * NS_PER_S - 1 }), 0);
	assert_int_equal(mesh_slot_at(&mesh, (struct instant){ 4 * NS_PER_S }), 1);
	assert_int_equal(mesh_slot_at(&mesh, (struct instant){ -1 }), 0);
	assert_int_equal(mesh_slot_start(&mesh, 425000000).ns, 1700000000 * NS_PER_S);
	assert_int_equal(mesh_tick_ended(&mesh, mesh_slot_start(&mesh, 425000000)), 8500000000);
}

static void the_mesh_id_is_the_hash_of_the_authority(void **state)
{
	const struct mesh mesh = mesh_make();
	uint8_t certificate[CERTIFICATE_BYTES_MAX];

	(void)state;
	vector_read("certificate", certificate, sizeof(certificate));
	assert_memory_equal(certificate + 4, mesh.id, MESH_ID_BYTES);
}

static void every_reject_reason_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int i = 0; i < REJECT_COUNT; i++) {
		assert_non_null(reject_names[i]);
		for (int k = 0; k < i; k++)
			assert_string_not_equal(reject_names[i], reject_names[k]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parameters_within_their_bounds_are_taken),
		cmocka_unit_test(a_slot_is_window_max_less_its_rth_part),
		cmocka_unit_test(the_mesh_id_is_the_hash_of_the_authority),
		cmocka_unit_test(every_reject_reason_has_a_name_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
