#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Runs test programs and scripts that speak TAP, one after the other; shows the output of those that fail. Last line: "N passed, N failed".
# A program that ends badly, or runs no test, is a failure of its own.
set -u
passed=0 failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export CMOCKA_MESSAGE_OUTPUT=TAP
export ASAN_OPTIONS="${ASAN_OPTIONS:-abort_on_error=0:detect_leaks=1}" UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"

for program in "$@"; do
	printf '%-56s ' "$program"
	start=$(date +%s)
	timeout "${TEST_TIMEOUT:-1200}" "$program" >"$log" 2>&1 </dev/null
	status=$?
	ok=$(grep -c '^ok ' "$log")
	bad=$(grep -c '^not ok ' "$log")
	if [ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$ok" -eq 0 ]; }; then
		bad=1
	fi
	passed=$((passed + ok)) failed=$((failed + bad))
	printf '%4d ok %3d failed %4d s\n' "$ok" "$bad" "$(($(date +%s) - start))"
	if [ "$bad" -ne 0 ]; then
		echo "--- $program ended with $status:"
		tail -n 60 "$log"
		echo "---"
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
