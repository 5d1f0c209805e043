#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The directory of the pins: somebody else's, or one that others may write to, is refused. Needs root. Speaks TAP.
#
# The bpffs is mounted without a mode, and so 1777: whoever comes first makes the directory.
set -u
. "$(dirname "$0")/lonely.sh"
begin
pins=$dir/bpf/a

unfiltered() { ! ip -n "$name" link show clients | grep xdp; }
# both_refuse TEXT...: gossipd and gossipctl detach say all of it, and nothing is filtered
both_refuse() {
	for said in "$@"; do refused "$said" || return 1; done
	inside "$ctl" detach --config "$conf" >"$dir/detached" 2>&1 && { echo "detach did its work"; return 1; }
	for said in "$@"; do
		grep -qF -e "$said" "$dir/detached" ||
			{ echo "expected \"$said\", got:"; cat "$dir/detached"; return 1; }
	done
	unfiltered
}

ok "the_bpffs_lets_anybody_make_directories" test "$(stat -c %a "$dir/bpf")" = 1777

# ---- the directory ----

mkdir -m 755 "$pins"
chown 54321 "$pins"
ok "somebody_elses_directory_is_refused" both_refuse "$pins: belongs to uid 54321 (mode 0755)" \
	"remove it, or give it to root"
rmdir "$pins"
for mode in 0770 0720 0702 0777 1777; do
	mkdir "$pins"
	chmod "$mode" "$pins"
	ok "one_of_mode_${mode}_is_refused" both_refuse "$pins: others may write to it (mode $mode, uid 0)" \
		"run: chmod go-w $pins"
	rmdir "$pins"
done
ln -s "$dir/bpf/b" "$pins"
mkdir "$dir/bpf/b"
chown -h 54321 "$pins"
ok "somebody_elses_symbolic_link_is_refused" both_refuse "$pins: belongs to uid 54321"
rm "$pins"
rmdir "$dir/bpf/b"

# ---- what is above it ----

set_to pin_path "\"$dir/bpf/x/y/a\""
mkdir -p "$dir/bpf/x/y"
chown 54321 "$dir/bpf/x"
ok "a_directory_in_somebody_elses_is_refused" both_refuse "$dir/bpf/x: belongs to uid 54321"
ok "and_nothing_is_made_there" test ! -e "$dir/bpf/x/y/a"
chown 0 "$dir/bpf/x"
chmod 775 "$dir/bpf/x/y"
ok "one_in_a_directory_that_a_group_may_write_to_is_refused" both_refuse \
	"$dir/bpf/x/y: others may write to it (mode 0775, uid 0)"
chmod 1777 "$dir/bpf/x/y"
ok "with_the_sticky_bit_it_is_not" start
ok "its_own_directory_is_closed" test "$(stat -c %a "$dir/bpf/x/y/a")" = 700
ok "it_ends" stop TERM
ok "detach_takes_that_off" inside "$ctl" detach --config "$conf"
ln -s "$dir/bpf/x/y" "$dir/bpf/z"
chmod 777 "$dir/bpf/x/y"
set_to pin_path "\"$dir/bpf/z/a\""
ok "what_a_link_leads_to_is_looked_at" both_refuse "$dir/bpf/x/y: others may write to it"

# ---- the pins ----

set_to pin_path "\"$pins\""
ok "it_starts" start
incarnation=$(field incarnation)
ok "its_directory_is_closed" test "$(stat -c %a "$pins")" = 700
ok "it_ends_with_its_pins" stop TERM
chown 54321 "$pins/state"
ok "somebody_elses_pin_is_refused" refused "$pins/state: belongs to uid 54321 (mode 0600)"
chown 0 "$pins/state"
chmod 666 "$pins/pairs4"
ok "so_is_one_that_others_may_write_to" refused "$pins/pairs4: others may write to it (mode 0666, uid 0)"
chmod 600 "$pins/pairs4"
bpftool map create "$pins/planted" type array key 4 value 4 entries 1 name planted
chown 54321 "$pins/planted"
ok "so_is_one_that_is_none_of_ours" refused "$pins/planted: belongs to uid 54321"
rm "$pins/planted"
ok "without_them_it_goes_on_with_its_table" start
ok "which_is_the_old_one" test "$(field incarnation)" = "$incarnation"
ok "it_ends_at_last" stop TERM
ok "detach_takes_it_off" inside "$ctl" detach --config "$conf"
ok "and_the_interface_is_free" unfiltered

# ---- the control socket's directory, by the same rule ----

mkdir -p "$dir/run/xpro"
chown 54321 "$dir/run"
set_to control_socket "\"$dir/run/xpro/a.sock\""
ok "a_socket_below_somebody_elses_directory_is_refused" refused "control_socket: $dir/run: belongs to uid 54321"
done_testing
