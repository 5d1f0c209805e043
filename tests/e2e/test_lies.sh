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
per_tick=300
line=$((14880000 * 4 / (per_tick * 20))) # packets of each key, so that all of a slot are what a line carries

lying_mesh

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

# A device that scans at five times client_rate; 200 clients at half of pair_rate, at five times network_rate.
device() { sent_at_1 scan "203.0.$1.0" 2000 "198.18.$1.1" 1 200; }
network() { sent_at_1 throw "192.0.$1.1" "198.19.$1.1" 200 60 100; }
one_pair() { sent_at_1 throw "192.0.2.$1" "198.18.$1.1" 1 1200 5; } # ten times pair_rate
# 40 clients at half of pair_rate and a quarter of client_rate, to five addresses
honest_clients() { sent_at_1 throw 192.0.2.1 198.18.1.1 40 100 100; }

check an_honest_member_without_packets liar_begin
device 16 && clean_device=$drops
network 40 && clean_network=$drops
one_pair 50 && clean_pair=$drops
honest_clients
check the_rules_hold_without_a_lie \
	test "$clean_device" -gt 600 -a "$clean_network" -gt 400 -a "$clean_pair" -gt 700
check and_honest_clients_lose_nothing test "$drops" -eq 0

# ---- a member calls every key ----

check a_member_calls_every_key lie claim call=198.18.1.1 160 160 1
honest_clients
check honest_clients_still_lose_nothing test "$drops" -eq 0
one_pair 51
check a_flood_of_one_pair_drops_like_before like "$clean_pair"
check it_leaves_off_calling rests

# ---- a member invents clients, and networks, at its line rate ----

# invents KIND ORDINAL
invents() {
	check "a_member_invents_$1" lie claim "$1" "$per_tick" 100000 "$line"
	timed_check "what_rests_on_it_is_shown_within_ten_seconds: $1" wait_for 10 "the lie" both_show "${1%s}"
	check "its_account_shows_them: $1" wait_for 10 "keys on its account" counts_of_both
	device "$2" && check "a_device_is_held_to_client_rate_meanwhile: $1" like "$clean_device"
	network "$2" && check "a_network_is_held_to_network_rate_meanwhile: $1" like "$clean_network"
	one_pair $(($2 + 1)) && check "a_pair_is_held_to_pair_rate_meanwhile: $1" like "$clean_pair"
	check "it_leaves_off_inventing: $1" rests
}
invents clients 60
invents networks 80

# ---- a member slanders a client that is there ----

# Floors: pair_rate / (4 x 2) is 2.5/s; of client_rate 5/s, of network_rate 50/s, of destination_rate 125/s. The client
# sends 10/s in 40 s: at least a quarter of that passes.
check a_member_slanders_a_client lie claim slander=198.18.7.1 4 4 1000000
timed_check whose_word_it_is_is_shown_within_ten_seconds wait_for 10 "the shares" \
	rests_on_liar 1 198.18.7.1 192.0.2.1 destination
check of_what_only_the_liar_reports_that_is_said wait_for 10 "only the liar" only_liar 2 198.18.7.1 192.0.2.1 pair
sent_at_1 throw 192.0.2.1 198.18.7.1 1 400 100
check the_client_keeps_its_floor test "$drops" -le 760
one_pair 53
check another_flood_drops_as_ever like "$clean_pair"
check it_leaves_off_slandering rests

# ---- a member is silent towards one other ----

check a_member_is_silent_towards_proxy2 lie mute 10.3.0.2
check it_tells_the_other_of_destinations lie claim destinations 20 20 1000
knows() { ctl "$1" explain 198.18.1.1 100.64.0.3 --json | jq -e '.destination_shares | any(.member == "proxy3")'; }
timed_check proxy1_knows wait_for 10 "the cells at proxy1" knows 1
timed_check and_proxy2_by_it_within_ten_seconds wait_for 10 "the cells at proxy2" knows 2
one_pair 54
check a_flood_drops_nevertheless like "$clean_pair"

liar_end
done_testing
