#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A host that fails its gossipd: a state directory that is full, read-only, cut short or of another version; keys as
# they must not be; too little memory; clients of the control socket that ask and never read, and that read everything
# while counts come in. Needs root. Speaks TAP.
set -u
. "$(dirname "$0")/lonely.sh"
mesh_options="--window-max-ms 20000" # slots of 10 s: the ledger holds what was counted in the last 60 to 70 s
begin
state=$dir/a.state

# ---- the state directory ----

ok "it_starts" start
incarnation=$(field incarnation)
ok "it_ends" stop TERM
cp "$state/state" "$dir/kept"
truncated() {
	size=$(stat -c %s "$dir/kept")
	for left in 0 1 $((size / 2)) $((size - 1)); do
		head -c "$left" "$dir/kept" >"$state/state"
		start || return 1
		logged "was damaged" || { echo "$left bytes left"; return 1; }
		[ "$(field incarnation)" = "$incarnation" ] ||
			{ echo "another incarnation after $left bytes"; return 1; }
		stop TERM || return 1
	done
}
ok "a_state_cut_short_anywhere_is_put_aside" truncated
ok "the_next_start_finds_it_whole" sh -c "grep -q '^xpro-state 1' $state/state"
before=$(sed -n 's/^boot //p' "$state/state")
printf 'xpro-state 2\nincarnation 5\nboot 6\nanything else\n' >"$state/state"
ok "a_state_from_the_future_is_refused" refused "written by a newer gossipd"
ok "and_left_as_it_was" grep -q 'anything else' "$state/state"
rm "$state/state"
ok "without_it_the_table_knows_how_often_it_was_started" start
ok "no_start_is_counted_twice" test "$(field boot)" -gt "$before"
ok "it_ends_then" stop TERM

mkdir "$dir/tmpfs.full"
mount -t tmpfs -o size=16k,mode=700 tmpfs "$dir/tmpfs.full"
mkdir "$dir/tmpfs.full/state"
cp "$state/state" "$dir/tmpfs.full/state/state"
chmod 700 "$dir/tmpfs.full/state"
boot_kept=$(sed -n 's/^boot //p' "$state/state")
dd if=/dev/zero of="$dir/tmpfs.full/filler" 2>/dev/null
set_to state_directory "\"$dir/tmpfs.full/state\""
ok "a_full_state_directory_is_named" refused "No space left on device"
ok "and_the_old_state_is_whole" grep -q "^boot $boot_kept$" "$dir/tmpfs.full/state/state"
rm "$dir/tmpfs.full/filler"
mount -o remount,ro "$dir/tmpfs.full"
ok "a_read_only_state_directory_is_named" refused "Read-only file system"
mount -o remount,rw "$dir/tmpfs.full"
ok "with_room_it_starts" start
ok "with_the_same_table" test "$(field incarnation)" = "$incarnation"
dd if=/dev/zero of="$dir/tmpfs.full/filler" 2>/dev/null
ok "a_disk_that_fills_up_later_does_not_stop_it" answers
ok "nor_keep_it_from_ending" stop TERM
rm "$dir/tmpfs.full/filler"
umount "$dir/tmpfs.full"
rmdir "$dir/tmpfs.full"
set_to state_directory "\"$state\""

# ---- keys ----

key=$dir/mesh/a/node.key
cp -p "$key" "$dir/key"
key_refused() { refused "$1" && ! grep -qF -f "$dir/key" "$dir/refused"; }
chmod 644 "$key"
ok "a_key_that_others_may_read_is_refused" key_refused "others may read this secret"
chmod 600 "$key"
sed -i 's/$/\r/' "$key"
ok "a_key_with_CRLF_is_refused_with_the_way_out" key_refused "CRLF"
cp -p "$dir/key" "$key"
cat "$dir/key" "$dir/key" >"$key"
ok "two_keys_in_a_file_are_refused" key_refused "more than one line"
: >"$key"
ok "an_empty_key_is_refused" key_refused "is empty"
head -c 20 "$dir/key" >"$key"
ok "half_a_key_is_refused" key_refused "$key"
rm "$key"
ok "a_missing_key_is_named" key_refused "No such file"
mkdir "$key"
ok "a_directory_is_no_key" key_refused "is not a file"
rmdir "$key"
mkfifo -m 600 "$key"
ok "a_pipe_is_no_key_and_does_not_block" key_refused "is not a file"
rm "$key"
cp -p "$dir/key" "$key"

