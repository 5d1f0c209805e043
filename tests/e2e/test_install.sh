#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What `make install` puts down: programs that run from there, man pages that tell every command, option and setting
# there is and none that is not, completion, a systemd unit with the least privilege that gossipd starts with. Needs
# root. Speaks TAP.
set -u
. "$(dirname "$0")/lonely.sh"
begin
at=$dir/installed
man=$at/usr/share/man

ok "it_installs" make -C "$root" --no-print-directory install DESTDIR="$at" PREFIX=/usr
for file in sbin/gossipd bin/gossipctl bin/xpro-sim \
	share/man/man8/gossipd.8 share/man/man1/gossipctl.1 share/man/man5/gossipd.conf.5 share/man/man1/xpro-sim.1 \
	share/bash-completion/completions/gossipctl share/zsh/site-functions/_gossipctl \
	lib/systemd/system/gossipd@.service; do
	ok "$(basename "$file")_is_there" test -s "$at/usr/$file"
done

# ---- man pages ----

# The words of a page: no roff.
page() { sed -e 's/\\-/-/g' -e 's/\\&//g' -e 's/\\e/\\/g' -e 's/\\(dq/"/g' -e 's/"//g' "$man/$1"; }
# every FILE LIST-COMMAND...: the page holds each line of the list as a word
every() {
	text=$(page "$1")
	shift
	"$@" >"$dir/list"
	[ -s "$dir/list" ] || { echo "nothing was listed"; return 1; }
	while read -r item; do
		printf '%s\n' "$text" | grep -qwF -e "$item" || { echo "$item is missing"; return 1; }
	done <"$dir/list"
}
commands() { "$ctl" --help | sed -n '/^$/,/^$/s/^  \([a-z]*\( [a-z]\{1,\}\)\{0,1\}\).*/\1/p'; }
options() {
	commands | while read -r command; do
		# shellcheck disable=SC2086
		"$ctl" $command --help | sed -n 's/^  \(--[a-z-]*\).*/\1/p'
	done | sort -u
}
# The names in the tables of settings, as the sources have them.
setting_names() {
	sed -n 's/^\t\[CONFIG_[A-Z0-9_]*\] = { "\([a-z0-9_]*\)".*/\1/p' "$root/gossipd/config/config_settings.c" |
		sort -u
}
ok "gossipctl.1_tells_every_command" every man1/gossipctl.1 commands
ok "gossipctl.1_tells_every_option" every man1/gossipctl.1 options
told_options() {
	page man1/gossipctl.1 | sed -n '/^.SH COMMANDS/,/^.SH OUTPUT/p' | grep -o -e '--[a-z][a-z-]*' | sort -u
}
no_option_too_many() {
	{ options; echo --version; } | sort -u >"$dir/known"
	told_options | comm -23 - "$dir/known" | { ! grep .; }
}
ok "and_none_that_is_not" no_option_too_many
ok "gossipd.8_tells_every_option" every man8/gossipd.8 \
	sh -c "'$bin/gossipd' --help | sed -n 's/^  \\(--[a-z-]*\\).*/\\1/p'"
