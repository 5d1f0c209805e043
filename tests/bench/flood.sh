#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What 200,000 datagrams a second that bear a member's address and id cost one of five proxies with the gate in front:
# CPU time of its daemon, and of the kernel, and how much later counts arrive; against the same mesh without the flood,
# in one run. flood.sh PROBE FLOOD
set -u

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/scripts/demo/internet.sh"
PATH=$PATH:/usr/sbin:/sbin
probe=$1 generator=$2 proxies=5 pair_rate=50 flood_rate=200000
jsonl=${BENCH_JSONL:-$root/build/bench.jsonl}
mkdir -p "$states"
state=$(mktemp -d "$states/xXXXXXX")
name=${state##*/}
finish() { trap - EXIT; take_down; exit "${1:-1}"; }
trap 'finish 1' EXIT INT TERM

make_internet
make_namespace outside
wire outside wan 02:00:00:00:0f:01 wan outside 02:00:00:00:0f:02
ip -n "$name-wan" link set outside master wan
make_mesh
for i in $(each_proxy); do sed -i 's/^interfaces = .*/interfaces = ["clients", "wan"];/' "$(conf_of "$i").issued"; done
start_mesh on $pair_rate 1000000 fair
pins=
for i in $(each_proxy); do pins="$pins $(pins_of "$i")"; done
key=$("$bin/gossipctl" --socket "$(socket_of 1)" members --json | jq -r '.members[] | select(.name == "proxy2") | .key')
id=$(python3 -c '
import hashlib, sys
print(hashlib.blake2b(bytes.fromhex(sys.argv[1]), digest_size=32).digest()[:8].hex())' "$key")

ticks_of() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
daemon_ticks() { ticks_of "$(cat "$state/pid.proxy1")"; }
softirq_ticks() { awk '/^cpu / { print $8 }' /proc/stat; }
came_through() { "$bin/gossipctl" --socket "$(socket_of 1)" status --json | jq '[.rejects[].count] | add'; }

# measured NAME AGAINST FIRST: sets p99 (ms), cpu and softirq (ticks), seconds
measured() {
	begun=$(date +%s%3N) cpu=$(daemon_ticks) softirq=$(softirq_ticks)
	# shellcheck disable=SC2086
	in_ns clients "$probe" "$1" "$2" "$3" $pair_rate $pins >"$state/probe" || finish 1
	cat "$state/probe"
	cpu=$(($(daemon_ticks) - cpu)) softirq=$(($(softirq_ticks) - softirq))
	ms=$(($(date +%s%3N) - begun))
	p99=$(sed -n 's/.* p99 \([0-9.]*\) ms, max.*/\1/p' "$state/probe")
}

hz=$(getconf CLK_TCK)
share() { awk -v ticks="$1" -v hz="$hz" -v ms="$ms" 'BEGIN { printf "%.1f", ticks * 100000 / hz / ms }'; }
measured - - 0
idle_p99=$p99 idle_cpu=$(share "$cpu") idle_softirq=$(share "$softirq")
through=$(came_through)
launch flood outside "$state/flood.log" "$generator" wan 02:00:00:00:04:01 spoof 10.3.0.1 $gossip_port $flood_rate 55 \
	10.3.0.2 "$id"
measured mesh.flood.convergence "$idle_p99" 400
through=$(($(came_through) - through))
generator_cpu=$(share "$(ticks_of "$(cat "$state/pid.flood")")")
kill -0 "$(cat "$state/pid.flood")" || { echo "bench: the flood ended before the trials did" >&2; finish 1; }
kill "$(cat "$state/pid.flood")"
how="daemon's CPU time under $flood_rate/s in a member's name, % of a core, against a quarter"
how="$how (idle $idle_cpu; $((through * 1000 / ms))/s came through the gate;"
how="$how softirq on all CPUs $(share "$softirq") against $idle_softirq idle, the generator itself $generator_cpu)"
awk -v ours="$(share "$cpu")" -v how="$how" -v jsonl="$jsonl" 'BEGIN {
	printf "{\"figure\":\"mesh.flood.cpu\",\"ours\":%s,\"theirs\":25,\"ratio\":%.4g,", ours, ours / 25 >>jsonl
	printf "\"unit\":\"%%\",\"how\":\"%s\"}\n", how >>jsonl
	printf "%-28s %12s  against %12s %-12s ratio %8.3g   %s\n", "mesh.flood.cpu", ours, 25, "%", ours / 25, how }'
finish 0
