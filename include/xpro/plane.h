/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What gossipd tells the XDP program beside the records: tunnels to look into, the gate at the gossip port. Included
 * by both sides. Addresses are 16 bytes as they stand in a packet; IPv4 is IPv4-mapped.
 */
#ifndef XPRO_PLANE_H
#define XPRO_PLANE_H

#include <linux/types.h>

struct address_prefix {
	__u64 words[2], mask[2]; /* as they stand in the packet; a mask of zeros takes every address */
};

struct ipv4_prefix {
	__u32 address, mask; /* in host order */
};

#define CLIENTS_MAX 8 /* prefixes in which the clients are */
#define SIDES_MAX 16  /* filtered interfaces */

/* On which side of the proxy an interface is; flags of `sides`. */
#define SIDE_OUTER 0x1	    /* does not face clients */
#define SIDE_UNENFORCED 0x2 /* its packets are counted and judged, and none drops */
#define SIDE_UNKNOWN 0x4    /* nobody knows yet: every packet is judged */
#define SIDE_ANSWERS 0x8    /* answers that leave by it are counted */

/* Filtered interfaces. The daemon writes each word whole, before the program is attached to the interface. */
struct sides {
	__u32 unenforced; /* interfaces with SIDE_UNENFORCED */
	__u32 reserved;
	__u64 interfaces[SIDES_MAX]; /* {ifindex, SIDE_ flags}; 0: none */
	/*
	 * The MAC address that the kernel takes frames to, as the first six bytes of a frame; 0: whatever comes in may
	 * go on, for the interface has no such address, or others stand on it (macvlan, a bridge)
	 */
	__u64 macs[SIDES_MAX];
};

#define TUNNELS_MAX 32
#define TUNNEL_SOURCES_MAX 16 /* prefixes one tunnel is accepted from */

enum tunnel_type {
	TUNNEL_IPIP, /* IP protocols 4 and 41: IPv4 or IPv6 in either */
	TUNNEL_GRE,  /* version 0 (RFC 2784, 2890); IP or Ethernet inside */
	TUNNEL_GUE,  /* UDP: variants 0 and 1 */
	TUNNEL_FOU,  /* UDP: IP right behind its header */
	TUNNEL_VXLAN /* UDP: RFC 7348 */
};

/* Of `tunnels`: what an outer packet must be addressed to. A tunnel of type ipip has two, one per protocol. */
struct tunnel_key {
	__u8 local[16];
	__u16 port_be; /* UDP; else 0 */
	__u8 protocol;
	__u8 reserved;
};
_Static_assert(sizeof(struct tunnel_key) == 20, "layout");

struct tunnel {
	__u32 id; /* of its sources */
	__u8 type; /* enum tunnel_type */
	__u8 decapsulate; /* 0: the kernel's tunnel device does that */
	__u16 reserved;
};

/* Of `tunnel_sources`, a longest-prefix table: whom a tunnel is accepted from. */
struct tunnel_source {
	__u32 prefix_bits; /* 32 for the id + the prefix's, on the mapped form */
	__u32 id;
	__u8 source[16];
};
_Static_assert(sizeof(struct tunnel_source) == 24, "layout");

#define GATE_PORTS_MAX 4
/* addresses: of 2048 members before and after a move; the peers of the config are among them */
#define GATE_PEERS_MAX 4096
#define GATE_MARKS_MAX 4096 /* session tags: room for twice as many as members, so that each finds a place */
#define GATE_STRANGERS 1024 /* buckets shared by all other addresses */
#define GATE_HELLO GATE_STRANGERS /* the one after them */

/*
 * How a datagram begins (PROTOCOL, Datagrams). `mark` is the session tag: the first 8 of the 16 bytes of the nonce
 * that a member draws when it starts.
 */
struct gate_head {
	__u8 word[4];
	__u64 sender, counter, mark;
} __attribute__((packed));

/* Of `gate_marks`: a sender and its session tag. */
struct gate_marked {
	__u64 sender, mark;
};
_Static_assert(sizeof(struct gate_head) == 28 && sizeof(struct gate_marked) == 16, "layout");

/* A token bucket. The kernel alone writes it; CPUs that race for it let a packet too many through. */
struct gate_bucket {
	__u32 at; /* jiffies */
	__u32 left; /* 1/hz of a packet */
};

#define PORTS_MAX 256 /* interfaces the fast way knows */
#define NEXT_HOPS 4096 /* per CPU, 48 bytes each */

/* An interface frames come in by. */
struct port {
	__u64 mac; /* its six bytes, then two of zero */
	__u32 ifindex;
	__u32 reserved;
};

#define CAPTURE_BYTES 192 /* of a frame: headers of tunnels included, and a little of what they carry */
#define CAPTURE_PER_JIFFY 4 /* samples a CPU takes: a thousand a second at 250 Hz */
#define CAPTURE_RING_BYTES (512 * 1024) /* a second of two CPUs' */

/* Of `capture`: what is to be sampled, and until when. */
struct capture {
	__u32 until; /* jiffies; 0: nothing */
	__u32 reserved;
	struct address_prefix client, destination;
};

struct sample {
	__u8 client[16], destination[16];
	__u32 at; /* jiffies */
	__u32 reason;
	__u32 length; /* of the frame */
	__u32 ifindex;
	__u16 caught; /* of `bytes` */
	__u8 bare; /* no Ethernet header */
	__u8 reserved[5];
	__u8 bytes[CAPTURE_BYTES];
};
_Static_assert(sizeof(struct sample) == 56 + CAPTURE_BYTES, "layout");

#endif
