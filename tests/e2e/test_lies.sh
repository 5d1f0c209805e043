#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# One member lies in turn about each kind of key: it calls every key, invents clients and networks at its line rate,
# slanders a client that is there, and is silent towards one member. No rule is switched off, nothing falls below its
# floor, and what rests on the liar alone is shown within ten seconds. Invented pairs and destinations have
# test_invented_keys.sh. Needs root. Speaks TAP.
set -u
. "$(dirname "$0")/relayed.sh"
. "$(dirname "$0")/lying.sh"
pair_rate=20 destination_rate=1000
rates="client_rate=40 network_rate=400"
# shellcheck disable=SC2034 # of relayed.sh
mesh_options="--window-max-ms 4000" # slots of 2 s: what was told is forgotten after 14 to 16 s
per_tick=300
line=$((14880000 * 2 / (per_tick * 10))) # packets of each key, so that all of a slot are what a line carries

lying_mesh
for network in 40.0.0.0/6 192.0.2.0/24; do ip -n "$name-proxy1" route add "$network" via 10.2.1.2 dev victim; done

# ---- what the others see ----

# named_for PROXY KIND: an event says that a client or network is over its rate, and that only the liar reports it
named_for() { ctl "$1" events --json | jq -se --arg kind "$2_over" \
	'any(.[]; .kind == $kind and .member == "proxy3" and .member_part == 1)'; }
