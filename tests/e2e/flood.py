#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Sends UDP packets through several proxies in turn, evenly at a rate: packet by packet the next client, the next
destination and the next proxy. Each word WHAT is a stream of its own, all at once:

    flood.py PROXIES SECONDS WHAT...        WHAT: PER_SECOND,CLIENT,CLIENTS,DESTINATION,DESTINATIONS[,STRIDE]

Interfaces to1 ... toN; proxy i has the MAC address 02:00:00:00:01:i. CLIENTS are counted up from CLIENT (in IPv6 each
has a /64), DESTINATIONS by STRIDE, 1 if not told, from DESTINATION; 0 DESTINATIONS: each packet has a new one. What a
late process could not send in time is not made up for, so no second has more than the rate. Prints packets by stream.
"""
import ipaddress
import socket
import sys
import time

from throw import client_at, frame, send

LATE_S = 0.05  # more than this behind: the rest is left out


class Stream:
    def __init__(self, text):
        rate, client, clients, destination, destinations, *stride = text.split(",")
        self.rate, self.clients, self.destinations = float(rate), int(clients), int(destinations)
        self.client, self.destination = ipaddress.ip_address(client), ipaddress.ip_address(destination)
        self.stride = int(stride[0]) if stride else 1
        self.number = 0
        self.due = 0.0
        self.known = {}

    def packet(self, proxies):
        client = self.number % self.clients
        step = self.number % self.destinations if self.destinations else self.number
        proxy = self.number % proxies
        self.number += 1
        if (client, step, proxy) in self.known:
            return proxy, self.known[client, step, proxy]
        packet = frame(
            f"02:00:00:00:01:{proxy + 1:02x}",
            client_at(self.client, client),
            self.destination + step * self.stride,
            client,
        )
        if self.destinations:
            self.known[client, step, proxy] = packet
        return proxy, packet


def main():
    proxies, seconds = int(sys.argv[1]), float(sys.argv[2])
    streams = [Stream(text) for text in sys.argv[3:]]
    places = []
    for i in range(proxies):
        places.append(socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
        places[i].bind((f"to{i + 1}", 0))
    began = last = time.monotonic()
    while last < began + seconds:
        now = time.monotonic()
        for stream in streams:
            stream.due = min(stream.due + stream.rate * (now - last), max(1, stream.rate * LATE_S))
            while stream.due >= 1:
                proxy, packet = stream.packet(proxies)
                send(places[proxy], packet)
                stream.due -= 1
        last = now
        time.sleep(0.001)
    print(" ".join(str(stream.number) for stream in streams))


main()
