# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A member that sends one proxy more good frames than it can read. On request alone (tests/extra/peer.sh overload): it
takes both processors for six seconds. What it measures is in README.md."""

import struct
import threading
import time

import frames
import session as se
from attack_frames import Maker
from bed import wait_for
from insider import VICTIM, BOT

FRAMES, CELLS, KEYS, SECONDS = 120_000, 110, 100_000, 6


def trees(insider, columns):
    """Frames of one tree after the other: totals of the same pairs that grow."""
    make, peer = Maker(insider), insider.peer
    for at in range(0, len(columns), frames.LEAVES_MAX):
        make.tick = se.mesh_time() // peer.tick_ns - 1
        head, some = make.head(), columns[at : at + frames.LEAVES_MAX]
        groups = [make.group(slot=peer.slot, **some_columns) for some_columns in some]
        with peer.lock:
            bodies = [frames.body_of(head, peer.next_sequence(), [group]) for group in groups]
        for frame in frames.prove(make.identity, head, bodies, frames.FRAMES_MAX):
            yield make.message(frame)


def columns_of(number):
    """The columns of one group."""
    first = 0x0B000000 + number * CELLS % KEYS
    names = b"".join(struct.pack(">I", first + i) for i in range(CELLS))
    packets = frames.varint(1 + number * CELLS // KEYS) * CELLS
    return {"names": names, "firsts": bytes(CELLS), "lasts": bytes(CELLS), "packets": packets}


def watch(insider, running, seen):
    """Notes when verdicts are others, and when the other proxy leaves the target out."""
    first, other = insider.proxies
    while running:
        if insider.verdicts():
            seen["wrong"].append(time.monotonic())
        if other.member(first.name)["left_out"] is not None:
            seen["left out"].append(time.monotonic())
        time.sleep(0.05)


def run(insider):
    """The flood, and what it did."""
    tap, columns = insider.tap, [columns_of(i) for i in range(FRAMES)]
    running, seen, sent = [True], {"wrong": [], "left out": []}, 0
    watcher = threading.Thread(target=watch, args=(insider, running, seen))
    watcher.start()
    begun, before = time.monotonic(), insider.target.status()["frames_received"]
    for datagram in trees(insider, columns):
        insider.peer.socket.sendto(datagram, insider.target.address)
        sent += 1
        if time.monotonic() > begun + SECONDS:
            break
    ended = time.monotonic()
    tap.check("the_daemons_live", all(proxy.lives() for proxy in insider.proxies))
    right = wait_for(10, lambda: not insider.verdicts(), 10)
    tap.check(f"verdicts_of_{BOT}_to_{VICTIM}_are_right_again", right, *insider.verdicts())
    running.clear()
    watcher.join()
    read = insider.target.status()["frames_received"] - before
    tap.note(f"{sent} frames sent in {ended - begun:.1f} s, {read} read")
    for what, times in seen.items():
        span = f"from {times[0] - begun:.1f} to {times[-1] - begun:.1f} s" if times else "never"
        tap.note(f"{what}: {span}")
