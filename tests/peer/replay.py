# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Algorithm 1 over the slots held (PROTOCOL, Replay): M = (ts1, ts2, c) of a key."""

from dataclasses import dataclass

from ledger import PACKETS_MAX


@dataclass(frozen=True)
class Mesh:
    """What a replay depends on beside cells. Times are in ns."""

    slot: int
    window_max: int
    decay: int
    idle_reset: int


def mesh_of(certificate, idle_reset_ms):
    """The parameters that a certificate states."""
    ms = 1_000_000
    return Mesh(certificate.slot_ms * ms, certificate.window_ms * ms, certificate.decay, idle_reset_ms * ms)


def moment(mesh, slot, fraction):
    """The time of a slot's fraction."""
    return slot * mesh.slot + fraction * mesh.slot // 256


class Lines:
    """What the certified lines leave of the members' claims: an index of a ledger's totals."""

    def __init__(self, ledger, mesh, line_rates, slot_now):
        self.most = {m: -(-rate * mesh.slot // 1_000_000_000) for m, rate in line_rates.items() if rate}
        self.total = {}
        for key in ledger.cells:
            for (member, _, slot), cell in ledger.held(key, slot_now).items():
                place = (member, key.kind, slot)
                self.total[place] = self.total.get(place, 0) + cell[2]

    def count(self, member, kind, slot, packets):
        """What so many packets under one key count as."""
        total, most = self.total.get((member, kind, slot), 0), self.most.get(member)
        return packets if most is None or total <= most else packets * most // total


def slots_of(cells, kind, lines):
    """(slot, first, last, packets) over all origins, ascending."""
    slots, claims = {}, {}
    for (member, _, slot), (first, last, packets, _) in cells.items():
        if not packets:  # answers alone
            continue
        old = slots.get(slot, (first, last))
        slots[slot] = (min(old[0], first), max(old[1], last))
        claims[slot, member] = min(claims.get((slot, member), 0) + packets, PACKETS_MAX)
    for slot in sorted(slots):
        packets = sum(lines.count(m, kind, s, p) for (s, m), p in claims.items() if s == slot)
        if packets:  # of a slot in which nothing counts, nothing is replayed
            yield slot, *slots[slot], packets


def replay(mesh, kind, cells, lines):
    """(ts1, ts2, c) of a key from its cells, or None."""
    record, before = None, None
    for slot, first, last, packets in slots_of(cells, kind, lines):
        ts1, ts2 = moment(mesh, slot, first), moment(mesh, slot, last)
        if record is None or ts1 - record[1] > mesh.idle_reset:
            record = (ts1, ts2, packets)
        else:
            start, end, count = record
            for boundary in range(before + 1, slot + 1):
                b = boundary * mesh.slot
                if b - start > mesh.window_max / mesh.decay:
                    start, count = b - (b - start) // mesh.decay, count // mesh.decay
            record = (min(start, ts1), max(end, ts2), count + packets)
        before = slot
    return record
