#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The gate at the gossip port between two daemons that filter the very interface they gossip over: they find each other,
# noise does not reach them, and one that moves to another address is heard from there. Needs root. Speaks TAP.
#
#      a (namespace) wan 10.76.0.1 <--veth--> wan 10.76.0.2 b (namespace)
set -u

here=$(cd "$(dirname "$0")/../.." && pwd)
bin=${BIN:-$here/build/bin}
packets=${PACKETS:-$here/build/tests/e2e/packets}
ctl=$bin/gossipctl
dir=$(mktemp -d)
name=xpro-gate-$$
. "$here/tests/e2e/tap.sh"

finish() {
	for node in a b; do
		[ ! -f "$dir/$node.pid" ] || kill -KILL "$(cat "$dir/$node.pid")" 2>/dev/null
		[ ! -f "$dir/$node.pid" ] || wait "$(cat "$dir/$node.pid")" 2>/dev/null
		ip netns del "$name-$node" 2>/dev/null
	done
	umount -l "$dir/bpf" 2>/dev/null
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

in_() { space=$1; shift; nsenter --net="/run/netns/$name-$space" "$@"; }
ask() { node=$1; shift; "$ctl" --socket "$dir/$node.sock" "$@"; }
reason() { ask "$1" status --json | jq ".reasons[] | select(.name == \"$2\") | .packets"; }
received() { ask a status --json | jq '.status.datagrams_received'; }
see_each_other() { test "$(ask a members --json | jq '[.members[] | select(.up)] | length')" = 2 && \
	test "$(ask b members --json | jq '[.members[] | select(.up)] | length')" = 2; }
hears_b_at() {
	test "$(ask a members --json | jq -r '.members[] | select(.name == "b" and .up) | .endpoint')" = "$1:7946"
}

start() {
	nsenter --net="/run/netns/$name-$1" "$bin/gossipd" --config "$dir/mesh/$1/$1.conf" \
		>"$dir/$1.log" 2>&1 </dev/null &
	echo $! >"$dir/$1.pid"
	wait_for 10 grep -q 'gossipd: ready:' "$dir/$1.log" || { cat "$dir/$1.log"; return 1; }
}

[ "$(id -u)" -eq 0 ] || { echo "Bail out! needs root"; exit 1; }
ip netns add "$name-a"
ip netns add "$name-b"
ip -n "$name-a" link add wan type veth peer name wan netns "$name-b"
mkdir "$dir/bpf"
mount -t bpf bpf "$dir/bpf"
"$ctl" mesh init --directory "$dir/mesh" >/dev/null
number=0
for node in a b; do
	number=$((number + 1))
	ip -n "$name-$node" link set lo up
	ip -n "$name-$node" addr add "10.76.0.$number/24" dev wan
	ip -n "$name-$node" link set wan up
	"$ctl" mesh issue "$node" --directory "$dir/mesh" --address "10.76.0.$number:7946" --interface wan \
		--state-directory "$dir/state.$node" --pin-path "$dir/bpf/$node" --control-socket "$dir/$node.sock" \
		>/dev/null
	sed -i 's/^listen = .*/listen = ["0.0.0.0:7946"];/' "$dir/mesh/$node/$node.conf"
done
mac=$(ip -n "$name-a" -j link show wan | jq -r '.[0].address')

ok "a_starts" start a
ok "b_starts" start b
ok "they_find_each_other_through_the_gate" wait_for 10 see_each_other
# Until a daemon's next second a new member's datagrams take from a stranger's bucket: 20, and 20 a second.
ok "with_hardly_a_drop" test "$(($(reason a drop_gossip) + $(reason b drop_gossip)))" -le 20

# 10,000 datagrams of a stranger's in well under a second, then as many greetings.
before=$(received)
in_ b "$packets" send wan "$mac" 10.76.0.66 10.76.0.1 port=7946 size=500 count=10000
ok "noise_drops_before_the_socket" test "$(reason a drop_gossip)" -ge 9000
in_ b "$packets" send wan "$mac" 10.76.0.66 10.76.0.1 port=7946 size=668 count=10000
ok "false_greetings_as_well" test "$(reason a drop_gossip)" -ge 16000
ok "so_the_daemon_read_little" test "$(($(received) - before))" -lt 5000
ok "and_hears_its_member" wait_for 5 see_each_other
dropped=$(reason a drop_gossip)
in_ b "$packets" send wan "$mac" 10.76.0.66 10.76.0.1 port=7947 count=1000
ok "other_ports_are_not_its_business" test "$(reason a drop_gossip)" = "$dropped"

ip -n "$name-b" addr add 10.76.0.99/24 dev wan
ip -n "$name-b" addr del 10.76.0.2/24 dev wan
ip -n "$name-b" addr add 10.76.0.99/24 dev wan 2>/dev/null # gone with the first, where promotion of secondaries is off
ok "a_member_that_moved_is_heard_from_there" wait_for 20 hears_b_at 10.76.0.99
in_ b "$packets" send wan "$mac" 10.76.0.66 10.76.0.1 port=7946 size=500 count=10000
ok "and_stays_up_beside_noise" wait_for 5 see_each_other

done_testing
