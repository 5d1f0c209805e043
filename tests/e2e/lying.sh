#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A mesh of three, of which proxy3 lies: tests/relay/liar.c in its place. Its tables and rates are the others'. These
# are verbs for tests of this folder that source relayed.sh before. The reader sets pair_rate and destination_rate, and
# further words of the section `mesh` in $rates.

export proxies=3
honest="1 2"
liar=

# lying_mesh: the two honest daemons run
lying_mesh() {
	begin
	make_mesh
	for i in $(each_proxy); do
		sed -i -E -e 's/^(\tpairs4 = ).*/\1 8192;/' -e 's/^(\tpairs6 = ).*/\1 4096;/' \
			-e 's/^(\tdestinations = ).*/\1 1024;/' "$(conf_of "$i").issued"
		configure "$i" on "$pair_rate" "$destination_rate" fair
		for rate in ${rates:-}; do
			sed -i -E -e "/^[[:space:]]*${rate%=*}[[:space:]]*=/d" \
				-e "s/^(mesh[[:space:]]*[=:][[:space:]]*\{)/\1 ${rate%=*} = ${rate#*=};/" \
				"$(conf_of "$i")"
		done
		mkdir -p "$state/proxy$i.state"
	done
	for i in $honest; do
		daemon_start "$i"
		wait_for 10 "gossipd of proxy$i" daemon_answers "$i" || { cat "$state/proxy$i.log"; finish 1; }
	done
	mkfifo "$state/lies"
	exec 8<>"$state/lies"
	trap 'liar_end; finish 1' EXIT INT TERM # the script's end ends the liar, too
}

liar_end() {
	[ -z "$liar" ] || { kill "$liar" && wait "$liar"; } 2>/dev/null
	liar=
}

liar_begin() {
	( exec nsenter --net="/run/netns/$name-proxy3" "$root/build/tests/relay/liar" "$(conf_of 3)" ) \
		<&8 >"$state/liar.log" 2>&1 &
	liar=$!
	wait_for 5 "the liar" grep -q ready "$state/liar.log" || { cat "$state/liar.log"; return 1; }
	for i in $honest; do wait_for 10 "proxy3 at proxy$i" up "$i" 3 || return 1; done
}

# lie COMMAND...: of tests/relay/liar.c
lie() {
	echo "$*" >&8
	wait_for 5 "an answer of the liar" grep -qx "ok $*" "$state/liar.log" || { cat "$state/liar.log"; return 1; }
}

dropped() { ctl 1 status --json | jq '[.reasons[] | select(.name | startswith("drop_")) | .packets] | add'; }

# sent_at_1 SCRIPT ARGUMENT...: throw.py or scan.py, after the MAC; sets $drops, of 1,000 packets
sent_at_1() {
	script=$1
	shift
	before=$(dropped)
	sent=$(in_ns clients python3 "$root/tests/e2e/$script.py" to1 02:00:00:00:01:01 "$@") || return 1
	sent=${sent%% *}
	drops=$((($(dropped) - before) * 1000 / sent))
	echo "# of $sent packets to $1, $drops in 1,000 were dropped"
}

# like NUMBER: the last flood dropped within 5 % of the packets of that one's
like() {
	[ $((drops - $1)) -le 50 ] && [ $(($1 - drops)) -le 50 ] ||
		{ echo "$drops in 1,000 dropped, and $1 on a clean table"; return 1; }
}
