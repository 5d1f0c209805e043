#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# packets.sh TESTS OUT: writes one line per test program of tests/xdp (TESTS is build/tests/xdp): its name, how many
# packets it ran, and a digest of every packet, verdict, frame that came out and counter. Two builds of the XDP program
# that write the same file treat these packets alike. Only programs with a clock of their own are in it: the others'
# verdicts hang on the host's. Needs root.
set -u
[ $# -eq 2 ] || { echo "usage: packets.sh TESTS OUT" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
for name in \
	algorithm2 capture coarse collect floor gate hints limits packets policy quota table tags tunnels verdicts; do
	: >"$work/corpus"
	XDP_CORPUS=$work/corpus CMOCKA_MESSAGE_OUTPUT=TAP "$1/test_$name" >"$work/said" 2>&1 ||
		{ cat "$work/said" >&2; exit 1; }
	echo "$name $(wc -l <"$work/corpus") $(sha256sum <"$work/corpus" | cut -c1-64)"
done >"$work/out" || exit 1
cp "$work/out" "$2"
