# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A member of the mesh: greets, keeps sessions, reads and publishes frames (PROTOCOL, Messages and Spreading, for a
mesh of at most eight members). It has no table and judges nothing: what it counts, its owner says."""

import collections
import select
import socket
import struct
import threading
import time

import frames
import hello
import ledger
import seal
import session as se
from identity import Refused

ALL_GROUPS = (1 << 64) - 1
ROW = struct.Struct("<QQQQQ")


class Peer(threading.Thread):
    """One member, in one start. Everything it does, it does in its own thread or under its lock."""

    def __init__(self, identity, place, incarnation=None, boot=1):
        super().__init__(daemon=True)
        self.identity, self.place, self.lock = identity, place, threading.RLock()
        self.incarnation, self.boot = incarnation or time.time_ns() // 1_000_000, boot
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(place)
        self.greeter = se.Greeter(identity, self.incarnation, boot, self.socket.sendto)
        self.addresses, self.number, self.version = [], 0, 1
        self.start_number = time.time_ns() & (1 << 63) - 1
        self.record = hello.write_record(identity, self.session, 1, self.start_number, se.mesh_time(), place)
        self.ledger, self.store, self.highest = ledger.Ledger(), {}, {}
        self.own = {}  # own cells: (key, slot): (first, last, packets, extras)
        self.changed, self.refusals, self.stopping = set(), collections.Counter(), False
        self.keep_back = False  # the next frames are not pushed: whoever wants them asks
        self.gap_since = {}
        self.hooks = {}  # by type: called with session and message, instead of what a peer does
        me = identity.certificate
        self.tick_ns, self.slot_ns = me.tick_ms * 1_000_000, me.slot_ms * 1_000_000
        self.open_slot = self.slot

    @property
    def session(self):
        """Our (incarnation, boot)."""
        return self.incarnation, self.boot

    @property
    def slot(self):
        """The slot of now."""
        return se.mesh_time() // self.slot_ns

    def to(self, name):
        """The session with a member, by its name."""
        for session in self.greeter.sessions.values():
            if session.name == name:
                return session
        return None

    def send(self, session, plain):
        """A message to a member."""
        with self.lock:
            self.socket.sendto(self.greeter.sealed(session, plain), session.address)

    # ---- the loop ----

    def run(self):
        """Until stop: datagrams as they come, and what each tick brings."""
        due, greeted = (se.mesh_time() // self.tick_ns + 1) * self.tick_ns, 0.0
        while not self.stopping:
            wait = max(0.0, (due - se.mesh_time()) / 1e9)
            if select.select([self.socket], [], [], wait)[0]:
                datagram, address = self.socket.recvfrom(65536)
                with self.lock:
                    self.receive(datagram, address)
            if se.mesh_time() >= due:
                due += self.tick_ns
                with self.lock:
                    if time.monotonic() - greeted > 0.5:
                        greeted = time.monotonic()
                        self.greet()
                    self.tick()
        self.socket.close()

    def stop(self):
        """Ends the loop."""
        self.stopping = True
        self.join()

    def greet(self):
        """A GREET to each address that nothing was heard from."""
        heard = {s.address for s in self.greeter.sessions.values() if time.monotonic() - s.heard < 2}
        for address in self.addresses:
            if address not in heard:
                self.greeter.greet(address)

    def receive(self, datagram, address):
        """One datagram."""
        try:
            head = seal.parse_header(datagram)
            if head is None:
                raise Refused("version")
            kind, sender, counter = head
            if kind == seal.HELLO:
                known = {(s.id, s.incarnation, s.boot) for s in self.greeter.sessions.values()}
                self.greeter.on_hello(datagram, address)
                for session in list(self.greeter.sessions.values()):
                    if (session.id, session.incarnation, session.boot) not in known:
                        self.welcome(session)
            else:
                session, plain = self.greeter.opened(datagram, sender, counter)
                session.heard = time.monotonic()
                self.handle(session, plain, address)
        except Refused as reason:
            self.refusals[str(reason)] += 1

    def welcome(self, session):
        """What a member with a new session is told first: our member record."""
        session.heard = time.monotonic()
        self.send(session, self.record_message(self.identity.certificate, self.record))

    @staticmethod
    def record_message(certificate, record):
        """RECORD."""
        data = certificate.data
        return struct.pack("<BQH", se.RECORD, certificate.id, len(data)) + data + record.data

    # ---- messages ----

    def handle(self, session, plain, address):
        """One message of a member."""
        kind, rest = plain[0], plain[1:]
        if kind in self.hooks:
            self.hooks[kind](session, rest)
        elif kind in (se.FRAME, se.SERVED) or kind >= se.PIECE:
            self.on_frame(rest)
        elif kind == se.DIGEST:
            self.on_digest(session, rest)
        elif kind == se.PING and len(plain) >= 51:
            echo, sent = struct.unpack_from("<QQ", rest)
            body = struct.pack("<BQQQQ", se.PONG, echo, se.mesh_time(), sent, 0)
            answer = self.greeter.sealed(session, body + hello.mapped(address[0]) + struct.pack("<H", address[1]))
            self.socket.sendto(answer, address)
        elif kind == se.RECORD:
            self.on_record(rest)
        elif kind == se.RECORD_REQUEST and struct.unpack("<Q", rest)[0] == self.identity.certificate.id:
            self.send(session, self.record_message(self.identity.certificate, self.record))
        elif kind == se.REQUEST:
            self.on_request(session, rest)
        elif kind == se.CATCH_UP:
            self.send(session, struct.pack("<BIQB", se.CAUGHT_UP, struct.unpack_from("<I", rest)[0], 0, 1))

    def on_record(self, rest):
        """A member record and its certificate, handed on by anybody."""
        _, length = struct.unpack_from("<QH", rest)
        certificate = se.read_certificate(rest[10 : 10 + length])
        if certificate.mesh_id != self.identity.certificate.mesh_id:
            raise Refused("mesh")
        record = hello.read_record(certificate, rest[10 + length :])
        if certificate.id == self.identity.certificate.id:
            return
        session = self.greeter.learn(certificate, record.incarnation, record.boot, None)
        if session.record is None or record.order > session.record.order:
            session.record = record

    def on_digest(self, session, rest):
        """Stamps for the clock, and rows that tell what we lack."""
        sent, _, _, _, _, count = struct.unpack_from("<QQQBQH", rest)
        session.sent_of_digest, session.digest_came = sent, se.mesh_time()
        for i in range(count):
            member, incarnation, highest, _, _ = ROW.unpack_from(rest, 35 + ROW.size * i)
            place = (member, incarnation, highest >> 40)
            if place != (self.identity.certificate.id, *self.session):
                self.highest[place] = max(self.highest.get(place, 0), highest & (1 << 40) - 1)

    def on_frame(self, data):
        """A frame, by whatever way it came: of an earlier start of ours, too."""
        frame = frames.read(data, self.greeter.certificates)
        place = (frame.origin, frame.incarnation, frame.sequence >> 40)
        if place == (self.identity.certificate.id, *self.session):
            return
        number = frame.sequence & (1 << 40) - 1
        held = self.store.setdefault(place, {})
        if number in held:
            return
        held[number] = frame
        self.highest[place] = max(self.highest.get(place, 0), number)
        self.ledger.join(frame.origin, frame.incarnation, frame.cells, self.slot)

    def on_request(self, session, rest):
        """Own frames that a member lacks."""
        member, incarnation, first = struct.unpack_from("<QQQ", rest)
        held = self.store.get((member, incarnation, first >> 40), {})
        for i in range(1024):
            frame = held.get((first & (1 << 40) - 1) + i)
            if frame is not None and not rest[24 + i // 8] >> i % 8 & 1:
                self.send(session, bytes([se.SERVED]) + frame.data)

    # ---- each tick ----

    def tick(self):
        """Frames of the tick that ended, then a DIGEST to everybody, then what is missing."""
        near = [s for s in self.greeter.sessions.values() if s.address and time.monotonic() - s.heard < 2]
        for frame in self.frames_of_tick():
            for session in near if not self.keep_back else ():
                self.send(session, bytes([se.FRAME]) + frame)
        self.keep_back = False
        for session in near:
            self.send(session, self.digest(session))
            self.ask_missing(session)
        self.ledger.forget(self.slot - 2)  # an answer of a proxy may be of the slot before

    def rows(self):
        """What we hold, a row for each start of each origin's daemon."""
        rows, named = [], set()
        for (member, incarnation, boot), held in self.store.items():
            top = held[max(held)]
            record = self.record if member == self.identity.certificate.id else None
            if member in self.greeter.sessions:
                record = self.greeter.sessions[member].record
            told = record.hash if record is not None and member not in named else 0
            named.add(member)
            leaf = int.from_bytes(top.leaf[:8], "little")
            rows.append(ROW.pack(member, incarnation, boot << 40 | max(held), leaf, told))
        return rows

    def digest(self, session):
        """DIGEST to a member."""
        now, rows = se.mesh_time(), self.rows()
        hold = now - session.digest_came if session.sent_of_digest else 0
        head = struct.pack("<BQQQBQH", se.DIGEST, now, session.sent_of_digest, hold, 0, ALL_GROUPS, len(rows))
        return head + b"".join(rows)

    def ask_missing(self, session):
        """REQUEST for what was missing for a tick already."""
        for place, highest in self.highest.items():
            held = self.store.get(place, {})
            first = max(1, highest - 1023)
            missing = [n for n in range(first, highest + 1) if n not in held]
            new = [n for n in missing if (place, n) not in self.gap_since]
            self.gap_since.update({(place, n): time.monotonic() for n in new})
            if missing and len(new) < len(missing):
                have = bytearray(b"\xff" * 128)
                for n in missing:
                    have[(n - first) // 8] &= ~(1 << (n - first) % 8)
                member, incarnation, boot = place
                ask = struct.pack("<BQQQ", se.REQUEST, member, incarnation, boot << 40 | first)
                self.send(session, ask + bytes(have))

    # ---- own counts ----

    def count(self, key, packets, slot=None, first=0, last=255, extras=None):
        """Says that we counted so many packets in all of a key in a slot, and beside them its extras."""
        with self.lock:
            place = (key, self.slot if slot is None else slot)
            self.own[place] = (first, last, packets, extras or (0,) * len(ledger.EXTRAS[key.kind]))
            self.changed.add(place)

    def next_sequence(self):
        """boot << 40 | number."""
        self.number += 1
        return self.boot << 40 | self.number

    def frames_of_tick(self):
        """The changed cells, or a sign of life while there are any; when a slot has ended, its totals once more."""
        if not any(slot > self.slot - ledger.SLOTS_HELD for _, slot in self.own):
            return []
        made = self.signed(frames.TICK, self.changed)
        self.changed = set()
        if self.slot > self.open_slot:
            ended = [place for place in self.own if place[1] == self.open_slot]
            made += self.signed(frames.CLOSING, ended) if ended else []
            self.open_slot = self.slot
        return made

    def signed(self, kind, places):
        """The frames of a tick of one kind, in trees."""
        cells = sorted((key, slot, *self.own[key, slot]) for key, slot in places)
        head = (self.identity.certificate.id, self.incarnation, se.mesh_time() // self.tick_ns, kind)
        parts = [cells[i : i + 20] for i in range(0, len(cells), 20)] or [[]]
        bodies = [frames.body_of(head, self.next_sequence(), frames.columns(part)) for part in parts]
        trees = [bodies[i : i + frames.LEAVES_MAX] for i in range(0, len(bodies), frames.LEAVES_MAX)]
        made = [frame for tree in trees for frame in frames.prove(self.identity, head, tree, len(bodies))]
        for data in made:
            self.keep(frames.read(data, self.greeter.certificates))
        return made

    def keep(self, frame):
        """An own frame goes into the store and the ledger, as others' do."""
        place = (frame.origin, frame.incarnation, frame.sequence >> 40)
        self.store.setdefault(place, {})[frame.sequence & (1 << 40) - 1] = frame
        self.ledger.join(frame.origin, frame.incarnation, frame.cells, self.slot)
