#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The small internet and the mesh on it, as verbs: read by demo.sh, whose picture shows it, and by the end-to-end tests.
# The reader sets
#     root      the top of the tree           state   a new folder below $states, removed by take_down
#     name      unique, short                 proxies how many

bin=$root/build/bin
states=/run/xpro-demo # folders of all that are running
gossip_port=7946

# A new folder for what runs. The end of another run may remove $states before the folder is made in it: again, then.
make_state() {
	for _ in 1 2 3 4 5; do
		mkdir -p "$states"
		state=$(mktemp -d "$states/xXXXXXX" 2>/dev/null) && return 0
	done
	die "$states: no folder can be made in it"
}

say() { printf '%s\n' "$*"; }
die() { printf 'demo: %s\n' "$*" >&2; exit 1; }

# ---- tiny verbs ----

# Runs a command in a namespace of ours. nsenter, not "ip netns exec": the latter hides the BPF file system.
in_ns() { namespace=$1; shift; nsenter --net="/run/netns/$name-$namespace" "$@"; }

# Waits until a command succeeds: wait_for SECONDS WHAT COMMAND... Seconds of a machine with nothing else to do; a
# reader that will not be wrong about a slow one sets slack, which is added.
wait_for() {
	patience=$(($(date +%s) + $1 + ${slack:-0})) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -le "$patience" ] || { printf 'demo: waited in vain for %s\n' "$what" >&2; return 1; }
		sleep 0.05
	done
}

is_gone() { ! grep -q '^State:[[:space:]]*[^Z[:space:]]' "/proc/$1/status"; }

# Starts a program of ours in the background and remembers its pid: launch ROLE NAMESPACE LOG COMMAND...
launch() {
	role=$1 namespace=$2 log=$3
	shift 3
	# exec all the way down, so that the pid is the program's own
	( exec nsenter --net="/run/netns/$name-$namespace" "$@" ) >"$log" 2>&1 </dev/null &
	echo $! >"$state/pid.$role"
}

# Ends one of ours by its pid, after a look that the pid is still ours.
quit() {
	[ -f "$state/pid.$1" ] || return 0
	pid=$(cat "$state/pid.$1")
	rm -f "$state/pid.$1"
	grep -qzF -e "$state" "/proc/$pid/cmdline" 2>/dev/null || return 0
	kill -TERM "$pid" 2>/dev/null || return 0
	wait_for 5 "$1 to end" is_gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
}

each_proxy() { seq 1 "$proxies"; }

# ---- the small internet ----

make_namespace() {
	ip netns add "$name-$1"
	echo "$name-$1" >>"$state/namespaces"
	ip -n "$name-$1" link set lo up
	in_ns "$1" sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
		net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0 \
		net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.accept_ra=0 \
		net.ipv6.conf.default.router_solicitations=0
}

# A wire between two namespaces: wire NAMESPACE DEVICE MAC NAMESPACE DEVICE MAC
wire() {
	ip -n "$name-$1" link add "$2" address "$3" type veth peer name "$5" address "$6" netns "$name-$4"
	ip -n "$name-$1" link set "$2" up
	ip -n "$name-$4" link set "$5" up
}

# address NAMESPACE DEVICE ADDRESS...
address() {
	where=$1 device=$2
	shift 2
	for one in "$@"; do
		case $one in
		*:*) ip -n "$name-$where" -6 addr add "$one" dev "$device" nodad ;;
		*) ip -n "$name-$where" addr add "$one" dev "$device" ;;
		esac
	done
}

# neighbour NAMESPACE DEVICE MAC ADDRESS...
neighbour() {
	where=$1 device=$2 mac=$3
	shift 3
	for one in "$@"; do ip -n "$name-$where" neigh replace "$one" lladdr "$mac" dev "$device" nud permanent; done
}

make_proxy() {
	i=$1 hex=$(printf %02x "$1")
	make_namespace "proxy$i"
	wire clients "to$i" "02:00:00:00:00:$hex" "proxy$i" clients "02:00:00:00:01:$hex"
	wire "proxy$i" victim "02:00:00:00:02:$hex" victim "from$i" "02:00:00:00:03:$hex"
	wire "proxy$i" wan "02:00:00:00:04:$hex" wan "proxy$i" "02:00:00:00:05:$hex"
	ip -n "$name-wan" link set "proxy$i" master wan
	address clients "to$i" "10.1.$i.1/24" "2001:db8:1:$i::1/64"
	address "proxy$i" clients "10.1.$i.2/24" "2001:db8:1:$i::2/64"
	address "proxy$i" victim "10.2.$i.1/24" "2001:db8:2:$i::1/64"
	address "proxy$i" wan "10.3.0.$i/24" "2001:db8:3::$i/64"
	address victim "from$i" "10.2.$i.2/24" "2001:db8:2:$i::2/64"
	neighbour "proxy$i" victim "02:00:00:00:03:$hex" "10.2.$i.2" "2001:db8:2:$i::2"
	neighbour "proxy$i" clients "02:00:00:00:00:$hex" "10.1.$i.1" "2001:db8:1:$i::1"
	in_ns "proxy$i" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	ip -n "$name-proxy$i" route add 203.0.113.9/32 via "10.2.$i.2" dev victim
	ip -n "$name-proxy$i" -6 route add 2001:db8:f::9/128 via "2001:db8:2:$i::2" dev victim
	ip -n "$name-proxy$i" route add 198.18.0.0/15 via "10.1.$i.1" dev clients
	for site in a b c; do
		ip -n "$name-proxy$i" -6 route add "2001:db8:$site::/48" via "2001:db8:1:$i::1" dev clients
	done
}

