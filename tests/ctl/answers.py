# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a gossipd may answer over the control socket, byte by byte, made by hand after include/xpro/control.h. A layout that changes there makes
gossipctl refuse these answers, and the corpus shows it."""
import ctypes
import ipaddress
from ctypes import c_char, c_double, c_int32, c_int64, c_uint8, c_uint16, c_uint32, c_uint64

END, STATUS, REASON, REJECT, ATTACHMENT, MEMBER, KEY, RECORD, CELL, EVENT, RULE, SAMPLE, PUSHED, DOCUMENT, STANDING, WHY = range(1, 17)
NOW = 1_800_000_000_250_000_000  # mesh time of every answer: 2027-01-15 08:00:00.250 UTC
NAN = float("nan")
MS, S = 1_000_000, 1_000_000_000


def structure(name, *fields):
    """fields: (C type, names)"""
    return type(name, (ctypes.Structure,), {"_fields_": [(word, kind) for kind, words in fields for word in words.split()]})


def text(size):
    return c_char * size


Address = c_uint8 * 16
Status = structure(
    "Status", (text(36), "name"), (text(20), "version"), (c_int64, "now_ns"), (c_uint64, "incarnation boot"), (c_double, "uptime_s"),
    (c_uint32, "gossip members members_up degraded"), (text(256), "degraded_why"), (text(512), "notices"), (c_uint32, "tick_ms window_max_ms decay slot_ms"),
    (c_uint32, "idle_reset_ms pair_min_window_ms destination_min_window_ms protected_only pair_rate destination_rate policy_flags hz"),
    (c_uint64, "policy_version policy_waiting policy_effective_slot"), (c_uint32, "policy_generation policy_rules listing unprotected"),
    (c_uint64, "clients_full slot tick pairs4 pairs4_max pairs6 pairs6_max destinations destinations_max table_bytes"),
    (c_uint64, "keys_held keys_max cells_held cells_max datagrams_received datagrams_sent bytes_received bytes_sent datagrams_unsent"),
    (c_uint64, "frames_published frames_received frames_duplicate frames_repaired frames_served"),
    (c_uint64, "cells_published cells_merged cells_refused cells_waiting cells_over_line outbox_dropped signatures_made signatures_checked"),
    (c_uint64, "cells_harvested cells_unheld records_written records_refused changes_pending filters_restored"),
    (c_uint64, "requests_refused warnings"),
    (c_double, "tick_ms_worst turn_ms_worst turn_cpu_ms_worst tick_late_ms_worst clock_drift_ms"),
    (c_uint32, "digest_known reserved_digest"), (c_uint8 * 32, "ledger_digest"))
Reason = structure("Reason", (text(32), "name"), (c_uint64, "packets bytes"))
Reject = structure("Reject", (text(32), "name"), (c_uint64, "count"))
Attachment = structure("Attachment", (text(16), "interface mode"), (c_uint32, "program_id ours"))
Member = structure(
    "Member", (text(36), "name"), (text(20), "region"), (text(64), "endpoint"), (text(72), "key"),
    (c_uint32, "self up skewed suspect left neighbour"), (c_uint64, "incarnation boot tick cells frames_received frames_repaired"),
    (c_double, "rtt_ms skew_ms silent_s load load_limit"))
Key = structure(
    "Key", (Address, "client destination"), (c_int64, "ts1_ns ts2_ns"), (c_uint64, "count"),
    (c_double, "carried window_s rate offered limit share"), (c_uint32, "origins over held thinned"))
Record = structure(
    "Record", (c_uint32, "present folded"), (c_uint64, "packets window_packets count"), (c_double, "window_s judged_window_s share"))
Cell = structure("Cell", (text(36), "member"), (c_uint64, "incarnation slot packets"), (c_int64, "first_ns last_ns"))
Rule = structure(
    "Rule", (Address, "prefix"), (c_uint8, "bits side kind fields"),
    (c_uint32, "number pair_rate destination_rate idle_reset_ms pair_min_window_ms destination_min_window_ms ended"), (c_uint64, "until_s"))
Event = structure(
    "Event", (c_int64, "at_ns"), (text(32), "kind"), (text(36), "member"), (Address, "client destination"), (c_double, "value"),
    (c_uint32, "mode reserved"), (text(96), "text"))
Sample = structure(
    "Sample", (c_int64, "at_ns"), (c_uint32, "reason length ifindex"), (c_uint16, "caught"), (c_uint8, "bare reserved"),
    (Address, "client destination"), (c_uint8 * 192, "bytes"))
Pushed = structure("Pushed", (c_uint32, "taken reserved"), (text(32), "reason"))
Document = structure("Document", (text(16), "kind"), (c_uint64, "serial size"), (c_uint8 * 32, "hash"))
Standing = structure(
    "Standing", (text(36), "name"), (text(72), "key"), (c_uint32, "self up revoked behind reserved"), (c_uint64, "certificate_serial"),
    (c_uint64 * 3, "serials"))
Why = structure("Why", (text(256), "text"))
End = structure("End", (c_int32, "error"), (c_uint32, "group"))
KINDS = {Status: STATUS, Reason: REASON, Reject: REJECT, Attachment: ATTACHMENT, Member: MEMBER, Key: KEY, Record: RECORD, Cell: CELL, Event: EVENT,
         Rule: RULE, Sample: SAMPLE, Pushed: PUSHED, Document: DOCUMENT, Standing: STANDING, Why: WHY, End: END}


class Request(ctypes.Structure):
    _fields_ = [(w, c_uint32) for w in ("magic", "version", "verb", "flags")] + [("client", Address), ("destination", Address)] + [
        ("client_bits", c_uint8), ("destination_bits", c_uint8), ("seconds", c_uint16), ("count", c_uint32), ("payload_bytes", c_uint32)]


def row(value):
    body = bytes(value)
    return b"".join(word.to_bytes(4, "little") for word in (KINDS[type(value)], len(body))) + body


def rows(*values, error=0, group=0):
    return b"".join(row(value) for value in values) + row(End(error, group))


def address(words):
    packed = ipaddress.ip_address(words)
    return Address(*(packed.packed if packed.version == 6 else b"\0" * 10 + b"\xff\xff" + packed.packed))


def octets(size, first):
    return (c_uint8 * size)(*((first + 7 * i) % 256 for i in range(size)))


def key_text(first):
    return bytes(octets(32, first)).hex().encode()


# ---- status ----

STATUS_USUAL = dict(
    name=b"proxy-1", version=b"0.1", now_ns=NOW, incarnation=1_799_990_000_000, boot=3, uptime_s=7265.4, gossip=1, members=3, members_up=3, tick_ms=200,
    window_max_ms=8000, decay=2, slot_ms=2000, idle_reset_ms=3000, pair_min_window_ms=1000, destination_min_window_ms=1000, pair_rate=100,
    destination_rate=2000, policy_flags=0x05, hz=250, policy_generation=1, slot=900_000_000, tick=9_000_000_001, pairs4=1234, pairs4_max=262144,
    pairs6=56, pairs6_max=65536, destinations=78, destinations_max=65536, table_bytes=58_720_256, keys_held=1368, keys_max=393216, cells_held=5472,
    cells_max=1572864, datagrams_received=40123, datagrams_sent=39876, bytes_received=12_345_678, bytes_sent=11_223_344, frames_published=1800,
    frames_received=3600, frames_duplicate=41, frames_repaired=2, frames_served=3, cells_published=50123, cells_merged=90456, signatures_made=1800,
    signatures_checked=3602, cells_harvested=50123, records_written=70707, tick_ms_worst=1.25, turn_ms_worst=2.5, turn_cpu_ms_worst=2.25,
    tick_late_ms_worst=0.75, clock_drift_ms=0.125, digest_known=1, ledger_digest=octets(32, 1))
REASON_WORDS = ("pass pass_not_ip pass_malformed pass_not_unicast pass_local pass_share pass_never_drop pass_unprotected pass_evidence drop_blocked "
                "drop_pair drop_pair_share drop_destination drop_destination_share drop_gossip drop_tunnel drop_tags would_drop table_full "
                "destinations_full forwarded client_quota stale").split()
REJECT_WORDS = ("size version self sender seal replay revoked cookie hello_rate certificate mesh stale_session superseded members_full message "
                "frame_size frame_duplicate origin path signature equivocation body slot cell incarnation shrunk old_secret document authority "
                "document_old document_conflict chunk quota").split()
REASONS = [Reason(word.encode(), 1000 - 31 * i if i % 3 != 1 else 0, 90000 - 2789 * i if i % 3 != 1 else 0) for i, word in enumerate(REASON_WORDS)]
REJECTS = [Reject(word.encode(), 5 * i if i % 4 == 0 else 0) for i, word in enumerate(REJECT_WORDS)]
ATTACHMENTS = [Attachment(b"eth0", b"native", 41, 1), Attachment(b"clients-with-15", b"generic", 42, 0)]


def status(**changes):
    return Status(**{**STATUS_USUAL, **changes})


WHYS = [Why(b"eth0: another XDP program is attached"), Why(b"members: 62 of 64 are silent, proxy-9 for 12 s\x1b[2J")]
TROUBLED = status(
    name=b"proxy\x1b[31m\xff", degraded=1, degraded_why=b"eth0: another XDP program is attached", members=64, members_up=2, policy_flags=0x0e,
    policy_version=12, policy_waiting=13, policy_effective_slot=900_000_030, policy_rules=17, policy_generation=5, clients_full=4, pairs4=262144,
    outbox_dropped=77, cells_over_line=8, datagrams_unsent=9, cells_unheld=10, records_refused=11, changes_pending=12, warnings=13, cells_waiting=14,
    cells_refused=15, filters_restored=16, requests_refused=17,
    notices=b"a default route leads out by eth0", clock_drift_ms=-3600123.4, digest_known=0, protected_only=1)
ALONE = status(gossip=0, members=1, members_up=1, policy_flags=0, pair_rate=0, destination_rate=0, keys_max=0, cells_max=0, keys_held=0, cells_held=0,
               pairs4_max=0, pairs6_max=0, destinations_max=0, uptime_s=0.4)

# ---- members, keys, explain ----

MEMBERS = [
    Member(b"proxy-1", b"fra", b"192.0.2.1:7946", key_text(1), 1, 1, 0, 0, 0, 0, 1_799_990_000_000, 3, 9_000_000_000, 5000, 0, 0, NAN, NAN, 0.0, 0.25, 0.8),
    Member(b"proxy-2", b"iad", b"[2001:db8::2]:7946", key_text(2), 0, 1, 0, 0, 0, 1, 1_799_990_000_001, 1, 8_999_999_999, 4711, 1800, 2, 91.456, -0.34,
           0.12, 0.5, 0.9),
    Member(b"proxy-3", b"", b"198.51.100.3:65535", key_text(3), 0, 0, 1, 0, 0, 0, 7, 2, 8_999_000_000, 10, 20, 30, 250.0, 90210.5, 41.5, NAN, NAN),
    Member(b"proxy-4", b"sin", b"203.0.113.4:7946", key_text(4), 0, 1, 0, 1, 0, 1, 8, 2, 8_999_999_000, 0, 0, 0, 0.04, 0.0, 3.0, 0.0, 0.0),
    Member(b"a-member-whose-name-is-32-bytes!", b"sixteen-bytes-it", b"[2001:db8:1234:5678:9abc:def0:1234:5678]:12345", key_text(5), 0, 0, 0, 0, 1, 0,
           2**64 - 1, 2**24 - 1, 2**64 - 1, 2**64 - 1, 2**40, 2**40, 1e9, -1e9, 1e6, 1.0, 1.0),
    Member(b"\x1b]0;x\x07\xff\xfe", b"\n\t", b"", b"", 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, float("inf"), -float("inf"), 0.0, NAN, NAN),
]


def key(client, destination, **changes):
    usual = dict(ts1_ns=NOW - 4 * S, ts2_ns=NOW - 150 * MS, count=812, carried=12.4, window_s=4.0, rate=206.1, offered=198.7, limit=100.0, share=1.0,
                 origins=3, over=1, held=1)
    return Key(address(client) if client else Address(), address(destination), **{**usual, **changes})


PAIRS = [
    key("10.1.2.3", "198.51.100.7"),
    key("10.1.2.4", "198.51.100.7", rate=19.96, count=80, over=0, share=0.4375, origins=1, carried=0),
    key("2001:db8:1234:5678:9abc:def0:1234:5678", "2001:db8::1", limit=0.0, rate=0.0, count=0, window_s=0.0, over=0, origins=0),
    key("::1", "2001:db8::", rate=1e9, count=2**63, window_s=86400.0, offered=NAN, limit=4e9),
]
DESTINATIONS = [
    key(None, "198.51.100.7", limit=2000.0, rate=2412.3, count=9649, thinned=1, share=0.83, offered=2398.1),
    key(None, "2001:db8::1", limit=2000.0, rate=12.0, count=48, over=0),
]
UNSEEN = dict(ts1_ns=0, ts2_ns=0, count=0, carried=0, window_s=0, rate=0, offered=0, limit=0, share=0, origins=0, over=0, held=0)
PAIR_RECORD = Record(1, 1, 3021, 404, 824, 3.9, 4.05, 0.5)
DESTINATION_RECORD = Record(1, 0, 30210, 4040, 8240, 3.9, 4.1, 0.25)
WITHIN_RECORD = Record(1, 1, 60, 20, 40, 3.9, 4.05, 1.0)
CELLS = [Cell(b"proxy-1", 1_799_990_000_000, 899_999_998, 190, (NOW // (2 * S) - 2) * 2 * S + 125 * MS, (NOW // (2 * S) - 2) * 2 * S + 1875 * MS),
         Cell(b"proxy-2\x9b", 1_799_990_000_001, 899_999_999, 622, (NOW // (2 * S) - 1) * 2 * S, (NOW // (2 * S) - 1) * 2 * S + 1992 * MS)]


def rule(prefix, bits, side, kind, number, **changes):
    return Rule(prefix=address(prefix), bits=bits, side=side, kind=kind, number=number, **changes)


RULES = [
    rule("10.0.0.0", 96 + 8, 0, 0, 0, fields=0x01, pair_rate=50),
    rule("198.51.100.0", 96 + 24, 1, 0, 1, fields=0x1f, pair_rate=1, destination_rate=2, idle_reset_ms=3000, pair_min_window_ms=400,
         destination_min_window_ms=500),
    rule("10.1.2.3", 128, 0, 1, 2),
    rule("10.9.0.0", 96 + 16, 0, 2, 3, until_s=1_800_003_600),
    rule("2001:db8::", 32, 1, 2, 4, until_s=1_700_000_000, ended=1),
    rule("::", 0, 1, 3, 5),
    rule("0.0.0.0", 90, 1, 3, 6),
    rule("10.0.0.0", 104, 9, 9, 1023),
]


def explained(pair=None, pair_record=PAIR_RECORD, destination=None, destination_record=DESTINATION_RECORD, cells=CELLS, rules=(), **changes):
    pair = pair or key("10.1.2.3", "198.51.100.7")
    destination = destination or DESTINATIONS[1]
    return rows(status(**changes), *rules, pair, pair_record, *cells, destination, destination_record, *cells[:1])


WITHIN = key("10.1.2.3", "198.51.100.7", count=40, rate=10.0, over=0, carried=0, origins=1)
EXPLAINS = {
    "pair_over": explained(rules=RULES[:2]),
    "pair_over_police": explained(policy_flags=0x07),
    "pair_over_monitor": explained(policy_flags=0x0d),
    "destination_strict": explained(WITHIN, WITHIN_RECORD, policy_flags=0x01),
    "destination_fair": explained(WITHIN, PAIR_RECORD, DESTINATIONS[0], pair_rate=1000),
    "destination_fair_not_folded": explained(WITHIN, Record(1, 0, 60, 20, 40, 3.9, 4.05, 1.0), DESTINATIONS[0]),
    "unprotected": explained(unprotected=1),
    "never_drop": explained(listing=1),
    "blocked": explained(listing=2),
    "blocked_monitor": explained(listing=2, policy_flags=0x0c),
    "within": explained(WITHIN, WITHIN_RECORD, destination_record=WITHIN_RECORD),
    "unseen": explained(key("10.1.2.3", "198.51.100.7", **UNSEEN), Record(), key(None, "198.51.100.7", **UNSEEN), Record(), ()),
    "not_early": explained(WITHIN, Record(1, 1, 60, 20, 40, 0.4, 0.5, 1.0), policy_flags=0x04),
    "minimum_window": explained(WITHIN, Record(1, 1, 60, 20, 40, 0.4, 0.5, 1.0)),
    "no_rates": explained(key("10.1.2.3", "198.51.100.7", limit=0.0, over=0), pair_rate=0, destination_rate=0),
    "hostile": explained(name=b"a\x1b[2J\r\n"),
}

# ---- events, samples, documents ----


def event(kind, fact, member=b"", client=None, destination=None, value=0.0, at_ms=0, mode=0):
    return Event(NOW - 60 * S + at_ms * MS, kind, member, address(client) if client else Address(),
                 address(destination) if destination else Address(), value, mode, 0, fact)


EVENTS = [
    event(b"member_up", b"is up", b"proxy-2", value=0.0),
    event(b"pair_over", b"is over its rate: 206 packets/s", client="10.1.2.3", destination="198.51.100.7", value=206.14, at_ms=1, mode=1),
    event(b"destination_over", b"is over its rate: 2412 packets/s", destination="2001:db8::1", value=2412.3, at_ms=1500, mode=2),
    event(b"policy", b"version 12 is in force", value=12.0, at_ms=59_999),
    event(b"a_kind_longer_than_its_column", b"x" * 95, b"y" * 35, value=NAN, at_ms=60_000),
    event(b"member_up\x1b", b"\x07\n\xc3\xa9\xff", b"\x1b[2J", value=-1.0, at_ms=86_400_000),
]
FRAME = bytes.fromhex("02000000010102000000000108004500002a00000000401100000a010203c6336407d431003500160000") + bytes(range(18))
SAMPLES = [
    Sample(NOW, 10, 64, 2, len(FRAME), 0, 0, address("10.1.2.3"), address("198.51.100.7"), (c_uint8 * 192)(*FRAME)),
    Sample(NOW + 1, 12, 1500, 3, 192, 0, 0, address("10.1.2.3"), address("198.51.100.7"), octets(192, 3)),
    Sample(NOW + S, 9, 40, 4, 40, 1, 0, address("2001:db8::2"), address("2001:db8::1"), (c_uint8 * 192)(*(b"\x60" + bytes(39)))),
    Sample(NOW + 2 * S, 4_000_000_000, 20, 4, 65535, 1, 0, address("10.1.2.3"), address("198.51.100.7"), (c_uint8 * 192)(*(b"\x45" + bytes(191)))),
]
DOCUMENTS = [Document(b"revocation", 2, 301, octets(32, 11)), Document(b"rotation", 4, 49152, octets(32, 12)), Document(b"policy", 12, 65536, octets(32, 13))]
STANDINGS = [
    Standing(b"proxy-1", key_text(1), 1, 1, 0, 0, 0, 3, (c_uint64 * 3)(2, 4, 12)),
    Standing(b"proxy-2", key_text(2), 0, 1, 0, 0, 0, 4, (c_uint64 * 3)(2, 4, 11)),
    Standing(b"proxy-3", key_text(3), 0, 0, 0, 1, 0, 5, (c_uint64 * 3)(2, 4, 12)),
    Standing(b"proxy-4", key_text(4), 0, 0, 1, 0, 0, 6, (c_uint64 * 3)(0, 0, 0)),
    Standing(b"\x1b[2J\xff", b"", 0, 1, 0, 0, 0, 2**64 - 1, (c_uint64 * 3)(2**64 - 1, 4, 12)),
]


def header(kind, size):
    return kind.to_bytes(4, "little") + size.to_bytes(4, "little")


ANSWERS = {
    "status": rows(status(), *REASONS, *REJECTS, *ATTACHMENTS),
    "status_troubled": rows(*WHYS, TROUBLED, *REASONS, *REJECTS, Attachment(b"eth0", b"none", 0, 0)),
    "status_alone": rows(ALONE, *(Reason(word.encode()) for word in REASON_WORDS), *(Reject(word.encode()) for word in REJECT_WORDS)),
    "members": rows(*MEMBERS),
    "pairs": rows(*PAIRS),
    "destinations": rows(*DESTINATIONS),
    "policy": rows(status(policy_flags=0x07), *[]),
    "policy_of_mesh": rows(TROUBLED, *RULES),
    "events": rows(*EVENTS),
    "events_open": b"".join(row(value) for value in EVENTS[:2]),
    "capture": rows(*SAMPLES),
    "mesh": rows(*DOCUMENTS, *STANDINGS),
    "mesh_new": rows(STANDINGS[0]),
    "empty": rows(),
    "pushed": rows(Pushed(1, 0, b"none")),
    "pushed_old": rows(Pushed(0, 0, b"document_old")),
    "pushed_refused": rows(Pushed(0, 0, b"authority")),
    **{"explain_" + name: answer for name, answer in EXPLAINS.items()},
    "explain_short": rows(status(), PAIRS[0], PAIR_RECORD),
    "refused_version": rows(error=-71),
    "refused_busy": rows(error=-16),
    "refused_unsupported": rows(error=-95),
    "refused_invalid": rows(error=-22),
    "refused_alone": rows(error=-107),
    "refused_rights": rows(error=-1, group=4_000_001),
    "refused_root": rows(error=-1),
    "refused_after_rows": rows(*MEMBERS[:1], error=-5),
    "cut_nothing": b"",
    "cut_header": row(MEMBERS[0])[:5],
    "cut_body": row(MEMBERS[0])[:100],
    "cut_no_end": row(MEMBERS[0]),
    "cut_end": row(MEMBERS[0]) + row(End())[:12],
    "wrong_type": header(99, 8) + bytes(8),
    "wrong_type_0": header(0, 8) + bytes(8),
    "wrong_size": header(MEMBER, 8) + bytes(8),
    "wrong_size_of_status": header(STATUS, ctypes.sizeof(Status) + 8) + bytes(ctypes.sizeof(Status) + 8),
}
