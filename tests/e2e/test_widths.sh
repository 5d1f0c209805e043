#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Widths: a device that rotates through its IPv6 /64 at four times its rate drops as one that does not; in a listed
# prefix every address is a client; what is asked or ruled of one address of a client is answered, or refused, by the
# client; two members with other widths refuse each other, and both say why. Needs root. Speaks TAP.
set -u
. "$(dirname "$0")/lonely.sh"
mesh_options="--client-hosts 2001:db8:8::/48"
rate=50 # T_F1
mac=02:00:00:00:01:01
begin
issue a 10.77.1.1:7946 --again --interface clients --pair-rate $rate --destination-rate 100000
inside sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
inside ip route add blackhole 198.18.0.0/15
inside ip -6 route add blackhole 2001:db8::/32

drops() { ask status --json | jq '[.reasons[] | select(.name == "drop_pair") | .packets] | add'; }
# flood DESTINATION CLIENT ADDRESSES: 600 packets at 4 x T_F1; sets dropped
flood() {
	before=$(drops)
	outside python3 "$root/tests/e2e/throw.py" clients $mac "$1" "$2" 1 600 4.9 "$3" >/dev/null || return 1
	dropped=$(($(drops) - before))
	echo "# of 600 packets of $2, each of $3 addresses in turn, $dropped drop"
}
like_the_first() {
	echo "$dropped, $first"
	[ $((dropped - first)) -le 30 ] && [ $((first - dropped)) -le 30 ]
}
pairs_are() { ask pairs --client "$1" --json | jq -e ".pairs | length == $2"; }
says() { "$@" 2>&1 | grep -qF -e "$text" || { "$@" 2>&1 | tail -n 3; return 1; }; }

ok "it_starts" start

# ---- a device that rotates ----

flood 198.18.0.1 10.77.2.1 1
first=$dropped
ok "an_IPv4_flood_drops" test "$first" -ge 500
flood 2001:db8:f::1 2001:db8:1:1::1 600
ok "600_addresses_of_one_64_drop_like_it" like_the_first
ok "they_are_one_pair" wait_for 5 pairs_are 2001:db8:1:1::/64 1
ok "named_by_its_prefix" sh -c "'$ctl' --socket '$dir/a.sock' pairs | grep -q '^2001:db8:1:1::/64  *2001:db8:f::1 '"
ok "in_JSON_as_well" sh -c \
	"'$ctl' --socket '$dir/a.sock' pairs --json | jq -e '.pairs | any(.client == \"2001:db8:1:1::/64\")'"
ok "and_in_events" wait_for 5 sh -c \
	"'$ctl' --socket '$dir/a.sock' events | grep -qF '2001:db8:1:1::/64 -> 2001:db8:f::1  is over its rate'"
ok "and_in_the_log" wait_for 5 logged "pair 2001:db8:1:1::/64 -> 2001:db8:f::1: is over its rate"
text="2001:db8:1:1::5 is of the client 2001:db8:1:1::/64"
ok "explain_says_whose_an_address_is" says ask explain 2001:db8:1:1::5 2001:db8:f::1
text="every packet drops: the pair is over its rate"
ok "and_why_it_drops" says ask explain 2001:db8:1:1::5 2001:db8:f::1
text="2001:db8:1:1::7 is of the client 2001:db8:1:1::/64"
ok "so_does_pairs" says ask pairs --client 2001:db8:1:1::7

# ---- a capture ----

(
	ask capture --client 2001:db8:1:1::9 --count 5 --seconds 20 --output "$dir/pcap" >"$dir/captured" 2>&1
	rm "$dir/pid.capture"
) &
echo $! >"$dir/pid.capture"
wait_for 5 test -s "$dir/pcap"
flood 2001:db8:f::1 2001:db8:1:1::1 600
wait_for 10 test ! -e "$dir/pid.capture"
ok "a_capture_of_an_address_is_of_its_client" \
	grep -qF "2001:db8:1:1::9 is of the client 2001:db8:1:1::/64" "$dir/captured"