make_internet() {
	make_namespace clients
	make_namespace victim
	make_namespace wan
	ip -n "$name-wan" link add wan type bridge forward_delay 0
	ip -n "$name-wan" link set wan up
	address victim lo 203.0.113.9/32 2001:db8:f::9/128
	for i in $(each_proxy); do make_proxy "$i"; done
	# The victim has no way back: whatever its kernel wants to answer ends here.
	ip -n "$name-victim" route add blackhole 198.18.0.0/15
	for site in a b c; do ip -n "$name-victim" -6 route add blackhole "2001:db8:$site::/48"; done
	mkdir "$state/bpf"
	mount -t bpf bpf "$state/bpf"
}

# ---- the mesh ----

socket_of() { echo "$state/proxy$1.sock"; }
pins_of() { echo "$state/bpf/proxy$1"; }
conf_of() { echo "$state/mesh/proxy$1/proxy$1.conf"; }

# The keys and certificates of all proxies, as on three real hosts. mesh_options: of `mesh init`, none unless the reader
# sets some
make_mesh() {
	# shellcheck disable=SC2086
	"$bin/gossipctl" mesh init --directory "$state/mesh" ${mesh_options:-} >"$state/mesh.log" 2>&1 ||
		{ cat "$state/mesh.log" >&2; die "gossipctl mesh init failed"; }
	for i in $(each_proxy); do
		"$bin/gossipctl" mesh issue "proxy$i" --directory "$state/mesh" --address "10.3.0.$i:$gossip_port" \
			--interface clients --pair-rate 100 --destination-rate 6000 >>"$state/mesh.log" 2>&1 ||
			{ cat "$state/mesh.log" >&2; die "gossipctl mesh issue proxy$i failed"; }
		cp "$(conf_of "$i")" "$(conf_of "$i").issued"
	done
}

# The issued config with this run's rates, and every path inside our own folder: configure I GOSSIP PAIR_RATE
# DESTINATION_RATE AGGREGATE. publish: need unless the reader sets all
configure() {
	{
		sed -E -e '/^[[:space:]]*(state_directory|pin_path|control_socket|gossip)[[:space:]]*[=:]/d' \
			-e "s/^([[:space:]]*pair_rate[[:space:]]*[=:]).*/\1 $3;/" \
			-e "s/^([[:space:]]*destination_rate[[:space:]]*[=:]).*/\1 $4;/" \
			-e '/^[[:space:]]*(aggregate|pair_action)[[:space:]]*[=:]/d' \
			-e "s/^(mesh[[:space:]]*[=:][[:space:]]*\{)/\1 aggregate = \"$5\"; pair_action = \"drop\";/" \
			"$(conf_of "$1").issued"
		say "state_directory = \"$state/proxy$1.state\";"
		say "pin_path = \"$(pins_of "$1")\";"
		say "control_socket = \"$(socket_of "$1")\";"
		say "gossip = $([ "$2" = on ] && echo true || echo false);"
		[ -z "${publish:-}" ] || say "publish = \"$publish\";"
	} >"$(conf_of "$1")"
}

members_up() {
	for i in $(each_proxy); do
		"$bin/gossipctl" --socket "$(socket_of "$i")" status --json 2>/dev/null |
			grep -Eq "\"members_up\": *$1\b" || return 1
	done
}

start_mesh() {
	for i in $(each_proxy); do
		configure "$i" "$1" "$2" "$3" "$4"
		mkdir -p "$state/proxy$i.state"
		launch "proxy$i" "proxy$i" "$state/proxy$i.log" "$bin/gossipd" --config "$(conf_of "$i")"
	done
	for i in $(each_proxy); do
		wait_for 10 "gossipd of proxy$i" "$bin/gossipctl" --socket "$(socket_of "$i")" status --json ||
			{ tail -n 20 "$state/proxy$i.log" >&2; die "gossipd of proxy$i did not start"; }
		in_ns "proxy$i" ip link show dev clients | grep -q 'mtu [0-9]* xdp ' || {
			tail -n 20 "$state/proxy$i.log" >&2
			die "proxy$i has no native XDP program on its interface"
		}
	done
	[ "$1" = off ] || wait_for 20 "the proxies to see each other" members_up "$proxies" || {
		tail -n 20 "$state"/proxy*.log >&2
		die "the mesh did not form"
	}
}

stop_mesh() {
	[ -d "$state/mesh" ] || return 0
	for i in $(each_proxy); do quit "proxy$i"; done
	for i in $(each_proxy); do
		[ ! -d "$(pins_of "$i")" ] ||
			in_ns "proxy$i" "$bin/gossipctl" detach --config "$(conf_of "$i")" \
				>>"$state/mesh.log" 2>&1 || true
		rm -rf "$state/proxy$i.state" "$(socket_of "$i")"
	done
}

# ---- the end ----

take_down() {
	set +e
	for pid in "$state"/pid.*; do
		[ -f "$pid" ] && quit "${pid##*/pid.}"
	done
	[ -d "$state/bpf" ] && umount -l "$state/bpf"
	[ -f "$state/namespaces" ] && while read -r namespace; do ip netns del "$namespace"; done <"$state/namespaces"
	rm -rf "$state"
	rmdir "$states" 2>/dev/null
	set -e
}
