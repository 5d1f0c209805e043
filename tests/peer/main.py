#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The tests of this folder, in order: main.py STATE NAME [overload], from tests/extra/peer.sh, in the namespace of
proxy3."""

import os
import sys

import attack_claims
import attack_datagrams
import attack_ends
import attack_frames
import compare
import overload
import publish
from bed import Proxy, Tap, Throwers
from insider import Insider


def everything(tap, proxies, peer, throwers, mesh):
    """All but what runs on request. Returns the insider."""
    compare.run(tap, proxies, peer, throwers)
    peer = publish.run(tap, proxies, peer, throwers)
    compare.agree(tap, proxies, peer, 30)
    insider = Insider(tap, proxies, peer, throwers)
    insider.begin()
    for attacks in (attack_datagrams, attack_frames, attack_claims):
        attacks.run(insider)
    attack_ends.run(insider, mesh)
    return insider


def spoke(log):
    """Whether a sanitizer wrote into a daemon's log."""
    with open(log, encoding="utf-8", errors="replace") as file:
        text = file.read()
    return "Sanitizer" in text or "runtime error" in text


def main():
    """Runs them all."""
    state, name = sys.argv[1:3]
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    tap, throwers = Tap(), Throwers(root, f"{name}-clients")
    proxies = [Proxy(state, i, f"10.3.0.{i}") for i in (1, 2)]
    try:
        peer = compare.joined(tap, proxies, f"{state}/mesh/proxy3", ("10.3.0.3", 7946))
        if sys.argv[3:] == ["overload"]:
            insider = Insider(tap, proxies, peer, throwers)
            insider.begin()
            overload.run(insider)
        else:
            insider = everything(tap, proxies, peer, throwers, f"{state}/mesh")
        insider.peer.stop()
        tap.check("no_sanitizer_spoke", not any(spoke(f"{state}/{proxy.name}.log") for proxy in proxies))
    finally:
        throwers.stop()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
