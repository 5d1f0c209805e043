#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What the tests of this folder say and how they wait. The reader has made $dir, a folder of its own.

count=0 failed=0
slack=60 # seconds that a wait lasts longer than it should take: no test fails because the machine is slow

# ok TITLE COMMAND...: one test; what the command said is shown when it fails
ok() {
	title=$1
	shift
	count=$((count + 1))
	if "$@" >"$dir/out" 2>&1; then
		echo "ok $count - $title"
	else
		echo "not ok $count - $title"
		sed 's/^/# /' "$dir/out" | tail -n 30
		failed=$((failed + 1))
	fi
}

# wait_for SECONDS COMMAND...: until it holds. SECONDS are what it may take on a machine with nothing else to do
wait_for() {
	deadline=$(($(date +%s) + $1 + slack))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -le "$deadline" ] || { echo "waited in vain for: $*"; return 1; }
		sleep 0.05
	done
}

# ends with the plan and the status
done_testing() {
	echo "1..$count"
	[ "$failed" -eq 0 ]
	exit
}
