/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The table's maps: made new, or taken from the pins an earlier daemon left, after a look at whether they are what
 * this program expects. The map `state` is pinned last, so a table whose making was cut short is recognised by its
 * absence and made anew.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "table_internal.h"
#include "xpro.skel.h"

/* All pinned maps, `state` last. Global variables are pinned under their own name, without their section's. */
static const char *const pinned[] = { "pairs4",		"pairs6",	   "destinations",
				      "shards",		"destination_index", "destination_free",
				      "local_addresses", "prefixes",	   "classes",
				      "client_pairs",	"coarse",	   "departed",
				      "sums",		"hot",		   "hot_limits",
				      "hot_counts",	"answers4",	   "answers6",
				      "strays",		"warnings",	   ".data.policies",
				      ".data.reasons",	".data.state" };
#define PINNED_COUNT (sizeof(pinned) / sizeof(pinned[0]))

static int pin_open(const char *pin_path, const char *name)
{
	char path[PIN_PATH_MAX + 32];
	int err = pins_path(path, pin_path, name), fd;

	if (err)
		return err;
	fd = bpf_obj_get(path);
	return fd < 0 ? -errno : fd;
}

void pins_remove(const char *pin_path)
{
	char path[PIN_PATH_MAX + 32];
	size_t i;

	for (i = PINNED_COUNT; i-- > 0;) /* `state` first: a table half removed is no table */
		if (pins_path(path, pin_path, pinned[i]) == 0)
			unlink(path);
}

static uint32_t sets_for(uint32_t slots)
{
	uint32_t sets = 1;

	while (sets < SETS_MAX && sets * SET_WAYS < slots)
		sets *= 2;
	return sets;
}

static int size_maps(struct table *table, const struct table_config *config)
{
	struct xpro *skeleton = table->skeleton;
	uint32_t cpus = table->cpus, destinations = config->destinations_max ? config->destinations_max : 1;
	int err = 0;

	table->destinations_max = destinations;
	table->pairs4.count = sets_for(config->pairs4_max);
	table->pairs6.count = sets_for(config->pairs6_max);
	err = err ? err : bpf_map__set_max_entries(skeleton->maps.pairs4, table->pairs4.count);
	err = err ? err : bpf_map__set_max_entries(skeleton->maps.pairs6, table->pairs6.count);
	err = err ? err : bpf_map__set_max_entries(skeleton->maps.answers4, table->pairs4.count);
	err = err ? err : bpf_map__set_max_entries(skeleton->maps.answers6, table->pairs6.count);
	err = err ? err : bpf_map__set_max_entries(skeleton->maps.destinations, destinations);
	err = err ? err : bpf_map__set_max_entries(skeleton->maps.shards, destinations * cpus);
	err = err ? err : bpf_map__set_max_entries(skeleton->maps.destination_index, destinations);
	err = err ? err : bpf_map__set_max_entries(skeleton->maps.destination_free, destinations);
	table->departed_sets = 1;
	while (table->departed_sets * DEPARTED_WAYS < destinations * DEPARTED_PER_HEAD)
		table->departed_sets *= 2;
	err = err ? err : bpf_map__set_max_entries(skeleton->maps.departed, table->departed_sets);
	err = err ? err : bpf_map__set_max_entries(skeleton->maps.hot_counts, HOT_LIMITS_MAX * cpus);
	return err;
}

/* Takes one pinned map, if it is the one expected. */
static int map_reuse(struct table *table, struct bpf_map *map, struct table_problem *problem)
{
	const char *name = bpf_map__name(map);
	struct bpf_map_info info = { 0 };
	uint32_t info_bytes = sizeof(info);
	int fd = pin_open(table->pin_path, name), err = -ESTALE;

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &info_bytes)) {
		problem_say(problem, "%s/%s: cannot be opened: %s; remove the table with gossipctl detach",
			    table->pin_path, name, strerror(errno));
	} else if (info.type != bpf_map__type(map) || info.key_size != bpf_map__key_size(map) ||
		   info.value_size != bpf_map__value_size(map)) {
		problem_say(problem, "%s/%s: pinned by another version; remove the table with gossipctl detach",
			    table->pin_path, name);
	} else if (info.max_entries != bpf_map__max_entries(map)) {
		problem_say(problem,
			    "%s/%s: pinned with %u entries, the configuration asks for %u; keep the size or remove "
			    "the table with gossipctl detach",
			    table->pin_path, name, info.max_entries, bpf_map__max_entries(map));
	} else {
		err = bpf_map__reuse_fd(map, fd);
	}
	if (fd >= 0)
		close(fd);
	return err;
}

