#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Members among real daemons: a load that is told, one that leaves for good and comes back, one that only stops, and one
# that is joined by name. Needs root. Speaks TAP.
set -u
. "$(dirname "$0")/relayed.sh"
proxies=3
publish=all # every ledger is compared with every packet; by need a slow key is not told
all="1 2 3"
mesh_options="--window-max-ms 16000" # slots of 8 s: ledgers hold what was counted in the last 48 to 56 s

begin
make_mesh
printf 'capacity = 2000;\nload_limit = 70;\n' >>"$(conf_of 1).issued"
start_mesh on 0 0 fair

member() { ctl "$1" members --json | jq -e ".members[] | select(.name == \"proxy$2\") | $3"; }
event() {
	ctl "$1" events --json |
		jq -se "[.[] | .. | objects | select(.kind? == \"$2\" and .member? == \"proxy$3\")] | length > 0"
}

# ---- load ----

check a_limit_is_told_at_once \
	wait_for 5 "proxy1's limit" member 2 1 '.load_limit > 0.69 and .load_limit < 0.71 and .load < 0.1'
check without_a_capacity_there_is_no_load member 2 3 '.load == null and .load_limit == null'
new_destination
throwers=
throw 1 "$destination" 40 4000 50 # 800 a second, less where the machine is slow, until it is ended
loaded() { member "$1" 1 '.load > 0.1 and .load < 0.6'; }
check a_load_is_told_to_others wait_for 20 "proxy1's load at proxy2" loaded 2
check and_to_the_third wait_for 5 "proxy1's load at proxy3" loaded 3
check it_knows_its_own wait_for 5 "its own load" loaded 1
kill $throwers 2>/dev/null

# ---- leaving ----

quit proxy2
check who_only_stops_has_not_left member 1 2 '.left == false'
daemon_start 2
wait_for 10 "gossipd of proxy2" daemon_answers 2
check and_is_back wait_for 10 "three members" up 1 3

ended() {
	! kill -0 "$(cat "$state/pid.proxy3")" 2>/dev/null ||
		[ "$(awk '{ print $3 }' "/proc/$(cat "$state/pid.proxy3")/stat")" = Z ]
}
silences_of_3() {
	ctl 1 events --json |
		jq -s '[.[] | .. | objects | select(.kind? == "member_silent" and .member? == "proxy3")] | length'
}
silences=$(silences_of_3)
check leave_is_answered ctl 3 leave
check its_daemon_ends_by_itself wait_for 10 "the end of proxy3" ended
check the_others_know_that_it_left wait_for 3 "proxy1 to know" member 1 3 '.left and .state == "left"'
check all_of_them wait_for 3 "proxy2 to know" member 2 3 .left
check an_event_says_so event 1 member_left 3
two_members() { [ "$(status_of "$1" members)" = 2 ] && up "$1" 2 && [ "$(status_of "$1" degraded)" = false ]; }
check nobody_waits_for_it wait_for 10 "a healthy mesh of two" two_members 1
sleep 3 # longer than MEMBER_SILENT_MS: what must not come has no moment
check and_nobody_misses_it test "$(silences_of_3)" = "$silences"
check its_filter_is_still_on sh -c "ip -n $name-proxy3 link show dev clients | grep -q xdp"
quit proxy3
daemon_start 3
wait_for 10 "gossipd of proxy3" daemon_answers 3
check it_is_welcome_again wait_for 10 "three members" up 1 3
check and_has_not_left_any_more member 1 3 '.left == false and .state == "up"'
new_destination
check packets_are_counted_after_its_return throw_at_all "$destination"
# shellcheck disable=SC2086
check and_all_hold_them agree_within 8 "$thrown" $all

# ---- by name ----

# Each named proxy's daemon sees a hosts file of ours in place of the host's.
resolvable() { echo "$1 $2" >>"$state/hosts"; }
named_start() {
	launch "proxy$1" "proxy$1" "$state/proxy$1.log" \
		unshare --mount sh -c 'mount --bind "$0" /etc/hosts && exec "$@"' "$state/hosts" \
		"$bin/gossipd" --config "$(conf_of "$1")"
}
stop_mesh
for i in $all; do
	configure "$i" on 0 0 fair
	mkdir -p "$state/proxy$i.state"
	sed -i 's/^peers = .*/peers = [];/' "$(conf_of "$i")"
done
sed -i "s/^peers = .*/peers = [\"proxy1.test:$gossip_port\"];/" "$(conf_of 2)"
peers="\"proxy1.test:$gossip_port\", \"proxy2.test:$gossip_port\", \"proxy3.test:$gossip_port\""
sed -i "s/^peers = .*/peers = [$peers];/" "$(conf_of 3)"
echo "127.0.0.1 localhost" >"$state/hosts"
resolvable 10.3.0.1 proxy1.test
resolvable 10.3.0.3 proxy3.test
check a_name_in_peers_is_a_good_configuration "$bin/gossipd" --config "$(conf_of 3)" --check-config
daemon_start 1
for i in 2 3; do named_start "$i"; done
for i in $all; do wait_for 10 "gossipd of proxy$i" daemon_answers "$i"; done
check one_is_joined_by_name wait_for 15 "three members at proxy1" up 1 3
check a_name_without_an_address_is_told wait_for 10 "a word about it" sh -c "grep -q 'proxy2.test' '$state/proxy3.log'"
check and_shows_in_status wait_for 5 "the name in the status" \
	sh -c "'$bin/gossipctl' --socket '$(socket_of 3)' status --json |
		jq -e '.status.degraded_why | contains(\"proxy2.test\")'"
resolvable 10.3.0.2 proxy2.test
healthy() { [ "$(status_of "$1" degraded)" = false ]; }
check a_name_is_asked_again wait_for 70 "a healthy proxy3" healthy 3
quit proxy1
quit proxy3
ip -n "$name-proxy1" addr del 10.3.0.1/24 dev wan
ip -n "$name-proxy1" addr add 10.3.0.11/24 dev wan
rm -rf "$state/proxy3.state" # it knows nobody any more
sed -i 's/^10.3.0.1 .*/10.3.0.11 proxy1.test/' "$state/hosts"
sed -i "s/^peers = .*/peers = [\"proxy1.test:$gossip_port\"];/" "$(conf_of 3)"
daemon_start 1
mkdir -p "$state/proxy3.state"
named_start 3
for i in 1 3; do wait_for 10 "gossipd of proxy$i" daemon_answers "$i"; done
check a_name_with_another_address_leads_there wait_for 20 "three members at proxy3" up 3 3
new_destination
check packets_are_counted_in_a_mesh_joined_by_name throw_at_all "$destination"
# shellcheck disable=SC2086
check and_held_by_all agree_within 10 "$thrown" $all
done_testing
