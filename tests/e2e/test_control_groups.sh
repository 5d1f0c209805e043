#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Who may do what at the control socket: root, members of the group that reads, members of the group that also acts, and
# everybody else. Groups are supplementary ones of a user that has no name. Needs root. Speaks TAP.
set -u
. "$(dirname "$0")/lonely.sh"
begin
readers=audio admins=video # of every Debian
reader=$(getent group $readers | cut -d: -f3) admin=$(getent group $admins | cut -d: -f3)
chmod 711 "$dir"
cp "$ctl" "$dir/gossipctl" # where everybody can run it
socket=$dir/run/xpro/a.sock
set_to control_socket "\"$socket\""
sed -i "/^control_socket/a control_group = \"$readers\";\ncontrol_admin_group = \"$admins\";" "$conf"

# as GROUPS COMMAND...: gossipctl as somebody who is in these groups, "" for none
as() {
	groups=${1:+--groups $1}
	shift
	# shellcheck disable=SC2086
	setpriv --reuid 54321 --regid 54321 ${groups:---clear-groups} "$dir/gossipctl" --socket "$socket" "$@"
}
# ends STATUS TEXT COMMAND...: how it ends, and what it says
ends() {
	wanted=$1 text=$2
	shift 2
	"$@" >"$dir/said" 2>&1 </dev/null
	got=$?
	[ "$got" -eq "$wanted" ] || { echo "expected status $wanted, got $got:"; cat "$dir/said"; return 1; }
	grep -qF -e "$text" "$dir/said" || { echo "expected \"$text\", got:"; cat "$dir/said"; return 1; }
}
ask() { "$ctl" --socket "$socket" "$@"; }
mode_is() { [ "$(stat -c %a "$1")" = "$2" ] || { echo "$1: expected $2, got $(stat -c %a "$1")"; return 1; }; }
not_leaving() { ! grep -F leaving "$dir/log" && answers; }
refusals_are() {
	[ "$(field requests_refused)" = "$1" ] || { echo "expected $1, got $(field requests_refused)"; return 1; }
}

# Requests as bytes, as somebody who is in this group: raw GROUP VERB VERSION TIMES. Says the length of each whole
# answer and its error.
raw() {
	python3 -c '
import os, socket, struct, sys
path, group, verb, version, times = sys.argv[1], *map(int, sys.argv[2:])
os.setgroups([group])
os.setresgid(54321, 54321, 54321)
os.setresuid(54321, 54321, 54321)
said = set()
for i in range(times):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(50)
    s.connect(path)
    payload_bytes = 1000 if verb == 9 else 0
    s.sendall(struct.pack("=IIII32sBBHII", 0x584d5031, version, verb, 0, bytes(32), 0, 0, 1, 1, payload_bytes))
    got = b""
    while True:
        more = s.recv(65536)
        if not more: break
        got += more
    said.add((len(got), struct.unpack("=i", got[8:12])[0] if len(got) >= 12 else None))
print(sorted(said))' "$socket" "$@"
}
raw_says() {
	wanted=$1
	shift
	got=$(raw "$@")
	[ "$got" = "$wanted" ] || { echo "expected $wanted, got $got"; return 1; }
}
version=$(sed -n 's/^#define CONTROL_VERSION //p' "$root/include/xpro/control.h")

# shellcheck disable=SC2016
ok "it_starts_under_a_narrow_umask" start sh -c 'umask 077; exec "$@"' sh
for made in "$dir/run" "$dir/run/xpro"; do
	ok "$(basename "$made")_lets_groups_through_and_nobody_write" mode_is "$made" 755
done
ok "the_socket_is_closed_to_others" mode_is "$socket" 660
ok "and_belongs_to_the_group_that_reads" test "$(stat -c %G "$socket")" = "$readers"

# ---- those who read ----

