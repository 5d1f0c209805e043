#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Writes the vectors beside it: generate.py, from anywhere.

A second writing of proto/PROTOCOL's wire formats that shares no line and no library with the first: msgpack is
spelled out here, cryptography in crypto.py. The tests compare what the C code makes with these files; a change of
the wire format shows as a change of a vector.
"""

import hashlib
import os
import struct

from crypto import blake, public_of, sign, x25519, xchacha20poly1305

# ---- msgpack: each value as (bytes, comment) rows, so that the vector explains itself ----


def uint(n, what):
    for head, size in ((b"", 1), (b"\xcc", 1), (b"\xcd", 2), (b"\xce", 4), (b"\xcf", 8)):
        if n < (1 << 8 * size if head else 0x80):
            return [(head + n.to_bytes(size, "big"), f"{what} {n}")]


def array(n, what):
    return [(bytes([0x90 | n]) if n < 16 else b"\xdc" + n.to_bytes(2, "big"), what)]


def bin_head(size):
    return b"\xc4" + bytes([size]) if size < 256 else b"\xc5" + size.to_bytes(2, "big")


def bin_(b, what):
    return [(bin_head(len(b)) + b, what)]


def text(s, what):
    head = bytes([0xA0 | len(s)]) if len(s) < 32 else b"\xd9" + bytes([len(s)])
    return [(head + s.encode(), f'{what} "{s}"')]


def joined(*parts):
    return [row for part in parts for row in part]


def varint(n):
    out = b""
    while n >= 0x80:
        out, n = out + bytes([n & 0x7F | 0x80]), n >> 7
    return out + bytes([n])


def flat(rows):
    return b"".join(b for b, _ in rows)


def write(name, about, rows):
    folder = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(folder, name + ".hex"), "w", encoding="ascii") as f:
        f.write(f"# {about}\n")
        for b, what in rows:
            pieces = [b[i : i + 16].hex(" ") for i in range(0, len(b), 16)]
            for i, piece in enumerate(pieces):
                f.write(f"{piece:<47} # {what}\n" if i == 0 and what else piece + "\n")


# ---- the cast ----

AUTHORITY, NODE_A, NODE_B = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))
MESH_SECRET = bytes(range(96, 128))
NONCE_RANDOM = bytes(range(128, 144))
MESH_ID = blake(public_of(AUTHORITY))[:16]


def ip6(tail):
    return bytes.fromhex("20010db8") + bytes(10) + struct.pack(">H", tail)


def member_id(seed):
    return struct.unpack("<Q", blake(public_of(seed))[:8])[0]


def pair_key():
    first, second = sorted((public_of(NODE_A), public_of(NODE_B)))
    return blake(b"xpro-mesh pair key v1" + x25519(NODE_A, public_of(NODE_B)) + first + second, MESH_SECRET)


def datagram(type_, sender, counter, key, context, plain):
    header = b"XM\x02" + bytes([type_]) + struct.pack("<Q", sender) + struct.pack("<Q", counter) + NONCE_RANDOM
    sealed = xchacha20poly1305(key, header[12:], header + context, plain)
    return [
        (header[:4], "magic XM, version 2, type"),
        (header[4:12], "sender"),
        (header[12:20], "nonce: send counter"),
        (header[20:], "nonce: random part"),
        (sealed[:-16], "ciphertext"),
        (sealed[-16:], "tag"),
    ]


def widths():
    """of networks /24 and /48, of IPv6 clients /64, no prefix in which every address is a client"""
    return hashlib.blake2b(b"xpro-mesh widths v1" + bytes([24, 48, 64, 0]), digest_size=16).digest()


def certificate():
    rows = joined(
        array(15, "array of 15"),
        uint(2, "version"),
        bin_(MESH_ID, "mesh id"),
        bin_(public_of(AUTHORITY), "authority"),
        text("node-a", "name"),
        text("eu-west", "region"),
        bin_(public_of(NODE_A), "public key"),
        array(2, "endpoints"),
        array(2, "endpoint") + bin_(bytes([192, 0, 2, 10]), "192.0.2.10") + uint(7946, "port"),
        array(2, "endpoint") + bin_(ip6(0x10), "2001:db8::10") + uint(7946, "port"),
        uint(1488095, "line rate"),
        uint(200, "tick ms"),
        uint(8000, "window_max ms"),
        uint(2, "decay"),
        bin_(widths(), "widths"),
        uint(1, "serial"),
        uint(member_id(NODE_A), "member id"),
        bin_(b"", "no previous key"),
    )
    return rows + [(sign(AUTHORITY, b"xpro-mesh certificate v2" + flat(rows)), "signature")]


def group(form, slot, destination, cells):
    """cells: (key, first, last, packets, extras...): what is missing is 0, and what no cell has is left out"""
    names = (
        ["destinations IPv4", "destinations IPv6", "pairs IPv4", "pairs IPv6"]
        + ["clients IPv4", "clients IPv6", "clients of a /64"]
        + ["networks IPv4", "networks IPv6"]
    )
    keys, firsts, lasts, *counts = zip(*(cell + (0,) * (max(map(len, cells)) - len(cell)) for cell in cells))
    extras = ["answers"] if form < 4 else ["contacts", "unanswered"]
    what = ", ".join(["packets"] + extras[: len(counts) - 1])
    return joined(
        array(7, "group: array of 7"),
        uint(form, names[form] + ", form"),
        uint(slot, "slot"),
        bin_(destination, "destination"),
        bin_(b"".join(keys), f"{len(cells)} keys"),
        bin_(bytes(firsts), "firsts"),
        bin_(bytes(lasts), "lasts"),
        bin_(b"".join(varint(n) for numbers in zip(*counts) for n in numbers), what),
    )


def body(sequence, kind, groups):
    return joined(
        array(7, "array of 7"),
        uint(member_id(NODE_A), "origin"),
        uint(3, "incarnation"),
        uint(5 << 40 | sequence, "sequence"),
        uint(8500000000, "tick"),
        uint(0, "epoch"),
        uint(kind, "kind"),
        array(len(groups), "groups"),
        *groups,
    )


def full_body():
    slot = 425000000
    destinations, clients = [bytes([198, 51, 100, i]) for i in (1, 2)], [bytes([10, 0, 0, i]) for i in (1, 2, 3)]
    pairs = [(clients[0], 0, 200, 127, 64 << 1), (clients[1], 3, 180, 128), (clients[2], 0, 0, 0, 5 << 1 | 1)]
    groups = [
        group(0, slot - 1, b"", [(destinations[0], 0, 255, 90000)]),
        group(0, slot, b"", [(destinations[0], 0, 200, 300), (destinations[1], 7, 7, 1)]),
        group(1, slot, b"", [(ip6(0x80), 0, 199, 16384)]),
        group(2, slot, destinations[0], pairs),
        group(2, slot, destinations[1], [(clients[0], 7, 7, 1)]),
        group(3, slot, ip6(0x80), [(ip6(1), 0, 199, 2**64 - 1, 2**32 - 1)]),
        group(4, slot, b"", [(clients[0], 0, 200, 128, 100), (clients[1], 3, 180, 129)]),
        group(5, slot, b"", [(ip6(1), 0, 199, 2, 2, 1)]),
        group(6, slot, b"", [(ip6(0)[:8], 1, 198, 3)]),
        group(7, slot, b"", [(bytes([198, 51, 100]), 0, 200, 301), (bytes([198, 51, 101]), 9, 9, 4)]),
        group(8, slot, b"", [(ip6(0)[:6], 0, 199, 16385)]),
    ]
    return body(1, 0, groups)


def node(left, right):
    return blake(b"\1" + left + right)


def tree(leaves):
    """RFC 6962 section 2.1, as it is written there."""
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return node(tree(leaves[:k]), tree(leaves[k:]))


def path(leaves, index):
    if len(leaves) == 1:
        return []
    k = 1 << (len(leaves) - 1).bit_length() - 1
    if index < k:
        return path(leaves[:k], index) + [tree(leaves[k:])]
    return path(leaves[k:], index - k) + [tree(leaves[:k])]


def frames(bodies, kind, tick_frames):
    leaves = [blake(b"\0" + b) for b in bodies]
    root = [
        (b"xpro-mesh root v1", "domain"),
        (MESH_ID, "mesh id"),
        (struct.pack("<Q", member_id(NODE_A)), "origin"),
        (struct.pack("<Q", 3), "incarnation"),
        (struct.pack("<Q", 8500000000), "tick"),
        (struct.pack("<H", tick_frames), "frames of the tick"),
        (bytes([len(leaves)]), "leaves"),
        (bytes([kind]), "kind"),
        (tree(leaves), "root"),
    ]
    signature = sign(NODE_A, flat(root))
    result = []
    for i, b in enumerate(bodies):
        steps = path(leaves, i)
        result.append([(b, "body")] + [(step, "path") for step in steps])
        result[i] += [
            (signature, "signature of the root"),
            (struct.pack("<H", tick_frames), f"frames of the tick {tick_frames}"),
            (bytes([len(leaves)]), f"leaves {len(leaves)}"),
            (bytes([i]), f"index {i}"),
            (bytes([len(steps)]), f"depth {len(steps)}"),
        ]
    return result, root


# ---- documents ----

EPHEMERAL, NEW_SECRET = bytes(range(144, 176)), bytes(range(176, 208))
KINDS = {1: "revocation", 2: "rotation", 3: "policy"}


def document(kind, serial, content, version=1):
    inner = flat(content)
    rows = joined(
        array(5, "array of 5"),
        uint(version, "version"),
        bin_(MESH_ID, "mesh id"),
        uint(kind, KINDS[kind] + ", kind"),
        uint(serial, "serial"),
        [(bin_head(len(inner)), f"content, {len(inner)} bytes:")],
        content,
    )
    return rows + [(sign(AUTHORITY, b"xpro-mesh document v1" + blake(flat(rows))), "signature")]


def revoked(seed, reason, what):
    return joined(
        array(3, "key"),
        bin_(public_of(seed), "public key"),
        uint(member_id(seed), "member id"),
        uint(reason, what + ", reason"),
    )


def revocation():
    keys = sorted(((NODE_A, 1, "superseded"), (NODE_B, 0, "lost")), key=lambda key: public_of(key[0]))
    return document(1, 3, joined(array(2, "keys"), *(revoked(*key) for key in keys)))


def fingerprint(secret):
    return hashlib.blake2b(b"xpro-mesh secret id v1", digest_size=16, key=secret).digest()


def wrapping_key():
    return hashlib.blake2b(b"xpro-mesh rotation key v1", digest_size=16, key=EPHEMERAL).digest()


def box(seed):
    first, second = sorted((public_of(EPHEMERAL), public_of(seed)))
    domain, id_ = b"xpro-mesh secret box v2" + MESH_ID, struct.pack("<Q", member_id(seed))
    key = blake(b"xpro-mesh pair key v1" + x25519(EPHEMERAL, public_of(seed)) + first + second, blake(domain))
    pad = hashlib.blake2b(domain + id_, digest_size=16, key=key).digest()
    return id_ + bytes(a ^ b for a, b in zip(wrapping_key(), pad))


def rotation():
    seal_key, secrets = blake(b"xpro-mesh rotation seal v1", wrapping_key()), NEW_SECRET + MESH_SECRET
    boxes = [box(seed) for seed in sorted((NODE_A, NODE_B), key=member_id)]
    content = joined(
        array(6, "array of 6"),
        uint(425000010, "effective slot"),
        uint(76, "grace slots"),
        bin_(public_of(EPHEMERAL), "ephemeral key"),
        array(2, "secrets"),
        bin_(fingerprint(NEW_SECRET), "fingerprint of the new one"),
        bin_(fingerprint(MESH_SECRET), "of the one before"),
        bin_(xchacha20poly1305(seal_key, bytes(24), MESH_ID, secrets), "both secrets, sealed"),
        [(bin_head(sum(map(len, boxes))), "boxes")],
        [(b, f"of member {struct.unpack('<Q', b[:8])[0]}") for b in boxes],
    )
    return document(2, 2, content, 2)


def rule(count, side, kind, prefix, prefix_text, bits):
    return joined(
        array(count, "rule"),
        uint(*side),
        uint(*kind),
        bin_(bytes(prefix), prefix_text),
        uint(bits, "bits"),
    )


CLIENT, DESTINATION, BOTH = (0, "client, side"), (1, "destination, side"), (2, "both, side")
OVERRIDE, NEVER_DROP, BLOCK = (0, "override, kind"), (1, "never_drop, kind"), (2, "block, kind")


def policy():
    content = joined(
        array(11, "array of 11"),
        uint(425000020, "effective slot"),
        uint(1000, "pair_rate"),
        uint(20000, "destination_rate"),
        uint(4000, "client_rate"),
        uint(0, "network_rate"),
        uint(0, "contact_rate"),
        uint(10000, "idle_reset ms"),
        uint(1000, "pair_min_window ms"),
        uint(1000, "destination_min_window ms"),
        uint(5, "fair, early: flags"),
        array(7, "rules"),
        rule(8, CLIENT, OVERRIDE, [10, 1, 0, 0], "10.1.0.0", 16),
        uint(0, "until"),
        uint(33, "pair_rate, client_rate, fields"),
        uint(50, "pair_rate"),
        uint(200, "client_rate"),
        rule(6, CLIENT, OVERRIDE, [10, 2, 0, 0], "10.2.0.0", 16),
        uint(0, "until"),
        uint(512, "outside: block, fields"),
        rule(6, CLIENT, BLOCK, ip6(0), "2001:db8::", 32),
        uint(1760003600, "until"),
        uint(0, "fields"),
        rule(8, DESTINATION, OVERRIDE, [198, 51, 100, 9], "198.51.100.9", 32),
        uint(0, "until"),
        uint(18, "destination_rate, destination_min_window, fields"),
        uint(5000, "destination_rate"),
        uint(2000, "destination_min_window ms"),
        rule(7, DESTINATION, OVERRIDE, [203, 0, 0, 0], "203.0.0.0", 16),
        uint(0, "until"),
        uint(64, "network_rate, fields"),
        uint(80000, "network_rate"),
        rule(6, DESTINATION, NEVER_DROP, [203, 0, 113, 0], "203.0.113.0", 24),
        uint(0, "until"),
        uint(0, "fields"),
        rule(9, BOTH, OVERRIDE, [10, 2, 0, 0], "10.2.0.0", 16),
        bin_(bytes([198, 51, 100, 53]), "198.51.100.53"),
        uint(32, "bits"),
        uint(0, "until"),
        uint(1, "pair_rate, fields"),
        uint(20, "pair_rate"),
    )
    return document(3, 7, content)


def main():
    a, b = member_id(NODE_A), member_id(NODE_B)
    hello_key = blake(b"xpro-mesh hello key v1", MESH_SECRET)
    context, greeting = MESH_ID + struct.pack("<QQQQQQ", a, b, 3, 4, 5, 6), bytes(i & 255 for i in range(588))
    write("pair_key", "the key node A and node B share", [(pair_key(), "")])
    write("hello_key", "the key of HELLO datagrams", [(hello_key, "")])
    ids = [(struct.pack("<Q", a), "node A"), (struct.pack("<Q", b), "node B")]
    write("member_ids", "member ids of node A and node B, little-endian", ids)
    about = "sealed datagram from node A to node B: counter 7, incarnations 3 and 4, boots 5 and 6"
    write("sealed", about + ', plaintext "xpro"', datagram(2, a, 7, pair_key(), context, b"xpro"))
    about = "HELLO of node A: counter 1, plaintext 588 bytes counting up from 0"
    write("hello", about, datagram(1, a, 1, hello_key, MESH_ID + bytes(48), greeting))
    write("certificate", "certificate of node A", certificate())
    write("revocation", "revocation 3: node A's key superseded, node B's lost", revocation())
    about = "rotation 2: the mesh secret 176..207 after 96..127, for nodes A and B, under the ephemeral key of seed"
    write("rotation", about + " 144..175", rotation())
    write("policy", "policy 7", policy())
    bodies = [full_body()]
    for i in range(2, 6):
        bodies.append(body(i, 0, [group(0, 425000000, b"", [(bytes([203, 0, 113, i]), 0, i, i)])]))
    write("body", "body with every form", bodies[0])
    made, root = frames([flat(rows) for rows in bodies], 0, 5)
    write("root_message", "what the signature of the five frames' root covers", root)
    for i, frame in enumerate(made):
        write(f"frame_{i}_of_5", f"frame {i} of the five of a tick", frame)
    closing, _ = frames([flat(body(6, 1, []))], 1, 1)
    write("frame_closing", "a closing frame without cells, alone in its tree", closing[0])


main()
