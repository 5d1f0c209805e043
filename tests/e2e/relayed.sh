#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The demo's internet with a bad network between the proxies, as verbs for the tests of this folder: where the demo has
# a bridge, the relay (tests/relay/relay.c) stands. The reader sets `proxies` and calls begin, then the verbs; the end
# comes by itself.

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/scripts/demo/internet.sh"
PATH=$PATH:/usr/sbin:/sbin
number=0 failed='' relay='' destinations=0
slack=60 # seconds that a wait lasts longer than it should take: no test fails because the machine is slow

begin() {
	[ "$(id -u)" -eq 0 ] || { echo "Bail out! needs root"; exit 1; }
	make_state
	name=${state##*/}
	trap 'finish 1' EXIT INT TERM
	make_internet
}

finish() {
	trap - EXIT
	[ -z "$relay" ] || kill "$relay" 2>/dev/null
	[ -z "$failed" ] ||
		for i in $(each_proxy); do sed "s/^/# proxy$i: /" "$state/proxy$i.log" 2>/dev/null | tail -n 12; done
	take_down
	exit "${1:-1}"
}

# ends with the plan and the status
done_testing() {
	echo "1..$number"
	[ -z "$failed" ]
	finish $?
}

# check NAME COMMAND...: one test
check() {
	label=$1
	shift
	number=$((number + 1))
	if "$@" >"$state/said" 2>&1; then
		echo "ok $number - $label"
	else
		echo "not ok $number - $label"
		sed 's/^/# /' "$state/said"
		failed=1
	fi
}

# timed_check NAME COMMAND...: the same, and how long it took
timed_check() {
	begun=$(date +%s%3N)
	check "$@"
	echo "# $1: after $(($(date +%s%3N) - begun)) ms"
}

ctl() { i=$1; shift; "$bin/gossipctl" --socket "$(socket_of "$i")" "$@"; }
daemon_start() { launch "proxy$1" "proxy$1" "$state/proxy$1.log" "$bin/gossipd" --config "$(conf_of "$1")"; }
daemon_answers() { ctl "$1" members --json; }
status_of() { ctl "$1" status --json | jq -er ".status.$2"; }

# ---- the relay ----

# relay_start SEED: takes the place of the bridge
relay_start() {
	ports=
	for i in $(each_proxy); do
		ip -n "$name-wan" link set "proxy$i" nomaster
		ports="$ports proxy$i"
	done
	ip -n "$name-wan" link del wan
	mkfifo "$state/commands"
	exec 9<>"$state/commands"
	# shellcheck disable=SC2086
	(
		exec nsenter --net="/run/netns/$name-wan" "$root/build/tests/relay/relay" "$1" $ports
	) <&9 >"$state/relay.log" 2>&1 &
	relay=$!
	wait_for 5 "the relay" grep -q ready "$state/relay.log" || { cat "$state/relay.log"; return 1; }
}

answered() { [ "$(wc -l <"$state/relay.log")" -gt "$answers" ]; }

# tell COMMAND...: and wait for the answer
tell() {
	answers=$(wc -l <"$state/relay.log")
	echo "$*" >&9
	wait_for 5 "an answer of the relay" answered || return 1
	tail -n 1 "$state/relay.log" | grep -q '^ok\|^{' || { tail -n 1 "$state/relay.log"; return 1; }
}
relay_count() { tell report && tail -n 1 "$state/relay.log" | jq ".$1"; }

# ---- known packets, and who knows of them ----

# throw PROXY DESTINATION CLIENTS ROUNDS [PAUSE_MS]: in the background; every proxy sees clients of its own
throw() {
	(
		exec nsenter --net="/run/netns/$name-clients" python3 "$root/tests/e2e/throw.py" "to$1" \
			"$(printf '02:00:00:00:01:%02x' "$1")" "$2" "198.18.$1.1" "$3" "$4" "${5:-100}"
	) >"$state/thrown.$1" 2>&1 &
	throwers="$throwers $!"
}

# throw_at_all DESTINATION: 40 clients at each proxy, 10 packets each, within a second; sets $thrown
throw_at_all() {
	throwers=
	for i in $(each_proxy); do throw "$i" "$1" 40 10; done
	for pid in $throwers; do wait "$pid" || return 1; done
	# shellcheck disable=SC2034 # for the script that sources this
	thrown=$((proxies * 400))
}

new_destination() {
	destinations=$((destinations + 1))
	destination=192.0.2.$destinations
}

# What a proxy's ledger holds of the destination, over all origins and slots.
held_of() { ctl "$1" explain 198.18.1.1 "$2" --json | jq '[.destination_cells[].packets] | add // 0'; }
digest_of() { ctl "$1" status --json | jq -er '.status.ledger_digest'; }

# equal PROXY...: their ledgers are, cell by cell
equal() {
	first=$(digest_of "$1") || return 1
	for i in "$@"; do [ "$(digest_of "$i")" = "$first" ] || return 1; done
}

# hold COUNT PROXY...: each of them knows of exactly so many packets to $destination
hold() {
	count=$1
	shift
	for i in "$@"; do
		held=$(held_of "$i" "$destination")
		[ "$held" = "$count" ] || { echo "proxy$i holds $held packets of $count to $destination"; return 1; }
	done
}
agree() { hold "$@" && shift && equal "$@"; }

# agree_within SECONDS COUNT PROXY...
agree_within() {
	limit=$1
	shift
	wait_for "$limit" "$1 packets, and equal ledgers" agree "$@" ||
		{ agree "$@"; [ -z "$relay" ] || relay_count carried; return 1; }
}

# up PROXY COUNT: it sees so many members up, itself included
up() { [ "$(status_of "$1" members_up)" = "$2" ]; }
