#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""order.py RULE RECORD: does a rule of order hold in what a gossipd-recorded wrote down
(tests/host/recorder.c)? Ends with 1 and the lines around the first breach when it does not, or when the record
shows nothing the rule speaks of. order.py show RECORD prints the record, equal lines folded."""
import itertools
import sys


# A cache: what is lost of it comes back, and a hash tells a damaged one. So nobody waits for the disk.
CACHE, CACHE_NEW = "answered", ".answered.new"


class Breach(Exception):
    def __init__(self, at, words):
        super().__init__(words)
        self.at = at


def lines_of(path):
    with open(path) as record:
        return [line.split() for line in record]


def is_file(line):
    return line[0] in ("open", "write", "fsync", "rename", "unlink")


def is_of_cache(line):
    return is_file(line) and line[1] in (CACHE, CACHE_NEW)


def must(happened, words):
    if not happened:
        raise Breach(0, words)


def renames_follow_fsync(lines):
    """A file that was written is written whole, made durable, and only then renamed; nothing is written after
    its fsync."""
    state, renamed = {}, 0
    for at, line in enumerate(lines):
        if not is_file(line) or line[1].endswith("/"):
            continue
        name = line[1]
        if line[0] == "open":
            state[name] = "open"
        elif line[0] == "write":
            if state.get(name) == "durable":
                raise Breach(at, f"{name} is written after its fsync")
            state[name] = "written"
        elif line[0] == "fsync":
            if state.get(name) != "written":
                raise Breach(at, f"{name} is made durable before it is written")
            state[name] = "durable"
        elif line[0] == "rename":
            if state.get(name, "durable") != "durable":
                raise Breach(at, f"{name} is renamed before it is durable")
            renamed += name in state
            state[line[2]] = state.pop(name, "durable")
    must(renamed, "no file was renamed")


def directories_follow_renames(lines):
    """After a rename the directory is made durable before any datagram, any answer, and any other file."""
    waits, seen = None, 0
    for at, line in enumerate(lines):
        if line[0] == "rename":
            if waits is not None and not lines[waits][2].endswith(".before.doc"):
                raise Breach(at, "another file is renamed before the directory is durable")
            waits, seen = at, seen + 1
        elif line[0] == "fsync" and line[1].endswith("/"):
            waits = None
        elif waits is not None and line[0] in ("send", "control-out"):
            raise Breach(at, f"{line[0]} before the directory is durable")
        elif waits is not None and line[0] == "open" and not lines[waits][2].endswith(".before.doc"):
            raise Breach(at, "another file is begun before the directory is durable")
    must(waits is None, "the last rename was never made durable")
    must(seen, "no file was renamed")


def reserved_before_sent(lines):
    """The incarnation, and then this start's number, are durable before the table holds them and before the
    first datagram."""
    durable, uses = 0, {"incarnation": 0, "boot": 0}
    for at, line in enumerate(lines):
        if line[0] == "rename" and line[2] == "state":
            durable += 0.5
        elif line[0] == "fsync" and line[1].endswith("/") and durable % 1:
            durable += 0.5
        elif line[:2] == ["store", "state"] and line[3] in uses:
            wanted = 1 if line[3] == "incarnation" else 2
            if durable < wanted:
                raise Breach(at, f"the table's {line[3]} is stored before it is durable")
            uses[line[3]] += 1
        elif line[0] == "send" and durable < 2:
            raise Breach(at, "a datagram leaves before this start's number is durable")
        if line[0] == "send" and not uses["boot"]:
            raise Breach(at, "a datagram leaves before the table holds this start's number")
    must(durable >= 2 and uses["boot"], "no number was reserved")


def documents_before_sent(lines):
    """From the moment a document comes over the control socket (its request and its bytes) no datagram leaves
    before it is durable. A document of the network: between the datagrams it came with and its file none
    leaves."""
    waits, began, kept, sent = None, None, 0, None
    for at, line in enumerate(lines):
        if line[0] == "control-in" and int(line[1]) > 60:
            waits = at
        elif line[0] == "receive":
            sent = None
        elif line[0] == "open" and ".doc." in line[1]:
            if sent is not None and waits is None:
                raise Breach(at, "a document is begun after datagrams left in the same turn")
            began = at
        elif line[0] == "fsync" and line[1].endswith("/") and began is not None:
            waits, began, kept = None, None, kept + 1
        elif line[0] == "send":
            sent = at
            if waits is not None or began is not None:
                raise Breach(at, "a datagram leaves before the document is durable")
    must(kept, "no document was kept")
    must(waits is None, "a document was never kept")


def stores(lines, *maps):
    return [(at, line[1], line[2], line[3]) for at, line in enumerate(lines) if line[0] == "store" and line[1] in maps]


def harvest_before_slot(lines):
    """table_harvest.c: `harvest` is written before `slot`, of the same record, with no store between."""
    all_stores, pairs = stores(lines, "pairs4", "pairs6", "destinations"), 0
    for before, (at, *place, field) in zip([(0, "", "", "")] + all_stores, all_stores):
        if field != "slot":
            continue
        if list(before[1:3]) != place or before[3] != "harvest":
            raise Breach(at, "slot is stored without harvest just before it")
        pairs += 1
    must(pairs, "no slot was stored")


def folds_in_order(lines):
    """table_apply.c, words_fold: (carry,) base, fold, carry, pass_share of one record, in this order, with no
    store of it between."""
    seen, per_place = 0, {}
    for at, name, number, field in stores(lines, "pairs4", "pairs6", "destinations"):
        if field in ("base", "fold", "carry", "pass_share", "harvest", "slot", "flags"):
            per_place.setdefault((name, number), []).append((at, field))
    for order in per_place.values():
        fields = [field for _, field in order]
        for i, (at, field) in enumerate(order):
            if field == "base" and fields[i + 1 : i + 4] != ["fold", "carry", "pass_share"]:
                raise Breach(at, f"base is followed by {fields[i + 1:i + 4]}, not by fold, carry, pass_share")
            if field == "fold" and fields[i - 1 : i] != ["base"]:
                raise Breach(at, "fold is stored without base before it")
            seen += field == "fold"
    must(seen, "no fold was stored")


def heads_before_written(lines):
    """A destination's fold ends with its flags, and the very next store is state.written, which makes shards
    look again."""
    folds, all_stores = 0, [(at, line[1:]) for at, line in enumerate(lines) if line[0] == "store"]
    for (_, before), (at, head), (_, after) in zip(all_stores, all_stores[1:], all_stores[2:]):
        if head[0] != "destinations" or head[2] != "flags" or before != [head[0], head[1], "pass_share"]:
            continue
        if after != ["state", "0", "written"]:
            raise Breach(at, "a head is folded, and state.written is not stored next")
        folds += 1
    must(folds, "no head was folded")


def tags_last(lines):
    """table_spot.c: of a record that the daemon makes, everything is stored between the two stores of its tag:
    busy, then the key's."""
    made, busy, stored = 0, {}, {}
    for at, name, number, field in stores(lines, "pairs4", "pairs6"):
        place = (name, number)
        if field == "tag" and place not in busy:
            busy[place], stored[place] = at, set()
        elif field == "tag":
            if "window" not in stored[place] and "packets" not in stored[place]:
                raise Breach(at, f"the tag of {number} is published before its record")
            del busy[place]
            made += 1
        elif place in busy:
            stored[place].add(field)
    must(made, "no record was made")