both_show() { named_for 1 "$1" && named_for 2 "$1"; }
only_liar() { ctl "$1" explain "$2" "$3" --json | jq -e "
	(.$4_shares | length > 0) and (.$4_shares | all(.member == \"proxy3\"))"; }
rests_on_liar() { ctl "$1" explain "$2" "$3" --json |
	jq -e ".$4_shares | any(.member == \"proxy3\" and .share > 0.9)"; }
counts_of() { ctl "$1" members --json | jq -e --arg name proxy3 '.members[] | select(.name == $name) | .keys > 100'; }
counts_of_both() { counts_of 1 && counts_of 2; }
forgotten() { ctl 1 members --json | jq -e '.members[] | select(.name == "proxy3") | .cells == 0'; }

# rests: the liar leaves off, and what it said is forgotten
rests() { lie rest && wait_for 60 "no cells of the liar" forgotten; }

# ---- what a rule does without a lie ----

# Streams of flood.py, to prefixes of their own: a device that scans at five times client_rate; 200 clients at half of
# pair_rate, at five times network_rate; one client at ten times pair_rate; 40 clients nearly at half of pair_rate and a
# quarter of client_rate.
device() { stream=200,198.18.$1.1,1,40.$1.0.0,0 prefix=40.$1.0.0/16; }
network() { stream=2000,198.19.$1.1,200,41.$1.1.1,1 prefix=41.$1.1.0/24; }
one_pair() { stream=200,198.18.$1.2,1,42.$1.1.1,1 prefix=42.$1.1.0/24; }
honest_clients() { stream=390,198.18.1.1,40,192.0.2.1,1 prefix=192.0.2.0/24; }

# floods SECONDS NUMBER STREAM...: all at once, to addresses that were not flooded before. Sets $lost, a word for each:
# how many of 1,000 packets did not come out behind the proxy
floods() {
	seconds=$1 round=$2
	shift 2
	streams='' prefixes=''
	for kind in "$@"; do "$kind" "$round" && streams="$streams $stream" prefixes="$prefixes $prefix"; done
	# shellcheck disable=SC2086
	launch arrivals victim "$state/arrived" python3 "$root/tests/e2e/arrivals.py" $prefixes
	arrivals=$!
	wait_for 10 "a socket behind the proxies" grep -q ready "$state/arrived" || return 1
	# shellcheck disable=SC2086
	sent=$(in_ns clients python3 "$root/tests/e2e/flood.py" 1 "$seconds" $streams) || return 1
	sleep 0.3 # what is on its way
	kill -TERM "$(cat "$state/pid.arrivals")"
	wait "$arrivals"
	rm "$state/pid.arrivals"
	lost=
	for prefix in $prefixes; do
		came=$(tail -n 1 "$state/arrived" | jq ".[\"$prefix\"].packets")
		lost="$lost $(((${sent%% *} - came) * 1000 / ${sent%% *}))"
		sent=${sent#* }
	done
	echo "# of 1,000 packets, $* lost$lost"
}
# lost_of N [LOST]: the Nth word
lost_of() { echo "${2:-$lost}" | awk -v nth="$1" '{ print $nth }'; }
# alike N: of the last floods' Nth stream as many dropped as without a lie, within 5 %
alike() { drops=$(lost_of "$1") && like "$(lost_of "$1" "$clean")"; }
at_least() { [ "$(lost_of "$1")" -ge "$2" ] || { echo "$lost"; return 1; }; }
none_of() { [ "$(lost_of "$1")" -eq 0 ] || { echo "$lost"; return 1; }; }

check an_honest_member_without_packets liar_begin
floods 8 16 device network one_pair honest_clients
clean=$lost
check the_rule_for_clients_holds_without_a_lie at_least 1 600
check the_rule_for_networks_holds_without_a_lie at_least 2 400
check the_rule_for_pairs_holds_without_a_lie at_least 3 700
check and_honest_clients_lose_nothing none_of 4

# ---- a member calls every key ----

check a_member_calls_every_key lie claim call=198.18.1.1 160 160 1
floods 8 50 honest_clients network one_pair
check honest_clients_still_lose_nothing none_of 1
check a_flood_of_one_pair_drops_like_before alike 3
check it_leaves_off_calling rests

# ---- a member invents clients, and networks, at its line rate ----

# invents KIND ORDINAL
invents() {
	check "a_member_invents_$1" lie claim "$1" "$per_tick" 100000 "$line"
	timed_check "what_rests_on_it_is_shown_within_ten_seconds: $1" wait_for 10 "the lie" both_show "${1%s}"
	check "its_account_shows_them: $1" wait_for 10 "keys on its account" counts_of_both
	floods 8 "$2" device network one_pair
	check "a_device_is_held_to_client_rate_meanwhile: $1" alike 1
	check "a_network_is_held_to_network_rate_meanwhile: $1" alike 2
	check "a_pair_is_held_to_pair_rate_meanwhile: $1" alike 3
	check "it_leaves_off_inventing: $1" rests
}
invents clients 60
invents networks 80

# ---- a member slanders a client that is there ----

# Floors: pair_rate / (4 x 2) is 2.5/s; of client_rate 5/s, of network_rate 50/s, of destination_rate 125/s. The client
# sends 10/s: at least a quarter of that passes. What passes when it begins is not counted.
slandered() { stream=10,198.18.7.1,1,192.0.2.1,1 prefix=192.0.2.0/24; }
check a_member_slanders_a_client lie claim slander=198.18.7.1 4 4 1000000
timed_check whose_word_it_is_is_shown_within_ten_seconds wait_for 10 "the shares" \
	rests_on_liar 1 198.18.7.1 192.0.2.1 destination
check of_what_only_the_liar_reports_that_is_said wait_for 10 "only the liar" only_liar 2 198.18.7.1 192.0.2.1 pair
in_ns clients python3 "$root/tests/e2e/flood.py" 1 2 10,198.18.7.1,1,192.0.2.1,1 >"$state/flooded"
floods 8 53 slandered device one_pair
slandered_first=$(lost_of 1)
check another_flood_drops_as_ever alike 3
floods 8 54 slandered
check the_client_keeps_its_floor test $(((slandered_first + $(lost_of 1)) / 2)) -le 760

# ---- a member is silent towards one other ----

check a_member_is_silent_towards_proxy2 lie mute 10.3.0.2
check it_tells_the_other_of_destinations lie claim destinations 20 20 1000
knows() { ctl "$1" explain 198.18.1.1 100.64.0.3 --json | jq -e '.destination_shares | any(.member == "proxy3")'; }
timed_check proxy1_knows wait_for 10 "the cells at proxy1" knows 1
timed_check and_proxy2_by_it_within_ten_seconds wait_for 10 "the cells at proxy2" knows 2
floods 8 55 device network one_pair
check a_flood_drops_nevertheless alike 3

liar_end
done_testing
