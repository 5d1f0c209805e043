/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The policy as bytes: the content of a policy document. One form for one policy; its version is the document's
 * serial.
 */
#ifndef PROTO_POLICY_WIRE_H
#define PROTO_POLICY_WIRE_H

#include <stddef.h>

#include "policy.h"

/* Orders rules as they travel: by side, kind, prefix. */
int policy_wire_order(const struct policy_rule *a, const struct policy_rule *b);

/*
 * -EINVAL: rules out of order or doubled, times that are no whole ms, a field that the rule's kind has not, bits
 * behind a prefix; -ENOSPC.
 */
int policy_wire_write(const struct policy_document *policy, uint8_t *ret_content, size_t bytes_max, size_t *ret_size);

/*
 * False: not in canonical form or out of bounds; *ret_policy is then anything. Whether the values suit the mesh is
 * not looked at.
 */
bool policy_wire_read(const uint8_t *content, size_t size, uint64_t version, struct policy_document *ret_policy);

#endif
