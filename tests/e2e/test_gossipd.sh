#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# One gossipd on one host: how it starts, refuses, answers, survives and ends. Needs root. Speaks TAP.
#
#      host (a namespace)      peer (a namespace, nobody in it)
#      clients  10.77.1.1 <--veth--> 10.77.1.2
set -u

here=$(cd "$(dirname "$0")/../.." && pwd)
bin=${BIN:-$here/build/bin}
ctl=$bin/gossipctl
dir=$(mktemp -d)
name=xpro-test-$$
daemon=
. "$here/tests/e2e/tap.sh"

finish() {
	[ -z "$daemon" ] || { kill -KILL "$daemon"; wait "$daemon"; } 2>/dev/null
	for other in "$dir"/pid.*; do
		[ ! -f "$other" ] || { kill -KILL "$(cat "$other")"; wait "$(cat "$other")"; } 2>/dev/null
	done
	ip netns del "$name" 2>/dev/null
	ip netns del "$name-peer" 2>/dev/null
	umount -l "$dir/bpf" 2>/dev/null
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

# ---- verbs ----

inside() { nsenter --net="/run/netns/$name" "$@"; }
ask() { "$ctl" --socket "$dir/a.sock" "$@"; }
field() { ask status --json | jq -r ".status.$1"; }
logged() { grep -qF -e "$1" "$dir/log" || { tail -n 5 "$dir/log"; return 1; }; }
is_gone() { ! kill -0 "$1" 2>/dev/null; }

# start [VARIABLE=VALUE...] [-- CONFIG]: the daemon in the background, until it is ready
start() {
	: >"$dir/log"
	( exec nsenter --net="/run/netns/$name" "$bin/gossipd" --config "$conf" ) >"$dir/log" 2>&1 </dev/null &
	daemon=$!
	wait_for 10 grep -q 'gossipd: ready:' "$dir/log" || { cat "$dir/log"; return 1; }
}

# stop SIGNAL: and its exit status
stop() {
	kill "-$1" "$daemon"
	wait "$daemon"
	status=$?
	daemon=
	return "$status"
}

# refused TEXT [CONFIG]: a start ends with 1 and says this
refused() {
	inside timeout 80 "$bin/gossipd" --config "${2:-$conf}" >"$dir/refused" 2>&1
	status=$?
	[ "$status" -eq 1 ] || { echo "ended with $status:"; cat "$dir/refused"; return 1; }
	grep -qF -e "$1" "$dir/refused" || { echo "did not say \"$1\":"; cat "$dir/refused"; return 1; }
}

# changed SED-SCRIPT: the config with a change, under another name
changed() {
	sed "$1" "$conf" >"$dir/mesh/a/changed.conf"
	echo "$dir/mesh/a/changed.conf"
}

# ---- the place ----

[ "$(id -u)" -eq 0 ] || { echo "Bail out! needs root"; exit 1; }
ip netns add "$name"
ip netns add "$name-peer"
ip -n "$name" link set lo up
ip -n "$name" link add clients type veth peer name clients netns "$name-peer"
ip -n "$name" addr add 10.77.1.1/24 dev clients
ip -n "$name" link set clients up
ip -n "$name-peer" link set clients up
mkdir "$dir/bpf"
mount -t bpf bpf "$dir/bpf"
"$ctl" mesh init --directory "$dir/mesh" >/dev/null
"$ctl" mesh issue a --directory "$dir/mesh" --address 10.77.1.1:7946 --interface clients \
	--state-directory "$dir/state" --pin-path "$dir/bpf/a" --control-socket "$dir/a.sock" >/dev/null
conf=$dir/mesh/a/a.conf

# ---- starting, and what stands in the way ----

ok "it_starts" start
ok "it_says_how_its_interfaces_are_filtered" logged "filtering on clients (native)"
ok "it_is_healthy" ask status
ok "its_first_start_is_number_1" test "$(field boot)" = 1
no_capabilities() { ! grep -E '^Cap(Inh|Prm|Eff|Bnd|Amb):' "/proc/$daemon/status" | grep -v '0000000000000000$'; }
ok "it_kept_no_capability" no_capabilities
ok "it_cannot_get_any_back" grep -q 'NoNewPrivs:.1' "/proc/$daemon/status"
ok "its_socket_is_for_its_group_alone" test "$(stat -c %a "$dir/a.sock")" = 660
ok "every_answer_is_JSON" sh -c "for c in status members pairs destinations \
	clients networks 'explain 192.0.2.1 192.0.2.2'; do \
	$ctl --socket $dir/a.sock \$c --json | jq -e '.schema == 1 and (has(\"error\") | not)' || exit 1; done"
ok "the_program_is_on_the_interface" sh -c "ip -n $name link show clients | grep -q xdp"
ok "a_second_daemon_with_its_state_is_refused" refused "another gossipd uses this state directory"
ok "one_with_its_port_is_refused" refused \
	"cannot bind 0.0.0.0:7946: Address already in use; is another gossipd running?" \
	"$(changed "s|^state_directory.*|state_directory = \"$dir/other\";|")"
