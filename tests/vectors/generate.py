#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Writes the vectors beside it: generate.py, from anywhere.

A second writing of proto/PROTOCOL.md's wire formats that shares no line and no library with the first: Ed25519 (RFC 8032), X25519
(RFC 7748), XChaCha20-Poly1305 (RFC 8439, draft-irtf-cfrg-xchacha) and msgpack are spelled out here, slowly. BLAKE2b and SHA-512 are
Python's. The tests compare what the C code makes with these files; a change of the wire format shows as a change of a vector.
"""
import hashlib
import os
import struct

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def point_add(a, b):
    x1, y1, z1, t1 = a
    x2, y2, z2, t2 = b
    A, B = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    C, E = 2 * t1 * t2 * D % P, 2 * z1 * z2 % P
    e, f, g, h = B - A, E - C, E + C, B + A
    return e * f % P, g * h % P, f * g % P, e * h % P


def point_mul(n, point):
    result = (0, 1, 1, 0)
    while n:
        if n & 1:
            result = point_add(result, point)
        point, n = point_add(point, point), n >> 1
    return result


def base_point():
    y = 4 * pow(5, P - 2, P) % P
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if x * x % P != x2:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x & 1:
        x = P - x
    return x, y, 1, x * y % P


BASE = base_point()


def compress(point):
    x, y, z, _ = point
    inverse = pow(z, P - 2, P)
    x, y = x * inverse % P, y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def clamp(scalar):
    return int.from_bytes(scalar, "little") & ~7 & (1 << 255) - 1 | 1 << 254


def expand(seed):
    h = hashlib.sha512(seed).digest()
    return clamp(h[:32]) & (1 << 255) - 1, h[32:]


def public_of(seed):
    return compress(point_mul(expand(seed)[0], BASE))


def sign(seed, message):
    a, prefix = expand(seed)
    public = compress(point_mul(a, BASE))
    r = int.from_bytes(hashlib.sha512(prefix + message).digest(), "little") % L
    R = compress(point_mul(r, BASE))
    k = int.from_bytes(hashlib.sha512(R + public + message).digest(), "little") % L
    return R + ((r + k * a) % L).to_bytes(32, "little")


def x25519(seed, other_public):
    """X25519 of an Ed25519 seed and an Ed25519 public key, both carried over to Montgomery's form."""
    y = int.from_bytes(other_public, "little") & (1 << 255) - 1
    u = (1 + y) * pow(1 - y, P - 2, P) % P
    k = expand(seed)[0]
    x2, z2, x3, z3, swap = 1, 0, u, 1, 0
    for t in reversed(range(255)):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a, b * b, d * a, c * b
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % P, u * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def rounds(state):
    def quarter(a, b, c, d):
        for x, y, z, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[x] = s[x] + s[y] & 0xFFFFFFFF
            v = s[z] ^ s[x]
            s[z] = (v << n | v >> 32 - n) & 0xFFFFFFFF

    s = list(state)
    for _ in range(10):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return s


SIGMA = struct.unpack("<4I", b"expand 32-byte k")


def chacha20(key, counter, nonce):
    state = SIGMA + struct.unpack("<8I", key) + (counter,) + struct.unpack("<3I", nonce)
    return struct.pack("<16I", *(a + b & 0xFFFFFFFF for a, b in zip(rounds(state), state)))


def poly1305(key, message):
    r, s = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF, int.from_bytes(key[16:], "little")
    sum_ = 0
    for i in range(0, len(message), 16):
        sum_ = (sum_ + int.from_bytes(message[i:i + 16] + b"\1", "little")) * r % (2**130 - 5)
    return (sum_ + s & (1 << 128) - 1).to_bytes(16, "little")