for command in status members pairs destinations clients networks "explain 192.0.2.1 192.0.2.2" events "policy show" \
	"mesh show"; do
	# shellcheck disable=SC2086
	ok "readers_may_$(echo "$command" | cut -d' ' -f1,2 | tr ' ' _)" as "$reader" $command
done
echo 'pair_rate = 100; destination_rate = 1000;' >"$dir/policy.conf"
"$ctl" policy push "$dir/policy.conf" --directory "$dir/mesh" --in 0 >/dev/null
chmod 755 "$dir/mesh"
who="this is for root and members of group $admins (control_admin_group)"
ok "readers_may_not_push" ends 1 "$who" as "$reader" mesh push "$dir/mesh/policy.doc"
nothing_taken() { [ "$(ask mesh show --json | jq '.documents // [] | length')" = 0 ]; }
ok "and_nothing_was_taken" nothing_taken
ok "readers_may_not_capture" ends 1 "$who" as "$reader" capture --seconds 1 --output /dev/null
ok "readers_may_not_leave" ends 1 "$who" as "$reader" leave
ok "and_it_stays" not_leaving
ok "each_refusal_is_counted" refusals_are 3
for verb in 8 9 11; do ok "request_${verb}_gets_one_reply" raw_says "[(16, -1)]" "$reader" $verb "$version" 1; done
ok "300_are_refused" raw_says "[(16, -1)]" "$reader" 11 "$version" 300
ok "and_counted" refusals_are 306
few_lines() {
	lines=$(grep -c 'was refused' "$dir/log")
	[ "$lines" -ge 1 ] && [ "$lines" -le 100 ] || { echo "expected 1 to 100, got $lines"; return 1; }
}
ok "but_not_logged_one_by_one" few_lines
ok "status_tells_people_so" ends 0 "306 requests refused" ask status

# ---- everybody else ----

ok "others_cannot_connect" ends 3 "Permission denied" as "" status
not_replaced() {
	! setpriv --reuid 54321 --regid 54321 --groups "$reader,$admin" mv "$socket" "$socket.old" 2>/dev/null
}
ok "nor_replace_the_socket" not_replaced
ok "a_number_no_request_has_is_refused_to_all" raw_says "[(16, -95)]" "$reader" 255 "$version" 1

# ---- those who act ----

ok "administrators_may_read_without_the_other_group" as "$admin" status
ok "administrators_may_push" ends 0 "taken" as "$admin" mesh push "$dir/mesh/policy.doc"
ok "administrators_may_capture" ends 0 "0 packets" as "$admin" capture --seconds 1 --output /dev/null
ok "root_may_capture" ends 0 "0 packets" ask capture --seconds 1 --output /dev/null
for old in 0 1 2 $((version - 1)) $((version + 1)) 4294967295; do
	ok "leave_of_version_${old}_is_not_obeyed" raw_says "[(16, -71)]" "$admin" 11 "$old" 1
done
ok "nor_is_it_begun" not_leaving
ok "administrators_in_both_groups_may_leave" ends 0 "the mesh is told" as "$reader,$admin" leave
ok "which_ends_it" wait_for 5 has_ended
wait "$daemon"
daemon=

# ---- without a group that acts ----

sed -i '/^control_admin_group/d' "$conf"
ok "it_starts_without_that_group" start
ok "readers_may_still_read" as "$reader" status
ok "readers_are_told_that_root_alone_may" ends 1 "this is for root alone" as "$reader" leave
ok "the_former_administrators_cannot_connect" ends 3 "Permission denied" as "$admin" status
chmod 700 "$dir/run/xpro"
ok "it_ends" stop TERM
ok "it_starts_where_no_group_gets_through" start
ok "and_says_what_to_do" logged "run: chmod 755 $dir/run/xpro"
ok "root_may_leave" ends 0 "the mesh is told" ask leave
ok "and_it_ends_too" wait_for 5 has_ended
wait "$daemon"
daemon=
done_testing
