#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A cloned image: a host that runs with another's key. It is told, by name, and what others count goes on; the clone,
# whose table is the younger, is taken for the member. When it is gone and the true one has made its table anew, all is
# as before. Needs root. Speaks TAP.
set -u
. "$(dirname "$0")/relayed.sh"
proxies=3
publish=all # every ledger is compared with every packet; by need a slow key is not told
all="1 2 3"
mesh_options="--window-max-ms 16000" # slots of 8 s: ledgers hold what was counted in the last 48 to 56 s

begin
make_namespace clone
wire clone wan 02:00:00:00:0f:01 wan clone 02:00:00:00:0f:02
ip -n "$name-wan" link set clone master wan
address clone wan 10.3.0.99/24
make_mesh
start_mesh on 0 0 fair

counts_as_ever() {
	new_destination
	check "packets_are_counted_$1" throw_at_all "$destination"
	# shellcheck disable=SC2086
	timed_check "all_hold_them_$1" wait_for 5 "$thrown packets" hold "$thrown" $all
}
cloned_at() {
	ctl "$1" events --json | jq -se '[.[] | select(.kind == "member_cloned" and .member == "proxy2")] | length > 0'
}
cloned_somewhere() { for i in $all; do ! cloned_at "$i" || return 0; done; return 1; }

counts_as_ever before_there_is_a_clone
check nobody_is_taken_for_a_clone \
	sh -c "! '$bin/gossipctl' --socket '$(socket_of 1)' events --json | grep -q member_cloned"

# The image: keys, certificate, secret, configuration and state. It has no interface with clients.
cp -r "$state/mesh/proxy2" "$state/mesh/clone"
cp -r "$state/proxy2.state" "$state/clone.state"
sed -e "s|$state/proxy2|$state/clone|g" -e "s|$state/bpf/proxy2|$state/bpf/clone|" \
	-e 's/^interfaces = .*/interfaces = [];/' "$(conf_of 2)" >"$state/mesh/clone/clone.conf"
launch clone clone "$state/clone.log" "$bin/gossipd" --config "$state/mesh/clone/clone.conf"
check a_clone_starts wait_for 10 "gossipd of the clone" "$bin/gossipctl" --socket "$state/clone.sock" members --json
timed_check it_is_told_by_name wait_for 180 "the event" cloned_somewhere
new_destination
throwers=
for i in 1 3; do throw "$i" "$destination" 40 10; done
for pid in $throwers; do wait "$pid"; done
check the_others_counts_go_on wait_for 5 "800 packets" hold 800 1 3

# Under the incarnation of its old table the true one would be an earlier start of the member, which nobody hears.
quit clone
quit proxy2
in_ns proxy2 "$bin/gossipctl" detach --config "$(conf_of 2)" >/dev/null
daemon_start 2
wait_for 10 "gossipd of proxy2" daemon_answers 2
check the_true_one_is_met_again wait_for 30 "three members" up 2 3
counts_as_ever after_the_clone_is_gone
done_testing
