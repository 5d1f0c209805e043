# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Frames: bodies, Merkle trees, proofs and checks (PROTOCOL, Frames)."""

import struct
from dataclasses import dataclass

import msgpack

import keys
from identity import Refused, unpack
from ledger import EXTRAS, FORMS, PACKETS_MAX, PAIR, Key, check_key, client_is_cut

TICK, CLOSING = 0, 1
LEAVES_MAX, FRAMES_MAX = 32, 1024


@dataclass(frozen=True)
class Frame:
    """A frame that was read. cells: (key, slot, first, last, packets, extras)."""

    data: bytes
    leaf: bytes
    origin: int
    incarnation: int
    sequence: int
    tick: int
    kind: int
    cells: tuple


def varint(number):
    """Unsigned LEB128."""
    out = b""
    while number > 0x7F:
        out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
    return out + bytes([number])


def read_varints(data, count):
    """So many varints, and nothing behind them."""
    numbers, at = [], 0
    for _ in range(count):
        number, shift = 0, 0
        while True:
            if at == len(data) or shift > 63:
                raise Refused("body")
            byte, at = data[at], at + 1
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
        if number >> 64 or (byte == 0 and shift):
            raise Refused("body")
        numbers.append(number)
    if at != len(data):
        raise Refused("body")
    return numbers


# ---- trees ----


def leaf_hash(body):
    """The hash of a leaf."""
    return keys.blake(b"\0" + body)


def levels_of(leaves):
    """The tree from its leaves up to its root, level by level."""
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        row = levels[-1]
        above = [keys.blake(b"\1" + row[i] + row[i + 1]) for i in range(0, len(row) - 1, 2)]
        levels.append(above + row[len(row) & ~1 :])
    return levels


def path_of(levels, index):
    """The siblings of a leaf, upwards."""
    path = []
    for row in levels[:-1]:
        if index ^ 1 < len(row):
            path.append(row[index ^ 1])
        index >>= 1
    return path


def depth_of(leaves, index):
    """How long a leaf's path is."""
    depth = 0
    while leaves > 1:
        depth += (index ^ 1) < leaves
        index, leaves = index >> 1, (leaves + 1) >> 1
    return depth


def root_of(leaf, leaves, index, path):
    """The root that a path leads to."""
    path = list(path)
    while leaves > 1:
        if index ^ 1 < leaves:
            pair = (path.pop(0), leaf) if index & 1 else (leaf, path.pop(0))
            leaf = keys.blake(b"\1" + pair[0] + pair[1])
        index, leaves = index >> 1, (leaves + 1) >> 1
    return leaf


def root_message(mesh_id, head, proof, root, domain=b"xpro-mesh root v1"):
    """What the signature covers. head: (origin, incarnation, tick, kind); proof: (frames, leaves)."""
    origin, incarnation, tick, kind = head
    return domain + mesh_id + struct.pack("<QQQHBB", origin, incarnation, tick, *proof, kind) + root


# ---- writing ----


def counts(numbers):
    """The column of packets and extras, without the extras behind the last that any cell needs."""
    written = max(max((i + 1 for i, n in enumerate(row) if n), default=1) for row in numbers)
    return b"".join(varint(n) for row in numbers for n in row[:written])


def columns(cells):
    """The groups of a body from cells (key, slot, first, last, packets, extras)."""
    groups = {}
    for key, slot, first, last, packets, extras in cells:
        form, destination, name = key.columns()
        groups.setdefault((slot, form, destination), []).append((name, first, last, packets, extras))
    rows = []
    for (slot, form, destination), members in sorted(groups.items()):
        members.sort()
        rows.append(
            [
                form,
                slot,
                destination,
                b"".join(m[0] for m in members),
                bytes(m[1] for m in members),
                bytes(m[2] for m in members),
                counts([(m[3], *m[4]) for m in members]),
            ]
        )
    return rows


def body_of(head, sequence, groups, epoch=0):
    """A body. head: (origin, incarnation, tick, kind)."""
    origin, incarnation, tick, kind = head
    return msgpack.packb([origin, incarnation, sequence, tick, epoch, kind, groups])


def prove(identity, head, bodies, frames=None, domain=b"xpro-mesh root v1"):
    """The frames of one tree of bodies, signed."""
    leaves = [leaf_hash(body) for body in bodies]
    levels = levels_of(leaves)
    counts = (frames or len(bodies), len(bodies))
    signature = identity.sign(root_message(identity.certificate.mesh_id, head, counts, levels[-1][0], domain))
    result = []
    for i, body in enumerate(bodies):
        path = path_of(levels, i)
        result.append(body + b"".join(path) + signature + struct.pack("<HBBB", *counts, i, len(path)))
    return result


