#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Three proxies under floods, each bounded in rate and number: noise at the gossip port, a member's address and id
# forged, SYNs from more sources than a small table holds, new keys without end, a stopped member and its burst. The
# mesh goes on agreeing, and what it costs is measured in CPU time of the daemon, and asserted per datagram: neither
# depends on how busy the machine is. Needs root. Speaks TAP.
set -u
. "$(dirname "$0")/relayed.sh"
proxies=3
publish=all # every ledger is compared with every packet; by need a slow key is not told
all="1 2 3"
mesh_options="--window-max-ms 16000" # slots of 8 s: ledgers hold what was counted in the last 48 to 56 s
small_table='limits = { pairs4 = 16384; pairs6 = 64; destinations = 64; keys = 65536; cells = 131072; frames = 2048; };'

begin
# An outsider on the network between the proxies; whatever proxy1 would answer to the noise's sources comes to it.
make_namespace outside
wire outside wan 02:00:00:00:0f:01 wan outside 02:00:00:00:0f:02
ip -n "$name-wan" link set outside master wan
neighbour proxy1 wan 02:00:00:00:0f:01 10.3.0.66
ip -n "$name-proxy1" route replace 198.18.0.0/15 via 10.3.0.66 dev wan
make_mesh
for i in $all; do
	sed -i -e '/^limits = {/,/^};/d' "$(conf_of "$i").issued"
	echo "$small_table" >>"$(conf_of "$i").issued"
done
start_mesh on 0 0 fair

daemon_pid() { cat "$state/pid.proxy$1"; }
cpu_ms() { awk -v hz="$(getconf CLK_TCK)" '{ print int(($14 + $15) * 1000 / hz) }' "/proc/$(daemon_pid "$1")/stat"; }
rss_kb() { awk '/^VmRSS/ { print $2 }' "/proc/$(daemon_pid "$1")/status"; }
rejected() { ctl "$1" status --json | jq '[.rejects[].count] | add'; }
broken_seals() { ctl "$1" status --json | jq '.rejects[] | select(.name == "seal") | .count'; }
answers_to_noise() { grep -c '^10\.3\.0\.1 198\.1[89]\.[0-9.]* 17 ' "$state/heard"; }

# flood NAMESPACE INTERFACE MAC ...: in the background
flood() {
	from=$1
	shift
	( exec nsenter --net="/run/netns/$name-$from" "$root/build/tests/relay/flood" "$@" ) >"$state/flooded" 2>&1 &
	flooder=$!
}

# Waits for its end: sets flooded, how many packets, and flood_ms, in which time
flood_end() {
	wait "$flooder"
	read -r flooded flood_ms <"$state/flooded"
}

# Throws known packets while a flood lasts: agrees_under NAME SECONDS
agrees_under() {
	new_destination
	check "packets_are_counted_under_$1" throw_at_all "$destination"
	# shellcheck disable=SC2086
	timed_check "ledgers_are_exact_under_$1" agree_within "$2" "$thrown" $all
}

# The same, of counts alone.
counts_under() {
	new_destination
	check "packets_are_counted_under_$1" throw_at_all "$destination"
	# shellcheck disable=SC2086
	timed_check "counts_are_exact_under_$1" wait_for "$2" "$thrown packets" hold "$thrown" $all
}

# costs MS DATAGRAMS: what is read costs a few microseconds each, ten at the most, beside half a second of what a daemon
# does anyway
costs() {
	echo "# $1 ms of CPU time, $(($1 * 1000 / ($2 + 1))) us for each of $2 datagrams that came through," \
		"of $flooded in $flood_ms ms"
	[ "$1" -le $((500 + $2 / 100)) ]
}
# Of a bucket that fills with so many a second, and holds those of one second: at_most COUNT PER_SECOND
at_most() { [ "$1" -le $((($flood_ms / 1000 + 3) * $2)) ] || { echo "$1 came through in $flood_ms ms"; return 1; }; }

# ---- at the gossip port ----

( exec nsenter --net="/run/netns/$name-outside" "$root/build/tests/e2e/packets" hear wan 600 ) >"$state/heard" 2>&1 &
echo $! >"$state/pid.ears"
check somebody_listens_for_answers wait_for 5 "the ears" grep -q hearing "$state/heard"
lines=$(wc -l <"$state/proxy1.log")
before=$(cpu_ms 1)
rejected_before=$(rejected 1)
flood outside wan 02:00:00:00:04:01 noise 10.3.0.1 "$gossip_port" 1000000 3
agrees_under noise_at_the_gossip_port 5
flood_end
noticed=$(($(rejected 1) - rejected_before))
check it_was_a_flood test "$flooded" -gt 100000
check noise_is_counted test "$noticed" -gt 5000
# What is not read is dropped by the kernel at the full socket.
costs $(($(cpu_ms 1) - before)) "$noticed"
check noise_costs_little test $? -eq 0
check noise_gets_no_lines_in_the_log test "$(wc -l <"$state/proxy1.log")" -le $((lines + 100))
check noise_grows_nothing test "$(rss_kb 1)" -lt 200000
check noise_is_not_answered test "$(answers_to_noise)" -eq 0

