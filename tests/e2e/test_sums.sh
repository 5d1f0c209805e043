#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Clients and networks have sums over all proxies: `gossipctl clients` and `networks` show what was sent, of a client
# with a thousand pairs as of one with a single pair, also after a kill -9. Two gossipd, each with the other's host as
# its clients. A slot lasts 20 s, so that no count is aged while the test runs. One of the two counts at least 50
# packets of each key that is compared: by need such a key is called however a slot's end splits them, for a + K = 25 at
# the rate of 40/s. Needs root. Speaks TAP.
set -u
. "$(dirname "$0")/lonely.sh"
mesh_options="--window-max-ms 40000"
begin
issue b 10.77.1.2:7946 --interface clients --pair-rate 40 --client-rate 40 --network-rate 40
sed -i -E 's/^(\t*(pair|client|network)_rate = ).*/\1 40;/' "$conf"
sed -i 's/^peers = .*/peers = ["10.77.1.2:7946"];/' "$conf"
sed -i 's/^peers = .*/peers = ["10.77.1.1:7946"];/' "$dir/mesh/b/b.conf"

# daemon NAME NAMESPACE: in the background, until it is ready; its process is in pid.NAME
daemon() {
	: >"$dir/$1.log"
	( exec nsenter --net="/run/netns/$2" "$bin/gossipd" --config "$dir/mesh/$1/$1.conf" ) \
		>>"$dir/$1.log" 2>&1 </dev/null &
	echo $! >"$dir/pid.$1"
	wait_for 20 grep -q 'gossipd: ready:' "$dir/$1.log" || { cat "$dir/$1.log"; return 1; }
}
killed() {
	kill -KILL "$(cat "$dir/pid.$1")"
	wait "$(cat "$dir/pid.$1")" 2>/dev/null
	rm "$dir/pid.$1"
}
ask_of() { proxy=$1; shift; "$ctl" --socket "$dir/$proxy.sock" "$@" --json; }
met() { [ "$(ask_of a members | jq '[.members[] | select(.up)] | length')" = 2 ]; }

# Packets that come to a proxy: at_a and at_b SCRIPT ARGUMENT..., as throw.py and scan.py have them after the MAC.
at_a() { script=$1; shift; outside "$root/tests/e2e/$script.py" clients 02:00:00:00:01:01 "$@" >/dev/null; }
at_b() { script=$1; shift; inside "$root/tests/e2e/$script.py" clients 02:00:00:00:00:01 "$@" >/dev/null; }

# total PROXY LIST NAME: packets that the proxy knows of a client or network, over the mesh
total() { ask_of "$1" "$2" | jq --arg name "$3" "[.$2[] | select(.${2%s} == \$name) | .count] | add // 0"; }
shows() {
	[ "$(total "$1" "$2" "$3")" = "$4" ] || {
		echo "$1: $3 has $(total "$1" "$2" "$3") packets, not $4"
		return 1
	}
}
# both LIST NAME PACKETS
both() {
	wait_for 5 shows a "$1" "$2" "$3" && wait_for 5 shows b "$1" "$2" "$3" || {
		shows a "$@"
		shows b "$@"
		return 1
	}
}

ok "two_start" daemon a "$name"
ok "the_other" daemon b "$name-peer"
ok "they_meet" wait_for 20 met

# ---- one pair and a thousand ----

ok "a_client_sends_to_a_thousand_addresses_at_one_proxy" at_a scan 203.0.112.0 1000 198.18.0.1 1
ok "and_to_one_at_the_other" at_b throw 192.0.2.1 198.18.0.1 1 300 1
ok "a_client_sends_to_one_address_at_both" at_a throw 192.0.2.1 198.18.0.2 1 400 1
ok "at_the_other" at_b throw 192.0.2.1 198.18.0.2 1 350 1
ok "both_show_the_first" both clients 198.18.0.1 1300
ok "both_show_the_second" both clients 198.18.0.2 750
ok "both_show_the_network_of_their_one_address" both networks 192.0.2.0/24 1050
ok "and_each_network_of_the_thousand" both networks 203.0.114.0/24 256
ok "the_last_of_them_too" both networks 203.0.115.0/24 232

# ---- a part below the threshold of the call, which is 40 x 10 / (4 x 2) ----

ok "a_client_sends_little_at_one_proxy" at_b throw 192.0.3.1 198.18.0.3 1 7 1
ok "and_much_at_the_other" at_a throw 192.0.3.1 198.18.0.3 1 500 1
ok "the_little_is_in_its_sum" both clients 198.18.0.3 507
ok "and_in_its_networks" both networks 192.0.3.0/24 507

# ---- IPv6 ----

ok "an_ipv6_client_sends_at_both" at_a scan 2001:db8:7::1 200 fd00:0:0:7:: 1
ok "at_the_other_too" at_b scan 2001:db8:7:8::1 100 fd00:0:0:7:: 1
ok "both_show_it" both clients fd00:0:0:7::/64 300
ok "and_its_network" both networks 2001:db8:7::/48 300

# ---- kill -9 while packets come ----

# The filter counts on. What the daemon that died had summed but not marked as harvested is summed once more: at most
# one batch of 64 records, with what each of them gained in a tick.
killed_thrice() {
	at_a scan 203.0.120.0 2000 198.18.0.9 1 1000 &
	scanning=$!
	for _ in 1 2 3; do
		before=$(total b clients 198.18.0.9)
		killed a
		daemon a "$name" || return 1
		wait_for 10 met || return 1
		[ "$(total a clients 198.18.0.9)" -ge 0 ] || return 1
		[ "$(total b clients 198.18.0.9)" -ge "$before" ] || return 1
	done
	wait "$scanning"
}
at_least_and_little_more() {
	told=$(total "$1" clients 198.18.0.9)
	echo "$1: of 2000 packets $told"
	[ "$told" -ge 2000 ] && [ "$told" -le $((2000 + 3 * 64)) ]
}
all_told() { at_least_and_little_more a && at_least_and_little_more b; }
ok "a_daemon_is_killed_three_times" killed_thrice
ok "no_packet_is_missing_and_at_most_a_batch_is_added_each_time" wait_for 10 all_told
all_told | sed 's/^/# /'
done_testing
