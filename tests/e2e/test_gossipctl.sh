#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# gossipctl without a daemon: making a mesh, issuing nodes, usage, exit codes, JSON. Speaks TAP.
set -u

here=$(cd "$(dirname "$0")/../.." && pwd)
ctl=${BIN:-$here/build/bin}/gossipctl
gossipd=${BIN:-$here/build/bin}/gossipd
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
count=0 failed=0

# ok NAME COMMAND...: one test; its output is shown when it fails
ok() {
	name=$1
	shift
	count=$((count + 1))
	if "$@" >log 2>&1; then
		echo "ok $count - $name"
	else
		echo "not ok $count - $name"
		sed 's/^/# /' log
		failed=$((failed + 1))
	fi
}

# ends STATUS TEXT COMMAND...: the command ends with this status and says this on standard error; "" = nothing at all
ends() {
	status=$1 text=$2
	shift 2
	"$@" >out 2>err
	got=$?
	[ "$got" -eq "$status" ] || { echo "ended with $got, not $status:"; cat out err; return 1; }
	if [ -z "$text" ]; then
		[ ! -s err ] || { echo "was not silent:"; cat err; return 1; }
	else
		grep -qF -e "$text" err || { echo "did not say \"$text\":"; cat err; return 1; }
	fi
}

# prints FILTER COMMAND...: what it prints is JSON of our schema, and the jq filter holds of it
prints() {
	filter=$1
	shift
	"$@" >out 2>err
	jq -e ".schema == 1 and ($filter)" out >/dev/null || { cat out err; return 1; }
}

has_mode() { [ "$(stat -c %a "$2")" = "$1" ] || { stat -c '%a %n' "$2"; return 1; }; }
says() { grep -qF -e "$1" "$2" || { cat "$2"; return 1; }; }
closed_stdout() { "$@" >&-; }
full_stdout() { "$@" >/dev/full; }
no_secret_shown() { ! grep -rqF -f mesh/authority.key -f mesh/mesh.secret all.log; }

# ---- a mesh ----
ok "mesh_init_makes_a_mesh" ends 0 "" "$ctl" mesh init --directory mesh
ok "its_directory_is_for_its_owner_alone" has_mode 700 mesh
ok "the_authority_key_is_for_its_owner_alone" has_mode 600 mesh/authority.key
ok "the_mesh_secret_is_for_its_owner_alone" has_mode 600 mesh/mesh.secret
ok "mesh_init_writes_over_nothing" ends 1 "exists already" "$ctl" mesh init --directory mesh
ok "mesh_init_takes_parameters" ends 0 "" "$ctl" mesh init --directory quick --tick-ms 50 --window-max-ms 4000 --decay 2
ok "parameters_are_kept" says "tick_ms = 50;" quick/mesh.conf
ok "a_tick_out_of_bounds_is_refused" ends 2 "tick must be 20 to 1000 ms" "$ctl" mesh init --directory bad --tick-ms 5000
ok "a_decay_of_1_is_refused" ends 2 "decay must be 2 to 8" "$ctl" mesh init --directory bad --decay 1
ok "a_number_that_is_none_is_refused" ends 2 "--tick-ms: a number from" "$ctl" mesh init --directory bad --tick-ms 2x
ok "mesh_init_needs_a_directory" ends 2 "--directory DIR is needed" "$ctl" mesh init

# ---- nodes ----
ok "a_node_is_issued" ends 0 "" "$ctl" mesh issue a --directory mesh --address 10.0.0.1:7946 --interface eth0
ok "its_key_is_for_its_owner_alone" has_mode 600 mesh/a/node.key
ok "gossipd_takes_the_config_as_written" ends 0 "" "$gossipd" --config mesh/a/a.conf --check-config
ok "and_from_another_directory" ends 0 "" sh -c "cd / && $gossipd --config $dir/mesh/a/a.conf --check-config"
ok "and_from_within" ends 0 "" sh -c "cd mesh/a && $gossipd --config a.conf --check-config"
ok "a_second_node_has_the_first_as_peer" prints '.issued.peers == 1' "$ctl" mesh issue b --directory mesh \
	--address '[2001:db8::2]:7946' --address 10.0.0.2:7946 --region eu --line-rate 1000000 --json
ok "its_config_names_that_peer" says 'peers = ["10.0.0.1:7946"];' mesh/b/b.conf
ok "a_third_reaches_both_by_its_own_family" ends 0 "" \
	"$ctl" mesh issue c --directory mesh --address 10.0.0.3:7946 --pair-rate 7 --state-directory st
