# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a gossipd may answer over the control socket, byte by byte, made of the layouts in records.py."""

import ast
import ctypes

import watched
from records import Address, Asked, Attachment, Cell, Coarse, Condition, Counter, Document, End, Event, Frame, Key
from records import Member, Pushed, Reason, Record, Reject, Rule, Sample, Serials, Standing, Status, Tables
from records import address, header, octets, row, rows

NOW = 1_800_000_000_250_000_000  # mesh time of every answer: 2027-01-15 08:00:00.250 UTC
NAN, INF = float("nan"), float("inf")
MS, S = 1_000_000, 1_000_000_000


def figures(words):
    """{name: number} of words "name=number"."""
    return {name: ast.literal_eval(number) for name, number in (word.split("=") for word in words.split())}


def key_text(first):
    return bytes(octets(32, first)).hex().encode()


# ---- status ----

STATUS_FIGURES = """
    incarnation=1_799_990_000_000 boot=3 uptime_s=7265.4 gossip=1 members=3 members_up=3
    tick_ms=200 window_max_ms=8000 decay=2 slot_ms=2000 slot=900_000_000 tick=9_000_000_001 hz=250
    idle_reset_ms=3000 pair_min_window_ms=1000 destination_min_window_ms=1000 pair_rate=100 destination_rate=2000
    client_rate=360 network_rate=0 client_limit=360 network_limit=8000 policy_flags=0x05 policy_generation=1
    contact_rate=0 contact_limit=50
    pairs4=1234 pairs4_max=262144 pairs6=56 pairs6_max=65536 destinations=78 destinations_max=65536
    keys_held=1368 keys_max=393216 cells_held=5472 cells_max=1572864 table_bytes=58_720_256
    datagrams_received=40123 datagrams_sent=39876 bytes_received=12_345_678 bytes_sent=11_223_344
    frames_published=1800 frames_received=3600 frames_duplicate=41 frames_repaired=2 frames_served=3
    cells_published=50123 cells_merged=90456 cells_harvested=50123 records_written=70707
    signatures_made=1800 signatures_checked=3602
    tick_ms_worst=1.25 turn_ms_worst=2.5 turn_cpu_ms_worst=2.25 tick_late_ms_worst=0.75 clock_drift_ms=0.125
    digest_known=1
"""
STATUS_TEXTS = dict(name=b"proxy-1", version=b"0.1", now_ns=NOW, ledger_digest=octets(32, 1))
STATUS_USUAL = STATUS_TEXTS | figures(STATUS_FIGURES)
REASON_WORDS = """
    pass pass_not_ip pass_malformed pass_not_unicast pass_local pass_share pass_never_drop pass_unprotected
    pass_evidence pass_answer pass_not_client pass_other_host drop_blocked drop_outside drop_pair drop_pair_share
    drop_destination drop_destination_share drop_coarse drop_foreign_source drop_gossip drop_tunnel drop_source_route
    drop_tags would_drop table_full destinations_full coarse forwarded client_quota stale
""".split()
REJECT_WORDS = """
    size version other_version self sender seal replay revoked cookie hello_rate certificate mesh stale_session
    superseded members_full message frame_size frame_duplicate origin path signature equivocation body slot cell
    incarnation shrunk old_secret document authority document_old document_conflict chunk quota
""".split()
REASONS = [
    Reason(word.encode(), 1000 - 31 * i if i % 3 != 1 else 0, 90000 - 2789 * i if i % 3 != 1 else 0)
    for i, word in enumerate(REASON_WORDS)
]
REJECTS = [Reject(word.encode(), 5 * i if i % 4 == 0 else 0) for i, word in enumerate(REJECT_WORDS)]
ATTACHMENTS = [Attachment(b"eth0", b"native", 41, 1, 1), Attachment(b"clients-with-15", b"generic", 42, 0, 0, 1)]
ATTACHMENTS_UNENFORCED = [Attachment(b"eth0", b"native", 41, 1, 3, 2), Attachment(b"eth1", b"none", 0, 0, 4)]
UNENFORCED = b"the default route leads out by eth0 (IPv4): packets are counted and judged, and none drops"
CLIENTS = {
    "clients": 2,
    "client": (Address * 8)(address("10.0.0.0"), address("2001:db8:1::")),
    "client_bits": (ctypes.c_uint8 * 8)(104, 48),
    "drop_foreign_sources": 1,
}


