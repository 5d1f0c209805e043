/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * UDP: one non-blocking socket per listen address. Datagrams come in batches and leave in batches; what the network
 * or the kernel refuses is counted and forgotten, because the next frame carries the same totals.
 */
#ifndef GOSSIPD_UDP_H
#define GOSSIPD_UDP_H

#include "config.h"

#define UDP_BATCH 64
#define UDP_SLOT_BYTES 2048 /* longer datagrams are cut to this, and so have no valid size */
_Static_assert(UDP_SLOT_BYTES > DATAGRAM_BYTES_MAX, "a cut datagram is too long, never a shorter valid one");

struct udp_counters {
	uint64_t send_errors;	 /* datagrams the kernel did not take */
	uint64_t receive_errors; /* recvmmsg failed, EAGAIN aside */
	uint64_t unroutable;	 /* no socket of the peer's family */
};

struct udp;

/*
 * Binds every address; -1 in none. An IPv6 wildcard on a host without IPv6 is skipped with a warning when another
 * address is bound.
 */
int udp_open(const struct config *config, struct udp **ret_udp, struct problem *ret_problem);
void udp_close(struct udp *udp);

/* The sockets, for the event loop. */
unsigned int udp_sockets(const struct udp *udp);
int udp_fd(const struct udp *udp, unsigned int index);

/*
 * Takes at most UDP_BATCH datagrams from one socket; `each` may use the bytes as scratch. Returns how many came.
 * `waited`: since the kernel took it from the network, in whole microseconds; 0 when the kernel does not say, or when
 * it came to more than UDP_WAIT_MS_MAX, for then the host's clock was set meanwhile.
 */
#define UDP_WAIT_MS_MAX 10000
typedef void udp_each(void *user, const struct endpoint *from, struct duration waited, uint8_t *bytes, size_t size);
unsigned int udp_receive(struct udp *udp, unsigned int index, udp_each *each, void *user);

/*
 * Room for the next datagram to send, DATAGRAM_BYTES_MAX bytes; udp_queue accepts what was written there. A full
 * batch leaves by itself.
 */
uint8_t *udp_entry(struct udp *udp);
void udp_queue(struct udp *udp, const struct endpoint *to, size_t size);
void udp_flush(struct udp *udp);

const struct udp_counters *udp_counters(const struct udp *udp);

#endif
