# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a peer knows of another member, and the datagrams between them (PROTOCOL, Datagrams, Handshake)."""

import os
import struct
import time

import hello
import keys
import seal
from identity import Refused, read_certificate

DIGEST, REQUEST, RECORD, RECORD_REQUEST, PING, PONG, SERVED = 2, 3, 10, 11, 12, 13, 19
FRAME, CATCH_UP, CAUGHT_UP, PIECE = 1, 20, 21, 64


def mesh_time():
    """UTC in ns."""
    return time.time_ns()


class Session:
    """Another member, in one of its starts."""

    def __init__(self, certificate, incarnation, boot, address, key):
        self.certificate, self.incarnation, self.boot = certificate, incarnation, boot
        self.address, self.key = address, key
        self.counter, self.window, self.record = 0, seal.AntiReplay(), None
        self.sent_of_digest, self.digest_came, self.heard = 0, 0, 0.0

    @property
    def id(self):
        """The member's."""
        return self.certificate.id

    @property
    def name(self):
        """The member's."""
        return self.certificate.name


class Greeter:
    """Both sides of the handshake. Keeps sessions by member id, and the certificates they came with."""

    def __init__(self, identity, incarnation, boot, send):
        self.identity, self.incarnation, self.boot, self.send = identity, incarnation, boot, send
        self.random, self.cookie_secret = os.urandom(16), os.urandom(32)
        self.hello_counter = 0
        self.tokens = {}  # address: (token, cookie, receiver)
        self.sessions, self.certificates = {}, {identity.certificate.id: identity.certificate}
        self.answered = 0  # GREETs of others that got a WELCOME

    def say(self, address, stage, token, cookie=bytes(16), receiver=0):
        """One HELLO."""
        certificate = b"" if stage == hello.COOKIE else self.identity.certificate.data
        self.hello_counter += 1
        text = hello.Hello(stage, receiver, self.incarnation, self.boot, cookie, token, certificate)
        self.send(hello.write(self.identity, text, self.hello_counter, self.random), address)

    def greet(self, address):
        """The first GREET to an address."""
        token = os.urandom(16)
        self.tokens[address] = (token, None, 0)
        self.say(address, hello.GREET, token)

    def on_hello(self, datagram, address):
        """Any HELLO that came."""
        sender, counter = struct.unpack_from("<QQ", datagram, 4)
        text = hello.read(self.identity, datagram)
        if text.receiver not in (0, self.identity.certificate.id):
            raise Refused("cookie")
        if text.stage == hello.GREET:
            self.on_greet(text, sender, counter, address)
        elif text.stage == hello.COOKIE:
            self.on_cookie(text, sender, address)
        elif text.stage == hello.WELCOME:
            self.on_welcome(text, sender, counter, address)

    def on_cookie(self, text, sender, address):
        """Step 3: the same GREET again, with the cookie, to a receiver that is named from now on."""
        token, cookie, _ = self.tokens.get(address, (None, None, 0))
        if text.token != token or cookie is not None:
            raise Refused("cookie")
        self.tokens[address] = (token, text.cookie, sender)
        self.say(address, hello.GREET, token, text.cookie, sender)

    def on_welcome(self, text, sender, counter, address):
        """Step 5."""
        token, _, receiver = self.tokens.get(address, (None, None, 0))
        if text.token != token or sender != receiver:
            raise Refused("cookie")
        self.begin(text, sender, counter, address)
        del self.tokens[address]

    def on_greet(self, text, sender, counter, address):
        """Steps 1, 2 and 4."""
        place = hello.mapped(address[0]) + struct.pack("<HQQ", address[1], sender, int(time.time() // 60))
        cookie = keys.blake(place, 16, self.cookie_secret)
        if text.cookie != cookie:
            self.say(address, hello.COOKIE, text.token, cookie, sender)
            return
        self.begin(text, sender, counter, address)
        self.answered += 1
        self.say(address, hello.WELCOME, text.token, text.cookie, sender)

    def begin(self, text, sender, counter, address):
        """A session with who proved its certificate and its key."""
        certificate = read_certificate(text.certificate)
        me = self.identity.certificate
        if certificate.id != sender or certificate.mesh_id != me.mesh_id or certificate.widths != me.widths:
            raise Refused("mesh")
        if not keys.signed(certificate.public, hello.message(me.mesh_id, counter, text.head()), text.signature):
            raise Refused("signature")
        self.learn(certificate, text.incarnation, text.boot, address)

    def learn(self, certificate, incarnation, boot, address):
        """The session of a member's start, unless a later one is known."""
        self.certificates[certificate.id] = certificate
        old = self.sessions.get(certificate.id)
        if old is not None and (old.incarnation, old.boot) >= (incarnation, boot):
            if address is not None:
                old.address = address
            return old
        identity = self.identity
        key = keys.pair_key(identity.secret, identity.signing_key, identity.certificate.public, certificate.public)
        new = Session(certificate, incarnation, boot, address or (old.address if old else None), key)
        self.sessions[certificate.id] = new
        return new

    def tail(self, session, outward=True, own=None):
        """The associated data behind the header. own: our (incarnation, boot), unless it is the running one."""
        me = self.identity.certificate
        own = own or (self.incarnation, self.boot)
        ours, theirs = (me.id, *own), (session.id, session.incarnation, session.boot)
        a, b = (ours, theirs) if outward else (theirs, ours)
        return seal.associated(b"", me.mesh_id, a[0], b[0], (a[1], b[1]), (a[2], b[2]))

    def sealed(self, session, plain, counter=None, own=None):
        """A sealed datagram to a member."""
        if counter is None:
            session.counter += 1
            counter = session.counter
        head = seal.header(seal.SEALED, self.identity.certificate.id, counter, self.random)
        return seal.seal(session.key, head, self.tail(session, own=own), plain)

    def opened(self, datagram, sender, counter):
        """(session, plaintext) of a sealed datagram, or a refusal."""
        session = self.sessions.get(sender)
        if session is None:
            raise Refused("sender")
        plain = seal.open_seal(session.key, datagram, self.tail(session, outward=False))
        if plain is None:
            raise Refused("seal")
        if not session.window.fresh(counter):
            raise Refused("replay")
        return session, plain
