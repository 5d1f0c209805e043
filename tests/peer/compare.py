# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A real mesh and the peer hold the same cells, and the same M of every key."""

import collections
import ipaddress
import time

import ledger
import replay
from bed import wait_for
from identity import read_identity
from ledger import Key
from peer import Peer

# proxy, destination, first client, clients, rounds, pause in ms
TRAFFIC = (
    (1, "192.0.2.10", "198.18.5.1", 120, 36, 300),
    (2, "192.0.2.10", "198.18.5.1", 120, 24, 450),
    (1, "192.0.2.11", "198.18.6.1", 80, 20, 500),
    (2, "198.51.100.9", "198.18.7.1", 80, 60, 170),
    (1, "2001:db8:f::9", "2001:db8:a::1", 60, 22, 480),
    (2, "2001:db8:f::9", "2001:db8:a::1", 60, 30, 330),
    (1, "192.0.2.12", "198.18.8.1", 10, 150, 70),
    (2, "192.0.2.12", "198.18.8.1", 10, 100, 105),
)


def joined(tap, proxies, folder, place):
    """The peer, once both proxies show it up."""
    peer = Peer(read_identity(folder), place)
    peer.addresses = [proxy.address for proxy in proxies]
    peer.start()

    def is_up():
        return all((proxy.member("proxy3") or {}).get("state") == "up" for proxy in proxies)

    for proxy in proxies:
        tap.check(f"the_handshake_with_{proxy.name}_ends", wait_for(5, lambda: peer.to(proxy.name) is not None))
    tap.check("both_show_the_peer_up", wait_for(10, is_up), *[p.member("proxy3") for p in proxies], peer.refusals)
    return peer


def key_of(kind, row):
    """The key of a row of gossipctl."""
    if kind == ledger.PAIR:
        return Key(kind, address_of(row["client"]), address_of(row["destination"]))
    if kind == ledger.CLIENT:
        return Key(kind, address_of(row["client"]), b"")
    return Key(kind, b"", address_of(row["destination" if kind == ledger.DESTINATION else "network"]))


def address_of(text):
    """The first address of a prefix."""
    return ipaddress.ip_network(text).network_address.packed


class Comparison:
    """What the peer works out of its ledger, beside what a proxy says."""

    def __init__(self, peer, idle_reset_ms):
        self.peer, self.mesh = peer, replay.mesh_of(peer.identity.certificate, idle_reset_ms)
        self.names = {c.name: c.id for c in peer.greeter.certificates.values()}
        self.rates = {c.id: c.line_rate for c in peer.greeter.certificates.values()}
        self.compared, self.differ = collections.Counter(), []

    def lines(self, slot):
        """The certified lines in the slots held."""
        with self.peer.lock:
            return replay.Lines(self.peer.ledger, self.mesh, self.rates, slot)

    def own_m(self, key, slot, lines):
        """The peer's M."""
        with self.peer.lock:
            own = replay.replay(self.mesh, key.kind, self.peer.ledger.held(key, slot), lines)
        return own or (0, 0, 0)

    def compare_m(self, what, key, slot, row, lines):
        """M = (ts1, ts2, c)."""
        own, theirs = self.own_m(key, slot, lines), (row["ts1_ns"], row["ts2_ns"], row["count"])
        self.compared[what] += 1
        if own != theirs:
            self.differ.append(f"{what} {key}: the peer {own}, the proxy {theirs}")

    def compare_cells(self, what, key, slot, rows):
        """Cell by cell."""
        theirs = {
            (self.names[r["member"]], r["incarnation"], r["slot"]): (
                *(r["first_ns"], r["last_ns"], r["packets"]),
                (2 * r["answers"] + r["answers_tcp"],) if "answers" in r else (),
            )
            for r in rows
        }
        with self.peer.lock:
            held = self.peer.ledger.held(key, slot)
        own = {
            place: (replay.moment(self.mesh, place[2], c[0]), replay.moment(self.mesh, place[2], c[1]), *c[2:])
            for place, c in held.items()
        }
        self.compared[what] += len(theirs)
        for place in own.keys() | theirs.keys():
            if own.get(place) != theirs.get(place):
                self.differ.append(f"{what} {key} {place}: the peer {own.get(place)}, the proxy {theirs.get(place)}")

    def explained(self, proxy, client, destination):
        """What `explain` says of a pair and its destination."""
        answer = proxy.ask("explain", client, destination)
        slot = answer["verdict"]["now_ns"] // self.mesh.slot
        lines = self.lines(slot)
        for kind in (ledger.PAIR, ledger.DESTINATION):
            key = key_of(kind, answer[kind])
            self.compare_cells(f"cells of {kind}s", key, slot, answer[f"{kind}_cells"])
            if answer[kind]["held"]:
                self.compare_m(f"{kind}s explained", key, slot, answer[kind], lines)

    def listed(self, proxy, kind):
        """What the list of a kind says, asked for within one slot. Returns the keys."""
        while True:
            slot = proxy.status()["slot"]
            rows = proxy.ask(kind + "s")[kind + "s"]
            if proxy.status()["slot"] == slot:
                break
        lines, seen = self.lines(slot), set()
        for row in rows:
            key = key_of(kind, row)
            seen.add(key)
            self.compare_m(f"{kind}s listed", key, slot, row, lines)
        with self.peer.lock:
            own = {k for k in self.peer.ledger.cells if k.kind == kind and self.peer.ledger.held(k, slot)}
        self.differ += [f"{key}: held by the peer alone" for key in own - seen]
        return seen