ok "gossipd.conf.5_tells_every_setting" every man5/gossipd.conf.5 setting_names
told_settings() { page man5/gossipd.conf.5 | sed -n 's/^\.B \([a-z0-9_]*\)$/\1/p' | sort -u; }
# A name that is told must be read: in quotes somewhere in gossipd's sources.
no_setting_too_many() {
	told_settings | while read -r name; do
		grep -qF "\"$name\"" "$root"/gossipd/config/*.c || echo "$name"
	done | { ! grep .; }
}
ok "and_none_that_gossipd_does_not_read" no_setting_too_many
ok "xpro-sim.1_tells_every_verb" every man1/xpro-sim.1 \
	sh -c "'$bin/xpro-sim' --help | sed -n 's/^  xpro-sim \\([a-z]*\\).*/\\1/p'"
well_formed() {
	command -v man >/dev/null || return 0
	for one in "$man"/man?/*; do
		said=$(man --warnings -E UTF-8 -l -Tutf8 "$one" 2>&1 >/dev/null)
		[ -z "$said" ] || { echo "$one: $said"; return 1; }
	done
}
ok "no_page_has_an_error" well_formed

issue ams 10.77.1.9:7946
examples() {
	sed -n '/^.SH EXAMPLES/,$ { /^\.nf/,/^\.fi/ { /^\.[nf][fi]/d; p } }' "$man/man5/gossipd.conf.5" |
		sed -e 's/\\(dq/"/g' -e 's/\\-/-/g' >"$dir/mesh/example.conf"
	grep -q '^policy = {' "$dir/mesh/example.conf" &&
		"$bin/gossipd" --config "$dir/mesh/example.conf" --check-config
}
ok "the_examples_of_gossipd.conf.5_are_a_configuration" examples

# ---- completion ----

# completes WORDS... -- EXPECTED: the last word is being typed
completes() {
	bash -c '. "$1"; shift
		wanted=${!#}; set -- "${@:1:$#-1}"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
		PATH=$PATH:'"$bin"'
		_gossipctl gossipctl
		printf "%s\n" "${COMPREPLY[@]}"
		printf "%s\n" "${COMPREPLY[@]}" | grep -qxF -e "$wanted"' \
		bash "$at/usr/share/bash-completion/completions/gossipctl" "$@"
}
ok "completion_knows_the_commands" completes gossipctl st status
ok "and_both_words_of_a_command" completes gossipctl mesh is issue
ok "and_a_commands_options" completes gossipctl pairs --o --over
ok "and_those_of_two_words" completes gossipctl mesh issue x --line- --line-rate
ok "and_files" completes gossipctl --config "$dir/mesh/a/a.c" "$dir/mesh/a/a.conf"
ok "and_files_as_arguments" completes gossipctl mesh push "$dir/mesh/a/node.c" "$dir/mesh/a/node.cert"
ok "and_directories" completes gossipctl mesh init --directory "$dir/me" "$dir/mesh"
ok "and_interfaces_of_the_host" completes gossipctl mesh issue x --interface l lo
ok "and_nodes_of_a_mesh" completes gossipctl mesh rotate --directory "$dir/mesh" "" a
once() { [ "$("$ctl" --complete "" | cut -f 1 | sort | uniq -d | wc -l)" -eq 0 ]; }
ok "no_word_is_offered_twice" once
all_of_them() {
	commands | cut -d ' ' -f 1 | sort -u >"$dir/known" &&
		"$ctl" --complete "" | cut -f 1 | sort | diff "$dir/known" -
}
ok "every_command_is_offered" all_of_them

# zsh_completes WORDS... EXPECTED: _files and _describe print what they are given
cat >"$dir/zsh" <<'END'
wanted=$argv[-1] words=("${(@)argv[2,-2]}") CURRENT=$(($# - 2))
_files() { print -- ":files $*" }
_describe() { print -l -- "${(@P)argv[-1]}" }
complete_it() { source "$1" }
complete_it "$1" | tee /dev/stderr | grep -qxF -e "$wanted"
END
zsh_completes() {
	PATH=$PATH:$bin zsh -f "$dir/zsh" "$at/usr/share/zsh/site-functions/_gossipctl" gossipctl "$@"
}
if command -v zsh >/dev/null; then
	ok "zsh_knows_the_commands_and_what_they_are" zsh_completes check "$("$ctl" --complete check | tr '\t' ':')"
	ok "zsh_completes_options" zsh_completes pairs --ov "--over:only those over their rate"
	ok "zsh_completes_files" zsh_completes join "" ":files "
	ok "zsh_completes_directories" zsh_completes mesh init --directory "" ":files -/"
	ok "zsh_completes_names" zsh_completes mesh rotate --directory "$dir/mesh" "" a
fi

# ---- the systemd unit ----

unit=$at/usr/lib/systemd/system/gossipd@.service
ok "the_unit_starts_what_was_installed" grep -q '^ExecStart=/usr/sbin/gossipd --config /etc/xpro/%i.conf$' "$unit"
verified() {
	command -v systemd-analyze >/dev/null || return 0
	cp "$unit" "$dir/gossipd@.service"
	sed -i "s|/usr/sbin/gossipd|$bin/gossipd|; /^Documentation/d" "$dir/gossipd@.service"
	said=$(systemd-analyze verify "$dir/gossipd@x.service" 2>&1 | grep -F gossipd@)
	[ -z "$said" ] || { echo "$said"; return 1; }
}
ok "systemd_finds_nothing_wrong_with_it" verified
exposure() {
	command -v systemd-analyze >/dev/null || return 0
	level=$(systemd-analyze security --offline=yes "$dir/gossipd@.service" 2>/dev/null |
		sed -n 's/.*exposure level[^:]*: \([0-9.]*\).*/\1/p')
	echo "exposure is $level"
	awk -v level="$level" 'BEGIN { exit !(level != "" && level < 4.0) }'
}
ok "its_exposure_is_small" exposure
capabilities=$(sed -n 's/^CapabilityBoundingSet=//p' "$unit" | tr 'A-Z ' 'a-z,' | sed 's/cap_/+/g')
ok "gossipd_starts_with_those_capabilities" start setpriv --bounding-set "-all,$capabilities" --inh-caps=-all
ok "and_filters" sh -c "ip -n $name link show clients | grep -q xdp"
ok "and_ends" stop TERM
for one in bpf net_admin perfmon; do
	less=$(echo "$capabilities" | sed "s/+$one,//")
	ok "without_${one}_it_says_what_is_missing" refused CAP_ setpriv --bounding-set "-all,$less" --inh-caps=-all
	inside "$ctl" detach --config "$conf" >/dev/null 2>&1
done
done_testing
