/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every number of the protocol, each with the sentence that derives it. Times are milliseconds, sizes are bytes.
 */
#ifndef XPRO_BOUNDS_H
#define XPRO_BOUNDS_H

/* Defaults of the paper's thresholds. */
#define TICK_MS_DEFAULT 200 /* t: five harvests a second keep the lag of a verdict well below T_T2 */
#define IDLE_RESET_MS_DEFAULT 10000 /* T_T1 */
#define MIN_WINDOW_MS_DEFAULT 1000 /* T_T2 and T_T3 */
#define WINDOW_MAX_MS_DEFAULT 8000 /* T_T4 */
#define DECAY_DEFAULT 2 /* r */

#define TICK_MS_MIN 20 /* below this the datagrams of an idle mesh cost more than they tell */
#define TICK_MS_MAX 1000 /* above this a verdict is older than the shortest window */
#define DECAY_MAX 8 /* r^(slots held - 2) >= 32 then needs no more slots than r = 2 does */
#define WINDOW_MAX_MS_MAX 3600000

/*
 * Slots held: enough that r^(slots - 2) >= 32, so that dropping the oldest changes a count by at most 1/32. Seven for r = 2; the same
 * number serves every larger r.
 */
#define SLOTS_HELD 7
_Static_assert((1 << (SLOTS_HELD - 2)) >= 32, "with r = 2 the slot dropped must weigh at most 1/32");

#define SLOT_FRACTIONS 256 /* `first` and `last` of a cell are counted in slot/256: 15.6 ms of the default slot, one byte each */
#define CARRY_TICKS 3 /* an origin further behind than this is left out of the carry */
#define RECENT_TICKS 8 /* per key: now, CARRY_TICKS back, the two before that which give the rate, and one to spare */
_Static_assert(RECENT_TICKS >= CARRY_TICKS + 3, "the rate is taken over the two ticks up to the oldest complete one");
#define FAIR_TICKS 3 /* a client's offered rate is its packets in this many complete ticks: 0.6 s by default */
_Static_assert(RECENT_TICKS >= CARRY_TICKS + FAIR_TICKS + 1, "the offered rate needs FAIR_TICKS ticks before the oldest complete one");
#define BURST_TICKS_MAX (RECENT_TICKS - CARRY_TICKS) /* a burst at a destination is measured over T_T3, or these if it is longer: 1 s */

#define SKEW_MS_MAX 500 /* an origin whose clock is further off is left out: 1 s already lifts a 0.9 x client over its rate */
#define LEAD_WINDOW_MS 10000 /* an origin never measured directly is judged by the quickest of its frames in this time, two slots */
#define LEAD_FRAMES_MIN 10 /* fewer may all have been held up */
#define FRAME_DELAY_MS_MAX 1000 /* the quickest of a window's frames took no longer from the end of its tick: twice what a mesh of 2048 takes */
#define HEARTBEAT_STALE_MS 3000 /* a daemon silent for this long is dead to the kernel: 15 ticks */

#define INCARNATIONS_MAX 3 /* of one origin held at once: the running one and the two before it */
#define MEMBERS_MAX 2048 /* three incarnations of each are numbered in 13 bits; a node's memory for so many is below 8 MB */
#define DIRECT_MEMBERS_MAX 8 /* up to here, itself included, everybody sends to everybody: a tree would save less than it costs in hops */
#define NEIGHBOURS_MAX 24 /* neighbours in a larger mesh: twice the degree wanted of 2048 members (12), for those that others ask for */
#define ENDPOINTS_MAX 4 /* addresses in one certificate */
#define NAME_BYTES_MAX 32
#define REGION_BYTES_MAX 16

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
#define FRAME_PROOF_BYTES_MAX (5 + PROOF_DEPTH_MAX * HASH_BYTES + SIGNATURE_BYTES) /* frames of the tick 2, trees' leaves 1, index 1, depth 1 */
#define FRAMES_PER_TICK_MAX 1024 /* 1,024 x ~120 cells: a hundred thousand changed pairs in one tick */
#define CELLS_PER_FRAME_MAX 512 /* more than fit even when every cell takes its least, 4 bytes */

/* Policy. A document of 1,024 rules is about 40 kB: it travels in chunks, and compiles within a tick. */
#define POLICY_RULES_MAX 1024
#define POLICY_CLASSES_MAX 128 /* different contents of one side's prefixes: the kernel's matrix of both is 32 kB, half its L1 at the worst */
#define POLICY_EFFECTIVE_MAX 512 /* different thresholds and listings of pairs: their number is 9 bits of a record */
#define RATE_MAX 100000000 /* packets per second: 100 Mpps, more than a line of 40 Gbit/s carries */
#define THRESHOLD_MIN_WINDOW_MS_MIN 100 /* half a tick of the default: a shorter window has one harvest or none */
#define IDLE_RESET_MS_MAX 300000 /* ts2 is kept in 2^16 x 16 jiffies: half of that at 1000 jiffies per second is 524 s */

