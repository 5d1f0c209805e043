#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A bundle makes a host a node: what is refused, what is installed, that nothing is ever half installed, that old keys
# never stay in use, and the way from monitor to enforce. With a real gossipd, below a systemctl that stands in for
# systemd. Needs root. Speaks TAP.
set -u
. "$(dirname "$0")/lonely.sh"
mesh_options="--tick-ms 50 --window-max-ms 2000"
begin
cd "$dir" || exit 1
failing=$root/build/tests/host/failing.so
mesh=$dir/mesh

bundle() { # NAME OPTION...
	node=$1
	shift
	"$ctl" mesh issue "$node" --directory "$mesh" --bundle --state-directory "$dir/$node.state" \
		--pin-path "$dir/bpf/$node" "$@"
}
join() { inside "$ctl" join "$@"; }
# refuses TEXT COMMAND...: it ends with 1 and says this
refuses() {
	text=$1
	shift
	"$@" >"$dir/said" 2>&1
	got=$?
	[ "$got" -eq 1 ] && grep -qF -e "$text" "$dir/said" || {
		echo "expected: $text; ended with $got:"
		cat "$dir/said"
		return 1
	}
}
says() { text=$1; shift; "$@" >"$dir/said" 2>&1 && grep -qF -e "$text" "$dir/said" || { cat "$dir/said"; return 1; }; }
absent() { [ ! -e "$1" ] || { find "$1"; return 1; }; }
mode_of() { [ "$(stat -c '%a %u:%g' "$1")" = "$2" ] || { stat -c '%n %a %u:%g' "$1"; return 1; }; }

# ---- the authority ----

ok "several_nodes_are_issued_by_one_command" "$ctl" mesh issue n1=10.78.0.1:7946 \
	"n2=10.78.0.2:7946,[2001:db8::2]:7946" n3=10.78.0.3:7946 --directory "$mesh" --interface clients --bundle
ok "each_has_all_others_as_peers" grep -qF \
	'peers = ["10.77.1.1:7946", "10.78.0.1:7946", "10.78.0.2:7946"];' mesh/n3/n3.conf
ok "a_bundle_is_a_secret" mode_of mesh/n1.xpro "600 $(id -u):$(id -g)"
printf 'n1.conf\nn1/node.key\nn1/node.cert\nn1/mesh.secret\nn1/bundle.sig\n' >names
ok "tar_lists_it" sh -c "tar tf mesh/n1.xpro | diff names -"
ok "it_says_monitor" sh -c "tar xOf mesh/n1.xpro n1.conf | grep -q '^	mode = \"monitor\";$'"
one_wrong_word() {
	! "$ctl" mesh issue n4=10.78.0.4:7946 n5=10.78.0.5 --directory mesh && absent mesh/n4 && ! grep n4 mesh/issued
}
ok "a_word_that_is_wrong_stops_all" one_wrong_word
ok "nor_is_one_node_named_twice" refuses "n4: is named twice" \
	"$ctl" mesh issue n4=10.78.0.4:7946 n4=10.78.0.5:7946 --directory mesh --again
cp -r mesh other
printf 'policy_file = "p.conf";\n' >>other/n1/n1.conf
sed -i '/^policy = {/,/^};/d' other/n1/n1.conf
printf 'pair_rate = 1;\n' >other/n1/p.conf
ok "a_bundle_holds_no_second_file" refuses "policy_file: a bundle holds one configuration" \
	"$ctl" mesh rotate n1 --directory other --bundle

cp -r mesh narrow
sed -i 's/client_bits = 64/client_bits = 60/' narrow/n1/n1.conf
ok "nor_other_widths_than_the_certificate" refuses "n1.conf:" "$ctl" mesh rotate n1 --directory narrow --bundle

# ---- refused, and nothing is installed ----

