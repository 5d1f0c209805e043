#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Conditions that others bring about: no room at the gate for a member's address, a member that signs two frames with
# one number, one that a policy does not reach, one that has no box in a rotation, and mesh time that must go back. Each
# is in the status, its JSON, the exit status, an event, the log and the metrics, and is cleared in all of them. proxy3
# is tests/relay/liar.c in place of gossipd. Needs root. Speaks TAP.
set -u
. "$(dirname "$0")/relayed.sh"
. "$(dirname "$0")/lying.sh"
pair_rate=100 destination_rate=1000
clock=$root/build/tests/host/clocks.so

lying_mesh

# ---- verbs ----

stands() { ctl "$at" status --json | jq -e --arg id "$1" --arg severity "$2" --arg subject "$3" '.conditions |
	any(.id == $id and .severity == $severity and .subject == $subject and (.text | length) > 0
	and (.what_to_do | length) > 0 and (now - (.since | fromdate) | fabs < 600))'; }
is_gone() { ctl "$at" status --json | jq -e --arg id "$1" '.conditions | all(.id != $id)'; }
is_shown() { ctl "$at" status | grep -qE "^  $2 +$3: " && ctl "$at" status | grep -q "^ *$1 since "; }
event_of() { ctl "$at" events --json |
	jq -se --arg kind "condition_$1" --arg id "$2" 'any(.kind == $kind and .condition == $id)'; }
logged() { grep -qF -e "$1" "$state/proxy$at.log" || { tail -n 5 "$state/proxy$at.log"; return 1; }; }
# measures ID SEVERITY [1-9] or 0: so many subjects
measures() { ctl "$at" metrics | grep -q "^xpro_condition{condition=\"$1\",severity=\"$2\"} $3"; }
ends_with() {
	ctl "$at" status >/dev/null
	got=$?
	[ "$got" -eq "$1" ] || { echo "expected exit status $1, got $got"; return 1; }
}
soon() { wait_for 5 "$*" "$@" || { ctl "$at" status; tail -n 5 "$state/proxy$at.log"; return 1; }; }

# raised ID SEVERITY SUBJECT EXIT_STATUS: at proxy $at, since the moment before
raised() {
	timed_check "$1_is_in_the_status" soon stands "$1" "$2" "$3"
	check "$1_is_in_what_people_read" soon is_shown "$1" "$2" "$3"
	check "$1_is_exit_status_$4" soon ends_with "$4"
	check "$1_is_an_event" soon event_of raised "$1"
	check "$1_is_in_the_log" soon logged "condition $1 ($2): $3"
	check "$1_is_in_the_metrics" soon measures "$1" "$2" '[1-9]'
}
# cleared ID SEVERITY
cleared() {
	timed_check "$1_is_gone_from_the_status" wait_for 15 "its end" is_gone "$1"
	check "$1_is_cleared_by_an_event" soon event_of cleared "$1"
	check "$1_is_cleared_in_the_log" soon logged "condition $1 cleared: "
	check "$1_is_gone_from_the_metrics" soon measures "$1" "$2" 0
}

# ---- no room at the gate ----

at=1
gate() {
	held=$(sed -n 's/^map_id:[[:space:]]*//p' "/proc/$(cat "$state/pid.proxy1")/fdinfo/"*)
	bpftool -j map show | jq -er --arg held "$held" \
		'.[] | select(.name == "gate_peers") | .id | select(tostring | IN($held | split("\n")[]))'
}
# of_gate VERB [VALUE]: addresses that nobody has, one more than there is room for
of_gate() {
	awk -v verb="$1" -v value="${2:-}" -v map="$map" 'BEGIN {
		for (i = 0; i < 4097; i++)
			printf "map %s id %d key hex %s ff ff f0 00 %02x %02x %s\n", verb, map, \
				"00 00 00 00 00 00 00 00 00 00", i / 256, i % 256, value }' >"$state/batch"
	bpftool batch file "$state/batch"
}
fill_gate() {
	map=$(gate) || return 1
	value=$(bpftool -j map show id "$map" | jq -er '[range(.bytes_value) | "00"] | join(" ")') || return 1
	! of_gate update "value hex $value noexist"
}
is_well() { ends_with 0 && is_gone member_silent; }

check all_is_well wait_for 10 "health" is_well
check the_gate_is_full fill_gate
check a_member_comes_that_has_no_room_there liar_begin
raised gate_full warning gate 0
of_gate delete >/dev/null 2>&1
cleared gate_full warning

# ---- two frames with one number ----

counts_at_1() { ctl 1 members --json | jq -e '.members[] | select(.name == "proxy3") | .frames_received > 10'; }
check a_member_counts lie claim destinations 5 100000 5000
check and_is_heard wait_for 10 "its frames" counts_at_1
check it_signs_other_frames_with_the_same_numbers lie equivocate
raised member_left_out warning "member proxy3" 0
liar_end
check with_a_new_table_it_is_another_start liar_begin
cleared member_left_out warning

# ---- a policy that does not reach a member ----

# A path that drops what is longer than 700 bytes: nothing else is so long as a part of a document.
policy() {
	printf 'pair_rate = 100;\ndestination_rate = 1000;\nrules = (\n' >"$state/policy.conf"
	seq -s , -f '{ client = "10.%g.0.0/16"; pair_rate = 50; }' 1 100 >>"$state/policy.conf"
	printf ');\n' >>"$state/policy.conf"
	"$bin/gossipctl" policy push "$state/policy.conf" --directory "$state/mesh" --socket "$(socket_of 1)" --in 0
}
ip -n "$name-proxy2" link set wan mtu 700
check a_policy_is_pushed policy
raised policy_differs warning "member proxy2" 0
ip -n "$name-proxy2" link set wan mtu 1500
cleared policy_differs warning

# ---- a mesh secret that a member was not given ----

# The authority's directory as it was before proxy2 was issued. Its document was carried around for more than five
# minutes: whoever speaks the secret before is late when it comes.
cp -r "$state/mesh" "$state/backup"
sed -i '/^proxy2 /d' "$state/backup/issued"
echo -400000 >"$state/clock"
rotate() {
	env LD_PRELOAD="$clock" CLOCK_FILE="$state/clock" "$bin/gossipctl" mesh rotate secret \
		--directory "$state/backup" && ctl 1 mesh push "$state/backup/rotation.doc"
}
check the_secret_is_rotated_without_it rotate
raised member_behind warning "member proxy2" 0
quit proxy2
cp "$state/backup/mesh.secret" "$state/mesh/proxy2/mesh.secret"
daemon_start 2
cleared member_behind warning

# ---- mesh time that must go back ----

at=2
quit proxy2
echo 90000 >"$state/clock"
launch proxy2 proxy2 "$state/proxy2.log" env LD_PRELOAD="$clock" CLOCK_FILE="$state/clock" "$bin/gossipd" \
	--config "$(conf_of 2)"
check it_starts_ahead_of_the_others wait_for 10 "gossipd of proxy2" daemon_answers 2
timed_check which_is_its_clocks_fault wait_for 15 "the word" stands clock_off error clock
echo 0 >"$state/clock"
raised restart_needed error "mesh time" 4
quit proxy2
daemon_start 2
check restart_needed_is_gone_with_the_next_start wait_for 5 "gossipd of proxy2" is_gone restart_needed
check restart_needed_is_gone_from_the_metrics wait_for 5 "the metrics" measures restart_needed error 0
check all_is_well_again wait_for 20 "health" is_well

liar_end
done_testing