# ---- reading ----


def read_counts(column, count, most):
    """(packets, extras) of each cell of a group. most: extras that each may have."""
    numbers = sum(byte < 0x80 for byte in column)
    written = numbers // count
    if numbers % count or not 1 <= written <= 1 + most:
        raise Refused("body")
    flat = read_varints(column, numbers)
    rows = [tuple(flat[i * written : (i + 1) * written]) for i in range(count)]
    if any(n > PACKETS_MAX for row in rows for n in row[1:]) or (written > 1 and not any(row[-1] for row in rows)):
        raise Refused("body")
    return [(row[0], row[1:] + (0,) * (1 + most - written)) for row in rows]


def check_counts(kind, first, last, packets, extras):
    """Refuses a cell that counts nothing, or has a time without packets."""
    if kind == PAIR and extras[0] == 1:
        raise Refused("cell")
    if last < first or (not packets and (kind != PAIR or not extras[0] or last)):
        raise Refused("cell")


def read_group(row, widths):
    """The cells of a group."""
    if not isinstance(row, list) or len(row) != 7:
        raise Refused("body")
    form, slot, destination, names, firsts, lasts, column = row
    if not all(isinstance(n, int) for n in (form, slot)) or not all(isinstance(b, bytes) for b in row[2:]):
        raise Refused("body")
    if form not in FORMS:
        raise Refused("body")
    kind, size, address = FORMS[form]
    count = len(names) // size
    if not count or len(names) % size or len(firsts) != count or len(lasts) != count or len(destination) != address:
        raise Refused("body")
    cells = []
    for i, (packets, extras) in enumerate(read_counts(column, count, len(EXTRAS[kind]))):
        name = names[i * size : (i + 1) * size]
        if i and name <= names[(i - 1) * size : i * size]:
            raise Refused("cell")
        check_counts(kind, firsts[i], lasts[i], packets, extras)
        key = Key.from_columns(kind, form, destination, name)
        check_key(key, form)
        if not client_is_cut(key, widths):
            raise Refused("client")
        cells.append((key, slot, firsts[i], lasts[i], packets, extras))
    return cells


def read_body(body, widths=64):
    """(head, sequence, cells) of a body, refused unless it is canonical."""
    row = unpack(body, "body")
    if not isinstance(row, list) or len(row) != 7 or not all(isinstance(n, int) and n >= 0 for n in row[:6]):
        raise Refused("body")
    origin, incarnation, sequence, tick, epoch, kind, groups = row
    if epoch >> 32 or kind > 1 or not isinstance(groups, list):
        raise Refused("body")
    cells, before = [], None
    for group in groups:
        cells += read_group(group, widths)
        place = (group[1], group[0], group[2])
        if before is not None and place <= before:
            raise Refused("body")
        before = place
    return (origin, incarnation, tick, kind), sequence, cells


def split(data):
    """(body, path, signature, frames, leaves, index) of a frame."""
    if len(data) < 5 + 64:
        raise Refused("frame_size")
    frames, leaves, index, depth = struct.unpack("<HBBB", data[-5:])
    end = len(data) - 5 - 64 - 32 * depth
    if end <= 0:
        raise Refused("frame_size")
    if not 1 <= leaves <= LEAVES_MAX or not leaves <= frames <= FRAMES_MAX or index >= leaves:
        raise Refused("path")
    if depth != depth_of(leaves, index):
        raise Refused("path")
    path = [data[end + 32 * i : end + 32 * i + 32] for i in range(depth)]
    return data[:end], path, data[-69:-5], frames, leaves, index


def read(data, certificates):
    """A verified frame. certificates: of the members, by id."""
    body, path, signature, count, leaves, index = split(data)
    head, sequence, cells = read_body(body)
    if head[0] not in certificates:
        raise Refused("origin")
    certificate = certificates[head[0]]
    leaf = leaf_hash(body)
    covered = root_message(certificate.mesh_id, head, (count, leaves), root_of(leaf, leaves, index, path))
    if not keys.signed(certificate.public, covered, signature):
        raise Refused("signature")
    return Frame(data, leaf, head[0], head[1], sequence, head[2], head[3], tuple(cells))
