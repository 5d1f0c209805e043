#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A member of the version before: both sides refuse the other's datagrams and name it, in status and in an event; the
# others agree without it, and it filters on by its own counts. Upgraded, it is one of them again. The version of what
# passes between the two sides is written by the relay. Needs root. Speaks TAP.
set -u
. "$(dirname "$0")/relayed.sh"
proxies=3
publish=all # every ledger is compared with every packet; by need a slow key is not told
ours=$(sed -n 's/^#define PROTOCOL_VERSION \([0-9]*\).*/\1/p' "$root/include/xpro/bounds.h")
before=$((ours - 1)) after=$((ours + 1))
mesh_options="--window-max-ms 16000" # slots of 8 s: ledgers hold what was counted in the last 48 to 56 s

begin
make_mesh
relay_start 20252 || finish 1
start_mesh on 0 0 fair

# names PROXY MEMBER VERSION: its status says which version the member speaks
names() {
	ctl "$1" status --json |
		jq -e --arg name "member $2: " --arg says "speaks version $3 of the protocol, this proxy $ours" '
			[.warnings[].text | select(startswith($name) and contains($says))] | length == 1'
}
names_nobody() { ctl "$1" status --json | jq -e '.warnings | all(.text | contains("speaks version") | not)'; }
# events PROXY MEMBER VERSION: how many say so
events() {
	ctl "$1" events --json |
		jq -s --arg member "$2" --arg says "speaks version $3 of the protocol, this node $ours:" '
			[.[] | select(.kind == "member_version" and .member == $member)
				| select(.text | contains($says))] | length'
}
told() { [ "$(events "$@")" -gt 0 ]; }
refused() { ctl "$1" status --json | jq '[.rejects[] | select(.name == "other_version") | .count] | add // 0'; }
# In a slot of 8 s each member is told of once, however many datagrams are refused.
told_seldom() {
	most=$((($(date +%s) - parted) / 8 + 2)) got=$(events "$@")
	[ "$got" -le "$most" ] || { echo "expected at most $most events, got $got"; return 1; }
}

new_destination
check packets_are_counted_before throw_at_all "$destination"
check all_hold_them agree_within 5 "$thrown" 1 2 3
for i in 1 2 3; do check "proxy${i}_names_nobody" names_nobody "$i"; done

# ---- proxy3 is of the version before; to it, the others are of the one after ----

parted=$(date +%s)
tell version 3 "$before" "$after"
for i in 1 2; do
	timed_check "proxy${i}_names_it_in_status" wait_for 5 "its name" names "$i" proxy3 "$before"
	check "and_in_an_event_of_proxy${i}" wait_for 5 "the event" told "$i" proxy3 "$before"
done
for i in 1 2; do
	timed_check "it_names_proxy${i}_in_status" wait_for 5 "a name" names 3 "proxy$i" "$after"
	check "and_in_its_event_of_proxy$i" wait_for 5 "the event" told 3 "proxy$i" "$after"
done
check people_are_told_by_name sh -c "'$bin/gossipctl' --socket '$(socket_of 1)' status |
	grep -A 1 'member proxy3: .* speaks version $before of the protocol, this proxy $ours' |
	grep -q 'upgrade the older'"
check the_others_go_on_without_it wait_for 10 "proxy3 to be missed" up 1 2
check it_is_alone wait_for 10 "the others to be missed" up 3 1
new_destination
check packets_are_counted_meanwhile throw_at_all "$destination"
check the_others_hold_theirs wait_for 5 "800 packets" agree 800 1 2
check it_holds_its_own_and_nothing_else wait_for 5 "400 packets" hold 400 3
for i in 1 2 3; do check "proxy${i}_counts_what_it_refused" test "$(refused "$i")" -gt 0; done
check events_are_few told_seldom 1 proxy3 "$before"
check and_few_at_its_side told_seldom 3 proxy1 "$after"
check the_version_was_written test "$(relay_count of_version)" -gt 10

# ---- upgraded ----

tell clear
timed_check upgraded_it_is_met_again wait_for 20 "three members" up 1 3
check all_hold_everything agree_within 15 1200 1 2 3
for i in 1 2 3; do
	check "proxy${i}_names_nobody_any_more" wait_for 20 "a status without versions" names_nobody "$i"
done
done_testing
