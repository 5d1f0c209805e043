# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Answers about what monitor mode watched: who spoke to whom."""

from records import Learnt, Watch, address, rows

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


def answers(status, clients, now):
    """status: makes a Status; clients: what of it says where clients are; now: mesh time in ns."""
    watch = Watch(now - 7200 * S, now - S, 1800, 0, 1, 4)
    cut = Watch(now - 2 * 86400 * S, now - S, 43200, 12, 0, 4096)
    return {
        "learnt": rows(status(idle_reset_ms=10000, policy_flags=0x0D, **clients), watch, *LEARNT),
        "learnt_of_nobody": rows(status(idle_reset_ms=10000), watch, *LEARNT),
        "learnt_cut": rows(status(idle_reset_ms=10000, policy_rules=0, **clients), cut, *MANY_LEARNT),
        "learnt_joined": rows(status(idle_reset_ms=10000, policy_rules=0, **clients), watch, *MANY_LEARNT),
        "learnt_too_many": rows(status(idle_reset_ms=10000, **clients), watch, *TOO_MANY_LEARNT),
        "learnt_none": rows(status(idle_reset_ms=10000, **clients), watch),
        "learnt_never": rows(status(idle_reset_ms=10000, **clients), Watch()),
    }
