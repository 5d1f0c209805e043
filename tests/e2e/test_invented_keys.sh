#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# One member invents keys, and the others' tables stay usable: the second flood drops like the first, and who invents is
# named within ten seconds. proxy3 is tests/relay/liar.c in place of gossipd; its tables and rates are the others'.
# Needs root. Speaks TAP.
set -u
. "$(dirname "$0")/relayed.sh"
. "$(dirname "$0")/lying.sh"
pair_rate=20 destination_rate=1000

lying_mesh

# ---- what the others see ----

member() { ctl "$1" members --json | jq -er ".members[] | select(.name == \"$2\") | .$3"; }
warns_of() { ctl "$1" status --json | jq -e --arg name "member $2:" '.warnings | any(.text | startswith($name))'; }
# warns_of_both TABLE: both name proxy3 for what it fills
warns_for() { ctl "$1" status --json | jq -e --arg table " $2 rest on its word" \
	'.warnings | any(.text | startswith("member proxy3:") and contains($table))'; }
warns_of_both() { warns_for 1 "$1" && warns_for 2 "$1"; }
no_warning() { ! warns_of 1 proxy3 && ! warns_of 2 proxy3; }
event() { ctl 1 events --json | jq -se --arg kind "$1" --arg member "$2" \
	'[.[] | .. | objects | select(.kind? == $kind and .member? == $member)] | length > 0'; }
never_named() { ! warns_of 1 proxy2 && ! warns_of 2 proxy1 && ! event condition_raised proxy2; }
vouched() { ctl "$1" status --json | jq -er ".vouched[] | select(.table == \"$2\") | .$3"; }
within_quarter() {
	for i in $honest; do
		[ "$(vouched "$i" "$1" records)" -le "$(vouched "$i" "$1" max)" ] ||
			{ ctl "$i" status --json | jq .vouched; return 1; }
	done
}
reason() { ctl 1 status --json | jq ".reasons[] | select(.name == \"$1\") | .packets"; }

# DESTINATION FIRST_CLIENT CLIENTS ROUNDS PAUSE_MS
flood() { sent_at_1 throw "$@"; }

# ---- without a lie ----

check an_honest_member_without_packets liar_begin
flood 192.0.2.1 198.18.1.1 240 75 100 # 2.4 times the destination's rate
clean=$drops
flood 2001:db8:f::1 2001:db8:a::1 10 300 16 # each client at 3 times the pair's rate
clean6=$drops
flood 192.0.2.2 198.18.9.1 1 1200 5 # one client at 10 times the pair's rate
clean1=$drops
check the_floods_drop_on_a_clean_table test "$clean" -gt 400 -a "$clean6" -gt 500 -a "$clean1" -gt 700
check nobody_is_named no_warning

# ---- invented destinations ----

check a_member_begins_to_invent_destinations lie claim destinations 80 100000 5000
timed_check it_is_named_within_ten_seconds wait_for 10 "a warning" warns_of_both destinations
check its_records_are_told_of event condition_raised proxy3
check what_rests_on_it_alone_is_shown member 1 proxy3 'vouched_alone > 100 and .vouched_share >= 1'
check a_quarter_of_the_table_is_not_exceeded within_quarter destinations
full=$(reason destinations_full)
flood 192.0.2.3 198.18.1.1 240 75 100
check a_new_victim_is_protected_all_the_same like "$clean"
check its_destination_found_room test "$(reason destinations_full)" = "$full"
check a_quarter_is_not_exceeded_meanwhile within_quarter destinations
check what_found_no_room_is_shown member 1 proxy3 'vouched_refused > 0'
check and_nobody_else_is_named never_named
said='condition member_fills_part (warning): member proxy3'
check the_log_says_it_once test "$(grep -cF "$said" "$state/proxy1.log")" -eq 1

# ---- invented IPv6 pairs ----

check a_member_begins_to_invent_ipv6_pairs lie claim pairs6 300 100000 1000
timed_check it_is_named_for_that_within_ten_seconds wait_for 10 "a warning" warns_of_both "IPv6 pairs"
filled() { [ "$(vouched 1 "$1" records)" -ge "$2" ]; }
check it_borrows_what_others_leave wait_for 20 "a full quarter" filled pairs6 1000
check a_quarter_of_the_ipv6_pairs_is_not_exceeded within_quarter pairs6
flood 2001:db8:f::2 2001:db8:b::1 10 300 16
check new_ipv6_clients_are_held_to_their_rate like "$clean6"
check no_ipv6_pair_lacked_a_record test "$(reason table_full)" = 0

# ---- invented pairs of one client ----

check a_member_begins_to_invent_pairs_of_a_client lie claim client=198.18.8.1 220 2200 1000
check its_records_fill_a_quarter wait_for 20 "2,000 records" filled pairs4 2000
flood 192.0.2.4 198.18.8.1 1 1200 5
check the_client_is_held_to_its_rate_all_the_same like "$clean1"
check it_did_not_use_up_its_pairs test "$(reason client_quota)" = 0
check no_client_is_at_its_quota test "$(status_of 1 clients_full)" = 0

# ---- more than a line carries ----

check a_member_begins_to_exceed_its_line lie claim pairs4 20 20 4000000000
over_line() { member 1 proxy3 'line_used > 1'; }
timed_check its_line_is_exceeded wait_for 10 "its line to be exceeded" over_line
named_for_its_line() { ctl 1 status --json | jq -e \
	'.warnings | any(.text | startswith("member proxy3: reports"))'; }
timed_check and_it_is_named_for_it wait_for 10 "a warning" named_for_its_line
check in_an_event_too event line_rate proxy3
sleep 9 # two more slots in which it lies: what must not be said again has no moment
check which_the_log_says_once test "$(grep -c 'keys than its certified line' "$state/proxy1.log")" -eq 1

# ---- the liar leaves off ----

check it_leaves_off lie rest
check what_nobody_lies_about_is_not_warned_of wait_for 90 "no warning" no_warning
liar_end
done_testing
