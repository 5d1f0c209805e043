#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Clients and networks over their rates, at three real daemons at once: no ten seconds bring more than 1.1 x the rate
# through all three, from the first packet on. Nobody else loses a packet. The topology is the demo's, the counts are
# those of a socket behind the proxies. Needs root. Speaks TAP.
set -u
. "$(dirname "$0")/relayed.sh"
proxies=3
client_rate=200 network_rate=300
seconds=24

begin
make_mesh
for i in $(each_proxy); do
	sed -i -E -e "s/^(\t*client_rate = ).*/\1 $client_rate;/" -e "s/^(\t*network_rate = ).*/\1 $network_rate;/" \
		"$(conf_of "$i").issued"
	for network in 20.0.0.0/8 192.0.2.0/24; do
		ip -n "$name-proxy$i" route add "$network" via "10.2.$i.2" dev victim
	done
	ip -n "$name-proxy$i" -6 route add 2001:db8:e::/47 via "2001:db8:2:$i::2" dev victim
done
start_mesh on 100 6000 fair

# limited LIST SUBJECT: each proxy shows what it grants, and that packets dropped for it
limited() {
	for i in $(each_proxy); do
		ctl "$i" "$1" --json | jq -e --arg list "$1" --arg subject "$2" 'any(.[$list][]; .limited and
			(.client // .network) == $subject and .reached > .dropped and .dropped > 0)' || return 1
	done
}
# flood WHAT PREFIX LIST SUBJECT WHAT PREFIX LIST SUBJECT: two at once, and beside them an innocent client of 20
# packets/s at a network of its own. Sets $flooded, the packets sent by prefix, $of_innocent, and $shown: for which of
# the two each proxy's list said meanwhile what it grants
flood() {
	launch arrivals victim "$state/arrived" python3 "$root/tests/e2e/arrivals.py" "$2" "$6" 192.0.2.0/24
	arrivals=$!
	wait_for 10 "a socket behind the proxies" grep -q ready "$state/arrived" || return 1
	in_ns clients python3 "$root/tests/e2e/flood.py" "$proxies" "$seconds" "$1" "$5" 20,198.18.9.9,1,192.0.2.9,1 \
		>"$state/flooded" &
	flooding=$!
	shown=
	wait_for 15 "limits of $4" limited "$3" "$4" && shown="$shown $2"
	wait_for 15 "limits of $8" limited "$7" "$8" && shown="$shown $6"
	wait "$flooding" || return 1
	sleep 0.3 # what is on its way
	kill -TERM "$(cat "$state/pid.arrivals")"
	wait "$arrivals"
	rm "$state/pid.arrivals"
	read -r first second innocent <"$state/flooded"
	flooded="$2 $first $6 $second"
	of_innocent=$(tail -n 1 "$state/arrived" | jq '.["192.0.2.0/24"].packets')
	[ "$first" -gt 0 ] && [ "$second" -gt 0 ]
}
# look_at PREFIX: sets $sent, packets of the last flood to it, and what came of them: $came, $most
look_at() {
	sent=${flooded##*"$1 "} sent=${sent%% *}
	came=$(tail -n 1 "$state/arrived" | jq ".[\"$1\"].packets")
	most=$(tail -n 1 "$state/arrived" | jq ".[\"$1\"].most")
	said="$sent sent, $came came, most in 10 s $most"
}
# held_to RATE: at most 1.1 x in any ten seconds, and no less than half of it in the best
held_to() {
	echo "$said; rate $1"
	[ "$most" -le $((11 * $1)) ] && [ "$most" -ge $((5 * $1)) ]
}
nobody_else_lost() { echo "$of_innocent of $innocent came"; [ "$of_innocent" -eq "$innocent" ]; }
# was_many RATE: the flood was at least five times the rate, however slow the machine is
was_many() { echo "$sent in $seconds s"; [ "$sent" -ge $((5 * $1 * seconds)) ]; }
is_shown() { case $shown in *" $1"*) ;; *) return 1 ;; esac; }
# told_by_all KIND FIELD SUBJECT: an event at each proxy
told_by_all() {
	for i in $(each_proxy); do
		ctl "$i" events --json | jq -se --arg kind "$1" --arg subject "$3" \
			"any(.[]; .kind == \$kind and .$2 == \$subject)" >/dev/null ||
			{ echo "proxy$i has no event $1 of $3"; ctl "$i" events | tail -n 5; return 1; }
	done
}
# case_of NAME RATE KIND FIELD SUBJECT PREFIX: one of the two of the last flood
case_of() {
	look_at "$6"
	echo "# $1: $said"
	check "$1_is_many_times_the_rate" was_many "$2"
	check "$1_is_held_to_the_rate" held_to "$2"
	check "$1_is_shown_with_what_each_proxy_grants" is_shown "$6"
	check "$1_is_told_by_each_proxy" told_by_all "$3" "$4" "$5"
	check "$1_takes_nothing_from_others" nobody_else_lost
}

check a_client_and_an_IPv6_network_are_flooded flood \
	"$((10 * client_rate)),198.18.1.1,1,20.1.0.9,40,256" 20.1.0.0/16 clients 198.18.1.1 \
	"$((10 * network_rate)),2001:db8:a::1,200,2001:db8:f:1::1,0" 2001:db8:f::/48 networks 2001:db8:f::/48
case_of one_device_with_forty_victims "$client_rate" client_over client 198.18.1.1 20.1.0.0/16
case_of one_IPv6_network_and_no_address_twice "$network_rate" network_over destination 2001:db8:f::/48 2001:db8:f::/48
check a_network_and_addresses_without_end_are_flooded flood \
	"$((10 * network_rate)),198.18.20.1,200,20.2.2.1,250" 20.2.2.0/24 networks 20.2.2.0/24 \
	"$((10 * client_rate)),198.18.1.3,1,20.16.0.1,0" 20.16.0.0/12 clients 198.18.1.3
case_of two_hundred_bots_and_one_network "$network_rate" network_over destination 20.2.2.0/24 20.2.2.0/24
case_of one_packet_to_each_address "$client_rate" client_over client 198.18.1.3 20.16.0.0/12
done_testing
