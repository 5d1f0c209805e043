# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Cells of the peer's own, of every kind, shown by both proxies and part of every M."""

import compare
import ledger
from bed import wait_for
from ledger import Key, to_bytes
from peer import Peer

OWN = (
    (Key.pair("198.18.5.7", "192.0.2.10"), 41),
    (Key.pair("198.18.9.1", "192.0.2.20"), 100_000),
    (Key.pair("2001:db8:b::", "2001:db8:f::20"), 17),
    (Key(ledger.DESTINATION, b"", to_bytes("192.0.2.20")), 100_041),
    (Key(ledger.DESTINATION, b"", to_bytes("2001:db8:f::20")), 17),
    (Key(ledger.CLIENT, to_bytes("198.18.9.1"), b""), 100_000),
    (Key(ledger.CLIENT, to_bytes("2001:db8:b::"), b""), 170),
    (Key(ledger.NETWORK, b"", to_bytes("192.0.2.0")), 100_041),
    (Key(ledger.NETWORK, b"", to_bytes("2001:db8:f::")), 1700),
)

ANSWERED = Key.pair("198.18.9.4", "192.0.2.20")
ANSWERED_ALONE = Key.pair("198.18.9.5", "192.0.2.20")


def cells_of(proxy, key):
    """How many packets a proxy shows of the peer for a pair, over all slots."""
    client, destination = (ledger.ipaddress.ip_address(a) for a in (key.client, key.destination))
    rows = proxy.ask("explain", str(client), str(destination))["pair_cells"]
    return sum(row["packets"] for row in rows if row["member"] == "proxy3")


def answers_of(proxy, key):
    """The packets and answers that a proxy shows of the peer for a pair, and whether any answer was of TCP."""
    client, destination = (ledger.ipaddress.ip_address(a) for a in (key.client, key.destination))
    rows = [r for r in proxy.ask("explain", str(client), str(destination))["pair_cells"] if r["member"] == "proxy3"]
    return tuple(sum(r[name] for r in rows) for name in ("packets", "answers")) + (any(r["answers_tcp"] for r in rows),)


def shown(proxies, pairs):
    """Whether every proxy shows these pairs' packets."""
    return all(cells_of(proxy, key) == packets for proxy in proxies for key, packets in pairs)


def own_cells(tap, proxies, peer):
    """Cells are shown, grow, and are told late."""
    slot = peer.slot
    for key, packets in OWN:
        peer.count(key, packets, slot)
    for back in range(ledger.SLOTS_HELD):  # ages in every slot, until halves of a ns are rounded
        peer.count(Key.pair("198.18.9.3", "192.0.2.20"), 64 + back, slot - back, 3 * back + 1, 200)
    peer.count(ANSWERED, 70, slot, extras=(2 * 60 + 1,))
    peer.count(ANSWERED_ALONE, 0, slot, 0, 0, extras=(2 * 5,))
    peer.count(Key(ledger.CLIENT, to_bytes("198.18.9.4"), b""), 90, slot, extras=(3, 8))
    pairs = [own for own in OWN if own[0].kind == ledger.PAIR]
    tap.check("cells_of_the_peer_are_shown", wait_for(5, lambda: shown(proxies, pairs)), peer.refusals)
    seen = [answers_of(proxy, key) for proxy in proxies for key in (ANSWERED, ANSWERED_ALONE)]
    tap.check("answers_of_the_peer_are_shown", seen == 2 * [(70, 60, True), (0, 5, False)], seen)
    verdicts = [proxy.ask("explain", "198.18.9.1", "192.0.2.20")["verdict"] for proxy in proxies]
    tap.check("its_claim_is_judged", all(v["pair_over"] for v in verdicts), verdicts)
    grown = [(key, packets + 9) for key, packets in pairs]
    for key, packets in grown:
        peer.count(key, packets, slot)
    tap.check("they_grow", wait_for(5, lambda: shown(proxies, grown)))
    before = sum(proxy.status()["frames_repaired"] for proxy in proxies)
    peer.keep_back = True
    kept = Key.pair("198.18.9.2", "192.0.2.20")
    peer.count(kept, 33)
    wait_for(5, lambda: not peer.keep_back)
    tap.check("a_frame_kept_back_is_asked_for", wait_for(5, lambda: shown(proxies, [(kept, 33)])))
    after = sum(proxy.status()["frames_repaired"] for proxy in proxies)
    tap.check("and_counts_as_repaired", after > before, before, after)


def beyond_the_line(tap, proxies, peer, throwers):
    """Claims beyond the certified line count in proportion, at the proxies as at the peer."""
    for i in range(1, 31):
        peer.count(Key.pair(f"198.18.10.{i}", "192.0.2.21"), i * 10_000_000)
    for i in range(1, 11):  # beside what the proxies counted
        peer.count(Key.pair(f"198.18.8.{i}", "192.0.2.12"), i * i)

    peer.count(Key.pair("198.18.10.99", "192.0.2.21"), 1)  # counts as nothing
    throwers.throw(1, "192.0.2.12", "198.18.8.1", 10, 3, 100)
    throwers.wait()

    def noticed():
        return all(any("line_rate" in e and "proxy3" in e for e in proxy.events()) for proxy in proxies)

    tap.check("claims_beyond_the_line_are_noticed", wait_for(10, noticed), *proxies[0].events()[-3:])
    counts = [proxy.ask("explain", "198.18.10.30", "192.0.2.21")["pair"]["count"] for proxy in proxies]
    tap.check("they_count_as_less", all(0 < c < 30 * 10_000_000 for c in counts), counts)


def again(tap, proxies, peer):
    """The peer starts anew and greets nobody: the proxies greet it, and it is given what it lacks."""
    peer.stop()
    later = Peer(peer.identity, peer.place, peer.incarnation, peer.boot + 1)
    later.start()
    greeted = wait_for(10, lambda: later.greeter.answered >= 1 and len(later.greeter.sessions) == 2)
    tap.check("the_proxies_greet_it", greeted, later.refusals)
    later.addresses = peer.addresses

    def is_shown():
        return all(proxy.member("proxy3")["boot"] == later.boot for proxy in proxies)

    tap.check("a_later_start_takes_its_place", wait_for(10, is_shown), later.refusals)

    def knows():
        return len(later.highest) >= 2 and compare.told(proxies, later)

    tap.check("it_asks_for_what_it_lacks", wait_for(10, knows), later.highest)
    return later


def run(tap, proxies, peer, throwers):
    """All of it. Returns the peer in its later start."""
    own_cells(tap, proxies, peer)
    compare.agree(tap, proxies, peer, 30)
    beyond_the_line(tap, proxies, peer, throwers)
    compare.agree(tap, proxies, peer, 30)
    return again(tap, proxies, peer)
