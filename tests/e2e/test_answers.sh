#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Answers on real interfaces: each counts once, whether the kernel forwards it, XDP does, or a NAT turns it round; what
# is more than was asked for counts nothing; they survive a restart, and the program goes with a detach while filters
# of others stay. A second proxy that the replies take counts them, and the first does not. Needs root. Speaks TAP.
#
#                 +-- p0 10.77.1.1  proxy  p1 10.77.2.1 --+
#      device ----+   fd77:1::1            fd77:2::1      +---- server
#      10.77.1.2  +-- q0 10.77.3.1  other  q1 10.77.4.1 --+     10.77.2.2
set -u

here=$(cd "$(dirname "$0")/../.." && pwd)
bin=${BIN:-$here/build/bin}
packets=${PACKETS:-$here/build/tests/e2e/packets}
ctl=$bin/gossipctl
dir=$(mktemp -d)
name=xpro-ans-$$
PATH=$PATH:/usr/sbin:/sbin
. "$here/tests/e2e/tap.sh"

finish() {
	for pid in "$dir"/pid.*; do
		[ ! -f "$pid" ] || { kill -KILL "$(cat "$pid")"; wait "$(cat "$pid")"; } 2>/dev/null
	done
	for space in device proxy other server; do ip netns del "$name-$space" 2>/dev/null; done
	umount -l "$dir/bpf" 2>/dev/null
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

# ---- verbs ----

in_() { space=$1; shift; nsenter --net="/run/netns/$name-$space" "$@"; }
ask() { node=$1; shift; "$ctl" --socket "$dir/$node.sock" "$@"; }
mac_of() { ip -n "$name-$1" -j link show "$2" | jq -r '.[0].address'; }

# start NODE SPACE
start() {
	: >"$dir/log.$1"
	( exec nsenter --net="/run/netns/$name-$2" "$bin/gossipd" --config "$dir/mesh/$1/$1.conf" ) \
		>"$dir/log.$1" 2>&1 </dev/null &
	echo $! >"$dir/pid.$1"
	wait_for 20 grep -q 'gossipd: ready:' "$dir/log.$1" || { cat "$dir/log.$1"; return 1; }
}
has_ended() { ! grep -q '^State:[[:space:]]*[^Z[:space:]]' "/proc/$1/status"; }
stop() {
	pid=$(cat "$dir/pid.$1")
	kill -TERM "$pid"
	wait_for 10 has_ended "$pid"
	wait "$pid"
	rm "$dir/pid.$1"
}

# asks SRC DST COUNT: from the device, until a harvest of the proxy has met it
asks() {
	in_ device "$packets" send c0 "$(mac_of proxy p0)" "$1" "$2" "count=$3"
	wait_for 5 sh -c "'$ctl' --socket '$dir/a.sock' pairs --client $1 --json |
		jq -e '[.pairs[] | select(.destination == \"$2\" and .count >= $3)] | length > 0'"
}
# replies SRC DST COUNT: from the server, through the proxy
replies() { in_ server "$packets" send s0 "$(mac_of proxy p1)" "$1" "$2" "count=$3"; }
# seen NODE CLIENT DESTINATION: answers, as explain and as pairs have them
seen() { ask "$1" explain "$2" "$3" --json | jq .pair_record.answers; }
listed() { ask "$1" pairs --client "$2" --json | jq "[.pairs[] | select(.destination == \"$3\") | .answers] | add"; }
seen_is() { [ "$(seen "$1" "$2" "$3")" = "$4" ]; }
# counts NODE CLIENT DESTINATION N: so many, and no more after a tick or two
counts() {
	wait_for 5 seen_is "$@"
	sleep 0.3
	seen_is "$@" || { echo "expected $4 answers, got $(seen "$1" "$2" "$3")"; return 1; }
}
# told_is NODE CLIENT DESTINATION N: answers in the cells of the pair
told() { ask "$1" explain "$2" "$3" --json | jq '[.pair_cells[].answers] | add'; }
told_is() { [ "$(told "$1" "$2" "$3")" = "$4" ]; }
record_of() { ask a explain 10.77.1.3 10.77.2.2 --json | jq -c "[.pair_record.answers_mesh, .pair_record.remembered]"; }
filters() { in_ proxy tc filter show dev "$1" egress; }
is_watched() { filters "$1" | grep -q xpro_answers; }
is_unwatched() { ! filters "$1" | grep -q xpro_answers; }
attached() { ask a status --json | jq -c '[.attachments[] | [.interface, .answers]]'; }
attached_are() { [ "$(attached)" = "$1" ] || { attached; return 1; }; }
reason() { ask a status --json | jq ".reasons[] | select(.name == \"$1\") | .packets"; }
raised() { ask a status --json | jq -e --arg id "$1" '[.conditions[] | select(.id == $id)] | length > 0'; }

# ---- the place ----

[ "$(id -u)" -eq 0 ] || { echo "Bail out! needs root"; exit 1; }
for space in device proxy other server; do
	ip netns add "$name-$space"
	ip -n "$name-$space" link set lo up
done
# wire ROUTER HERE SPACE THERE ADDRESS-HERE ADDRESS-THERE [NET6]
wire() {
	ip -n "$name-$1" link add "$2" numtxqueues 2 numrxqueues 2 type veth peer name "$4" netns "$name-$3" \
		numtxqueues 2 numrxqueues 2
	ip -n "$name-$1" addr add "$5/24" dev "$2"
	ip -n "$name-$3" addr add "$6/24" dev "$4"
	if [ $# -gt 6 ]; then
		ip -n "$name-$1" addr add "$7::1/64" dev "$2" nodad
		ip -n "$name-$3" addr add "$7::2/64" dev "$4" nodad
	fi
	ip -n "$name-$1" link set "$2" up
	ip -n "$name-$3" link set "$4" up
	in_ "$3" "$packets" ready "$4"
	in_ "$1" "$packets" ready "$2"
}
wire proxy p0 device c0 10.77.1.1 10.77.1.2 fd77:1
wire proxy p1 server s0 10.77.2.1 10.77.2.2 fd77:2
wire other q0 device c1 10.77.3.1 10.77.3.2
wire other q1 server s1 10.77.4.1 10.77.4.2
for space in proxy other; do
	in_ $space sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
		net.ipv6.conf.all.forwarding=1
done
for interface in p0 p1; do in_ proxy sysctl -qw "net.ipv4.conf.$interface.rp_filter=0"; done
for interface in q0 q1; do in_ other sysctl -qw "net.ipv4.conf.$interface.rp_filter=0"; done
ip -n "$name-device" route add default via 10.77.1.1
ip -n "$name-device" route add default via fd77:1::1
ip -n "$name-server" route add default via 10.77.2.1
ip -n "$name-server" route add default via fd77:2::1
ip -n "$name-other" route add 10.77.1.0/24 via 10.77.3.2
# Nobody has 10.77.1.3 and fd77:1::3: a host would tell the server that its port is closed, and so send packets, too.
for address in 10.77.1.3 fd77:1::3; do
	ip -n "$name-proxy" neigh replace $address lladdr "$(mac_of device c0)" dev p0
done
ip -n "$name-other" neigh replace 10.77.3.2 lladdr "$(mac_of device c1)" dev q0
mkdir "$dir/bpf"
mount -t bpf bpf "$dir/bpf"
"$ctl" mesh init --directory "$dir/mesh" >/dev/null
# issue NODE ADDRESS INNER OUTER
issue() {
	"$ctl" mesh issue "$1" --directory "$dir/mesh" --address "$2:7946" --interface "$3" --state-directory \
		"$dir/state.$1" --pin-path "$dir/bpf/$1" --control-socket "$dir/$1.sock" --clients 10.77.1.0/24 \
		--clients fd77:1::/64 --pair-rate 100000 --destination-rate 1000000 >/dev/null
	sed -i -e "s|^interfaces = .*|interfaces = [\"$3\", \"$4\"];|" "$dir/mesh/$1/$1.conf"
	sed -i "1i outer_interfaces = [\"$4\"]; publish = \"all\";" "$dir/mesh/$1/$1.conf"
}
issue a 10.77.1.1 p0 p1
issue b 10.77.3.1 q0 q1

# ---- the kernel forwards ----

# others PRIORITY: a filter of others that takes every packet, and lets no further one see it
others() { in_ proxy tc filter add dev p0 egress protocol all prio "$1" u32 match u32 0 0 classid 1:1; }
in_ proxy tc qdisc add dev p0 clsact
others 1
ok "it_starts_beside_a_filter_of_others" start a proxy
ok "answers_are_counted_where_they_leave" attached_are '[["p0","counted"],["p1","none"]]'
ok "by_a_program_there" is_watched p0
ok "and_there_alone" is_unwatched p1
in_ proxy tc filter del dev p0 egress prio 1
ok "a_device_asks" asks 10.77.1.3 10.77.2.2 20
replies 10.77.2.2 10.77.1.3 12
ok "12_answers_are_12" counts a 10.77.1.3 10.77.2.2 12
ok "the_pairs_cells_have_them" wait_for 5 told_is a 10.77.1.3 10.77.2.2 12
replies 10.77.2.2 10.77.1.3 40
ok "there_are_no_more_than_20_packets" counts a 10.77.1.3 10.77.2.2 20
ok "pairs_has_them_too" test "$(listed a 10.77.1.3 10.77.2.2)" = 20
ok "what_came_since_is_in_the_cells" wait_for 5 told_is a 10.77.1.3 10.77.2.2 20
ok "so_many_are_known_mesh_wide" test "$(record_of | cut -d, -f1)" = '[20'
ok "explain_says_so" sh -c "'$ctl' --socket '$dir/a.sock' explain 10.77.1.3 10.77.2.2 |
	grep -q 'answers that left here for the client: 20'"
ok "none_came_the_fast_way" test "$(reason forwarded)" = 0
ok "IPv6_asks" asks fd77:1::3 fd77:2::2 9
replies fd77:2::2 fd77:1::3 7
ok "and_7_answers_are_7" counts a fd77:1::3 fd77:2::2 7
replies 10.77.2.3 10.77.1.3 5
ok "who_was_not_asked_has_no_record" test \
	"$(ask a explain 10.77.1.3 10.77.2.3 --json | jq -c '[.pair_record.present, .pair_record.answers]')" = \
	'[false,5]'

# ---- a restart; what is taken off ----

before=$(filters p0 | grep -o 'id [0-9]*' | tail -n 1)
ok "it_stops" stop a
ok "the_program_stays" is_watched p0
ok "it_starts_again" start a proxy
ok "the_memory_is_on_disk" test -s "$dir/state.a/answered"
ok "what_was_answered_before_the_restart_is_remembered" test "$(record_of | cut -d, -f2)" = 'true]'
ok "with_the_answers" test "$(seen a 10.77.1.3 10.77.2.2)" = 20
ok "and_its_own_program_in_place_of_the_last" test "$(filters p0 | grep -c 'xpro_answers')" = 1
ok "which_is_another" test "$(filters p0 | grep -o 'id [0-9]*' | tail -n 1)" != "$before"
asks 10.77.1.3 10.77.2.2 5 >/dev/null
replies 10.77.2.2 10.77.1.3 3
ok "it_goes_on_counting" counts a 10.77.1.3 10.77.2.2 23
ok "nothing_is_missed" sh -c "! '$ctl' --socket '$dir/a.sock' status --json |
	jq -e '[.conditions[] | select(.id == \"answers_missed\")] | length > 0'"
handle=$(filters p0 | sed -n 's/.*pref \([0-9]*\) bpf.*handle \(0x[0-9a-f]*\).*/prio \1 handle \2/p' | head -n 1)
# shellcheck disable=SC2086
in_ proxy tc filter del dev p0 egress $handle bpf
ok "without_its_program_a_condition_is_raised" wait_for 5 raised answers_missed
ok "and_status_says_where" attached_are '[["p0","missed"],["p1","none"]]'
stop a
others 9
ok "a_start_brings_it_back" start a proxy
ok "it_is_watched_again" is_watched p0

# ---- behind NAT ----

in_ proxy nft -f - <<-END
	table ip nat {
		chain out {
			type nat hook postrouting priority 100;
			oifname "p1" masquerade
		}
	}
END
cat >"$dir/echo.py" <<-'END'
	import socket, sys
	s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	s.bind((sys.argv[1], 7777))
	print("here", flush=True)
	while True:
	    data, at = s.recvfrom(100)
	    print(at[0], flush=True)
	    if data == b"answer":
	        s.sendto(data, at)
END
cat >"$dir/talk.py" <<-'END'
	import socket, sys
	s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	s.settimeout(20)
	s.bind((sys.argv[1], 6666))
	for i in range(int(sys.argv[3])):
	    s.sendto(sys.argv[4].encode(), (sys.argv[2], 7777))
	    if sys.argv[4] == "answer":
	        s.recv(100)
END
ip -n "$name-device" addr add 10.77.1.7/24 dev c0
ip -n "$name-device" neigh replace 10.77.1.1 lladdr "$(mac_of proxy p0)" dev c0
( exec nsenter --net="/run/netns/$name-server" python3 "$dir/echo.py" 10.77.2.2 ) >"$dir/echo" 2>&1 &
echo $! >"$dir/pid.echo"
wait_for 10 grep -q here "$dir/echo"
ok "a_device_speaks_through_a_NAT" in_ device python3 "$dir/talk.py" 10.77.1.7 10.77.2.2 4 silence
ok "and_is_met" wait_for 5 sh -c "'$ctl' --socket '$dir/a.sock' pairs --client 10.77.1.7 --json |
	jq -e '[.pairs[] | select(.count >= 4)] | length > 0'"
ok "it_is_answered" in_ device python3 "$dir/talk.py" 10.77.1.7 10.77.2.2 25 answer
ok "whose_addresses_the_server_does_not_see" sh -c "! grep -q 10.77.1.7 '$dir/echo'"
ok "25_answers_to_its_own_address_are_25" counts a 10.77.1.7 10.77.2.2 25
in_ proxy nft delete table ip nat

# ---- replies by another proxy ----

ok "another_proxy_starts" start b other
ok "a_device_asks_the_first" asks 10.77.1.9 10.77.2.2 30
ip -n "$name-device" addr add 10.77.1.9/32 dev lo
in_ server "$packets" send s1 "$(mac_of other q1)" 10.77.2.2 10.77.1.9 count=11
ok "the_other_counts_the_answers" counts b 10.77.1.9 10.77.2.2 11
ok "the_first_counts_none" counts a 10.77.1.9 10.77.2.2 0
stop b

# ---- XDP forwards ----

stop a
sed -i '1i forward = "fast";' "$dir/mesh/a/a.conf"
ok "it_starts_the_fast_way" start a proxy
ok "a_device_asks_the_fast_way" asks 10.77.1.3 10.77.2.8 20
before=$(reason forwarded)
replies 10.77.2.8 10.77.1.3 13
ok "13_answers_by_XDP_are_13" counts a 10.77.1.3 10.77.2.8 13
ok "XDP_sent_them" test "$(($(reason forwarded) - before))" -eq 13
ok "IPv6_asks_the_fast_way" asks fd77:1::3 fd77:2::8 9
replies fd77:2::8 fd77:1::3 6
ok "and_6_answers_are_6" counts a fd77:1::3 fd77:2::8 6

# ---- detached ----

stop a
ok "a_detach_removes_it" in_ proxy "$ctl" --config "$dir/mesh/a/a.conf" detach
ok "from_the_interface" is_unwatched p0
is_left() { filters "$1" | grep -q u32; }
ok "and_leaves_a_filter_of_others" is_left p0
done_testing
