#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Scans through one proxy: each of CLIENTS clients, counted up from FIRST_CLIENT (in IPv6 each has a /64), sends
PACKETS packets, one if not told, to each of DESTINATIONS addresses of its own, counted up from FIRST_DESTINATION. IPv4
or IPv6.

    scan.py INTERFACE MAC FIRST_DESTINATION DESTINATIONS FIRST_CLIENT CLIENTS [PER_SECOND [PACKETS]]

Prints how many packets left, and when the first did, in ns since 1970. PER_SECOND of them do; 0 is as many as can.
"""
import ipaddress
import socket
import sys
import time

from throw import client_at, frame, send

BATCH = 100  # packets between two looks at the clock, at most: and no more than come in a twentieth of a second


def main():
    interface, mac, first_destination, destinations, first_client, clients = sys.argv[1:7]
    per_second = int(sys.argv[7]) if len(sys.argv) > 7 else 0
    packets = int(sys.argv[8]) if len(sys.argv) > 8 else 1
    first_destination, first_client = ipaddress.ip_address(first_destination), ipaddress.ip_address(first_client)
    destinations, clients = int(destinations), int(clients)
    place = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    place.bind((interface, 0))
    batch = max(1, min(BATCH, per_second // 20))
    began, began_ns = time.monotonic(), time.time_ns()
    sent = 0
    for step in range(destinations):  # all clients scan at once
        for client in range(clients):
            destination = first_destination + client * destinations + step
            for _ in range(packets):
                send(place, frame(mac, client_at(first_client, client), destination, client))
                sent += 1
                if per_second and sent % batch == 0:
                    time.sleep(max(0, began + sent / per_second - time.monotonic()))
    print(sent, began_ns)


main()