def told(proxies, peer):
    """Whether nothing waits to be told, the peer lacks no frame, and nothing changes for a few ticks."""

    def state():
        with peer.lock:
            lacking = any(len(peer.store.get(place, ())) < top for place, top in peer.highest.items())
            cells = {key: dict(held) for key, held in peer.ledger.cells.items()}
        rows = [proxy.status() for proxy in proxies]
        waits = lacking or any(row["cells_waiting"] for row in rows)
        return waits, [row["ledger_digest"] for row in rows], cells

    before = state()
    time.sleep(4 * peer.tick_ns / 1e9)
    return not before[0] and before == state()


def agree(tap, proxies, peer, pairs):
    """Every list of both proxies, and so many pairs explained."""
    comparison = Comparison(peer, proxies[0].status()["idle_reset_ms"])
    for proxy in proxies:
        for kind in (ledger.PAIR, ledger.DESTINATION, ledger.CLIENT, ledger.NETWORK):
            seen = comparison.listed(proxy, kind)
            if kind == ledger.PAIR:
                for key in sorted(seen)[:: max(1, len(seen) // pairs)]:
                    addresses = (str(ipaddress.ip_address(a)) for a in (key.client, key.destination))
                    comparison.explained(proxy, *addresses)
    tap.note("compared: " + ", ".join(f"{n} {what}" for what, n in sorted(comparison.compared.items())))
    differ = comparison.differ
    tap.check("cells_and_M_are_equal", not differ, f"{len(differ)} differ:", *differ[:10])
    return comparison.compared


def run(tap, proxies, peer, throwers):
    """Known traffic through both proxies, then the comparison; again when slots have aged, and when silence ended."""
    for thrown in TRAFFIC:
        throwers.throw(*thrown)
    tap.check("packets_are_thrown", throwers.wait())
    silent = time.monotonic()
    tap.check("what_was_counted_is_told", wait_for(10, lambda: told(proxies, peer)), peer.refusals)
    compared = agree(tap, proxies, peer, 150)
    enough = {"pairs listed": 600, "pairs explained": 200, "clients listed": 100, "networks listed": 4}
    for what, least in enough.items():
        tap.check(f"enough_were_compared: {what}", compared[what] >= least, compared)
    time.sleep(max(0.0, silent + proxies[0].status()["idle_reset_ms"] / 1000 + 1 - time.monotonic()))
    for thrown in TRAFFIC[::2]:
        throwers.throw(*thrown[:4], 4, 100)
    tap.check("after_silence_more_are_thrown", throwers.wait())
    tap.check("and_told", wait_for(10, lambda: told(proxies, peer)), peer.refusals)
    agree(tap, proxies, peer, 30)
    # A proxy that has our record, and of whom we have none yet, seals to us in vain.
    refused = {name: count for name, count in peer.refusals.items() if name != "sender"}
    tap.check("the_peer_refused_nothing", not refused, refused)
