#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Runs test programs and scripts that speak TAP: run.sh [--alone] PROGRAM... [--together PROGRAM...] [--waiting
# PROGRAM...], in any order and as often as wanted. One line per program, and the whole output of those that fail. Last
# line: "N passed, N failed". A program that ends badly, or runs no test, is a failure of its own.
#     --alone     one after the other: they measure the machine's speed, or load every processor
#     --together  side by side, one per processor
#     --waiting   side by side, two more than there are processors: they need the kernel, and wait much of their time
# TEST_JOBS: so many side by side.
set -u
export CMOCKA_MESSAGE_OUTPUT=TAP
export ASAN_OPTIONS="${ASAN_OPTIONS:-abort_on_error=0:detect_leaks=1}" \
	UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"

# run PROGRAM: its line; "ok bad" go to $counts, its output to $log.
run() {
	printf '%-56s ' "$1"
	start=$(date +%s)
	timeout "${TEST_TIMEOUT:-1200}" "$1" >"$log" 2>&1 </dev/null
	status=$?
	ok=$(grep -c '^ok ' "$log")
	bad=$(grep -c '^not ok ' "$log")
	if [ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$ok" -eq 0 ]; }; then
		bad=1
	fi
	echo "$ok $bad" >>"$counts"
	printf '%4d ok %3d failed %4d s\n' "$ok" "$bad" "$(($(date +%s) - start))"
	if [ "$bad" -ne 0 ]; then
		echo "--- $1 ended with $status:"
		cat "$log"
		echo "---"
	fi
}

# One of several at a time: what it prints is shown at once, when it has ended.
if [ "${1:-}" = --one ]; then
	counts=$2/counts log=$(mktemp -p "$2") report=$(mktemp -p "$2")
	run "$3" >"$report"
	flock "$2/lock" cat "$report"
	exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
counts=$work/counts log=$work/log queue=$work/queue programs=0 mode=--alone
: >"$counts"
: >"$queue"

run_queue() {
	[ "$mode" = --waiting ] && more=2 || more=0
	xargs -r -P "${TEST_JOBS:-$(($(nproc) + more))}" -n 1 "$0" --one "$work" <"$queue"
	: >"$queue"
}

for word in "$@"; do
	case $word in
	--together | --waiting | --alone)
		run_queue
		mode=$word
		continue
		;;
	esac
	programs=$((programs + 1))
	if [ "$mode" = --alone ]; then run "$word"; else echo "$word" >>"$queue"; fi
done
run_queue
awk -v programs="$programs" '
	{ passed += $1; failed += $2 }
	END {
		if (NR != programs)
			print programs - NR " programs left no result"
		failed += programs - NR
		print passed + 0 " passed, " failed + 0 " failed"
		exit failed > 0 || passed == 0
	}' "$counts"