"$ctl" mesh init --directory foreign >/dev/null
bundle w --address 10.77.1.9:7946 --interface clients >/dev/null
cp mesh/w.xpro w.xpro
at=$dir/etc
chmod 644 w.xpro
ok "one_that_others_may_read_is_refused" refuses "w.xpro: others may read this secret (mode 644)" join w.xpro --to "$at"
chmod 600 w.xpro
ok "so_is_one_that_is_not_there" refuses "none.xpro: No such file" join none.xpro --to "$at"
ok "and_a_folder" refuses "$mesh: is not a file" join "$mesh" --to "$at"
head -c 5000 w.xpro >cut.xpro
chmod 600 cut.xpro
ok "and_one_that_was_cut" refuses "cut.xpro: is not a bundle" join cut.xpro --to "$at"
sed 's/pair_rate = 1000/pair_rate = 9000/' w.xpro >changed.xpro
chmod 600 changed.xpro
ok "and_one_that_was_changed" refuses "changed.xpro: the signature of the bundle does not verify" \
	join changed.xpro --to "$at"
bundle x --address 10.77.1.8:7946 --interface lan7 >/dev/null
ok "and_one_whose_interface_is_not_here" refuses \
	"x.xpro: $at/x.conf:14: interfaces: lan7: there is no such interface here (clients)" \
	join "$mesh/x.xpro" --to "$at"
ok "and_one_made_in_the_future" refuses "set it by NTP" \
	env LD_PRELOAD="$root/build/tests/host/fixed.so" FIXED_UTC=1600000000 "$ctl" join w.xpro --to "$at"
ok "no_path_at_all_is_a_usage_error" sh -c "'$ctl' join w.xpro --to=; [ \$? -eq 2 ]"
mkdir loose
chmod 777 loose
ok "and_a_directory_that_others_may_write_to_is_refused" refuses "$dir/loose: others may write to it" \
	join w.xpro --to "$dir/loose"
ok "none_of_them_left_a_configuration" sh -c "! find '$at' loose -type f | grep ."

# ---- installed ----

ok "it_joins" says "start it in monitor mode: gossipd --config $at/w.conf" join w.xpro --to "$at"
ok "the_configuration_is_for_all_to_read" mode_of "$at/w.conf" "644 0:0"
ok "the_folder_is_for_root" mode_of "$at/w" "700 0:0"
ok "the_key_as_well" mode_of "$at/w/node.key" "600 0:0"
ok "and_the_secret" mode_of "$at/w/mesh.secret" "600 0:0"
ok "gossipd_takes_it" inside "$bin/gossipd" --config "$at/w.conf" --check-config
ok "nothing_else_is_there" sh -c "[ \"\$(find '$at' | wc -l)\" = 6 ]"
ok "joining_again_changes_nothing" says "stays as it was" join w.xpro --to "$at"
other_interface() {
	join "$mesh/x.xpro" --to etc2 --interface clients && grep -qxF 'interfaces = ["clients"];' etc2/x.conf
}
ok "another_interface_is_written" other_interface
ok "a_second_node_of_the_host_is_refused" refuses "$at/w.conf: is the node w of this host, and has clients too" \
	join "$mesh/x.xpro" --to "$at" --interface clients

# ---- again, with other keys ----

sed -i 's/pair_rate = 1000/pair_rate = 77/' "$at/w.conf"
"$ctl" mesh rotate w --directory "$mesh" --bundle >/dev/null
cp mesh/w.xpro w2.xpro
ok "newer_keys_replace_older_ones" join w2.xpro --to "$at"
ok "they_are_the_bundles" sh -c "tar xOf w2.xpro w/node.key | cmp - '$at/w/node.key'"
ok "the_choices_of_the_operator_stay" grep -q 'pair_rate = 77;' "$at/w.conf"
ok "older_keys_do_not_come_back" refuses "which is older; bring the newest bundle" join w.xpro --to "$at"
ok "and_nothing_changed" sh -c "tar xOf w2.xpro w/node.key | cmp - '$at/w/node.key'"
written_over() { join w2.xpro --to "$at" --again && grep -q 'pair_rate = 1000;' "$at/w.conf"; }
ok "told_to_the_configuration_is_written_over" written_over
"$ctl" mesh issue w=10.77.1.9:7946 --directory foreign --bundle --interface clients >/dev/null
ok "a_node_of_another_mesh_is_refused" refuses "$at/w/node.cert: is of another mesh" join foreign/w.xpro --to "$at"
sed -i 's/client_bits = 64/client_bits = 60/' "$at/w.conf"
ok "widths_that_the_certificate_does_not_have_are_refused" refuses \
	"client_bits and client_hosts are not those of the certificate" join w2.xpro --to "$at"