ok "one_address_of_each_peer" says 'peers = ["10.0.0.1:7946", "10.0.0.2:7946"];' mesh/c/c.conf
ok "rates_given_are_written" says 'pair_rate = 7;' mesh/c/c.conf
ok "a_relative_state_directory_is_written" says 'state_directory = "st";' mesh/c/c.conf
ok "a_name_is_issued_once" ends 1 "was issued already; --again" \
	"$ctl" mesh issue a --directory mesh --address 10.0.0.9:7946
cp mesh/a/node.key key.before
ok "again_issues_it_anew" prints '.issued.serial == 4' \
	"$ctl" mesh issue a --directory mesh --address 10.0.0.1:7946 --again --json
ok "and_keeps_its_key" cmp key.before mesh/a/node.key
ok "an_address_belongs_to_one_node" ends 1 "10.0.0.1:7946: belongs to a already" \
	"$ctl" mesh issue d --directory mesh --address 10.0.0.1:7946
ok "a_node_needs_an_address" ends 2 "--address IP:PORT is needed" "$ctl" mesh issue d --directory mesh
ok "names_are_no_addresses_of_a_certificate" ends 2 "not a literal IPv4 or IPv6 address" \
	"$ctl" mesh issue d --directory mesh --address host:7946
ok "port_0_is_refused" ends 2 "from 1 to 65535" "$ctl" mesh issue d --directory mesh --address 10.0.0.4:0
ok "port_65536_is_refused" ends 2 "from 1 to 65535" "$ctl" mesh issue d --directory mesh --address 10.0.0.4:65536
ok "a_path_is_no_name" ends 2 "NAME must be" "$ctl" mesh issue ../x --directory mesh --address 10.0.0.4:7946
ok "issued_is_no_name" ends 2 "NAME must be" "$ctl" mesh issue issued --directory mesh --address 10.0.0.4:7946
ok "a_directory_that_is_no_mesh_is_named" ends 1 "nowhere/mesh.conf" \
	"$ctl" mesh issue d --directory nowhere --address 10.0.0.4:7946
ok "a_mesh_with_short_windows_issues_what_fits" ends 0 "" "$ctl" mesh issue a --directory quick --address 10.0.0.1:7946
ok "and_gossipd_takes_it" ends 0 "" "$gossipd" --config quick/a/a.conf --check-config
chmod 644 mesh/authority.key
ok "an_authority_key_others_may_read_is_refused" ends 1 "chmod 600" \
	"$ctl" mesh issue d --directory mesh --address 10.0.0.4:7946
chmod 600 mesh/authority.key
cat out err log >all.log
ok "no_secret_is_shown" no_secret_shown

# ---- the authority's documents ----
"$ctl" mesh init --directory trust >/dev/null
"$ctl" mesh issue a --directory trust --address 10.0.1.1:7946 >/dev/null
"$ctl" mesh issue b --directory trust --address 10.0.1.2:7946 >/dev/null
"$ctl" mesh issue c --directory trust --address 10.0.1.3:7946 >/dev/null
cp trust/mesh.secret secret.before
cp trust/a/node.key key.before
id_of() { awk -v n="$1" '$1 == n { print $4 }' trust/issued; }
a_before=$(id_of a)
differs() { ! cmp -s "$1" "$2"; }
ok "rotate_gives_a_node_another_key" prints '.rotated.serial == 4' "$ctl" mesh rotate a --directory trust --json
ok "which_is_another" differs key.before trust/a/node.key
ok "under_the_same_id" test "$(id_of a)" = "$a_before"
ok "gossipd_takes_it" ends 0 "" "$gossipd" --config trust/a/a.conf --check-config
ok "a_node_not_issued_is_not_rotated" ends 1 "no node of this name" "$ctl" mesh rotate nobody --directory trust
ok "the_previous_key_is_revoked_alone" prints '.revoked.revocation == 1 and .revoked.previous' \
	"$ctl" mesh revoke a --previous --directory trust --json
ok "only_where_there_was_one" ends 1 "has had no other key" "$ctl" mesh revoke b --previous --directory trust
ok "rotate_secret_makes_a_new_one" prints '.rotated.rotation == 1' "$ctl" mesh rotate secret --directory trust --json
ok "which_is_another_one" differs secret.before trust/mesh.secret
ok "and_keeps_the_one_before" cmp secret.before trust/mesh.secret.1
ok "for_its_owner_alone" has_mode 600 trust/mesh.secret.1
ok "revoke_revokes_and_rotates" prints '.revoked.revocation == 2 and .revoked.rotation == 2' \
	"$ctl" mesh revoke c --directory trust --json
