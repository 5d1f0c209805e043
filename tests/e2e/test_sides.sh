#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Sides: a download passes while the device's own flood drops, on a proxy with two interfaces and on one with one; a
# spoofed source drops, and an attack on another client is judged; without `clients` an interface with the default route
# drops nothing, and says so. Needs root. Speaks TAP.
#
#      $name (the proxy)              $name-peer (the devices, and the rest of the world)
#      clients  10.77.1.1 <--veth--> clients 10.77.1.2   10.1.0.0/16, 2001:db8:1::/48: the devices
#      outer    10.77.2.1 <--veth--> outer   10.77.2.2   192.0.2.0/24, 2001:db8:99::/48: servers
set -u
. "$(dirname "$0")/lonely.sh"
packets=${PACKETS:-$root/build/tests/e2e/packets}
ears=
begin

# ---- verbs ----

here() { ip -n "$name" "$@"; }
reason() { ask status --json | jq "[.reasons[] | select(.name == \"$1\") | .packets] | add // 0"; }
in_proxy() { inside sh -c "echo $2 >/proc/sys/net/$1" 2>/dev/null; }
counts_all() { [ "$(reason "$1")" -ge "$2" ]; }
again() { stop TERM; start; }

# send IF SRC DST COUNT [WORD...]: into the proxy by this interface
send() {
	by=$1 from=$2 to=$3 number=$4
	shift 4
	case $by in clients) mac=02:00:00:00:01:01 ;; *) mac=02:00:00:00:01:02 ;; esac
	outside "$packets" send "$by" $mac "$from" "$to" "count=$number" "$@"
}

# stream SECONDS IF SRC DST: at 1,000 packets a second
stream() {
	rounds=$(($1 * 20))
	shift
	while [ $rounds -gt 0 ]; do
		send "$1" "$2" "$3" 50
		sleep 0.045
		rounds=$((rounds - 1))
	done
}

# hear IF: tells what arrives there of the proxy's forwarding into $dir/heard
hear() {
	[ -z "$ears" ] || { kill "$ears"; wait "$ears"; } 2>/dev/null
	rm -f "$dir/heard"
	( exec nsenter --net="/run/netns/$name-peer" "$packets" hear "$1" 300 ) >"$dir/heard" 2>&1 &
	ears=$!
	echo "$ears" >"$dir/pid.ears"
	wait_for 5 grep -q hearing "$dir/heard"
}
arrived() { grep -c "^$1 $2 17 ttl 63" "$dir/heard"; }
all_arrive() { wait_for 5 sh -c "[ \$(grep -c '^$1 $2 17 ttl 63' '$dir/heard') -eq $3 ]" ||
	{ echo "$(arrived "$1" "$2") of $3"; return 1; }; }
# about N SRC DST: within a second's worth of T_F1 and what a window forgives
about() { got=$(arrived "$2" "$3"); echo "$got arrived"; [ "$got" -ge "$1" ] && [ "$got" -le $((3 * $1)) ]; }

# ---- the place ----

here link add outer address 02:00:00:00:01:02 type veth peer name outer address 02:00:00:00:00:02 netns "$name-peer"
here addr add 10.77.2.1/24 dev outer
here link set outer up
ip -n "$name-peer" addr add 10.77.2.2/24 dev outer
ip -n "$name-peer" link set outer up
for file in ipv4/ip_forward ipv6/conf/all/forwarding; do in_proxy $file 1; done
for interface in all clients outer; do
	for file in rp_filter send_redirects; do in_proxy "ipv4/conf/$interface/$file" 0; done
done
here -6 addr add 2001:db8:77:1::1/64 dev clients nodad
here -6 addr add 2001:db8:77:2::1/64 dev outer nodad
ip -n "$name" neigh replace 10.77.1.2 lladdr 02:00:00:00:00:01 dev clients
ip -n "$name" neigh replace 10.77.2.2 lladdr 02:00:00:00:00:02 dev outer
ip -n "$name" neigh replace 2001:db8:77:1::2 lladdr 02:00:00:00:00:01 dev clients
ip -n "$name" neigh replace 2001:db8:77:2::2 lladdr 02:00:00:00:00:02 dev outer
here route add 10.1.0.0/16 via 10.77.1.2
here -6 route add 2001:db8:1::/48 via 2001:db8:77:1::2
here route add default via 10.77.2.2
here -6 route add default via 2001:db8:77:2::2

