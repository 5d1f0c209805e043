/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The addresses of this host, of every interface. */
#ifndef GOSSIPD_LOCAL_ADDRESSES_H
#define GOSSIPD_LOCAL_ADDRESSES_H

#include <xpro/key.h>

#define LOCAL_ADDRESSES_MAX 256

/*
 * Asks the kernel. Loopback and link-local addresses are left out, for their packets are judged nowhere; so is what is
 * more than LOCAL_ADDRESSES_MAX. Returns -errno.
 */
int local_addresses_read(struct address ret_addresses[LOCAL_ADDRESSES_MAX], uint32_t *ret_count);

#endif
