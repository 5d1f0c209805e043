#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# One gossipd whose policy changes while packets pass: lists, rates by prefix, what is refused, what ends by itself. Needs root. Speaks TAP.
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
pings() { nsenter --net="/run/netns/$name-client" ping -q -c "$1" -i 0.01 -W "$2" 10.77.2.2 | sed -n 's/.* \([0-9]*\) received.*/\1/p'; }
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
"$ctl" mesh issue a --directory "$dir/mesh" --address 10.77.1.1:7946 --interface clients --state-directory "$dir/state" \
	--pin-path "$dir/bpf/a" --control-socket "$dir/a.sock" --pair-rate 1000 --destination-rate 0 >/dev/null
sed -i -e 's/^gossip = true;/gossip = false;/' -e 's/client_pairs = [0-9]*;/client_pairs = 4;/' -e '/^policy = {/,/^};/d' "$dir/mesh/a/a.conf"
printf 'policy_file = "rules";\n' >>"$dir/mesh/a/a.conf"
: >"$dir/mesh/a/rules"
start() {
	( exec nsenter --net="/run/netns/$name" "$bin/gossipd" --config "$dir/mesh/a/a.conf" ) >>"$dir/log" 2>&1 </dev/null &
	daemon=$!
}
: >"$dir/log"
start

# ---- ----

ok "it_starts_with_an_empty_policy" wait_for 15 grep -q 'gossipd: ready:' "$dir/log"
ok "packets_pass" answered 5
ok "a_block_is_taken_over" policy 'block = ["10.77.1.0/24"];'
ok "and_drops" some_answered 5 -eq 0
ok "with_its_own_counter" grew drop_blocked 4
ok "explain_says_why" says "is on block" ask explain 10.77.1.2 10.77.2.2
ok "and_by_which_rule" says "10.77.1.0/24" ask explain 10.77.1.2 10.77.2.2
ok "the_rules_are_shown" says "10.77.1.0/24" ask policy show
ok "with_the_version" says "policy version 0 (of this proxy's configuration)" ask policy show

printf 'block = ["10.77.1.0/24"];\nblock = ( );\n' >"$dir/mesh/a/rules"
kill -HUP "$daemon"
ok "a_wrong_policy_is_told_at_its_line" wait_for 10 told "rules:2: this setting stands here for the second time" 1
printf 'pair_min_window_ms = 60000;\n' >"$dir/mesh/a/rules"
kill -HUP "$daemon"
ok "and_one_that_does_not_fit_the_mesh" wait_for 10 told "window_max / decay^2" 1
ok "the_old_one_stays_in_force" some_answered 3 -eq 0

ok "a_rate_by_prefix_is_taken_over" policy 'rules = ( { client = "10.77.1.2"; pair_rate = 2; } );'
ok "and_holds" some_answered 50 -lt 30
ok "never_drop_is_taken_over" policy 'rules = ( { client = "10.77.1.2"; pair_rate = 2; } ); never_drop = ( { destination = "10.77.2.0/24"; } );'
ok "and_comes_before_the_rate" answered 50
ok "with_its_own_counter" grew pass_never_drop 49
ok "protected_only_is_taken_over" policy 'protected_only = true; protected = ["192.0.2.0/24"]; block = ["10.0.0.0/8"];'
ok "what_is_not_protected_passes_uncounted" answered 5
ok "with_its_own_counter" grew pass_unprotected 4

ok "a_block_with_an_end_is_taken_over" policy "block = ( { client = \"10.77.1.2\"; until = \"$(date -u -d '+12 seconds' +%Y-%m-%dT%H:%M:%SZ)\"; } );"
ok "and_drops" some_answered 3 -eq 0
ok "and_ends_by_itself" wait_for 20 some_answered 1 -eq 1
ok "which_is_shown" says "ended" ask policy show
ok "and_in_force_as_ended" wait_for 5 told "is in force in the kernel" $((before + 2))

spray() { for host in 10 11 12 13 14 15 16 17; do nsenter --net="/run/netns/$name-client" ping -q -c 1 -W 0.1 "10.77.2.$host"; done; :; }
full() { [ "$(ask status --json | jq .status.clients_full)" -eq 1 ]; }
ok "no_rule_is_left" policy ''
ok "a_client_sprays_destinations" spray
ok "beyond_its_quota_they_get_no_record" grew client_quota 3
ok "which_status_shows" wait_for 5 full
ok "and_an_event" wait_for 5 says client_quota ask events
ok "while_its_known_pair_goes_on" answered 5

# ---- another gossipd, under traffic ----

# unfiltered SIGNAL...: whether a packet passed while gossipd ended by each of these in turn, and another took over. A restart takes some 200 ms,
# in which ping, which nothing answers, sends twenty.
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

done_testing
