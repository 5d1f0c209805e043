// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Any bytes as a bundle: what has its form is written again byte for byte, and no part breaks its bound. */
#include <stdlib.h>
#include <string.h>

#include "bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char again[BUNDLE_BYTES_MAX];
	struct problem problem;
	struct bundle bundle;
	size_t written = 0;

	if (!bundle_take((const char *)data, size, &bundle))
		return 0;
	for (unsigned int part = 0; part < BUNDLE_PARTS; part++) {
		if (bundle.part[part].size > (part == BUNDLE_CONFIG ? BUNDLE_CONFIG_BYTES_MAX : BUNDLE_KEY_BYTES_MAX))
			abort();
	}
	if (!bundle_put(&bundle, BUNDLE_PARTS, again, sizeof(again), &written) || written != size ||
	    memcmp(again, data, size) != 0)
		abort();
	bundle_open("bundle", (const char *)data, size, &bundle, &problem);
	return 0;
}
