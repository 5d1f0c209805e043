# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Well-formed lies of a member: what is signed, sealed and in order, and wrong (PROTOCOL, Order of checks 8 to 13,
Member records, Failure detection, Documents, Replay, Ledger)."""

import os
import struct
import time

import frames
import hello
import keys
import session as se
from attack_frames import Maker
from bed import wait_for
from identity import Identity
from insider import BOT, HONEST, VICTIM
from ledger import CLIENT, NETWORK, Key

CANARY = "198.18.22.1"  # in never_drop of the configurations
NEWS, GET, CHUNK, PING_REQ, LINK, IHAVE, PRUNE, SUMMARY = 4, 5, 6, 14, 15, 16, 17, 18


def publish(insider, groups, kind=frames.TICK, **change):
    """A frame that is kept as published. Returns it."""
    make = Maker(insider)
    with insider.peer.lock:
        head = make.head(kind=kind, **change)
        body = frames.body_of(head, insider.peer.next_sequence(), groups)
        data = frames.prove(make.identity, head, [body])[0]
        if head[1] == insider.peer.incarnation:
            insider.peer.keep(frames.read(data, insider.peer.greeter.certificates))
    return data


def slots(insider):
    """Frames that are taken, with cells that are not; and totals that shrink."""
    make, slot = Maker(insider), insider.peer.slot
    again = publish(insider, [make.group()])
    insider.row("a_frame_again", "frame_duplicate", [make.message(again), make.message(again)], 1)
    late = publish(insider, [make.group(slot=slot - 7)])
    insider.row("a_slot_that_is_forgotten", "slot", [make.message(late)])
    ahead = publish(insider, [make.group(slot=slot + 3)])
    insider.row("a_slot_two_ahead", "slot", [make.message(ahead)])
    absurd = publish(insider, [make.group(slot=(1 << 63))])
    insider.row("a_slot_of_never", "slot", [make.message(absurd)])
    name = Key.pair("198.18.30.2", VICTIM).client
    grown = publish(insider, [make.group(names=name, packets=b"\x7f")])
    less = publish(insider, [make.group(names=name, packets=b"\x01")])
    insider.row("a_total_that_shrinks", "shrunk", [make.message(grown), make.message(less)], 1)
    seen = insider.target.ask("explain", "198.18.30.2", "192.0.2.40")["pair_cells"]
    insider.tap.check("and_stays_as_it_was", [cell["packets"] for cell in seen] == [127], seen)
    wait_for(8, lambda: se.mesh_time() % insider.peer.slot_ns < insider.peer.slot_ns // 2)
    old = [publish(insider, [make.group()], incarnation=insider.peer.incarnation - i) for i in (1, 2)]
    insider.row("two_older_incarnations_in_a_slot", "incarnation", [make.message(frame) for frame in old], 1)


def records(insider):
    """Member records that their member did not sign."""
    peer, other = insider.peer, insider.peer.to(insider.proxies[1].name)
    mine = peer.identity
    head = struct.pack("<BQH", se.RECORD, other.id, len(other.certificate.data)) + other.certificate.data
    newer = bytearray(other.record.data)
    newer[16] += 1
    insider.row("a_record_of_another_changed", "signature", [insider.sealed(head + bytes(newer))])
    leaves = bytearray(newer)
    leaves[40] |= 1
    insider.row("that_says_it_leaves", "signature", [insider.sealed(head + bytes(leaves))])
    session = (other.incarnation, other.boot + 1)
    forged = hello.write_record(mine, session, 1, 1, se.mesh_time(), peer.place)
    insider.row("signed_by_us", "signature", [insider.sealed(head + forged.data)])
    certificate = mine.certificate.data
    head = struct.pack("<BQH", se.RECORD, other.id, len(certificate)) + certificate
    insider.row("with_our_certificate", "certificate", [insider.sealed(head + peer.record.data)])
    stays = insider.target.member(insider.proxies[1].name)
    insider.tap.check("the_other_is_up", stays["state"] == "up" and stays["boot"] == other.boot, stays)


def lies(insider):
    """Well-formed gossip about who is down, what is held and who is a neighbour."""
    other = insider.peer.to(insider.proxies[1].name)
    version, most = other.boot << 40 | other.record.version, (1 << 64) - 1
    downs = b"".join(struct.pack("<QBQQ", other.id, state, other.incarnation, version) for state in (1, 2, 2, 2))
    yield insider.ping() + downs
    yield struct.pack("<BQQ", PING_REQ, 1, 99)
    yield bytes([LINK, 1])
    yield bytes([PRUNE, 0]) + struct.pack("<Q", other.id)
    yield bytes([SUMMARY]) + os.urandom(512)
    yield bytes([IHAVE]) + struct.pack("<Q", other.id) + b"\xff" * 8
    row = struct.pack("<QQQQQ", other.id, other.incarnation, most, 1, 1)
    rows = row + struct.pack("<QQQQQ", other.id, most, 1 << 40 | 5, 1, 1) + row
    yield struct.pack("<BQQQBQH", se.DIGEST, se.mesh_time(), 0, 0, 3, most, 3) + rows
    for incarnation in (0, other.incarnation, most):
        yield struct.pack("<BQQQ", se.REQUEST, other.id, incarnation, 1 << 40) + bytes(128)
    yield struct.pack("<BIQ", se.CATCH_UP, (1 << 32) - 1, 0)
    yield struct.pack("<BIQB", se.CAUGHT_UP, (1 << 32) - 1, most, 0)


def rumours(insider):
    """Lies by the dozen change nobody's state; numbers that cannot be are refused."""
    insider.row("lies_of_a_right_form", {}, [insider.sealed(lie) for _ in range(20) for lie in lies(insider)])

    def up():
        return all(p.member(q.name)["state"] in ("up", "self") for p in insider.proxies for q in insider.proxies)

    insider.tap.check("who_was_called_down_is_up", wait_for(10, up))
    wrong = [bytes([LINK, 9]), bytes([PRUNE, 7]) + bytes(8), bytes([GET, 9]) + bytes(24), bytes([GET, 0]) + bytes(24)]
    wrong.append(struct.pack("<BBQIH", CHUNK, 9, 9, 100, 0) + bytes(100))
    wrong.append(struct.pack("<BQQQ", se.REQUEST, 1, 1, (1 << 64) - 5) + bytes(128))
    insider.row("numbers_that_mean_nothing", "message", [insider.sealed(m) for m in wrong])


