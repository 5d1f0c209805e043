/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The numbers of the protocol that more than one directory needs, each with its derivation. A number that one room
 * alone needs is in that room. Times are in milliseconds, sizes in bytes.
 */
#ifndef XPRO_BOUNDS_H
#define XPRO_BOUNDS_H

/* Defaults of the paper's thresholds. */
#define TICK_MS_DEFAULT 200 /* t: five harvests a second keep the lag of a verdict well below T_T2 */
#define IDLE_RESET_MS_DEFAULT 10000 /* T_T1 */
#define MIN_WINDOW_MS_DEFAULT 1000 /* T_T2 and T_T3 */
#define WINDOW_MAX_MS_DEFAULT 8000 /* T_T4 */
#define DECAY_DEFAULT 2 /* r */

#define TICK_MS_MIN 20 /* below this the datagrams of an idle mesh cost more than a fresher verdict is worth */
#define TICK_MS_MAX 1000 /* above this a verdict is older than the shortest window */
#define DECAY_MAX 8 /* r^(slots held - 2) >= 32 then needs no more slots than r = 2 does */
#define WINDOW_MAX_MS_MAX 3600000

/*
 * Slots held: enough that r^(slots - 2) >= 32, so that dropping the oldest changes a count by at most 1/32. Seven
 * for r = 2; the same number serves every larger r.
 */
#define SLOTS_HELD 7
_Static_assert((1 << (SLOTS_HELD - 2)) >= 32, "with r = 2 the slot dropped must weigh at most 1/32");

/* `first` and `last` of a cell are counted in slot/256: 15.6 ms of the default slot, one byte each */
#define SLOT_FRACTIONS 256
#define CARRY_TICKS 3 /* an origin further behind than this is left out of the carry */
#define RECENT_TICKS 8 /* per key: now, CARRY_TICKS back, the two before that which give the rate, and one to spare */
_Static_assert(RECENT_TICKS >= CARRY_TICKS + 3, "the rate is taken over the two ticks up to the oldest complete one");
#define FAIR_TICKS 3 /* a client's offered rate is its packets in this many complete ticks: 0.6 s by default */
_Static_assert(RECENT_TICKS >= CARRY_TICKS + FAIR_TICKS + 1, "the offered rate needs FAIR_TICKS ticks before the "
							     "oldest complete one");
/* a burst at a destination is measured over T_T3, or these if it is longer: 1 s */
#define BURST_TICKS_MAX (RECENT_TICKS - CARRY_TICKS)

/* the counts of an origin whose clock is further off are left out: 1 s already lifts a 0.9 x client over its rate */
#define SKEW_MS_MAX 500
/* the clock of an origin never measured directly is judged by its quickest frame within this time: two slots */
#define LEAD_WINDOW_MS 10000
#define LEAD_FRAMES_MIN 10 /* frames in that time; if there are fewer, all of them may have been delayed */
/* longest delay of the quickest frame, from the end of its tick: twice what a mesh of 2048 members needs */
#define FRAME_DELAY_MS_MAX 1000
#define HEARTBEAT_STALE_MS 3000 /* a daemon silent for this long is dead to the kernel: 15 ticks */

#define INCARNATIONS_MAX 3 /* of one origin held at once: the running one and the two before it */
/* three incarnations of each are numbered in 13 bits; a node takes 11 MB for so many */
#define MEMBERS_MAX 2048
/* up to this many members each sends to all others: a tree would save less than its hops cost */
#define DIRECT_MEMBERS_MAX 8
/* neighbours in a larger mesh: twice the degree that 2048 members need (12); the rest is for members that ask */
#define NEIGHBOURS_MAX 24
#define ENDPOINTS_MAX 4 /* addresses in one certificate */
/* packets per second that a certificate states unless told: 10 Gbit/s of the smallest frames, 84 bytes on the wire */
#define LINE_RATE_DEFAULT 14880952
#define NAME_BYTES_MAX 32
#define REGION_BYTES_MAX 16

/* Keys. Whole bytes, so that a network's key on the wire is its first bytes. */
#define NETWORK_BITS_IPV4 24 /* the longest prefix that is routed between providers */
#define NETWORK_BITS_IPV6 48 /* a site (RFC 6177) */
_Static_assert(NETWORK_BITS_IPV4 % 8 == 0 && NETWORK_BITS_IPV6 % 8 == 0, "a network is cut at a byte");
#define CLIENT_BITS_DEFAULT 64 /* of an IPv6 client: a device may draw any address of its link's /64 (RFC 7934) */
#define CLIENT_BITS_MIN 48 /* a site, as a provider may assign it to one customer */
#define CLIENT_BITS_MAX 64 /* so that the low half of a client's address is 0, unless it is listed by itself */
#define CLIENT_HOSTS_MAX 8 /* prefixes in which every address is a client: each costs every IPv6 packet a comparison */
#define WIDTHS_DIGEST_BYTES 16 /* as an id of the mesh */

