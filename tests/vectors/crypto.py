# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The cryptography of the vectors, spelled out slowly: Ed25519 (RFC 8032), X25519 (RFC 7748), XChaCha20-Poly1305
(RFC 8439, draft-irtf-cfrg-xchacha). BLAKE2b and SHA-512 are Python's."""

import hashlib
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
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    s = int.from_bytes(key[16:], "little")
    sum_ = 0
    for i in range(0, len(message), 16):
        sum_ = (sum_ + int.from_bytes(message[i : i + 16] + b"\1", "little")) * r % (2**130 - 5)
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
