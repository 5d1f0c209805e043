#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Writes replays.txt beside it: cells in, M out (PROTOCOL, Replay). What M is says tests/peer/replay.py, the second
implementation. unit/test_replay_vectors.c holds the core to it.

A case has lines of these forms, in this order; a missing `m` is one without counts:
    case WORDS
    mesh TICK_MS WINDOW_MAX_MS DECAY IDLE_RESET_MS SLOT_NOW
    line MEMBER PACKETS                                        most of one kind in a slot
    out MEMBER INCARNATION                                     is left out
    cell KEY MEMBER INCARNATION SLOT FIRST LAST PACKETS        FIRST, LAST: in 1/256 of the slot
    m TS1_NS TS2_NS COUNT                                      of key 0
"""

import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "peer"))
from ledger import DESTINATION, SLOTS_HELD, Key, Ledger  # pylint: disable=wrong-import-position
from replay import Lines, Mesh, replay  # pylint: disable=wrong-import-position

KEYS = [Key(DESTINATION, b"", bytes([198, 18, 0, i])) for i in range(2)]
NOW = 440_000_000


def slot_ns(window_max_ms, decay):
    return window_max_ms * 1_000_000 * (decay - 1) // decay


def write(file, words, cells, lines=None, out=(), mesh=(200, 8000, 2, 10_000)):
    tick_ms, window_max_ms, decay, idle_ms = mesh
    lines = lines or {}
    print(f"case {words}", file=file)
    print(f"mesh {tick_ms} {window_max_ms} {decay} {idle_ms} {NOW}", file=file)
    for member, packets in lines.items():
        print(f"line {member} {packets}", file=file)
    for member, incarnation in out:
        print(f"out {member} {incarnation}", file=file)
    ledger = Ledger()
    for key, member, incarnation, slot, first, last, packets in cells:
        print(f"cell {key} {member} {incarnation} {NOW + slot} {first} {last} {packets}", file=file)
        if (member, incarnation) not in out:
            ledger.join(member, incarnation, [(KEYS[key], NOW + slot, first, last, packets)], NOW)
    of = Mesh(slot_ns(window_max_ms, decay), window_max_ms * 1_000_000, decay, idle_ms * 1_000_000)
    counted = Lines(ledger, of, {}, NOW)
    counted.most = dict(lines)
    m = replay(of, DESTINATION, ledger.held(KEYS[0], NOW), counted)
    if m:
        print(f"m {m[0]} {m[1]} {m[2]}", file=file)


def drawn(rng):
    members = rng.randint(1, 6)
    lines = {m: rng.choice((1, 40, 600)) for m in range(members) if rng.random() < 0.4}
    out = [(m, i) for m in range(members) for i in range(3) if rng.random() < 0.15]
    cells = []
    for place in rng.sample([(k, m, i, s) for k in range(2) for m in range(members) for i in range(3)
                             for s in range(1 - SLOTS_HELD, 1)], rng.randint(1, min(40, members * 42))):
        first = rng.randrange(256)
        cells.append((*place, first, rng.randrange(first, 256), rng.choice((1, 7, 500, 100_000))))
    mesh = rng.choice(((200, 8000, 2, 10_000), (200, 8000, 2, 1000), (100, 6000, 3, 5000), (500, 20_000, 4, 3000)))
    return cells, lines, out, mesh


def main():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "replays.txt")
    with open(path, "w", encoding="ascii") as file:
        write(file, "one cell", [(0, 0, 0, 0, 3, 200, 17)])
        write(file, "one packet: ts1 is ts2", [(0, 0, 0, 0, 128, 128, 1)])
        write(file, "two members in a slot: the earlier first, the later last",
              [(0, 0, 0, 0, 30, 40, 5), (0, 1, 0, 0, 10, 35, 6)])
        write(file, "two slots are one window", [(0, 0, 0, -1, 100, 255, 50), (0, 1, 0, 0, 0, 100, 60)])
        write(file, "a longer silence than idle_reset begins anew",
              [(0, 0, 0, -4, 0, 10, 50), (0, 1, 0, 0, 200, 210, 60)])
        write(file, "a silence of idle_reset exactly does not",
              [(0, 0, 0, -3, 0, 128, 50), (0, 1, 0, 0, 0, 10, 60)])
        write(file, "a window ages at each boundary",
              [(0, 0, 0, s, 0, 255, 1001) for s in range(1 - SLOTS_HELD, 1)])
        write(file, "the count is rounded down when it ages",
              [(0, 0, 0, -2, 0, 255, 3), (0, 0, 0, -1, 0, 255, 3), (0, 0, 0, 0, 0, 255, 3)])
        write(file, "an origin that is left out counts nothing",
              [(0, 0, 0, 0, 50, 60, 5), (0, 1, 2, 0, 0, 255, 6000)], out=[(1, 2)])
        write(file, "all are left out", [(0, 1, 2, 0, 0, 255, 6000)], out=[(1, 2)])
        write(file, "over the line: each key its part, rounded down",
              [(0, 1, 0, 0, 0, 99, 700), (1, 1, 0, 0, 0, 99, 400)], lines={1: 600})
        write(file, "over the line by two incarnations",
              [(0, 1, 0, 0, 0, 99, 500), (0, 1, 1, 0, 50, 200, 500)], lines={1: 600})
        write(file, "what is left out is not on the line",
              [(0, 1, 0, 0, 0, 99, 500), (0, 1, 1, 0, 50, 200, 500)], lines={1: 600}, out=[(1, 1)])
        write(file, "a slot in which nothing counts is passed over",
              [(0, 0, 0, -1, 0, 255, 50), (0, 1, 0, 0, 0, 255, 1), (1, 1, 0, 0, 0, 255, 1000)], lines={1: 1})
        write(file, "a cell that counts as nothing has its first and last",
              [(0, 0, 0, 0, 100, 110, 50), (0, 1, 0, 0, 0, 255, 1), (1, 1, 0, 0, 0, 255, 1000)], lines={1: 1})
        for seed in range(60):
            cells, lines, out, mesh = drawn(random.Random(seed))
            write(file, f"drawn {seed}", cells, lines, out, mesh)


if __name__ == "__main__":
    main()
