#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Tables that scanners fill, of the sizes that are the default (16,384 destinations): 17 clients, then 170, send one
# packet to a thousand addresses each, then a million clients to an address of their own each. A flood at a new address
# drops as the first flood did, in IPv4 and in IPv6, and while a scan goes on. The proxy stays healthy, says who scans
# and what is full, and needs no more memory. Needs root. Speaks TAP.
set -u
. "$(dirname "$0")/lonely.sh"
rate=1000   # T_F2
clients=120 # of a flood: 20 packets a second each, 2.4 x T_F2 in all
rounds=200
pause_ms=50
mac=02:00:00:00:01:01

begin
printf 'pair_rate = 1000;\ndestination_rate = %s;\n' "$rate" >"$dir/mesh/a/rules"
sed -i '/^policy = {/,/^};/d' "$conf"
printf 'policy_file = "rules";\n' >>"$conf"
set_to gossip false
inside sysctl -qw net.ipv4.ip_forward=1
inside ip route add blackhole 198.18.0.0/15
inside ip route add blackhole 20.0.0.0/8
inside ip -6 route add blackhole 2001:db8::/32
ok "it_starts" start

throw() { outside python3 "$root/tests/e2e/throw.py" clients "$mac" "$@"; }
scan() { outside python3 "$root/tests/e2e/scan.py" clients "$mac" "$@"; }
rss_kb() { awk '/^VmRSS/ { print $2 }' "/proc/$daemon/status"; }
counter() {
	ask status --json | jq --arg pattern "$1" '[.reasons[] | select(.name | test($pattern)) | .packets] | add'
}
# Bytes that the kernel locks for the maps of the daemon.
locked() {
	awk '/^memlock:/ { bytes = $2 } /^map_id:/ && !seen[$2]++ { sum += bytes } END { print sum }' \
		"/proc/$daemon/fdinfo/"*
}
stands() { ask status --json | jq -e --arg id "$1" '.conditions | any(.id == $id)'; }
is_healthy() { ask status --json | jq -e '.status.degraded | not'; }
says_warning() { ask status --json | jq -e --arg pattern "$1" '.warnings | any(.text | test($pattern))'; }

# names COUNT PREFIX: so many clients of this prefix were named as scanning, each once
names() {
	ask events --json | jq -se --arg prefix "$2" --argjson count "$1" '[.[] | select(.kind == "client_scans") |
		.client | select(startswith($prefix))] | length == $count and (unique | length == $count)'
}

# flood DESTINATION FIRST_CLIENT: sets dropped, of 1,000 packets so many
flood() {
	before=$(counter '^drop_')
	coarse_before=$(counter '^coarse$')
	began=$(date +%s%N)
	sent=$(throw "$1" "$2" "$clients" "$rounds" "$pause_ms") || return 1
	took_ms=$((($(date +%s%N) - began) / 1000000))
	dropped=$((($(counter '^drop_') - before) * 1000 / sent))
	echo "# $1: $sent packets in $took_ms ms, $(counter '^drop_') drops less $before: $dropped of 1,000;" \
		"$(($(counter '^coarse$') - coarse_before)) by coarse entries"
}

