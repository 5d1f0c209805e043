#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Four proxies on a network that loses, doubles, reorders, changes and cuts: whatever it does, every ledger ends up with
# exactly what was counted. The network is a seeded relay between their interfaces (relayed.sh). Needs root. Speaks TAP.
set -u
. "$(dirname "$0")/relayed.sh"
proxies=4
publish=all # every ledger is compared with every packet; by need a slow key is not told
all="1 2 3 4"
mesh_options="--window-max-ms 16000" # slots of 8 s: ledgers hold what was counted in the last 48 to 56 s

begin
make_mesh
relay_start 20251 || finish 1
start_mesh on 0 0 fair

# Throws while a fault is in force, and asks for agreement while it still is: faulty NAME SECONDS
faulty() {
	new_destination
	check "packets_are_counted_during_$1" throw_at_all "$destination"
	# shellcheck disable=SC2086
	check "ledgers_are_exact_under_$1" agree_within "$2" "$thrown" $all
	tell clear
}

faulty no_fault 3
tell loss 30; tell duplicate 50; tell reorder 30
faulty loss_duplication_and_reordering 10
tell corrupt 30
faulty corruption 10
check the_relay_did_corrupt test "$(relay_count changed)" -gt 20
broken_seals() {
	ctl 1 status --json | jq '[.rejects[] | select(.reject == "seal" or .name == "seal") | .count] | add'
}
check corruption_shows_as_broken_seals test "$(broken_seals)" -gt 0
tell delay 120 80
faulty a_slow_and_uneven_path 6
tell mtu 1280
faulty a_path_of_1280_bytes 4
check nothing_sent_was_longer_than_that test "$(relay_count too_long)" -eq 0

# ---- cuts ----

tell cut 1 2
faulty a_one_way_link 8
tell cut 1 2; tell cut 2 1
faulty two_that_reach_each_other_through_others_only 8

new_destination
tell cut 4 0; tell cut 0 4
check the_others_notice_that_one_is_gone wait_for 5 "proxy4 to be missed" up 1 3
check packets_are_counted_while_one_is_isolated throw_at_all "$destination"
check the_others_agree_without_it wait_for 6 "equal ledgers" equal 1 2 3
check the_isolated_one_counts_on wait_for 3 "its own 400 packets" hold 400 4
tell clear
# shellcheck disable=SC2086
check it_knows_everything_soon_after_it_is_back agree_within 10 "$thrown" $all

new_destination
for a in 1 2; do for b in 3 4; do tell cut $a $b; tell cut $b $a; done; done
check packets_are_counted_in_both_halves throw_at_all "$destination"
check one_half_agrees wait_for 6 "800 packets in one half" agree 800 1 2
check the_other_half_agrees wait_for 6 "800 packets in the other half" agree 800 3 4
tell clear
# shellcheck disable=SC2086
check both_halves_are_one_mesh_again agree_within 10 "$thrown" $all

new_destination
check packets_are_counted_before_links_clog throw_at_all "$destination"
for a in $all; do
	for b in $all; do
		[ "$a" = "$b" ] || { tell cut $a $b; tell heal $a $b; tell delay 30 30; }
	done
done
# shellcheck disable=SC2086
check links_clogged_one_by_one_harm_nothing agree_within 10 "$thrown" $all
tell clear

# ---- ports and addresses ----

before=$(relay_count unreachable)
quit proxy3
unreachable() { [ "$(relay_count unreachable)" -gt "$before" ]; }
check a_closed_port_is_told_by_ICMP wait_for 5 "ICMP" unreachable
new_destination
throwers=
for i in 1 2 4; do throw "$i" "$destination" 40 10; done
for pid in $throwers; do wait "$pid"; done
check ICMP_disturbs_nobody agree_within 5 1200 1 2 4
daemon_start 3
wait_for 10 "gossipd of proxy3" daemon_answers 3
check and_its_host_is_told_all_when_it_starts agree_within 10 1200 1 2 3 4

new_destination
ip -n "$name-proxy4" addr del 10.3.0.4/24 dev wan
ip -n "$name-proxy4" addr add 10.3.0.44/24 dev wan
check packets_are_counted_while_an_address_changes throw_at_all "$destination"
# shellcheck disable=SC2086
check a_member_with_another_address_is_still_the_member agree_within 10 "$thrown" $all
endpoint_of_4() {
	ctl 1 members --json | jq -e '.members[] | select(.name == "proxy4") | .endpoint | startswith("10.3.0.44:")'
}
check its_new_address_is_known wait_for 5 "the new address" endpoint_of_4
ip -n "$name-proxy4" addr del 10.3.0.44/24 dev wan
ip -n "$name-proxy4" addr add 10.3.0.4/24 dev wan

