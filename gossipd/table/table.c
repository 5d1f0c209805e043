/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The record table from the daemon's side: opening, closing, and the small questions. Pins, links, clock, harvest,
 * writing back and collecting stand in the other files of this room.
 *
 * Everything that needs a capability happens in table_open; the rest works on mapped memory and open descriptors.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xpro/bounds.h>

#include "table_internal.h"
#include "xpro.skel.h"

static int stay_silent(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level, (void)format, (void)arguments;
	return 0; /* every failure is told once, as a table_problem */
}

static int warning_read(void *user, void *data, size_t bytes)
{
	const struct table *table = user;

	if (bytes >= sizeof(struct warning))
		table->warn_each(table->warn_user, data);
	return 0;
}

/* What the kernel judges by until table_set_policy: no limits. */
static void policy_none(struct table *table)
{
	uint32_t hz = table->state->hz;

	policies_plain(table, &(struct policy){
				      .pair_min_window = hz * MIN_WINDOW_MS_DEFAULT / 1000,
				      .destination_min_window = hz * MIN_WINDOW_MS_DEFAULT / 1000,
				      .idle_reset = hz * IDLE_RESET_MS_DEFAULT / 1000,
				      .window_max = hz * WINDOW_MAX_MS_DEFAULT / 1000,
				      .decay = DECAY_DEFAULT,
				      .flags = POLICY_EARLY | POLICY_FAIR,
			      });
}

void table_set_tick(struct table *table, struct duration tick)
{
	table->state->carry_span = (uint32_t)(CARRY_TICKS * tick.ns / table->clock.period_ns);
}

static void state_start(struct table *table, uint64_t fresh_incarnation)
{
	struct table_state *state = table->state;

	state->heartbeat_stale = (uint32_t)((uint64_t)state->hz * HEARTBEAT_STALE_MS / 1000);
	table_set_tick(table, duration_ms(TICK_MS_DEFAULT));
	if (table->is_new) {
		state->incarnation = fresh_incarnation;
		state->harvested_at = table->clock.jiffies;
		policy_none(table);
	}
	table->resuming = !table->is_new;
	heartbeat(table);
}

static int open_warnings(struct table *table)
{
	table->warnings = ring_buffer__new(bpf_map__fd(table->skeleton->maps.warnings), warning_read, table, NULL);
	return table->warnings ? 0 : -errno;
}

static int start(struct table *table, const struct table_config *config, uint64_t fresh_incarnation,
		 struct table_problem *problem)
{
	int err = clock_start(table);

	if (!err) {
		state_start(table, fresh_incarnation);
		err = quotas_start(table);
	}
	if (!err)
		err = young_start(table);
	if (!err)
		hot_start(table);
	if (!err)
		err = open_warnings(table);
	if (!err)
		err = collect_start(table);
	if (err) {
		problem_say(problem, "%s: starting the table: %s", table->pin_path, strerror(-err));
		return err;
	}
	if (table->is_new)
		err = pins_commit(table, NULL, problem);
	if (!err)
		err = plane_fill(table, config, problem);
	if (!err)
		err = attach_all(table, config, problem);
	if (!err)
		err = pins_commit(table, NULL, problem);
	if (!err) {
		sides_start(table);
		egress_start(table);
		ports_look(table);
	}
	return err;
}

