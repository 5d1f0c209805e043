#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A lone gossipd is killed and starts again: before an attack, and amid one. Its ledger then knows less than the table.
# What passes afterwards is the destination's rate, though each client alone may have more (pair_action = "police").
# Needs root. Speaks TAP.
set -u
. "$(dirname "$0")/lonely.sh"
rate=200 # of the destination, a second; 20 clients with 50 each by the pair rule would have 1,000
allowance=2000 # packets: all of the attack for one second, until it is seen, beside a busy machine's late ticks

names=$(tr -d '\\\t\n' <"$root/include/xpro/record.h" | sed 's/.*#define REASON_NAMES *{\([^}]*\)}.*/[\1]/')
# packets PATTERN: under reasons whose names match, from the kernel, whoever runs
packets() {
	bpftool map dump pinned "$dir/bpf/a/reasons" -j |
		jq --argjson names "$names" --arg pattern "$1" '
			[.[0].formatted.value[".data.reasons"][0].reasons[] | to_entries[]
				| select($names[.key] // "" | test($pattern)) | .value.packets] | add'
}
passed() { packets '^(pass|pass_share|pass_evidence)$'; }
dropped() { packets '^drop_'; }

# send ROUNDS PAUSE_MS: a packet of each client in a round
send() {
	outside python3 "$root/tests/e2e/throw.py" clients 02:00:00:00:01:01 192.0.2.1 198.18.1.1 20 "$1" "$2" \
		>"$dir/thrown"
}

# 100 packets a second of each client, 2,000 in all: attack_begin SECONDS; attack_end sets attack_ms, thrown and
# let_through
attack_begin() {
	begun=$(date +%s%3N) before=$(passed)
	send $(($1 * 100)) 10 &
	thrower=$!
}
attack_end() {
	wait "$thrower"
	attack_ms=$(($(date +%s%3N) - begun)) thrown=$(cat "$dir/thrown") let_through=$(($(passed) - before))
	echo "# $let_through of $thrown packets in $attack_ms ms"
}

let_through_its_rate() {
	echo "$let_through of $thrown packets in $attack_ms ms"
	[ "$let_through" -le $((rate * attack_ms / 1000 + allowance)) ]
}
was_an_attack() { [ "$thrown" -gt $((3 * rate * attack_ms / 1000 + allowance)) ]; }
drops_grow() { [ "$(dropped)" -gt $((drops_before + 1000)) ]; }
killed() { stop KILL; [ $? -eq 137 ]; }

begin
sed -i -e "s|^\tpair_rate = .*|\tpair_rate = 50;|" -e "s|^\tdestination_rate = .*|\tdestination_rate = $rate;|" \
	-e 's|^\tpair_action = .*|\tpair_action = "police";|' "$conf"
ok "the daemon starts" start

send 30 200 # six seconds of 100 a second: the table's count is large, and all shares are
ok "it is killed in peace" killed
ok "and starts again" start
attack_begin 6
attack_end
ok "an attack after the start meets the rate" let_through_its_rate
ok "it was one" was_an_attack

drops_before=$(dropped)
attack_begin 8
ok "an attack is met" wait_for 2 drops_grow
ok "it is killed amid an attack" killed
ok "and starts again amid it" start
attack_end
ok "the attack meets the rate all the while" let_through_its_rate
done_testing
