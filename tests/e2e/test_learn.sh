#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# From monitor mode to a learnt policy: a device speaks to its server, a policy is learnt, checked and put into force.
# Then the device turns on 40 victims: none of them is reached, and its own traffic is whole. Needs root. Speaks TAP.
set -u

here=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
name=xpro-learn-$$
. "$here/tests/e2e/tap.sh"
. "$here/tests/e2e/device.sh"

learnt() { ask policy learn "$@"; }
refuses() {
	text=$1
	shift
	! "$@" >"$dir/said" 2>&1 && grep -qF -e "$text" "$dir/said" || { cat "$dir/said"; return 1; }
}
knows() { learnt --client 10.77.1.0/24 2>/dev/null | grep -qF -e "$1"; }

ok "it_starts" wait_for 15 grep -q 'gossipd: ready:' "$dir/log"
ok "where_nothing_was_watched_nothing_is_learnt" refuses "nothing was watched" learnt
ok "it_monitors" policy 'mode = "monitor";'
ok "where_no_client_is_named_nothing_is_learnt" wait_for 5 refuses "--client PREFIX" learnt
ok "nor_of_clients_that_were_not_there" refuses "no client was seen" learnt --client 10.78.0.0/16

# 100 packets/s for 6 s: more than a slot, less than the watch of a client's whole day
ok "the_device_speaks_to_its_server" from_device_whole -c 600 10.77.2.2
ok "which_is_watched" wait_for 10 knows '"10.77.2.2/32"; pair_rate'
ask suggest --json >"$dir/suggested"
of_pairs() { jq ".rates[] | select(.kind == \"pair\") | .$1" "$dir/suggested"; }
ok "rates_are_suggested" test "$(of_pairs 'p100 | floor')" -ge 50 -a "$(of_pairs 'p100 | floor')" -le 110
ok "in_order" jq -e '[.rates[] | (.p50 <= .p90) and (.p90 <= .p99) and (.p99 <= .p100)] | all' "$dir/suggested"
ok "of_twice_the_highest" test "$(of_pairs proposed)" -ge "$(of_pairs 'p100 * 2 | floor')"
ok "nobody_was_above_them" jq -e '.over == []' "$dir/suggested"
ok "and_of_destinations_too" jq -e '.rates[1].samples > 0 and .rates[1].proposed > 0' "$dir/suggested"
ok "a_policy_is_written" learnt --client 10.77.1.0/24 --output "$dir/learnt"
ok "for_the_device_alone" is "$(grep -c 'destination = ' "$dir/learnt")" 1
rate=$(sed -n 's/.*pair_rate = \([0-9]*\); }.*/\1/p' "$dir/learnt")
peak=$(sed -n 's|.*# \([0-9]*\)/s at most.*|\1|p' "$dir/learnt")
ok "the_highest_rate_is_what_was_sent" test "$peak" -ge 50 -a "$peak" -le 110
ok "and_the_rule_s_is_twice_that_rounded_up" test "$rate" -ge $((2 * peak)) -a "$rate" -le 500
ok "it_says_that_the_watch_was_short" grep -qF "less than a day" "$dir/learnt"
learnt --client 10.77.1.2 --margin 0 --outside-rate 7 >"$dir/other"
ok "another_margin_and_a_rate_outside" grep -qF "outside_rate = 7" "$dir/other"
ok "with_a_lower_rate" test "$(sed -n 's/.*pair_rate = \([0-9]*\); }.*/\1/p' "$dir/other")" -lt "$rate"
in_json() { learnt --client 10.77.1.2 --json | jq -r .learnt.policy | grep -qF "outside = \"block\""; }
ok "and_as_json" in_json

# ---- a shadow policy, beside one that drops nothing of this ----

beyond() { ask status --json | jq ".shadow[] | select(.kind == \"pair\") | .$1"; }
shadow() { # shadow TEXT: is tried from now on
	printf '%s\n' "$1" >"$dir/mesh/a/tried"
	before=$(grep -cF "is judged beside the policy" "$dir/log")
	kill -HUP "$daemon"
	wait_for 10 told "is judged beside the policy" $((before + 1))
}
ok "without_a_shadow_policy_there_are_no_figures" jq -e '.shadow == []' <<-EOF
	$(ask status --json)
EOF
printf 'shadow_policy_file = "tried";\n' >>"$dir/mesh/a/a.conf"
ok "the_learnt_policy_is_tried" shadow "$(cat "$dir/learnt")"
ok "beside_one_that_enforces" policy ""
dropped=$(reason drop_outside)
ok "the_device_speaks_to_its_server" from_device_whole -c 600 10.77.2.2
ok "which_is_within" is "$(beyond looks_over)" 0
ok "and_so_are_its_packets" jq -e '.shadow[0].packets == 0 and .shadow[0].rules == 2' <<-EOF
	$(ask status --json)
EOF
ok "the_device_attacks" attack
ok "every_victim_is_hit_all_the_same" is "$hit" $((victims * each))
ok "nothing_was_dropped_by_the_shadow" is "$(reason drop_outside)" "$dropped"
counted() { [ "$(beyond looks_over)" -ge "$victims" ]; }
ok "but_every_victim_was_counted" wait_for 15 counted
ok "with_packets" test "$(beyond 'packets | floor')" -gt 0
ok "metrics_say_so" says 'xpro_shadow_packets_total{kind="pair"}' ask metrics
printf 'rules = (\n { client = "10.77.1.0/24"; outside = "no"; } );\n' >"$dir/mesh/a/tried"
kill -HUP "$daemon"
ok "a_wrong_one_is_told_at_its_line" wait_for 10 told 'tried:2: outside: must be "block"' 1
ok "and_the_one_before_is_tried_on" counted
sed -i '/^shadow_policy_file/d' "$dir/mesh/a/a.conf"

cp "$dir/learnt" "$dir/mesh/a/rules"
ok "gossipd_accepts_it" "$bin/gossipd" --config "$dir/mesh/a/a.conf" --check-config
ok "so_does_policy_push" "$ctl" policy push "$dir/learnt" --directory "$dir/mesh" --socket "$dir/a.sock"
rm -f "$dir/mesh/policy.doc"
ok "and_it_is_in_force" wait_for 30 says "10.77.1.2/32 -> 10.77.2.2/32" ask policy show
ok "the_device_attacks" attack
ok "no_packet_reaches_a_victim" is "$hit" 0
ok "and_all_of_its_own_traffic_arrives" is "$served" "$own"

done_testing