/* What the authority signs. One bound for every kind: the longest list of revoked keys, 1,024 x 45, and the longest policy fit. */
#define DOCUMENT_BYTES_MAX 65536
#define DOCUMENT_CHUNK_BYTES 900 /* beside its head in a datagram of DATAGRAM_BYTES_MIN */
#define DOCUMENT_CHUNKS_MAX ((DOCUMENT_BYTES_MAX + DOCUMENT_CHUNK_BYTES - 1) / DOCUMENT_CHUNK_BYTES)
#define DOCUMENT_CHUNKS_PER_TICK 32 /* served to one member: 29 kB, so that the longest document takes three ticks a hop */
#define REVOKED_KEYS_MAX 1024 /* keys are replaced once in years: 256 members, four times */
#define SECRETS_MAX 3 /* mesh secrets a member holds: the newest, and the two before it for those who slept */
#define ROTATION_MEMBERS_MAX MEMBERS_MAX /* a box of 24 bytes each: 49,152 */
_Static_assert(REVOKED_KEYS_MAX * (1 + 34 + 9 + 1) + 512 <= DOCUMENT_BYTES_MAX, "the longest revocation fits");

#define CERTIFICATE_BYTES_MAX 420
#define CERTIFICATE_CHECKS_PER_S 100 /* ~120 us each: 1.2 % of a core */
#define HELLO_INTERVAL_MS 500 /* a peer not heard is greeted this often */
#define RECORD_CHECKS_PER_S 1000 /* signatures of member records, ~70 us each: a mesh of 500 new members is learnt in a second at 7 % of a core */
#define RECORDS_PER_MEMBER_PER_S 4 /* new records of one member that are handed on: it starts, is suspected, or moves no more often */
#define MEMBER_SILENT_MS 2000 /* ten ticks without a datagram: counts as unreachable */

/* The gate at the gossip port: UDP datagrams per second that XDP lets through. */
#define GATE_MARKED_PER_S 65536 /* of one member, known by its nonces: 64 members' frames of five full ticks a second, relayed by one, come to less */
#define GATE_MEMBER_PER_S 16384 /* of one known address else: a member that starts, until one of its datagrams was opened; ~3 us each, 5 % of a core */
#define GATE_HELLO_PER_S 200 /* greetings from all unknown addresses: twice what CERTIFICATE_CHECKS_PER_S looks at */
#define GATE_STRANGER_PER_S 20 /* of one unknown address (or several that share a bucket): a member that has moved sends at least its roots */
#define LEFT_RETIRE_MS (24 * 3600 * 1000LL) /* a member that left is forgotten after a day: longer than any partition in which it may be asked for */

/* Member records: what a member signs of itself. */
#define MEMBER_RECORD_BODY_BYTES (5 * 8 + 1 + 16 + 2 + 2) /* incarnation, boot, version, start, time; flags; address, port; load, its limit */
#define MEMBER_RECORD_BYTES (MEMBER_RECORD_BODY_BYTES + SIGNATURE_BYTES)

/* Failure detection: SWIM with Lifeguard's local health. */
#define PROBE_MS 1000 /* one member per period: every member is probed by somebody each period, whatever their number */
#define PROBE_TIMEOUT_MS 500 /* longer than any round trip on earth; then others are asked to probe */
#define PROBE_HELPERS 3 /* SWIM's k */
#define SUSPECT_PERIODS 4 /* x (1 + log10 of the members), x local health: Lifeguard's multiplier */
#define HEALTH_MAX 8 /* a member that hears nobody is eight times as slow to suspect */

/* Spreading and repair. */
#define LAZY_MS 20 /* what was not pushed to a neighbour is named to it this much later, together */
#define GAP_MS 20 /* a frame that one after it has overtaken is waited for this long */
#define GRAFT_MS 40 /* a frame a neighbour has named: the tree may be this much slower than the neighbour */
#define GRAFT_LOSSY_MS 10 /* the same where pushes are lost: it will not come */
#define COPIES_MAX 3 /* of a frame that are wanted: with a tenth lost, one in a thousand has to be asked for */
#define LOSS_FEW 5 /* thousandths of datagrams lost, from which two copies are wanted: with one, each 30th frame would be missed by one of 7 others */
#define LOSS_SOME 50 /* and from which COPIES_MAX are: with two, each 60th would */
#define COPIED_PER_S 2000 /* frames; where more come one copy is wanted whatever is lost: three would be 60 Mbit/s, and may be why it is lost */
#define REPAIR_RETRY_MS 60 /* first; doubled with each request that brought nothing */
#define REPAIR_RETRY_MS_MAX 2000

#define COOKIE_BYTES 16
#define COOKIE_LIFETIME_MS 60000

#endif
