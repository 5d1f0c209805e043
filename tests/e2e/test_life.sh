#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Three proxies under attack while daemons die, return, are cut off and are taken away. The topology is the demo's.
# Needs root. Speaks TAP.
set -u
. "$(dirname "$0")/relayed.sh"
proxies=3
publish=all # every ledger is compared with every packet; by need a slow key is not told
# slots of 10 s: ledgers hold what was counted in the last 60 to 70 s, all of this test
mesh_options="--window-max-ms 20000"
tools=$root/build/demo

# Sum over CPUs of the packets under reasons whose names match, from the kernel, whoever runs: reasons PROXY PATTERN
names=$(tr -d '\\\t\n' <"$root/include/xpro/record.h" | sed 's/.*#define REASON_NAMES *{\([^}]*\)}.*/[\1]/')
reasons() {
	bpftool map dump pinned "$(pins_of "$1")/reasons" -j |
		jq --argjson names "$names" --arg pattern "$2" '
			[.[0].formatted.value[".data.reasons"][0].reasons[] | to_entries[]
				| select($names[.key] // "" | test($pattern)) | .value.packets] | add'
}
dropped_by_pair() { reasons "$1" '^drop_pair$'; }
# Everything counted: passed within rates or by share, or dropped by a rule.
counted() { reasons "$1" '^(pass|pass_share|pass_evidence|(drop_pair|drop_destination)(_share)?)$'; }
counted_by_all() { echo $(($(counted 1) + $(counted 2) + $(counted 3))); }

# What a proxy's ledger holds of both destinations, over all origins and slots.
ledger_of() {
	total=0
	for pair in "198.18.0.1 203.0.113.9" "2001:db8:a::1 2001:db8:f::9"; do
		# shellcheck disable=SC2086
		part=$(ctl "$1" explain $pair --json | jq '[.destination_cells[].packets] | add // 0') || return 1
		total=$((total + part))
	done
	echo "$total"
}

ledgers_hold_the_truth() {
	truth=$(counted_by_all)
	for proxy in 1 2 3; do
		held=$(ledger_of "$proxy")
		[ "$held" = "$truth" ] ||
			{ echo "proxy$proxy holds $held packets, the kernels counted $truth"; return 1; }
	done
}

drops_grow() {
	before=$(dropped_by_pair "$1")
	wait_for 2 "proxy$1 to drop more" more_dropped "$1" "$before"
}
more_dropped() { [ "$(dropped_by_pair "$1")" -gt $((${2} + 100)) ]; }
# It lasts until it is ended; what follows it is so much quicker that the seconds here are never reached.
attack_begin() {
	launch traffic clients "$state/traffic.log" "$tools/traffic" --proxies 3 --attack spread --pair-rate 50 \
		--destination-rate 1000000 --warmup 0 --duration 60 "$state/sent.trace"
}
attack_end() { quit traffic; }

begin
make_mesh
start_mesh on 50 1000000 fair

attack_begin
for proxy in 1 2 3; do
	check "proxy${proxy}_drops_what_only_the_mesh_can_see" wait_for 3 "proxy$proxy to drop" more_dropped "$proxy" 0
done
told_of_the_floor() {
	ctl 1 events --json | jq -s -e '[.. | objects | select(.kind? == "local_evidence")] | length > 0'
}
check what_passes_by_the_floor_is_told wait_for 5 "an event" told_of_the_floor

# The kernel believes the dead daemon's words for HEARTBEAT_STALE_MS: what it drops is looked at at once.
pid=$(cat "$state/pid.proxy1")
kill -KILL "$pid"
check filtering_goes_on_without_the_daemon drops_grow 1
wait "$pid" 2>/dev/null
rm -f "$state/pid.proxy1"
check the_others_notice_its_silence wait_for 4 "proxy1 to be missed" up 2 2
daemon_start 1
check a_killed_daemon_comes_back wait_for 5 "gossipd of proxy1" daemon_answers 1
timed_check and_is_met_again wait_for 2 "the members to meet" members_up 3
check it_still_drops drops_grow 1
attack_end
timed_check all_ledgers_agree_after_the_kill wait_for 2 "equal ledgers" equal 1 2 3
check no_count_was_lost_or_doubled_by_the_kill wait_for 2 "the truth" ledgers_hold_the_truth

ip -n "$name-proxy3" link set wan down
attack_begin
check the_others_still_agree_while_one_is_cut_off drops_grow 1
attack_end
ip -n "$name-proxy3" link set wan up
timed_check who_was_cut_off_agrees_again wait_for 2 "equal ledgers" equal 1 2 3
check and_holds_every_count wait_for 2 "the truth" ledgers_hold_the_truth

quit proxy2
in_ns proxy2 "$bin/gossipctl" detach --config "$(conf_of 2)" >/dev/null
has_no_filter() { ! in_ns proxy2 ip link show dev clients | grep -q 'xdp'; }
check detach_works_with_the_daemon_gone has_no_filter
done_testing
