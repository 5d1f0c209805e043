#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The guide's first mesh, command by command: the code blocks of gossipd/guide/first-mesh.md are run as they stand, on
# three hosts that have the addresses of the page, until they count together, an attack is seen, and it is stopped.
# ssh, scp and systemctl stand in for theirs. Needs root. Speaks TAP.
#
#      ams 192.0.2.10     fra 198.51.100.7     lon 203.0.113.5      each in its namespaces: network and mounts
#        wan0 \                 | wan0               / wan0
#              bridge in the namespace $name-net
#        lan0 | a device 10.1.0.9 behind each, in the namespace $name-HOST-lan
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
bin=${BIN:-$root/build/bin}
packets=${PACKETS:-$root/build/tests/e2e/packets}
guide=$root/gossipd/guide/first-mesh.md
. "$root/tests/e2e/tap.sh"
[ "$(id -u)" -eq 0 ] || { echo "Bail out! needs root"; exit 1; }
PATH=$PATH:/usr/sbin:/sbin
dir=$(mktemp -d)
name=xpro-test-$$
hosts="ams fra lon"
sender=

address_of() { case $1 in ams) echo 192.0.2.10 ;; fra) echo 198.51.100.7 ;; lon) echo 203.0.113.5 ;; esac; }
host_at() { for one in $hosts; do [ "$(address_of "$one")" != "$1" ] || echo "$one"; done; }
on() { # HOST COMMAND...
	at=$1
	shift
	nsenter --mount="/proc/$(cat "$dir/$at/holder")/ns/mnt" --net="/run/netns/$name-$at" \
		--wd="$dir/$at/root" env PATH="$dir/bin:$bin:$PATH" HOST_DIRECTORY="$dir/$at" "$@"
}