def xchacha20poly1305(key, nonce, data, plain):
    s = rounds(SIGMA + struct.unpack("<8I", key) + struct.unpack("<4I", nonce[:16]))
    key, nonce = struct.pack("<8I", *s[:4], *s[12:]), b"\0\0\0\0" + nonce[16:]
    stream = b"".join(chacha20(key, 1 + i, nonce) for i in range(len(plain) // 64 + 1))
    cipher = bytes(a ^ b for a, b in zip(plain, stream))
    padded = data + bytes(-len(data) % 16) + cipher + bytes(-len(cipher) % 16)
    return cipher + poly1305(chacha20(key, 0, nonce)[:32], padded + struct.pack("<QQ", len(data), len(cipher)))


def blake(message, key=b""):
    return hashlib.blake2b(message, digest_size=32, key=key).digest()


# ---- msgpack: each value as (bytes, comment) rows, so that the vector explains itself ----

def uint(n, what):
    for limit, head, size in ((0x80, b"", 1), (0x100, b"\xcc", 1), (0x10000, b"\xcd", 2), (1 << 32, b"\xce", 4), (1 << 64, b"\xcf", 8)):
        if n < limit:
            return [(head + n.to_bytes(size, "big"), f"{what} {n}")]


def array(n, what):
    return [(bytes([0x90 | n]) if n < 16 else b"\xdc" + n.to_bytes(2, "big"), what)]


def bin_(b, what):
    return [((b"\xc4" + bytes([len(b)]) if len(b) < 256 else b"\xc5" + len(b).to_bytes(2, "big")) + b, what)]


def text(s, what):
    return [((bytes([0xA0 | len(s)]) if len(s) < 32 else b"\xd9" + bytes([len(s)])) + s.encode(), f"{what} \"{s}\"")]


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
            pieces = [b[i:i + 16].hex(" ") for i in range(0, len(b), 16)]
            for i, piece in enumerate(pieces):
                f.write(f"{piece:<47} # {what}\n" if i == 0 and what else piece + "\n")


# ---- the cast ----

AUTHORITY, NODE_A, NODE_B = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))
MESH_SECRET = bytes(range(96, 128))
NONCE_RANDOM = bytes(range(128, 144))
MESH_ID = blake(public_of(AUTHORITY))[:16]


def member_id(seed):
    return struct.unpack("<Q", blake(public_of(seed))[:8])[0]


def pair_key():
    first, second = sorted((public_of(NODE_A), public_of(NODE_B)))
    return blake(b"xpro-mesh pair key v1" + x25519(NODE_A, public_of(NODE_B)) + first + second, MESH_SECRET)


def datagram(type_, sender, counter, key, context, plain):
    header = b"XM\x01" + bytes([type_]) + struct.pack("<Q", sender) + struct.pack("<Q", counter) + NONCE_RANDOM
    sealed = xchacha20poly1305(key, header[12:], header + context, plain)
    return [(header[:4], "magic XM, version 1, type"), (header[4:12], "sender"), (header[12:20], "nonce: send counter"),
            (header[20:], "nonce: random part"), (sealed[:-16], "ciphertext"), (sealed[-16:], "tag")]


def certificate():
    rows = array(14, "array of 14") + uint(1, "version") + bin_(MESH_ID, "mesh id") + bin_(public_of(AUTHORITY), "authority")
    rows += text("node-a", "name") + text("eu-west", "region") + bin_(public_of(NODE_A), "public key")
    rows += array(2, "endpoints") + array(2, "endpoint") + bin_(bytes([192, 0, 2, 10]), "192.0.2.10") + uint(7946, "port")
    rows += array(2, "endpoint") + bin_(bytes.fromhex("20010db8000000000000000000000010"), "2001:db8::10") + uint(7946, "port")
    rows += uint(1488095, "line rate") + uint(200, "tick ms") + uint(8000, "window_max ms") + uint(2, "decay") + uint(1, "serial")
    rows += uint(member_id(NODE_A), "member id") + bin_(b"", "no previous key")
    return rows + [(sign(AUTHORITY, b"xpro-mesh certificate v1" + flat(rows)), "signature")]


def group(form, slot, destination, cells):
    names = ("destinations IPv4", "destinations IPv6", "pairs IPv4", "pairs IPv6")
    return (array(7, "group: array of 7") + uint(form, names[form] + ", form") + uint(slot, "slot") + bin_(destination, "destination") +
            bin_(b"".join(c[0] for c in cells), f"{len(cells)} keys") + bin_(bytes(c[1] for c in cells), "firsts") +
            bin_(bytes(c[2] for c in cells), "lasts") + bin_(b"".join(varint(c[3]) for c in cells), "packets"))


