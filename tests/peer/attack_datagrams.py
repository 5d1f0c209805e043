# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Bad datagrams, HELLOs and messages of a member (PROTOCOL, Datagrams, Handshake, Order of checks 1 to 6)."""

import os
import struct

import hello
import keys
import seal
import session as se
from identity import Identity


def flipped(datagram, bit):
    """With one bit changed."""
    out = bytearray(datagram)
    out[bit // 8] ^= 1 << bit % 8
    return bytes(out)


def headers(insider):
    """Before the seal is tried."""
    ping, me = insider.ping(), insider.peer.identity.certificate.id
    random = insider.peer.greeter.random
    insider.row("too_short", "size", [b"X" * n for n in (0, 1, 36, 52)])
    insider.row("too_long", "size", [insider.sealed(bytes(1401))])
    insider.row("other_magic", "version", [b"YM" + insider.sealed(ping)[2:]])
    insider.row("another_type", "version", [insider.resealed(seal.header(3, me, 1, random), ping)])
    insider.row("another_version", "other_version", [insider.resealed(seal.header(2, me, 1, random, 1), ping)])
    itself = seal.header(2, insider.session.id, 1, random)
    insider.row("sender_is_the_receiver", "self", [insider.resealed(itself, ping)])
    insider.row("sender_unknown", "sender", [insider.resealed(seal.header(2, 12345, 1, random), ping)])


def seals(insider):
    """Seals that do not open, and counters that came before."""
    peer, ping = insider.peer, insider.ping()
    good = insider.sealed(ping)
    bits = [flipped(good, bit) for bit in range(8 * len(good))]
    insider.row("every_bit", {"version": 24, "other_version": 8, "sender": 64, "seal": 8 * (len(good) - 12)}, bits)
    insider.row("cut", {"size": 53, "seal": len(good) - 53}, [good[:n] for n in range(len(good))])
    insider.row("longer", "seal", [good + bytes(n) for n in range(1, 65)])
    insider.row("an_older_start_of_ours", "seal", [insider.sealed(ping, own=(peer.incarnation, peer.boot - 1))])
    insider.row("an_older_table_of_ours", "seal", [insider.sealed(ping, own=(peer.incarnation - 1, peer.boot))])
    other = peer.to(insider.proxies[1].name)
    insider.row("sealed_for_another", "seal", [insider.sealed(ping, session=other)])
    insider.row("repeated", "replay", [good, good, good], 2)
    insider.row("counters_that_never_are", "replay", [insider.sealed(ping, c) for c in (0, (1 << 64) - 1)])
    with peer.lock:
        insider.session.counter += 4000
        top = insider.session.counter
    edge = [insider.sealed(ping, top), insider.sealed(ping, top - 2047), insider.sealed(ping, top - 2048)]
    insider.row("the_edge_of_the_window", "replay", edge, 1)


def hellos(insider):
    """Handshakes with something wrong."""
    peer, identity = insider.peer, insider.peer.identity
    good = insider.greet()
    me = identity.certificate
    insider.row("hello_of_another_length", "size", [good[:-1], good + b"\0"])
    plain = bytes(hello.PLAIN_BYTES)
    sealed = seal.seal(bytes(32), good[:36], me.mesh_id + bytes(48), plain)
    insider.row("hello_under_another_secret", "seal", [sealed])
    elsewhere = peer.to(insider.proxies[1].name).id
    insider.row("that_names_another_receiver", "seal", [insider.greet({"receiver": elsewhere})])
    insider.row("of_no_stage", "message", [insider.greet({"stage": 9})])
    insider.row("no_cookie", "cookie", [insider.greet({"cookie": bytes(16)})])
    insider.row("an_older_session", "stale_session", [insider.greet({"incarnation": peer.incarnation - 1})])
    insider.row("an_older_hello", "replay", [insider.greet(counter=1)])
    other = Identity(me, keys.key_pair(os.urandom(32))[1], identity.secret)
    insider.row("signed_by_another_key", "signature", [insider.greet(identity=other)])
    stolen = peer.to(insider.proxies[1].name).certificate.data
    insider.row("with_the_certificate_of_another", "certificate", [insider.greet(certificate=stolen)])
    changed = flipped(me.data, 8 * len(me.data) - 80)
    insider.row("a_certificate_with_a_bit_changed", "certificate", [insider.greet(certificate=changed)])
    insider.row("a_certificate_of_another_mesh", "mesh", [insider.greet(certificate=flipped(me.data, 50))])
    insider.row("a_cookie_nobody_asked_for", "cookie", [insider.greet({"stage": hello.COOKIE, "certificate": b""})])
    insider.row("a_welcome_nobody_asked_for", "cookie", [insider.greet({"stage": hello.WELCOME})])


def fixed_messages():
    """Messages of one length each: (type, bytes behind the type)."""
    return (
        (se.REQUEST, 152),
        (4, 132),
        (5, 25),
        (se.RECORD_REQUEST, 8),
        (14, 16),
        (15, 1),
        (18, 512),
        (se.CATCH_UP, 12),
        (se.CAUGHT_UP, 13),
    )


def messages(insider):
    """Messages that are none, and of wrong lengths."""
    unknown = [bytes([kind]) + bytes(20) for kind in (0, 7, 8, 9, 22, 63, 128, 255)]
    insider.row("unknown_types", "message", [insider.sealed(m) for m in unknown])
    wrong = [bytes([kind]) + bytes(size + more) for kind, size in fixed_messages() for more in (-1, 1)]
    insider.row("wrong_lengths", "message", [insider.sealed(m) for m in wrong])
    ping = insider.ping()
    insider.row("a_rumour_cut", "message", [insider.sealed(ping + bytes(24)), insider.sealed(ping + bytes(9 * 25))])
    digest = struct.pack("<BQQQBQH", se.DIGEST, 1, 0, 0, 0, 0, 2) + bytes(40)
    insider.row("a_digest_of_more_rows_than_it_has", "message", [insider.sealed(digest)])
    record = bytes(peer_record(insider))
    lying = record[:9] + struct.pack("<H", 65535) + record[11:]
    insider.row("a_record_that_lies_about_its_length", "message", [insider.sealed(lying)])


def peer_record(insider):
    """The RECORD of the peer."""
    peer = insider.peer
    return peer.record_message(peer.identity.certificate, peer.record)


def run(insider):
    """All of them."""
    for group in (headers, seals, hellos, messages):
        group(insider)
        insider.still(group.__name__)