finish() {
	trap - EXIT
	[ -z "$sender" ] || { kill "$sender"; wait "$sender"; } 2>/dev/null
	for one in $hosts; do
		for pid in "$dir/$one/pid" "$dir/$one/holder"; do
			[ ! -s "$pid" ] || kill -KILL "$(cat "$pid")" 2>/dev/null
		done
		ip netns del "$name-$one" 2>/dev/null
		ip netns del "$name-$one-lan" 2>/dev/null
	done
	ip netns del "$name-net" 2>/dev/null
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

# ---- three hosts ----

make_network() {
	ip netns add "$name-net" && ip -n "$name-net" link add bridge type bridge &&
		ip -n "$name-net" link set bridge up || return 1
	for one in $hosts; do
		ip netns add "$name-$one" && ip netns add "$name-$one-lan" || return 1
		ip -n "$name-$one" link set lo up
		ip -n "$name-$one" link add wan0 type veth peer name "$one" netns "$name-net" || return 1
		ip -n "$name-net" link set "$one" master bridge up
		ip -n "$name-$one" addr add "$(address_of "$one")/32" dev wan0
		ip -n "$name-$one" link set wan0 up
		ip -n "$name-$one" route add default dev wan0
		ip -n "$name-$one" link add lan0 address 02:00:00:00:01:01 type veth peer name eth0 \
			netns "$name-$one-lan" || return 1
		ip -n "$name-$one" addr add 10.1.0.1/16 dev lan0
		ip -n "$name-$one" link set lan0 up
		ip -n "$name-$one-lan" link set eth0 up
	done
}

# Its own /etc/xpro, /run, /var/lib and bpffs; the rest is this machine's.
make_host() {
	mkdir -p "$dir/$1/root" "$dir/$1/etc" && cp /etc/passwd /etc/group "$dir/$1/etc/" || return 1
	nsenter --net="/run/netns/$name-$1" unshare --mount sh -c "
		mount --bind '$dir/$1/etc' /etc && mount -t tmpfs none /var/lib &&
			mount -t bpf -o mode=700 bpf /sys/fs/bpf &&
			mount -t tmpfs none /run && mkdir -p /run/systemd/system /run/xpro &&
			touch '$dir/$1/made'
		exec sleep 600" >"$dir/$1/log" 2>&1 &
	echo $! >"$dir/$1/holder"
	wait_for 10 test -e "$dir/$1/made" || { cat "$dir/$1/log"; return 1; }
}

mkdir "$dir/bin"
cat >"$dir/bin/systemctl" <<'END'
#!/bin/sh
[ "$1" = restart ] || exit 0
pid=$HOST_DIRECTORY/pid log=$HOST_DIRECTORY/log
[ ! -s "$pid" ] || { kill "$(cat "$pid")"; while kill -0 "$(cat "$pid")"; do sleep 0.05; done; } 2>/dev/null
gossipd --config "/etc/xpro/${2#gossipd@}.conf" >"$log" 2>&1 </dev/null &
echo $! >"$pid"
until grep -q 'gossipd: ready:' "$log"; do
	kill -0 "$(cat "$pid")" 2>/dev/null || { cat "$log"; exit 1; }
	sleep 0.05
done
END
chmod 755 "$dir/bin/systemctl"
ok "the_network_is_made" make_network
for host in $hosts; do ok "${host}_is_made" make_host "$host"; done

# ---- the guide ----

# section TITLE: the commands of its code blocks, continued lines as one
section() {
	sed -n "/^## $1\$/,/^## [^$(printf %.1s "$1")]/ s/^    //p" "$guide" |
		sed -e ':more' -e '/\\$/ { N; s/\\\n *//; b more' -e '}' | sed '/^ *#/d'
}
commands_of_mesh() { section "Make the mesh" | sed -n '/^make$/,$p'; }
commands_of_host() {
	section "Bring it to the hosts" | grep -e '^scp' -e '^ssh' | sed "s/ams/$1/g; s/192.0.2.10/$(address_of "$1")/g"
}
at_most() { [ "$2" -gt 0 ] && [ "$2" -le "$1" ] || { echo "$2 commands"; return 1; }; }
ok "the_mesh_takes_three_commands" at_most 3 "$(commands_of_mesh | wc -l)"
ok "and_a_host_two" at_most 2 "$(commands_of_host ams | wc -l)"

HOME=$dir/home
export HOME
mkdir "$HOME"
make() { :; } # it is built
scp() { cp "$1" "$dir/$(host_at "$(echo "$2" | sed 's/.*@//; s/:$//')")/root/"; }
ssh() {
	there=$(host_at "${1#*@}")
	shift
	on "$there" "$@"
}
run_lines() { # COMMAND...: each line that it prints is a command
	"$@" >"$dir/lines" || return 1
	while read -r line; do
		echo "\$ $line"
		cd "$root" && eval "$line" </dev/null || return 1
	done <"$dir/lines"
}
if [ "$bin" != "$root/build/bin" ]; then commands_of_mesh() { section "Make the mesh" | sed "s|build/bin|$bin|"; }; fi
ok "the_mesh_is_made" run_lines commands_of_mesh
for host in $hosts; do ok "${host}_joins" run_lines commands_of_host "$host"; done

status() { on "$1" gossipctl status --json | jq -r ".status.$2"; }
everywhere() { for one in $hosts; do "$@" "$one" || return 1; done; }
together() { [ "$(status "$1" members_up)" = 3 ] && [ "$(status "$1" mode)" = monitor ]; }
ok "they_count_together_in_monitor_mode" wait_for 20 everywhere together
healthy() { said=$(on "$1" gossipctl status) || [ $? -eq 4 ] && echo "$said" | head -n 2; }
everywhere healthy | sed 's/^/# /'

# ---- an attack: 150 packets a second through each proxy, where the mesh allows 200 through all of them ----

now_ms() { date +%s%3N; }
attack() {
	sent_at=$(now_ms)
	while sleep 0.1; do
		now=$(now_ms)
		count=$(((now - sent_at) * 150 / 1000))
		sent_at=$now
		for one in $hosts; do
			nsenter --net="/run/netns/$name-$one-lan" "$packets" send eth0 02:00:00:00:01:01 10.1.0.9 \
				192.0.2.200 count="$count"
		done
	done
}
attack >"$dir/attack" 2>&1 &
sender=$!
reason() { on "$1" gossipctl status --json | jq ".reasons[] | select(.name == \"$2\") | .packets"; }
seen() { on "$1" gossipctl pairs --over --json | jq -e '.pairs | any(.client == "10.1.0.9")'; }
ok "it_is_seen_at_every_proxy" wait_for 20 everywhere seen
explained() { on "$1" gossipctl explain 10.1.0.9 192.0.2.200 | tee "$dir/explained" | grep -q 'counted by'; }
ok "and_explained" explained fra
ok "with_the_counts_of_all_three" grep -q lon "$dir/explained"
passes() { [ "$(reason "$1" drop_pair)" = 0 ] && [ "$(reason "$1" would_drop)" -gt 0 ]; }
ok "nothing_drops_yet" wait_for 20 everywhere passes
enforced() { on "$1" gossipctl enforce; }
ok "enforce_is_one_command" everywhere enforced
dropped() { [ "$(reason "$1" drop_pair)" -gt 0 ]; }
ok "then_it_drops_at_every_proxy" wait_for 20 everywhere dropped
done_testing
