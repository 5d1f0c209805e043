#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# clang-tidy with .clang-tidy over every C source of the core, the daemon and the simulator, or over FILE...
# Needs build/gen. A file without findings is looked at again when it, a header that it includes, the checks or
# clang-tidy are others (build/lint).
set -u
cd "$(dirname "$0")/../.." || exit 1

# Nine tenths of the time are the analyzer's walk along the paths of each function. TIDY_STEPS bounds that walk. clang's
# own bound, 225000, takes twice to three times as long (`make soak`).
steps=${TIDY_STEPS:-75000}

# As in the Makefile, but that a file sees the headers of all rooms of its folder: the compiler tells which it may
# include.
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

# fingerprint FILE: of all that its findings depend on
fingerprint() {
	# shellcheck disable=SC2046
	{
		clang-tidy-14 --version
		echo "$1 $steps"
		cat .clang-tidy scripts/lint/tidy.sh
		gcc -std=gnu11 -M $(includes "$1") "$1" | sed 's/^[^ ]*://; s/\\$//' | xargs sha256sum
	} | sha256sum
}

# look FILE: its findings
look() {
	# shellcheck disable=SC2046
	clang-tidy-14 --quiet "$1" -- -std=gnu11 -Xclang -analyzer-config -Xclang "max-nodes=$steps" $(includes "$1") \
		2>/dev/null || echo "$PWD/$1:1:1: error: clang-tidy-14 ended with $?"
}

if [ "${1:-}" = --one ]; then
	clean=build/lint/$2.clean
	mark=$(fingerprint "$2")
	[ "$mark" != "$(cat "$clean" 2>/dev/null)" ] || exit 0
	found=$(look "$2" | grep -E ': (warning|error): ' | sed "s|^$PWD/||" | grep -v '^build/gen/')
	[ -z "$found" ] || { printf '%s\n' "$found"; exit 0; }
	mkdir -p "${clean%/*}"
	echo "$mark" >"$clean"
	exit 0
fi
files=$(mktemp)
trap 'rm -f "$files"' EXIT
[ -f build/gen/xpro.skel.h ] || { echo "build/gen/xpro.skel.h:1: missing, run make binaries"; exit 1; }
if [ $# -gt 0 ]; then printf '%s\n' "$@"; else git ls-files 'proto/*.c' 'gossipd/*.c' 'sim/*.c'; fi >"$files"
found=$(xargs <"$files" -P "$(nproc)" -n 1 "$0" --one | sort -u)
[ -z "$found" ] || { printf '%s\n' "$found"; exit 1; }
