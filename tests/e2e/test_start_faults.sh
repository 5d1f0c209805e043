#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Every kind of system call and allocation failing in turn while gossipd starts: it ends with 1 and names what failed,
# or goes on whole. It never crashes, never hangs, and whatever happened, the next start finds the table and the numbers
# as they were. Needs root. Speaks TAP.
set -u
. "$(dirname "$0")/lonely.sh"
begin
FAILING=$root/build/tests/host/failing.so
export FAILING

ok "it_starts" start
ok "it_ends" stop TERM
ok "calls_are_counted" start env LD_PRELOAD="$FAILING" FAIL_COUNTS="$dir/counts"
incarnation=$(field incarnation)
ok "and_it_ends" stop TERM
calls_of() { awk -v name="$1" '$1 == name { print $2 }' "$dir/counts"; }

# each CALL TIMES [COMMAND BEFORE]
each() {
	calls=$(calls_of "$1")
	[ "$calls" -gt 0 ] || { echo "$1 was never called"; return 1; }
	inside "$root/tests/host/fail_starts.py" "$1" "$calls" "$2" "${3:-true}" -- "$bin/gossipd" --config "$conf"
}

for call in socket bind listen setsockopt epoll_create1 epoll_ctl open openat read write fsync renameat mkdir fchmod \
	flock prctl mmap aligned_alloc; do
	ok "a_failing_${call}_is_named_or_survived" each "$call" 12
done
for call in malloc calloc realloc bpf; do ok "a_failing_${call}_is_named_or_survived" each "$call" 40; done

ok "it_starts_after_all_that" start
ok "with_the_table_it_had" test "$(field incarnation)" = "$incarnation"
ok "and_no_damaged_state" sh -c "! grep -q damaged $dir/log && test ! -e $dir/a.state/state.damaged"
ok "it_ends_again" stop TERM

# Without a table: what a first start that failed leaves behind must not stand in the way of the next.
detach="nsenter --net=/run/netns/$name $ctl detach --config $conf || true"
for call in bpf mkdir malloc calloc; do
	ok "a_failing_${call}_of_a_first_start_is_named_or_survived" each "$call" 20 "$detach"
done
ok "it_starts_afresh" start
ok "with_a_new_table" test "$(field incarnation)" -gt "$incarnation"
ok "and_ends" stop TERM
done_testing
