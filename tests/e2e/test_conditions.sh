#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Conditions of real daemons: who scans and who fills a table is named, and the proxy stays healthy. Each failure that
# is made while it runs is in the status, an event, the log and the metrics within five seconds. It is cleared in all of
# them. Daemon a filters, daemon b in the other namespace is its only peer. Needs root. Speaks TAP.
set -u
. "$(dirname "$0")/lonely.sh"
mac=02:00:00:00:01:01
clocks=$root/build/tests/host/clocks.so
other=

begin
issue b 10.77.1.2:7946
sed -i 's/^peers = .*/peers = ["10.77.1.2:7946"];/' "$conf"
sed -i 's/^peers = .*/peers = ["10.77.1.1:7946"];/' "$dir/mesh/b/b.conf"
cp "$dir/mesh/b/mesh.secret" "$dir/secret"
inside sysctl -qw net.ipv4.ip_forward=1
inside ip route add blackhole 20.0.0.0/8

# ---- verbs ----

# start_b [MS]: its clock is so far off
start_b() {
	echo "${1:-0}" >"$dir/clock"
	( exec nsenter --net="/run/netns/$name-peer" env LD_PRELOAD="$clocks" CLOCK_FILE="$dir/clock" \
		"$bin/gossipd" --config "$dir/mesh/b/b.conf" ) >>"$dir/log.b" 2>&1 </dev/null &
	other=$!
	echo "$other" >"$dir/pid.b"
}
stop_b() {
	kill -KILL "$other"
	wait "$other" 2>/dev/null
	rm -f "$dir/pid.b"
}
scan() { outside python3 "$root/tests/e2e/scan.py" clients "$mac" "$@"; }
stands() { ask status --json | jq -e --arg id "$1" --arg subject "$2" --arg severity "$3" '.conditions | any(.id == $id
	and .severity == $severity and (.subject | startswith($subject)) and (.text | length) > 0
	and (.what_to_do | length) > 0 and (now - (.since | fromdate) | . > -2 and . < 600))'; }
is_gone() { ask status --json | jq -e --arg id "$1" '.conditions | all(.id != $id)'; }
event_of() {
	ask events --json | jq -se --arg kind "condition_$1" --arg id "$2" 'any(.kind == $kind and .condition == $id)'
}
ends_with() {
	ask status >/dev/null
	got=$?
	[ "$got" -eq "$1" ] || { echo "expected exit status $1, got $got"; return 1; }
}
soon() { wait_for 5 "$@" || { ask status; tail -n 5 "$dir/log"; return 1; }; }

# measures ID [1-9] or 0: so many subjects, in the metrics
measures() { ask metrics | grep -q "^xpro_condition{condition=\"$1\",.*} $2"; }

# raised ID SEVERITY SUBJECT: in the status, an event, the log and the metrics; an error is exit status 4
raised() {
	ok "${1}_is_in_the_status" soon stands "$1" "$3" "$2"
	ok "${1}_is_an_event" soon event_of raised "$1"
	ok "${1}_is_in_the_log" soon logged "condition $1 ($2): $3"
	ok "${1}_is_in_the_metrics" soon measures "$1" '[1-9]'
	[ "$2" != error ] || ok "${1}_is_exit_status_4" ends_with 4
}
# cleared ID: the same
cleared() {
	ok "${1}_is_gone_from_the_status" soon is_gone "$1"
	ok "${1}_is_cleared_by_an_event" soon event_of cleared "$1"
	ok "${1}_is_cleared_in_the_log" logged "condition $1 cleared: "
	ok "${1}_is_gone_from_the_metrics" soon measures "$1" 0
}
named() { ask events --json | jq -se --arg client "$1" 'any(.kind == "client_scans" and .client == $client)'; }
nobody_named() { ask events --json | jq -se 'all(.kind != "client_scans")'; }
# in_time PACKETS: named within 1,500 ms of its first packet, by scan.py
in_time() {
	began=$(cut -d ' ' -f 2 "$dir/scan.$1")
	took=$(ask events --json | jq -s --arg client "10.77.3.$1" --argjson began "$began" '[.[] |
		select(.kind == "client_scans" and .client == $client) | (.at_ns - $began) / 1000000 | floor] | .[0]')
	echo "$took ms"
	[ "$took" -le 1500 ]
}

# ---- devices, and scans ----

start_b
ok "it_starts" start
ok "all_is_well" wait_for 10 ends_with 0
ok "and_nothing_is_to_be_said" wait_for 5 sh -c "'$ctl' --socket '$dir/a.sock' status --json |
	jq -e '.conditions == []'"
ok "200_devices_start_with_20_destinations_each" scan 20.200.0.1 20 10.77.40.1 200 10000
sleep 1.2 # longer than a harvest and a look: what must not come has no moment
ok "none_of_them_is_named" nobody_named
kill -KILL "$daemon"
wait "$daemon" 2>/dev/null
ok "after_a_restart_they_start_again" start
ok "in_the_first_second" scan 20.200.0.1 20 10.77.40.1 200 10000
sleep 1.2
ok "and_none_of_them_is_named" nobody_named

