#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Runs the benches, a command line each, one after the other; starts a Redis of its own, on a socket in its own folder, for those that
# race it.
set -eu
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
redis-server --port 0 --unixsocket "$BENCH_REDIS" --dir "$work" --save '' --appendonly no --daemonize no >"$work/redis.log" 2>&1 &
redis=$!
tries=100
until [ -S "$BENCH_REDIS" ]; do
	tries=$((tries - 1))
	[ "$tries" -gt 0 ] || { cat "$work/redis.log" >&2; exit 1; }
	sleep 0.05
done
cpu=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)
echo "machine: $(nproc) CPUs, $cpu, Linux $(uname -r), load $(cut -d ' ' -f 1 /proc/loadavg)"
for bench in "$@"; do
	$bench
done
echo "figures: $BENCH_JSONL"