static int maps_reuse(struct table *table, struct table_problem *problem)
{
	size_t i;
	int err;

	for (i = 0; i < PINNED_COUNT; i++) {
		err = map_reuse(table, bpf_object__find_map_by_name(table->skeleton->obj, pinned[i]), problem);
		if (err)
			return err;
	}
	return 0;
}

static int state_read(int state_fd, const struct table *table, const struct table_config *config,
		      struct table_state *ret_state, struct table_problem *problem)
{
	struct table_state state;
	uint32_t zero = 0;

	if (bpf_map_lookup_elem(state_fd, &zero, &state) || state.layout != TABLE_LAYOUT) {
		problem_say(problem, "%s: pinned with another layout; remove the table with gossipctl detach",
			    table->pin_path);
		return -ESTALE;
	}
	if (state.widths != widths_word(&config->widths)) {
		problem_say(problem,
			    "%s: pinned with other widths of clients; remove the table with gossipctl detach",
			    table->pin_path);
		return -ESTALE;
	}
	*ret_state = state;
	return 0;
}

/* The program's constants are fixed when it is loaded, so the clock is measured by the small program alone first. */
static int hz_of_new(uint32_t *ret_hz, struct table_problem *problem)
{
	struct xpro *skeleton = xpro__open();
	int err = skeleton ? 0 : -errno;

	struct bpf_program *program;

	for (program = NULL; !err && (program = bpf_object__next_program(skeleton->obj, program));)
		err = bpf_program__set_autoload(program, program == skeleton->progs.read_clocks);
	if (!err) {
		err = program_load(skeleton, "loading a BPF program", problem);
		if (err)
			goto destroy;
		err = clock_measure(bpf_program__fd(skeleton->progs.read_clocks), ret_hz);
	}
	if (err)
		problem_say(problem, "measuring the kernel's clock: %s", strerror(-err));
destroy:
	xpro__destroy(skeleton);
	return err;
}

static int map_memory(struct bpf_map *map, size_t bytes, void **ret_memory)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	if (memory == MAP_FAILED)
		return -errno;
	*ret_memory = memory;
	return 0;
}

static int pairs_map(struct pairs *pairs, struct bpf_map *map, size_t stride, bool ipv6)
{
	void *memory = NULL;
	int err;

	pairs->stride = stride;
	pairs->bytes = (size_t)pairs->count * stride;
	pairs->ipv6 = ipv6;
	err = map_memory(map, pairs->bytes, &memory);
	pairs->sets = memory;
	return err;
}

