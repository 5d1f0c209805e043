#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# An upgrade under traffic: two builds whose XDP programs differ take turns on one interface, one of them killed each
# time. What a blocked client sends must never get past the filter, and what is counted must be what was sent. Needs
# root. Speaks TAP.
set -u
. "$(dirname "$0")/lonely.sh"
packets=${PACKETS:-$root/build/tests/e2e/packets}
turns=8
ears= sender=

# another_build: the same sources, another program. BPF_OPTIMISE changes its instructions and nothing of what it means
another_build() {
	make -s -j2 -C "$root" B="$dir/next" BPF_OPTIMISE=-Os "$dir/next/bin/gossipd"
}

end() {
	[ -z "$sender" ] || kill "$sender" 2>/dev/null
	[ -z "$ears" ] || kill "$ears" 2>/dev/null
	finish
}

tag() { bpftool prog show id "$(ask status --json | jq '.attachments[0].program_id')" -j | jq -r .tag; }
reason() { ask status --json | jq ".reasons[] | select(.name == \"$1\") | .packets"; }
send() { outside "$packets" send clients 02:00:00:00:01:01 "$@" 203.0.113.9 count=50; }

# In small batches, so that no queue on the way runs over, and what was sent is what came in.
send_until_told() {
	batches=0
	while [ ! -e "$dir/enough" ]; do
		send 10.77.1.66
		send 10.77.1.77
		batches=$((batches + 1))
		echo "$batches" >"$dir/batches"
	done
}

swap() {
	before=$(tag)
	if [ "$bin" = "$root/build/bin" ]; then bin=$dir/next/bin; else bin=$root/build/bin; fi
	kill -KILL "$daemon"
	wait "$daemon" 2>/dev/null
	start && echo "program $before, now $(tag)" && [ "$(tag)" != "$before" ]
}

upgrades_and_back() {
	turn=0
	while [ "$turn" -lt "$turns" ]; do
		swap || return 1
		turn=$((turn + 1))
	done
}

stopped_sending() {
	touch "$dir/enough"
	wait "$sender"
	sender=
	sent=$(($(cat "$dir/batches") * 50))
	[ "$sent" -gt 1000 ]
}

is() { [ "$1" = "$2" ] || { echo "$1, not $2"; return 1; }; }
heard_of() { grep -c "^$1 " "$dir/heard"; }
record_of_the_pair() {
	ask explain 10.77.1.77 203.0.113.9 | sed -n 's/.*in the kernel: \([0-9]*\) packets.*/\1/p' | head -n 1
}

begin
trap end EXIT
sed -i 's|^\tpair_rate = .*|\tpair_rate = 1000000;|; s|^\tdestination_rate = .*|\tdestination_rate = 1000000;|
	s|^\tblock = .*|\tblock = ( { client = "10.77.1.66"; } );|' "$conf"
ok the_other_build_is_made another_build
ok one_starts start
( exec nsenter --net="/run/netns/$name" "$packets" hear clients 300 ) >"$dir/heard" 2>&1 &
ears=$!
wait_for 5 grep -q hearing "$dir/heard"
send_until_told &
sender=$!
ok builds_of_other_programs_take_turns_under_traffic upgrades_and_back
ok packets_were_sent_meanwhile stopped_sending
echo "# $sent packets of each client through $((turns + 1)) daemons, each killed"
wait_for 2 test "$(heard_of 10.77.1.77)" -ge "$sent"
ok no_packet_was_unfiltered is "$(heard_of 10.77.1.66)" 0
ok none_that_may_pass_was_lost is "$(heard_of 10.77.1.77)" "$sent"
ok what_was_blocked_is_counted_once is "$(reason drop_blocked)" "$sent"
ok what_passed_is_counted_once is "$(reason pass)" "$sent"
ok in_the_same_record_all_the_time is "$(record_of_the_pair)" "$sent"
done_testing