# configure INTERFACES [OPTION...]: pair_rate is 100, so that a download of 1,000 packets/s is ten times as much
configure() {
	interfaces=$1
	shift
	issue a 10.77.1.1:7946 --again --pair-rate 100 --destination-rate 100000 "$@"
	set_to interfaces "$interfaces"
	sed -i 's/^gossip = true;/gossip = false;/' "$conf"
}
sides() { ask status --json | jq -c '[.attachments[] | [.interface, .faces, .enforced]]'; }
sides_are() { [ "$(sides)" = "$1" ] || { sides; return 1; }; }
explains() { ask explain "$1" "$2" | grep -qF "$3" || { ask explain "$1" "$2" | tail -n 2; return 1; }; }

# ---- two interfaces ----

configure '["clients", "outer"]' --clients 10.1.0.0/16 --clients 2001:db8:1::/48
ok "it_starts" start
ok "the_interface_with_the_default_route_faces_outside" sides_are \
	'[["clients","clients",true],["outer","outside",true]]'
ok "it_is_healthy" ask status
ok "status_says_where_the_clients_are" sh -c "'$ctl' --socket '$dir/a.sock' status |
	grep -qF 'clients       10.1.0.0/16, 2001:db8:1::/48; other sources from their side are dropped'"
hear clients
ok "a_device_downloads_at_ten_times_its_rate" stream 4 outer 192.0.2.9 10.1.0.2
ok "4000_of_4000_arrive" all_arrive 192.0.2.9 10.1.0.2 4000
ok "as_answers" test "$(reason pass_answer)" -eq 4000
ok "which_make_no_record" sh -c "'$ctl' --socket '$dir/a.sock' pairs --json | jq -e '.pairs == []'"
stream 1 outer 2001:db8:99::9 2001:db8:1::2
ok "IPv6_answers_pass_as_well" all_arrive 2001:db8:99::9 2001:db8:1::2 1000
send outer 192.0.2.9 10.1.0.2 1000 vlan=5
ok "and_those_behind_a_VLAN_tag" wait_for 5 counts_all pass_answer 6000
hear outer
ok "the_device_floods_a_victim" stream 4 clients 10.1.0.2 198.51.100.7
ok "and_is_held_to_its_rate" about 100 10.1.0.2 198.51.100.7
ok "it_drops" test "$(reason drop_pair)" -gt 3000
send clients 192.0.2.77 198.51.100.7 500
send clients 2001:db8:99::77 2001:db8:99::1 500
ok "spoofed_sources_drop_and_are_counted" test "$(reason drop_foreign_source)" -eq 1000
ok "none_arrives" test "$(arrived 192.0.2.77 198.51.100.7)" -eq 0
send outer 192.0.2.77 198.51.100.7 20
ok "from_outside_it_is_nobody_s_business" all_arrive 192.0.2.77 198.51.100.7 20
ok "and_has_a_counter" test "$(reason pass_not_client)" -eq 20
hear clients
dropped=$(reason drop_pair)
ok "a_device_floods_another_client" stream 2 clients 10.1.0.2 10.1.0.3
ok "and_is_judged" about 100 10.1.0.2 10.1.0.3
ok "and_dropped" test "$(($(reason drop_pair) - dropped))" -gt 1000
ok "explain_says_what_an_answer_is" explains 192.0.2.9 10.1.0.2 \
	"an answer: from elsewhere than the clients' side its packets pass (pass_answer)"
