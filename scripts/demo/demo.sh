#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The main job, for real, between network namespaces: proxies with XDP and gossipd, clients, bots and a victim.
#
#                         +--- proxy1 ----------------------+
#     +-- clients --+     |                                 |     +-- victim ---------+
#     |         to1 +-----+ clients (XDP)  forwarding  victim +---+ from1             |
#     |             |     |                wan               |    |                   |
#     |             |     +-----------------+---------------+     |  203.0.113.9      |
#     |             |                       |                     |  2001:db8:f::9    |
#     | honest,     |            wan: a bridge, 10.3.0.0/24       |  (never answers)  |
#     | bots        |                       |                     |                   |
#     |             |     +-----------------+---------------+     |                   |
#     |         toN +-----+ clients (XDP)  forwarding  victim +---+ fromN             |
#     +-------------+     +--- proxyN ----------------------+     +-------------------+
#
#     to i      10.1.i.1  2001:db8:1:i::1   MAC 02:00:00:00:00:i        clients   10.1.i.2  2001:db8:1:i::2   MAC 02:00:00:00:01:i
#     victim    10.2.i.1  2001:db8:2:i::1   MAC 02:00:00:00:02:i        from i    10.2.i.2  2001:db8:2:i::2   MAC 02:00:00:00:03:i
#     wan       10.3.0.i  2001:db8:3::i
#
# What travels: packet.h. Who sends it: traffic.c. Who counts: victim.c (socket), watch.c (kernel). Who judges: tally.c, verdict.c.
#
#     demo.sh                 all runs; PROXIES, KEEP, WARMUP, DURATION, RUNS, SEED and JSON come from the environment
#     demo.sh attack NAME spread|many    sends an attack once more through a mesh that KEEP=1 left running
#     demo.sh down [NAME]     takes down what KEEP=1, or a demo that was killed, left behind
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=$root/build/bin
tools=$root/build/demo
PATH=$PATH:/usr/sbin:/sbin

proxies=${PROXIES:-3}
keep=${KEEP:-}
warmup=${WARMUP:-5}
duration=${DURATION:-10}
seed=${SEED:-1}
# gossip (none: no filter at all):attack:pair rate:destination rate:aggregate:address attacked
runs=${RUNS:-"off:spread:50:1000000:fair:4 on:spread:50:1000000:fair:4 off:many:100:6000:fair:4 on:many:100:6000:fair:4 on:many:100:6000:strict:6"}
gossip_port=7946
states=/run/xpro-demo
json=${JSON:-$root/build/demo.json}

say() { printf '%s\n' "$*"; }
die() { printf 'demo: %s\n' "$*" >&2; exit 1; }

# ---- tiny verbs ----

# Runs a command in a namespace of ours. nsenter, not "ip netns exec": the latter hides the BPF file system.
in_ns() { namespace=$1; shift; nsenter --net="/run/netns/$name-$namespace" "$@"; }

# Waits until a command succeeds: wait_for SECONDS WHAT COMMAND...
wait_for() {
	patience=$(($1 * 20)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		patience=$((patience - 1))
		[ "$patience" -gt 0 ] || { printf 'demo: waited in vain for %s\n' "$what" >&2; return 1; }
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
		net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.accept_ra=0 net.ipv6.conf.default.router_solicitations=0 \
		net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0
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
	for site in a b c; do ip -n "$name-proxy$i" -6 route add "2001:db8:$site::/48" via "2001:db8:1:$i::1" dev clients; done
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

# The keys and certificates of all proxies, as on three real hosts.
make_mesh() {
	"$bin/gossipctl" mesh init --directory "$state/mesh" >"$state/mesh.log" 2>&1 || { cat "$state/mesh.log" >&2; die "gossipctl mesh init failed"; }
	for i in $(each_proxy); do
		"$bin/gossipctl" mesh issue "proxy$i" --directory "$state/mesh" --address "10.3.0.$i:$gossip_port" --interface clients \
			--pair-rate 100 --destination-rate 6000 >>"$state/mesh.log" 2>&1 ||
			{ cat "$state/mesh.log" >&2; die "gossipctl mesh issue proxy$i failed"; }
		cp "$(conf_of "$i")" "$(conf_of "$i").issued"
	done
}

# The issued config with this run's rates, and every path inside our own folder: configure I GOSSIP PAIR_RATE DESTINATION_RATE AGGREGATE
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
	} >"$(conf_of "$1")"
}

