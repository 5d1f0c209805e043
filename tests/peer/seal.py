# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Datagrams: header, nonce, seal and anti-replay window (PROTOCOL, Datagrams)."""

import struct

import keys

HELLO, SEALED = 1, 2
HEADER_BYTES, TAG_BYTES, HELLO_BYTES = 36, 16, 640
VERSION = 2
WINDOW = 2048


def header(kind, sender, counter, random, version=VERSION):
    """The 36 bytes in front of the ciphertext."""
    return b"XM" + bytes([version, kind]) + struct.pack("<QQ", sender, counter) + random


def parse_header(datagram):
    """(type, sender, counter), or None where nothing of this version stands."""
    if not 53 <= len(datagram) <= 1452 or datagram[:3] != b"XM\x02":
        return None
    return (datagram[3], *struct.unpack_from("<QQ", datagram, 4))


def associated(head, mesh_id, sender=0, receiver=0, incarnations=(0, 0), boots=(0, 0)):
    """The associated data of a datagram: 100 bytes."""
    return head + mesh_id + struct.pack("<6Q", sender, receiver, *incarnations, *boots)


def seal(key, head, tail, plain):
    """A datagram of a header and a plaintext. tail: the associated data behind the header."""
    return head + keys.encrypt(key, head[12:36], head + tail, plain)


def open_seal(key, datagram, tail):
    """The plaintext, or None."""
    head = datagram[:HEADER_BYTES]
    return keys.decrypt(key, head[12:36], head + tail, datagram[HEADER_BYTES:])


class AntiReplay:
    """Which counters of a session have come (RFC 6479, without its ring)."""

    def __init__(self):
        self.highest, self.seen = 0, set()

    def fresh(self, counter):
        """Whether a counter comes for the first time; notes it."""
        if not 0 < counter < (1 << 64) - (1 << 16) or counter + WINDOW <= self.highest or counter in self.seen:
            return False
        self.seen.add(counter)
        self.highest = max(self.highest, counter)
        if len(self.seen) > 2 * WINDOW:
            self.seen = {c for c in self.seen if c + WINDOW > self.highest}
        return True
