#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Every node key and the mesh secret replaced while three proxies filter an attack: no count is lost, nothing is dropped
# less, no alarm. The topology is the demo's. Needs root. Speaks TAP.
set -u
. "$(dirname "$0")/relayed.sh"
proxies=3
publish=all # every ledger is compared with every packet; by need a slow key is not told
# slots of 10 s: ledgers hold what was counted in the last 60 to 70 s, all of this test
mesh_options="--window-max-ms 20000"
tools=$root/build/demo
restart_ms=0

authority() { "$bin/gossipctl" "$@" --directory "$state/mesh" --socket "$(socket_of 1)"; }
counters() { ctl "$1" status --json | jq -e "[.reasons[] | select(.name | test(\"$2\")) | .packets] | add"; }
dropped() { counters "$1" '^drop_pair$'; }
counted='^(pass(_share|_never_drop|_evidence)?|drop_blocked|drop_outside|(drop_pair|drop_destination)(_share)?)$'
counted_by_all() {
	total=0
	for p in 1 2 3; do total=$((total + $(counters "$p" "$counted"))); done
	echo "$total"
}
ledger_of() {
	total=0
	for pair in "198.18.0.1 203.0.113.9" "2001:db8:a::1 2001:db8:f::9"; do
		# shellcheck disable=SC2086
		part=$(ctl "$1" explain $pair --json | jq '[.destination_cells[].packets] | add // 0') || return 1
		total=$((total + part))
	done
	echo "$total"
}
ledger_holds_the_truth() {
	truth=$(counted_by_all) held=$(ledger_of "$1")
	echo "held $held, counted by the kernels $truth"
	[ "$held" -gt 0 ] && [ "$held" = "$truth" ]
}
holds() { [ "$(ctl "$1" mesh show --json | jq "[.documents[] | select(.kind == \"$2\")][0].serial")" = "$3" ]; }
more_dropped() { [ "$(dropped "$1")" -gt $((${2} + 100)) ]; }
drops_go_on() { before=$(dropped "$1") && wait_for 3 "proxy$1 to drop more" more_dropped "$1" "$before"; }
# A machine so slow that a daemon was silent for two seconds, or its answers a second on their way: that is told, and no
# fault.
was_slow() {
	[ "$restart_ms" -gt 1500 ] && return
	for p in 1 2 3; do ctl "$p" status --json | jq -e '.status.tick_late_ms_worst > 1000' >/dev/null && return; done
	return 1
}
events_of() { ctl "$1" events --json | jq -s "[.[] | select(.kind | test(\"$2\"))]"; }
none() { jq -e 'length == 0' || return 1; }
no_alarm() {
	events_of "$1" 'equivocation|left_out|document_false|revoked|quota' | none &&
		{ events_of "$1" 'silent|skewed' | none || was_slow; }
}
has_new_key() { # PROXY, asked everywhere: a key is revoked when nobody needs it any more
	key=$(awk -v n="proxy$1" '$1 == n { print $3 }' "$state/mesh/issued")
	for other in 1 2 3; do
		ctl "$other" mesh show --json |
			jq -e --arg name "proxy$1" --arg key "$key" '
				[.members[] | select(.name == $name and .key == $key and .state != "silent")]
					| length == 1' || return 1
	done
}
restart() {
	begun=$(date +%s%3N)
	quit "proxy$1"
	daemon_start "$1"
	wait_for 5 "gossipd of proxy$1" daemon_answers "$1" || return 1
	took=$(($(date +%s%3N) - begun))
	[ "$took" -le "$restart_ms" ] || restart_ms=$took
}

begin
make_mesh
start_mesh on 50 1000000 fair

# It lasts until it is ended.
launch traffic clients "$state/traffic.log" "$tools/traffic" --proxies 3 --attack spread --pair-rate 50 \
	--destination-rate 1000000 --warmup 0 --duration 60 "$state/sent.trace"
check the_attack_is_dropped wait_for 4 "proxy1 to drop" more_dropped 1 0
check the_mesh_secret_is_rotated authority mesh rotate secret --in 1
for proxy in 1 2 3; do
	check "proxy${proxy}_gets_another_key" authority mesh rotate "proxy$proxy"
	check "proxy${proxy}_is_back_with_it" restart "$proxy"
	check "proxy${proxy}_is_known_by_it" wait_for 4 "its new key" has_new_key "$proxy"
	check "proxy${proxy}_goes_on_dropping" drops_go_on "$proxy"
	check "and_its_old_key_is_revoked" authority mesh revoke "proxy$proxy" --previous
done
for proxy in 1 2 3; do
	check "proxy${proxy}_holds_the_rotation" wait_for 3 "the rotation" holds "$proxy" rotation 1
	check "proxy${proxy}_holds_every_revocation" wait_for 3 "the revocations" holds "$proxy" revocation 3
done
quit traffic
timed_check all_ledgers_agree wait_for 3 "equal ledgers" equal 1 2 3
for proxy in 1 2 3; do
	check "proxy${proxy}_holds_every_count" wait_for 3 "the truth" ledger_holds_the_truth "$proxy"
done
for proxy in 1 2 3; do check "proxy${proxy}_raised_no_alarm" no_alarm "$proxy"; done
echo "# longest restart: $restart_ms ms"
done_testing