def status(**changes):
    return Status(**{**STATUS_USUAL, **changes})


ERROR, WARNING, NOTICE = 0, 1, 2


def condition(severity, name, subject, text, advice, seconds_ago=60, omitted=0):
    return Condition(NOW - seconds_ago * S, severity, omitted, name, subject, text, advice)


FOREIGN = condition(
    ERROR, b"filter_foreign", b"interface eth0", b"another XDP program (id 7) is attached", b"remove the other program"
)
SILENT = (b"member_silent", b"look whether it runs")
TROUBLES = [
    FOREIGN,
    condition(ERROR, SILENT[0], b"member proxy-9", b"is silent for 12 s\x1b[2J", SILENT[1], 12, 54),
    condition(ERROR, SILENT[0], b"member \x1b]0;x\x07", b"is silent since this start", SILENT[1], 7265, 54),
    condition(
        WARNING,
        b"member_fills_part",
        b"member proxy-2",
        b"42 destinations rest on its word, its whole part; 40 are counted by nobody else",
        b"ask its operator what it sees",
    ),
    condition(NOTICE, b"monitor_mode", b"policy", b"what is over its rate would be dropped, and passes", b"enforce"),
]
FULL = [
    condition(
        WARNING,
        b"destinations_full",
        b"client 10.1.2.3",
        b"16384 of 16384 destinations are in use; it makes 720 contacts/s, 98 % of all new records",
        b"stop the client that scans",
        1,
    ),
    condition(4_000_000_000, b"x" * 31, b"s" * 79, b"t" * 319, b"w" * 199, -86400 * 365 * 300, 2**32 - 1),
]
TROUBLED_FIGURES = """
    degraded=1 members=64 members_up=2 clients_full=4 pairs4=262144 protected_only=1
    policy_flags=0x0E policy_version=12 policy_waiting=13 policy_effective_slot=900_000_030
    policy_rules=17 policy_generation=5
    outbox_dropped=77 cells_over_line=8 datagrams_unsent=9 cells_unheld=10 records_refused=11 changes_pending=12
    warnings=13 cells_waiting=14 cells_refused=15 filters_restored=16 requests_refused=17
    clock_drift_ms=-3600123.4 digest_known=0
"""
TROUBLED = status(
    name=b"proxy\x1b[31m\xff",
    vouched=Tables(65536, 12, 42),
    vouched_max=Tables(65536, 16384, 16384),
    vouched_part=Tables(1040, 260, 260),
    **figures(TROUBLED_FIGURES),
)
ALONE_FIGURES = """
    gossip=0 members=1 members_up=1 policy_flags=0 pair_rate=0 destination_rate=0 uptime_s=0.4
    client_rate=0 client_limit=0 network_limit=0
    keys_max=0 cells_max=0 keys_held=0 cells_held=0 pairs4_max=0 pairs6_max=0 destinations_max=0
"""
ALONE = status(**figures(ALONE_FIGURES))

# ---- members, keys, explain ----


def member(texts, flags, counts, measures, word=()):
    """texts: name, region, endpoint, key. counts: incarnation to frames_repaired; measures: rtt_ms to load_limit;
    word: line_rate to vouched_share."""
    set_ = {flag: 1 for flag in flags.split()}
    names = "incarnation boot tick cells frames_received frames_repaired rtt_ms skew_ms silent_s load load_limit"
    words = "line_rate line_used vouched vouched_alone vouched_refused vouched_share"
    words += " keys cells_refused left_out left_out_since_ns cloned"
    counted = dict(zip(names.split(), counts + measures, strict=True)) | dict(zip(words.split(), word))
    return Member(*texts, **set_, **counted)