id=$(ctl 1 members --json | jq -r '.members[] | select(.name == "proxy2") | .id // empty')
[ -n "$id" ] || id=$(python3 -c '
import hashlib, sys
print(hashlib.blake2b(bytes.fromhex(sys.argv[1]), digest_size=32).digest()[:8].hex())' \
	"$(ctl 1 members --json | jq -r '.members[] | select(.name == "proxy2") | .key')")
before=$(cpu_ms 1)
broken_before=$(broken_seals 1)
flood outside wan 02:00:00:00:04:01 spoof 10.3.0.1 "$gossip_port" 200000 6 10.3.0.2 "$id"
agrees_under datagrams_in_a_members_name 5
flood_end
opened=$(($(broken_seals 1) - broken_before))
check forged_seals_are_tried_and_refused test "$opened" -gt 5000
costs $(($(cpu_ms 1) - before)) "$opened"
check forged_seals_cost_little test $? -eq 0
check the_member_is_still_up wait_for 5 "three members" up 1 3

# ---- at the gossip port again, with the gate in front of it: the daemon filters the interface it gossips on, too ----

new_destination
check packets_are_counted_before_a_restart throw_at_all "$destination"
# shellcheck disable=SC2086
check and_known_everywhere agree_within 5 "$thrown" $all
quit proxy1
sed -i 's/^interfaces = .*/interfaces = ["clients", "wan"];/' "$(conf_of 1)"
in_ns proxy1 "$bin/gossipctl" detach --config "$(conf_of 1)" >/dev/null
daemon_start 1
wait_for 10 "gossipd of proxy1" daemon_answers 1
check the_gated_one_is_met_again wait_for 10 "three members" up 1 3
# Its table was made anew: what its incarnation before had counted, it gets back from the others.
# shellcheck disable=SC2086
check it_gets_its_own_old_counts_back agree_within 10 "$thrown" $all
before=$(cpu_ms 1)
rejected_before=$(rejected 1)
flood outside wan 02:00:00:00:04:01 noise 10.3.0.1 "$gossip_port" 1000000 3
counts_under noise_at_the_gate 5
flood_end
noticed=$(($(rejected 1) - rejected_before))
# PROTOCOL, order of checks, step 0: all buckets of strangers together.
check the_gate_lets_little_of_it_through at_most "$noticed" 21000
costs $(($(cpu_ms 1) - before)) "$noticed"
check which_costs_little test $? -eq 0
check and_is_not_answered_either test "$(answers_to_noise)" -eq 0

# Forged datagrams lack the member's mark: they take from the bucket of its address, and nothing from the member's own.
before=$(cpu_ms 1)
broken_before=$(broken_seals 1)
flood outside wan 02:00:00:00:04:01 spoof 10.3.0.1 "$gossip_port" 200000 6 10.3.0.2 "$id"
counts_under datagrams_in_a_members_name_at_the_gate 5
flood_end
opened=$(($(broken_seals 1) - broken_before))
check the_gate_lets_little_of_them_through at_most "$opened" 16384
costs $(($(cpu_ms 1) - before)) "$opened"
check which_cost_little test $? -eq 0
check their_member_is_still_up wait_for 5 "three members" up 1 3
quit ears
ip -n "$name-proxy1" route replace 198.18.0.0/15 via 10.1.1.1 dev clients

# ---- through the filter ----

flood clients to1 02:00:00:00:01:01 syn 203.0.113.9 80 30000 2 37623
flood_end
check a_flood_of_SYNs_left test "$flooded" -gt 40000
full() { [ "$(ctl 1 status --json | jq '.reasons[] | select(.name == "table_full") | .packets')" -gt 0 ]; }
check it_filled_the_table full
told_full() { ctl 1 events | grep -q 'there is no room'; }
check an_event_tells_it wait_for 5 "the event" told_full
every_SYN() {
	held=$(ctl 1 explain 198.18.0.1 203.0.113.9 --json | jq '[.destination_cells[].packets] | add // 0')
	[ "$held" = "$flooded" ] || { echo "the destination's cells hold $held of $flooded"; return 1; }
}
check every_SYN_counts_in_its_destination wait_for 4 "all SYNs" every_SYN
check a_full_table_is_told_in_status \
	sh -c "'$bin/gossipctl' --socket '$(socket_of 1)' status --json |
		jq -e '.warnings | any(.text | contains(\"in use\"))'"
counts_under a_full_table 6

late_before=$(status_of 2 tick_ms_worst)
flood clients to2 02:00:00:00:01:02 syn 203.0.113.9 80 100000 6 1000000
counts_under new_keys_without_end 8
flood_end
echo "# new keys: $flooded in $flood_ms ms," \
	"longest tick before $late_before ms, then $(status_of 2 tick_ms_worst) ms," \
	"longest turn $(status_of 2 turn_ms_worst) ms, of this computed $(status_of 2 turn_cpu_ms_worst) ms"
# 50 ms are wanted, a third of it is measured; what a turn computes takes longer where others use the same caches.
check no_turn_of_the_loop_computes_for_long \
	sh -c "'$bin/gossipctl' --socket '$(socket_of 2)' status --json | jq -e '.status.turn_cpu_ms_worst < 100'"
check memory_stays_bounded test "$(rss_kb 2)" -lt 200000

# ---- a member that stands still ----

kill -STOP "$(daemon_pid 3)"
check the_others_notice wait_for 5 "proxy3 to be missed" up 1 2
sleep 55 # a minute in all: what is sent to it fills its socket's buffer meanwhile
new_destination
check packets_are_counted_while_one_stands_still throw_at_all "$destination"
kill -CONT "$(daemon_pid 3)"
# shellcheck disable=SC2086
check all_hold_it_after_its_burst wait_for 10 "$thrown packets" hold "$thrown" $all
check and_it_is_up_again wait_for 5 "three members" up 1 3
done_testing
