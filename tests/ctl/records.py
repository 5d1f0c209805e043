# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The layouts of include/xpro/control.h, written a second time by hand: the request, and the records of an answer
with their types. A layout that changes there makes gossipctl refuse the answers made of these."""

import ctypes
import ipaddress
from ctypes import c_char, c_double, c_int32, c_int64, c_uint8, c_uint16, c_uint32, c_uint64


def structure(name, *fields):
    """fields: (C type, names)"""
    members = [(word, kind) for kind, words in fields for word in words.split()]
    return type(name, (ctypes.Structure,), {"_fields_": members})


def record(record_type, name, *fields):
    """record_type: enum control_type"""
    made = structure(name, *fields)
    made.record_type = record_type
    return made


def text(size):
    return c_char * size


Address = c_uint8 * 16
Digest = c_uint8 * 32
Serials = c_uint64 * 3
Tables = c_uint64 * 3
Frame = c_uint8 * 192

Request = structure(
    "Request",
    (c_uint32, "magic version verb flags"),
    (Address, "client destination"),
    (c_uint8, "client_bits destination_bits"),
    (c_uint16, "seconds"),
    (c_uint32, "count payload_bytes"),
)
End = record(1, "End", (c_int32, "error"), (c_uint32, "group"))
Status = record(
    2,
    "Status",
    (text(36), "name"),
    (text(20), "version"),
    (c_int64, "now_ns"),
    (c_uint64, "incarnation boot"),
    (c_double, "uptime_s"),
    (c_uint32, "gossip members members_up degraded"),
    (c_uint32, "tick_ms window_max_ms decay slot_ms"),
    (c_uint32, "idle_reset_ms pair_min_window_ms destination_min_window_ms protected_only"),
    (c_uint32, "pair_rate destination_rate policy_flags hz"),
    (c_uint32, "client_rate network_rate client_limit network_limit contact_rate contact_limit"),
    (c_uint64, "policy_version policy_waiting policy_effective_slot"),
    (c_uint32, "policy_generation policy_rules listing unprotected"),
    (c_uint32, "side outside reserved_outside clients drop_foreign_sources judge_replies"),
    (Address * 8, "client"),
    (c_uint8 * 8, "client_bits"),
    (c_uint64, "clients_full slot tick"),
    (c_uint64, "pairs4 pairs4_max pairs6 pairs6_max destinations destinations_max table_bytes"),
    (c_uint64, "keys_held keys_max cells_held cells_max"),
    (c_uint64, "datagrams_received datagrams_sent bytes_received bytes_sent datagrams_unsent"),
    (c_uint64, "frames_published frames_received frames_duplicate frames_repaired frames_served"),
    (c_uint64, "cells_published cells_merged cells_refused cells_waiting cells_over_line"),
    (c_uint64, "outbox_dropped signatures_made signatures_checked"),
    (c_uint64, "cells_harvested cells_unheld records_written records_refused changes_pending filters_restored"),
    (c_uint64, "requests_refused warnings"),
    (c_double, "tick_ms_worst turn_ms_worst turn_cpu_ms_worst tick_late_ms_worst clock_drift_ms"),
    (c_uint32, "digest_known reserved_digest"),
    (Digest, "ledger_digest"),
    (Tables, "vouched vouched_max vouched_part"),
)
Reason = record(3, "Reason", (text(32), "name"), (c_uint64, "packets bytes"))
Reject = record(4, "Reject", (text(32), "name"), (c_uint64, "count"))
Attachment = record(5, "Attachment", (text(16), "interface mode"), (c_uint32, "program_id ours side answers"))
Member = record(
    6,
    "Member",
    (text(36), "name"),
    (text(20), "region"),
    (text(64), "endpoint"),
    (text(72), "key"),
    (c_uint32, "self up skewed suspect left neighbour"),
    (c_uint64, "incarnation boot tick cells frames_received frames_repaired"),
    (c_double, "rtt_ms skew_ms silent_s load load_limit"),
    (c_uint64, "keys cells_refused"),
    (c_int64, "left_out_since_ns"),
    (c_uint32, "left_out cloned"),
    (c_uint64, "line_rate"),
    (c_double, "line_used"),
    (Tables, "vouched"),
    (c_uint64, "vouched_alone vouched_refused"),
    (c_double, "vouched_share"),
)
Key = record(
    7,
    "Key",
    (Address, "client destination"),
    (c_int64, "ts1_ns ts2_ns"),
    (c_uint64, "count"),
    (c_double, "carried window_s rate offered limit share"),
    (c_uint32, "origins over held thinned shadow client_bits untold limited"),
    (c_double, "granted"),
    (c_uint64, "reached dropped"),
    (c_uint32, "answers answers_mesh"),
    (c_double, "bytes"),
)
Record = record(
    8,
    "Record",
    (c_uint32, "present folded answers answers_tcp"),
    (c_uint64, "packets window_packets count"),
    (c_double, "window_s judged_window_s share"),
    (c_uint64, "bytes"),
    (c_double, "size"),
    (c_uint32, "answers_mesh remembered"),
)
Cell = record(
    9,
    "Cell",
    (text(36), "member"),
    (c_uint64, "incarnation slot packets"),
    (c_int64, "first_ns last_ns"),
    (c_uint32, "answers answers_tcp"),
)
Counter = structure("Counter", (text(36), "member"), (c_double, "rate"))
Event = record(
    10,
    "Event",
    (c_int64, "at_ns"),
    (text(32), "kind"),
    (text(36), "member"),
    (Address, "client destination"),
    (c_double, "value member_part"),
    (Counter * 3, "counters"),
    (c_double, "bytes largest"),
    (c_uint32, "clients clients_more clients_known clients_answered clients_new clients_reserved mode client_bits"),
    (text(32), "condition"),
    (text(80), "subject"),
    (text(320), "text"),
)
Rule = record(
    11,
    "Rule",
    (Address, "prefix destination"),
    (c_uint8, "bits destination_bits side kind"),
    (c_uint16, "fields reserved"),
    (c_uint32, "number pair_rate destination_rate client_rate network_rate outside_rate contact_rate"),
    (c_uint32, "idle_reset_ms pair_min_window_ms destination_min_window_ms ended reserved_end"),
    (c_uint64, "until_s"),
)
Sample = record(
    12,
    "Sample",
    (c_int64, "at_ns"),
    (c_uint32, "reason length ifindex"),
    (c_uint16, "caught"),
    (c_uint8, "bare reserved"),
    (Address, "client destination"),
    (Frame, "bytes"),
)
Pushed = record(13, "Pushed", (c_uint32, "taken reserved"), (text(32), "reason"))
Document = record(14, "Document", (text(16), "kind"), (c_uint64, "serial size"), (Digest, "hash"))
Standing = record(
    15,
    "Standing",
    (text(36), "name"),
    (text(72), "key"),
    (c_uint32, "self up revoked behind reserved"),
    (c_uint64, "certificate_serial"),
    (Serials, "serials"),
)
Condition = record(
    16,
    "Condition",
    (c_int64, "since_ns"),
    (c_uint32, "severity omitted"),
    (text(32), "id"),
    (text(80), "subject"),
    (text(320), "text"),
    (text(200), "what_to_do"),
)
Coarse = record(
    17, "Coarse", (Address, "prefix"), (c_uint32, "bits kind"), (c_uint64, "packets"), (c_double, "window_s rate share")
)
Asked = record(18, "Asked", (Address, "asked client"), (c_uint32, "asked_bits client_bits"))
Watch = record(
    19, "Watch", (c_int64, "since_ns until_ns"), (c_uint64, "rounds missed"), (c_uint32, "running learnt_clients")
)
Learnt = record(20, "Learnt", (Address, "client destination"), (c_uint32, "client_bits peak looks more"))
Bucket = record(21, "Bucket", (c_uint32, "kind bucket"), (c_uint64, "count"))
Shadow = record(
    23,
    "Shadow",
    (c_int64, "since_ns"),
    (c_uint32, "kind rules"),
    (c_uint64, "over_now looks_over"),
    (c_double, "packets"),
)
Top = record(22, "Top", (Address, "client destination"), (c_double, "rate"), (c_uint32, "kind client_bits"))


def header(record_type, size):
    return record_type.to_bytes(4, "little") + size.to_bytes(4, "little")


def row(value):
    body = bytes(value)
    return header(value.record_type, len(body)) + body


def rows(*values, error=0, group=0):
    return b"".join(row(value) for value in values) + row(End(error, group))


def address(words):
    """An IPv4 address is mapped into IPv6; None is all zeros."""
    if words is None:
        return Address()
    packed = ipaddress.ip_address(words).packed
    return Address(*(packed if len(packed) == 16 else b"\0" * 10 + b"\xff\xff" + packed))


def octets(size, first):
    return (c_uint8 * size)(*((first + 7 * i) % 256 for i in range(size)))