ok "it_says_what_to_do_with_the_documents" \
	sh -c "$ctl mesh rotate secret --directory trust | grep -q 'gossipctl mesh push'"
ok "who_is_revoked_is_issued_no_more" ends 1 "no node of this name or key" "$ctl" mesh revoke c --directory trust
ok "its_folder_is_put_aside" test -d trust/c.revoked-3 -a ! -e trust/c
ok "its_name_may_be_issued_again" prints '.issued.serial == 5' \
	"$ctl" mesh issue c --directory trust --address 10.0.1.9:7946 --json
ok "a_key_names_a_node_too" ends 0 "" \
	"$ctl" mesh revoke "$(awk '$1 == "b" { print $3 }' trust/issued)" --directory trust
ok "a_push_needs_a_daemon" ends 3 "cannot reach gossipd" "$ctl" mesh push trust/revocation.doc --socket none.sock
ok "and_a_file" ends 1 "none.doc: No such file" "$ctl" mesh push none.doc --socket none.sock
ok "a_node_may_not_be_called_secret" ends 2 "NAME must be" \
	"$ctl" mesh issue secret --directory trust --address 10.0.1.8:7946
cp trust/revocation.doc kept.doc
printf x | dd of=trust/revocation.doc bs=1 seek=50 conv=notrunc 2>/dev/null
ok "a_changed_document_is_not_gone_on_from" ends 1 "is not this authority's document" \
	"$ctl" mesh revoke a --directory trust
cp kept.doc trust/revocation.doc
ok "and_nothing_was_changed_by_it" grep -q "^a " trust/issued
cp -r trust many
# the largest mesh; all have one key here, since 2,048 take a minute to make
key=$(awk '$1 == "a" { print $3 }' trust/issued)
for i in $(seq 1 2048); do printf 'n%s %s %s %016x 10.9.0.1:7946\n' "$i" "$i" "$key" "$i"; done >many/issued
ok "a_rotation_has_a_box_for_each_of_2048" prints '.rotated.rotation > 0' \
	"$ctl" mesh rotate secret --directory many --json
ok "and_fits_a_document" test "$(wc -c <many/rotation.doc)" -gt 49152 -a "$(wc -c <many/rotation.doc)" -le 65536
ok "so_a_revocation_in_it_replaces_the_secret" prints '.revoked.revocation > 2 and .revoked.rotation > 1' \
	"$ctl" mesh revoke n7 --directory many --json
echo nonsense >>trust/revoked
ok "a_wrong_line_in_revoked_is_named" ends 1 "trust/revoked:" "$ctl" mesh revoke a --directory trust

# ---- gossipd's own arguments ----
ok "gossipd_without_arguments_is_usage" ends 2 "usage: gossipd" "$gossipd"
ok "gossipd_help" ends 0 "" "$gossipd" --help
ok "gossipd_version" ends 0 "" "$gossipd" --version
ok "gossipd_with_an_unknown_option_is_usage" ends 2 "usage: gossipd" "$gossipd" --nonsense
ok "a_missing_config_is_named" ends 1 "none.conf: No such file" "$gossipd" --config none.conf --check-config
sed 's/^name = .*/nmae = "a";/' mesh/a/a.conf >mesh/a/bad.conf
ok "a_wrong_key_is_shown_with_its_line" ends 1 "bad.conf:5: nmae: no such setting; did you mean name?" \
	"$gossipd" --config mesh/a/bad.conf --check-config
sed 's/^name = .*/name = "b";/' mesh/a/a.conf >mesh/a/bad.conf
ok "a_name_of_somebody_else_is_refused" ends 1 "bad.conf:5: name: is b, but the certificate was issued to a" \
	"$gossipd" --config mesh/a/bad.conf --check-config
sed 's/^peers = .*/peers = ["10.0.0.1:7946"];/' mesh/a/a.conf >mesh/a/bad.conf
ok "the_own_address_is_no_peer" ends 1 "peers: 10.0.0.1:7946 is this node itself" \
	"$gossipd" --config mesh/a/bad.conf --check-config
cp mesh/b/node.cert mesh/c/node.cert
ok "a_certificate_for_another_key_is_refused" ends 1 "was issued for another key" \
	"$gossipd" --config mesh/c/c.conf --check-config