static int maps_map(struct table *table)
{
	struct xpro *skeleton = table->skeleton;
	size_t destinations = table->destinations_max;
	void *heads = NULL, *shards = NULL, *matrix = NULL, *client_pairs = NULL, *departed = NULL, *coarse = NULL,
	     *sums = NULL;
	int err = pairs_map(&table->pairs4, skeleton->maps.pairs4, sizeof(struct pair4_set), false);

	err = err ? err : pairs_map(&table->pairs6, skeleton->maps.pairs6, sizeof(struct pair6_set), true);
	err = err ? err : map_memory(skeleton->maps.destinations, destinations * sizeof(*table->heads), &heads);
	err = err ? err
		  : map_memory(skeleton->maps.shards, destinations * table->cpus * sizeof(*table->shards), &shards);
	err = err ? err : map_memory(skeleton->maps.classes, sizeof(*table->matrix), &matrix);
	err = err ? err
		  : map_memory(skeleton->maps.client_pairs, CLIENT_BUCKETS * sizeof(*table->client_pairs),
			       &client_pairs);
	err = err ? err
		  : map_memory(skeleton->maps.departed, table->departed_sets * sizeof(*table->departed), &departed);
	err = err ? err : map_memory(skeleton->maps.coarse, COARSE_BYTES, &coarse);
	err = err ? err : map_memory(skeleton->maps.sums, SUMS_BYTES, &sums);
	table->sums = sums;
	err = err ? err : hot_map(table);
	err = err ? err : answers_map(table);
	table->departed = departed;
	table->coarse = coarse;
	table->matrix = matrix;
	table->client_pairs = client_pairs;
	table->heads = heads;
	table->shards = shards;
	if (!skeleton->data_policies || !skeleton->data_state || !skeleton->data_reasons)
		return err ? err : -ENOMEM; /* libbpf could not map one of them, and says nothing */
	table->policies = skeleton->data_policies->policies;
	table->state = &skeleton->data_state->state;
	table->reasons = skeleton->data_reasons->reasons;
	table->index_fd = bpf_map__fd(skeleton->maps.destination_index);
	table->free_fd = bpf_map__fd(skeleton->maps.destination_free);
	table->local_fd = bpf_map__fd(skeleton->maps.local_addresses);
	table->prefixes_fd = bpf_map__fd(skeleton->maps.prefixes);
	table->clock_fd = bpf_program__fd(skeleton->progs.read_clocks);
	table->program_fd = bpf_program__fd(skeleton->progs.xpro);
	table->l3_program_fd = bpf_program__fd(skeleton->progs.xpro_l3);
	table->egress_fd = bpf_program__fd(skeleton->progs.xpro_answers);
	table->l3_egress_fd = bpf_program__fd(skeleton->progs.xpro_answers_l3);
	return err;
}

static void unmap(void *memory, size_t bytes)
{
	if (memory)
		munmap(memory, bytes);
}

void pins_unmap(struct table *table)
{
	size_t destinations = table->destinations_max;

	unmap(table->pairs4.sets, table->pairs4.bytes);
	unmap(table->pairs6.sets, table->pairs6.bytes);
	unmap(table->departed, table->departed_sets * sizeof(*table->departed));
	unmap(table->coarse, COARSE_BYTES);
	unmap(table->sums, SUMS_BYTES);
	hot_unmap(table);
	answers_unmap(table);
	unmap(table->heads, destinations * sizeof(*table->heads));
	unmap(table->shards, destinations * table->cpus * sizeof(*table->shards));
	unmap(table->matrix, sizeof(*table->matrix));
	unmap(table->client_pairs, CLIENT_BUCKETS * sizeof(*table->client_pairs));
	for (unsigned int i = 0; i < INTERFACES_MAX; i++) {
		if (table->link_fds[i] >= 0)
			close(table->link_fds[i]);
	}
	xpro__destroy(table->skeleton);
	if (table->lock_fd >= 0)
		close(table->lock_fd);
}

static int load(struct table *table, const struct table_config *config, const struct table_state *old,
		struct table_problem *problem)
{
	struct xpro *skeleton = table->skeleton;
	int err;

	skeleton->rodata->sets4 = table->pairs4.count;
	skeleton->rodata->sets6 = table->pairs6.count;
	skeleton->rodata->cpus = table->cpus;
	skeleton->rodata->seed = old->seed;
	skeleton->rodata->hz = old->hz;
	skeleton->rodata->clock_injected = table->clock.injected;
	skeleton->data->injected_jiffies = table->clock.jiffies;
	err = plane_constants(table, config);
	if (!err) {
		err = program_load(skeleton, "loading the XDP program and its table", problem);
		if (err)
			return err;
		err = maps_map(table);
	}
	if (err)
		problem_say(problem, "sizing and mapping the table: %s", strerror(-err));
	return err;
}

static int fill_new(struct table *table, const struct table_state *state)
{
	uint32_t destination;

	for (destination = 0; destination < table->destinations_max; destination++)
		if (bpf_map_update_elem(table->free_fd, NULL, &destination, BPF_ANY))
			return -errno;
	*table->state = *state;
	return 0;
}

