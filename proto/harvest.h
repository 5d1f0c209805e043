/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Harvest: from a record's counter, which only grows, to own cells. Pure arithmetic on the harvest words of record.h, so that a restarted
 * daemon derives the identical cell; PROTOCOL.md section "Harvest".
 */
#ifndef PROTO_HARVEST_H
#define PROTO_HARVEST_H

#include <stddef.h>

#include <xpro/bounds.h>
#include <xpro/time.h>

/* The daemon's words of a record. */
struct harvest_words {
	uint32_t slot_start_packets; /* (u32)packets when `slot` began */
	uint32_t harvested_packets; /* (u32)packets at the last harvest */
	uint16_t slot; /* low 16 bits */
};

struct harvest_input {
	uint64_t packets; /* of the record, now */
	struct instant last; /* of the record, now */
	struct instant window_start; /* the kernel's own window: the first packet after an idle reset, or the record's first */
	uint32_t window_packets; /* (u32)packets of the record when that window started */
	struct instant previous; /* the last harvest */
	struct instant now;
	struct duration slot_length, idle_reset;
};

struct harvest_cell {
	uint64_t slot;
	struct instant first, last;
	uint64_t packets; /* of the slot so far */
};

/*
 * The cells that changed: none when no packet came, one in the common case, else one per slot from the previous harvest to `last`, the new
 * packets divided by time (credit for a stall must not fall into one slot). At most SLOTS_HELD, the newest. *words is brought up to date.
 * `first` is exact in the first call that tells of a slot, and may be the slot's start in later ones: who keeps cells keeps the first told.
 * Σ over all calls of the packets of a slot equals the packets counted; nothing is lost to rounding.
 */
size_t harvest_divide(struct harvest_words *words, const struct harvest_input *input, struct harvest_cell ret_cells[SLOTS_HELD]);

#endif
