#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# No function or variable is exported that no other object uses, of the product or of its tests: it is dead, or it
# should be static. Read from the objects by nm; --wrap gives __wrap_ and __real_ to a symbol's users. Needs everything
# built, tests included.
set -u
objects=${OBJECTS:-build/obj}
echo "1..1"
for part in proto gossipd sim tests; do
	[ -d "$objects/$part" ] || { echo "not ok 1 - every_export_is_used # no objects below $objects/$part"; exit 1; }
done
unused=$(find "$objects/proto" "$objects/gossipd" "$objects/sim" "$objects/tests" -name '*.o' | LC_ALL=C sort |
	xargs nm -A | awk -v objects="$objects/" '
		{ object = $1; sub(/:.*/, "", object); object = substr(object, length(objects) + 1) }
		NF == 3 && $2 ~ /^[TDBR]$/ { print "def", $3, object }
		NF == 3 && $2 == "U" { sub(/^__(wrap|real)_/, "", $3); print "use", $3, object }
	' | awk '
		$1 == "def" && $3 !~ /^tests\// && $2 !~ /^__wrap_/ && $2 != "main" { owner[$2] = $3 }
		$1 == "use" { used[$2] = 1 }
		END { for (symbol in owner) if (!(symbol in used)) print symbol " of " owner[symbol] }' | LC_ALL=C sort)
if [ -z "$unused" ]; then
	echo "ok 1 - every_export_is_used"
else
	echo "not ok 1 - every_export_is_used"
	printf '%s\n' "$unused" | sed 's/^/# /'
	exit 1
fi