int table_open_clocked(const struct table_config *config, uint64_t fresh_incarnation, const uint8_t seed[8],
		       uint32_t injected_jiffies, struct table **ret_table, struct table_problem *ret_problem)
{
	struct table *table = calloc(1, sizeof(*table));
	int cpus = libbpf_num_possible_cpus(), err;

	ret_problem->text[0] = 0;
	if (table) {
		table->policy = calloc(1, sizeof(*table->policy));
		table->hot = calloc(1, sizeof(*table->hot));
	}
	if (!table || !table->policy || !table->hot || cpus <= 0 || cpus > CPUS_MAX ||
	    strlen(config->pin_path) >= PIN_PATH_MAX) {
		problem_say(ret_problem, "%s: no memory, more than %d CPUs, or too long a path", config->pin_path,
			    CPUS_MAX);
		if (table) {
			free(table->policy);
			free(table->hot);
		}
		free(table);
		return -EINVAL;
	}
	libbpf_set_print(stay_silent);
	snprintf(table->pin_path, sizeof(table->pin_path), "%s", config->pin_path);
	table->cpus = (uint32_t)cpus;
	table->clock.injected = injected_jiffies != 0;
	memcpy(&table->contacts.seed, seed, sizeof(table->contacts.seed));
	table->clock.jiffies = injected_jiffies;
	table->lock_fd = -1;
	for (unsigned int i = 0; i < INTERFACES_MAX; i++)
		table->link_fds[i] = -1;
	err = pins_load(table, config, seed, ret_problem);
	if (!err)
		err = start(table, config, fresh_incarnation, ret_problem);
	if (err) {
		if (table->is_new) {
			detach_all(table->pin_path, &(struct table_problem){ "" });
			pins_remove(table->pin_path);
		}
		table_close(table);
		return err;
	}
	*ret_table = table;
	return 0;
}

int table_open(const struct table_config *config, uint64_t fresh_incarnation, const uint8_t seed[8],
	       struct table **ret_table, struct table_problem *ret_problem)
{
	return table_open_clocked(config, fresh_incarnation, seed, 0, ret_table, ret_problem);
}

void table_close(struct table *table)
{
	if (!table)
		return;
	collect_stop(table);
	young_end(table);
	quotas_stop(table);
	ring_buffer__free(table->warnings);
	ring_buffer__free(table->samples);
	pins_unmap(table);
	free(table->policy);
	free(table->hot);
	free(table);
}

int table_detach(const char *pin_path, struct table_problem *ret_problem)
{
	int err;

	libbpf_set_print(stay_silent);
	ret_problem->text[0] = 0;
	err = detach_all(pin_path, ret_problem);
	if (err)
		return err;
	pins_remove(pin_path);
	return 0;
}

void table_inject(struct table *table, uint32_t jiffies)
{
	table->skeleton->data->injected_jiffies = jiffies;
}

uint64_t table_incarnation(const struct table *table)
{
	return table->state->incarnation;
}

bool table_time_went_back(struct table *table, struct now now, uint64_t fresh)
{
	struct table_state *state = table->state;

	if (table->is_new || now.mesh.ns >= (int64_t)state->harvested_mesh_ns)
		return false;
	state->incarnation = fresh > state->incarnation ? fresh : state->incarnation + 1;
	table->renewed = true;
	departed_clear(table);
	return true;
}

void table_set_time_back(struct table *table)
{
	table->state->harvested_mesh_ns = INT64_MAX;
}

uint64_t table_boot(const struct table *table)
{
	return table->state->boot;
}

void table_set_boot(struct table *table, uint64_t boot)
{
	table->state->boot = boot;
}

bool table_is_renewed(const struct table *table)
{
	return table->renewed;
}

bool table_is_new(const struct table *table)
{
	return table->is_new;
}

uint32_t table_hz(const struct table *table)
{
	return table->state->hz;
}

void table_second(struct table *table, void (*tell)(void *user, enum table_news news, const char *text), void *user)
{
	const bool here = pins_are_here(table);

	attach_look(table, here, tell, user);
	pins_look(table, here, tell, user);
	ports_look(table);
}

const char *table_pins_problem(const struct table *table)
{
	return table->pins_problem.text[0] ? table->pins_problem.text : NULL;
}

int table_warnings_fd(const struct table *table)
{
	return ring_buffer__epoll_fd(table->warnings);
}

int table_read_warnings(struct table *table, void (*each)(void *user, const struct warning *warning), void *user)
{
	table->warn_each = each;
	table->warn_user = user;
	return ring_buffer__consume(table->warnings);
}
