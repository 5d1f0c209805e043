#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What real daemons were given, given to the simulator's core: the same ledger, the same verdicts. Needs root. Speaks
# TAP.
#
#      clients (a namespace)       a                            b (only listens)
#      10.77.1.2-9   <--veth-->    10.77.1.1  10.78.1.1 <--veth--> 10.78.1.2
set -u

here=$(cd "$(dirname "$0")/../.." && pwd)
bin=${BIN:-$here/build/bin}
dir=$(mktemp -d)
name=xpro-trace-$$
. "$here/tests/e2e/tap.sh"

finish() {
	for pid in "$dir"/pid.*; do
		[ ! -f "$pid" ] || { kill -KILL "$(cat "$pid")"; wait "$(cat "$pid")"; } 2>/dev/null
	done
	for ns in a b c; do ip netns del "$name-$ns" 2>/dev/null; done
	umount -l "$dir/bpf" 2>/dev/null
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

inside() { ns=$1; shift; nsenter --net="/run/netns/$name-$ns" "$@"; }
ask() { node=$1; shift; "$bin/gossipctl" --socket "$dir/$node.sock" "$@"; }

# start NODE: until it is ready
start() {
	(
		exec nsenter --net="/run/netns/$name-$1" "$bin/gossipd" --config "$dir/mesh/$1/$1.conf"
	) >"$dir/log.$1" 2>&1 </dev/null &
	echo $! >"$dir/pid.$1"
	wait_for 10 grep -q 'gossipd: ready:' "$dir/log.$1" || { cat "$dir/log.$1"; return 1; }
}

stop() {
	kill -TERM "$(cat "$dir/pid.$1")"
	wait "$(cat "$dir/pid.$1")"
	status=$?
	rm "$dir/pid.$1"
	return "$status"
}

# issue NODE ADDRESS INTERFACE MIB
issue() {
	"$bin/gossipctl" mesh issue "$1" --directory "$dir/mesh" --address "$2:7946" --interface "$3" \
		--state-directory "$dir/state.$1" --pin-path "$dir/bpf/$1" --control-socket "$dir/$1.sock" \
		--pair-rate 20 --destination-rate 1000 >/dev/null &&
		printf 'trace_file = "%s";\ntrace_mib = %s;\n' "$dir/$1.trace" "$4" >>"$dir/mesh/$1/$1.conf"
}

# 8 clients at 40 packets/s each, twice the rate, for 3 s.
traffic() {
	inside c python3 -c '
import socket, time
sockets = []
for i in range(8):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("10.77.1.%d" % (2 + i), 0))
    sockets.append(s)
for turn in range(120):
    for s in sockets:
        s.sendto(b"x", ("203.0.113.9", 9))
    time.sleep(0.025)'
}

noise() {
	inside b python3 -c '
import random, socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
random.seed(7)
for i in range(6000):
    s.sendto(random.randbytes(random.choice([1, 36, 640, 1232, 1400])), ("127.0.0.1", 7946))'
}

knows_cells() { [ "$(ask b pairs --json | jq '.pairs | length')" -ge 8 ]; }
drops() {
	[ "$(ask a status --json | jq '[.reasons[]? | select(.name | startswith("drop_pair")) | .packets] | add')" \
		-gt 0 ]
}

# replayed NODE: the simulator comes to what the daemon logged
replayed() {
	"$bin/xpro-sim" replay "$dir/$1.trace" >"$dir/replayed.$1" ||
		{ cat "$dir/replayed.$1"; tail -n 3 "$dir/log.$1"; return 1; }
	ledger=$(sed -n 's/^ledger *\([0-9a-f]*\),.*/\1/p' "$dir/replayed.$1")
	verdicts=$(sed -n 's/^verdicts *\([0-9a-f]*\),.*/\1/p' "$dir/replayed.$1")
	[ -n "$ledger" ] && grep -q "ledger $ledger verdicts $verdicts" "$dir/log.$1"
}

# changed OFFSET: a byte of a datagram or a count changed; the replay must say so
differs() {
	python3 - "$dir/a.trace" "$dir/changed.trace" <<'PYTHON'
import struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
at, last = 8, None
while at < len(data):
    kind, size = struct.unpack_from("<II", data, at)
    if kind == 3: # an observation
        last = at
    at += 24 + size
data[last + 24 + 56] += 1
open(sys.argv[2], "wb").write(data)
PYTHON
	"$bin/xpro-sim" replay "$dir/changed.trace" >"$dir/replayed"
	[ $? -eq 1 ] && grep -q "but the daemon's was" "$dir/replayed"
}

