# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""HELLOs and member records, byte by byte (PROTOCOL, Handshake, Member records)."""

import socket
import struct
from dataclasses import dataclass

import keys
import seal
from identity import Refused

GREET, COOKIE, WELCOME, LATER = 1, 2, 3, 4
PLAIN_BYTES = seal.HELLO_BYTES - seal.HEADER_BYTES - seal.TAG_BYTES
RECORD_BYTES = 125


@dataclass
class Hello:
    """The plaintext of a HELLO."""

    stage: int
    receiver: int
    incarnation: int
    boot: int
    cookie: bytes
    token: bytes
    certificate: bytes
    signature: bytes = bytes(64)

    def head(self):
        """The 479 bytes that are signed."""
        fixed = struct.pack("<BQQQ", self.stage, self.receiver, self.incarnation, self.boot)
        return (fixed + self.cookie + self.token + struct.pack("<H", len(self.certificate)) + self.certificate).ljust(
            479, b"\0"
        )


def message(mesh_id, counter, head):
    """What the signature of a HELLO covers."""
    return b"xpro-mesh hello v2" + mesh_id + struct.pack("<Q", counter) + head


def write(identity, hello, counter, random):
    """A HELLO datagram. One that is a GREET or WELCOME is signed."""
    me = identity.certificate
    signature = bytes(64)
    if hello.stage in (GREET, WELCOME):
        signature = identity.sign(message(me.mesh_id, counter, hello.head()))
    plain = (hello.head() + signature).ljust(PLAIN_BYTES, b"\0")
    head = seal.header(seal.HELLO, me.id, counter, random)
    return seal.seal(keys.hello_key(identity.secret), head, me.mesh_id + bytes(48), plain)


def read(identity, datagram):
    """The HELLO in a datagram, or a refusal. Its signature is not looked at."""
    if len(datagram) != seal.HELLO_BYTES:
        raise Refused("size")
    tail = identity.certificate.mesh_id + bytes(48)
    plain = seal.open_seal(keys.hello_key(identity.secret), datagram, tail)
    if plain is None:
        raise Refused("seal")
    stage, receiver, incarnation, boot = struct.unpack_from("<BQQQ", plain)
    (length,) = struct.unpack_from("<H", plain, 57)
    if length > 420:
        raise Refused("certificate")
    return Hello(
        stage, receiver, incarnation, boot, plain[25:41], plain[41:57], plain[59 : 59 + length], plain[479:543]
    )


@dataclass
class Record:
    """A member record. order: what decides which of two is in force."""

    data: bytes
    incarnation: int
    boot: int
    version: int

    @property
    def order(self):
        """Higher is newer."""
        return self.incarnation, self.boot, self.version

    @property
    def hash(self):
        """The hash of a row of a DIGEST."""
        return keys.mix64(keys.mix64(self.incarnation) ^ (self.boot << 40 | self.version)) | 1


def mapped(address):
    """An address in 16 bytes."""
    if ":" in address:
        return socket.inet_pton(socket.AF_INET6, address)
    return bytes(10) + b"\xff\xff" + socket.inet_aton(address)


def record_message(certificate, body):
    """What the signature of a member record covers."""
    return b"xpro-mesh record v1" + certificate.mesh_id + certificate.public + body


def write_record(identity, session, version, start, now, place, flags=0):
    """Our member record. session: (incarnation, boot)."""
    body = struct.pack("<5QB", *session, version, start, now, flags)
    body += mapped(place[0]) + struct.pack("<HBB", place[1], 0, 0)
    return Record(body + identity.sign(record_message(identity.certificate, body)), *session, version)


def read_record(certificate, data):
    """A member record, its signature checked."""
    if len(data) != RECORD_BYTES:
        raise Refused("message")
    if not keys.signed(certificate.public, record_message(certificate, data[:61]), data[61:]):
        raise Refused("signature")
    return Record(data, *struct.unpack_from("<3Q", data))