def body(sequence, kind, groups):
    rows = array(7, "array of 7") + uint(member_id(NODE_A), "origin") + uint(3, "incarnation")
    rows += uint(5 << 40 | sequence, "sequence") + uint(8500000000, "tick") + uint(0, "epoch") + uint(kind, "kind")
    return rows + array(len(groups), "groups") + [row for g in groups for row in g]


def ip6(tail):
    return bytes.fromhex("20010db8") + bytes(10) + struct.pack(">H", tail)


def full_body():
    slot = 425000000
    return body(1, 0, [
        group(0, slot - 1, b"", [(bytes([198, 51, 100, 1]), 0, 255, 90000)]),
        group(0, slot, b"", [(bytes([198, 51, 100, 1]), 0, 200, 300), (bytes([198, 51, 100, 2]), 7, 7, 1)]),
        group(1, slot, b"", [(ip6(0x80), 0, 199, 16384)]),
        group(2, slot, bytes([198, 51, 100, 1]), [(bytes([10, 0, 0, 1]), 0, 200, 127), (bytes([10, 0, 0, 2]), 3, 180, 128)]),
        group(2, slot, bytes([198, 51, 100, 2]), [(bytes([10, 0, 0, 1]), 7, 7, 1)]),
        group(3, slot, ip6(0x80), [(ip6(1), 0, 199, 2**64 - 1)]),
    ])


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
    message = (b"xpro-mesh root v1" + MESH_ID + struct.pack("<QQQHBB", member_id(NODE_A), 3, 8500000000, tick_frames, len(leaves), kind) +
               tree(leaves))
    signature = sign(NODE_A, message)
    result = []
    for i, b in enumerate(bodies):
        steps = path(leaves, i)
        result.append([(b, "body")] + [(step, "path") for step in steps] +
                      [(signature, "signature of the root"), (struct.pack("<H", tick_frames), f"frames of the tick {tick_frames}"),
                       (bytes([len(leaves)]), f"leaves {len(leaves)}"), (bytes([i]), f"index {i}"), (bytes([len(steps)]), f"depth {len(steps)}")])
    return result, message


# ---- documents ----

EPHEMERAL, NEW_SECRET = bytes(range(144, 176)), bytes(range(176, 208))
KINDS = {1: "revocation", 2: "rotation", 3: "policy"}


def document(kind, serial, content, version=1):
    inner = flat(content)
    head = (b"\xc4" + bytes([len(inner)]) if len(inner) < 256 else b"\xc5" + len(inner).to_bytes(2, "big"))
    rows = array(5, "array of 5") + uint(version, "version") + bin_(MESH_ID, "mesh id") + uint(kind, KINDS[kind] + ", kind") + uint(serial, "serial")
    rows += [(head, f"content, {len(inner)} bytes:")] + content
    return rows + [(sign(AUTHORITY, b"xpro-mesh document v1" + blake(flat(rows))), "signature")]


def revocation():
    rows = array(2, "keys")
    for seed, reason, what in sorted(((NODE_A, 1, "superseded"), (NODE_B, 0, "lost")), key=lambda k: public_of(k[0])):
        rows += array(3, "key") + bin_(public_of(seed), "public key") + uint(member_id(seed), "member id") + uint(reason, what + ", reason")
    return document(1, 3, rows)


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
    rows = array(6, "array of 6") + uint(425000010, "effective slot") + uint(76, "grace slots") + bin_(public_of(EPHEMERAL), "ephemeral key")
    rows += array(2, "secrets") + bin_(fingerprint(NEW_SECRET), "fingerprint of the new one") + bin_(fingerprint(MESH_SECRET), "of the one before")
    sealed = xchacha20poly1305(blake(b"xpro-mesh rotation seal v1", wrapping_key()), bytes(24), MESH_ID, NEW_SECRET + MESH_SECRET)
    rows += bin_(sealed, "both secrets, sealed")
    boxes = [box(seed) for seed in sorted((NODE_A, NODE_B), key=member_id)]
    rows += [(b"\xc4" + bytes([len(boxes) * 24]), "boxes")] + [(b, f"of member {struct.unpack('<Q', b[:8])[0]}") for b in boxes]
    return document(2, 2, rows, 2)


