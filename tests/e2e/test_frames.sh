#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Whose frame it is: what is sent to another host's MAC address, or to all, counts at no proxy that only overhears it;
# where another link stands on the interface with an address of its own, it counts. And a client of 127.0.0.0/8, from
# which the kernel forwards with route_localnet. Needs root. Speaks TAP.
set -u
. "$(dirname "$0")/lonely.sh"

begin
set_to gossip false
set_to clients '[]' 2>/dev/null
inside sysctl -qw net.ipv4.ip_forward=1
inside ip route add blackhole 198.18.0.0/15
ok "it_starts" start

packets_of() { ask status --json | jq --arg name "$1" '.reasons[] | select(.name == $name) | .packets'; }
# throw MAC CLIENT: ten packets
client=0
throw() { outside python3 "$root/tests/e2e/throw.py" clients "$1" 198.18.0.1 "$2" 1 10 1 >/dev/null; }
# counts REASON MAC [CLIENT]: all ten count so; a client that was not there before, for a pair that has a record is
# judged by it
counts() {
	before=$(packets_of "$1")
	client=$((client + 1))
	throw "$2" "${3:-10.77.9.$client}" || return 1
	after=$(packets_of "$1")
	[ $((after - before)) -eq 10 ] || { echo "$1: expected 10 more than $before, got $after"; return 1; }
}

ok "a_frame_to_us_is_judged" counts pass 02:00:00:00:01:01
ok "one_to_another_host_is_not" wait_for 3 counts pass_other_host 02:00:00:00:01:02
ok "nor_one_to_all" counts pass_other_host ff:ff:ff:ff:ff:ff
inside ip link set clients down
inside ip link set clients address 02:00:00:00:01:09 up
inside ip addr add 10.77.1.1/24 dev clients 2>/dev/null
ok "the_address_may_change" wait_for 3 counts pass_other_host 02:00:00:00:01:01
ok "and_frames_to_the_new_one_are_judged" counts pass 02:00:00:00:01:09
inside ip link add above link clients address 02:00:00:00:01:0a type macvlan
inside ip link set above up
ok "with_a_link_above_every_frame_is_judged" wait_for 3 counts pass 02:00:00:00:01:0a
inside sysctl -qw net.ipv4.conf.clients.route_localnet=1
ok "a_client_that_every_host_has_is_judged" counts pass 02:00:00:00:01:09 127.0.0.9
done_testing
