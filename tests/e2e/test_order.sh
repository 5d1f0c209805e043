#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What a gossipd makes durable, lets out and stores into the table, and in which order: a lone one, then one with a
# peer; start, ticks with traffic, a policy of the mesh, a reload, a restart, a stop. gossipd-recorded writes it down
# (tests/host/recorder.c), order.py holds the rules. RECORDS=DIR keeps the records. Needs root. Speaks TAP.
set -u
. "$(dirname "$0")/lonely.sh"
recorded=${RECORDED:-$root/build/tests/host/gossipd-recorded}
begin
issue b 10.77.1.2:7946

# recorded NAME NAMESPACE RECORD: the daemon NAME in the background, until it is ready; its process is in pid.NAME
recorded() {
	: >"$dir/$1.log"
	(
		exec env RECORD_FILE="$dir/$3" nsenter --net="/run/netns/$2" "$recorded" --config "$dir/mesh/$1/$1.conf"
	) >"$dir/$1.log" 2>&1 </dev/null &
	echo $! >"$dir/pid.$1"
	wait_for 20 grep -q 'gossipd: ready:' "$dir/$1.log" || { cat "$dir/$1.log"; return 1; }
}
process_ended() { ! grep -q '^State:[[:space:]]*[^Z[:space:]]' "/proc/$(cat "$dir/pid.$1")/status"; }
end() {
	echo "mark stop" >>"$dir/$2"
	kill -TERM "$(cat "$dir/pid.$1")"
	wait_for 20 process_ended "$1" || return 1
	wait "$(cat "$dir/pid.$1")"
	status=$?
	rm "$dir/pid.$1"
	return "$status"
}
holds() { "$root/tests/e2e/order.py" "$1" "$dir/$2"; }
# throw ROUNDS [FIRST]. A daemon that starts keeps larger counts of the one before it: folds need other clients.
throw() {
	set -- "$1" "${2:-198.18.0.1}"
	outside "$root/tests/e2e/throw.py" clients 02:00:00:00:01:01 198.51.100.1 "$2" 20 "$1" 5 >/dev/null
}
reloaded() {
	before=$(grep -c 'is in force in the kernel' "$dir/a.log")
	sed -i "s|^\( *\)rules = .*|\1rules = ( { client = \"10.1.$1.0/24\"; pair_rate = $1; } );|" "$conf"
	echo "mark reload" >>"$dir/$2"
	kill -HUP "$(cat "$dir/pid.a")"
	wait_for 10 more_in_force "$before"
}
more_in_force() { [ "$(grep -c 'is in force in the kernel' "$dir/a.log")" -gt "$1" ]; }
met() { [ "$("$ctl" --socket "$dir/a.sock" members --json | jq '[.members[] | select(.up)] | length')" = 2 ]; }
pushed() {
	printf 'pair_rate = 50;\ndestination_rate = 500;\n' >"$dir/policy"
	"$ctl" policy push "$dir/policy" --directory "$dir/mesh" --in 1 --socket "$dir/a.sock"
}
holds_document() {
	held=$("$ctl" --socket "$dir/$1.sock" mesh show --json |
		jq '[.documents[]? | select(.kind == "policy")] | length')
	[ "$held" = 1 ]
}
has_records() { [ "$("$ctl" --socket "$dir/b.sock" status --json | jq .status.pairs4)" -gt 0 ]; }
kept_for_good() { [ -s "$dir/b.state/policy.doc" ]; }

# ---- alone ----

sed -i 's/^peers = .*/peers = [];/' "$conf"
ok "a_lone_one_starts" recorded a "$name" alone
ok "it_sees_clients" throw 300
ok "it_reloads" reloaded 7 alone
ok "and_again" reloaded 8 alone
ok "and_ends" end a alone
ok "alone_no_file_is_renamed_before_it_is_durable" holds renames_follow_fsync alone
ok "alone_a_rename_is_durable_before_anything_else" holds directories_follow_renames alone
ok "alone_the_cache_of_answered_pairs_is_replaced_whole" holds cache_is_replaced_whole alone
ok "alone_numbers_are_durable_before_the_table_and_the_mesh_have_them" holds reserved_before_sent alone
ok "alone_harvest_is_stored_before_slot" holds harvest_before_slot alone
ok "alone_a_pass_begins_with_the_heartbeat" holds heartbeat_before_harvest alone
ok "alone_a_fold_is_stored_word_by_word_in_order" holds folds_in_order alone
ok "alone_a_head_is_stored_before_shards_are_told" holds heads_before_written alone
ok "alone_a_bank_is_written_before_it_is_switched_to" holds policies_before_switch alone

# ---- with a peer ----

sed -i 's/^peers = .*/peers = ["10.77.1.2:7946"];/' "$conf"
sed -i 's/^peers = .*/peers = ["10.77.1.1:7946"];/' "$dir/mesh/b/b.conf"
ok "two_start" recorded a "$name" pushing
ok "the_other" recorded b "$name-peer" other
ok "they_meet" wait_for 20 met
ok "one_sees_clients" throw 300 198.18.9.1
ok "a_policy_is_pushed" pushed
ok "the_other_has_it" wait_for 20 holds_document b
ok "for_good" wait_for 20 kept_for_good
ok "in_force_at_the_other" wait_for 20 grep -q 'policy: version 1 is in force in the kernel' "$dir/b.log"
ok "one_sees_clients_over_their_rate" throw 400 198.18.9.1
ok "the_other_makes_records_of_them" wait_for 20 has_records
ok "one_reloads" sh -c "echo 'mark reload' >>'$dir/pushing'; kill -HUP $(cat "$dir/pid.a")"
ok "one_ends" end a pushing
ok "the_other_ends" end b other
for record in pushing other; do
	ok "${record}_no_file_is_renamed_before_it_is_durable" holds renames_follow_fsync "$record"
	ok "${record}_a_rename_is_durable_before_anything_else" holds directories_follow_renames "$record"
	ok "${record}_numbers_are_durable_before_the_table_and_the_mesh_have_them" holds reserved_before_sent "$record"
	ok "${record}_what_was_accepted_is_durable_before_anybody_hears_of_it" holds documents_before_sent "$record"
	ok "${record}_the_last_tick_is_sent_and_nothing_else_is_written" holds last_turn_is_sent "$record"
done
ok "pushing_harvest_is_stored_before_slot" holds harvest_before_slot pushing
ok "pushing_a_fold_is_stored_word_by_word_in_order" holds folds_in_order pushing
ok "other_a_record_is_published_last" holds tags_last other
[ -z "${RECORDS:-}" ] || { mkdir -p "$RECORDS" && cp "$dir/alone" "$dir/pushing" "$dir/other" "$RECORDS"; }
done_testing
