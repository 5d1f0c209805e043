#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# One gossipd on one host, as verbs for the tests of this folder. The reader sets mesh_options (of `mesh init`) if it
# wants any and calls begin; the end comes by itself.
#
#      $name (a namespace)          $name-peer (a namespace)
#      clients  10.77.1.1 <--veth--> clients 10.77.1.2

root=$(cd "$(dirname "$0")/../.." && pwd)
bin=${BIN:-$root/build/bin}
ctl=$bin/gossipctl
daemon=
. "$root/tests/e2e/tap.sh"

begin() {
	[ "$(id -u)" -eq 0 ] || { echo "Bail out! needs root"; exit 1; }
	PATH=$PATH:/usr/sbin:/sbin
	dir=$(mktemp -d)
	name=xpro-test-$$
	trap finish EXIT
	trap 'exit 1' INT TERM HUP
	ip netns add "$name"
	ip netns add "$name-peer"
	ip -n "$name" link set lo up
	ip -n "$name" link add clients address 02:00:00:00:01:01 type veth peer name clients address 02:00:00:00:00:01 \
		netns "$name-peer"
	ip -n "$name" addr add 10.77.1.1/24 dev clients
	ip -n "$name" link set clients up
	ip -n "$name-peer" addr add 10.77.1.2/24 dev clients
	ip -n "$name-peer" link set clients up
	mkdir "$dir/bpf"
	mount -t bpf bpf "$dir/bpf"
	# shellcheck disable=SC2086
	"$ctl" mesh init --directory "$dir/mesh" ${mesh_options:-} >/dev/null
	issue a 10.77.1.1:7946 --interface clients
	conf=$dir/mesh/a/a.conf
}

# issue NAME ENDPOINT OPTION...: a node with every path in our own folder
issue() {
	node=$1 endpoint=$2
	shift 2
	"$ctl" mesh issue "$node" --directory "$dir/mesh" --address "$endpoint" --state-directory "$dir/$node.state" \
		--pin-path "$dir/bpf/$node" --control-socket "$dir/$node.sock" "$@" >/dev/null
}

finish() {
	trap - EXIT
	[ -z "$daemon" ] || { kill -KILL "$daemon"; wait "$daemon"; } 2>/dev/null
	for other in "$dir"/pid.*; do
		[ ! -f "$other" ] || { kill -KILL "$(cat "$other")"; wait "$(cat "$other")"; } 2>/dev/null
	done
	for mounted in "$dir"/tmpfs.*; do [ ! -d "$mounted" ] || umount -l "$mounted" 2>/dev/null; done
	ip netns del "$name" 2>/dev/null
	ip netns del "$name-peer" 2>/dev/null
	umount -l "$dir/bpf" 2>/dev/null
	rm -rf "$dir"
}

inside() { nsenter --net="/run/netns/$name" "$@"; }
outside() { nsenter --net="/run/netns/$name-peer" "$@"; }
ask() { "$ctl" --socket "$dir/a.sock" "$@"; }
field() { ask status --json | jq -r ".status.$1"; }
answers() { ask members; }
logged() { grep -qF -e "$1" "$dir/log" || { tail -n 5 "$dir/log"; return 1; }; }

# start [WRAPPER...]: the daemon in the background, until it is ready
start() {
	: >"$dir/log"
	( exec nsenter --net="/run/netns/$name" "$@" "$bin/gossipd" --config "$conf" ) >"$dir/log" 2>&1 </dev/null &
	daemon=$!
	wait_for 20 grep -q 'gossipd: ready:' "$dir/log" || { cat "$dir/log"; return 1; }
}

has_ended() { ! grep -q '^State:[[:space:]]*[^Z[:space:]]' "/proc/$daemon/status"; }

# stop SIGNAL: and its exit status
stop() {
	kill "-$1" "$daemon"
	wait_for 20 has_ended || kill -KILL "$daemon"
	wait "$daemon"
	status=$?
	daemon=
	return "$status"
}

# refused TEXT [WRAPPER...]: a start ends with 1 and says this
refused() {
	text=$1
	shift
	inside timeout 80 "$@" "$bin/gossipd" --config "$conf" >"$dir/refused" 2>&1
	status=$?
	[ "$status" -eq 1 ] || { echo "ended with $status:"; cat "$dir/refused"; return 1; }
	grep -qF -e "$text" "$dir/refused" || { echo "did not say \"$text\":"; cat "$dir/refused"; return 1; }
}

# set NAME VALUE: a setting of the config, outside of its groups, is this from now on
set_to() { sed -i "s|^$1 = .*|$1 = $2;|" "$conf"; }

# CPU time that a process took so far, in ms
cpu_ms() { awk -v hz="$(getconf CLK_TCK)" '{ print int(($14 + $15) * 1000 / hz) }' "/proc/$1/stat"; }
