#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Counts what arrives in this namespace of throw.py's and flood.py's packets, by the kernel's time stamps, until
SIGTERM. Then prints for each prefix, as JSON, how many packets to it came and the most within any ten seconds.

    arrivals.py PREFIX...        the first line, "ready", is printed when it hears
"""
import ipaddress
import json
import select
import signal
import socket
import struct
import sys

SO_TIMESTAMPNS = 35
SO_RCVBUFFORCE = 33
ETH_P_ALL = 3
WINDOW_NS = 10 * 1000000000


def destination_of(packet):
    """None: not one of theirs."""
    if not packet.endswith(b"xpro"):
        return None
    if packet[0] >> 4 == 4:
        return ipaddress.ip_address(packet[16:20])
    return ipaddress.ip_address(packet[24:40]) if packet[0] >> 4 == 6 else None


def most_in_window(times):
    most = first = 0
    for last, at in enumerate(times):
        while times[first] <= at - WINDOW_NS:
            first += 1
        most = max(most, last - first + 1)
    return most


def main():
    prefixes = [ipaddress.ip_network(text) for text in sys.argv[1:]]
    times = {prefix: [] for prefix in prefixes}
    over, other_end = socket.socketpair()
    signal.signal(signal.SIGTERM, lambda number, stack: other_end.send(b"x"))
    place = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    place.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
    place.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    print("ready", flush=True)
    while over not in select.select([place, over], [], [])[0]:
        packet, ancillary, _, _ = place.recvmsg(2048, 128)
        destination = destination_of(packet)
        if destination is None:
            continue
        seconds, ns = struct.unpack("ll", ancillary[0][2][:16])
        for prefix in prefixes:
            if destination in prefix:
                times[prefix].append(seconds * 1000000000 + ns)
    print(json.dumps({str(p): {"packets": len(t), "most": most_in_window(sorted(t))} for p, t in times.items()}))


main()