ok "and_has_its_packets" grep -q "^5 packets, drop_pair 5" "$dir/captured"
text="the prefix is longer than an IPv6 client of this mesh"
ok "one_of_a_part_of_it_is_refused" says ask capture --client 2001:db8:1:1:8000::/65 --output "$dir/pcap"

# ---- a listed prefix ----

flood 2001:db8:f::2 2001:db8:8:1::1 600
ok "600_addresses_of_a_listed_64_do_not_drop" test "$dropped" -eq 0
ok "they_are_600_pairs" wait_for 5 pairs_are 2001:db8:8:1::/64 600
flood 2001:db8:f::2 2001:db8:8:2::1 1
ok "one_of_them_alone_drops_like_the_first" like_the_first
ok "named_by_its_address" sh -c \
	"'$ctl' --socket '$dir/a.sock' pairs --over | grep -q '^2001:db8:8:2::1  *2001:db8:f::2 '"

# ---- rules and settings ----

checks() { inside "$bin/gossipd" --config "$conf" --check-config; }
refuses() { ! checks >"$dir/checked" 2>&1 && grep -qF -e "$1" "$dir/checked" || { cat "$dir/checked"; return 1; }; }
cp "$conf" "$dir/good"
line=$(grep -n '^	never_drop = ' "$conf" | cut -d: -f1)
sed -i "${line}s|.*|	never_drop = [\"2001:db8:8:1::5\", \"2001:db8:1:2::/64\"];|" "$conf"
ok "an_address_of_a_listed_prefix_may_be_on_never_drop" checks
sed -i "${line}s|.*|	never_drop = [\"2001:db8:1:2::5\"];|" "$conf"
ok "one_of_another_client_may_not" refuses "a.conf:$line: policy: the prefix is longer than an IPv6 client of this mesh"
cp "$dir/good" "$conf"
line=$(grep -n '^	client_hosts = ' "$conf" | cut -d: -f1)
sed -i "${line}s|.*|	client_hosts = [];|" "$conf"
ok "other_widths_than_the_certificates_are_refused" refuses \
	"a.conf:$line: mesh: client_bits and client_hosts are not those of the certificate"
cp "$dir/good" "$conf"

# ---- two members with other widths ----

sed -i 's|^client_hosts = .*|client_hosts = [];|' "$dir/mesh/mesh.conf"
issue b 10.77.1.2:7946
( exec nsenter --net="/run/netns/$name-peer" "$bin/gossipd" --config "$dir/mesh/b/b.conf" ) \
	>"$dir/log.b" 2>&1 </dev/null &
echo $! >"$dir/pid.b"
refusal="is refused: its widths differ from this mesh's: issue one of the two anew"
ok "one_of_other_widths_is_refused_by_name" wait_for 10 logged "member b: $refusal"
ok "and_says_why_it_finds_nobody" wait_for 10 grep -qF "member a: $refusal" "$dir/log.b"
text="member b: 10.77.1.2:7946 is refused: its widths differ from this mesh's"
ok "status_shows_it" wait_for 5 says ask status
text="member a: 10.77.1.1:7946 is refused: its widths differ from this mesh's"
ok "on_both_sides" wait_for 5 says "$ctl" --socket "$dir/b.sock" status
ok "neither_is_a_member" sh -c "'$ctl' --socket '$dir/a.sock' members --json | jq -e '.members | length == 1'"
ok "each_says_it_once" test "$(grep -c "member b: is refused" "$dir/log")" -eq 1

# ---- a table of other widths ----

stop TERM
issue a 10.77.1.1:7946 --again --interface clients
ok "a_table_of_other_widths_is_not_taken_over" \
	refused "pinned with other widths of clients; remove the table with gossipctl detach"
ok "and_can_be_removed" "$ctl" detach --pin-path "$dir/bpf/a"
ok "then_it_starts" start
ok "and_the_two_are_members" wait_for 10 sh -c \
	"'$ctl' --socket '$dir/a.sock' members --json | jq -e '[.members[] | select(.up)] | length == 2'"
done_testing
