/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Samples of what drops, from the daemon's side: one capture at a time, which ends by itself when nobody asks for
 * its samples.
 */
#include <errno.h>
#include <string.h>

#include "table_internal.h"
#include "xpro.skel.h"

#define RENEWED_S 2 /* longer than any tick */

static int take(void *user, void *data, size_t size)
{
	const struct table *table = user;

	if (size < sizeof(struct sample) || !table->sample_each)
		return 0;
	return table->sample_each(table->sample_user, data) ? 0 : -ENOBUFS; /* this one is taken, the rest waits */
}

void table_capture_read(struct table *table, bool (*each)(void *user, const struct sample *sample), void *user)
{
	if (!table->samples)
		table->samples = ring_buffer__new(bpf_map__fd(table->skeleton->maps.samples), take, table, NULL);
	if (!table->samples)
		return;
	table->sample_each = each;
	table->sample_user = user;
	ring_buffer__consume(table->samples);
}

static int write_until(struct table *table, const struct table_capture *wanted, uint32_t until)
{
	struct capture capture = { .until = until, .client = wanted->client, .destination = wanted->destination };
	uint32_t zero = 0;

	return bpf_map_update_elem(bpf_map__fd(table->skeleton->maps.data_capture), &zero, &capture, BPF_ANY) ? -errno
													      : 0;
}

int table_capture_begin(struct table *table, const struct table_capture *wanted)
{
	uint32_t now = table_now(table);

	if (table->capture_until && jiffies_since(now, table->capture_until) > 0)
		return -EBUSY;
	table_capture_read(table, NULL, NULL); /* what is left of an earlier one */
	return table_capture_renew(table, wanted);
}

int table_capture_renew(struct table *table, const struct table_capture *wanted)
{
	table->capture_until = table_now(table) + RENEWED_S * table->state->hz;
	if (!table->capture_until)
		table->capture_until = 1;
	return write_until(table, wanted, table->capture_until);
}

void table_capture_end(struct table *table)
{
	static const struct table_capture none;

	table->capture_until = 0;
	write_until(table, &none, 0);
}