ok "one_with_its_socket_is_refused" refused "another program answers there" \
	"$(changed "s|^state_directory.*|state_directory = \"$dir/other\";|; s|7946|7947|g")"
ok "it_lives_on" ask status

# ---- while it runs ----

ok "a_bad_config_at_SIGHUP_leaves_the_old_one" sh -c "cp $conf $dir/kept; echo 'x = 1;' >>$conf; kill -HUP $daemon"
ok "and_is_told_with_its_line" wait_for 5 grep -q 'x: no such setting' "$dir/log"
sed 's/^log_level = .*/log_level = "debug";/' "$dir/kept" >"$conf"
ok "a_good_one_changes_the_log_level" sh -c "kill -HUP $daemon"
ok "and_says_so" wait_for 5 grep -q 'log_level is debug' "$dir/log"
cp "$dir/kept" "$conf"
ok "a_storm_of_SIGHUP_is_survived" \
	sh -c "i=0; while [ \$i -lt 500 ]; do kill -HUP $daemon || exit 1; i=\$((i + 1)); done"
ok "and_it_answers" ask status
descriptors() { find "/proc/$daemon/fd" -type l | wc -l; }
descriptors_before=$(descriptors)
python3 - "$dir/a.sock" >"$dir/clients.log" 2>&1 <<'PYTHON' &
import socket, sys, time
half_open = []
for i in range(200):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    if i % 2:
        s.send(b"\x31\x50\x4d\x58")
    half_open.append(s)
print("connected", flush=True)
time.sleep(60)
PYTHON
echo $! >"$dir/pid.clients"
ok "200_half_open_clients_connect" wait_for 10 grep -q connected "$dir/clients.log"
ok "and_do_not_keep_others_out" ask status
# at most CONTROL_CLIENTS_MAX are connected at once
ok "nor_grow_its_descriptors" test "$(descriptors)" -le $((descriptors_before + 16))
kill "$(cat "$dir/pid.clients")"
rm "$dir/pid.clients"
ok "garbage_is_answered_or_cut_but_harmless" sh -c "head -c 60 /dev/urandom | timeout 60 python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.send(sys.stdin.buffer.read())
s.settimeout(50)
print(s.recv(100))' $dir/a.sock"
ok "it_still_answers" ask status
noise() {
	inside python3 -c '
import os, random, socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
random.seed(7)
for i in range(20000):
    s.sendto(random.randbytes(random.choice([0, 1, 36, 52, 640, 1232, 1453, 9000])), ("127.0.0.1", 7946))'
}
ok "noise_at_the_gossip_port_is_sent" noise
heard_noise() { [ "$(ask status --json | jq '[.rejects[].count] | add')" -gt 100 ]; }
ok "it_is_counted" wait_for 5 heard_noise
ok "it_gets_no_line_in_the_log" test "$(wc -l <"$dir/log")" -lt 600

# ---- ending, and starting again ----