sed -i 's/client_bits = 60/client_bits = 64/' "$at/w.conf"
echo "keep me" >"$at/w/policy.conf"
ok "a_file_that_would_be_lost_is_named" refuses "$at/w/policy.conf: comes from no bundle" join w2.xpro --to "$at"
rm "$at/w/policy.conf"
sed -i 's|key_file = "w/node.key"|key_file = "node.key"|' "$at/w.conf"
cp "$at/w/node.key" "$at/node.key"
ok "a_key_elsewhere_would_stay_in_use" refuses "w.conf:6: key_file: $at/node.key would stay in use" \
	join w2.xpro --to "$at"
rm "$at/node.key"

# ---- nothing half installed, whatever fails and wherever it crashes ----

mkdir old new
join w.xpro --to "$dir/old" >/dev/null 2>&1
join w2.xpro --to "$dir/new" >/dev/null 2>&1
sed -i 's/pair_rate = 1000/pair_rate = 88/' old/w.conf
# which PATH: is it all of the old state or all of the new one?
which_is() {
	if diff -r "new/$1" "now/$1" >/dev/null 2>&1; then
		echo new
	elif diff -r "old/$1" "now/$1" >/dev/null 2>&1; then
		echo old
	else
		echo mixed
	fi
}
# Keys of one bundle, and a configuration that is whole: the keys change first, and both work with either file.
sound() {
	case "$(which_is w) $(which_is w.conf)" in
	"old old" | "new new" | "new old") inside "$bin/gossipd" --config "$dir/now/w.conf" --check-config ;;
	*) false ;;
	esac
}
all_new() { [ "$(which_is w) $(which_is w.conf)" = "new new" ] && [ -z "$(find now -name '.?*')" ]; }
# attempts CALL [VARIABLE=VALUE]: a join from old to new, in which each call of this name fails once
attempts() {
	call=$1 number=0 states=
	shift
	while :; do
		number=$((number + 1))
		rm -rf now counts
		cp -a old now
		inside env LD_PRELOAD="$failing" FAIL_CALL="$call" FAIL_AT="$number" FAIL_COUNTS=counts "$@" \
			"$ctl" join w2.xpro --to "$dir/now" --again >"$dir/said" 2>&1
		status=$?
		states="$states $status:$(which_is w)+$(which_is w.conf)"
		sound >"$dir/check" 2>&1 || { echo "number $number of $call: $states"; cat "$dir/check"; return 1; }
		case $status in
		0) all_new || { echo "number $number of $call ended with 0: $states"; return 1; } ;;
		1) grep -q '^gossipctl: .*: ' "$dir/said" || { cat "$dir/said"; return 1; } ;;
		137) ;;
		*) echo "number $number of $call: $states"; return 1 ;;
		esac
		join w2.xpro --to "$dir/now" --again >"$dir/said" 2>&1 && all_new ||
			{ echo "number $number of $call, joining again:"; cat "$dir/said"; find now; return 1; }
		[ "$status" -eq 137 ] || [ "$number" -le "$(sed -n "s/^$call //p" counts)" ] || break
	done
	echo "# $call $*: $((number - 1)) calls:$states" >>measured
	[ "$number" -gt 1 ] || { echo "$call was never called"; return 1; }
}
for call in openat open read write fsync fchmod mkdirat renameat renameat2 unlinkat flock malloc; do
	ok "a_failing_${call}_leaves_the_old_or_the_new" attempts "$call"
done
for call in write fsync renameat renameat2 mkdirat unlinkat; do
	ok "a_crash_at_${call}_leaves_the_old_or_the_new" attempts "$call" FAIL_KILLS=1
done
cat measured

# ---- a host with systemd, and a gossipd that runs ----

