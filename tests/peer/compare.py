# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A real mesh and the peer hold the same cells, and the same M of every key."""

from bed import wait_for
from identity import read_identity
from peer import Peer


def joined(tap, proxies, folder, place):
    """The peer, once both proxies show it up."""
    peer = Peer(read_identity(folder), place)
    peer.addresses = [proxy.address for proxy in proxies]
    peer.start()

    def is_up():
        return all((proxy.member("proxy3") or {}).get("state") == "up" for proxy in proxies)

    for proxy in proxies:
        tap.check(f"the_handshake_with_{proxy.name}_ends", wait_for(5, lambda: peer.to(proxy.name) is not None))
    tap.check("both_show_the_peer_up", wait_for(10, is_up, 5), *[p.member("proxy3") for p in proxies], peer.refusals)
    return peer


def run(tap, proxies, peer, throwers):
    pass
