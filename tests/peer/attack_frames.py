# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Bad frames of a member (PROTOCOL, Frames, Order of checks 7 to 13)."""

import os
import struct
import time

import msgpack

import frames
import session as se
from ledger import Key

ORDER = (1 << 252) + 27742317777372353535851937790883648493  # of Ed25519's group
PAIR = Key.pair("198.18.30.1", "192.0.2.40")


class Maker:
    """Frames of the peer with one thing wrong. Its sequences are the next: what is refused uses none."""

    def __init__(self, insider):
        self.insider, self.peer = insider, insider.peer
        self.identity = insider.peer.identity
        self.tick = se.mesh_time() // self.peer.tick_ns - 1

    def head(self, **change):
        """(origin, incarnation, tick, kind)."""
        peer = self.peer
        fields = {
            "origin": self.identity.certificate.id,
            "incarnation": peer.incarnation,
            "tick": self.tick,
            "kind": frames.TICK,
        }
        return tuple({**fields, **change}.values())

    def sequence(self):
        """The next, not used."""
        return self.peer.boot << 40 | self.peer.number + 300

    def body(self, groups, **change):
        """A canonical body, whatever its groups are."""
        return frames.body_of(self.head(**change), self.sequence(), groups)

    def message(self, frame):
        """The frame, pushed."""
        return self.insider.sealed(bytes([se.FRAME]) + frame)

    def proven(self, body, identity=None, domain=b"xpro-mesh root v1", **change):
        """A frame of any bytes, pushed: signed as a body with this head."""
        return self.message(frames.prove(identity or self.identity, self.head(**change), [body], domain=domain)[0])

    def group(self, **change):
        """One group with one cell, some columns others."""
        form, destination, name = PAIR.columns()
        fields = {"form": form, "slot": self.peer.slot, "destination": destination, "names": name}
        fields.update({"firsts": b"\0", "lasts": b"\1", "packets": b"\1"})
        return list({**fields, **change}.values())


def proofs(insider):
    """Proofs that do not fit, and signatures."""
    make = Maker(insider)
    body = make.body([make.group()])
    good = frames.prove(make.identity, make.head(), [body])[0]
    tails = {"frames_0": (0, 1, 0, 0), "frames_1025": (1025, 1, 0, 0), "leaves_0": (1, 0, 0, 0)}
    tails.update({"leaves_33": (33, 33, 0, 0), "index_of_leaves": (1, 1, 1, 0), "fewer_frames": (1, 2, 0, 0)})
    for what, tail in tails.items():
        insider.row(f"proof_{what}", "path", [make.message(good[:-5] + struct.pack("<HBBB", *tail))])
    insider.row("path_of_a_depth_too_many", "path", [make.message(good[:-5] + b"\1\0\1\0\1")])
    insider.row("path_of_255", "path", [make.message(good[:-1] + b"\xff")])
    insider.row("path_longer_than_the_frame", "frame_size", [make.message(good[:-5] + b"\x20\0\x20\0\5")])
    insider.row("frame_shorter_than_a_proof", "frame_size", [make.message(bytes(n)) for n in (0, 1, 68)])
    two = frames.prove(make.identity, make.head(), [body, make.body([])])
    swapped = two[0][:-2] + b"\1\1"
    insider.row("path_of_another_leaf", "signature", [make.message(swapped)])
    insider.row("another_domain", "signature", [make.proven(body, domain=b"xpro-mesh root v0")])
    insider.row("another_kind_than_signed", "signature", [make.proven(body, kind=frames.CLOSING)])
    scalar = int.from_bytes(good[-37:-5], "little") + ORDER
    large = good[:-37] + scalar.to_bytes(32, "little") + good[-5:]
    small = good[:-69] + b"\1" + bytes(31) + good[-37:]
    insider.row("S_above_the_order_and_R_of_small_order", "signature", [make.message(large), make.message(small)])
    victim = insider.peer.to(insider.proxies[1].name).id
    foreign = make.body([make.group()], origin=victim, incarnation=1 << 60)
    insider.row("cells_of_another_origin", "signature", [make.proven(foreign, origin=victim, incarnation=1 << 60)])
    insider.row("an_origin_that_is_no_member", "origin", [make.proven(make.body([], origin=99), origin=99)])


def raw_bodies(make):
    """Bodies that are not canonical: (title, bytes)."""
    good = make.body([make.group()])
    row = msgpack.unpackb(good, raw=False)
    slot = msgpack.packb(make.peer.slot)
    yield "an_array_of_2_to_the_32", b"\xdd\xff\0\0\0"
    yield "a_map", b"\xdf\xff\0\0\0"
    yield "nested_arrays", good[: good.index(b"\x91\x97")] + b"\x91" * 466
    yield "a_bin_beyond_the_end", good[:-2] + b"\xc6\xff\xff\xff\xff"
    yield "bytes_left_over", good + b"\0"
    yield "the_reserved_byte", good[:-3] + b"\xc1" + good[-2:]
    yield "a_float", msgpack.packb(row[:4] + [1.5] + row[5:])
    yield "a_negative", msgpack.packb(row[:4] + [-1] + row[5:])
    yield "a_boolean", msgpack.packb(row[:4] + [True] + row[5:])
    yield "a_field_too_few", msgpack.packb(row[:6])
    yield "a_field_too_many", msgpack.packb(row + [0])
    yield "a_longer_number", good.replace(slot, b"\xcf" + make.peer.slot.to_bytes(8, "big"))
    yield "a_kind_of_2", msgpack.packb(row[:5] + [2] + row[6:])
    yield "an_epoch_of_33_bits", msgpack.packb(row[:4] + [1 << 32] + row[5:])
    yield "another_epoch", msgpack.packb(row[:4] + [1] + row[5:])
    yield "sequence_0", msgpack.packb(row[:2] + [0] + row[3:])
    yield "a_sequence_near_the_end", msgpack.packb(row[:2] + [(1 << 64) - 5] + row[3:])