cp quick/a/node.cert mesh/c/node.cert
cp quick/a/node.key mesh/c/node.key
ok "a_certificate_for_another_name_is_refused" ends 1 "name: is c" "$gossipd" --config mesh/c/c.conf --check-config
chmod 640 mesh/b/node.key
ok "a_key_others_may_read_is_refused" ends 1 "chmod 600" "$gossipd" --config mesh/b/b.conf --check-config
printf 'AQID' >mesh/b/node.key
chmod 600 mesh/b/node.key
ok "a_key_of_another_length_is_refused" ends 1 "holds 3 bytes" "$gossipd" --config mesh/b/b.conf --check-config

# ---- usage and exit codes ----
ok "no_command_is_usage" ends 2 "usage: gossipctl" "$ctl"
ok "a_misspelt_command_gets_a_hint" ends 2 "did you mean status?" "$ctl" stauts
ok "half_a_command_is_usage" ends 2 "did you mean mesh" "$ctl" mesh ini
ok "an_option_of_another_command_is_refused" ends 2 "status does not take --over" "$ctl" status --over
ok "an_unknown_option_is_refused" ends 2 "nonsense" "$ctl" status --nonsense
ok "a_word_too_many_is_refused" ends 2 "usage: gossipctl status" "$ctl" status now
ok "a_word_too_few_is_refused" ends 2 "usage: gossipctl explain CLIENT DESTINATION" "$ctl" explain 10.0.0.1
mixed="one is IPv4, the other IPv6; no packet goes from one to the other"
ok "explain_takes_addresses_of_one_family" ends 2 "$mixed" "$ctl" explain 2001:db8::1 172.16.0.100
ok "either_way_round" ends 2 "$mixed" "$ctl" explain 172.16.0.100 2001:db8::1
ok "a_mapped_address_is_an_IPv4_one" ends 3 "gossipctl: " "$ctl" --socket none explain ::ffff:10.0.0.1 172.16.0.100
ok "pairs_takes_prefixes_of_one_family" ends 2 "$mixed" \
	"$ctl" --socket none pairs --client 10.0.0.0/8 --destination 2001:db8::/32
ok "so_does_capture" ends 2 "$mixed" "$ctl" --socket none capture --client 2001:db8::/32 --destination 10.0.0.0/8
ok "a_prefix_of_both_goes_with_either" ends 3 "gossipctl: " \
	"$ctl" --socket none pairs --client 10.0.0.0/8 --destination ::/0
ok "explain_takes_addresses" ends 2 "not a literal IPv4 or IPv6 address" "$ctl" explain here there
ok "a_bad_prefix_is_refused" ends 2 "bits set behind the prefix" "$ctl" --socket none pairs --client 10.0.0.1/8
ok "help_is_for_standard_output" ends 0 "" "$ctl" --help
for command in "mesh init" "mesh issue" status members pairs destinations clients networks explain events detach; do
	# shellcheck disable=SC2086
	ok "help_of_$(echo "$command" | tr ' ' _)" ends 0 "" "$ctl" $command --help
done
for command in status members pairs destinations clients networks "explain 10.0.0.1 10.0.0.2" events; do
	# shellcheck disable=SC2086
	ok "without_a_daemon_$(echo "$command" | cut -d' ' -f1)_ends_with_3" ends 3 "cannot reach gossipd" \
		"$ctl" --socket none.sock $command
	# shellcheck disable=SC2086
	ok "and_says_so_in_JSON" prints '.error | contains("cannot reach gossipd")' \
		"$ctl" $command --socket none.sock --json
done
ok "the_socket_is_found_by_the_config" ends 3 "/run/xpro/a.sock" "$ctl" status --config mesh/a/a.conf
echo 'name = ' >mesh/a/bad.conf
ok "a_config_with_an_error_is_told" ends 1 "bad.conf:2: syntax error" "$ctl" status --config mesh/a/bad.conf
ok "detach_needs_to_know_where" ends 2 "detach needs either" "$ctl" detach
ok "detach_touches_nothing_but_a_bpffs" ends 1 "is not in a bpffs" "$ctl" detach --pin-path "$dir/mesh"
ok "and_left_it_alone" test -f mesh/authority.key
ok "a_closed_standard_output_is_a_failure" ends 1 "standard output" closed_stdout "$ctl" --help
ok "a_full_standard_output_is_a_failure" ends 1 "standard output" full_stdout "$ctl" --help

echo "1..$count"
[ "$failed" -eq 0 ]
