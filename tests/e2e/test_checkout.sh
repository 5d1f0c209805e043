#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Keys and git: gossipctl writes none below a checkout unless it is told to, and then `git add -A` takes none. Speaks
# TAP.
set -u

here=$(cd "$(dirname "$0")/../.." && pwd)
ctl=${BIN:-$here/build/bin}/gossipctl
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
. "$here/tests/e2e/tap.sh"
cd "$dir" || exit 1
HOME=$dir XDG_CONFIG_HOME=$dir
export HOME XDG_CONFIG_HOME

# checkout NAME: a repository with a file in it
checkout() { git init -q "$1" && echo text >"$1/file"; }
init() { place=$1; shift; "$ctl" mesh init --directory "$place" "$@"; }
issue() {
	place=$1 node=$2
	shift 2
	"$ctl" mesh issue "$node" --directory "$place" --address "10.0.0.$(printf %d "'$node"):7946" "$@"
}
# refused TEXT COMMAND...: it ends with 1 and says this
refused() {
	text=$1
	shift
	"$@" >"$dir/said" 2>&1
	got=$?
	[ "$got" -eq 1 ] && grep -qF -e "$text" "$dir/said" || { echo "ended with $got"; cat "$dir/said"; return 1; }
}
absent() { [ ! -e "$1" ] || { find "$1"; return 1; }; }
# taken REPOSITORY: what `git add -A` would take. clean REPOSITORY: that is the one file
taken() { git -C "$1" add -A -n | sort; }
clean() { got=$(taken "$1"); [ "$got" = "add 'file'" ] || { echo "expected file alone, got: $got"; return 1; }; }
same() { [ "$(cat "$1")" = "$2" ] || { cat "$1"; return 1; }; }

checkout tree
mkdir tree/deep
ok "mesh_init_refuses_a_checkout" refused "mesh: lies in the git checkout $dir/tree," init tree/mesh
ok "and_writes_nothing" absent tree/mesh
ok "nor_deeper_in_it" refused "lies in the git checkout $dir/tree," init tree/deep/er/mesh
ok "and_writes_nothing_there" absent tree/deep/er
ok "nor_at_its_root" refused "lies in the git checkout $dir/tree," init tree
ok "nor_from_inside" refused "lies in the git checkout $dir/tree," \
	sh -c "cd tree/deep && '$ctl' mesh init --directory mesh"
ok "nor_by_way_of_its_parent" refused "lies in the git checkout $dir/tree," \
	sh -c "cd tree && '$ctl' mesh init --directory ../tree/mesh"
ln -s tree/deep link
ok "nor_through_a_link" refused "lies in the git checkout $dir/tree," init link/mesh
ok "nor_through_a_directory_that_is_not_there" refused "leads through .. of a directory that is not there" \
	init none/../tree/mesh
ok "nothing_but_the_file_is_there" clean tree
mkdir -p worktree/deep
echo "gitdir: /somewhere/else" >worktree/.git
ok "a_file_named_git_is_one_too" refused "lies in the git checkout $dir/worktree," init worktree/deep/mesh
git -C tree -c user.name=a -c user.email=a@b commit -q --allow-empty -m empty && git -C tree worktree add -q ../other
ok "so_is_a_real_worktree" refused "lies in the git checkout $dir/other," init other/mesh
ok "and_clean" [ -z "$(git -C other add -A -n)" ]
ok "the_message_names_the_option" refused "--in-git-checkout" init tree/mesh

# ---- elsewhere ----

ok "outside_of_one_it_is_made" init mesh
ok "without_a_gitignore" absent mesh/.gitignore
ok "and_issues" issue mesh a
ln -s ../mesh tree/out
ok "a_link_that_leads_out_of_a_checkout_is_outside" issue tree/out b
rm tree/out

# ---- told to ----

ok "told_to_it_is_made" init tree/mesh --in-git-checkout
ok "with_a_gitignore_that_ignores_everything" same tree/mesh/.gitignore "*"
ok "git_takes_no_key" clean tree
ok "a_node_is_issued_without_the_option" issue tree/mesh a
ok "git_takes_none_of_its_keys" clean tree
ok "a_key_is_rotated" "$ctl" mesh rotate a --directory tree/mesh
ok "and_the_secret" "$ctl" mesh rotate secret --directory tree/mesh
ok "and_revoked" "$ctl" mesh revoke a --directory tree/mesh
ok "git_takes_nothing_of_all_this" clean tree
ok "not_even_in_a_status" [ "$(git -C tree status --porcelain)" = "?? file" ]
whole_checkout() {
	git init -q bare && "$ctl" mesh init --directory bare --in-git-checkout && [ -z "$(git -C bare add -A -n)" ]
}
ok "the_root_of_a_checkout_as_well" whole_checkout

# ---- a directory that came there later ----

cp -r mesh tree/moved
for command in "issue c --address 192.0.2.77:7946" "rotate a" "rotate secret" "revoke b"; do
	# shellcheck disable=SC2086
	ok "mesh_${command%% *}_refuses_there" refused "lies in the git checkout $dir/tree," \
		"$ctl" mesh $command --directory tree/moved
done
ok "and_changes_nothing" diff -r mesh tree/moved
printf '!*.key\n!*' >tree/moved/.gitignore
ok "a_gitignore_that_takes_keys_in_is_none" refused "lies in the git checkout" \
	"$ctl" mesh rotate a --directory tree/moved
ok "told_to_it_goes_on" issue tree/moved c --in-git-checkout
ok "and_git_takes_none_of_what_was_there_before" clean tree
ok "what_stood_in_the_gitignore_stays" [ "$(tail -n 1 tree/moved/.gitignore)" = "*" ]
ok "rotate_needs_no_option_then" "$ctl" mesh rotate a --directory tree/moved
rm tree/moved/.gitignore
ln -s ../mesh/.gitignore tree/moved/.gitignore
ok "nor_is_one_that_is_a_link_which_git_does_not_follow" refused "lies in the git checkout" \
	"$ctl" mesh rotate a --directory tree/moved
ok "told_to_it_becomes_a_file" "$ctl" mesh rotate a --directory tree/moved --in-git-checkout
ok "and_git_takes_none" clean tree
mkdir tree/folder
ln -s ../tree/folder mesh/d
ok "a_node_s_folder_that_leads_into_a_checkout_is_refused" refused "mesh/d: lies in the git checkout $dir/tree," \
	issue mesh d
ok "told_to_it_is_ignored" issue mesh d --in-git-checkout
ok "and_git_takes_none_of_it" clean tree

done_testing
