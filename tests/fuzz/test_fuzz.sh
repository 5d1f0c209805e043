#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Each fuzz target runs from its corpus for FUZZ_SECONDS (10), one target per processor at a time. TAP on stdout. Needs
# build/fuzz/* (make fuzz-binaries); the input that breaks a target stays there.
set -u
cd "$(dirname "$0")/../.." || exit 1

# One target: what is found goes to an empty folder, never into the committed corpus.
if [ "${1:-}" = --one ]; then
	mkdir "$2/$3"
	length=1500 # a datagram
	[ "$3" != bundle ] || length=8192
	build/fuzz/"$3" -max_len="$length" -max_total_time="${FUZZ_SECONDS:-10}" -artifact_prefix=build/fuzz/ \
		"$2/$3" "tests/fuzz/$3" >"$2/$3.said" 2>&1 &&
		grep -q '^Done [1-9][0-9]* runs' "$2/$3.said" && touch "$2/$3.survives"
	exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0 failed=0
targets=$(for source in tests/fuzz/fuzz_*.c; do basename "$source" .c; done | sed 's/^fuzz_//')
printf '%s\n' "$targets" | xargs -P "$(nproc)" -n 1 tests/fuzz/test_fuzz.sh --one "$work"
for target in $targets; do
	number=$((number + 1))
	if [ -e "$work/$target.survives" ]; then
		echo "ok $number - $target survives: $(grep '^Done' "$work/$target.said")"
	else
		echo "not ok $number - $target survives"
		tail -n 40 "$work/$target.said" | sed 's/^/# /'
		failed=1
	fi
done
echo "1..$number"
exit "$failed"
