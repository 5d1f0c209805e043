#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# One of three proxies has a clock that jumps by hours, that stood still while the host slept, that begins in 1970 or
# ten years ahead, and last lost its state: it goes on filtering, says what it sees, tells nobody anything absurd, and
# is with the others again when its clock is right. Needs root. Speaks TAP.
set -u
. "$(dirname "$0")/relayed.sh"
proxies=3
publish=all # every ledger is compared with every packet; by need a slow key is not told
all="1 2 3"
mesh_options="--window-max-ms 16000" # slots of 8 s: ledgers hold what was counted in the last 48 to 56 s

begin
make_mesh
start_mesh on 0 0 fair

# set_clock MS: proxy3's clock is so far off the others' from now on
set_clock() { echo "$1" >"$state/clock.new" && mv "$state/clock.new" "$state/clock"; }
# start_3 [VARIABLE=VALUE]
start_3() {
	launch proxy3 proxy3 "$state/proxy3.log" env "LD_PRELOAD=$root/build/tests/host/clocks.so" \
		"CLOCK_FILE=$state/clock" "$@" "$bin/gossipd" --config "$(conf_of 3)"
	wait_for 10 "gossipd of proxy3" told "ready: "
}
why() { ctl 3 status --json | jq -e --arg text "$1" '.status.degraded_why | contains($text)'; }
is_well() { ctl 3 status --json | jq -e '.status.degraded | not'; }
told() { grep -qF -e "$1" "$state/proxy3.log" || { tail -n 5 "$state/proxy3.log"; return 1; }; }
event_at() { ctl "$1" events --json | jq -se --arg kind "$2" '[.[] | select(.kind == $kind)] | length > 0'; }
skewed_at() { ctl "$1" members --json | jq -e '.members[] | select(.name == "proxy3") | .skewed'; }
not_skewed() { for i in 1 2; do ! skewed_at "$i" || return 1; done; }
left_out() { for i in 1 2; do skewed_at "$i" || return 1; done; }
# as its last start said: one that ends at once may be gone before it is asked
incarnation_of() { sed -n 's/.*ready: .*, incarnation \([0-9]*\),.*/\1/p' "$state/proxy3.log"; }
# Counts everywhere, as if nothing was: counts_as_ever WHEN
counts_as_ever() {
	new_destination
	check "packets_are_counted_$1" throw_at_all "$destination"
	# shellcheck disable=SC2086
	timed_check "all_hold_them_$1" wait_for 5 "$thrown packets" hold "$thrown" $all
	# What the others told while its time was another it refused: that is equal again when it is forgotten.
	# shellcheck disable=SC2086
	timed_check "ledgers_are_equal_$1" wait_for 60 "equal ledgers" equal $all
}
# It has its own counts, and the others theirs: counts_alone WHEN
counts_alone() {
	new_destination
	check "packets_are_counted_$1" throw_at_all "$destination"
	check "it_holds_its_own_$1" wait_for 5 "its own 400 packets" hold 400 3
	check "the_others_hold_theirs_and_nothing_of_its_time_$1" wait_for 5 "800 packets" hold 800 1 2
	check "they_leave_it_out_$1" wait_for 10 "a skewed proxy3" left_out
	check "it_says_that_its_clock_differs_$1" \
		wait_for 10 "a word about the clock" why "2 of 2 members differ from this host's"
}

# ---- an hour forth and back while it runs ----

quit proxy3
set_clock 0
check it_starts_with_the_right_time start_3
check and_meets_the_others wait_for 10 "three members" up 3 3
for step in 3600000 -3600000; do
	set_clock "$step"
	check "a_clock_set_by_${step}_ms_is_told" wait_for 5 "a word about it" why "the host's was set while running"
	counts_as_ever "with_a_clock_set_by_$step"
	check "nobody_leaves_it_out_with_a_clock_set_by_$step" not_skewed
	set_clock 0
	check "all_is_well_when_it_is_set_back_from_$step" wait_for 5 "health" is_well
done

# ---- a host that slept for ten minutes: its time stood still, then its clock is put right ----

quit proxy3
set_clock -600000
check it_starts_ten_minutes_behind start_3
check it_says_that_the_clock_was_set_back told "clock: set back since the last start"
counts_alone ten_minutes_behind
kill -STOP "$(cat "$state/pid.proxy3")"
sleep 3 # a host asleep
set_clock 0
kill -CONT "$(cat "$state/pid.proxy3")"
timed_check it_finds_that_it_slept wait_for 15 "the event" event_at 3 slept
check and_says_for_how_long told "this host slept for 600."
timed_check the_others_count_it_in_again wait_for 15 "proxy3 without a skew" not_skewed
timed_check all_is_well_after_sleep wait_for 15 "health" is_well
counts_as_ever after_sleep

# ---- a clock that begins in 1970 ----

quit proxy3
set_clock "-$(($(date +%s) - 100))000"
check it_starts_in_1970 start_3
counts_alone in_1970
set_clock 0
check a_clock_put_right_from_1970_is_told wait_for 15 "a word about it" told "gossipd must start anew; restart it"
check and_it_lives_on daemon_answers 3
quit proxy3
check it_starts_anew start_3
check and_meets_them_again wait_for 10 "three members" up 3 3
counts_as_ever after_1970

# ---- ten years ahead, with a service manager that starts it again ----

first=$(incarnation_of)
quit proxy3
set_clock 315360000000
check it_starts_ten_years_ahead start_3 NOTIFY_SOCKET="$state/manager"
counts_alone ten_years_ahead
pid=$(cat "$state/pid.proxy3")
set_clock 0
check put_right_it_ends_by_itself wait_for 15 "its end" is_gone "$pid"
wait "$pid"
check with_a_failure_so_that_its_manager_starts_it_again test $? -eq 1
rm -f "$state/pid.proxy3"
filtered() { in_ns proxy3 ip link show dev clients | grep -q xdp; }
check its_filter_stays_meanwhile filtered
check it_is_started_again start_3
check under_a_fresh_incarnation test "$(incarnation_of)" -gt "$first"
check and_is_met_again wait_for 10 "three members" up 3 3
counts_as_ever after_ten_years
check nobody_leaves_it_out_any_more wait_for 5 "proxy3 without a skew" not_skewed

# ---- table and state directory lost: what it then begins with is ten years older than what the others know of it ----

first=$(incarnation_of)
quit proxy3
in_ns proxy3 "$bin/gossipctl" detach --config "$(conf_of 3)" >/dev/null
rm -r "$state/proxy3.state"
check it_starts_without_its_state start_3 NOTIFY_SOCKET="$state/manager"
pid=$(cat "$state/pid.proxy3")
check with_an_older_incarnation test "$(incarnation_of)" -lt "$first"
timed_check the_others_tell_it_of_the_later_one_and_it_ends wait_for 30 "its end" is_gone "$pid"
wait "$pid"
check with_a_failure_again test $? -eq 1
rm -f "$state/pid.proxy3"
check it_is_started_once_more start_3
check above_what_the_others_knew test "$(incarnation_of)" -gt "$first"
check and_is_met_once_more wait_for 10 "three members" up 3 3
counts_as_ever after_its_state_was_lost
check nobody_takes_it_for_a_clone \
	sh -c "! '$bin/gossipctl' --socket '$(socket_of 1)' events --json | grep -q member_cloned"
done_testing