ok "and_what_is_neither" explains 192.0.2.9 198.51.100.7 "neither end is a client:"
ok "and_of_a_device_the_rate" explains 10.1.0.2 10.1.0.3 "every packet drops: the pair is over its rate"
sed -i 's/^# drop_foreign_sources = true;/drop_foreign_sources = false;/' "$conf"
ok "it_starts_without_the_drop" again
send clients 192.0.2.78 198.51.100.7 10
ok "then_a_foreign_source_is_judged" counts_all pass 10
ok "and_has_a_record" sh -c "sleep 0.5; '$ctl' --socket '$dir/a.sock' pairs --json | jq -e '.pairs | length >= 1'"
sed -i 's/^drop_foreign_sources = false;/# drop_foreign_sources = true;/' "$conf"
printf 'outer_interfaces = [];\n' >>"$conf"
ok "the_setting_is_asked_before_the_routes" again
ok "it_says_that_both_face_clients" sides_are '[["clients","clients",true],["outer","clients",true]]'

# ---- forwarding by XDP itself ----

sed -i '/^outer_interfaces/d' "$conf"
sed -i 's/^# forward = "kernel";/forward = "fast";/' "$conf"
for interface in clients outer; do outside "$packets" ready $interface; done
ok "it_starts_with_the_fast_way" again
hear clients
forwarded=$(reason forwarded)
stream 1 outer 192.0.2.9 10.1.0.2
ok "answers_take_it" wait_for 5 counts_all forwarded $((forwarded + 1000))
ok "and_arrive" all_arrive 192.0.2.9 10.1.0.2 1000
ok "it_ends" stop TERM

# ---- one interface ----

"$ctl" detach --pin-path "$dir/bpf/a" >/dev/null
here route replace default via 10.77.1.2
here -6 route replace default via 2001:db8:77:1::2
configure '["clients"]'
what="so packets are counted and judged, and none drops; set clients, or judge_replies = true"
ok "check_config_warns" sh -c "nsenter --net=/run/netns/$name '$bin/gossipd' --config '$conf' --check-config |
	grep -qF '$what'"
ok "without_clients_it_starts" start
ok "and_is_degraded" sh -c "'$ctl' --socket '$dir/a.sock' status >'$dir/status'; [ \$? -eq 4 ]"
why="the default route leads out by clients (IPv4, IPv6): replies to clients come in there"
ok "for_this_reason" grep -qF "$why, $what" "$dir/status"
ok "in_JSON_as_well" sides_are '[["clients","outside",false]]'
ok "and_in_the_log" wait_for 10 logged \
	"condition not_enforced (error): interfaces: the default route leads out by clients"
hear clients
ok "a_download_passes" stream 2 clients 192.0.2.9 10.1.0.2
ok "2000_of_2000_arrive" all_arrive 192.0.2.9 10.1.0.2 2000
ok "it_would_have_dropped" test "$(reason would_drop)" -gt 1000
enforced() { ask events --json |
	jq -sc '[.[] | select(.kind == "overload" or .kind == "pair_over") | .enforced] | unique'; }
speak_of_no_drops() { got=$(enforced); echo "$got"; [ "$got" = "[false]" ]; }
ok "events_do_not_speak_of_drops" speak_of_no_drops
sed -i 's/^# judge_replies = false;/judge_replies = true;/' "$conf"
ok "with_judge_replies_it_starts" again
ok "it_is_healthy_then" ask status
warns() { ask --json status | jq -e '.warnings[0].text | test("judged like an attack")'; }
ok "and_warns" warns
hear clients
stream 2 clients 192.0.2.10 10.1.0.2
ok "the_download_drops_like_an_attack" about 100 192.0.2.10 10.1.0.2
configure '["clients"]' --clients 10.1.0.0/16 --clients 2001:db8:1::/48
ok "with_clients_it_starts_over_the_same_table" again
ok "it_is_healthy_again" ask status
record_is_gone() { ask explain 192.0.2.10 10.1.0.2 --json | jq -e '.pair_record.present | not'; }
ok "records_of_replies_go" wait_for 10 record_is_gone
hear clients
stream 4 clients 192.0.2.10 10.1.0.2
ok "the_download_is_whole" all_arrive 192.0.2.10 10.1.0.2 4000
stream 2 clients 10.1.0.2 198.51.100.8
ok "the_device_s_flood_is_not" about 100 10.1.0.2 198.51.100.8
ok "it_ends_well" stop TERM

done_testing