int pins_load(struct table *table, const struct table_config *config, const uint8_t seed[8],
	      struct table_problem *problem)
{
	struct table_state state = { .layout = TABLE_LAYOUT, .widths = widths_word(&config->widths) };
	int err = directory_open(table->pin_path, &table->lock_fd, problem), state_fd;

	if (err)
		return err;
	state_fd = pin_open(table->pin_path, "state");
	if (state_fd < 0 && state_fd != -ENOENT) {
		/* It is there and cannot be opened now: not a reason to throw its counts away. */
		problem_say(problem, "%s/state: cannot be opened: %s", table->pin_path, strerror(-state_fd));
		return state_fd;
	}
	table->is_new = state_fd < 0;
	if (table->is_new) {
		pins_remove(table->pin_path);
		memcpy(&state.seed, seed, sizeof(state.seed));
		err = hz_of_new(&state.hz, problem);
	} else {
		err = state_read(state_fd, table, config, &state, problem);
		close(state_fd);
	}
	if (err)
		return err;
	table->skeleton = xpro__open();
	if (!table->skeleton || size_maps(table, config)) {
		problem_say(problem, "the XDP program cannot be opened: %s", strerror(errno));
		return -errno;
	}
	if (!table->is_new)
		err = maps_reuse(table, problem);
	if (!err)
		err = load(table, config, &state, problem);
	if (!err && table->is_new)
		err = fill_new(table, &state);
	return err;
}

static int pin_missing(int fd, const char *path, unsigned int *ret_made, struct table_problem *problem)
{
	int err = 0;

	if (access(path, F_OK) == 0)
		return 0;
	if (bpf_obj_pin(fd, path))
		err = -errno;
	if (err)
		problem_say(problem, "%s: cannot be pinned: %s", path, strerror(-err));
	else if (ret_made)
		(*ret_made)++;
	return err;
}

int pins_commit(struct table *table, unsigned int *ret_made, struct table_problem *problem)
{
	char path[PIN_PATH_MAX + 32];
	int err = 0;

	for (size_t i = 0; !err && i < PINNED_COUNT; i++) {
		err = pins_path(path, table->pin_path, pinned[i]);
		if (!err)
			err = pin_missing(bpf_map__fd(bpf_object__find_map_by_name(table->skeleton->obj, pinned[i])),
					  path, ret_made, problem);
	}
	for (uint32_t i = 0; !err && i < table->interface_count; i++) {
		err = table->link_fds[i] < 0 ? 0 : link_path(path, table->pin_path, table->interfaces[i]);
		if (!err && table->link_fds[i] >= 0)
			err = pin_missing(table->link_fds[i], path, ret_made, problem);
	}
	return err;
}

bool pins_are_here(const struct table *table)
{
	struct stat opened, found;

	return fstat(table->lock_fd, &opened) == 0 && stat(table->pin_path, &found) == 0 &&
	       opened.st_dev == found.st_dev && opened.st_ino == found.st_ino;
}

/*
 * The new directory is locked before the old one is left. Whoever takes off the filter and its pins together wants
 * it off.
 */
static int directory_again(struct table *table, struct table_problem *problem)
{
	int err, fd = -1;

	if (attach_is_off(table)) {
		problem_say(problem, "the filter was taken off together with them; restart gossipd to have both again");
		return -ENOENT;
	}
	err = directory_open(table->pin_path, &fd, problem);
	if (err)
		return err;
	close(table->lock_fd);
	table->lock_fd = fd;
	return 0;
}

void pins_look(struct table *table, bool here, void (*tell)(void *user, enum table_news news, const char *text),
	       void *user)
{
	struct table_problem problem = { "" };
	unsigned int made = 0;
	char text[96];
	int err = here ? 0 : directory_again(table, &problem);

	if (!err)
		err = pins_commit(table, &made, &problem);
	table->pins_problem = err ? problem : (struct table_problem){ "" };
	if (made == 0)
		return;
	snprintf(text, sizeof(text), "%u pins were removed by hand, and are made again", made);
	tell(user, TABLE_PINS_RESTORED, text);
}