/*
 * Third byte of every datagram: another version does not open, and its sender is named. 2: cells of clients and
 * networks.
 */
#define PROTOCOL_VERSION 2

/* Datagrams. 1280 (IPv6's minimum MTU) - 40 (IPv6) - 8 (UDP) = 1232. */
#define DATAGRAM_BYTES_DEFAULT 1232
#define DATAGRAM_BYTES_MIN 1024
#define DATAGRAM_BYTES_MAX 1452 /* 1500 - 40 - 8 */
#define HELLO_BYTES 640 /* one exact length, so that a reply is never longer than its request */
#define SEAL_HEADER_BYTES 36 /* version and type 4, sender 8, nonce 24 */
#define SEAL_TAG_BYTES 16
#define SEAL_BYTES (SEAL_HEADER_BYTES + SEAL_TAG_BYTES)
#define REPLAY_WINDOW 2048 /* datagrams; a burst of 64 senders' frames reordered by one tick stays inside */

/* Frames. */
#define LEAVES_MAX 32 /* frames under one signed root */
#define PROOF_DEPTH_MAX 5 /* log2(LEAVES_MAX) */
_Static_assert((1 << PROOF_DEPTH_MAX) == LEAVES_MAX, "a path reaches every leaf");
#define HASH_BYTES 32
#define SIGNATURE_BYTES 64
#define PUBLIC_KEY_BYTES 32
#define SECRET_KEY_BYTES 64 /* libsodium's Ed25519 secret key: seed and public key */
#define MESH_ID_BYTES 16
#define MESH_SECRET_BYTES 32
#define SEED_BYTES 32
/* frames of the tick 2, trees' leaves 1, index 1, depth 1 */
#define FRAME_PROOF_BYTES_MAX (5 + PROOF_DEPTH_MAX * HASH_BYTES + SIGNATURE_BYTES)
#define FRAMES_PER_TICK_MAX 1024 /* 1,024 x ~120 cells: a hundred thousand changed pairs in one tick */
#define CELLS_PER_FRAME_MAX 512 /* more than fit even when every cell takes its least, 6 bytes */

/* Policy. A document of 1,024 rules is about 40 kB: it travels in chunks, and compiles within a tick. */
#define POLICY_RULES_MAX 1024
/* different contents of one side's prefixes: the kernel's matrix of both is 32 kB, half its L1 at the worst */
#define POLICY_CLASSES_MAX 128
#define POLICY_EFFECTIVE_MAX 512 /* different thresholds and listings of pairs: their number is 9 bits of a record */
/*
 * A client or a network without a rate of its own is judged by these, and reported: one device that floods ten
 * destinations, and a network as loaded as four destinations at their rate. Both fit 32 bits.
 */
#define SHADOW_CLIENT_RATES 10 /* times pair_rate */
#define SHADOW_NETWORK_RATES 4 /* times destination_rate */
/*
 * Limits of clients and networks in force at once: 64 for each member of a mesh of 64. Any further one is reported, and
 * not held to its rate.
 */
#define HOT_LIMITS_MAX 4096
/* what a limit may let through at once: the packets of two ticks, so that grants may move with each tick */
#define HOT_BURST_MS 400
/*
 * Contacts per second above which a client is reported as one that scans. A contact is a new pair that the client's own
 * packets make. A Mirai bot makes 720 a second, one held back to be overlooked 160. A thing speaks to some 20 addresses
 * in all, and after a restart to all of them at once.
 */
#define SCAN_CONTACTS_PER_S 50
/* of contacts half of which are forgotten each second: what a steady stream comes to at most, or 100 in one second */
#define SCAN_CONTACTS (2 * SCAN_CONTACTS_PER_S)
#define RATE_MAX 100000000 /* packets per second: 100 Mpps, more than a line of 40 Gbit/s carries */
#define THRESHOLD_MIN_WINDOW_MS_MIN 100 /* half a tick of the default: a shorter window has one harvest or none */
/* ts2 is kept in 2^16 x 16 jiffies: half of that at 1000 jiffies per second is 524 s */
#define IDLE_RESET_MS_MAX 300000

/*
 * What the authority signs. One bound for every kind: the longest list of revoked keys, 1,024 x 45, and the longest
 * policy fit.
 */
