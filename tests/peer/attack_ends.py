# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What ends with the liar left out, or out of the mesh: room, clocks, equivocation, revocation (PROTOCOL, Ledger:
Room, Replay, Order of checks 11, Revocation). The last of the attacks."""

import os
import struct
import subprocess
import time

import frames
import session as se
from attack_claims import publish
from attack_frames import Maker
from bed import wait_for
from peer import Peer

INVENTED = 100  # frames between two looks at the counter


def left_out(insider, why):
    """Whether both proxies leave the peer out, for this reason."""
    return all((p.member("proxy3") or {}).get("left_out") == why for p in insider.proxies)


def invented(insider):
    """More pairs than there is room for: those beyond are refused, and an honest pair that is new finds room."""
    peer, make = insider.peer, Maker(insider)
    before, begun = insider.target.rejects()["quota"], time.monotonic()
    number, count = 0, 180
    while insider.target.rejects()["quota"] == before and number < 2400:
        for _ in range(INVENTED):
            base = number * count
            names = b"".join(struct.pack(">I", 0x0B000000 + base + i) for i in range(count))
            zeros = bytes(count)
            columns = {"names": names, "firsts": zeros, "lasts": zeros, "packets": b"\1" * count}
            group = make.group(slot=peer.slot, **columns)
            body = frames.body_of(make.head(), peer.next_sequence(), [group])
            insider.raw([make.message(frames.prove(make.identity, make.head(), [body])[0])])
            number += 1
            if number % 20 == 0:
                time.sleep(0.1)  # a daemon under sanitizers reads 70,000 cells a second
    refused = insider.target.rejects()["quota"] - before
    insider.tap.note(f"{number * count} pairs invented in {time.monotonic() - begun:.1f} s, {refused} cells refused")
    insider.tap.check("there_is_an_end_of_room", refused > 0, insider.target.status()["keys_held"])
    insider.throwers.throw(1, "192.0.2.50", "198.18.40.1", 50, 3, 100)

    def seen():
        return len(insider.target.ask("pairs", "--destination", "192.0.2.50/32")["pairs"]) == 50

    insider.tap.check("honest_pairs_find_room", wait_for(5, seen, 10))


def ahead(insider):
    """A frame whose tick has not come: its member is left out at once, and back when its clock is right."""

    def told():
        return [e for e in insider.target.events() if "member_skewed" in e and "proxy3" in e]

    before = told()
    tick = se.mesh_time() // insider.peer.tick_ns + 20
    make = Maker(insider)
    insider.raw([make.message(publish(insider, [make.group()], tick=tick))])

    # It is left out for a tick and a round trip: the event stays.
    insider.tap.check("a_tick_that_has_not_come", wait_for(3, lambda: told() != before, 5), *told())
    insider.still("left_out_for_its_clock")
    back = wait_for(5, lambda: insider.target.member("proxy3")["left_out"] is None, 15)
    insider.tap.check("it_counts_again", back, insider.target.member("proxy3"))


def equivocation(insider):
    """Two frames under one sequence: both proxies leave the incarnation out, though one was told."""
    peer, make = insider.peer, Maker(insider)
    first = publish(insider, [make.group()])
    head = make.head()
    body = frames.body_of(head, peer.boot << 40 | peer.number, [make.group(packets=b"\7")])
    second = frames.prove(make.identity, head, [body])[0]
    before = insider.target.rejects()["equivocation"]
    insider.raw([make.message(first), make.message(second)])
    # The other proxy brings the proof again.
    found = wait_for(3, lambda: insider.target.rejects()["equivocation"] > before, 5)
    insider.tap.check("two_frames_of_one_sequence: equivocation", found)
    told = wait_for(5, lambda: left_out(insider, "equivocation"), 10)
    insider.tap.check("both_proxies_leave_it_out", told, *[p.member("proxy3") for p in insider.proxies])
    insider.still("equivocation")
    peer.stop()
    later = insider.peer = Peer(peer.identity, peer.place)
    later.addresses = peer.addresses
    later.start()
    insider.tap.check("a_fresh_incarnation_counts", wait_for(5, lambda: left_out(insider, None), 15))


def revocation(insider, mesh):
    """The authority revokes it: what it sends opens no more, and its cells are gone."""
    ctl = insider.target.ctl
    wait_for(5, lambda: insider.session is not None)
    subprocess.run([ctl, "mesh", "revoke", "proxy3", "--directory", mesh], check=True, stdout=subprocess.DEVNULL)
    insider.target.text("mesh", "push", os.path.join(mesh, "revocation.doc"))

    def gone():
        members = [p.member("proxy3") for p in insider.proxies]
        return all(m is None or (not m["up"] and not m["cells"]) for m in members)

    insider.tap.check("a_revoked_member_is_gone", wait_for(5, gone, 10), *[p.member("proxy3") for p in insider.proxies])
    before = insider.target.rejects()["revoked"]
    insider.raw([insider.sealed(insider.ping()) for _ in range(10)])
    more = wait_for(3, lambda: insider.target.rejects()["revoked"] >= before + 10, 2)
    insider.tap.check("its_datagrams: revoked", more, insider.target.rejects())


def run(insider, mesh):
    """All of them."""
    ahead(insider)
    insider.still("ahead")
    invented(insider)
    insider.still("invented", 2)
    equivocation(insider)
    insider.still("quarantine")
    revocation(insider, mesh)
    insider.still("revocation")
