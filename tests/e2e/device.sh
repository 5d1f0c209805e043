#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# For tests of a device with servers and victims: one gossipd between namespaces, its policy, and what arrives where.
# The reader has set $name and $dir, and sourced tap.sh. Needs root.
#
#      device 10.77.1.2 <--clients--> 10.77.1.1 proxy 10.77.2.1 <--servers--> 10.77.2.2 server
#                                                     10.77.3.1 <--victims--> 10.77.3.11 to 10.77.3.50

bin=${BIN:-$here/build/bin}
ctl=$bin/gossipctl
daemon=
victims=40
each=25 # packets to each victim
own=300 # packets to the server meanwhile

finish() {
	[ -z "$daemon" ] || { kill -KILL "$daemon"; wait "$daemon"; } 2>/dev/null
	for place in "$name" "$name-device" "$name-server" "$name-victims"; do ip netns del "$place" 2>/dev/null; done
	umount -l "$dir/bpf" 2>/dev/null
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

# ---- verbs ----

ask() { "$ctl" --socket "$dir/a.sock" "$@"; }
reason() { ask status --json | jq -r ".reasons[] | select(.name == \"$1\") | .packets"; }
told() { [ "$(grep -cF -e "$1" "$dir/log")" -ge "$2" ]; }
says() { text=$1; shift; "$@" >"$dir/said" 2>&1; grep -qF -e "$text" "$dir/said" || { cat "$dir/said"; return 1; }; }
is() { [ "$1" -eq "$2" ] || { echo "$1, not $2"; return 1; }; }

# policy TEXT: the policy file, in force in the kernel
policy() {
	before=$(grep -cF "is in force in the kernel" "$dir/log")
	printf '%s\n' "$1" >"$dir/mesh/a/rules"
	kill -HUP "$daemon"
	wait_for 10 told "is in force in the kernel" $((before + 1))
}

# echoes PLACE: echo requests that arrived there so far
echoes() {
	nsenter --net="/run/netns/$name-$1" awk '
		/^Icmp: I/ { for (i = 1; i <= NF; i++) if ($i == "InEchos") at = i }
		/^Icmp: [0-9]/ { print $at }' /proc/net/snmp
}

from_device() { exec nsenter --net="/run/netns/$name-device" ping -q -i 0.01 "$@" >/dev/null 2>&1; }

from_device_whole() { (from_device -W 5 "$@"); } # and waits

# attack: 40 victims and the own server at the same time; what arrives stands in $hit and $served
attack() {
	hit=$(echoes victims) served=$(echoes server)
	pids=
	for host in $(seq 11 $((10 + victims))); do
		from_device -c "$each" -W 1 "10.77.3.$host" &
		pids="$pids $!"
	done
	from_device -c "$own" -W 1 10.77.2.2 &
	pids="$pids $!"
	for pid in $pids; do wait "$pid"; done
	hit=$(($(echoes victims) - hit)) served=$(($(echoes server) - served))
	echo "victims $hit of $((victims * each)), server $served of $own"
}

# ---- the place ----

[ "$(id -u)" -eq 0 ] || { echo "Bail out! needs root"; exit 1; }
for place in "$name" "$name-device" "$name-server" "$name-victims"; do ip netns add "$place"; done
ip -n "$name" link set lo up
link() { # link INTERFACE PLACE SUBNET HOST
	ip -n "$name" link add "$1" type veth peer name proxy netns "$name-$2"
	ip -n "$name" addr add "10.77.$3.1/24" dev "$1"
	ip -n "$name" link set "$1" up
	ip -n "$name-$2" addr add "10.77.$3.$4/24" dev proxy
	ip -n "$name-$2" link set proxy up
	ip -n "$name-$2" route add default via "10.77.$3.1"
}
link clients device 1 2
link servers server 2 2
link victims victims 3 11
for host in $(seq 12 $((10 + victims))); do ip -n "$name-victims" addr add "10.77.3.$host/24" dev proxy; done
nsenter --net="/run/netns/$name" sysctl -qw net.ipv4.ip_forward=1
for place in server victims; do # every echo is to be answered, however many there are
	nsenter --net="/run/netns/$name-$place" \
		sysctl -qw net.ipv4.icmp_msgs_per_sec=99999 net.ipv4.icmp_msgs_burst=99999
done
mkdir "$dir/bpf"
mount -t bpf bpf "$dir/bpf"
"$ctl" mesh init --directory "$dir/mesh" >/dev/null
"$ctl" mesh issue a --directory "$dir/mesh" --address 10.77.1.1:7946 --interface clients \
	--state-directory "$dir/state" --pin-path "$dir/bpf/a" --control-socket "$dir/a.sock" --pair-rate 1000 \
	--destination-rate 0 >/dev/null
sed -i -e 's/^gossip = true;/gossip = false;/' -e '/^policy = {/,/^};/d' "$dir/mesh/a/a.conf"
printf 'policy_file = "rules";\n' >>"$dir/mesh/a/a.conf"
: >"$dir/mesh/a/rules"
: >"$dir/log"
(
	exec nsenter --net="/run/netns/$name" "$bin/gossipd" --config "$dir/mesh/a/a.conf"
) >>"$dir/log" 2>&1 </dev/null &
daemon=$!
