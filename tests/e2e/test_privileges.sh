#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What a running gossipd may still do: nothing, in any of its threads. The kernel keeps capabilities for each thread.
# Needs root. Speaks TAP.
set -u
. "$(dirname "$0")/lonely.sh"
begin

tasks() { for task in "/proc/$daemon/task"/*; do [ ! -d "$task" ] || echo "$task"; done; }
count_is() { [ "$(tasks | wc -l)" -eq "$1" ] || { echo "expected $1 threads, got $(tasks | wc -l)"; return 1; }; }

# every_thread NAME VALUE: the line of this name in its status, in each of its threads
every_thread() {
	tasks >"$dir/tasks"
	[ -s "$dir/tasks" ] || { echo "no thread was found"; return 1; }
	while read -r task; do
		got=$(sed -n "s/^$1:[[:space:]]*//p" "$task/status")
		[ "$got" = "$2" ] || { echo "$task: $1: expected $2, got $got"; return 1; }
	done <"$dir/tasks"
}
holds_nothing() {
	for set in CapInh CapPrm CapEff CapBnd CapAmb; do
		ok "$1_have_no_capability_in_$set" every_thread "$set" 0000000000000000
	done
	ok "$1_can_get_none_back" every_thread NoNewPrivs 1
}

set_to peers '["nobody.invalid:7946"]' # a name has a thread of its own
ok "it_starts" start
ok "with_a_thread_for_the_table_and_one_for_names" count_is 3
holds_nothing "all_threads"
ok "it_answers" answers
ok "it_ends" stop TERM

set_to peers '[]'
set_to gossip false
ok "it_starts_alone" start
ok "with_a_thread_for_the_table" count_is 2
holds_nothing "both_threads"
ok "it_ends_alone" stop TERM
done_testing