def bodies(insider):
    """Bodies of another form."""
    make = Maker(insider)
    for title, body in raw_bodies(make):
        insider.row(title, "body", [make.proven(body)])
    wrong = {
        "a_form_of_9": {"form": 9},
        "no_cells": {"names": b"", "firsts": b"", "lasts": b"", "packets": b""},
        "columns_of_other_lengths": {"firsts": b"\0\0"},
        "half_a_key": {"names": b"\xc6\x12\x1e"},
        "a_destination_of_other_length": {"destination": bytes(16)},
        "a_varint_longer_than_needed": {"packets": b"\x81\0"},
        "a_varint_of_65_bits": {"packets": b"\xff" * 9 + b"\2"},
        "a_varint_too_many": {"packets": b"\1\2\3"},
        "answers_of_0": {"packets": b"\1\0"},
        "answers_of_33_bits": {"packets": b"\1\x80\x80\x80\x80\x10"},
        "answers_of_a_destination": {"form": 0, "destination": b"", "packets": b"\1\2"},
        "unanswered_of_0": {"form": 4, "destination": b"", "packets": b"\1\1\0"},
    }
    for title, change in wrong.items():
        insider.row(title, "body", [make.proven(make.body([make.group(**change)]))])
    late, early = make.group(), make.group(slot=make.peer.slot - 1)
    insider.row("groups_out_of_order", "body", [make.proven(make.body([late, early]))])
    insider.row("a_group_twice", "body", [make.proven(make.body([late, late]))])


def cells(insider):
    """Cells that cannot be."""
    make = Maker(insider)
    two = {"firsts": b"\0\0", "lasts": b"\1\1", "packets": b"\1\1"}
    name = PAIR.client
    wrong = {
        "keys_out_of_order": {"names": name + b"\1\1\1\1", **two},
        "a_key_twice": {"names": name + name, **two},
        "no_packets": {"packets": b"\0"},
        "last_before_first": {"firsts": b"\5", "lasts": b"\4"},
        "no_answers_of_TCP": {"packets": b"\1\1"},
        "answers_alone_with_a_time": {"packets": b"\0\2"},
        "contacts_alone": {"form": 4, "destination": b"", "lasts": b"\0", "packets": b"\0\1"},
    }
    for text in ("00000000", "7f000001", "e0000001", "ffffffff"):
        wrong[f"client_{text}"] = {"names": bytes.fromhex(text)}
        wrong[f"destination_{text}"] = {"destination": bytes.fromhex(text)}
    for text in ("00" * 16, "00" * 15 + "01", "00" * 10 + "fffd00000000", "ff02" + "00" * 14, "fe80" + "00" * 14):
        wrong[f"destination_{text}"] = {"form": 1, "destination": b"", "names": bytes.fromhex(text)}
    wrong["destination_mapped"] = {"form": 1, "destination": b"", "names": bytes(10) + b"\xff\xff\xc0\0\2\1"}
    wrong["network_of_loopback"] = {"form": 7, "destination": b"", "names": b"\x7f\0\0"}
    wrong["network_of_nothing"] = {"form": 8, "destination": b"", "names": bytes(6)}
    wrong["a_64_in_form_5"] = {"form": 5, "destination": b"", "names": b"\x20\1\x0d\xb8".ljust(16, b"\0")}
    for title, change in wrong.items():
        insider.row(title, "cell", [make.proven(make.body([make.group(**change)]))])
    device = b"\x20\1\x0d\xb8".ljust(15, b"\0") + b"\1"
    wide = {"client_of_a_pair": {"form": 3, "destination": device, "names": device}}
    wide["client_alone"] = {"form": 5, "destination": b"", "names": device}
    for title, change in wide.items():
        insider.row(f"more_than_64_bits: {title}", "client", [make.proven(make.body([make.group(**change)]))])


def flood(insider):
    """Bad signatures by the hundred: after 32 in a tick the neighbour is not looked at before the next."""
    make = Maker(insider)
    body = make.body([make.group()])
    begun, before = se.mesh_time(), insider.target.rejects()["signature"]
    checked = insider.target.status()["signatures_checked"]
    insider.raw([make.proven(body + os.urandom(8), domain=b"xpro-mesh root v0") for _ in range(2000)])
    took = (se.mesh_time() - begun) / 1e9
    counted = insider.target.rejects()["signature"] - before
    spent = insider.target.status()["signatures_checked"] - checked
    insider.tap.note(f"2000 bad signatures in {took:.1f} s: {counted} counted, {spent} signatures checked")
    most = 32 * (took / (insider.peer.tick_ns / 1e9) + 2) + 60 * took
    time.sleep(2 * insider.peer.tick_ns / 1e9)  # then it is looked at again
    insider.tap.check("a_flood_of_bad_signatures_is_not_checked", 32 <= spent <= most, f"{spent} of at most {most:.0f}")


def run(insider):
    """All of them."""
    for group in (proofs, bodies, cells, flood):
        group(insider)
        insider.still(group.__name__)
