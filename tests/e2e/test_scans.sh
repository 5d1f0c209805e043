#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A scan that is spread over three proxies, so that none of them sees enough of it: all three name the client in time,
# and nobody else. Three gossipd: one on this host, two on its neighbour's, at interfaces of their own. Needs root.
# Speaks TAP.
set -u
. "$(dirname "$0")/lonely.sh"
begin
ip -n "$name" link add other address 02:00:00:00:02:01 type veth peer name other address 02:00:00:00:02:02 \
	netns "$name-peer"
ip -n "$name" link set other up
ip -n "$name-peer" link set other up
issue b 10.77.1.2:7946 --interface clients
issue c 10.77.1.2:7947 --interface other
sed -i 's/^peers = .*/peers = ["10.77.1.2:7946", "10.77.1.2:7947"];/' "$conf"
sed -i 's/^peers = .*/peers = ["10.77.1.1:7946"];/' "$dir/mesh/b/b.conf" "$dir/mesh/c/c.conf"

# daemon NAME NAMESPACE: in the background, until it is ready; its process is in pid.NAME
daemon() {
	: >"$dir/$1.log"
	( exec nsenter --net="/run/netns/$2" "$bin/gossipd" --config "$dir/mesh/$1/$1.conf" ) \
		>>"$dir/$1.log" 2>&1 </dev/null &
	echo $! >"$dir/pid.$1"
	wait_for 20 grep -q 'gossipd: ready:' "$dir/$1.log" || { cat "$dir/$1.log"; return 1; }
}
ask_of() { proxy=$1; shift; "$ctl" --socket "$dir/$proxy.sock" "$@" --json; }
met() { [ "$(ask_of a members | jq '[.members[] | select(.up)] | length')" = 3 ]; }

# at PROXY ARGUMENT...: packets that come to it, as scan.py has them after the MAC
at() {
	proxy=$1
	shift
	case $proxy in
	a) outside "$root/tests/e2e/scan.py" clients 02:00:00:00:01:01 "$@" ;;
	b) inside "$root/tests/e2e/scan.py" clients 02:00:00:00:00:01 "$@" ;;
	c) inside "$root/tests/e2e/scan.py" other 02:00:00:00:02:02 "$@" ;;
	esac
}

# spread FIRST ADDRESSES CLIENT CLIENTS PER_SECOND: through all three at once, to networks of their own
spread() {
	at a "$1.0.0" "$2" "$3" "$4" "$5" >"$dir/sent.a" &
	one=$!
	at b "$1.64.0" "$2" "$3" "$4" "$5" >"$dir/sent.b" &
	two=$!
	at c "$1.128.0" "$2" "$3" "$4" "$5" >"$dir/sent.c"
	wait "$one" "$two"
}

# events PROXY KIND: their clients and times, one a line
events() { ask_of "$1" events | jq -r "select(.kind == \"$2\") | \"\\(.client) \\(.at_ns)\""; }
has() { [ -n "$(events "$1" "$2")" ]; }
has_ended() { has "$1" contacts_under; }

# named PROXY CLIENT: once, nobody else, within 2 s of the scan's begin. The simulator holds 1.5 s, which is without
# what a loaded machine adds: a harvest that is late, and packets that leave late
named() {
	events "$1" contacts_over >"$dir/events"
	began=$(sort -n -k2 "$dir/sent.a" "$dir/sent.b" "$dir/sent.c" | awk 'NR == 1 { print $2 }')
	awk -v began="$began" '{ printf "# %s at '"$1"' after %.2f s\n", $1, ($2 - began) / 1e9 }' "$dir/events"
	awk -v began="$began" -v client="$2" '$1 != client || $2 - began > 2e9 { bad = 1 }
		END { exit bad || NR != 1 }' "$dir/events"
}
nobody() {
	for proxy in a b c; do
		[ -z "$(events $proxy contacts_over; events $proxy client_scans)" ] || {
			ask_of $proxy events
			return 1
		}
	done
}
counted_by_all() {
	ask_of a events | jq -s '[.[] | select(.kind == "contacts_over")][0].counted_by | ., length == 3' |
		jq -es 'last'
}

ok "three_start" daemon a "$name"
ok "the_second" daemon b "$name-peer"
ok "the_third" daemon c "$name-peer"
ok "they_meet" wait_for 20 met

# Twenty devices that start, each with five addresses at each proxy, which do not even answer.
ok "honest_devices_send" spread 203.0 5 198.18.1.1 20 60
ok "nobody_is_named" nobody

# 48 new addresses a second at each of three.
ok "a_device_scans_through_all_three" spread 198.51 144 198.18.0.7 1 48
for proxy in a b c; do
	ok "$(printf %s_names_it $proxy)" wait_for 5 has $proxy contacts_over
	ok "$(printf %s_names_it_alone_and_in_time $proxy)" named $proxy 198.18.0.7
	sed -n 's/^# //p' "$dir/out" 2>/dev/null | sed 's/^/# /'
done
ok "the_event_says_who_counted" counted_by_all
ok "no_proxy_saw_it_alone" sh -c "! \"$ctl\" --socket \"$dir/a.sock\" events --json | grep -q client_scans"
ok "its_end_is_told" wait_for 5 has_ended a
done_testing