# ---- memory ----

least=
memory() {
	for mb in 16 32 48 64 96 128 192 256 512; do
		# shellcheck disable=SC3045 # dash, busybox and bash all have it
		inside sh -c "ulimit -v $((mb * 1024)); exec timeout 8 '$bin/gossipd' --config '$conf'" \
			>"$dir/refused" 2>&1
		status=$?
		case $status in
		124 | 0) return 0 ;;
		1 | 127) least=$mb ;;
		*) echo "with $mb MB it ended with $status:"; cat "$dir/refused"; return 1 ;;
		esac
		[ -s "$dir/refused" ] || { echo "with $mb MB it ended without a word"; return 1; }
	done
	return 1
}
ok "too_little_memory_is_said_not_crashed_on" memory
ok "some_is_too_little" test -n "$least"
ok "the_table_outlived_that" start
ok "and_is_the_same" test "$(field incarnation)" = "$incarnation"

# ---- a ledger of many records, and who asks for them ----

mac=02:00:00:00:01:01
many() { outside "$root/tests/e2e/throw.py" clients "$mac" 203.0.113.9 198.18.0.1 60000 1; }
ok "60000_pairs_are_counted" many
held_keys() { [ "$(field keys_held)" -gt 60000 ]; }
ok "they_are_in_the_ledger" wait_for 10 held_keys
dumped() {
	ask pairs --json >"$dir/dump"
	[ "$(jq '.pairs | length' "$dir/dump")" -ge 60000 ]
}
ok "all_can_be_read" dumped
late_before=$(field tick_late_ms_worst)
python3 - "$dir/a.sock" >"$dir/clients.log" 2>&1 <<'PYTHON' &
import socket, struct, sys, time
ask = struct.pack("=IIII16s16sBB6s", 0x584d5031, 1, 3, 0, bytes(16), bytes(16), 0, 0, bytes(6))
deaf = []
for i in range(200):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    try:
        s.send(ask)
    except OSError:
        pass
    deaf.append(s)
print("asked", flush=True)
time.sleep(60)
PYTHON
echo $! >"$dir/pid.clients"
ok "200_clients_ask_for_all_of_them_and_never_read" wait_for 10 grep -q asked "$dir/clients.log"
ok "its_descriptors_are_bounded" test "$(find "/proc/$daemon/fd" -type l | wc -l)" -lt 80
ok "its_memory_is_bounded" test "$(awk '/^VmRSS/ { print $2 }' "/proc/$daemon/status")" -lt 400000
ok "who_never_reads_is_cut_off_and_others_are_let_in" wait_for 20 answers
kill "$(cat "$dir/pid.clients")"
rm "$dir/pid.clients"

begun=$(field tick)
dumping() { for _ in 1 2 3 4 5 6; do ask pairs --json >/dev/null || return 1; done; }
outside "$root/tests/e2e/throw.py" clients "$mac" 203.0.113.10 198.18.0.1 2000 20 100 >/dev/null &
ok "all_records_are_read_again_and_again_while_counts_come_in" dumping
wait $!
begun_after=$(field tick)
ok "ticks_went_on_meanwhile" test "$begun_after" -gt "$begun"
echo "# latest tick: $late_before ms before, $(field tick_late_ms_worst) ms then;" \
	"longest tick $(field tick_ms_worst) ms," \
	"turn $(field turn_ms_worst) ms, of this computed $(field turn_cpu_ms_worst) ms"
all_counted() {
	[ "$(ask explain 198.18.0.1 203.0.113.10 --json | jq '[.destination_cells[].packets] | add // 0')" = 40000 ]
}
# 50 ms are wanted, a third of it is measured; what a turn computes takes longer where others use the same caches.
short_turns() { ask status --json | jq -e '.status.turn_cpu_ms_worst < 100'; }
ok "no_turn_of_the_loop_computes_for_long" short_turns
ok "no_count_was_lost_meanwhile" wait_for 5 all_counted
# ---- a daemon that stands still, or is gone ----

