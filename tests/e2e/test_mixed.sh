#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Two daemons of one mesh publish in different ways: proxy1 tells everything, proxy2 what is needed. Both know of what
# matters, both drop an attack that neither sees alone, and nobody else loses a packet. Needs root. Speaks TAP.
set -u
. "$(dirname "$0")/relayed.sh"
proxies=2
# slots of 10 s: ledgers hold what was counted in the last 60 to 70 s, all of this test
mesh_options="--window-max-ms 20000"

begin
make_mesh
echo 'publish = "all";' >>"$(conf_of 1).issued"
for i in 1 2; do ip -n "$name-proxy$i" route add 20.0.0.0/8 via "10.2.$i.2" dev victim; done
start_mesh on 50 100000 fair

# throw_at PROXY DESTINATION CLIENT PACKETS
throw_at() {
	in_ns clients python3 "$root/tests/e2e/throw.py" "to$1" "02:00:00:00:01:0$1" "$2" "$3" 1 "$4" 1
}
# knows PROXY CLIENT DESTINATION MEMBER PACKETS: so many of this member
knows() {
	known=$(ctl "$1" explain "$2" "$3" --json |
		jq --arg member "$4" '[.pair_cells[] | select(.member == $member) | .packets] | add // 0')
	echo "proxy$1 knows of $known packets of $2 at $4, not $5"
	[ "$known" = "$5" ]
}
learns() { wait_for 5 "a count" knows "$@" || { knows "$@"; return 1; }; }
says_untold() { ctl "$1" explain "$2" "$3" | grep -F 'of each other proxy that publishes by need'; }

check a_slow_client_of_the_one_that_tells_all throw_at 1 192.0.2.1 198.18.1.1 3
check is_known_to_the_other learns 2 198.18.1.1 192.0.2.1 proxy1 3
check a_slow_client_of_the_other throw_at 2 192.0.2.2 198.18.1.2 3
check is_counted_there learns 2 198.18.1.2 192.0.2.2 proxy2 3
# proxy2 first: what proxy1 tells calls for its slot and the one before
check a_slow_client_of_both throw_at 2 192.0.2.3 198.18.1.3 4
check at_the_other_too throw_at 1 192.0.2.3 198.18.1.3 3
check is_known_whole_to_the_one_that_tells_all learns 1 198.18.1.3 192.0.2.3 proxy2 4
check and_to_the_other learns 2 198.18.1.3 192.0.2.3 proxy1 3
# what it told of the pair of both was counted later
check what_nobody_called_is_not_told knows 1 198.18.1.2 192.0.2.2 proxy2 0
check and_explain_says_what_may_be_missing says_untold 1 198.18.1.2 192.0.2.2

# ---- a bot at 1.6 x T_F1, 0.8 x at each proxy; a client at 0.8 x, split over both alike ----

drop_pair() {
	ctl "$1" status --json | jq '[.reasons[] | select(.name | startswith("drop_pair")) | .packets] | add // 0'
}
both_drop() { [ "$(drop_pair 1)" -gt 0 ] && [ "$(drop_pair 2)" -gt 0 ]; }
nothing_else_is_over() {
	for i in 1 2; do
		ctl "$i" events --json | jq -se 'map(select(.kind == "pair_over").client) | unique == ["198.18.2.1"]' ||
			{ ctl "$i" events; return 1; }
	done
}
whole() {
	read -r _ sent <"$state/flooded"
	came=$(tail -n 1 "$state/arrived" | jq '.["20.6.0.1/32"].packets')
	echo "$came of $sent came"
	[ "$came" = "$sent" ]
}
launch arrivals victim "$state/arrived" python3 "$root/tests/e2e/arrivals.py" 20.5.0.1/32 20.6.0.1/32
arrivals=$!
check the_victims_hear wait_for 10 "a socket" grep -q ready "$state/arrived"
in_ns clients python3 "$root/tests/e2e/flood.py" 2 15 80,198.18.2.1,1,20.5.0.1,1 40,198.18.2.2,1,20.6.0.1,1 \
	>"$state/flooded" &
flooding=$!
check both_drop_a_bot_that_neither_sees_alone wait_for 15 "a drop" both_drop
check it_ends wait "$flooding"
sleep 0.3 # what is on its way
kill -TERM "$(cat "$state/pid.arrivals")"
wait "$arrivals"
rm "$state/pid.arrivals"
echo "# sent: $(cat "$state/flooded"); came: $(tail -n 1 "$state/arrived")"
check nobody_else_is_over nothing_else_is_over
check nor_loses_a_packet whole
done_testing
