#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# traces.sh SIMULATOR OUT [FIRST..LAST]: writes one line per scenario in sim/scenarios and per seed of the swarm (1..200
# unless said): its name and the digest of all that its cores did. Two builds that write the same file behave alike;
# compare them with diff. Takes 10 s and 0.12 s a seed of a processor. Ends with 1 when a run fails or tells no digest.
set -u
[ $# -ge 2 ] || { echo "usage: traces.sh SIMULATOR OUT [FIRST..LAST]" >&2; exit 2; }
sim=$(realpath "$1") || exit 2
out=$(realpath "$2") || exit 2
seeds=${3:-1..200}
cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

# scenario NAME OPTION...: one line
scenario() {
	name=$1
	shift
	"$sim" run "sim/scenarios/$name.cfg" --json "$@" >"$work/report" 2>"$work/said" ||
		{ cat "$work/said" "$work/report" >&2; return 1; }
	digest=$(sed -n 's/^ *"trace": "\([0-9a-f]\{64\}\)",*$/\1/p' "$work/report")
	[ -n "$digest" ] || { echo "traces.sh: $name told no trace" >&2; return 1; }
	echo "scenario $name${*:+ $*} $digest"
}

# One line per seed. The swarm's own verdict on a batch (situations never reached) is not asked for; a seed that fails
# is.
swarm() {
	"$sim" swarm --seeds "$seeds" --jobs "$(nproc)" >"$work/swarm" 2>&1
	awk '
		/^seed [0-9]/ { seed = $2; sub(":", "", seed) }
		/^ *FAILED/ { failed = 1 }
		$(NF - 1) == "trace" { print "seed " seed " " $NF; told++ }
		END { exit failed || told != last - first + 1 }
	' first="${seeds%..*}" last="${seeds#*..}" "$work/swarm" ||
		{ grep -B 1 -A 60 FAILED "$work/swarm" >&2; return 1; }
}

{
	for path in sim/scenarios/*.cfg; do
		name=${path##*/}
		scenario "${name%.cfg}" || exit 1
	done
	scenario spread-attack --signatures real || exit 1
	scenario partition --signatures real || exit 1
	swarm || exit 1
} >"$work/traces"
cp "$work/traces" "$out"
