/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Simulated datagrams as a capture file that Wireshark reads: nanoseconds, raw IPv4, UDP without checksum. As sent,
 * before any fault.
 */
#ifndef SIM_PCAP_H
#define SIM_PCAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "node.h"

/* NULL and errno when the file cannot be made. */
FILE *pcap_open(const char *path);
void pcap_write(FILE *file, int64_t at_ns, const struct endpoint *from, const struct endpoint *to, const uint8_t *bytes,
		size_t size);

#endif
