#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The core, the daemon and gossipctl for other machines: compiled, with every warning an error, for 64-bit ARM, 32-bit
# ARM and big-endian s390x. Static assertions hold the layouts there. Nothing is linked or run. Speaks TAP.
set -u
. "$(dirname "$0")/../e2e/tap.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$root" || exit 1
make -s build/gen/xpro.skel.h build/gen/commit.h || exit 1

rooms() { for room in "$1"/*/; do echo "-I${room%/}"; done; }

# compiles COMPILER FILE...: the headers of libraries are this machine's, of the C library the other machine's
compiles() {
	compiler=$1
	shift
	for file in "$@"; do
		# shellcheck disable=SC2046
		"$compiler" -std=gnu11 -O2 -Wall -Wextra -Wshadow -Werror -c -o "$dir/object" -idirafter /usr/include \
			-Iinclude -Iproto $(rooms proto) $(rooms gossipd) -Ibuild/gen "$file" || return 1
	done
}

for machine in ${MACHINES:-aarch64-linux-gnu arm-linux-gnueabihf s390x-linux-gnu}; do
	for folder in proto gossipd; do
		# shellcheck disable=SC2046
		ok "${machine}_compiles_$folder" compiles "$machine-gcc" $(git ls-files "$folder/*.c")
	done
done
done_testing
