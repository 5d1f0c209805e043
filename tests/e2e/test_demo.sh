#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The main job, end to end: a short demo, its claims checked here again from the figures alone.
set -u

root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0

# expect NAME FILTER: the filter, over the demo's figures, is true
expect() {
	number=$((number + 1))
	if jq -e "$2" "$work/demo.json" >/dev/null 2>"$work/jq"; then
		echo "ok $number - $1"
	else
		echo "not ok $number - $1"
		echo "# not true: $2"
		sed 's/^/# /' "$work/jq"
		failed=1
	fi
}

failed=
echo 1..14
runs="off:spread:50:1000000:fair:4 on:spread:50:1000000:fair:4 on:many:100:6000:fair:6 on:many:100:6000:strict:4"
JSON=$work/demo.json KEEP='' WARMUP=3 DURATION=8 RUNS=$runs \
	"$root/scripts/demo/demo.sh" >"$work/log" 2>&1
status=$?
sed 's/^/# /' "$work/log"
[ -s "$work/demo.json" ] || { echo "Bail out! the demo wrote no figures"; exit 1; }

off='(.runs[] | select(.attack == "spread" and (.gossip | not)))'
on='(.runs[] | select(.attack == "spread" and .gossip))'
fair='(.runs[] | select(.attack == "many" and .aggregate == "fair"))'
strict='(.runs[] | select(.attack == "many" and .aggregate == "strict"))'

expect every_packet_is_accounted_for '[.runs[] | (.lost_elsewhere | fabs) <= (.honest_sent + .bot_sent) * 0.0005] | all'
expect every_run_offered_what_it_should \
	'[.runs[] | .honest_sent > 1000 and .bot_sent > 10000 and .damaged == 0 and .victim_socket_lost == 0] | all'
expect no_proxy_alone_sees_the_attack "[$off | .pair_rate as \$rate | .proxy_peak_pps[] < \$rate] | all"
expect without_gossip_the_attack_passes \
	"$off | .bot_delivered >= 0.95 * .bot_sent and .first_drop_ms == [null, null, null]"
expect with_gossip_every_proxy_drops_within_two_seconds \
	"[$on, $fair, $strict | .first_drop_ms | length == 3 and all(. != null and . <= 2000)] | all"
expect asked_every_proxy_names_the_attack \
	'[.runs[] | select(.gossip) | .over_agree and (.over_named | length == 3)] | all'
expect nothing_drops_a_tick_before_the_line_is_crossed '[.runs[] | .dropped_early == 0] | all'
expect bots_above_their_rate_are_dropped "$on | .bot_above_rate_dropped_share >= 0.99"
expect honest_clients_lose_nothing_while_bots_are_dropped "[$off, $on | .honest_delivered == .honest_sent] | all"
expect fair_protects_the_victim "$fair | .victim_rate_over_limit <= 1.1"
expect fair_spares_the_small_clients "$fair | .honest_delivered >= 0.99 * .honest_sent"
expect strict_drops_everything_to_the_victims_address \
	"$strict | .victim_rate_over_limit <= 1.1 and
		.honest_delivered_after_detection <= 0.2 * .honest_sent_after_detection"
expect another_address_is_not_touched \
	"[$fair, $strict | .bystander_sent > 0 and .bystander_delivered == .bystander_sent] | all"
number=$((number + 1))
name=$(sed -n 's/.*namespaces \(.*\)-\*.*/\1/p' "$work/log")
left=$(ip netns list | grep -F "$name-"; find "/run/xpro-demo/$name" -maxdepth 0 2>/dev/null)
if [ "$status" -eq 0 ] && [ -z "$left" ]; then
	echo "ok $number - demo_says_pass_and_leaves_nothing_behind"
else
	echo "not ok $number - demo_says_pass_and_leaves_nothing_behind"
	echo "# exit $status, left: $left"
	failed=1
fi
[ -z "$failed" ]
