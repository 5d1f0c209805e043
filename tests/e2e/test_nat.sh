#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A proxy behind a 1:1 NAT, issued with the address it is reached at: it is met, and told to others, there. Needs root.
# Speaks TAP.
#
#      a 10.1.0.1 --+
#                   +-- nat 10.1.0.254, 10.1.0.99 <-> 192.168.0.2 -- b 192.168.0.2
#      c 10.1.0.2 --+
set -u

here=$(cd "$(dirname "$0")/../.." && pwd)
bin=${BIN:-$here/build/bin}
ctl=$bin/gossipctl
dir=$(mktemp -d)
name=xpro-nat-$$
PATH=$PATH:/usr/sbin:/sbin
. "$here/tests/e2e/tap.sh"

finish() {
	for node in a b c; do
		[ ! -f "$dir/pid.$node" ] ||
			{ kill -KILL "$(cat "$dir/pid.$node")"; wait "$(cat "$dir/pid.$node")"; } 2>/dev/null
	done
	for space in a b c nat; do ip netns del "$name-$space" 2>/dev/null; done
	umount -l "$dir/bpf" 2>/dev/null
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

# wire SPACE ADDRESS: a wire to the router
wire() {
	ip -n "$name-$1" link add up0 type veth peer name "to-$1" netns "$name-nat"
	ip -n "$name-$1" addr add "$2/24" dev up0
	ip -n "$name-$1" link set up0 up
	ip -n "$name-nat" link set dev "to-$1" up
}
start() {
	(
		exec nsenter --net="/run/netns/$name-$1" "$bin/gossipd" --config "$dir/mesh/$1/$1.conf"
	) >"$dir/log.$1" 2>&1 </dev/null &
	echo $! >"$dir/pid.$1"
	wait_for 10 grep -q 'gossipd: ready:' "$dir/log.$1" || { cat "$dir/log.$1"; return 1; }
}
ask() { node=$1; shift; "$ctl" --socket "$dir/$node.sock" "$@"; }
sees_all() { ask "$1" members --json | jq -e '[.members[] | select(.up)] | length == 3'; }
knows_b_at() { ask "$1" members --json | jq -e --arg at "$2" '.members[] | select(.name == "b") | .endpoint == $at'; }

[ "$(id -u)" -eq 0 ] || { echo "Bail out! needs root"; exit 1; }
for space in a b c nat; do
	ip netns add "$name-$space"
	ip -n "$name-$space" link set lo up
done
ip -n "$name-nat" link add wan type bridge
ip -n "$name-nat" link set wan up
for address in 10.1.0.254 10.1.0.99; do ip -n "$name-nat" addr add "$address/24" dev wan; done
wire a 10.1.0.1
wire c 10.1.0.2
wire b 192.168.0.2
for space in a c; do ip -n "$name-nat" link set dev "to-$space" master wan; done
ip -n "$name-nat" addr add 192.168.0.1/24 dev to-b
ip -n "$name-b" route add default via 192.168.0.1
nsenter --net="/run/netns/$name-nat" sysctl -qw net.ipv4.ip_forward=1
nat() {
	nsenter --net="/run/netns/$name-nat" nft -f - <<-END
		table ip nat {
			chain in { type nat hook prerouting priority -100; ip daddr 10.1.0.99 dnat to 192.168.0.2; }
			chain out { type nat hook postrouting priority 100; ip saddr 192.168.0.2 snat to 10.1.0.99; }
		}
	END
}
ok "there_is_a_nat" nat
mkdir "$dir/bpf"
mount -t bpf bpf "$dir/bpf"
"$ctl" mesh init --directory "$dir/mesh" >/dev/null
for node in a:10.1.0.1 b:10.1.0.99 c:10.1.0.2; do
	"$ctl" mesh issue "${node%%:*}" --directory "$dir/mesh" --address "${node#*:}:7946" \
		--state-directory "$dir/state.${node%%:*}" --pin-path "$dir/bpf/${node%%:*}" \
		--control-socket "$dir/${node%%:*}.sock" --interface up0 >/dev/null
done
for node in a b c; do ok "${node}_starts_with_the_configuration_as_issued" start "$node"; done
for node in a b c; do ok "${node}_sees_all_three" wait_for 10 sees_all "$node"; done
for node in a c; do
	ok "${node}_knows_b_at_the_address_it_was_issued_with" wait_for 10 knows_b_at "$node" 10.1.0.99:7946
done
done_testing
