#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What a proxy tells others' machines: metrics whose figures are those of the packets sent, a line for Nagios that
# follows the state, an archive for support without a key. Two real daemons. Needs root. Speaks TAP.
set -u
. "$(dirname "$0")/lonely.sh"
begin
cd "$dir" || exit 1
sed -i 's/pair_rate = 1000/pair_rate = 20/' "$conf"
: >"${conf%/*}/tried" # a policy that is tried: it has metrics of its own
printf 'shadow_policy_file = "tried";\n' >>"$conf"
issue b 10.77.1.2:7946
start
( exec nsenter --net="/run/netns/$name-peer" "$bin/gossipd" --config mesh/b/b.conf ) >log.b 2>&1 </dev/null &
echo $! >pid.b

# value NAME: of a series, with its labels
value() { ask metrics | sed -n "s/^$1 //p"; }
is() { got=$(value "$1"); [ "$got" = "$2" ] || { echo "$1: expected $2, got $got"; return 1; }; }
at_least() { got=$(value "$1"); [ "${got:-0}" -ge "$2" ] || { echo "$1: expected $2 or more, got $got"; return 1; }; }
# checks STATUS TEXT: what `check` ends with, and says
checks() {
	said=$(ask check 2>/dev/null)
	got=$?
	[ "$got" -eq "$1" ] && [ "$(printf '%s\n' "$said" | wc -l)" -eq 1 ] ||
		{ echo "ended with $got: $said"; return 1; }
	case $said in *"$2"*) ;; *) echo "$said"; return 1 ;; esac
}

ok "both_are_up" wait_for 20 is xpro_members_up 2
ok "a_daemon_that_answers_is_up" is xpro_up 1
ok "its_interface_is_attached" is 'xpro_attached{interface="clients"}' 1
ok "the_other_member_has_its_series" is 'xpro_member_up{member="b"}' 1
ok "of_its_path" sh -c "[ \"\$('$ctl' --socket a.sock metrics | grep -c '{member=\"b\"}')\" -eq 3 ]"
ok "healthy_is_0" wait_for 20 checks 0 "XPRO OK - a: healthy"
ok "with_figures" checks 0 "members_up=2;;;0;2"

# 100 packets of a client, 10 of them in time for its rate of 20/s
outside ping -q -i 0.002 -c 100 -W 1 10.77.1.1 >ping.out 2>&1
ip -n "$name-peer" addr add 10.9.9.1/24 dev clients
ip -n "$name-peer" route add 10.8.8.0/24 via 10.77.1.1
ok "packets_to_the_proxy_itself_pass" at_least 'xpro_packets_total{verdict="pass_local"}' 100
outside ping -q -i 0.002 -c 200 -W 0.1 -I 10.9.9.1 10.8.8.8 >ping.out 2>&1
dropped() { at_least 'xpro_packets_total{verdict="drop_pair"}' 1; }
ok "a_pair_over_its_rate_is_counted" wait_for 5 dropped
sum() {
	sent=$(sed -n 's/^\([0-9]*\) packets transmitted.*/\1/p' ping.out)
	got=$(ask metrics | awk '/^xpro_packets_total\{verdict="(pass|drop_pair)"\}/ { n += $2 } END { print n }')
	[ "$got" -eq "$sent" ] || { echo "expected $sent packets, got $got"; return 1; }
}
ok "every_packet_has_one_verdict" wait_for 5 sum
no_address() { ! ask metrics | grep -e '10[.]9[.]9' -e '10[.]8[.]8'; }
ok "no_client_and_no_destination_is_a_label" no_address
ok "the_table_has_the_pair" is 'xpro_table_records{table="pairs4"}' 1

completes() { "$ctl" --complete --socket a.sock "$@" | grep -qxF "$expected"; }
expected=10.9.9.1
ok "a_client_over_its_rate_is_completed" completes explain ""
ok "as_the_value_of_an_option" completes pairs --client 10.
expected=10.8.8.8
ok "and_its_destination_behind_it" completes explain 10.9.9.1 ""
nothing() { [ -z "$("$ctl" --complete --socket none.sock explain "" 2>&1)" ]; }
ok "without_a_daemon_nothing_is_said" nothing

# The table of the guide is what the program says of itself.
in_the_guide() {
	ask metrics | awk '/^# HELP/ { name = $3; $1 = $2 = $3 = ""; sub(/^ */, ""); help = $0 }
		/^# TYPE/ { print "| `" name "` | " $4 " | " help " |" }' >rows
	grep '^| `xpro_' "$root/gossipd/guide/metrics.md" | diff - rows
}
ok "the_guide_has_every_metric" in_the_guide

ok "a_file_is_written" ask metrics --output xpro.prom
ok "for_a_collector_to_read" [ "$(stat -c %a xpro.prom)" = 644 ]
same_metrics() { ask metrics | sed 's/ [^ ]*$//' >printed && sed 's/ [^ ]*$//' xpro.prom | diff printed -; }
ok "it_is_what_is_printed" same_metrics

ok "support_writes_an_archive" ask support --config "$conf" --output support.tar
files() { tar tf support.tar | sort >names && for one; do grep -qx "xpro-support/$one" names || return 1; done; }
ok "with_answers_configuration_and_host" files status.json members.json events.json policy.json documents.json \
	metrics.prom gossipd.conf host.txt host/etc/os-release
whole() {
	for one in status members policy documents; do
		tar xOf support.tar "xpro-support/$one.json" | jq -e . || return 1
	done
}
ok "the_answers_are_json" whole
ok "nobody_else_may_read_it" [ "$(stat -c %a support.tar)" = 600 ]
secrets() {
	for secret in mesh/a/node.key mesh/a/mesh.secret; do
		! grep -aqF "$(cat "$secret")" support.tar || { echo "$secret is in it"; return 1; }
	done
}
ok "no_key_is_in_it" secrets
kept() { ! ask support --output support.tar 2>said && grep -q 'exists already' said; }
ok "it_overwrites_nothing" kept

bpftool link detach pinned "$dir/bpf/a/link-clients"
ok "a_filter_that_was_put_back_is_told" wait_for 10 at_least xpro_filters_restored_total 1
kill -KILL "$(cat pid.b)"
ok "a_silent_member_is_shown" wait_for 20 is 'xpro_member_up{member="b"}' 0
ok "and_is_critical" wait_for 20 checks 2 "XPRO CRITICAL - a: "
ok "as_a_metric_too" is xpro_degraded 1
ok "the_daemon_ends" stop TERM
ok "one_that_is_gone_is_critical" checks 2 "cannot reach gossipd"
gone() { ask metrics --output xpro.prom; [ $? -eq 3 ] && grep -qx 'xpro_up 0' xpro.prom; }
ok "and_is_down_in_the_file" gone
done_testing
