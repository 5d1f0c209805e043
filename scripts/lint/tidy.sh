#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# clang-tidy with .clang-tidy over every C source of the core, the daemon and the simulator, or over FILE...
# Needs build/gen.
set -u
cd "$(dirname "$0")/../.." || exit 1

# As in the Makefile, but that a file sees the headers of all rooms of its folder: the compiler tells which it may include.
rooms() { for room in "$1"/*/; do echo "-I${room%/}"; done; }
includes() {
	echo -Iinclude -Iproto
	rooms proto
	case $1 in
	gossipd/ctl/*) echo -Igossipd/base -Igossipd/config -Igossipd/ctl ;;
	gossipd/*) rooms gossipd | grep -v /ctl; echo -Ibuild/gen ;;
	sim/*) echo -Isim -Igossipd/base -Ibuild/gen; rooms sim ;;
	esac
}

if [ "${1:-}" = --one ]; then
	# shellcheck disable=SC2046
	clang-tidy-14 --quiet "$2" -- -std=gnu11 $(includes "$2") 2>/dev/null |
		grep -E ': (warning|error): ' | sed "s|^$PWD/||" | grep -v '^build/gen/'
	exit 0
fi
files=$(mktemp)
trap 'rm -f "$files"' EXIT
[ -f build/gen/xpro.skel.h ] || { echo "build/gen/xpro.skel.h:1: missing, run make binaries"; exit 1; }
if [ $# -gt 0 ]; then printf '%s\n' "$@"; else git ls-files 'proto/*.c' 'gossipd/*.c' 'sim/*.c'; fi >"$files"
found=$(xargs <"$files" -P "$(nproc)" -n 1 "$0" --one | sort -u)
[ -z "$found" ] || { printf '%s\n' "$found"; exit 1; }
