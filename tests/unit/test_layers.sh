#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Calls go down, read from the objects by nm: no cycle between the files of a part, and no call from a room to one above
# it. Headers of a folder include each other in no cycle, read from their #include "..." lines.
# A part is a folder below build/obj; its rooms are its sub-folders, lowest first; files of the folder itself stand
# above all rooms.
# usage: test_layers.sh [part ...]; OBJECTS and FOLDERS, if set, are where to look for objects and for headers
set -u
objects=${OBJECTS:-build/obj}
rooms_of() {
	case $1 in
	proto) echo core count judge wire member trust spread ;;
	gossipd) echo base config host table daemon control ;;
	gossipd/ctl) echo ;;
	sim) echo base check world experiment swarm ;;
	*) echo "unknown part $1" >&2; exit 2 ;;
	esac
}
if [ $# -eq 0 ]; then # the core always, the others once they are built
	set -- proto
	for part in gossipd gossipd/ctl sim; do [ ! -d "$objects/$part" ] || set -- "$@" "$part"; done
fi
edges=$(mktemp) loops=$(mktemp) failed=0 test=0
trap 'rm -f "$edges" "$loops"' EXIT

# "caller callee symbol" for every call between two objects of a part; objects without their folder and suffix.
edges_of() {
	part=$1
	find "$objects/$part" -name '*.o' | grep -v "^$objects/gossipd/ctl/" | LC_ALL=C sort >"$loops"
	[ "$part" != gossipd/ctl ] || find "$objects/$part" -name '*.o' | LC_ALL=C sort >"$loops"
	xargs -r nm -A <"$loops" | awk -v folder="$objects/$part/" '
		{ name = $1; sub(/\.o:.*/, "", name); name = substr(name, length(folder) + 1) }
		$(NF-1) ~ /^[TDBRVWC]$/ && NF == 3 { print "def", $3, name }
		NF == 3 && $2 == "U" { print "use", $3, name }
	' | LC_ALL=C sort | awk '
		$1 == "def" { owner[$2] = $3 }
		$1 == "use" { used[++uses] = $2; user[uses] = $3 }
		END {
			for (i = 1; i <= uses; i++) {
				s = used[i]; sub(/^__(wrap|real)_/, "", s)
				if (s in owner && owner[s] != user[i]) print user[i], owner[s], s
			}
		}'
}

result() { # name, offences
	test=$((test + 1))
	if [ -z "$2" ]; then
		echo "ok $test - $1"
	else
		echo "not ok $test - $1"
		printf '%s\n' "$2" | sed 's/^/# /'
		failed=1
	fi
}

# "header included" for every include between the headers below a folder, without their folders.
includes_of() {
	find "$1" -name '*.h' -exec awk '/^#include "/ {
		split($0, part, "\""); name = FILENAME; sub(/.*\//, "", name)
		print name, part[2]
	}' {} +
}

folders=${FOLDERS:-xdp include/xpro proto gossipd sim}
echo "1..$(($# * 2 + $(echo "$folders" | wc -w)))"
for part in "$@"; do
	edges_of "$part" >"$edges"
	if [ ! -s "$edges" ]; then
		result "$part: files_call_each_other_in_no_cycle" "no objects below $objects/$part"
		result "$part: calls_go_down" "none"
		continue
	fi
	cut -d' ' -f1,2 "$edges" | tsort >/dev/null 2>"$loops"
	result "$part: files_call_each_other_in_no_cycle" \
		"$(grep -v 'input contains a loop' "$loops" | sed 's/^tsort: //' | paste -sd' ' -)"
	result "$part: calls_go_down" "$(awk -v rooms="$(rooms_of "$part")" '
		BEGIN { n = split(rooms, room, " "); for (i = 1; i <= n; i++) level[room[i]] = i }
		function level_of(file, parts) {
			return split(file, parts, "/") > 1 ? (parts[1] in level ? level[parts[1]] : -1) : n + 1
		}
		{ a = level_of($1); b = level_of($2) }
		a < 0 || b < 0 { print "a room that is not listed:", $1, $2; next }
		b > a { print $1 " calls " $3 " of " $2 }' "$edges")"
done
for folder in $folders; do
	includes_of "$folder" >"$edges"
	tsort <"$edges" >/dev/null 2>"$loops"
	offences=$(grep -v 'input contains a loop' "$loops" | sed 's/^tsort: //' | paste -sd' ' -)
	[ -s "$edges" ] || offences="no includes below $folder"
	result "$folder: headers_include_each_other_in_no_cycle" "$offences"
done
exit $failed
