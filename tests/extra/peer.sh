#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Real proxies beside a second implementation of the protocol (tests/peer/README.md), which takes the place of a third.
#     peer.sh [overload]     overload: that alone
# MODE=asan: the proxies' gossipd is the one under sanitizers. Needs root, PyNaCl and msgpack for Python. Speaks TAP.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/scripts/demo/internet.sh"
PATH=$PATH:/usr/sbin:/sbin
slack=60
[ "$(id -u)" -eq 0 ] || { echo "Bail out! needs root"; exit 1; }
make -s -j2 -C "$root" MODE=release binaries
export GOSSIPCTL="$bin/gossipctl" PYTHONDONTWRITEBYTECODE=1

finish() {
	trap - EXIT
	[ "${1:-1}" -eq 0 ] ||
		for i in 1 2; do sed "s/^/# proxy$i: /" "$state/proxy$i.log" 2>/dev/null | tail -n 30; done
	take_down
	exit "${1:-1}"
}

# set_issued SETTING VALUE: in the configurations as issued
set_issued() { for i in 1 2; do sed -i -E "s/^([[:space:]]*)$1 = .*/\1$1 = $2;/" "$(conf_of "$i").issued"; done; }

make_state
name=${state##*/}
trap 'finish 1' EXIT INT TERM
proxies=3
make_internet
make_mesh
set_issued client_rate 60
set_issued network_rate 1000
set_issued never_drop '( "198.18.22.1" )'
proxies=2 publish=all # the third is the peer
if [ "${MODE:-release}" = asan ]; then
	make -s -j2 -C "$root" MODE=asan build/asan/bin/gossipd
	mkdir "$state/bin"
	ln -s "$root/build/asan/bin/gossipd" "$bin/gossipctl" "$state/bin/"
	bin=$state/bin
fi
start_mesh on 100 6000 fair
in_ns proxy3 /usr/bin/python3 "$root/tests/peer/main.py" "$state" "$name" "$@"
finish $?
