#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A filtered interface with a default route drops nothing without `clients`, which --check-config warns of and which
# degrades, as routes come and go: IPv4, IPv6, several hops, other tables, VLANs and bridges; and no other interface is
# looked at so. Needs root. Speaks TAP.
#
#      $name: clients (filtered) <--veth--> $name-peer, other (not filtered) <--veth--> $name-peer
set -u
. "$(dirname "$0")/lonely.sh"
begin

here() { ip -n "$name" "$@"; }
checked() {
	inside "$bin/gossipd" --config "$conf" --check-config >"$dir/checked" 2>&1 || { cat "$dir/checked"; return 1; }
}
text="replies to clients come in there"

# warns WHAT: --check-config names clients with these families, at its line, and succeeds
warns() {
	line=$(grep -n '^interfaces' "$conf" | cut -d: -f1)
	checked && grep -qF "a.conf:$line: interfaces: the default route leads out by clients ($1): $text" \
		"$dir/checked" ||
		{ cat "$dir/checked"; return 1; }
}
quiet() { checked && ! grep -qF "$text" "$dir/checked" || { cat "$dir/checked"; return 1; }; }

here link add other type veth peer name other netns "$name-peer"
ip -n "$name-peer" link set other up
here link set other up
here addr add 10.77.9.1/24 dev other
here -6 addr add 2001:db8:1::1/64 dev clients nodad
here -6 addr add 2001:db8:9::1/64 dev other nodad

ok "without_a_default_route_nothing_is_said" quiet
here route add default via 10.77.9.2
here -6 route add default via 2001:db8:9::2
ok "one_by_another_interface_is_nobody_s_business" quiet
here -6 route add default via 2001:db8:1::2 metric 2000
ok "an_IPv6_default_route_is_warned_of" warns IPv6
here route add default via 10.77.1.2 metric 200
ok "and_an_IPv4_one" warns "IPv4, IPv6"
here -6 route del default via 2001:db8:1::2 metric 2000
ok "each_for_itself" warns IPv4
here route del default via 10.77.1.2 metric 200
ok "not_once_it_is_gone" quiet
here route add default metric 300 nexthop via 10.77.9.3 nexthop via 10.77.1.2
ok "one_of_several_hops_counts" warns IPv4
here route del default metric 300
here route add default via 10.77.1.2 table 77
ok "so_does_another_table" warns IPv4
here route flush table 77
here route add 0.0.0.0/1 via 10.77.1.2
ok "and_half_a_default_route" warns IPv4
here route del 0.0.0.0/1
here route add 10.0.0.0/8 via 10.77.1.2
here route add blackhole default metric 900
here -6 route add unreachable default metric 900
ok "a_network_is_none_nor_is_a_black_hole" quiet

# ---- what the interface carries ----

# Not every kernel has each of these.
for type in "vlan id 5" macvlan ipvlan; do
	# shellcheck disable=SC2086
	here link add link clients name upper type $type 2>/dev/null || continue
	here link set upper up
	here route add default dev upper metric 400
	ok "what_comes_by_a_${type%% *}_comes_in_by_its_parent" warns IPv4
	here link del upper
done
here link add bridge type bridge
here link set bridge up
here link set clients master bridge
here route add default dev bridge metric 400
ok "a_bridge_s_by_its_ports" warns IPv4
here link del bridge
here link add left type veth peer name right
here link set left up
here link set right up
here route add default dev right metric 400
sed -i 's/^interfaces = .*/interfaces = ["left"];/' "$conf"
ok "a_veth_s_other_end_is_not_below_it" quiet
sed -i 's/^interfaces = .*/interfaces = ["clients"];/' "$conf"
here link del left

# ---- as the daemon runs ----

shown() { ask --json status | jq -er '.status.degraded_reasons[]' |
	grep -qF "the default route leads out by clients ($1): $text"; }
none() { ask --json status | jq -e '.warnings == [] and .status.degraded_reasons == []'; }
ends_with() { ask status >"$dir/status"; got=$?; [ "$got" -eq "$1" ] || { cat "$dir/status"; return 1; }; }
sed -i 's/^gossip = true;/gossip = false;/' "$conf"
ok "gossipd_starts" start
ok "status_has_nothing_to_say" none
here -6 route add default via 2001:db8:1::2 metric 2000
ok "a_route_that_comes_later_shows" wait_for 5 shown IPv6
ok "and_degrades" ends_with 4
ok "in_the_table_as_well" grep -qF "degraded: interfaces: the default route leads out by clients (IPv6): $text" \
	"$dir/status"
ok "and_in_the_log" wait_for 5 logged \
	"condition not_enforced (error): interfaces: the default route leads out by clients (IPv6): $text"
here -6 route del default via 2001:db8:1::2 metric 2000
ok "it_goes_with_the_route" wait_for 5 none
here route add default via 10.77.1.2 metric 200
ok "and_comes_again_with_another" wait_for 5 shown IPv4
printf 'policy_file = "rules";\n' >>"$conf"
sed -i '/^policy = {/,/^};/d' "$conf"
printf 'protected_only = true; protected = ["192.0.2.0/24"];\n' >"$dir/mesh/a/rules"
kill -HUP "$daemon"
ok "with_protected_only_replies_are_not_judged" wait_for 5 none
ok "says_check_config_too" quiet
# many_routes: a table with 20,000 routes, the default one among them
many_routes() {
	seq 0 19999 | awk '{
		printf "route add 172.%d.%d.%d/32 via 10.77.9.2\n", 16 + int($1 / 65536), int($1 / 256) % 256, $1 % 256
	}' | ip -n "$name" -batch -
}
: >"$dir/mesh/a/rules"
ok "a_table_of_many_routes" many_routes
kill -HUP "$daemon"
ok "is_not_in_the_way" wait_for 5 shown IPv4
short() { worst=$(field turn_cpu_ms_worst); echo "$worst ms"; [ "${worst%.*}" -lt 50 ]; }
ok "and_holds_up_nothing" short
ok "gossipd_ends" stop TERM

done_testing
