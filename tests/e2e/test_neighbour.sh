#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A device fills the coarse entry of a network, at a proxy whose records of destinations are all taken by others that
# keep them: it sends to sixty addresses of a /24 that have no record. The network as a whole is held to the rate of one
# destination. Who has a record there, and who has none elsewhere, loses nothing. The device is named. Needs root.
# Speaks TAP.
set -u
. "$(dirname "$0")/relayed.sh"
proxies=1
destination_rate=100
seconds=6

begin
make_mesh
sed -i -E 's/^(\tdestinations = ).*/\1 16;/' "$(conf_of 1).issued"
for network in 20.0.0.0/8 30.0.0.0/8; do ip -n "$name-proxy1" route add "$network" via 10.2.1.2 dev victim; done
start_mesh off 1000 "$destination_rate" fair

# sends SECONDS WHAT...: streams of flood.py; prints how many packets of each
sends() { in_ns clients python3 "$root/tests/e2e/flood.py" 1 "$@"; }
came_to() { tail -n 1 "$state/arrived" | jq ".[\"$1\"].packets"; }
has_one() { [ "$(status_of 1 destinations)" -eq 1 ]; }
all_taken() { [ "$(status_of 1 destinations)" -eq 16 ]; }
says() { ctl 1 status --json | jq -e --arg subject "$1" \
	'.conditions | any(.id == "coarse_verdicts" and .subject == $subject)'; }
says_nothing() { ctl 1 status --json | jq -e '.conditions | all(.id != "coarse_verdicts")'; }

# Sixteen addresses at more than half of their rate keep their records: one of them is in the network.
launch arrivals victim "$state/arrived" python3 "$root/tests/e2e/arrivals.py" 20.9.1.7/32 20.9.1.64/26 20.9.1.200/32 \
	20.10.2.200/32 30.0.0.0/8
arrivals=$!
wait_for 10 "a socket behind the proxies" grep -q ready "$state/arrived"
sends $((seconds + 8)) 90,198.18.3.1,1,20.9.1.7,1 >"$state/known" &
knowing=$!
check one_in_the_network_has_a_record wait_for 5 "a destination" has_one
sleep 1 # until its rate is known: a packet without a record would begin the window of the network's entry
sends $((seconds + 6)) 1350,198.19.0.1,1,30.0.0.1,15,256 >"$state/kept" &
keeping=$!
check every_record_is_taken wait_for 5 "16 destinations" all_taken
sleep 1 # until the rate of each is known
# The device; somebody in that network without a record; somebody without a record elsewhere.
sends "$seconds" 600,198.18.5.5,1,20.9.1.64,60 10,198.18.6.1,1,20.9.1.200,1 10,198.18.7.1,1,20.10.2.200,1 \
	>"$state/flooded" &
flooding=$!
timed_check the_device_is_named wait_for 5 "its name" says "client 198.18.5.5"
wait "$flooding"
wait "$keeping"
wait "$knowing"
sleep 0.3 # what is on its way
kill -TERM "$(cat "$state/pid.arrivals")"
wait "$arrivals"
rm "$state/pid.arrivals"
read -r known <"$state/known"
read -r others <"$state/kept"
read -r flooded neighbour elsewhere <"$state/flooded"
passed=$(came_to 20.9.1.64/26)
echo "# of $flooded packets of the device $passed passed, of $neighbour to its neighbour $(came_to 20.9.1.200/32)"

check it_sent_many_times_the_rate test "$flooded" -ge $((5 * destination_rate * seconds))
# Its bucket holds a second of the rate; the rest is for a machine that stands still.
check the_network_is_held_to_the_rate_of_one_destination \
	test "$passed" -le $((destination_rate * (seconds + 1) * 11 / 10))
check and_no_less_passes test "$passed" -ge $((destination_rate * (seconds - 1) / 2))
check who_has_a_record_there_loses_nothing test "$(came_to 20.9.1.7/32)" -eq "$known"
check nor_do_those_elsewhere_that_have_one test "$(came_to 30.0.0.0/8)" -eq "$others"
check nor_does_who_has_none_elsewhere test "$(came_to 20.10.2.200/32)" -eq "$elsewhere"
check it_is_over_when_the_device_leaves_off wait_for 10 "its end" says_nothing
done_testing