def sign_document(identity, mesh_id, kind, serial, content):
    """A document of the peer's own."""
    body = frames.msgpack.packb([1, mesh_id, kind, serial, content])
    return body + identity.sign(b"xpro-mesh document v1" + keys.blake(body))


def documents(insider):
    """Documents that the authority did not sign, announced and served when they are asked for."""
    identity, mesh_id = insider.peer.identity, insider.peer.identity.certificate.mesh_id
    part = struct.pack("<BBQIH", CHUNK, 3, 9, 100, 0) + bytes(100)
    insider.row("a_part_nobody_asked_for", "chunk", [insider.sealed(part)])
    false = {
        1: ("mesh", sign_document(identity, bytes(16), 1, 9, b"\x90")),
        2: ("document", os.urandom(200)),
        3: ("authority", sign_document(identity, mesh_id, 3, 9, b"\x90")),
    }
    for kind, (reason, data) in false.items():
        rows = [struct.pack("<QI", 9, len(data)) + keys.blake(data) if k == kind else bytes(44) for k in (1, 2, 3)]
        part = struct.pack("<BBQIH", CHUNK, kind, 9, len(data), 0) + data
        asked = []
        insider.peer.hooks[GET] = lambda _, rest, seen=asked: seen.append(rest[0])
        before = insider.target.rejects()[reason]
        insider.raw([insider.sealed(bytes([NEWS]) + b"".join(rows))])
        insider.tap.check(f"document_{kind}: it_is_asked_for", wait_for(3, lambda k=kind, a=asked: k in a, 5))
        insider.raw([insider.sealed(part)])

        def refused(name=reason, count=before):
            return insider.target.rejects()[name] > count

        insider.tap.check(f"document_{kind}: {reason}", wait_for(3, refused, 5), insider.target.rejects())
    del insider.peer.hooks[GET]


def canary(insider):
    """A trusted client that we claim is over its rate: it passes, and the event names us."""
    insider.peer.count(Key.pair(CANARY, VICTIM), 100_000)

    def told():
        return any(CANARY in e and "never_drop" in e and "proxy3" in e for e in insider.target.events())

    insider.tap.check("a_canary_sings", wait_for(5, told, 5), *insider.target.events()[-3:])
    answer = insider.target.ask("explain", CANARY, VICTIM)["verdict"]["verdict"]
    insider.tap.check("and_passes", "drop" not in answer.replace("never_drop", ""), answer)


def pairs_of_one(insider):
    """Two thousand pairs of an honest client, each over its rate: its quota of pairs is its own."""
    for i in range(2000):
        insider.peer.count(Key.pair(HONEST, f"203.0.{i // 250}.{i % 250 + 1}"), 1000)
    wait_for(5, lambda: insider.target.member("proxy3")["keys"] >= 2000)
    status = insider.target.ask("status")
    quota = next(r["packets"] for r in status["reasons"] if r["name"] == "client_quota")
    full = status["status"]["clients_full"]
    insider.tap.check("a_clients_quota_is_its_own", quota == 0 and full == 0, quota, full)


def limits(insider):
    """More clients and networks over their rates than there are limits: who sends here keeps its own."""

    def limited():
        return all(proxy.ask("explain", BOT, VICTIM)["client"]["limited"] for proxy in insider.proxies)

    insider.tap.check("a_client_over_its_rate_is_limited", wait_for(10, limited))
    for i in range(5000):
        insider.peer.count(Key(CLIENT, struct.pack(">I", 0x0C000000 + i), b""), 1000)
        insider.peer.count(Key(NETWORK, b"", struct.pack(">I", 0x0D000000 + 256 * i)), 100_000)

    def known():
        return len(insider.target.ask("clients", "--over")["clients"]) >= 5000

    insider.tap.check("invented_clients_are_over", wait_for(5, known), insider.target.member("proxy3"))
    time.sleep(4 * insider.peer.tick_ns / 1e9)
    insider.tap.check("and_the_client_is_limited_still", limited())


def run(insider):
    """All of them."""
    for group in (slots, records, rumours, documents, canary, pairs_of_one, limits):
        group(insider)
        insider.still(group.__name__)
