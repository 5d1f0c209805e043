#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Packets on their way through one proxy, by the kernel's forwarding and by the fast one: what arrives, what comes back,
# what is counted, what a capture shows, and interfaces that come and go. Needs root. Speaks TAP.
#
#      device (namespace)          proxy (namespace)              server (namespace)
#      c0 10.77.1.2  <--veth-->  p0 10.77.1.1  p1 10.77.2.1  <--veth-->  s0 10.77.2.2
#         fd77:1::2                 fd77:1::1     fd77:2::1                 fd77:2::2
set -u

here=$(cd "$(dirname "$0")/../.." && pwd)
bin=${BIN:-$here/build/bin}
packets=${PACKETS:-$here/build/tests/e2e/packets}
ctl=$bin/gossipctl
dir=$(mktemp -d)
name=xpro-fwd-$$
daemon= ears=
. "$here/tests/e2e/tap.sh"

finish() {
	[ -z "$ears" ] || kill "$ears" 2>/dev/null
	[ -z "$daemon" ] || kill -KILL "$daemon" 2>/dev/null
	wait
	for space in device proxy server; do ip netns del "$name-$space" 2>/dev/null; done
	umount -l "$dir/bpf" 2>/dev/null
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

# ---- verbs ----

in_() { space=$1; shift; nsenter --net="/run/netns/$name-$space" "$@"; }
ask() { "$ctl" --socket "$dir/a.sock" "$@"; }
reason() { ask status --json | jq ".reasons[] | select(.name == \"$1\") | .packets"; }
is_gone() { ! kill -0 "$1" 2>/dev/null; }
has_ended() { ! grep -q '^State:[[:space:]]*[^Z[:space:]]' "/proc/$daemon/status"; }

start() {
	: >"$dir/log"
	( exec nsenter --net="/run/netns/$name-proxy" "$bin/gossipd" --config "$conf" ) >"$dir/log" 2>&1 </dev/null &
	daemon=$!
	wait_for 10 grep -q 'gossipd: ready:' "$dir/log" || { cat "$dir/log"; return 1; }
}

stop() {
	kill -TERM "$daemon"
	wait_for 5 has_ended
	wait "$daemon"
	daemon=
}

# hear SPACE IF: tells what arrives there into $dir/heard, until the next one
hear() {
	[ -z "$ears" ] || kill "$ears" 2>/dev/null
	rm -f "$dir/heard" # or the last one's first line would pass for this one's
	( exec nsenter --net="/run/netns/$name-$1" "$packets" hear "$2" 120 ) >"$dir/heard" 2>&1 &
	ears=$!
	wait_for 5 grep -q hearing "$dir/heard"
}

send() { in_ device "$packets" send c0 "$mac" "$@"; }
heard() { wait_for 5 grep -q "$1" "$dir/heard" || { cat "$dir/heard"; return 1; }; }

# arrives LINE WORD...: what is sent is heard at the server like this
arrives() { line=$1; shift; hear server s0; send "$@"; heard "$line"; }
# comes_back LINE WORD...: the proxy answers the device like this
comes_back() { line=$1; shift; hear device c0; send "$@"; heard "$line"; }
counted() {
	wait_for 5 sh -c "$ctl --socket $dir/a.sock pairs --client $1 --json |
		jq -e '[.pairs[] | select(.count >= $2)] | length > 0'"
}

# ---- the place ----

[ "$(id -u)" -eq 0 ] || { echo "Bail out! needs root"; exit 1; }
for space in device proxy server; do
	ip netns add "$name-$space"
	ip -n "$name-$space" link set lo up
done

# wire HERE SPACE THERE ADDRESS-HERE ADDRESS-THERE NET6: from the proxy, with the addresses
wire() {
	ip -n "$name-proxy" link add "$1" mtu 9000 numtxqueues 2 numrxqueues 2 type veth peer name "$3" \
		netns "$name-$2" mtu 9000 numtxqueues 2 numrxqueues 2
	ip -n "$name-proxy" addr add "$4/24" dev "$1"
	ip -n "$name-$2" addr add "$5/24" dev "$3"
	ip -n "$name-proxy" addr add "$6::1/64" dev "$1" nodad
	ip -n "$name-$2" addr add "$6::2/64" dev "$3" nodad
	ip -n "$name-proxy" link set "$1" up
	ip -n "$name-$2" link set "$3" up
	in_ "$2" "$packets" ready "$3"
	in_ proxy "$packets" ready "$1"
}
wire p0 device c0 10.77.1.1 10.77.1.2 fd77:1
wire p1 server s0 10.77.2.1 10.77.2.2 fd77:2
ip -n "$name-device" route add default via 10.77.1.1
ip -n "$name-server" route add default via 10.77.2.1
ip -n "$name-device" route add default via fd77:1::1
ip -n "$name-server" route add default via fd77:2::1
in_ proxy sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.p0.rp_filter=0 \
	net.ipv4.icmp_ratelimit=0 net.ipv6.conf.all.forwarding=1 net.ipv6.icmp.ratelimit=0
mac=$(ip -n "$name-proxy" -j link show p0 | jq -r '.[0].address')
mkdir "$dir/bpf"
mount -t bpf bpf "$dir/bpf"
"$ctl" mesh init --directory "$dir/mesh" >/dev/null
"$ctl" mesh issue a --directory "$dir/mesh" --address 10.77.1.1:7946 --interface p0 --state-directory "$dir/state" \
	--pin-path "$dir/bpf/a" --control-socket "$dir/a.sock" --pair-rate 200 --destination-rate 100000 >/dev/null
conf=$dir/mesh/a/a.conf
cat >>"$conf" <<-END
	tunnels = (
		{ type = "ipip"; local = "10.77.1.1"; from = ["10.77.1.0/24"]; decapsulate = true; },
		{ type = "gre"; local = "10.77.1.1"; from = ["10.77.1.0/24"]; decapsulate = true; },
		{ type = "vxlan"; local = "10.77.1.1"; from = ["10.77.1.0/24"]; decapsulate = true; },
		{ type = "gue"; local = "10.77.1.1"; from = ["10.77.1.0/24"]; port = 6080; decapsulate = true; },
		{ type = "fou"; local = "10.77.1.1"; from = ["10.77.1.0/24"]; port = 5555; decapsulate = true; },
		{ type = "ipip"; local = "fd77:1::1"; from = ["fd77:1::/64"]; decapsulate = true; },
		{ type = "gre"; local = "fd77:1::1"; from = ["fd77:1::/64"]; decapsulate = true; },
		{ type = "vxlan"; local = "fd77:1::1"; from = ["fd77:1::/64"]; decapsulate = true; }
	);
END

# ---- the same packets both ways ----

# through WAY NET NET6: every row ends with the way's name, and sends from addresses of its own
through() {
	net=$2 net6=$3
	in_ device ping -q -c 1 -W 2 10.77.2.2 >/dev/null 2>&1 # the proxy learns its neighbours
	in_ device ping -q -c 1 -W 2 fd77:2::2 >/dev/null 2>&1
	ok "a_packet_arrives_one_hop_older: $1" arrives "^$net.1 10.77.2.2 17 ttl 63 size 100 offset 0 check good" \
		"$net.1" 10.77.2.2
	ok "with_the_smallest_ttl_that_does: $1" arrives "^$net.2 10.77.2.2 17 ttl 1 size 100 offset 0 check good" \
		"$net.2" 10.77.2.2 ttl=2
	ok "a_ttl_of_1_is_told_back: $1" comes_back "^10.77.1.1 10.77.1.2 1 .* type 11 code 0" 10.77.1.2 10.77.2.2 ttl=1
	ok "a_first_fragment_arrives: $1" arrives "^$net.3 10.77.2.2 17 ttl 63 size 108 offset 0 mf check good" \
		"$net.3" 10.77.2.2 mf size=108
	ok "a_later_one_as_well: $1" arrives "^$net.4 10.77.2.2 17 ttl 63 size 100 offset 1480 check good" \
		"$net.4" 10.77.2.2 offset=1480
	ok "a_jumbo_packet_arrives_whole: $1" arrives "^$net.5 10.77.2.2 17 ttl 63 size 8000 offset 0 check good" \
		"$net.5" 10.77.2.2 size=8000
	for over in ipip gre vxlan gue fou; do
		ok "out_of_a_tunnel_of_$over: $1" arrives "^$net.6 10.77.2.2 17 ttl 63 size 100 offset 0 check good" \
			"$net.6" 10.77.2.2 over=$over outer-src=10.77.1.2 outer-dst=10.77.1.1
	done
	ok "and_each_was_counted_for_its_inner_pair: $1" counted "$net.6" 5
	ok "an_IPv6_packet_arrives_one_hop_older: $1" arrives \
		"^$net6::1 fd77:2::2 17 ttl 63 size 100 offset 0 check good" "$net6::1" fd77:2::2
	ok "with_the_smallest_hop_limit_that_does: $1" arrives \
		"^$net6::2 fd77:2::2 17 ttl 1 size 100 offset 0 check good" "$net6::2" fd77:2::2 ttl=2
	ok "a_hop_limit_of_1_is_told_back: $1" comes_back "^fd77:1::1 fd77:1::2 58 .* type 3 code 0" \
		fd77:1::2 fd77:2::2 ttl=1
	for over in ipip gre vxlan gue fou; do
		ok "IPv6_out_of_a_tunnel_of_$over: $1" arrives \
			"^$net6::6 fd77:2::2 17 ttl 63 size 100 offset 0 check good" \
			"$net6::6" fd77:2::2 over=$over outer-src=10.77.1.2 outer-dst=10.77.1.1
	done
	for over in ipip gre vxlan; do
		ok "IPv6_out_of_$over in IPv6: $1" arrives \
			"^$net6::6 fd77:2::2 17 ttl 63 size 100 offset 0 check good" \
			"$net6::6" fd77:2::2 over=$over outer-src=fd77:1::2 outer-dst=fd77:1::1
		ok "IPv4_out_of_$over in IPv6: $1" arrives "^$net.9 10.77.2.2 17 ttl 63 size 100 offset 0 check good" \
			"$net.9" 10.77.2.2 over=$over outer-src=fd77:1::2 outer-dst=fd77:1::1
	done
	ok "and_each_was_counted_for_its_inner_pair_too: $1" counted "$net6::6" 8
	ok "a_tagged_packet_is_counted: $1" \
		sh -c "nsenter --net=/run/netns/$name-device $packets send c0 $mac $net.7 10.77.2.2 vlan=7"
	ok "for_its_pair: $1" counted "$net.7" 1
	ip -n "$name-proxy" link set p1 mtu 1400
	sleep 1.2 # the fast way knows a route's MTU for a second
	ok "what_is_too_large_is_told_back: $1" comes_back "^10.77.1.1 10.77.1.2 1 .* type 3 code 4" \
		10.77.1.2 10.77.2.2 size=1401 df
	ok "IPv6_that_is_too_large_is_told_back: $1" comes_back "^fd77:1::1 fd77:1::2 58 .* type 2 code 0" \
		fd77:1::2 fd77:2::2 size=1401
	ok "IPv6_that_just_fits_arrives: $1" arrives "^$net6::8 fd77:2::2 17 ttl 63 size 1400 offset 0 check good" \
		"$net6::8" fd77:2::2 size=1400
	ok "what_just_fits_arrives: $1" arrives "^$net.8 10.77.2.2 17 ttl 63 size 1400 offset 0 check good" \
		"$net.8" 10.77.2.2 size=1400 df
	ip -n "$name-proxy" link set p1 mtu 9000
	ok "a_reply_finds_its_way: $1" in_ device ping -q -c 2 -i 0.2 -W 2 10.77.2.2
}

ok "it_starts" start
through kernel 10.78.1 fd78:1
ok "the_kernel_forwarded_all_of_it" test "$(reason forwarded)" = 0
ok "it_stops" stop

sed -i '1i forward = "fast";' "$conf"
ok "it_starts_the_fast_way" start
through fast 10.79.1 fd79:1
echo "# $(reason forwarded) packets forwarded by XDP"
ok "XDP_forwarded_most_of_it" test "$(reason forwarded)" -ge 24
before=$(reason forwarded)
hear server s0
send 10.79.2.1 10.77.2.2 count=20
ok "all_of_many_arrive" wait_for 5 sh -c "test \$(grep -c '^10.79.2.1 10.77.2.2 17 ttl 63' $dir/heard) -eq 20"
ok "and_XDP_sent_them" test "$(($(reason forwarded) - before))" -eq 20

# ---- what drops, seen ----

# flood CLIENT: more than it may
flood() { send "$1" 10.77.2.2 count=1000; }

# captured COUNT: a capture file with so many packets of 114 bytes, between headers of 24 and 16
captured() {
	test "$(stat -c %s "$dir/drops.pcap")" -eq $((24 + $1 * (16 + 114))) || { ls -l "$dir/drops.pcap"; return 1; }
	test "$(od -A n -t x4 -N 4 "$dir/drops.pcap" | tr -d ' ')" = a1b23c4d
}
(
	ask capture --client 10.79.3.0/24 --count 40 --seconds 100 --output "$dir/drops.pcap" >"$dir/capture" 2>&1
	echo "ended $?" >>"$dir/capture"
) &
capture=$!
has_begun() { flood 10.79.3.1; test "$(stat -c %s "$dir/drops.pcap" 2>/dev/null || echo 0)" -gt 24; }
wait_for 10 has_begun
ok "a_second_capture_is_refused" sh -c "! $ctl --socket $dir/a.sock capture --seconds 1 --output $dir/none.pcap"
flood 10.79.4.1
# A CPU gives only a few samples a jiffy: once more until it has enough.
enough() { flood 10.79.3.1; is_gone "$capture"; }
wait_for 10 enough
ok "a_capture_ends_with_its_count" grep -q "ended 0" "$dir/capture"
ok "says_what_it_caught" grep -q "^40 packets, drop_pair 40" "$dir/capture"
ok "and_is_a_pcap_file_of_them" captured 40
ok "another_ends_with_its_time" ask capture --seconds 1 --output "$dir/drops.pcap"
ok "with_whatever_there_was" captured 0
ok "a_pipe_will_do" \
	sh -c "$ctl --socket $dir/a.sock capture --seconds 1 2>$dir/told | od -A n -t x4 -N 4 | grep -q a1b23c4d"

# ---- interfaces while it runs ----

is_filtered() { ask status --json | jq -e ".attachments[] | select(.interface == \"$1\" and .ours)"; }
ok "its_interface_is_filtered" is_filtered p0
ip -n "$name-proxy" link set p0 down
ip -n "$name-proxy" link set p0 up
ok "down_and_up_it_stays" is_filtered p0
# queues SPACE IF COUNT: to receive and to send: ETHTOOL_SCHANNELS. XDP on a veth wants no fewer to receive than its
# peer has to send.
queues() {
	in_ "$1" python3 -c '
import array, fcntl, socket, struct, sys
interface, count = sys.argv[2], int(sys.argv[3])
channels = array.array("B", struct.pack("=9I", 0x3d, 0, 0, 0, 0, 2 if interface == "c0" else count, count, 0, 0))
fcntl.ioctl(socket.socket(), 0x8946, struct.pack("16sP", interface.encode(), channels.buffer_info()[0]))' "$@"
}
ok "its_peer_sends_by_fewer_queues" queues device c0 1
ok "and_it_receives_by_fewer" queues proxy p0 1
ok "and_more_again" queues proxy p0 2
ok "it_is_still_filtered" is_filtered p0
ok "and_counts" sh -c "nsenter --net=/run/netns/$name-device $packets send c0 $mac 10.79.6.1 10.77.2.2"
ok "for_its_pair_as_before" counted 10.79.6.1 1
ip -n "$name-proxy" link del p0
ok "one_that_is_gone_is_missed" wait_for 5 grep -q "interface p0: is gone" "$dir/log"
ok "and_status_says_so" sh -c "! $ctl --socket $dir/a.sock status"
wire p0 device c0 10.77.1.1 10.77.1.2 fd77:1
ok "one_made_anew_is_filtered_again" wait_for 5 is_filtered p0
ok "as_the_log_says" grep -q "interface p0: is here, and filtered" "$dir/log"
mac=$(ip -n "$name-proxy" -j link show p0 | jq -r '.[0].address')
hear server s0
ok "and_its_packets_count" sh -c "nsenter --net=/run/netns/$name-device $packets send c0 $mac 10.79.5.1 10.77.2.2"
ok "for_their_pair" counted 10.79.5.1 1
ok "it_ends" stop

done_testing