MEMBERS = [
    member(
        (b"proxy-1", b"fra", b"192.0.2.1:7946", key_text(1)),
        "self up",
        (1_799_990_000_000, 3, 9_000_000_000, 5000, 0, 0),
        (NAN, NAN, 0.0, 0.25, 0.8),
    ),
    member(
        (b"proxy-2", b"iad", b"[2001:db8::2]:7946", key_text(2)),
        "up neighbour",
        (1_799_990_000_001, 1, 8_999_999_999, 4711, 1800, 2),
        (91.456, -0.34, 0.12, 0.5, 0.9),
        (14_880_952, 5.25, Tables(1000, 20, 42), 1050, 77, 1.0, 2200, 31),
    ),
    member(
        (b"proxy-3", b"", b"198.51.100.3:65535", key_text(3)),
        "skewed",
        (7, 2, 8_999_000_000, 10, 20, 30),
        (250.0, 90210.5, 41.5, NAN, NAN),
        (0, NAN, Tables(), 0, 0, 0.0, 3, 0, 1, NOW - 3600 * S),
    ),
    member(
        (b"proxy-4", b"sin", b"203.0.113.4:7946", key_text(4)),
        "up suspect neighbour",
        (8, 2, 8_999_999_000, 0, 0, 0),
        (0.04, 0.0, 3.0, 0.0, 0.0),
        (0, NAN, Tables(), 0, 0, 0.0, 0, 0, 2, 0, 1),
    ),
    member(
        (
            b"a-member-whose-name-is-32-bytes!",
            b"sixteen-bytes-it",
            b"[2001:db8:1234:5678:9abc:def0:1234:5678]:12345",
            key_text(5),
        ),
        "left",
        (2**64 - 1, 2**24 - 1, 2**64 - 1, 2**64 - 1, 2**40, 2**40),
        (1e9, -1e9, 1e6, 1.0, 1.0),
        (2**64 - 1, 1e9, Tables(2**62, 2**62, 2**62), 2**64 - 1, 2**64 - 1, 1e9, 2**64 - 1, 2**64 - 1, 9, -1),
    ),
    member((b"\x1b]0;x\x07\xff\xfe", b"\n\t", b"", b""), "up", (0, 0, 0, 0, 0, 0), (INF, -INF, 0.0, NAN, NAN)),
]
KEY_FIGURES = """
    count=812 carried=12.4 window_s=4.0 rate=206.1 offered=198.7 limit=100.0 share=1.0 origins=3 over=1 held=1
    client_bits=128
"""
KEY_USUAL = dict(ts1_ns=NOW - 4 * S, ts2_ns=NOW - 150 * MS, bytes=NAN) | figures(KEY_FIGURES)


def key(client, destination, **changes):
    return Key(address(client), address(destination), **{**KEY_USUAL, **changes})


