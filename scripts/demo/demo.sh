#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The main job, for real, between network namespaces: proxies with XDP and gossipd, clients, bots and a victim.
#
#                         +--- proxy1 ----------------------+
#     +-- clients --+     |                                 |     +-- victim ---------+
#     |         to1 +-----+ clients (XDP)  forwarding  victim +---+ from1             |
#     |             |     |                wan               |    |                   |
#     |             |     +-----------------+---------------+     |  203.0.113.9      |
#     |             |                       |                     |  2001:db8:f::9    |
#     | honest,     |            wan: a bridge, 10.3.0.0/24       |  (never answers)  |
#     | bots        |                       |                     |                   |
#     |             |     +-----------------+---------------+     |                   |
#     |         toN +-----+ clients (XDP)  forwarding  victim +---+ fromN             |
#     +-------------+     +--- proxyN ----------------------+     +-------------------+
#
#     to i    10.1.i.1 2001:db8:1:i::1 MAC 02:00:00:00:00:i     clients 10.1.i.2 2001:db8:1:i::2 MAC 02:00:00:00:01:i
#     victim  10.2.i.1 2001:db8:2:i::1 MAC 02:00:00:00:02:i     from i  10.2.i.2 2001:db8:2:i::2 MAC 02:00:00:00:03:i
#     wan     10.3.0.i 2001:db8:3::i
#
# What travels: packet.h. Who sends it: traffic.c. Who counts: victim.c (socket), watch.c (kernel). Who judges: tally.c,
# verdict.c.
#
#     demo.sh                 all runs; PROXIES, KEEP, WARMUP, DURATION, RUNS, SEED and JSON come from the environment
#     demo.sh attack NAME spread|many    sends an attack once more through a mesh that KEEP=1 left running
#     demo.sh down [NAME]     takes down what KEEP=1, or a demo that was killed, left behind
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
tools=$root/build/demo
PATH=$PATH:/usr/sbin:/sbin

proxies=${PROXIES:-3}
keep=${KEEP:-}
warmup=${WARMUP:-5}
duration=${DURATION:-10}
seed=${SEED:-1}
# gossip (none: no filter at all):attack:pair rate:destination rate:aggregate:address attacked
runs="off:spread:50:1000000:fair:4 on:spread:50:1000000:fair:4 off:many:100:6000:fair:4 on:many:100:6000:fair:4"
runs=${RUNS:-"$runs on:many:100:6000:strict:6"}
json=${JSON:-$root/build/demo.json}

. "$here/internet.sh"

# ---- one run ----

# How many pairs or destinations each proxy calls over its rate, asked while the attack is on.
ask() {
	case $1 in
	spread) keys=pairs ;;
	many) keys=destinations ;;
	esac
	for i in $(each_proxy); do
		"$bin/gossipctl" --socket "$(socket_of "$i")" "$keys" --over --json \
			>"$state/over.$i" 2>>"$state/mesh.log" || true
	done
}

# run NUMBER GOSSIP ATTACK PAIR_RATE DESTINATION_RATE AGGREGATE FAMILY
run() {
	number=$1 gossip=$2 attack=$3 pair_rate=$4 destination_rate=$5 aggregate=$6 family=$7
	case $attack in
	spread) what="one client, many proxies" ;;
	many) what="many clients, one victim, $aggregate" ;;
	esac
	say
	say "run $number: $what, gossip $gossip"
	rm -f "$state"/*.trace "$state"/over.*
	if [ "$gossip" != none ]; then
		start_mesh "$gossip" "$pair_rate" "$destination_rate" "$aggregate"
		pins=
		for i in $(each_proxy); do pins="$pins $(pins_of "$i")"; done
	else
		pins=$(each_proxy | sed 's/.*/-/')
	fi
	launch victim victim "$state/victim.log" "$tools/victim" "$proxies" "$state/received.trace"
	wait_for 5 "the victim's socket" test -s "$state/received.trace" ||
		{ cat "$state/victim.log" >&2; die "the victim did not start"; }
	# shellcheck disable=SC2046 # a word or none
	launch traffic clients "$state/traffic.log" "$tools/traffic" --proxies "$proxies" --attack "$attack" \
		--pair-rate "$pair_rate" --destination-rate "$destination_rate" --warmup "$warmup" \
		--duration "$duration" --family "$family" --seed "$seed" \
		$([ "$aggregate" != fair ] || echo --fair) "$state/sent.trace"
	if [ "$gossip" = on ]; then
		(
			wait_for 90 "the attack's last seconds" grep -q 'last seconds' "$state/traffic.log" &&
				ask "$attack"
		) &
		asking=$!
	fi
	# shellcheck disable=SC2086
	"$tools/watch" "  " "$state/sent.trace" "$state/received.trace" "$state/counters.trace" $pins &
	echo $! >"$state/pid.watch"
	wait $! || die "the observer failed"
	rm -f "$state/pid.watch"
	wait "$(cat "$state/pid.traffic")" || { cat "$state/traffic.log" >&2; die "the clients failed"; }
	rm -f "$state/pid.traffic"
	[ "$gossip" != on ] || wait "$asking"
	quit victim
	asked=
	[ "$gossip" != on ] || for i in $(each_proxy); do asked="$asked $state/over.$i"; done
	# shellcheck disable=SC2086
	"$tools/tally" "$gossip" "$aggregate" "$state/sent.trace" "$state/received.trace" "$state/counters.trace" \
		$asked >"$state/run$number.json" ||
		die "the run could not be counted"
}

