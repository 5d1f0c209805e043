#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What runs in two threads, under ThreadSanitizer: the collection of records, and the kernel beside it. Needs root.
# Speaks TAP.
set -u
. "$(dirname "$0")/../e2e/tap.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
programs='test_collect test_heads test_race'

# shellcheck disable=SC2046,SC2086
ok "it_builds" make -s -j2 -C "$root" MODE=tsan $(printf 'build/tsan/tests/xdp/%s ' $programs)
for program in $programs; do
	ok "$program" env CMOCKA_MESSAGE_OUTPUT=TAP "$root/build/tsan/tests/xdp/$program"
done
done_testing