ANSWERED = "rate=19.96 count=80 over=0 share=0.4375 origins=1 carried=0 answers=79 bytes=1277.0"
FLOODED = "limit=2000.0 rate=2412.3 bytes=1543872.0 count=9649 thinned=1 share=0.83 offered=2398.1"
LONG = "2001:db8:1234:5678:9abc:def0:1234:5678"
PAIRS = [
    key("10.1.2.3", "198.51.100.7"),
    key("10.1.2.4", "198.51.100.7", **figures(ANSWERED)),
    key(LONG, "2001:db8::1", limit=0.0, rate=0.0, count=0, window_s=0.0, over=0, origins=0),
    key("::1", "2001:db8::", rate=1e9, count=2**63, window_s=86400.0, offered=NAN, limit=4e9),
    key("2001:db8:1:2::", LONG, client_bits=64),
    key("::fffe:0:0", "2001:db8::1", client_bits=64),
]
DESTINATIONS = [
    key(None, "198.51.100.7", **figures(FLOODED)),
    key(None, "2001:db8::1", limit=2000.0, rate=12.0, count=48, over=0),
]
UNSEEN = dict.fromkeys(KEY_USUAL, 0) | {"client_bits": 128}
UNSEEN_PAIR = key("10.1.2.3", "198.51.100.7", **UNSEEN)
UNSEEN_DESTINATION = key(None, "198.51.100.7", **UNSEEN)
MARK = "::fffd:0:0"  # the client of every network's key
LIMITED = "limited=1 granted=119.6 reached=1604 dropped=1203"
CLIENT_KEYS = [
    key("10.1.2.3", "::", limit=1000.0, shadow=1, rate=88.0, count=352, over=0),
    key("2001:db8:1:2::", "::", limit=0.0, rate=9.0, count=36, over=0, client_bits=64),
    key("2001:db8:1:ff00::", "::", limit=0.0, rate=9.0, count=36, over=0, client_bits=56),
    key("2001:db8:1:2::3", "::", limit=360.0, rate=400.0, count=1600, share=0.9, **figures(LIMITED)),
    key("10.1.2.5", "::", limit=1.0, rate=1e9, count=2**63, share=0.0, limited=1, reached=2**64 - 1, dropped=2**64 - 1),
]
ASKED = Asked(address("2001:db8:1:2:8000::"), address("2001:db8:1:2::"), 65, 64)
NETWORK_KEYS = [
    key(MARK, "198.51.100.0", limit=400.0, shadow=1, rate=2412.3, count=9649),
    key(MARK, "2001:db8:1::", limit=8000.0, rate=12000.0, count=48000, share=0.6667, **figures(LIMITED)),
]
UNSEEN_WHOLES = (key("10.1.2.3", "::", **UNSEEN), key(MARK, "198.51.100.0", **UNSEEN))
LIMITED_WHOLES = (
    key("10.1.2.3", "::", limit=360.0, rate=400.0, share=0.9, **figures(LIMITED)),
    key(MARK, "198.51.100.0", limit=8000.0, shadow=1, rate=88.0, over=0),
)
PAIR_RECORD = Record(1, 1, 812, 1, 3021, 404, 824, 3.9, 4.05, 0.5, size=340.0, answers_mesh=1600, remembered=1)
DESTINATION_RECORD = Record(1, 0, 0, 0, 30210, 4040, 8240, 3.9, 4.1, 0.25, 19_334_400, 640.0)
WITHIN_RECORD = Record(1, 1, 7, 0, 60, 20, 40, 3.9, 4.05, 1.0)
SLOT_NS = 2 * S
NEWEST_NS = NOW // SLOT_NS * SLOT_NS - SLOT_NS  # the newest slot that is over
OLDER_NS = NEWEST_NS - SLOT_NS
CELLS = [
    Cell(b"proxy-1", 1_799_990_000_000, 899_999_998, 190, OLDER_NS + 125 * MS, OLDER_NS + 1875 * MS),
    Cell(b"proxy-2\x9b", 1_799_990_000_001, 899_999_999, 622, NEWEST_NS, NEWEST_NS + 1992 * MS, 31, 1),
]
NO_RATES = "pair_rate=0 destination_rate=0 client_rate=0 client_limit=0 network_limit=0"
RULE_FIGURES = """
    pair_rate=1 destination_rate=2 idle_reset_ms=3000 pair_min_window_ms=400 destination_min_window_ms=500
"""


def rule(prefix, bits, side, kind, number, **changes):
    return Rule(prefix=address(prefix), bits=bits, side=side, kind=kind, number=number, **changes)


RULES = [
    rule("10.0.0.0", 96 + 8, 0, 0, 0, fields=0x01, pair_rate=50),
    rule("198.51.100.0", 96 + 24, 1, 0, 1, fields=0x1F, **figures(RULE_FIGURES)),
    rule("10.1.2.3", 128, 0, 1, 2),
    rule("10.9.0.0", 96 + 16, 0, 2, 3, until_s=1_800_003_600),
    rule("2001:db8::", 32, 1, 2, 4, until_s=1_700_000_000, ended=1),
    rule("::", 0, 1, 3, 5),
    rule("0.0.0.0", 90, 1, 3, 6),
    rule("10.0.0.0", 104, 9, 9, 1023),
    rule("10.1.0.0", 96 + 16, 0, 0, 7, fields=0x21, pair_rate=50, client_rate=200),
    rule("2001:db8::", 32, 1, 0, 8, fields=0x40),
    rule("10.2.0.0", 96 + 16, 0, 0, 9, fields=0x80, outside_rate=3),
    rule("10.3.0.0", 96 + 16, 0, 0, 10, fields=0x321, pair_rate=50, contact_rate=80),
    rule("10.2.0.7", 128, 2, 0, 11, fields=0x01, pair_rate=20, destination=address("192.0.2.0"), destination_bits=120),
    rule("2001:db8:1::", 64, 2, 0, 12, destination=address("2001:db8::53"), destination_bits=128),
]


NETWORK, CLIENT = 0, 1  # enum coarse_kind
COARSES = [
    Coarse(address("198.51.100.0"), 120, NETWORK, 9600, 4.0, 2400.0, 0.4167),
    Coarse(address("2001:db8:9::"), 48, NETWORK, 12, 0.5, 12.0, 1.0),
    Coarse(address("10.1.2.3"), 128, CLIENT, 5000, 5.0, 1000.0, 1.0),
    Coarse(address("2001:db8:1:2::"), 64, CLIENT, 3, 8.0, 0.375, 1.0),
]


