#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What an administrator does with the mesh authority, as README says it, on three real daemons: issue, revoke, rotate,
# policy. They run without interfaces in one network namespace of their own; the authority's directory is somewhere
# else. Speaks TAP.
set -u

here=$(cd "$(dirname "$0")/../.." && pwd)
bin=${BIN:-$here/build/bin}
ns=xpro-trust-$$
pins=/sys/fs/bpf/xpro-trust-$$
dir=$(mktemp -d)
count=0 failed=0
PATH=$PATH:/usr/sbin:/sbin

finish() {
	trap - EXIT
	for file in "$dir"/pid.*; do
		[ -e "$file" ] || continue
		pid=$(cat "$file")
		kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
	for name in a b c; do "$bin/gossipctl" detach --pin-path "$pins/$name" >/dev/null 2>&1; done
	rmdir "$pins"/* "$pins" 2>/dev/null
	ip netns del "$ns" 2>/dev/null
	rm -rf "$dir"
	exit "${1:-1}"
}
trap 'finish 1' EXIT INT TERM

ok() {
	label=$1
	shift
	count=$((count + 1))
	if "$@" >"$dir/log" 2>&1; then
		echo "ok $count - $label"
	else
		echo "not ok $count - $label"
		tail -n 5 "$dir/log" | sed 's/^/# /'
		failed=1
	fi
}

ctl() { "$bin/gossipctl" "$@"; }
at() { whose=$1; shift; "$bin/gossipctl" "$@" --socket "$dir/$whose.sock"; }
not() { ! "$@"; }

# within SECONDS COMMAND...: it holds before they are over; a minute more on a machine that is slow
within() {
	end=$(($(date +%s) + $1 + 60))
	shift
	until "$@"; do
		[ "$(date +%s)" -lt "$end" ] || { echo "not in time: $*"; return 1; }
		sleep 0.1
	done
}

issue() { # NAME PORT
	ctl mesh issue "$1" --directory "$dir/mesh" --address "127.0.0.1:$2" --state-directory "$dir/state-$1" \
		--pin-path "$pins/$1" --control-socket "$dir/$1.sock"
}
install_on_host() { rm -rf "$dir/host-$1" && cp -r "$dir/mesh/$1" "$dir/host-$1"; }
start() {
	# shellcheck disable=SC2086
	ip netns exec "$ns" "$bin/gossipd" --config "$dir/host-$1/$1.conf" >>"$dir/$1.log" 2>&1 &
	echo $! >"$dir/pid.$1"
	within 10 answers "$1"
}
stop() {
	kill "$(cat "$dir/pid.$1")"
	wait "$(cat "$dir/pid.$1")" 2>/dev/null
	rm -f "$dir/pid.$1"
}
answers() {
	at "$1" status --json >/dev/null 2>&1
	[ $? -eq 0 ] || [ $? -eq 4 ]
	at "$1" members --json >/dev/null 2>&1
}
# NAME MEMBERS
sees() {
	at "$1" mesh show --json | jq -e "[.members[] | select(.state == \"up\" or .state == \"self\")] | length == $2"
}
# NAME KIND SERIAL
holds() { at "$1" mesh show --json | jq -e "[.documents[] | select(.kind == \"$2\")][0].serial == $3"; }
nobody_behind() {
	at "$1" mesh show --json | jq -e '[.members[] | select(.state != "revoked" and .behind)] | length == 0'
}
is_revoked() { at "$1" mesh show --json | jq -e "[.members[] | select(.name == \"$2\")][0].state == \"revoked\""; }
event() { at "$1" events --json | jq -es "[.[] | select(.kind == \"$2\")] | length > 0"; }
# A machine so slow that a daemon was silent for two seconds: that is told, and no fault.
restart_ms=0
was_slow() {
	[ "$restart_ms" -gt 1500 ] && return
	for name_of in a b c; do
		at "$name_of" status --json | jq -e '.status.tick_late_ms_worst > 1000' >/dev/null && return
	done
	return 1
}
no_alarm() {
	not event "$1" document_false && not event "$1" left_out && not event "$1" equivocation &&
		{ not event "$1" member_silent || was_slow; }
}
exits() {
	wanted=$1
	shift
	"$@"
	got=$?
	[ "$got" -eq "$wanted" ] || { echo "ended with $got, not $wanted"; return 1; }
}
serial_of_certificate() {
	at "$1" mesh show --json | jq -e "[.members[] | select(.name == \"$2\")][0].certificate >= $3"
}

mkdir -p "$pins"
ip netns add "$ns" && ip -n "$ns" link set lo up || exit 1

ok a_mesh_is_made ctl mesh init --directory "$dir/mesh"
port=$((20000 + $$ % 20000))
for name in a b c; do
	ok "node_${name}_is_issued" issue "$name" "$port"
	port=$((port + 1))
	install_on_host "$name"
	ok "node_${name}_runs" start "$name"
done
for name in a b c; do ok "node_${name}_sees_all_three" within 10 sees "$name" 3; done

# ---- another mesh secret, live ----
ok the_mesh_secret_is_rotated ctl mesh rotate secret --directory "$dir/mesh" --in 1 --socket "$dir/a.sock"
for name in a b c; do ok "node_${name}_holds_the_rotation" within 5 holds "$name" rotation 1; done
ok the_same_document_is_not_taken_twice exits 1 at b mesh push "$dir/mesh/rotation.doc"
ok the_rotation_is_on_disk test -s "$dir/state-c/rotation.doc"
sleep 6 # at least until the slot in which it comes into force: nothing shows that it has
for name in a b c; do
	ok "node_${name}_still_sees_all_three" within 3 sees "$name" 3
	ok "node_${name}_raised_no_alarm" no_alarm "$name"
done

# ---- one policy for all ----
cat >"$dir/policy.conf" <<'EOF'
pair_rate = 77;
destination_rate = 7700;
aggregate = "strict";
rules = (
	{ client = "10.2.0.0/16"; pair_rate = 9; },
	{ destination = "2001:db8::/32"; destination_rate = 500; destination_min_window_ms = 2000; },
	{ client = "10.1.0.0/16"; pair_rate = 5; }
);
never_drop = ( "192.0.2.7" );
block = ( { client = "203.0.113.0/24"; until = "2100-01-01T00:00:00Z"; } );
EOF
goes_by_the_policy() {
	at "$1" policy show --json |
		jq -e '.policy.version == 1 and .policy.pair_rate == 77 and .policy.destination_rate == 7700 and
			(.rules | length) == 5 and ([.rules[].prefix] | index("10.1.0.0/16") != null)'
}
ok no_policy_of_the_mesh_is_held_yet not holds b policy 1
ok a_policy_is_pushed ctl policy push "$dir/policy.conf" --directory "$dir/mesh" --in 0 --socket "$dir/b.sock"
for name in a b c; do ok "node_${name}_holds_it_too" within 5 holds "$name" policy 1; done
for name in a b c; do ok "node_${name}_goes_by_every_rule_of_it" within 8 goes_by_the_policy "$name"; done
for name in a b c; do ok "node_${name}_tells_of_it" within 3 event "$name" policy; done
echo 'pair_rate = 5;' >"$dir/short.conf"
ok a_policy_must_say_both_rates exits 1 ctl policy push "$dir/short.conf" --directory "$dir/mesh"
sed 's|10.2.0.0/16|10.1.0.0/16|' "$dir/policy.conf" >"$dir/twice.conf"
ok a_prefix_stands_once_in_a_list exits 1 ctl policy push "$dir/twice.conf" --directory "$dir/mesh"
ok a_policy_that_is_refused_takes_no_number \
	test "$(ctl policy push "$dir/policy.conf" --directory "$dir/mesh" --json | jq .policy.version)" -eq 2
ok the_second_is_carried_by_hand at c mesh push "$dir/mesh/policy.doc"
for name in a b c; do ok "node_${name}_holds_the_second" within 5 holds "$name" policy 2; done
ok the_one_before_is_kept_until_then test -s "$dir/state-a/policy.before.doc"

# ---- another key for every node, live ----
for name in a b c; do
	ok "node_${name}_gets_another_key" ctl mesh rotate "$name" --directory "$dir/mesh"
	begun=$(date +%s%3N)
	stop "$name"
	install_on_host "$name"
	ok "node_${name}_runs_with_it" start "$name"
	took=$(($(date +%s%3N) - begun))
	[ "$took" -le "$restart_ms" ] || restart_ms=$took
	for other in a b c; do ok "node_${other}_sees_all_three_after_${name}" within 10 sees "$other" 3; done
	ok "the_key_${name}_had_is_revoked" \
		ctl mesh revoke "$name" --previous --directory "$dir/mesh" --socket "$dir/a.sock"
done
for name in a b c; do
	ok "node_${name}_holds_the_revocation_of_all_three_keys" within 5 holds "$name" revocation 3
	ok "node_${name}_goes_on" within 5 sees "$name" 3
	ok "node_${name}_raised_no_alarm_over_it" no_alarm "$name"
	ok "node_${name}_has_nobody_behind" within 5 nobody_behind "$name"
done

# ---- who slept through a rotation ----
stop c
ok another_rotation_while_one_sleeps ctl mesh rotate secret --directory "$dir/mesh" --in 0 --socket "$dir/b.sock"
ok it_is_held_by_the_others within 5 holds a rotation 2
ok the_sleeper_starts_again start c
ok and_has_the_new_secret within 15 holds c rotation 2
for name in a b c; do ok "and_${name}_sees_all_three" within 15 sees "$name" 3; done

# ---- revocation ----
cp "$dir/mesh/b/node.cert" "$dir/stolen.cert"
ok node_b_is_revoked ctl mesh revoke b --directory "$dir/mesh" --in 1 --socket "$dir/a.sock"
ok node_a_names_it within 5 is_revoked a b
ok node_c_names_it within 5 is_revoked c b
ok it_is_an_event event c member_revoked
ok the_others_go_on within 5 sees c 2
stop c
ok the_revocation_outlives_a_restart start c
ok and_is_held_before_anything_is_sent holds c revocation 4
ok and_b_is_not_met_again not sees c 3
ok a_node_of_that_name_may_be_issued_again issue b "$port"
install_on_host b && sed -i "s|state-b\"|state-b2\"|" "$dir/host-b/b.conf"
stop b
ok and_runs start b
ok and_is_a_new_member within 10 sees a 3

# ---- what is not the authority's ----
ctl mesh init --directory "$dir/other" >/dev/null
ctl mesh rotate secret --directory "$dir/other" >/dev/null
ok a_document_of_another_mesh_is_refused exits 1 at a mesh push "$dir/other/rotation.doc"
cp "$dir/mesh/revocation.doc" "$dir/bad.doc"
printf '\001' | dd of="$dir/bad.doc" bs=1 seek=60 conv=notrunc 2>/dev/null
ok a_changed_document_is_refused exits 1 at a mesh push "$dir/bad.doc"
: >"$dir/empty.doc"
ok an_empty_one_is_refused exits 1 at a mesh push "$dir/empty.doc"
head -c 70000 /dev/zero >"$dir/long.doc"
ok one_too_long_is_refused exits 1 at a mesh push "$dir/long.doc"

# ---- the state on disk ----
stop a
printf 'x' | dd of="$dir/state-a/revocation.doc" bs=1 seek=30 conv=notrunc 2>/dev/null
truncate -s 100 "$dir/state-a/rotation.doc"
ok a_damaged_state_does_not_stop_it start a
ok what_was_damaged_is_kept_aside \
	test -s "$dir/state-a/revocation.doc.damaged" -a -s "$dir/state-a/rotation.doc.damaged"
ok and_the_mesh_brings_the_revocation_again within 15 holds a revocation 4
ok and_the_rotation within 15 holds a rotation 3
stop a
printf '\225\002' | dd of="$dir/state-a/policy.doc" bs=1 conv=notrunc 2>/dev/null
ok a_document_from_the_future_stops_it exits 1 timeout 80 ip netns exec "$ns" \
	"$bin/gossipd" --config "$dir/host-a/a.conf"
rm "$dir/state-a/policy.doc"
ok and_without_it_all_is_well start a

echo "1..$count"
finish "$failed"