new_destination
ip -n "$name-proxy2" link set wan down
check packets_are_counted_while_an_interface_is_down throw_at_all "$destination"
check its_daemon_lives ctl 2 members
ip -n "$name-proxy2" link set wan up
# shellcheck disable=SC2086
check all_is_told_when_it_is_up_again agree_within 10 "$thrown" $all

new_destination
ip -n "$name-proxy2" link set clients down
ip -n "$name-proxy2" link set clients name renamed
ip -n "$name-proxy2" link set renamed up
check packets_are_counted_at_a_renamed_interface throw_at_all "$destination"
# shellcheck disable=SC2086
check the_filter_goes_with_the_interface agree_within 6 "$thrown" $all
says_so() { ctl 2 status --json | jq -e '.attachments[] | select(.interface == "renamed" and .ours)'; }
check and_status_shows_its_new_name wait_for 5 "the new name" says_so
ip -n "$name-proxy2" link set renamed down
ip -n "$name-proxy2" link set renamed name clients
ip -n "$name-proxy2" link set clients up

# ---- a kernel that takes or gives no datagram ----

quit proxy1
quit proxy2
launch proxy1 proxy1 "$state/proxy1.log" env "LD_PRELOAD=$root/build/tests/host/failing.so" \
	FAIL_CALL=sendmmsg FAIL_EVERY=3 "$bin/gossipd" --config "$(conf_of 1)"
launch proxy2 proxy2 "$state/proxy2.log" env "LD_PRELOAD=$root/build/tests/host/failing.so" \
	FAIL_CALL=recvmmsg FAIL_EVERY=2 "$bin/gossipd" --config "$(conf_of 2)"
wait_for 10 "the mesh" members_up 4
faulty full_socket_buffers_and_refused_reads 8
check what_was_not_sent_is_counted test "$(status_of 1 datagrams_unsent)" -gt 0

# ---- families ----

stop_mesh
rm -rf "$state/mesh"
enrol() {
	i=$1
	shift
	"$bin/gossipctl" mesh issue "proxy$i" --directory "$state/mesh" --interface clients --pair-rate 0 \
		--destination-rate 0 "$@" >>"$state/mesh.log" 2>&1 &&
		cp "$(conf_of "$i")" "$(conf_of "$i").issued"
}
"$bin/gossipctl" mesh init --directory "$state/mesh" >"$state/mesh.log"
for i in $all; do
	enrol "$i" --address "[2001:db8:3::$i]:$gossip_port"
	ip -n "$name-proxy$i" addr flush dev wan scope global 2>/dev/null
done
for i in $all; do address "proxy$i" wan "2001:db8:3::$i/64"; done
start_mesh on 0 0 fair
tell loss 10
faulty IPv6_alone 8

# One speaks IPv6 alone, one IPv4 alone, two speak both.
stop_mesh
rm -rf "$state/mesh"
"$bin/gossipctl" mesh init --directory "$state/mesh" >"$state/mesh.log"
for i in 1 2; do
	enrol "$i" --address "10.3.0.$i:$gossip_port" --address "[2001:db8:3::$i]:$gossip_port"
	address "proxy$i" wan "10.3.0.$i/24"
done
enrol 3 --address "[2001:db8:3::3]:$gossip_port"
enrol 4 --address "10.3.0.4:$gossip_port"
ip -n "$name-proxy4" addr flush dev wan
address proxy4 wan 10.3.0.4/24
for i in $all; do
	configure "$i" on 0 0 fair
	mkdir -p "$state/proxy$i.state"
	daemon_start "$i"
done
for i in $all; do wait_for 10 "gossipd of proxy$i" daemon_answers "$i"; done
both_up() { up 1 4 && up 2 4; }
check those_of_both_families_see_everybody wait_for 10 "all members" both_up
new_destination
check packets_are_counted_in_a_mesh_of_two_families throw_at_all "$destination"
# Those that share no family know each other by their records, and hold each other's counts through the others.
# shellcheck disable=SC2086
check all_hold_everything agree_within 8 "$thrown" $all
done_testing