def explained(
    pair=None,
    pair_record=PAIR_RECORD,
    destination=None,
    destination_record=DESTINATION_RECORD,
    cells=CELLS,
    rules=(),
    coarse=(),
    wholes=None,
    **changes,
):
    pair = pair or key("10.1.2.3", "198.51.100.7")
    destination = destination or DESTINATIONS[1]
    of_pair, of_destination = (pair, pair_record, *cells), (destination, destination_record, *cells[:1])
    asked = (Asked(address("2001:db8:0:1::2"), pair.client, 128, pair.client_bits),) if pair.client_bits < 128 else ()
    if wholes is None and pair.client_bits < 128:
        wholes = (Key(pair.client, address("::"), **{**UNSEEN, "client_bits": 64}), key(MARK, "2001:db8::", **UNSEEN))
    wholes = UNSEEN_WHOLES if wholes is None else wholes
    return rows(*asked, status(**changes), *rules, *of_pair, *of_destination, *coarse, *wholes)


WITHIN = key("10.1.2.3", "198.51.100.7", count=40, rate=10.0, over=0, carried=0, origins=1)
EXPLAINS = {
    "pair_over": explained(rules=RULES[:2]),
    "pair_over_police": explained(policy_flags=0x07),
    "pair_over_monitor": explained(policy_flags=0x0D),
    "destination_strict": explained(WITHIN, WITHIN_RECORD, policy_flags=0x01),
    "destination_fair": explained(WITHIN, PAIR_RECORD, DESTINATIONS[0], pair_rate=1000),
    "destination_fair_not_folded": explained(WITHIN, Record(1, 0, 0, 0, 60, 20, 40, 3.9, 4.05, 1.0), DESTINATIONS[0]),
    "answer": explained(side=1, **CLIENTS),
    "answer_monitor": explained(side=1, policy_flags=0x0D, **CLIENTS),
    "not_client": explained(side=2, **{**CLIENTS, "drop_foreign_sources": 0}),
    "answer_blocked": explained(side=1, listing=2, **CLIENTS),
    "unprotected": explained(unprotected=1),
    "never_drop": explained(listing=1),
    "blocked": explained(listing=2),
    "blocked_monitor": explained(listing=2, policy_flags=0x0C),
    "outside": explained(listing=3, rules=RULES[10:12]),
    "outside_rate": explained(outside=1, rules=RULES[9:12]),
    "within": explained(WITHIN, WITHIN_RECORD, destination_record=WITHIN_RECORD),
    "unseen": explained(UNSEEN_PAIR, Record(), UNSEEN_DESTINATION, Record(), ()),
    "coarse_fair": explained(WITHIN, WITHIN_RECORD, destination_record=Record(), coarse=(COARSES[0], COARSES[2])),
    "coarse_strict": explained(
        WITHIN, Record(), destination_record=Record(), coarse=(COARSES[0], COARSES[2]), policy_flags=0x01
    ),
    "coarse_within": explained(WITHIN, WITHIN_RECORD, destination_record=Record(), coarse=(COARSES[1], COARSES[3])),
    "coarse_beside_a_record": explained(WITHIN, WITHIN_RECORD, destination_record=WITHIN_RECORD, coarse=COARSES[:1]),
    "not_early": explained(WITHIN, Record(1, 1, 0, 0, 60, 20, 40, 0.4, 0.5, 1.0), policy_flags=0x04),
    "minimum_window": explained(WITHIN, Record(1, 1, 0, 0, 60, 20, 40, 0.4, 0.5, 1.0)),
    "no_rates": explained(key("10.1.2.3", "198.51.100.7", limit=0.0, over=0), **figures(NO_RATES)),
    "untold": explained(
        key("10.1.2.3", "198.51.100.7", untold=62, over=0),
        destination=key(None, "198.51.100.7", **{**UNSEEN, "untold": 2**32 - 1}),
    ),
    "untold_unseen": explained(
        key("10.1.2.3", "198.51.100.7", **{**UNSEEN, "untold": 62, "answers": 31}),
        Record(0, 0, 31),
        UNSEEN_DESTINATION,
        Record(),
        (),
    ),
    "limited": explained(wholes=LIMITED_WHOLES),
    "limited_monitor": explained(wholes=LIMITED_WHOLES, policy_flags=0x0D),
    "ended_early": explained(wholes=()),
    "ipv6": explained(
        key("2001:db8:0:1::", "2001:db8::1", over=0, client_bits=64), network_rate=400, network_limit=400
    ),
    "ipv6_listed": explained(
        key("2001:db8:0:1::2", "2001:db8::1", over=0),
        wholes=(key("2001:db8:0:1::2", "::", **UNSEEN), key(MARK, "2001:db8::", **UNSEEN)),
        network_rate=400,
        network_limit=400,
    ),
    "hostile": explained(name=b"a\x1b[2J\r\n"),
}

