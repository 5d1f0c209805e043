#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Every node key and the mesh secret replaced while three proxies filter an attack: no count is lost, nothing is dropped less, no alarm. The topology is
# the demo's.
set -u

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/scripts/demo/internet.sh"
PATH=$PATH:/usr/sbin:/sbin
tools=$root/build/demo
proxies=3 number=0 failed=
mkdir -p "$states"
state=$(mktemp -d "$states/rXXXXXX")
name=${state##*/}
finish() { trap - EXIT; take_down; exit "${1:-1}"; }
trap 'finish 1' EXIT INT TERM

check() {
	label=$1
	shift
	number=$((number + 1))
	if "$@" >"$state/check.log" 2>&1; then
		echo "ok $number - $label"
	else
		echo "not ok $number - $label"
		tail -n 5 "$state/check.log" | sed 's/^/# /'
		failed=1
	fi
}

ctl() { i=$1; shift; "$bin/gossipctl" --socket "$(socket_of "$i")" "$@"; }
authority() { "$bin/gossipctl" "$@" --directory "$state/mesh" --socket "$(socket_of 1)"; }
counters() { ctl "$1" status --json | jq -e "[.reasons[] | select(.name | test(\"$2\")) | .packets] | add"; }
dropped() { counters "$1" '^drop_pair$'; }
counted_by_all() { total=0; for p in 1 2 3; do total=$((total + $(counters "$p" '^(pass|pass_share|pass_never_drop|pass_evidence|drop_blocked|drop_pair|drop_pair_share|drop_destination|drop_destination_share)$'))); done; echo "$total"; }
ledger_of() {
	total=0
	for pair in "198.18.0.1 203.0.113.9" "2001:db8:a::1 2001:db8:f::9"; do
		# shellcheck disable=SC2086
		part=$(ctl "$1" explain $pair --json | jq '[.destination_cells[].packets] | add // 0') || return 1
		total=$((total + part))
	done
	echo "$total"
}
digest_of() { ctl "$1" status --json | jq -er '.status.ledger_digest'; }
ledgers_equal() { first=$(digest_of 1) && [ "$first" = "$(digest_of 2)" ] && [ "$first" = "$(digest_of 3)" ]; }
ledger_holds_the_truth() {
	truth=$(counted_by_all) held=$(ledger_of "$1")
	echo "held $held, counted by the kernels $truth"
	[ "$held" -gt 0 ] && [ "$held" = "$truth" ]
}
holds() { [ "$(ctl "$1" mesh show --json | jq "[.documents[] | select(.kind == \"$2\")][0].serial")" = "$3" ]; }
more_dropped() { [ "$(dropped "$1")" -gt $((${2} + 100)) ]; }
drops_go_on() { before=$(dropped "$1") && wait_for 3 "proxy$1 to drop more" more_dropped "$1" "$before"; }
no_alarm() { ctl "$1" events --json | jq -s '[.[] | select(.kind | test("silent|skewed|equivocation|left_out|document_false|revoked|quota"))]' | jq -e 'length == 0'; }
has_new_key() { # PROXY, asked everywhere: a key is revoked when nobody needs it any more
	key=$(awk -v n="proxy$1" '$1 == n { print $3 }' "$state/mesh/issued")
	for other in 1 2 3; do
		ctl "$other" mesh show --json |
			jq -e "[.members[] | select(.name == \"proxy$1\" and .key == \"$key\" and .state != \"silent\")] | length == 1" || return 1
	done
}
restart() {
	quit "proxy$1"
	launch "proxy$1" "proxy$1" "$state/proxy$1.log2" "$bin/gossipd" --config "$(conf_of "$1")"
	wait_for 5 "gossipd of proxy$1" ctl "$1" members --json
}

make_internet
make_mesh
start_mesh on 50 1000000 fair

launch traffic clients "$state/traffic.log" "$tools/traffic" --proxies 3 --attack spread --pair-rate 50 --destination-rate 1000000 \
	--warmup 0 --duration 14 "$state/sent.trace"
check the_attack_is_dropped wait_for 4 "proxy1 to drop" more_dropped 1 0
check the_mesh_secret_is_rotated authority mesh rotate secret --in 1
for i in 1 2 3; do
	check "proxy${i}_gets_another_key" authority mesh rotate "proxy$i"
	check "proxy${i}_is_back_with_it" restart "$i"
	check "proxy${i}_is_known_by_it" wait_for 4 "its new key" has_new_key "$i"
	check "proxy${i}_goes_on_dropping" drops_go_on "$i"
	check "and_its_old_key_is_revoked" authority mesh revoke "proxy$i" --previous
done
for i in 1 2 3; do
	check "proxy${i}_holds_the_rotation" wait_for 3 "the rotation" holds "$i" rotation 1
	check "proxy${i}_holds_every_revocation" wait_for 3 "the revocations" holds "$i" revocation 3
done
wait "$(cat "$state/pid.traffic")"
rm -f "$state/pid.traffic"
check all_ledgers_agree wait_for 3 "equal ledgers" ledgers_equal
for i in 1 2 3; do check "proxy${i}_holds_every_count" ledger_holds_the_truth "$i"; done
for i in 1 2 3; do check "proxy${i}_raised_no_alarm" no_alarm "$i"; done
echo "1..$number"
[ -z "$failed" ]
finish $?