incarnation=$(field incarnation)
ok "kill_9_leaves_the_filter_on" sh -c "kill -KILL $daemon; ip -n $name link show clients | grep -q xdp"
wait "$daemon" 2>/dev/null
daemon=
ok "a_stale_socket_is_replaced" start
ok "and_that_is_logged" logged "a stale socket was replaced"
ok "the_table_kept_its_incarnation" test "$(field incarnation)" = "$incarnation"
ok "this_start_is_number_2" test "$(field boot)" = 2
ok "SIGTERM_ends_it_well" stop TERM
ok "its_socket_is_gone" test ! -e "$dir/a.sock"
ok "its_filter_stays" sh -c "ip -n $name link show clients | grep -q xdp"
: >"$dir/a.sock"
ok "a_file_in_the_sockets_place_is_left_alone" refused "is in the way and no socket"
rm "$dir/a.sock"
ln -s /etc/passwd "$dir/a.sock"
ok "so_is_a_symbolic_link" refused "is in the way and no socket"
rm "$dir/a.sock"
chmod 777 "$dir"
ok "a_directory_others_may_write_is_refused" refused "others may write to the control socket's directory"
chmod 700 "$dir"
printf 'x' | dd of="$dir/state/state" bs=1 seek=30 conv=notrunc 2>/dev/null
ok "a_damaged_state_file_is_survived" start
ok "with_a_warning" logged "state.damaged"
ok "the_table_knows_its_incarnation_still" test "$(field incarnation)" = "$incarnation"
ok "and_its_starts" test "$(field boot)" = 3
ok "SIGINT_ends_it_well" stop INT
rm -rf "$dir/state"
ok "a_lost_state_directory_is_made_anew" start
ok "nothing_went_back" test "$(field incarnation)-$(field boot)" = "$incarnation-4"
ok "it_ends" stop TERM
ok "an_interface_that_is_missing_is_named" refused "nosuch0" "$(changed 's/^interfaces.*/interfaces = ["nosuch0"];/')"
ok "a_capability_that_is_missing_is_named" sh -c "
	! nsenter --net=/run/netns/$name setpriv --bounding-set=-all --inh-caps=-all \
		$bin/gossipd --config $conf >$dir/refused 2>&1 &&
	grep -qi 'cap_\|permi' $dir/refused"
# shellcheck disable=SC3045 # dash, busybox and bash all have it
few_descriptors() ( ulimit -n 64 && start && ask status && kill -TERM "$daemon" && wait "$daemon" )
ok "64_descriptors_are_enough" few_descriptors
daemon=

# ---- systemd ----

python3 - "$dir/notify" >"$dir/notified" 2>&1 <<'PYTHON' &
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound", flush=True)
while True:
    print(s.recv(4096).decode(), flush=True)
PYTHON
echo $! >"$dir/pid.notify"
wait_for 5 grep -q bound "$dir/notified"
NOTIFY_SOCKET=$dir/notify WATCHDOG_USEC=400000
export NOTIFY_SOCKET WATCHDOG_USEC
ok "it_starts_under_a_manager" start
ok "it_says_READY" wait_for 5 grep -q READY=1 "$dir/notified"
ok "it_pets_the_watchdog" wait_for 5 grep -q WATCHDOG=1 "$dir/notified"
ok "it_ends_under_a_manager" stop TERM
ok "it_says_STOPPING" wait_for 5 grep -q STOPPING=1 "$dir/notified"
unset NOTIFY_SOCKET WATCHDOG_USEC

# ---- detaching ----

detaches_without_a_complaint() {
	inside "$ctl" detach --config "$conf" 2>"$dir/complaint" && [ ! -s "$dir/complaint" ] ||
		{ cat "$dir/complaint"; return 1; }
}
ok "detach_takes_the_filter_off_with_the_daemon_dead" detaches_without_a_complaint
ok "the_interface_is_free" sh -c "! ip -n $name link show clients | grep -q xdp"
ok "the_pins_are_gone" test ! -e "$dir/bpf/a"
ok "nothing_is_left_to_detach" sh -c "! nsenter --net=/run/netns/$name $ctl detach --config $conf"
ok "it_starts_afresh" start
ok "with_a_new_incarnation" test "$(field incarnation)" -gt "$incarnation"
ok "detach_works_beside_a_running_daemon" inside "$ctl" detach --pin-path "$dir/bpf/a"
degraded() { ask status >/dev/null 2>&1; [ $? -eq 4 ]; }
ok "which_then_says_that_it_is_degraded" wait_for 5 degraded
ok "and_why" sh -c "$ctl --socket $dir/a.sock status --json | jq -e '.status.degraded_why | contains(\"clients\")'"
ok "it_ends_after_all" stop TERM

done_testing
