#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Metrics as Prometheus reads them: promtool finds no fault in what real daemons export, healthy, degraded and gone, nor
# in names that others chose (tests/ctl). Alert rules do as their tests say, and name what is exported. Needs root,
# build/bin and Debian's prometheus. Speaks TAP.
set -u
. "$(dirname "$0")/../e2e/lonely.sh"
make -s -C "$root" binaries
begin
cd "$dir" || exit 1
issue b 10.77.1.2:7946
start
( exec nsenter --net="/run/netns/$name-peer" "$bin/gossipd" --config mesh/b/b.conf ) >log.b 2>&1 </dev/null &
echo $! >pid.b

# clean: promtool says nothing of what stands on standard input
clean() { said=$(promtool check metrics 2>&1) && [ -z "$said" ] || { echo "$said"; return 1; }; }
exported() { ask metrics >text; grep -q "^$1\$" text && clean <text; }
ok "two_members" wait_for 20 exported 'xpro_member_up{member="b"} 1'
ok "rules_and_dashboard_name_what_is_exported" sh -c "cp text '$dir/healthy'; cd '$root' &&
	python3 tests/extra/monitoring.py '$dir/healthy'"
ok "a_metric_that_is_not_exported_is_found" sh -c "cd '$root' && sed '/xpro_up/d' '$dir/healthy' >'$dir/lacking' &&
	! python3 tests/extra/monitoring.py '$dir/lacking'"
rules=$root/scripts/monitoring/xpro.rules
ok "the_rules_are_rules" promtool check rules "$rules.yml"
ok "each_alert_is_raised_when_it_is_due" promtool test rules "$rules.test.yml"
kill -KILL "$(cat pid.b)"
ok "one_of_them_silent" wait_for 20 exported 'xpro_degraded 1'
ok "the_daemon_ends" stop TERM
ok "and_none_answers" exported 'xpro_up 0'
ok "names_that_others_chose" sh -c "sed '1,/^--- standard output/d; /^--- standard error/,\$d' \
	'$root/tests/ctl/golden/metrics_troubled.txt' | promtool check metrics"
ok "promtool_does_find_faults" sh -c "! printf 'a_count 1\n' | promtool check metrics"
done_testing
