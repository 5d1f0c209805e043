#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Installs the Debian packages that a target needs and that are missing:
#     dependencies.sh build|check|lint|test|demo|sim|experiments|bench|fuzz|deb|extra-PART
set -eu

check="gcc make libc6-dev libsodium-dev libmsgpack-dev libcmocka-dev"
build="$check pkg-config clang llvm bpftool linux-libc-dev"
build="$build libbpf-dev libelf-dev zlib1g-dev libev-dev libconfig-dev libjansson-dev libcap-ng-dev"
checkers="clang-format-14 clang-tidy-14 shellcheck mandoc python3"
lint="$build $checkers"
demo="$build iproute2 procps"
kernel="$demo git jq python3 iputils-ping nftables gnuplot-nox libclang-rt-dev"
test="$kernel $checkers zsh"
extra_clang="$kernel clang-13 clang-14 clang-15 clang-16 clang-19"
extra_cross="$build git gcc-aarch64-linux-gnu gcc-arm-linux-gnueabihf gcc-s390x-linux-gnu"
extra_export="$kernel prometheus"
extra_peer="$kernel python3-nacl python3-msgpack"
deb="$build debhelper dpkg-dev fakeroot xz-utils git"
extra_packages="$kernel $deb lintian"
fuzz="$check clang libclang-rt-dev"
sim="$check libconfig-dev libjansson-dev"
experiments="$sim gnuplot-nox"
bench="$kernel redis-server libhiredis-dev xdp-tools iptables"

case "${1:-}" in
check) wanted=$check ;;
build) wanted=$build ;;
lint) wanted=$lint ;;
test) wanted=$test ;;
demo) wanted=$demo ;;
sim) wanted=$sim ;;
experiments) wanted=$experiments ;;
bench) wanted=$bench ;;
fuzz) wanted=$fuzz ;;
extra-clang) wanted=$extra_clang ;;
extra-cross) wanted=$extra_cross ;;
deb) wanted=$deb ;;
extra-packages) wanted=$extra_packages ;;
extra-export) wanted=$extra_export ;;
extra-peer) wanted=$extra_peer ;;
extra-*) wanted=$kernel ;;
*) echo "usage: $0 build|check|lint|test|demo|sim|experiments|bench|fuzz|deb|extra-PART" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null 2>&1; then
	echo "dependencies: not a Debian system; needed are the equivalents of these Debian 12 packages:" >&2
	for package in $wanted; do echo "  $package" >&2; done
	echo "dependencies: going on, as if they were installed" >&2
	exit 0
fi

missing=
for package in $wanted; do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
	echo "dependencies: missing, run as root: apt-get install --no-install-recommends$missing" >&2
	exit 1
fi
echo "dependencies: installing$missing" >&2
log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
# RUNLEVEL: packages that bring a service (redis-server) must not start it.
# shellcheck disable=SC2086
if ! { apt-get update && RUNLEVEL=1 apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1 </dev/null; then
	tail -n 20 "$log" >&2
	echo "dependencies: apt-get failed; the whole log is $log" >&2
	exit 1
fi
rm -f "$log"
