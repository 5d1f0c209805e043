// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Any bytes as the content of a policy: what is taken is written again byte for byte, and no rule breaks a bound. */
#include <stdlib.h>
#include <string.h>

#include "policy_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct policy_document policy;
	static uint8_t again[DOCUMENT_BYTES_MAX];
	size_t written;

	if (!policy_wire_read(data, size, 1, &policy))
		return 0;
	if (policy.rules_count > POLICY_RULES_MAX)
		abort();
	for (uint32_t i = 0; i < policy.rules_count; i++) {
		if (policy.rules[i].prefix.bits > 128 || policy.rules[i].destination.bits > 128 ||
		    policy.rules[i].side >= POLICY_SIDES ||
		    policy.rules[i].kind >= POLICY_KINDS)
			abort();
	}
	if (policy_wire_write(&policy, again, sizeof(again), &written) || written != size ||
	    memcmp(again, data, size) != 0)
		abort();
	return 0;
}
