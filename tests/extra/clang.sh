#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The XDP program by other compilers: each one of CLANGS, at each of LEVELS, builds it; the kernel loads it with every
# combination of its constants, and it judges packets as it should. Needs root. Speaks TAP.
set -u
. "$(dirname "$0")/../e2e/tap.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
at=$root/build/clang # one place for all: what does not depend on the compiler is built once
programs='test_load test_packets test_tags test_tunnels test_gate test_verdicts test_policy test_forward'

# build COMPILER LEVEL
build() {
	# shellcheck disable=SC2086,SC2046
	make -s -j2 -C "$root" B="$at" CLANG="$1" BPF_OPTIMISE="$2" $(printf "$at/tests/xdp/%s " $programs)
}

for compiler in ${CLANGS:-clang-13 clang-14 clang-15 clang-16 clang-19}; do
	for level in ${LEVELS:--O2 -O3 -Os}; do
		name=$compiler$level
		ok "${name}_builds_it" build "$compiler" "$level"
		for program in $programs; do
			ok "${name}_$program" env CMOCKA_MESSAGE_OUTPUT=TAP "$at/tests/xdp/$program"
			[ "$program" = test_load ] && sed -n "s/^# the verifier/# $name: the verifier/p" "$dir/out"
		done
	done
done
done_testing