#define DOCUMENT_BYTES_MAX 65536
#define DOCUMENT_CHUNK_BYTES 900 /* beside its head in a datagram of DATAGRAM_BYTES_MIN */
#define DOCUMENT_CHUNKS_MAX ((DOCUMENT_BYTES_MAX + DOCUMENT_CHUNK_BYTES - 1) / DOCUMENT_CHUNK_BYTES)
/* served to one member: 29 kB, so that the longest document takes three ticks a hop */
#define DOCUMENT_CHUNKS_PER_TICK 32
#define REVOKED_KEYS_MAX 1024 /* keys are replaced once in years: 256 members, four times */
#define SECRETS_MAX 3 /* mesh secrets a member holds: the newest, and two older ones for members that were offline */
#define ROTATION_MEMBERS_MAX MEMBERS_MAX /* a box of 24 bytes each: 49,152 */
_Static_assert(REVOKED_KEYS_MAX * (1 + 34 + 9 + 1) + 512 <= DOCUMENT_BYTES_MAX, "the longest revocation fits");

#define CERTIFICATE_BYTES_MAX 420
#define CERTIFICATE_CHECKS_PER_S 100 /* ~120 us each: 1.2 % of a core */
#define HELLO_INTERVAL_MS 500 /* time between two HELLOs to an address that has not answered */
/* checked signatures of member records, ~70 us each: the records of 500 new members take a second, 7 % of a core */
#define RECORD_CHECKS_PER_S 1000
/* new records of one member that are relayed: starts, suspicions and moves of a member are no more frequent */
#define RECORDS_PER_MEMBER_PER_S 4
#define MEMBER_SILENT_MS 2000 /* ten ticks without a datagram: counts as unreachable */

/* The gate at the gossip port: UDP datagrams per second that XDP lets through. */
/* with one member's session tag: more than the frames of 64 members, five full ticks a second, relayed by one */
#define GATE_MARKED_PER_S 65536
/* from one listed address without such a tag: a member that has just started; ~3 us each, 5 % of a core */
#define GATE_MEMBER_PER_S 16384
#define GATE_HELLO_PER_S 200 /* HELLOs from all other addresses: twice CERTIFICATE_CHECKS_PER_S */
/* from one other address (or several that share a bucket): enough for one frame per tick of a member that has moved */
#define GATE_STRANGER_PER_S 20
/* a member that left is forgotten after a day: longer than any partition after which a member may ask for it */
#define LEFT_RETIRE_MS (24 * 3600 * 1000LL)

/* Member records: what a member publishes about itself, signed. */
/* incarnation, boot, version, start, time; flags; address, port; load, its limit */
#define MEMBER_RECORD_BODY_BYTES (5 * 8 + 1 + 16 + 2 + 2)
#define MEMBER_RECORD_BYTES (MEMBER_RECORD_BODY_BYTES + SIGNATURE_BYTES)

/* Failure detection: SWIM with Lifeguard's local health. */
#define PROBE_MS 1000 /* each member probes one other per period; so on average each is probed once per period */
#define PROBE_TIMEOUT_MS 500 /* longer than any round trip on earth; then others are asked to probe */
#define PROBE_HELPERS 3 /* SWIM's k */
#define SUSPECT_PERIODS 4 /* x (1 + 0.3 log2 of the members), x local health: Lifeguard's multiplier */
#define HEALTH_MAX 8 /* a member that receives nothing waits eight times as long before it suspects another */

/* Spreading and repair. */
#define LAZY_MS 20 /* delay before frames that were not pushed to a neighbour are announced to it, in one IHAVE */
#define GAP_MS 20 /* how long to wait for a missing frame before requesting it, once a later frame has come */
#define GRAFT_MS 40 /* how long to wait for an announced frame before requesting it (Plumtree's graft timeout) */
/* the same while more than one copy is wanted: a frame that was not pushed is then probably lost */
#define GRAFT_LOSSY_MS 10
/*
 * copies of a frame wanted from different neighbours; if a tenth of the datagrams is lost, 1 frame in 1000 is
 * requested
 */
#define COPIES_MAX 3
/* loss in thousandths from which two copies are wanted; with one copy every 30th frame would miss one of 7 receivers */
#define LOSS_FEW 5
/* loss in thousandths from which COPIES_MAX copies are wanted; with two copies every 60th frame would miss one */
#define LOSS_SOME 50
/*
 * frames per second above which one copy is wanted whatever the loss: three copies would be 60 Mbit/s and could cause
 * it
 */
#define COPIED_PER_S 2000
#define REPAIR_RETRY_MS 60 /* wait after the first request; doubled with each request that brought no frame */
#define REPAIR_RETRY_MS_MAX 2000

/*
 * Answered pairs that a proxy remembers for a day, 40 bytes each: three for each of 40,000 devices. In sets by client,
 * as proto/count/memory.h has them.
 */
#define REMEMBERED_MAX 131072

#define COOKIE_BYTES 16
#define COOKIE_LIFETIME_MS 60000

#endif