# holds_no_key NODE: neither the secret half of the key nor the mesh secret stand in the trace
holds_no_key() {
	python3 - "$dir/$1.trace" "$dir/mesh/$1" <<'PYTHON'
import base64, glob, re, sys
trace = open(sys.argv[1], "rb").read()
found = 0
for path in glob.glob(sys.argv[2] + "/*"):
    if not re.search("key|secret", path):
        continue
    text = open(path, "rb").read()
    for word in re.findall(rb"[A-Za-z0-9+/_=-]{40,}", text):
        for decode in (bytes.fromhex, base64.b64decode, base64.urlsafe_b64decode):
            try:
                secret = decode(word.decode())[:32]
            except ValueError:
                continue
            found += 1
            assert len(secret) == 32 and secret not in trace, path
assert found >= 2, "no keys found to look for"
PYTHON
}

[ "$(id -u)" -eq 0 ] || { echo "Bail out! needs root"; exit 1; }
for ns in a b c; do
	ip netns add "$name-$ns"
	ip -n "$name-$ns" link set lo up
done
ip -n "$name-a" link add clients type veth peer name proxy netns "$name-c"
ip -n "$name-a" link add mesh type veth peer name mesh netns "$name-b"
ip -n "$name-a" addr add 10.77.1.1/24 dev clients
ip -n "$name-a" addr add 10.78.1.1/24 dev mesh
ip -n "$name-b" addr add 10.78.1.2/24 dev mesh
for i in 2 3 4 5 6 7 8 9; do ip -n "$name-c" addr add "10.77.1.$i/24" dev proxy; done
ip -n "$name-a" link set clients up
ip -n "$name-a" link set mesh up
ip -n "$name-b" link set mesh up
ip -n "$name-c" link set proxy up
ip -n "$name-c" route add default via 10.77.1.1
mkdir "$dir/bpf"
mount -t bpf bpf "$dir/bpf"
"$bin/gossipctl" mesh init --directory "$dir/mesh" >/dev/null
issue a 10.78.1.1 clients 64
issue b 10.78.1.2 mesh 1

ok "a_starts" start a
ok "b_starts" start b
ok "it_says_that_it_is_traced" grep -q "everything the core is given goes to" "$dir/log.a"
ok "the_trace_is_for_root_alone" test "$(stat -c %a "$dir/a.trace")" = 600
ok "clients_send" traffic
ok "b_hears_what_a_counted" wait_for 10 knows_cells
sed -i 's/^\([[:space:]]*\)pair_rate = 20;/\1pair_rate = 15;/' "$dir/mesh/a/a.conf"
kill -HUP "$(cat "$dir/pid.a")"
ok "a_takes_over_another_policy" wait_for 10 grep -q "config: log_level is" "$dir/log.a"
ok "and_clients_send_again" traffic
ok "noise_fills_the_trace_of_b" noise
ok "which_ends_at_its_bound" wait_for 10 grep -q "trace: ended at its bound" "$dir/log.b"
ok "and_b_lives_on" ask b status
ok "a_ends" stop a
ok "b_ends" stop b
ok "no_trace_is_beyond_its_bound" test "$(stat -c %s "$dir/b.trace")" -le 1048576
ok "the_core_of_a_comes_to_the_same" replayed a
ok "it_held_the_clients_pairs" sh -c "grep -Eq ' (9|[1-9][0-9]+) keys' $dir/replayed.a"
ok "the_core_of_b_comes_to_the_same" replayed b
ok "a_changed_trace_does_not" differs
ok "the_trace_holds_no_key" holds_no_key a
head -c 3000 "$dir/a.trace" >"$dir/cut.trace"
cut_is_told() {
	! "$bin/xpro-sim" replay "$dir/cut.trace" 2>&1 | grep -q 'as the daemon' &&
		"$bin/xpro-sim" replay "$dir/cut.trace" 2>&1 | grep -q 'cut\|no end'
}
ok "a_cut_trace_is_told" cut_is_told

done_testing
