#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Throws a known number of UDP packets at one proxy, as its clients' network would deliver them: Ethernet
frames on one interface.

    throw.py INTERFACE MAC DESTINATION FIRST_CLIENT CLIENTS ROUNDS [PAUSE_MS [ADDRESSES]]

Each round sends one packet from each of CLIENTS clients, counted up from FIRST_CLIENT (IPv4 or IPv6, like
DESTINATION; in IPv6 each has a /64). A client sends from ADDRESSES addresses in turn, counted up from its first.
Prints how many left.
"""
import ipaddress
import socket
import struct
import sys
import time


def frame(mac, client, destination, number):
    ethernet = bytes.fromhex(mac.replace(":", "")) + b"\x02\0\0\0\0\xfe"
    udp = struct.pack("!HHHH", 1024 + number % 60000, 9, 12, 0) + b"xpro"
    if destination.version == 6:
        return (
            ethernet
            + b"\x86\xdd"
            + struct.pack("!IHBB", 6 << 28, len(udp), 17, 64)
            + client.packed
            + destination.packed
            + udp
        )
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0x4000, 64, 17, 0, client.packed, destination.packed)
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    head = head[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + head[12:]
    return ethernet + b"\x08\0" + head + udp


def client_at(first, number):
    """The first address of a client."""
    return first + (number << 64 if first.version == 6 else number)


def send(place, packet):
    while True:
        try:
            return place.send(packet)
        except OSError as problem:
            if problem.errno != 105:  # ENOBUFS: the queue is full, not the road closed
                raise
            time.sleep(0.001)


def main():
    interface, mac, destination, first, clients, rounds = sys.argv[1:7]
    pause = float(sys.argv[7]) / 1000 if len(sys.argv) > 7 else 0.1
    addresses = int(sys.argv[8]) if len(sys.argv) > 8 else 1
    destination, first = ipaddress.ip_address(destination), ipaddress.ip_address(first)
    place = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    place.bind((interface, 0))
    frames = [
        [frame(mac, client_at(first, i) + a, destination, i) for i in range(int(clients))] for a in range(addresses)
    ]
    for turn in range(int(rounds)):
        if turn:
            time.sleep(pause)
        for packet in frames[turn % addresses]:
            send(place, packet)
    print(int(clients) * int(rounds))


if __name__ == "__main__":
    main()
