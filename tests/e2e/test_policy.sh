#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# One gossipd whose policy changes while packets pass: lists, rates by prefix, what is refused, what ends by itself.
# Needs root. Speaks TAP.
#
#      client 10.77.1.2 <--clients--> 10.77.1.1 proxy 10.77.2.1 <--servers--> 10.77.2.2 server
set -u

here=$(cd "$(dirname "$0")/../.." && pwd)
bin=${BIN:-$here/build/bin}
ctl=$bin/gossipctl
dir=$(mktemp -d)
name=xpro-policy-$$
daemon=
. "$here/tests/e2e/tap.sh"

finish() {
	[ -z "$daemon" ] || { kill -KILL "$daemon"; wait "$daemon"; } 2>/dev/null
	for place in "$name" "$name-client" "$name-server"; do ip netns del "$place" 2>/dev/null; done
	umount -l "$dir/bpf" 2>/dev/null
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

# ---- verbs ----

ask() { "$ctl" --socket "$dir/a.sock" "$@"; }
reason() { ask status --json | jq -r ".reasons[] | select(.name == \"$1\") | .packets"; }
grew() { [ "$(reason "$1")" -gt "$2" ] || { echo "$1: $(reason "$1")"; return 1; }; }
told() { [ "$(grep -cF -e "$1" "$dir/log")" -ge "$2" ]; }
says() { text=$1; shift; "$@" >"$dir/said" 2>&1; grep -qF -e "$text" "$dir/said" || { cat "$dir/said"; return 1; }; }

# policy TEXT: the policy file, in force in the kernel; the one before is, so the next that comes into force is this one
policy() {
	before=$(grep -cF "is in force in the kernel" "$dir/log")
	printf '%s\n' "$1" >"$dir/mesh/a/rules"
	kill -HUP "$daemon"
	wait_for 10 told "is in force in the kernel" $((before + 1))
}

# pings COUNT WAIT: how many of them were answered, the last within WAIT seconds
pings() {
	nsenter --net="/run/netns/$name-client" ping -q -c "$1" -i 0.01 -W "$2" 10.77.2.2 |
		sed -n 's/.* \([0-9]*\) received.*/\1/p'
}
answered() { got=$(pings "$1" 10); [ "$got" -eq "$1" ] || { echo "$got of $1 answered"; return 1; }; }
some_answered() { got=$(pings "$1" 1); test "$got" "$2" "$3" || { echo "$got of $1 answered"; return 1; }; }

# ---- the place ----

[ "$(id -u)" -eq 0 ] || { echo "Bail out! needs root"; exit 1; }
for place in "$name" "$name-client" "$name-server"; do ip netns add "$place"; done
ip -n "$name" link set lo up
ip -n "$name" link add clients type veth peer name proxy netns "$name-client"
ip -n "$name" link add servers type veth peer name proxy netns "$name-server"
ip -n "$name" addr add 10.77.1.1/24 dev clients
ip -n "$name" addr add 10.77.2.1/24 dev servers
ip -n "$name" link set clients up
ip -n "$name" link set servers up
ip -n "$name-client" addr add 10.77.1.2/24 dev proxy
ip -n "$name-server" addr add 10.77.2.2/24 dev proxy
ip -n "$name-client" link set proxy up
ip -n "$name-server" link set proxy up
ip -n "$name-client" route add default via 10.77.1.1
ip -n "$name-server" route add default via 10.77.2.1
nsenter --net="/run/netns/$name" sysctl -qw net.ipv4.ip_forward=1
mkdir "$dir/bpf"
mount -t bpf bpf "$dir/bpf"
"$ctl" mesh init --directory "$dir/mesh" >/dev/null
"$ctl" mesh issue a --directory "$dir/mesh" --address 10.77.1.1:7946 --interface clients \
	--state-directory "$dir/state" --pin-path "$dir/bpf/a" --control-socket "$dir/a.sock" --pair-rate 1000 \
	--destination-rate 0 >/dev/null
sed -i -e 's/^gossip = true;/gossip = false;/' -e 's/client_pairs = [0-9]*;/client_pairs = 4;/' \
	-e '/^policy = {/,/^};/d' "$dir/mesh/a/a.conf"
printf 'policy_file = "rules";\n' >>"$dir/mesh/a/a.conf"
: >"$dir/mesh/a/rules"
start() {
	(
		exec nsenter --net="/run/netns/$name" "$bin/gossipd" --config "$dir/mesh/a/a.conf"
	) >>"$dir/log" 2>&1 </dev/null &
	daemon=$!
}
: >"$dir/log"
start

# ---- ----

ok "it_starts_with_an_empty_policy" wait_for 15 grep -q 'gossipd: ready:' "$dir/log"
ok "a_rate_of_0_is_warned_of_at_start" grep -q 'warning: .*a\.conf:[0-9]*: destination_rate: 0 is no limit' "$dir/log"
ok "and_by_check_config" says "destination_rate: 0 is no limit" \
	"$bin/gossipd" --config "$dir/mesh/a/a.conf" --check-config
ok "which_passes_all_the_same" "$bin/gossipd" --config "$dir/mesh/a/a.conf" --check-config
ok "status_says_no_limit" says "pair 1000/s (drop), destination no limit (fair)" ask status
ok "so_does_policy_show" says "pair 1000/s (drop), destination no limit (fair)" ask policy show
ok "packets_pass" answered 5
ok "a_block_is_taken_over" policy 'block = ["10.77.1.0/24"];'
ok "and_drops" some_answered 5 -eq 0
ok "with_its_own_counter" grew drop_blocked 4
ok "explain_says_why" says "is on block" ask explain 10.77.1.2 10.77.2.2
ok "and_by_which_rule" says "10.77.1.0/24" ask explain 10.77.1.2 10.77.2.2
ok "the_rules_are_shown" says "10.77.1.0/24" ask policy show
ok "and_that_a_rate_is_no_limit" says "T_F2 (destination_rate): no limit" ask explain 10.77.1.2 10.77.2.2
ok "the_list_of_destinations_says_so_as_well" says "no limit" ask destinations
ok "with_the_version" says "policy version 0 (of this proxy's configuration)" ask policy show

printf 'block = ["10.77.1.0/24"];\nblock = ( );\n' >"$dir/mesh/a/rules"
kill -HUP "$daemon"
ok "a_wrong_policy_is_told_at_its_line" wait_for 10 told "rules:2: this setting stands here for the second time" 1
printf 'pair_min_window_ms = 60000;\n' >"$dir/mesh/a/rules"
kill -HUP "$daemon"
ok "and_one_that_does_not_fit_the_mesh" wait_for 10 told "window_max / decay^2" 1
printf 'pair_rate = 4294967296;\n' >"$dir/mesh/a/rules"
kill -HUP "$daemon"
ok "and_a_number_that_would_wrap_to_no_limit" wait_for 10 told "rules:1: pair_rate: 4294967296 is out of bounds" 1
refused_push() {
	! "$ctl" policy push "$dir/rules" --directory "$dir/mesh" >"$dir/said" 2>&1 && grep -qF "$1" "$dir/said" &&
		[ ! -e "$dir/mesh/policy.doc" ]
}
printf 'pair_rate = 4294967296;\ndestination_rate = 4294967296;\n' >"$dir/rules"
ok "which_is_not_signed_either" refused_push "rules:1: pair_rate: 4294967296 is out of bounds"
printf 'pair_rate = 5;\ndestination_rate = 0x1000000c8;\n' >"$dir/rules"
ok "nor_one_that_would_wrap_to_200" refused_push "rules:2: destination_rate: 0x1000000c8 is out of bounds"
wide_option() {
	"$ctl" mesh issue b --directory "$dir/mesh" --address 10.77.1.9:7946 "$@" >"$dir/said" 2>&1
	[ $? -eq 2 ] && grep -qF -e "$1: a number from 0 to 100000000 is needed" "$dir/said"
}
for wide in 4294967296 -1 +5 0x10 5.0 99999999999999999999; do
	ok "nor_is_it_taken_on_the_command_line_$wide" wide_option --pair-rate "$wide"
done
wide_mesh() {
	sed "s/^tick_ms = .*/tick_ms = 4294967496;/" "$dir/mesh/mesh.conf" >"$dir/wide/mesh.conf"
	says "mesh.conf:2: tick_ms: 4294967496 is out of bounds" "$ctl" mesh rotate secret --directory "$dir/wide"
}
cp -r "$dir/mesh" "$dir/wide"
ok "nor_by_the_authority_s_own_parameters" wide_mesh
ok "the_old_one_stays_in_force" some_answered 3 -eq 0

ok "a_rate_by_prefix_is_taken_over" policy 'rules = ( { client = "10.77.1.2"; pair_rate = 2; } );'
ok "and_holds" some_answered 50 -lt 30
ok "a_rule_without_a_limit_is_taken_over" policy 'rules = ( { client = "10.77.1.2"; pair_rate = 0; } );'
ok "with_a_warning" told "rules:1: a rate of this rule is 0: no limit" 1
ok "and_shown_as_one" says "pair_rate: no limit" ask policy show
ok "rates_of_clients_and_networks_are_taken_over" policy 'client_rate = 2;
	rules = ( { destination = "10.77.2.0/24"; network_rate = 2; } );'
ok "which_policy_show_says" says "client 2/s, network no limit" ask policy show
ok "beside_the_rule" says "network_rate = 2" ask policy show
ok "and_explain" says "network_rate of 10.77.2.0/24: 2/s" ask explain 10.77.1.2 10.77.2.2
ok "and_holds_for_all_destinations_together" some_answered 50 -lt 30
printf 'rules = ( { destination = "10.77.2.0/25"; network_rate = 2; } );\n' >"$dir/mesh/a/rules"
kill -HUP "$daemon"
ok "a_rule_for_a_part_of_a_network_is_refused" wait_for 10 told "rules:1: policy: network_rate: the prefix is longer" 1
ok "never_drop_is_taken_over" policy \
	'rules = ( { client = "10.77.1.2"; pair_rate = 2; } ); never_drop = ( { destination = "10.77.2.0/24"; } );'
ok "and_comes_before_the_rate" answered 50
ok "with_its_own_counter" grew pass_never_drop 49
ok "protected_only_is_taken_over" policy 'protected_only = true; protected = ["192.0.2.0/24"]; block = ["10.0.0.0/8"];'
ok "what_is_not_protected_passes_uncounted" answered 5
ok "with_its_own_counter" grew pass_unprotected 4

ok "a_block_with_an_end_is_taken_over" policy \
	"block = ( { client = \"10.77.1.2\"; until = \"$(date -u -d '+12 seconds' +%Y-%m-%dT%H:%M:%SZ)\"; } );"
ok "and_drops" some_answered 3 -eq 0
ok "and_ends_by_itself" wait_for 20 some_answered 1 -eq 1
ok "which_is_shown" says "ended" ask policy show
ok "and_in_force_as_ended" wait_for 5 told "is in force in the kernel" $((before + 2))

spray() {
	for host in 10 11 12 13 14 15 16 17; do
		nsenter --net="/run/netns/$name-client" ping -q -c 1 -W 0.1 "10.77.2.$host"
	done
	:
}
full() { [ "$(ask status --json | jq .status.clients_full)" -eq 1 ]; }
# ---- monitor mode ----

rates='rules = ( { client = "10.77.1.2"; pair_rate = 2; } );'
# overloads ENFORCED TEXT: all overload events of this mode say this, and there is one
overloads() {
	ask --json events | jq -se --argjson enforced "$1" --arg text "$2" '
		[.[] | select(.kind == "overload" and .enforced == $enforced) | .text | startswith($text)]
			| length > 0 and all'
}
neither() { ask --json events | jq -se '[.[] | select(.kind == "overload" and .enforced == null)] == []'; }
lines() { grep -cF -e "$1" "$dir/log"; :; }
ok "no_event_of_a_dropped_pair_says_that_it_would_be" overloads true "is dropped here: "
ok "monitor_mode_comes_by_reload" policy "mode = \"monitor\"; $rates"
ok "which_the_log_tells" told \
	"is in force in the kernel; mode = monitor: what is over its rate would be dropped, and passes" 1
dropped=$(lines "is dropped here")
ok "packets_over_the_rate_pass" answered 50
ok "an_event_says_would_be_dropped" wait_for 5 overloads false "would be dropped here: "
ok "so_does_the_log" told "would be dropped here: " 1
ok "which_does_not_say_is_dropped" [ "$(lines "is dropped here")" -eq "$dropped" ]
ok "explain_says_would_drop" says "every packet would drop (mode = monitor: it passes)" ask explain 10.77.1.2 10.77.2.2
not_enforced() { ask --json explain 10.77.1.2 10.77.2.2 | jq -e '.verdict.enforced == false'; }
ok "and_in_JSON" not_enforced
ok "status_says_it_too" says "mode = monitor: what is over would be dropped, and passes" ask status
ok "enforcing_comes_by_reload" policy "$rates"
would=$(lines "would be dropped here")
ok "and_drops" some_answered 50 -lt 30
ok "new_events_say_is_dropped" wait_for 5 overloads true "is dropped here: "
ok "old_ones_keep_their_mode" overloads false "would be dropped here: "
ok "none_is_without" neither
ok "the_log_says_is_dropped_again" told "is dropped here: " $((dropped + 1))
ok "and_no_more_would_be" [ "$(lines "would be dropped here")" -eq "$would" ]
ok "no_rule_is_left" policy ''
ok "a_client_sprays_destinations" spray
ok "beyond_its_quota_they_get_no_record" grew client_quota 3
ok "which_status_shows" wait_for 5 full
ok "and_an_event" wait_for 5 says client_quota ask events
ok "while_its_known_pair_goes_on" answered 5

# ---- another gossipd, under traffic ----

# unfiltered SIGNAL...: whether a packet passed while gossipd ended by each of these in turn, and another took over. A
# restart takes some 200 ms, in which ping, which nothing answers, sends twenty.
restarted() { told "gossipd: ready:" "$1"; }
unfiltered() {
	nsenter --net="/run/netns/$name-client" ping -q -i 0.001 10.77.2.2 >"$dir/pinged" &
	pinging=$!
	for signal; do
		starts=$(grep -c "gossipd: ready:" "$dir/log")
		kill -"$signal" "$daemon"
		wait "$daemon" 2>/dev/null
		start
		wait_for 15 restarted $((starts + 1))
	done
	kill -INT "$pinging"
	wait "$pinging"
	echo "# $(tail -n 2 "$dir/pinged" | head -n 1)"
	sent=$(sed -n 's/^\([0-9]*\) packets transmitted.*/\1/p' "$dir/pinged")
	[ "$sent" -ge $((10 * $#)) ] && grep -q " 0 received" "$dir/pinged"
}
ok "a_block_is_in_force_again" policy 'block = ["10.77.1.0/24"];'
ok "and_drops_again" some_answered 5 -eq 0
ok "no_packet_passes_while_gossipd_is_restarted_and_killed" unfiltered TERM KILL TERM KILL
ok "nor_afterwards" some_answered 5 -eq 0


# ---- of the mesh ----

push() { "$ctl" policy push "$dir/rules" --directory "$dir/mesh" --socket "$dir/a.sock" --in 0 >"$dir/said" 2>&1; }
printf 'pair_rate = 0;\ndestination_rate = 7;\n' >"$dir/rules"
ok "a_policy_of_the_mesh_without_a_limit_is_pushed" push
ok "with_a_warning" grep -q 'gossipctl: warning: .*rules:1: pair_rate: 0 is no limit' "$dir/said"
ok "and_one_in_the_log_when_it_comes_into_force" \
	wait_for 15 told "policy: version 1 of the mesh: pair_rate is 0: no limit" 1

done_testing
