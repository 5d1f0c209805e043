/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The end of a harvest's batch. */
#include "harvesting.h"

/*
 * `harvest` is written before `slot`. A crash between the two leaves the new slot's start beside the old slot's
 * number: the next daemon then begins the slot at the last harvest and may publish too little of it. The other order
 * would publish the old slot's packets twice.
 */
static void words_write(const struct harvest_due *due)
{
	store64(due->harvest, WORD(due->words.slot_start_packets, due->words.harvested_packets));
	if (*due->slot != due->words.slot)
		store16(due->slot, due->words.slot);
}

void harvest_tell_batch(struct harvesting *h)
{
	if (h->untold)
		h->each(h->user, h->batch, h->untold);
	h->cells += h->untold;
	h->untold = 0;
	for (uint32_t i = 0; i < h->due_count; i++)
		words_write(&h->due[i]);
	h->due_count = 0;
}
