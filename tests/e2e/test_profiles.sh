#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# One gossipd and a device with a profile: rules of the device and its server. The device turns on 40 victims and
# speaks to its server meanwhile. Needs root. Speaks TAP.
set -u

here=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
name=xpro-profiles-$$
. "$here/tests/e2e/tap.sh"
. "$here/tests/e2e/device.sh"

# ---- ----

ok "it_starts" wait_for 15 grep -q 'gossipd: ready:' "$dir/log"
ok "without_a_profile_the_device_attacks" attack
ok "and_every_victim_is_hit" is "$hit" $((victims * each))

profile='{ client = "10.77.1.2"; destination = "10.77.2.0/24"; pair_rate = 500; }'
ok "a_profile_is_taken_over" policy "rules = ( { client = \"10.77.1.0/24\"; outside = \"block\"; }, $profile );"
ok "the_rules_are_shown" says "10.77.1.2/32 -> 10.77.2.0/24" ask policy show
ok "and_what_becomes_of_the_rest" says "outside: block" ask policy show
ok "the_device_attacks" attack
ok "no_packet_reaches_a_victim" is "$hit" 0
ok "and_all_of_its_own_traffic_arrives" is "$served" "$own"
ok "what_dropped_has_its_own_counter" is "$(reason drop_outside)" $((victims * each))
ok "explain_says_why" says "no rule of its client holds the destination, and what is outside is blocked" \
	ask explain 10.77.1.2 10.77.3.11
ok "and_which_rule_lets_the_rest_pass" says "10.77.1.2/32 -> 10.77.2.0/24" ask explain 10.77.1.2 10.77.2.2
ok "the_proxy_itself_is_not_outside" from_device_whole -c 3 10.77.1.1

# 2 packets/s to each victim: the first are within the rate of a second, whatever the machine's pace.
ok "a_rate_outside_is_taken_over" policy "rules = ( { client = \"10.77.1.0/24\"; outside_rate = 2; }, $profile );"
ok "the_device_attacks" attack
ok "each_victim_gets_no_more_than_its_rate" test "$hit" -le $((victims * 4))
ok "and_all_of_its_own_traffic_arrives" is "$served" "$own"
ok "explain_says_so" says "T_F1 is at most outside_rate" ask explain 10.77.1.2 10.77.3.11

printf 'rules = (\n  { client = "10.77.1.0/24"; outside_rate = 2; outside = "block"; } );\n' >"$dir/mesh/a/rules"
kill -HUP "$daemon"
ok "both_at_once_are_refused" wait_for 10 told "rules:2: policy: a rule sets outside_rate or outside, not both" 1
ok "a_client_without_a_rule_of_its_own_is_taken" policy 'rules = ( { client = "10.9.0.0/16"; outside = "block"; } );'
ok "with_a_warning" told "rules:1: outside: no rule of a client and a destination is of these clients" 1

# ---- monitor mode ----

ok "in_monitor_mode" policy "mode = \"monitor\";
	rules = ( { client = \"10.77.1.0/24\"; outside = \"block\"; }, $profile );"
ok "the_device_attacks" attack
ok "what_would_drop_passes" is "$hit" $((victims * each))
ok "and_is_counted" is "$(reason would_drop)" $((victims * each))
ok "and_dropped_nothing_more" is "$(reason drop_outside)" $((victims * each))

done_testing