def policy():
    rows = array(8, "array of 8") + uint(425000020, "effective slot") + uint(1000, "pair_rate") + uint(20000, "destination_rate")
    rows += uint(10000, "idle_reset ms") + uint(1000, "pair_min_window ms") + uint(1000, "destination_min_window ms") + uint(5, "fair, early: flags")
    rows += array(4, "rules")
    rows += array(7, "rule") + uint(0, "client, side") + uint(0, "override, kind") + bin_(bytes([10, 1, 0, 0]), "10.1.0.0") + uint(16, "bits")
    rows += uint(0, "until") + uint(1, "pair_rate, fields") + uint(50, "pair_rate")
    rows += array(6, "rule") + uint(0, "client, side") + uint(2, "block, kind") + bin_(bytes.fromhex("20010db8") + bytes(12), "2001:db8::")
    rows += uint(32, "bits") + uint(1760003600, "until") + uint(0, "fields")
    rows += array(8, "rule") + uint(1, "destination, side") + uint(0, "override, kind") + bin_(bytes([198, 51, 100, 9]), "198.51.100.9") + uint(32, "bits")
    rows += uint(0, "until") + uint(18, "destination_rate, destination_min_window, fields") + uint(5000, "destination_rate") + uint(2000, "destination_min_window ms")
    rows += array(6, "rule") + uint(1, "destination, side") + uint(1, "never_drop, kind") + bin_(bytes([203, 0, 113, 0]), "203.0.113.0") + uint(24, "bits")
    rows += uint(0, "until") + uint(0, "fields")
    return document(3, 7, rows)


def main():
    a, b = member_id(NODE_A), member_id(NODE_B)
    hello_key = blake(b"xpro-mesh hello key v1", MESH_SECRET)
    write("pair_key", "the key node A and node B share", [(pair_key(), "")])
    write("hello_key", "the key of HELLO datagrams", [(hello_key, "")])
    write("member_ids", "member ids of node A and node B, little-endian", [(struct.pack("<Q", a), "node A"), (struct.pack("<Q", b), "node B")])
    context = MESH_ID + struct.pack("<QQQQQQ", a, b, 3, 4, 5, 6)
    write("sealed", "sealed datagram from node A to node B: counter 7, incarnations 3 and 4, boots 5 and 6, plaintext \"xpro\"",
          datagram(2, a, 7, pair_key(), context, b"xpro"))
    write("hello", "HELLO of node A: counter 1, plaintext 588 bytes counting up from 0",
          datagram(1, a, 1, hello_key, MESH_ID + bytes(48), bytes(i & 255 for i in range(588))))
    write("certificate", "certificate of node A", certificate())
    write("revocation", "revocation 3: node A's key superseded, node B's lost", revocation())
    write("rotation", "rotation 2: the mesh secret 176..207 after 96..127, for nodes A and B, under the ephemeral key of seed 144..175", rotation())
    write("policy", "policy 7", policy())
    bodies = [full_body()] + [body(i, 0, [group(0, 425000000, b"", [(bytes([203, 0, 113, i]), 0, i, i)])]) for i in range(2, 6)]
    write("body", "body with every form", bodies[0])
    made, message = frames([flat(x) for x in bodies], 0, 5)
    write("root_message", "what the signature of the five frames' root covers",
          [(message[:17], "domain"), (message[17:33], "mesh id"), (message[33:41], "origin"), (message[41:49], "incarnation"),
           (message[49:57], "tick"), (message[57:59], "frames of the tick"), (message[59:60], "leaves"), (message[60:61], "kind"),
           (message[61:], "root")])
    for i, frame in enumerate(made):
        write(f"frame_{i}_of_5", f"frame {i} of the five of a tick", frame)
    closing, _ = frames([flat(body(6, 1, []))], 1, 1)
    write("frame_closing", "a closing frame without cells, alone in its tree", closing[0])


main()