# ---- events, samples, documents ----


def event(at_ms, kind, text, member=b"", client=None, destination=None, value=0.0, part=0.0, mode=0, **more):
    at_ns = NOW - 60 * S + at_ms * MS
    bits, about = more.get("bits", 128), more.get("about", (b"", b""))
    counters = (Counter * 3)(*[Counter(name, rate) for name, rate in more.get("counters", ())])
    crowd = more.get("crowd", (0.0, 0.0, 0, 0, 0, 0, 0, 0))
    addresses = address(client), address(destination)
    return Event(at_ns, kind, member, *addresses, value, part, counters, *crowd, mode, bits, *about, text)


PAIR_OVER = dict(client="10.1.2.3", destination="198.51.100.7", value=206.14, mode=1)
PAIR_OVER6 = dict(client="2001:db8:1:2::", destination="2001:db8::1", value=206.14, mode=1)
DESTINATION_OVER = dict(
    destination="2001:db8::1",
    value=2412.3,
    mode=2,
    counters=((b"eu-3", 1608.2), (b"us-1", 804.1)),
    crowd=(1_543_872.0, 0.031, 213, 1, 12, 7, 196, 0),
)
NOT_DROPPED = b" packets/s; counted, not dropped"
CLIENT_OVER = dict(client="10.1.2.3", value=400.0)
NETWORK_OVER = dict(client=MARK, destination="198.51.100.0", value=9000.0)
EVENTS = [
    event(0, b"member_up", b"is up", b"proxy-2"),
    event(1, b"pair_over", b"is over its rate: 206/s; only eu-3 reports it", b"eu-3", part=1.0, **PAIR_OVER),
    event(1500, b"destination_over", b"is over its rate: 2412 packets/s", **DESTINATION_OVER),
    event(1600, b"client_over", b"is over its rate of 360/s: 400 packets/s", **CLIENT_OVER),
    event(1700, b"network_over", b"is over 4 x destination_rate, 8000/s: 9000" + NOT_DROPPED, **NETWORK_OVER),
    event(1800, b"client_under", b"is within its rate of 360/s: 8 packets/s", client="2001:db8:1:2::", bits=64),
    event(1900, b"pair_over", b"is over its rate: 206 packets/s", **{**PAIR_OVER6, "bits": 64}),
    event(1901, b"pair_over", b"is over its rate: 206 packets/s", **PAIR_OVER6),
    event(2000, b"client_scans", b"scans: makes 720 contacts/s or more", client="10.1.2.3", value=720.0),
    event(2001, b"condition_raised", b"pins_missing: gone", about=(b"pins_missing", b"pins")),
    event(2002, b"condition_raised", b"client_scans: x", client="10.1.2.3", about=(b"client_scans", b"client 1")),
    event(9000, b"condition_cleared", b"x" * 319, b"y" * 35, about=(b"i" * 31, b"s" * 78 + b"\x1b")),
    event(59_999, b"policy", b"version 12 is in force", value=12.0),
    event(60_000, b"a_kind_longer_than_its_column", b"x" * 95, b"y" * 35, value=NAN),
    event(86_400_000, b"member_up\x1b", b"\x07\n\xc3\xa9\xff", b"\x1b[2J", value=-1.0),
]


def sample(at_ns, reason, length, ifindex, caught, bare, content, client="10.1.2.3", destination="198.51.100.7"):
    pair = address(client), address(destination)
    return Sample(at_ns, reason, length, ifindex, caught, bare, 0, *pair, Frame(*content))


