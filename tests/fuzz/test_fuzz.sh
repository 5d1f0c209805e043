#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Each fuzz target runs from its corpus for FUZZ_SECONDS (10). TAP on stdout. Needs build/fuzz/* (make fuzz-binaries);
# the input that breaks a target stays there.
set -u
cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0 failed=0

# What is found goes to an empty folder, never into the committed corpus.
fuzz() {
	mkdir "$work/$1"
	build/fuzz/"$1" -max_len=1500 -max_total_time="${FUZZ_SECONDS:-10}" -artifact_prefix=build/fuzz/ \
		"$work/$1" "tests/fuzz/$1" >"$work/said" 2>&1 &&
		grep -q '^Done [1-9][0-9]* runs' "$work/said"
}

for source in tests/fuzz/fuzz_*.c; do
	target=$(basename "$source" .c)
	target=${target#fuzz_}
	number=$((number + 1))
	if fuzz "$target"; then
		echo "ok $number - $target survives: $(grep '^Done' "$work/said")"
	else
		echo "not ok $number - $target survives"
		tail -n 40 "$work/said" | sed 's/^/# /'
		failed=1
	fi
done
echo "1..$number"
exit "$failed"
