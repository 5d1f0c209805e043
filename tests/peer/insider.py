# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the rows of an insider's attacks share: how they are sent, and what must hold after each."""

import struct
import time

import hello
import seal
import session as se
from bed import wait_for

HONEST, BOT, VICTIM = "198.18.20.1", "198.18.21.1", "192.0.2.30"
MARKER = b"YM" + bytes(51)  # refused as `version`
SECONDS = 600  # of the honest traffic: longer than all attacks take


class Insider:
    """A peer that misuses what it knows against one proxy, while honest clients send through both."""

    def __init__(self, tap, proxies, peer, throwers):
        self.tap, self.proxies, self.peer, self.throwers = tap, proxies, peer, throwers
        self.target = proxies[0]

    @property
    def session(self):
        """Ours with the target."""
        return self.peer.to(self.target.name)

    # ---- honest traffic, and what must become of it ----

    def begin(self):
        """A client at 0.4 of its rate and one at 1.6 of it, each through both proxies."""
        for proxy in (1, 2):
            self.throwers.throw(proxy, VICTIM, HONEST, 1, SECONDS * 20, 50)
            self.throwers.throw(proxy, VICTIM, BOT, 1, SECONDS * 80, 12.5)
        self.tap.check("one_is_within_its_rate_and_one_over_it", wait_for(15, lambda: not self.verdicts()))

    def verdicts(self):
        """What is wrong of the verdicts."""
        wrong = []
        for proxy in self.proxies:
            for client, over in ((HONEST, False), (BOT, True)):
                answer = proxy.ask("explain", client, VICTIM)
                if answer["verdict"]["pair_over"] != over or answer["pair"]["over"] != over:
                    wrong.append(f"{proxy.name}: {client}: {answer['verdict']['verdict']}")
                    wrong.append(f"{answer['pair']}, {answer['pair_record']}")
        return wrong

    def still(self, title, seconds=0):
        """All daemons live, and the honest verdicts are as before: at once, or within so many seconds of a load."""
        lives = [proxy.lives() for proxy in self.proxies]
        wrong, begun = self.verdicts(), time.monotonic()
        while wrong and time.monotonic() < begun + seconds:
            wrong = self.verdicts()
        if seconds:
            self.tap.note(f"{title}: verdicts as before after {(time.monotonic() - begun) * 1000:.0f} ms")
        self.tap.check(f"{title}: the_daemons_live_and_verdicts_stay", all(lives) and not wrong, lives, *wrong)

    # ---- datagrams ----

    def raw(self, datagrams):
        """Sends bytes to the target as they are, few at a time, so that no socket's queue runs over."""
        for i, datagram in enumerate(datagrams):
            self.peer.socket.sendto(datagram, self.target.address)
            if i % 50 == 49:
                time.sleep(0.01)

    def sealed(self, plain, counter=None, own=None, session=None):
        """A sealed datagram to the target."""
        with self.peer.lock:
            return self.peer.greeter.sealed(session or self.session, plain, counter, own)

    def ping(self):
        """The plaintext of a PING."""
        return struct.pack("<BQQ", se.PING, 1, se.mesh_time()) + bytes(34)

    def resealed(self, head, plain, session=None):
        """A sealed datagram with another header."""
        session = session or self.session
        return seal.seal(session.key, head, self.peer.greeter.tail(session), plain)

    # ---- rows ----

    def row(self, title, reason, datagrams, count=None):
        """One attack: each datagram, or so many, must be refused for this reason, and for no other."""
        before, datagrams = self.target.rejects(), list(datagrams)
        self.raw(datagrams + [MARKER])
        expected = {reason: len(datagrams) if count is None else count} if isinstance(reason, str) else dict(reason)
        expected["version"] = expected.get("version", 0) + 1

        def gained():
            now = self.target.rejects()
            return {name: now[name] - before[name] for name in now if now[name] != before[name]}

        # The marker is read last. Copies of honest frames may be among what is counted.
        wait_for(3, lambda: gained().get("version", 0) >= expected["version"], 5)
        got = {n: c for n, c in gained().items() if n != "frame_duplicate" or "frame_duplicate" in expected}
        why = reason if isinstance(reason, str) else " ".join(reason) or "nothing"
        self.tap.check(f"{title}: {why}", got == expected, f"{expected}, counted {got}")

    # ---- a HELLO with a cookie of now ----

    def cookie(self):
        """Greets with the peer's own keys, and keeps what the COOKIE brought: (token, cookie)."""
        greeter, address = self.peer.greeter, self.target.address
        kept, on_cookie = [], greeter.on_cookie

        def keep(text, _sender, _address):
            kept.append((text.token, text.cookie))

        greeter.on_cookie = keep
        with self.peer.lock:
            greeter.say(address, hello.GREET, bytes(16))
        wait_for(3, lambda: kept)
        greeter.on_cookie = on_cookie
        return kept[-1]

    def greet(self, change=None, identity=None, certificate=None, counter=None, damage=None):
        """A second GREET, with one thing wrong. change: fields of the plaintext."""
        token, cookie = self.cookie()
        identity, greeter = identity or self.peer.identity, self.peer.greeter
        greeter.hello_counter += 1
        fields = {
            "stage": hello.GREET,
            "receiver": self.session.id,
            "incarnation": self.peer.incarnation,
            "boot": self.peer.boot,
            "cookie": cookie,
            "token": token,
            "certificate": certificate or identity.certificate.data,
        }
        text = hello.Hello(**{**fields, **(change or {})})
        counter = greeter.hello_counter if counter is None else counter
        datagram = hello.write(identity, text, counter, greeter.random)
        return damage(datagram) if damage else datagram