members_up() {
	for i in $(each_proxy); do
		"$bin/gossipctl" --socket "$(socket_of "$i")" status --json 2>/dev/null | grep -Eq "\"members_up\": *$1\b" || return 1
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
		in_ns "proxy$i" ip link show dev clients | grep -q 'mtu [0-9]* xdp ' ||
			{ tail -n 20 "$state/proxy$i.log" >&2; die "proxy$i has no native XDP program on its interface"; }
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
		[ ! -d "$(pins_of "$i")" ] || in_ns "proxy$i" "$bin/gossipctl" detach --config "$(conf_of "$i")" >>"$state/mesh.log" 2>&1 || true
		rm -rf "$state/proxy$i.state" "$(socket_of "$i")"
	done
}

# ---- one run ----

# How many pairs or destinations each proxy calls over its rate, asked while the attack is on.
ask() {
	for i in $(each_proxy); do
		case $1 in
		spread) "$bin/gossipctl" --socket "$(socket_of "$i")" pairs --over --json >"$state/over.$i" 2>>"$state/mesh.log" || true ;;
		many) "$bin/gossipctl" --socket "$(socket_of "$i")" destinations --over --json >"$state/over.$i" 2>>"$state/mesh.log" || true ;;
		esac
	done
}

# run NUMBER GOSSIP ATTACK PAIR_RATE DESTINATION_RATE AGGREGATE FAMILY
run() {
	number=$1 gossip=$2 attack=$3 pair_rate=$4 destination_rate=$5 aggregate=$6 family=$7
	case $attack in spread) what="one client, many proxies" ;; many) what="many clients, one victim, $aggregate" ;; esac
	say
	say "run $number: $what, gossip $gossip"
	rm -f "$state"/*.trace "$state"/over.*
	if [ "$gossip" != none ]; then
		start_mesh "$gossip" "$pair_rate" "$destination_rate" "$aggregate"
		pins=
		for i in $(each_proxy); do pins="$pins $(pins_of "$i")"; done
	else
		pins=$(each_proxy | sed 's/.*/-/')
	fi
	launch victim victim "$state/victim.log" "$tools/victim" "$proxies" "$state/received.trace"
	wait_for 5 "the victim's socket" test -s "$state/received.trace" || { cat "$state/victim.log" >&2; die "the victim did not start"; }
	launch traffic clients "$state/traffic.log" "$tools/traffic" --proxies "$proxies" --attack "$attack" --pair-rate "$pair_rate" \
		--destination-rate "$destination_rate" --warmup "$warmup" --duration "$duration" --family "$family" --seed "$seed" \
		"$state/sent.trace"
	if [ "$gossip" = on ]; then
		( wait_for 90 "the attack's last seconds" grep -q 'last seconds' "$state/traffic.log" && ask "$attack" ) &
		asking=$!
	fi
	# shellcheck disable=SC2086
	"$tools/watch" "  " "$state/sent.trace" "$state/received.trace" "$state/counters.trace" $pins &
	echo $! >"$state/pid.watch"
	wait $! || die "the observer failed"
	rm -f "$state/pid.watch"
	wait "$(cat "$state/pid.traffic")" || { cat "$state/traffic.log" >&2; die "the clients failed"; }
	rm -f "$state/pid.traffic"
	[ "$gossip" != on ] || wait "$asking"
	quit victim
	asked=
	[ "$gossip" != on ] || for i in $(each_proxy); do asked="$asked $state/over.$i"; done
	# shellcheck disable=SC2086
	"$tools/tally" "$gossip" "$aggregate" "$state/sent.trace" "$state/received.trace" "$state/counters.trace" $asked \
		>"$state/run$number.json" ||
		die "the run could not be counted"
}

# ---- beginning and end ----

