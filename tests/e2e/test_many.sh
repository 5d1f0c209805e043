#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Sixty-four real daemons on one machine are one mesh: two of them count, all know. All stand in one namespace on
# loopback addresses of their own, with small tables; only the first two filter an interface. Needs root. Speaks TAP.
#
#      $name-peer                            $name
#      clients  <--------------veth--------> clients   n1 (127.0.1.1)
#      second   <--------------veth--------> second    n2 (127.0.1.2)     n3 ... n64: interfaces = []
set -u
. "$(dirname "$0")/lonely.sh"
nodes=${NODES:-64}
mesh_options="--window-max-ms 20000" # slots of 10 s: ledgers hold what was counted in the last 60 to 70 s
begin
ip -n "$name" link add second address 02:00:00:00:01:02 type veth peer name second address 02:00:00:00:00:02 \
	netns "$name-peer"
ip -n "$name" link set second up
ip -n "$name-peer" link set second up

each() { seq 1 "$nodes"; }
ask_n() { n=$1; shift; "$ctl" --socket "$dir/n$n.sock" "$@"; }
status_n() { ask_n "$1" status --json 2>/dev/null | jq -r ".status.$2"; }

issue_all() {
	for n in $(each); do
		interface=
		[ "$n" -ne 1 ] || interface="--interface clients"
		[ "$n" -ne 2 ] || interface="--interface second"
		# shellcheck disable=SC2086
		issue "n$n" "127.0.1.$n:7946" --pair-rate 0 --destination-rate 0 $interface || return 1
		sed -i -e "s|^listen = .*|listen = [\"127.0.1.$n:7946\"];|" -e '/^limits = {/,/^};/d' \
			"$dir/mesh/n$n/n$n.conf"
		[ "$n" -le 2 ] || sed -i 's|^interfaces = .*|interfaces = [];|' "$dir/mesh/n$n/n$n.conf"
		{
			# every ledger is compared with every packet; by need a slow key is not told
			echo 'publish = "all";'
			echo 'limits = { pairs4 = 1024; pairs6 = 64; destinations = 64; keys = 4096; cells = 16384;'
			echo '	frames = 512; frames_per_tick = 32; };'
		} >>"$dir/mesh/n$n/n$n.conf"
	done
}

start_all() {
	for n in $(each); do
		(
			exec nsenter --net="/run/netns/$name" "$bin/gossipd" --config "$dir/mesh/n$n/n$n.conf"
		) >"$dir/n$n.log" 2>&1 </dev/null &
		echo $! >"$dir/pid.n$n"
	done
	for n in $(each); do
		wait_for 20 grep -q 'gossipd: ready:' "$dir/n$n.log" || { cat "$dir/n$n.log"; return 1; }
	done
}

# all_say FIELD VALUE
all_say() {
	for n in $(each); do
		said=$(status_n "$n" "$1")
		[ "$said" = "$2" ] || { echo "n$n: $1 is $said, not $2"; return 1; }
	done
}
throw() {
	outside "$root/tests/e2e/throw.py" clients 02:00:00:00:01:01 "$1" 198.18.1.1 50 10 &
	first=$!
	outside "$root/tests/e2e/throw.py" second 02:00:00:00:01:02 "$1" 198.18.2.1 50 10
	wait "$first"
}
held_by() { ask_n "$1" explain 198.18.1.1 "$2" --json | jq '[.destination_cells[].packets] | add // 0'; }
all_hold() {
	for n in $(each); do
		held=$(held_by "$n" "$1")
		[ "$held" = "$2" ] || { echo "n$n holds $held of $2"; return 1; }
	done
}
cpu_of_all() {
	total=0
	for n in $(each); do total=$((total + $(cpu_ms "$(cat "$dir/pid.n$n")"))); done
	echo "$total"
}
now_ms() { date +%s%3N; }

ok "${nodes}_nodes_are_issued" issue_all
ok "all_start" start_all
[ "$failed" -eq 0 ] || done_testing
begun=$(now_ms)
ok "all_find_each_other" wait_for 60 all_say members_up "$nodes"
echo "# all $nodes see all after $(($(now_ms) - begun)) ms"
before=$(cpu_of_all)
begun=$(now_ms)
ok "two_of_them_count" throw 192.0.2.1
ok "all_know_it" wait_for 40 all_hold 192.0.2.1 1000
echo "# $(($(now_ms) - begun)) ms from the first packet until every ledger was read and right"
# asked anew each time: it changes when a slot is forgotten
all_equal() { digest=$(status_n 1 ledger_digest) && all_say ledger_digest "$digest"; }
ok "all_ledgers_are_equal" wait_for 10 all_equal
elapsed=$(($(now_ms) - begun))
echo "# CPU time of all: $((($(cpu_of_all) - before) * 100 / elapsed)) % of one core"

kill -KILL "$(cat "$dir/pid.n7")" && wait "$(cat "$dir/pid.n7")" 2>/dev/null
rm "$dir/pid.n7"
all_but_one() {
	[ "$(status_n 1 members_up)" = $((nodes - 1)) ] && [ "$(status_n "$nodes" members_up)" = $((nodes - 1)) ]
}
ok "one_that_dies_is_missed" wait_for 20 all_but_one
ok "they_count_on" throw 192.0.2.2
(
	exec nsenter --net="/run/netns/$name" "$bin/gossipd" --config "$dir/mesh/n7/n7.conf"
) >"$dir/n7.log" 2>&1 </dev/null &
echo $! >"$dir/pid.n7"
ok "it_starts_again" wait_for 40 grep -q 'gossipd: ready:' "$dir/n7.log"
ok "and_all_know_all" wait_for 40 all_hold 192.0.2.2 1000
rss=$(for n in $(each); do awk '/^VmRSS/ { print $2 }' "/proc/$(cat "$dir/pid.n$n")/status"; done | sort -n | tail -n 1)
echo "# largest daemon: $rss kB"
ok "none_is_large" test "$rss" -lt 60000
end_all() {
	for n in $(each); do kill -TERM "$(cat "$dir/pid.n$n")"; done
	for n in $(each); do wait "$(cat "$dir/pid.n$n")" || return 1; rm "$dir/pid.n$n"; done
}
ok "all_end_well" end_all
done_testing
