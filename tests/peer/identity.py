# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Certificates, and what `gossipctl mesh issue` writes for a member (PROTOCOL, Certificates)."""

import base64
import os
import socket
from dataclasses import dataclass

import msgpack

import keys


class Refused(Exception):
    """A message that the protocol refuses. Its text is the reason's name."""


def unpack(data, reason):
    """Canonical msgpack: what it says, if there is no other way to say it."""
    try:
        value = msgpack.unpackb(data, raw=False, strict_map_key=False)
        if msgpack.packb(value) != data:
            raise Refused(reason)
    except (ValueError, msgpack.UnpackException) as problem:
        raise Refused(reason) from problem
    return value


@dataclass(frozen=True)
class Certificate:
    """Who a member is, and the parameters of its mesh."""

    data: bytes
    mesh_id: bytes
    name: str
    public: bytes
    endpoints: tuple
    line_rate: int
    tick_ms: int
    window_ms: int
    decay: int
    widths: bytes
    serial: int
    id: int

    @property
    def slot_ms(self):
        """The length of a slot."""
        return self.window_ms * (self.decay - 1) // self.decay


def read_certificate(data):
    """A certificate from its bytes, its signature checked."""
    body, signature = data[:-64], data[-64:]
    row = unpack(body, "certificate")
    if not isinstance(row, list) or len(row) != 15 or row[0] != 2:
        raise Refused("certificate")
    mesh_id, authority, public = row[1], row[2], row[5]
    if mesh_id != keys.blake(authority)[:16]:
        raise Refused("mesh")
    if not keys.signed(authority, b"xpro-mesh certificate v2" + body, signature):
        raise Refused("certificate")
    ends = tuple((socket.inet_ntop(socket.AF_INET if len(a) == 4 else socket.AF_INET6, a), p) for a, p in row[6])
    return Certificate(data, mesh_id, row[3], public, ends, *row[7:14])


@dataclass(frozen=True)
class Identity:
    """A member's certificate, keys and mesh secret."""

    certificate: Certificate
    signing_key: bytes
    secret: bytes

    def sign(self, message):
        """The member's signature."""
        return keys.sign(self.signing_key, message)


def read_identity(folder):
    """A member from the folder that `gossipctl mesh issue` made: three files in base64."""

    def content(name):
        with open(os.path.join(folder, name), encoding="ascii") as file:
            return base64.b64decode(file.read())

    certificate = read_certificate(content("node.cert"))
    public, signing_key = keys.key_pair(content("node.key"))
    if public != certificate.public:
        raise ValueError(f"{folder}: the certificate is of another key")
    return Identity(certificate, signing_key, content("mesh.secret"))
