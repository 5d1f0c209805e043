# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Answers about what monitor mode watched: who spoke to whom, and how fast."""

from records import Bucket, Learnt, Shadow, Top, Watch, address, rows

S = 1_000_000_000


def learnt(client, destination, peak, looks, more=0, bits=128):
    return Learnt(address(client), address(destination), bits, peak, looks, more)


LEARNT = [
    learnt("10.1.2.9", "198.51.100.7", 8, 1700),
    learnt("10.1.2.3", "192.0.2.53", 1, 4),
    learnt("10.1.2.3", "198.51.100.7", 75, 1799),
    learnt("2001:db8:1:2::", "2001:db8:9::1", 0, 1, bits=64),
    *(learnt("10.1.2.4", f"203.0.113.{i}", 1, 1, more=1) for i in range(32)),
]
MANY_LEARNT = [
    *(learnt(f"10.{i // 250}.{i % 250}.1", f"203.0.113.{i % 3}", i, 1) for i in range(0, 4000, 20)),
    learnt("10.1.7.7", "203.0.113.9", 1, 1, more=1),
]
TOO_MANY_LEARNT = [learnt(f"10.{i}.0.1", "203.0.113.1", i, 1) for i in range(200)]


MARK = "::fffd:0:0"  # the client of a network's key


def top(kind, client, destination, rate, bits=128):
    return Top(address(client), address(destination), rate, kind, bits)


# Kinds: 0 pairs, 1 destinations, 2 clients, 3 networks. Bucket b ends at 2 ** (b / 8 - 4).
BUCKETS = [
    *(Bucket(0, 32 + 8 * i, 1000 // 2**i) for i in range(8)),
    Bucket(1, 64, 99),
    Bucket(1, 120, 1),
    Bucket(3, 32, 5),
]
TOPS = [
    top(0, "10.1.2.9", "198.51.100.7", 99.5),
    top(0, "10.1.2.3", "198.51.100.7", 120.0),
    top(0, "2001:db8:1:2::", "2001:db8:9::1", 64.0, bits=64),
    top(1, None, "198.51.100.7", 1900.25),
    top(1, None, "203.0.113.9", 15.0),
    top(3, MARK, "198.51.100.0", 1.0),
]


def shadows(now):
    counts = [(2, 31, 12345.5), (0, 0, 0.0), (1, 4, 40.0), (0, 1, 0.25)]
    return [Shadow(now - 3600 * S, kind, 7, *counts[kind]) for kind in range(4)]


def answers(status, clients, now):
    """status: makes a Status; clients: what of it says where clients are; now: mesh time in ns."""
    watch = Watch(now - 7200 * S, now - S, 1800, 0, 1, 4)
    cut = Watch(now - 2 * 86400 * S, now - S, 43200, 12, 0, 4096)
    return {
        "rates": rows(status(), watch, *BUCKETS, *TOPS),
        "rates_none": rows(status(), cut),
        "rates_never": rows(status(), Watch()),
        "learnt": rows(status(idle_reset_ms=10000, policy_flags=0x0D, **clients), watch, *LEARNT),
        "learnt_of_nobody": rows(status(idle_reset_ms=10000), watch, *LEARNT),
        "learnt_cut": rows(status(idle_reset_ms=10000, policy_rules=0, **clients), cut, *MANY_LEARNT),
        "learnt_joined": rows(status(idle_reset_ms=10000, policy_rules=0, **clients), watch, *MANY_LEARNT),
        "learnt_too_many": rows(status(idle_reset_ms=10000, **clients), watch, *TOO_MANY_LEARNT),
        "learnt_none": rows(status(idle_reset_ms=10000, **clients), watch),
        "learnt_never": rows(status(idle_reset_ms=10000, **clients), Watch()),
    }