# off_by: of 1,000 parts of what is over T_F2, in a flood of so many packets in so long a time, so many drop more or
# fewer than in the first flood. A slow machine's flood is slower.
off_by() {
	offered=$((sent * 1000 / took_ms))
	due=$(((offered - rate) * 1000 / offered))
	first_due=$(((first_offered - rate) * 1000 / first_offered))
	wanted=$((first * due / first_due))
	off=$((dropped * 1000 / wanted - 1000))
	off=${off#-}
	echo "# dropped $dropped of 1,000 at $offered/s, the first $first at $first_offered/s:" \
		"wanted $wanted, off by $off of 1,000 parts"
}

# like_the_first PREPARATION ARGUMENT... -- DESTINATION FIRST_CLIENT: after the preparation, a flood drops as the first
# did, within 5 %. The machine may stand still for a third of a second, which is 5 % of a flood. So a flood that differs
# is repeated twice, prepared anew, at other victims, and both of them must agree.
like_the_first() {
	preparation=
	while [ "$1" != -- ]; do preparation="$preparation $1"; shift; done
	alike=0
	for victim in "$2" "${2}0" "${2}1"; do
		$preparation || return 1
		flood "$victim" "$3" && off_by
		[ "$off" -gt 50 ] || alike=$((alike + 1))
		[ "$victim $alike" != "$2 1" ] || return 0
	done
	[ "$alike" -ge 2 ]
}
is_first() {
	first=$dropped
	first_offered=$((sent * 1000 / took_ms))
	[ "$first" -ge 400 ]
}

# ---- IPv4 ----

flood 198.18.0.1 10.77.2.1
ok "a_flood_drops" is_first
first4=$first first4_offered=$first_offered
memory=$(rss_kb) table=$(field table_bytes) maps=$(locked)

ok "17_clients_scan" scan 20.0.0.1 1000 10.77.3.1 17
ok "and_each_is_named" wait_for 3 names 17 10.77.3.
ok "the_second_flood_drops_like_the_first" like_the_first scan 20.2.0.1 1000 10.77.3.1 17 -- 198.18.0.2 10.77.2.1

ok "a_flood_after_170_clients_have_scanned_drops_like_the_first" \
	like_the_first scan 20.1.0.1 1000 10.77.4.1 170 -- 198.18.0.3 10.77.2.1
ok "the_proxy_is_healthy" is_healthy

# ---- while it goes on ----

# begin_scan: in the background, until the table is full
begin_scan() {
	wait_for 30 test ! -e "$dir/pid.scan"
	( scan 20.4.0.1 1000 10.77.4.1 170 12000 >"$dir/scanned"; rm "$dir/pid.scan" ) &
	echo $! >"$dir/pid.scan"
	wait_for 30 says_warning '^destinations: .* are in use; no client makes a fiftieth'
}
ok "a_flood_during_a_scan_drops_like_the_first" like_the_first begin_scan -- 198.18.0.4 10.77.2.1
ok "the_proxy_stays_healthy" is_healthy
wait_for 30 test ! -e "$dir/pid.scan"

# ---- IPv6 ----

flood 2001:db8:f::1 2001:db8:1::1
ok "an_ipv6_flood_drops" is_first
ok "17_ipv6_clients_scan" scan 2001:db8:20::1 1000 2001:db8:3::1 17
ok "the_second_ipv6_flood_drops_like_the_first" \
	like_the_first scan 2001:db8:22::1 1000 2001:db8:3::1 17 -- 2001:db8:f:2::2 2001:db8:1::1
ok "an_ipv6_flood_after_170_clients_have_scanned_drops_like_the_first" \
	like_the_first scan 2001:db8:21::1 1000 2001:db8:4::1 170 -- 2001:db8:e::3 2001:db8:1::1

# ---- a million clients and a million destinations ----

# No two packets have an address in common.
spray() {
	sprayed=$(outside "$root/build/tests/relay/flood" clients "$mac" spray 40.0.0.0 9 200000 5 1000000) || return 1
	echo "# ${sprayed% *} packets sprayed in ${sprayed#* } ms"
	[ "${sprayed% *}" -ge 1000000 ]
}
ok "a_million_clients_spray_a_million_destinations" spray
ok "full_pairs_are_said" wait_for 3 stands pairs_full
ok "full_destinations_are_said" wait_for 3 stands destinations_full
first=$first4 first_offered=$first4_offered
ok "a_flood_afterwards_drops_like_the_first" like_the_first spray -- 198.18.0.5 10.77.2.1
ok "and_the_proxy_is_healthy_all_the_same" is_healthy

echo "# memory: $memory kB, then $(rss_kb) kB; the table $table bytes, then $(field table_bytes);" \
	"all maps $maps bytes, then $(locked)"
ok "the_table_needs_no_more_memory" test "$(field table_bytes)" -eq "$table"
ok "nor_do_all_maps_together" test "$maps" -gt "$table" -a "$(locked)" -eq "$maps"
ok "nor_does_the_daemon" test "$(rss_kb)" -le $((memory + memory / 10 + 4096))
done_testing