ETHERNET = bytes.fromhex("020000000101" "020000000001" "0800")
IPV4_UDP = bytes.fromhex("4500002a00000000401100000a010203c6336407" "d431003500160000")
FRAME = ETHERNET + IPV4_UDP + bytes(range(18))
BARE4, BARE6 = b"\x45" + bytes(191), b"\x60" + bytes(39)
SAMPLES = [
    sample(NOW, 10, 64, 2, len(FRAME), 0, FRAME),
    sample(NOW + 1, 12, 1500, 3, 192, 0, octets(192, 3)),
    sample(NOW + S, 9, 40, 4, 40, 1, BARE6, "2001:db8::2", "2001:db8::1"),
    sample(NOW + 2 * S, 4_000_000_000, 20, 4, 65535, 1, BARE4),
]
DOCUMENTS = [
    Document(b"revocation", 2, 301, octets(32, 11)),
    Document(b"rotation", 4, 49152, octets(32, 12)),
    Document(b"policy", 12, 65536, octets(32, 13)),
]
STANDINGS = [
    Standing(b"proxy-1", key_text(1), 1, 1, 0, 0, 0, 3, Serials(2, 4, 12)),
    Standing(b"proxy-2", key_text(2), 0, 1, 0, 0, 0, 4, Serials(2, 4, 11)),
    Standing(b"proxy-3", key_text(3), 0, 0, 0, 1, 0, 5, Serials(2, 4, 12)),
    Standing(b"proxy-4", key_text(4), 0, 0, 1, 0, 0, 6, Serials(0, 0, 0)),
    Standing(b"\x1b[2J\xff", b"", 0, 1, 0, 0, 0, 2**64 - 1, Serials(2**64 - 1, 4, 12)),
]
ALL_ZERO = [Reason(word.encode()) for word in REASON_WORDS] + [Reject(word.encode()) for word in REJECT_WORDS]
ANSWERS = {
    "status": rows(status(), *REASONS, *REJECTS, *ATTACHMENTS),
    "status_full": rows(
        *FULL,
        status(),
        *REASONS,
        *REJECTS,
        *ATTACHMENTS,
        *COARSES,
    ),
    "status_full_unattached": rows(status(), *REASONS, *REJECTS, COARSES[0]),
    "status_troubled": rows(*TROUBLES, TROUBLED, *REASONS, *REJECTS, Attachment(b"eth0", b"none", 0, 0)),
    "status_sides": rows(status(**CLIENTS), *REASONS, *REJECTS, *ATTACHMENTS, *watched.shadows(NOW)),
    "status_unenforced": rows(
        condition(ERROR, b"not_enforced", b"interfaces", UNENFORCED, b"say where the clients are (clients)"),
        status(degraded=1),
        *REASONS,
        *ATTACHMENTS_UNENFORCED,
    ),
    "status_alone": rows(ALONE, *ALL_ZERO),
    # To every request: who asks for the status looks at these rows, who asks for members at those.
    "exported": rows(
        *(*TROUBLES, TROUBLED, *REASONS, *REJECTS, Attachment(b'eth"0\\', b"none", 0, 0)),
        *(*watched.shadows(NOW), *MEMBERS, MEMBERS[1]),
    ),
    "members": rows(*MEMBERS),
    "pairs": rows(*PAIRS),
    "destinations": rows(*DESTINATIONS),
    "clients": rows(*CLIENT_KEYS),
    "clients_of": rows(ASKED, CLIENT_KEYS[1]),
    "clients_of_none": rows(ASKED),
    "networks": rows(*NETWORK_KEYS),
    "policy": rows(status(policy_flags=0x07), *[]),
    "policy_of_mesh": rows(TROUBLED, *RULES),
    **watched.answers(status, CLIENTS, NOW),
    "events": rows(*EVENTS),
    "events_open": b"".join(row(value) for value in EVENTS[:2]),
    "capture": rows(*SAMPLES),
    "capture_of": rows(ASKED, *SAMPLES),
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
    "refused_part": rows(error=-33),
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
    "wrong_size": header(Member.record_type, 8) + bytes(8),
    "wrong_size_of_status": header(Status.record_type, ctypes.sizeof(Status) + 8) + bytes(ctypes.sizeof(Status) + 8),
}