# ---- beginning and end ----

finish() {
	status=$?
	trap - EXIT INT TERM HUP
	[ -n "${kept:-}" ] || take_down
	exit $status
}

check_host() {
	[ "$(id -u)" -eq 0 ] || die "must run as root: it makes network namespaces and loads XDP programs"
	case $proxies in '' | *[!0-9]*) die "PROXIES must be a number" ;; esac
	[ "$proxies" -ge 3 ] && [ "$proxies" -le 8 ] ||
		die "PROXIES must be 3 to 8:" \
			"with fewer, one proxy sees the attack alone; with more, this machine is too small"
	for program in "$bin/gossipd" "$bin/gossipctl" \
		"$tools/traffic" "$tools/victim" "$tools/watch" "$tools/tally" "$tools/verdict"; do
		[ -x "$program" ] || die "$program is missing: run make first"
	done
}

say_kept() {
	say
	say "The mesh goes on. Ask it:"
	say "    build/bin/gossipctl --socket $(socket_of 1) status"
	say "    build/bin/gossipctl --socket $(socket_of 1) members"
	say "Attack it once more (in another terminal: the figures of the last 28 seconds are what a proxy holds):"
	say "    scripts/demo/demo.sh attack $name spread"
	say "Meanwhile, or right after, ask why a bot is dropped:"
	say "    build/bin/gossipctl --socket $(socket_of 2) pairs --over"
	say "    build/bin/gossipctl --socket $(socket_of 2) explain 198.19.0.41 203.0.113.9"
	say "Take it down:"
	say "    scripts/demo/demo.sh down $name"
}

demo() {
	check_host
	make_state
	name=${state##*/}
	trap finish EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	echo "$proxies" >"$state/proxies"
	echo $$ >"$state/owner"
	say "making a small internet: $proxies proxies, a victim, clients (network namespaces $name-*)"
	make_internet
	case $runs in *on:* | *off:*) make_mesh ;; esac
	number=0
	for plan in $runs; do
		number=$((number + 1))
		[ "$number" -eq 1 ] || stop_mesh
		# shellcheck disable=SC2046
		run "$number" $(echo "$plan" | tr : ' ')
	done
	say
	status=0
	"$tools/verdict" "$json" "$state"/run*.json || status=$?
	if [ -n "$keep" ]; then
		stop_mesh
		start_mesh on 50 6000 fair
		kept=1
		touch "$state/kept"
		say_kept
	fi
	return $status
}

# Whether the demo that made this mesh is still at work on it.
is_in_use() { [ ! -f "$state/kept" ] && grep -qzF demo.sh "/proc/$(cat "$state/owner")/cmdline" 2>/dev/null; }

attack_again() {
	name=$1 state=$states/$1
	[ -f "$state/kept" ] || die "no mesh called $name was left running"
	proxies=$(cat "$state/proxies")
	in_ns clients "$tools/traffic" --proxies "$proxies" --attack "$2" --pair-rate 50 --destination-rate 6000 \
		--warmup 0 --duration 10 "$state/again.trace" >/dev/null
	rm -f "$state/again.trace"
}

case ${1:-} in
'') demo ;;
attack) [ $# -eq 3 ] || die "usage: demo.sh attack NAME spread|many"; attack_again "$2" "$3" ;;
down)
	for name in ${2:-$(ls "$states" 2>/dev/null)}; do
		state=$states/$name
		[ -d "$state" ] || die "there is no mesh called $name"
		if is_in_use; then
			[ -z "${2:-}" ] || die "$name is a demo that runs now, with pid $(cat "$state/owner")"
			continue
		fi
		take_down
		say "$name is gone"
	done
	;;
*) die "usage: demo.sh [attack NAME spread|many | down [NAME]]" ;;
esac