alone_events() { ask events --json | jq -s '[.. | objects | select(.kind? == "kernel_alone")] | length'; }
alone=$(alone_events) # a machine so slow that it stood still for 3 s has told some already
alone_again() { [ "$(alone_events)" -gt "$alone" ]; }
kill -STOP "$daemon"
sleep 4 # the kernel takes it for dead after 3 s: nothing can be waited for
outside "$root/tests/e2e/throw.py" clients "$mac" 203.0.113.10 198.18.0.1 2000 1 >/dev/null
kill -CONT "$daemon"
ok "a_silence_is_told_when_it_is_over" wait_for 5 alone_again
ok "with_how_much_was_judged_meanwhile" logged "packets were judged by the kernel alone"
ok "it_dies" sh -c "kill -KILL $daemon"
wait "$daemon" 2>/dev/null
sleep 4
ok "the_next_one_starts" start
ok "and_tells_of_the_time_without_it" wait_for 5 logged "was silent for"
ok "it_ends_then_too" stop TERM

# ---- documents of the mesh authority, and no room for them ----

mkdir "$dir/tmpfs.docs"
mount -t tmpfs -o size=64k,mode=700 tmpfs "$dir/tmpfs.docs"
mkdir -m 700 "$dir/tmpfs.docs/state"
cp "$state/state" "$dir/tmpfs.docs/state/state"
set_to state_directory "\"$dir/tmpfs.docs/state\""
ok "it_starts_with_little_room" start
dd if=/dev/zero of="$dir/tmpfs.docs/filler" 2>/dev/null
printf 'pair_rate = 1000;\ndestination_rate = 10000;\naggregate = "fair";\n' >"$dir/policy.conf"
push() { "$ctl" policy push "$dir/policy.conf" --directory "$dir/mesh" --in 0 --socket "$dir/a.sock"; }
why() { field degraded_why | grep -q "cannot be written to disk"; }
kept() { [ -s "$dir/tmpfs.docs/state/policy.doc" ]; }
ok "a_policy_is_taken_though_there_is_no_room_for_it" push
ok "that_is_logged" wait_for 5 logged "it is in force, but a restart forgets it"
ok "and_told_in_status" wait_for 5 why
ok "it_is_not_on_disk" sh -c "! test -s '$dir/tmpfs.docs/state/policy.doc'"
rm "$dir/tmpfs.docs/filler"
ok "as_soon_as_there_is_room_it_is" wait_for 5 kept
ok "which_is_logged" wait_for 5 logged "could not be written before, and is now"
told_well() { ! why; }
ok "and_told_in_status_no_more" wait_for 5 told_well
cp "$dir/tmpfs.docs/state/policy.doc" "$dir/first.doc"
dd if=/dev/zero of="$dir/tmpfs.docs/filler" 2>/dev/null
ok "another_is_taken_though_it_is_full_again" push
ok "and_that_is_told_too" wait_for 5 why
ok "the_first_is_whole" cmp "$dir/first.doc" "$dir/tmpfs.docs/state/policy.before.doc"
rm "$dir/tmpfs.docs/filler"
ok "as_soon_as_there_is_room_again_all_is_well" wait_for 5 told_well
replaced() {
	! cmp -s "$dir/first.doc" "$dir/tmpfs.docs/state/policy.doc" &&
		cmp -s "$dir/first.doc" "$dir/tmpfs.docs/state/policy.before.doc"
}
ok "the_second_is_kept_and_the_first_beside_it" replaced
ok "it_ends_at_last" stop TERM
ok "the_next_start_goes_by_the_second" start
ok "which_is_in_force_when_its_slot_has_begun" \
	wait_for 10 sh -c "'$ctl' --socket '$dir/a.sock' policy show --json | jq -e '.policy.version == 2'"
ok "and_it_ends" stop TERM
umount "$dir/tmpfs.docs"
rmdir "$dir/tmpfs.docs"
done_testing