bundle a --address 10.77.1.1:7946 --interface clients --again --pair-rate 50 >/dev/null
mkdir -p fake bare
cp /etc/passwd /etc/group bare/
cat >fake/systemctl <<END
#!/bin/sh
echo "\$*" >>"$dir/systemctl.log"
[ "\$1" = restart ] || exit 0
[ -e "$dir/refuse" ] && exit 1
old=\$(cat "$dir/pid.a" 2>/dev/null)
[ -z "\$old" ] || { kill -TERM "\$old"; while kill -0 "\$old"; do sleep 0.05; done; } 2>/dev/null
"$bin/gossipd" --config "/etc/xpro/\${2#gossipd@}.conf" >"$dir/log" 2>&1 </dev/null &
echo \$! >"$dir/pid.a"
until grep -q 'gossipd: ready:' "$dir/log"; do kill -0 "\$(cat "$dir/pid.a")" || exit 1; sleep 0.05; done
END
chmod 755 fake/systemctl
nsenter --net="/run/netns/$name" unshare --mount sh -c "
	mount --bind '$dir/bare' /etc && mount -t tmpfs none /run && mkdir -p /run/systemd/system /run/xpro &&
		touch '$dir/mounted'
	exec sleep 300" &
echo $! >pid.holder
ok "a_host_of_its_own_is_made" wait_for 10 test -e mounted
host() {
	nsenter --mount="/proc/$(cat pid.holder)/ns/mnt" --net="/proc/$(cat pid.holder)/ns/net" \
		env PATH="$dir/fake:$PATH" "$@"
}
status() { host "$ctl" status --json | jq -r ".status.$1"; }
serial() { host "$ctl" mesh show --json | jq -r '.members[] | select(.state == "self") | .certificate'; }
is() { got=$("$@"); shift $(($# - 1)); [ "$got" = "$wanted" ] || { echo "expected $wanted, got $got"; return 1; }; }
ok "one_command_joins_and_starts" says "gossipd@a runs in monitor mode" host "$ctl" join "$mesh/a.xpro"
printf 'enable gossipd@a\nrestart gossipd@a\n' >wanted.log
ok "the_unit_is_enabled_and_started" diff wanted.log systemctl.log
wanted=monitor; ok "it_only_monitors" is status mode
before=$(serial)
ok "enforce_needs_no_name_on_a_host_with_one_node" says "drops what is over its rate" host "$ctl" enforce
wanted=enforce; ok "the_daemon_drops_from_now_on" is status mode
ok "and_after_its_next_start" grep -q '^	mode = "enforce";$' bare/xpro/a.conf
ok "monitor_is_the_way_back" says "drops nothing" host "$ctl" monitor --config /etc/xpro/a.conf
wanted=monitor; ok "at_once" is status mode
host "$ctl" enforce >/dev/null
"$ctl" mesh rotate a --directory "$mesh" --bundle >/dev/null
ok "new_keys_come_into_use" host "$ctl" join "$mesh/a.xpro"
newer() { got=$(serial); [ "$got" -gt "$before" ] || { echo "expected more than $before, got $got"; return 1; }; }
ok "the_daemon_runs_with_them" newer
wanted=enforce; ok "and_goes_on_dropping" is status mode
cat >policy.conf <<END
pair_rate = 50;
destination_rate = 500;
pair_min_window_ms = 500;
destination_min_window_ms = 500;
mode = "monitor";
END
ok "a_policy_of_the_mesh_monitors" host "$ctl" policy push "$dir/policy.conf" \
	--directory "$mesh" --in 0 --socket /run/xpro/a.sock
wanted=monitor; ok "everywhere" wait_for 5 is status mode
ok "enforce_names_what_stands_against_it" refuses 'a policy of the mesh may say mode = "monitor"' host "$ctl" enforce
touch refuse
ok "a_unit_that_does_not_start_is_named" refuses "gossipd@a: is installed, and did not start" \
	host "$ctl" join "$mesh/a.xpro"
rm refuse
host rmdir /run/systemd/system
"$ctl" mesh rotate a --directory "$mesh" --bundle >/dev/null
ok "a_daemon_without_systemd_is_not_left_with_old_keys_unsaid" refuses "with what was installed before; stop it" \
	host "$ctl" join "$mesh/a.xpro"
sed "s|^control_socket.*|control_socket = \"$dir/none.sock\";|; s|\"a/|\"$mesh/a/|" bare/xpro/a.conf >alone.conf
ok "the_mode_of_a_daemon_that_does_not_run_is_written" says "gossipd does not run, and starts in it" \
	"$ctl" monitor --config alone.conf
sed -i '/^	mode = /d' alone.conf
ok "a_file_without_a_mode_is_left_to_people" refuses 'alone.conf: mode is not set there; write mode = "monitor";' \
	"$ctl" monitor --config alone.conf
done_testing
