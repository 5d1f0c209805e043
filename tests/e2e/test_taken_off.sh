#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A filter or its pins taken off by hand while gossipd runs: they are back within seconds, and that is logged, told as
# an event and counted, once each. What cannot be put back is a reason to be degraded; every reason is shown. Needs
# root. Speaks TAP.
set -u
. "$(dirname "$0")/lonely.sh"
begin
pins=$dir/bpf/a

filtered() { ip -n "$name" link show clients | grep xdp; }
unfiltered() { ! filtered; }
healthy() { ask status; }
events_told() { ask events --json | jq -s '[.[] | select(.kind == "filter_restored")] | length'; }
lines_logged() { grep -c -e 'and is on again$' -e 'are made again$' "$dir/log"; }
# restored N: so often, by the counter, by events and by lines of the log
restored() {
	got="$(field filters_restored) $(events_told) $(lines_logged)"
	[ "$got" = "$1 $1 $1" ] || { echo "expected $1 restorations by counter, events and log, got $got"; return 1; }
}
# One more second has been looked at, with nothing new: the daemon's tick goes on.
looked_again() {
	uptime=$(field uptime_s)
	wait_for 3 sh -c "'$ctl' --socket '$dir/a.sock' status --json | jq -e '.status.uptime_s > $uptime + 2.1'" &&
		restored "$1"
}
reasons() { ask status --json | jq -e --arg text "$1" '.status.degraded_reasons | any(contains($text))'; }
reasons_are() {
	got=$(ask status --json | jq '.status.degraded_reasons | length')
	[ "$got" = "$1" ] ||
		{ echo "expected $1 reasons, got $got:"; ask status --json | jq .status.degraded_reasons; return 1; }
}
program() { ask status --json | jq '.attachments[0].program_id'; }
all_pins() { find "$pins" -type f -printf '%f\n' | sort; }

ok "it_starts" start
ok "nothing_was_restored" restored 0
ok "it_is_healthy_without_a_reason" reasons_are 0
all_pins >"$dir/pins"

bpftool link detach pinned "$pins/link-clients"
ok "a_detached_link_is_told_once" wait_for 5 restored 1
ok "and_the_filter_is_on" filtered
ok "a_second_later_it_is_still_1" looked_again 1
ok "the_log_names_the_interface" logged "clients: the filter was taken off by hand, and is on again"
ok "status_tells_people_so" \
	sh -c "'$ctl' --socket '$dir/a.sock' status | grep -q 'taken off by hand and put back 1 times'"

before=$(program)
rm "$pins/link-clients"
ok "without_the_links_pin_the_filter_stays_on" test "$(program)" = "$before"
ok "a_removed_link_is_told_once" wait_for 5 restored 2
ok "and_is_pinned_again" test -e "$pins/link-clients"
ok "with_the_filter_on" filtered

rm "$pins/pairs4" "$pins/state"
ok "removed_maps_are_told_once" wait_for 5 restored 3
ok "and_all_pins_are_there" sh -c "find '$pins' -type f -printf '%f\n' | sort | diff '$dir/pins' -"

rm -r "$pins"
ok "the_filter_stays_on_without_the_directory" filtered
ok "a_removed_directory_is_told_once" wait_for 5 restored 4
ok "and_all_pins_are_there_again" sh -c "find '$pins' -type f -printf '%f\n' | sort | diff '$dir/pins' -"
ok "closed_to_others" test "$(stat -c %a "$pins")" = 700
ok "it_is_healthy" healthy
ok "another_daemon_is_kept_out_still" inside sh -c "! flock --nonblock '$pins' true"
ok "nothing_more_is_told" looked_again 4

ip -n "$name" link set clients down
ip -n "$name" link set clients name wan0
ip -n "$name" link set wan0 up
bpftool link detach pinned "$pins/link-clients"
ok "a_renamed_interfaces_filter_is_put_back_too" wait_for 5 restored 5
ok "and_is_on" sh -c "ip -n '$name' link show wan0 | grep -q xdp"
ip -n "$name" link set wan0 down
ip -n "$name" link set wan0 name clients
ip -n "$name" link set clients up

umount -l "$dir/bpf"
ok "without_a_bpffs_it_is_not_healthy" wait_for 5 reasons "pins: the filter would not outlive gossipd"
ok "and_logs_that" logged "condition pins_missing (error): pins: "
ok "but_filters" filtered
ok "nothing_is_made_where_no_bpffs_is" test ! -e "$pins"
mount -t bpf bpf "$dir/bpf"
ok "with_one_it_is_healthy_again" wait_for 5 healthy
ok "which_is_told_once" restored 6
incarnation=$(field incarnation)
kill -KILL "$daemon"
wait "$daemon" 2>/dev/null
ok "the_filter_outlives_it" filtered
ok "it_starts_again" start
ok "with_its_table" test "$(field incarnation)" = "$incarnation"
ok "and_with_nothing_restored" restored 0

# ---- taken off in order ----

ok "detach_is_no_accident" inside "$ctl" detach --config "$conf"
ok "it_is_said_once_more" wait_for 5 reasons "interface clients: no XDP program is attached"
ok "with_the_reason_for_the_pins" wait_for 5 reasons "restart gossipd to have both again"
ok "both_at_once" reasons_are 2
ok "and_stays_off" looked_again 0
ok "with_no_pins" test ! -e "$pins"
ok "nor_a_filter" unfiltered
ok "it_ends" stop TERM

# ---- every reason ----

set_to peers '["10.77.1.2:7946"]'
ok "it_starts_with_a_peer_that_is_silent" start
ok "which_is_one_reason" wait_for 5 reasons_are 1
ok "it_is_in_the_log" wait_for 5 logged "condition peers_unheard (error): peers: 1 of 1 configured were never heard"
umount -l "$dir/bpf"
ok "a_second_one_is_told_beside_it" wait_for 5 reasons_are 2
ask_status() { ask status --json | jq -e "$1"; }
ok "both_by_name" ask_status \
	'.status.degraded_reasons | (.[0] | startswith("pins: ")) and (.[1] | startswith("peers: "))'
ok "the_first_stands_where_it_stood" ask_status '.status | .degraded_why == .degraded_reasons[0]'
shows_both() {
	ask status >"$dir/shown"
	grep -q '^a: degraded: pins: ' "$dir/shown" && grep -q '^  error         peers: 1 of 1' "$dir/shown"
}
ok "people_see_both" shows_both
ok "the_log_has_both" logged "condition pins_missing (error): pins: "
mount -t bpf bpf "$dir/bpf"
ok "one_that_is_over_goes" wait_for 5 reasons_are 1
ok "and_the_log_says_so" wait_for 5 logged "condition pins_missing cleared: pins: "
ok "each_was_logged_once" test "$(grep -c ' (error): ' "$dir/log")" = 2
ok "it_ends_at_last" stop TERM
done_testing
