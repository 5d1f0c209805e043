#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Three proxies under attack while daemons die, return, are cut off and are taken away. The topology is the demo's.
set -u

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/scripts/demo/internet.sh"
PATH=$PATH:/usr/sbin:/sbin
tools=$root/build/demo
proxies=3 number=0 failed=
mkdir -p "$states"
state=$(mktemp -d "$states/xXXXXXX")
name=${state##*/}
finish() { trap - EXIT; take_down; exit "${1:-1}"; }
trap 'finish 1' EXIT INT TERM

result() {
	number=$((number + 1))
	if [ "$1" -eq 0 ]; then echo "ok $number - $2"; else echo "not ok $number - $2"; failed=1; fi
}

# check NAME COMMAND...: one test
check() {
	label=$1
	shift
	"$@"
	result $? "$label"
}

ctl() { i=$1; shift; "$bin/gossipctl" --socket "$(socket_of "$i")" "$@"; }

# Sum over CPUs of the packets under reasons whose names match, from the kernel, whoever runs: reasons PROXY PATTERN
names=$(tr -d '\\\t\n' <include/xpro/record.h | sed 's/.*#define REASON_NAMES *{\([^}]*\)}.*/[\1]/')
reasons() {
	bpftool map dump pinned "$(pins_of "$1")/reasons" -j |
		jq --argjson names "$names" --arg pattern "$2" '[.[0].formatted.value[".data.reasons"][0].reasons[] | to_entries[]
			| select($names[.key] // "" | test($pattern)) | .value.packets] | add'
}
dropped_by_pair() { reasons "$1" '^drop_pair$'; }
# Everything counted: passed within rates or by share, or dropped by a rule.
counted() { reasons "$1" '^(pass|pass_share|pass_evidence|drop_pair|drop_pair_share|drop_destination|drop_destination_share)$'; }
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
digest_of() { ctl "$1" status --json | jq -er '.status.ledger_digest'; }

ledgers_equal() {
	first=$(digest_of 1) || return 1
	[ "$first" = "$(digest_of 2)" ] && [ "$first" = "$(digest_of 3)" ]
}

ledgers_hold_the_truth() {
	truth=$(counted_by_all)
	for i in 1 2 3; do
		held=$(ledger_of "$i")
		[ "$held" = "$truth" ] || { echo "# proxy$i holds $held packets, the kernels counted $truth"; return 1; }
	done
}

drops_grow() {
	before=$(dropped_by_pair "$1")
	wait_for 2 "proxy$1 to drop more" more_dropped "$1" "$before"
}
more_dropped() { [ "$(dropped_by_pair "$1")" -gt $((${2} + 100)) ]; }
attack_begin() {
	launch traffic clients "$state/traffic.log" "$tools/traffic" --proxies 3 --attack spread --pair-rate 50 --destination-rate 1000000 \
		--warmup 0 --duration "$1" "$state/sent.trace"
}
attack_end() { wait "$(cat "$state/pid.traffic")"; rm -f "$state/pid.traffic"; }
daemon_start() { launch "proxy$1" "proxy$1" "$state/proxy$1.log" "$bin/gossipd" --config "$(conf_of "$1")"; }
sees_up() { [ "$(ctl "$1" status --json | jq -e .status.members_up)" = "$2" ]; }
daemon_answers() { ctl "$1" status --json; }

echo 1..14
make_internet
make_mesh
start_mesh on 50 1000000 fair

attack_begin 7
for i in 1 2 3; do check "proxy${i}_drops_what_only_the_mesh_can_see" wait_for 3 "proxy$i to drop" more_dropped "$i" 0; done

pid=$(cat "$state/pid.proxy1")
kill -KILL "$pid"
wait "$pid" 2>/dev/null
rm -f "$state/pid.proxy1"
check filtering_goes_on_without_the_daemon drops_grow 1
check the_others_notice_its_silence wait_for 4 "proxy1 to be missed" sees_up 2 2
daemon_start 1
check a_killed_daemon_comes_back wait_for 5 "gossipd of proxy1" daemon_answers 1
check and_is_met_within_two_seconds wait_for 2 "the members to meet" members_up 3
check it_still_drops drops_grow 1
attack_end
check all_ledgers_agree_after_the_kill wait_for 2 "equal ledgers" ledgers_equal
check no_count_was_lost_or_doubled_by_the_kill ledgers_hold_the_truth

ip -n "$name-proxy3" link set wan down
attack_begin 3
check the_others_still_agree_while_one_is_cut_off wait_for 3 "proxy1 to drop" drops_grow 1
attack_end
ip -n "$name-proxy3" link set wan up
check who_was_cut_off_agrees_within_two_seconds wait_for 2 "equal ledgers" ledgers_equal
check and_holds_every_count ledgers_hold_the_truth

quit proxy2
in_ns proxy2 "$bin/gossipctl" detach --config "$(conf_of 2)" >/dev/null
in_ns proxy2 ip link show dev clients | grep -q 'xdp'
[ $? -ne 0 ]
result $? detach_works_with_the_daemon_gone
[ -z "$failed" ]
finish $?
