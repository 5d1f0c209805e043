#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Five gossipd on this machine, in the demo's namespaces, and the time from a pair's last packet at one to its count at
# all others. convergence.sh PROBE
set -u

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/scripts/demo/internet.sh"
PATH=$PATH:/usr/sbin:/sbin
probe=$1 proxies=5 pair_rate=50
mkdir -p "$states"
state=$(mktemp -d "$states/xXXXXXX")
name=${state##*/}
finish() { trap - EXIT; take_down; exit "${1:-1}"; }
trap 'finish 1' EXIT INT TERM

make_internet
make_mesh
start_mesh on $pair_rate 1000000 fair
set --
for i in $(each_proxy); do set -- "$@" "$(pins_of "$i")"; done
in_ns clients "$probe" mesh.convergence.5 - 0 $pair_rate "$@"
finish $?