# 720 new addresses a second for three seconds, with one packet, three and five to each
for packets in 1 3 5; do
	( scan "20.$packets.0.1" 2160 "10.77.3.$packets" 1 $((720 * packets)) "$packets" >"$dir/scan.$packets" 2>&1 ) &
	echo $! >"$dir/pid.scan$packets"
done
for packets in 1 3 5; do ok "a_scan_of_${packets}_packets_each_is_named" wait_for 5 named "10.77.3.$packets"; done
ok "it_stands_in_the_status" soon stands client_scans "client 10.77.3." notice
ok "so_does_who_is_at_its_quota" soon stands client_quota "client 10.77.3." warning
ok "the_proxy_is_healthy_all_the_while" ends_with 0
for packets in 1 3 5; do
	wait "$(cat "$dir/pid.scan$packets")"
	rm "$dir/pid.scan$packets"
	ok "the_one_of_${packets}_within_1500_ms_of_its_start" in_time "$packets"
	echo "# named after $took ms"
done
ok "nothing_dropped_for_it" sh -c "'$ctl' --socket '$dir/a.sock' status --json |
	jq -e '[.reasons[] | select(.name | startswith(\"drop_\")) | .packets] | add == 0'"
ok "nobody_else_was_named" sh -c "'$ctl' --socket '$dir/a.sock' events --json |
	jq -se '[.[] | select(.kind == \"client_scans\")] | length == 3'"

# ---- failures, one after the other or side by side ----

bpftool link detach pinned "$dir/bpf/a/link-clients"
raised filter_restored warning filter
ip -n "$name" link set clients down
raised interface_down error "interface clients"
umount -l "$dir/bpf"
raised pins_missing error pins
mount -t bpf bpf "$dir/bpf"
ip -n "$name" link set clients up
cleared pins_missing
cleared interface_down

stop_b
raised member_silent error "member b"
head -c 32 /dev/urandom | od -An -vtx1 | tr -d ' \n' >"$dir/mesh/b/mesh.secret"
start_b
raised datagrams_refused warning peers
stop_b
cp "$dir/secret" "$dir/mesh/b/mesh.secret"
start_b 90000
cleared member_silent
cleared datagrams_refused
raised clock_off error clock
stop_b
start_b
cleared clock_off

sed -i -e 's/mode = "enforce"/mode = "monitor"/' -e 's/pair_rate = [0-9]*/pair_rate = 0/' \
	-e 's/destination_rate = [0-9]*/destination_rate = 1000/' "$conf"
kill -HUP "$daemon"
raised monitor_mode notice policy
raised no_limits warning policy
unasked() { ask status --json |
	jq -e --arg says "$1" '.conditions | any(.id == "no_limits" and (.text | test($says)))'; }
tells() { [ "$(field cells_published)" -gt "$told" ]; }
ok "a_rate_is_left_by_which_others_are_told" unasked '^pair_rate is 0: no limit$'
told=$(field cells_published)
throw() { outside python3 "$root/tests/e2e/throw.py" clients "$mac" "$1" 10.77.6.1 100 50 20; }
ok "packets_are_sent" throw 20.201.0.1
ok "and_others_are_told_of_their_destination" wait_for 5 tells
sed -i 's/destination_rate = [0-9]*/destination_rate = 0/' "$conf"
kill -HUP "$daemon"
ok "without_any_rate_nothing_is_told_unasked" soon unasked 'destination_rate are 0: no limit; nothing .* unasked$'
told=$(field cells_published)
ok "packets_are_sent_to_another" throw 20.202.0.1
sleep 1 # five ticks: what must not come has no moment
ok "and_nothing_is_told" test "$(field cells_published)" -eq "$told"
sed -i -e 's/mode = "monitor"/mode = "enforce"/' -e 's/pair_rate = 0/pair_rate = 1000/' \
	-e 's/destination_rate = 0/destination_rate = 10000/' "$conf"
kill -HUP "$daemon"
cleared monitor_mode
cleared no_limits
cleared filter_restored
ok "it_is_healthy_again" wait_for 5 ends_with 0

# ---- a full table ----

ok "it_ends" stop TERM
ok "another_table" inside "$ctl" detach --config "$conf"
sed -i -E -e 's/^(\tpairs4 = ).*/\1 2048;/' -e 's/^#?(\tclient_pairs = ).*/\1 0;/' "$conf"
ok "a_smaller_one" start
ok "a_client_fills_it" scan 20.9.0.1 6000 10.77.5.9 1 4000
raised pairs_full warning "client 10.77.5.9"
ok "the_event_says_so_too" wait_for 5 sh -c "'$ctl' --socket '$dir/a.sock' events --json |
	jq -se 'any(.kind == \"table_full\" and .client == \"10.77.5.9\")'"
ok "and_it_degrades_nothing" wait_for 10 ends_with 0
ok "it_ends_at_last" stop TERM
done_testing
