# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Keys and cells, and their join (PROTOCOL, Keys, Widths, Ledger)."""

import ipaddress
from dataclasses import dataclass

from identity import Refused

PAIR, DESTINATION, CLIENT, NETWORK = "pair", "destination", "client", "network"
# form: kind, bytes of a key, bytes of the group's destination
FORMS = {
    0: (DESTINATION, 4, 0),
    1: (DESTINATION, 16, 0),
    2: (PAIR, 4, 4),
    3: (PAIR, 16, 16),
    4: (CLIENT, 4, 0),
    5: (CLIENT, 16, 0),
    6: (CLIENT, 8, 0),
    7: (NETWORK, 3, 0),
    8: (NETWORK, 6, 0),
}
# what is counted beside packets, in this order; a pair's number is twice the answers, and one more if any was TCP
EXTRAS = {PAIR: ("answers",), CLIENT: ("contacts", "unanswered"), DESTINATION: (), NETWORK: ()}
MAPPED = bytes(10) + b"\xff\xff"
SLOTS_HELD = 7
PACKETS_MAX = (1 << 32) - 1


def to_bytes(text):
    """An address in 4 or 16 bytes."""
    return ipaddress.ip_address(text).packed


@dataclass(frozen=True, order=True)
class Key:
    """What is counted. Addresses have 4 or 16 bytes; b"" stands for none. A network is its first address."""

    kind: str
    client: bytes
    destination: bytes

    @staticmethod
    def pair(client, destination):
        """The key of a pair, from text."""
        return Key(PAIR, to_bytes(client), to_bytes(destination))

    @staticmethod
    def from_columns(kind, form, destination, name):
        """A key as its group tells it."""
        if kind == PAIR:
            return Key(PAIR, name, destination)
        if kind == DESTINATION:
            return Key(DESTINATION, b"", name)
        if kind == CLIENT:
            return Key(CLIENT, name.ljust(16, b"\0") if form == 6 else name, b"")
        return Key(NETWORK, b"", name.ljust(4 if form == 7 else 16, b"\0"))

    def columns(self):
        """(form, destination of the group, name in it)."""
        if self.kind == PAIR:
            return (2 if len(self.client) == 4 else 3), self.destination, self.client
        if self.kind == DESTINATION:
            return (0 if len(self.destination) == 4 else 1), b"", self.destination
        if self.kind == NETWORK:
            return (7, b"", self.destination[:3]) if len(self.destination) == 4 else (8, b"", self.destination[:6])
        if len(self.client) == 4:
            return 4, b"", self.client
        return (5, b"", self.client) if any(self.client[8:]) else (6, b"", self.client[:8])


def is_nobody(address):
    """Whether an address can be no single host's (Frames, `cell`)."""
    if len(address) == 4:
        return address[0] == 127 or 224 <= address[0] < 240 or address in (bytes(4), b"\xff" * 4)
    reserved = (bytes(16), bytes(15) + b"\1", bytes(10) + b"\xff\xfd" + bytes(4))
    link_local = address[0] == 0xFE and address[1] & 0xC0 == 0x80
    return address in reserved or address[0] == 0xFF or link_local or address[:12] == MAPPED


def network_is_nobodys(address):
    """The same of a network."""
    if len(address) == 4:
        return address[0] == 127 or 224 <= address[0] < 240
    return address[0] == 0xFF or (address[0] == 0xFE and address[1] & 0xC0 == 0x80) or not any(address)


def check_key(key, form):
    """Refuses a key that no packet counts under."""
    if key.kind == NETWORK:
        wrong = network_is_nobodys(key.destination)
    else:
        wrong = any(is_nobody(a) for a in (key.client, key.destination) if a)
    if wrong or (form == 5 and not any(key.client[8:])):
        raise Refused("cell")


def client_is_cut(key, bits):
    """Whether no bit of an IPv6 client is set behind its width. Meshes with client_hosts are not understood here."""
    if len(key.client) != 16:
        return True
    return not int.from_bytes(key.client, "big") & ((1 << 128 - bits) - 1)


class Ledger:
    """Cells of all members: key, then (member, incarnation, slot), then (first, last, packets, extras).

    Of answers alone, packets are 0.
    """

    def __init__(self):
        self.cells = {}

    def join(self, member, incarnation, cells, slot_now):
        """Joins a frame's cells. Cells of slots that are not held, nor the next, are refused."""
        for key, slot, first, last, packets, extras in cells:
            if not slot_now - SLOTS_HELD < slot <= slot_now + 1:
                continue
            of_key = self.cells.setdefault(key, {})
            old = of_key.get((member, incarnation, slot), (0, 0, 0, (0,) * len(extras)))
            spans = [cell[:2] for cell in (old, (first, last, packets)) if cell[2]] or [(0, 0)]
            of_key[member, incarnation, slot] = (
                min(span[0] for span in spans),
                max(span[1] for span in spans),
                max(old[2], min(packets, PACKETS_MAX)),
                tuple(map(max, old[3], extras)),
            )

    def held(self, key, slot_now):
        """The cells of a key that count now."""
        cells = self.cells.get(key, {})
        return {place: cell for place, cell in cells.items() if slot_now - SLOTS_HELD < place[2] <= slot_now}

    def forget(self, slot_now):
        """Drops what is no longer held."""
        for key in list(self.cells):
            kept = {p: c for p, c in self.cells[key].items() if p[2] > slot_now - SLOTS_HELD}
            if kept:
                self.cells[key] = kept
            else:
                del self.cells[key]