def policies_before_switch(lines):
    """The bank is written whole before state.active switches to it, and state.written follows; no policy is
    written after the switch until the next."""
    switches, after = 0, None
    written = {"prefixes": 0, "classes": 0}
    for at, line in enumerate(lines):
        if line[0] == "mark" and line[1] == "reload":
            after, written = None, dict.fromkeys(written, 0)
        elif line[1] in written and line[0] in ("store", "update"):
            if after is not None:
                raise Breach(at, "the bank is written after the switch")
            written[line[1]] += 1
        elif line[:2] == ["store", "state"] and line[3] == "active":
            if not written["prefixes"] or not written["classes"]:
                raise Breach(at, "the switch comes before the bank is written")
            after, switches = at, switches + 1
    must(switches >= 2, "no policy was switched to")


def heartbeat_before_harvest(lines):
    """A pass begins with the heartbeat and ends with harvested_at, after all its stores of `harvest`."""
    beat, passes = False, 0
    for at, line in enumerate(lines):
        if line[:2] == ["store", "state"] and line[3] == "heartbeat":
            beat = True
        elif line[0] == "store" and line[3] == "harvest" and not beat:
            raise Breach(at, "a record is harvested outside of a pass")
        elif line[:2] == ["store", "state"] and line[3] == "harvested_at":
            passes, beat = passes + 1, False
    must(passes > 1, "no pass was seen")
    must(not beat, "the last pass ends with the heartbeat")


def last_turn_is_sent(lines):
    """After SIGTERM (mark stop) a tick is harvested and its frames leave; no state is written any more."""
    marks = [at for at, line in enumerate(lines) if line == ["mark", "stop"]]
    must(marks, "no stop was marked")
    rest = lines[marks[-1] :]
    for offset, line in enumerate(rest):
        if line[0] == "rename":
            raise Breach(marks[-1] + offset, "a file is written while stopping")
    harvested = [at for at, line in enumerate(rest) if line[:2] == ["store", "state"] and line[3] == "harvested_at"]
    must(harvested, "no harvest after the stop")
    must(any(line[0] == "send" for line in rest[harvested[0] :]), "nothing was sent after the last harvest")


def cache_is_replaced_whole(lines):
    """The cache is written under another name and renamed; it is never written in place."""
    written, renamed = False, 0
    for at, line in enumerate(lines):
        if not is_of_cache(line):
            continue
        if line[0] == "write":
            if line[1] != CACHE_NEW:
                raise Breach(at, "the cache is written in place")
            written = True
        elif line[0] == "rename":
            if not written:
                raise Breach(at, "a file that was not written takes the cache's place")
            written, renamed = False, renamed + 1
    must(renamed, "the cache was not written")
    must(not written, "the cache that was written did not take its place")


def show(lines):
    for line, run in itertools.groupby(
        lines, key=lambda line: " ".join(line[:2] if line[0] in ("send", "store", "receive") else line)
    ):
        print(line, f"x {count}" if (count := len(list(run))) > 1 else "")


def main():
    rule, path = sys.argv[1:3]
    lines = lines_of(path)
    if rule not in ("cache_is_replaced_whole", "show"):
        lines = [line for line in lines if not is_of_cache(line)]
    try:
        globals()[rule](lines)
    except Breach as breach:
        print(breach)
        for at in range(max(0, breach.at - 12), min(len(lines), breach.at + 4)):
            print(f"{'>' if at == breach.at else ' '} {at + 1} {' '.join(lines[at])}")
        sys.exit(1)


if __name__ == "__main__":
    main()
