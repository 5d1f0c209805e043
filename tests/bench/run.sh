#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Runs the benches, a command line each, one after the other; starts a Redis of its own, on a socket in its own folder,
# for those that race it. One that fails or hangs does not keep the others from their turn; it is told at the end, as is
# every promised figure that is missing.
set -eu
part_s=480 # one bench takes half a minute to three
promised="xdp.pass.1k xdp.pass.131k xdp.pass.1m xdp.drop.known xdp.hot.2cpu xdp.harvest.1m xdp.apply.1m xdp.memory.pair
	xdp.reply xdp.reply.1k
	mesh.ingest mesh.apply mesh.reject.noise mesh.reject.forged mesh.bytes.cell mesh.memory.pair mesh.convergence.5"
[ "$(nproc)" -gt 1 ] || promised=$(echo "$promised" | sed 's/xdp.hot.2cpu//')
work=$(mktemp -d)
export BENCH_JSONL="${BENCH_JSONL:-build/bench.jsonl}" BENCH_REDIS="$work/redis.sock"
redis=
finish() {
	status=$?
	[ -z "$redis" ] || kill "$redis" 2>/dev/null || true
	[ -z "$redis" ] || wait "$redis" 2>/dev/null || true
	rm -rf "$work"
	exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM
: >"$BENCH_JSONL"
redis-server --port 0 --unixsocket "$BENCH_REDIS" --dir "$work" --save '' --appendonly no --daemonize no \
	>"$work/redis.log" 2>&1 &
redis=$!
tries=100
until [ -S "$BENCH_REDIS" ]; do
	tries=$((tries - 1))
	[ "$tries" -gt 0 ] || { cat "$work/redis.log" >&2; exit 1; }
	sleep 0.05
done
cpu=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)
echo "machine: $(nproc) CPUs, $cpu, Linux $(uname -r), load $(cut -d ' ' -f 1 /proc/loadavg)"
failed=
for bench in "$@"; do
	began=$(date +%s)
	# shellcheck disable=SC2086
	timeout --kill-after=30 "$part_s" $bench || failed="$failed ${bench##*/}($?)"
	echo "# ${bench##*/}: $(($(date +%s) - began)) s"
done
for figure in $promised; do
	grep -qF "\"figure\":\"$figure\"" "$BENCH_JSONL" || failed="$failed $figure"
done
echo "figures: $BENCH_JSONL"
[ -z "$failed" ] || { echo "bench: failed or missing:$failed" >&2; exit 1; }