take_down() {
	set +e
	for pid in "$state"/pid.*; do
		[ -f "$pid" ] && quit "${pid##*/pid.}"
	done
	[ -d "$state/bpf" ] && umount "$state/bpf"
	[ -f "$state/namespaces" ] && while read -r namespace; do ip netns del "$namespace"; done <"$state/namespaces"
	rm -rf "$state"
	rmdir "$states" 2>/dev/null
	set -e
}

finish() {
	status=$?
	trap - EXIT INT TERM HUP
	[ -n "${kept:-}" ] || take_down
	exit $status
}

check_host() {
	[ "$(id -u)" -eq 0 ] || die "must run as root: it makes network namespaces and loads XDP programs"
	case $proxies in '' | *[!0-9]*) die "PROXIES must be a number" ;; esac
	[ "$proxies" -ge 3 ] && [ "$proxies" -le 8 ] ||
		die "PROXIES must be 3 to 8: with fewer, one proxy sees the attack alone; with more, this machine is too small"
	for program in "$bin/gossipd" "$bin/gossipctl" "$tools/traffic" "$tools/victim" "$tools/watch" "$tools/tally" "$tools/verdict"; do
		[ -x "$program" ] || die "$program is missing: run make first"
	done
}

say_kept() {
	say
	say "The mesh goes on. Ask it:"
	say "    build/bin/gossipctl --socket $(socket_of 1) status"
	say "    build/bin/gossipctl --socket $(socket_of 1) members"
	say "Attack it once more (in another terminal: the figures of the last 28 seconds are what a proxy holds):"
	say "    scripts/demo/demo.sh attack $name spread"
	say "Meanwhile, or right after, ask why a bot is dropped:"
	say "    build/bin/gossipctl --socket $(socket_of 2) pairs --over"
	say "    build/bin/gossipctl --socket $(socket_of 2) explain 198.19.0.41 203.0.113.9"
	say "Take it down:"
	say "    scripts/demo/demo.sh down $name"
}

demo() {
	check_host
	mkdir -p "$states"
	state=$(mktemp -d "$states/xXXXXXX")
	name=${state##*/}
	trap finish EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	echo "$proxies" >"$state/proxies"
	echo $$ >"$state/owner"
	say "making a small internet: $proxies proxies, a victim, clients (network namespaces $name-*)"
	make_internet
	case $runs in *on:* | *off:*) make_mesh ;; esac
	number=0
	for plan in $runs; do
		number=$((number + 1))
		[ "$number" -eq 1 ] || stop_mesh
		# shellcheck disable=SC2046
		run "$number" $(echo "$plan" | tr : ' ')
	done
	say
	status=0
	"$tools/verdict" "$json" "$state"/run*.json || status=$?
	if [ -n "$keep" ]; then
		stop_mesh
		start_mesh on 50 6000 fair
		kept=1
		touch "$state/kept"
		say_kept
	fi
	return $status
}

# Whether the demo that made this mesh is still at work on it.
is_in_use() { [ ! -f "$state/kept" ] && grep -qzF demo.sh "/proc/$(cat "$state/owner")/cmdline" 2>/dev/null; }

attack_again() {
	name=$1 state=$states/$1
	[ -f "$state/kept" ] || die "no mesh called $name was left running"
	proxies=$(cat "$state/proxies")
	in_ns clients "$tools/traffic" --proxies "$proxies" --attack "$2" --pair-rate 50 --destination-rate 6000 --warmup 0 --duration 10 \
		"$state/again.trace" >/dev/null
	rm -f "$state/again.trace"
}

case ${1:-} in
'') demo ;;
attack) [ $# -eq 3 ] || die "usage: demo.sh attack NAME spread|many"; attack_again "$2" "$3" ;;
down)
	for name in ${2:-$(ls "$states" 2>/dev/null)}; do
		state=$states/$name
		[ -d "$state" ] || die "there is no mesh called $name"
		if is_in_use; then
			[ -z "${2:-}" ] || die "$name is a demo that runs now, with pid $(cat "$state/owner")"
			continue
		fi
		take_down
		say "$name is gone"
	done
	;;
*) die "usage: demo.sh [attack NAME spread|many | down [NAME]]" ;;
esac
