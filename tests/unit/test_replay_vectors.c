/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Cells in, M out: the cases of tests/vectors/replays.txt, whose M the second implementation has computed
 * (tests/vectors/replays.py has their form).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "algorithm1.h"
#include "arena.h"
#include "ledger.h"

#define KEYS 1024 /* of which each member has a part */
#define CELLS 65536
#define MEMBERS 16

struct scene {
	char words[128];
	void *memory;
	struct ledger ledger;
	struct mesh mesh;
	struct duration idle_reset;
	uint64_t slot;
	bool out[ORIGINS_MAX];
	struct paper_m expected;
};

static struct key key_numbered(unsigned int number)
{
	return key_of_destination(
		&(struct address){ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 18, 0, (uint8_t)number } });
}

static void scene_open(struct scene *scene, const char *words)
{
	const size_t bytes = ledger_bytes(KEYS, CELLS, MEMBERS);
	struct arena arena = { .memory = aligned_alloc(ARENA_ALIGN, bytes) };

	*scene = (struct scene){ .memory = arena.memory };
	assert_non_null(arena.memory);
	snprintf(scene->words, sizeof(scene->words), "%.*s", (int)strcspn(words, "\n"), words);
	ledger_init(&scene->ledger, &arena, KEYS, CELLS, MEMBERS, (uint64_t[]){ 1, 2 });
}

static void cell_read(struct scene *scene, const char *line)
{
	unsigned int key, member, incarnation, first, last, packets;
	unsigned long long slot;
	uint64_t gain;
	uint32_t entry, cell;

	assert_int_equal(sscanf(line, "cell %u %u %u %llu %u %u %u", &key, &member, &incarnation, &slot, &first, &last,
				&packets), 7);
	assert_true(member < MEMBERS && incarnation < INCARNATIONS_MAX && first < 256 && last < 256);

	const uint16_t origin = (uint16_t)(member * INCARNATIONS_MAX + incarnation);
	const struct cell version = { .key = key_numbered(key), .slot = slot, .first = (uint8_t)first,
				      .last = (uint8_t)last, .packets = packets };

	entry = ledger_make(&scene->ledger, origin, &version.key);
	assert_int_not_equal(entry, INDEX_NONE);
	ledger_join(&scene->ledger, entry, origin, &version, &gain, &cell);
}

static void line_read(struct scene *scene, const char *line)
{
	unsigned int a, b, c, d;
	unsigned long long slot, ts1, ts2, count;

	if (sscanf(line, "mesh %u %u %u %u %llu", &a, &b, &c, &d, &slot) == 5) {
		scene->mesh = (struct mesh){ .tick_ms = a, .window_max_ms = b, .decay = c };
		scene->idle_reset = duration_ms(d);
		scene->slot = slot;
	} else if (sscanf(line, "line %u %u", &a, &b) == 2) {
		scene->ledger.line_packets[a] = b;
	} else if (sscanf(line, "out %u %u", &a, &b) == 2) {
		scene->out[a * INCARNATIONS_MAX + b] = true;
	} else if (sscanf(line, "m %llu %llu %llu", &ts1, &ts2, &count) == 3) {
		scene->expected = (struct paper_m){ { (int64_t)ts1 }, { (int64_t)ts2 }, count };
	} else {
		cell_read(scene, line);
	}
}

/* Compares, and frees. */
static void scene_end(struct scene *scene)
{
	const struct paper_m *wanted = &scene->expected;
	const uint64_t oldest = scene->slot - (SLOTS_HELD - 1);
	const struct key key = key_numbered(0);
	const uint32_t entry = ledger_find(&scene->ledger, &key);
	struct slot_sums sums = { 0 };
	struct paper_m m;

	if (entry != INDEX_NONE)
		ledger_sum(&scene->ledger, &scene->ledger.entries[entry],
			   ledger_first(&scene->ledger, &scene->ledger.entries[entry]), oldest, &scene->mesh,
			   scene->out, &sums);
	m = algorithm1_replay(sums.sum, oldest, &scene->mesh, scene->idle_reset);
	if (m.count != wanted->count || (m.count && (m.ts1.ns != wanted->ts1.ns || m.ts2.ns != wanted->ts2.ns)))
		fail_msg("%s: M is (%lld, %lld, %llu), not (%lld, %lld, %llu)", scene->words, (long long)m.ts1.ns,
			 (long long)m.ts2.ns, (unsigned long long)m.count, (long long)wanted->ts1.ns,
			 (long long)wanted->ts2.ns, (unsigned long long)wanted->count);
	free(scene->memory);
}

static void every_case_has_its_m(void **state)
{
	static struct scene scene;
	FILE *file = fopen("tests/vectors/replays.txt", "r");
	unsigned int cases = 0, with_m = 0;
	char line[256];

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, "case ", 5) != 0) {
			line_read(&scene, line);
			continue;
		}
		if (cases++ > 0)
			scene_end(&scene);
		with_m += scene.expected.count > 0;
		scene_open(&scene, line + 5);
	}
	scene_end(&scene);
	fclose(file);
	assert_true(cases >= 75 && with_m >= 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_case_has_its_m) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
