#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Writes the man pages: man.sh BIN OUT. What the programs know of themselves comes from the programs (commands and
# options from their --help, settings from a configuration that is issued here), the rest from gossipd/man/.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
bin=$1 out=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

# Plain text to roff.
roff() { sed -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^\([.']\)/\\\\\&\1/"; }

commands() {
	"$bin/gossipctl" --help | sed -n '/^$/,/^$/p' | sed -n 's/^  \(.\{26\}\) .*/\1/p' | while read -r command; do
		words=$(echo "$command" | tr ' ' '\n' | sed '/^[A-Z]/d' | tr '\n' ' ')
		# shellcheck disable=SC2086
		"$bin/gossipctl" $words --help >"$work/help"
		echo ".SS \"$(echo "$command" | roff)\""
		sed -n 2p "$work/help" | sed -e 's/^./\U&/' -e 's/$/./' | roff
		sed -n '/^  --/p' "$work/help" | grep -v '^  --\(json\|help\) ' | roff |
			sed -e 's/^  \(\\-\\-[a-z\\-]*\) \{0,1\}\([A-Z:]*\) *\(.*\)/.TP\n.BI "\1" " \2"\n\3/'
	done
	echo '.SS "Options of every command"'
	"$bin/gossipctl" status --help | grep '^  --\(json\|help\) ' | roff |
		sed -e 's/^  \(\\-\\-[a-z]*\) *\(.*\)/.TP\n.B \1\n\2/'
	printf '.TP\n.B \\-\\-version\nprint the version\n'
}

# Comments become the text of the settings that follow them.
settings() {
	"$bin/gossipctl" mesh init --directory "$work/mesh" >/dev/null
	"$bin/gossipctl" mesh issue node --directory "$work/mesh" --address 192.0.2.10:7946 >/dev/null
	cat "$work"/mesh/*/*.conf | roff | awk '
		function tell() { if (text != "") print text; text = "" }
		NR <= 2 { next }
		{ gsub(/\t/, "") }
		/^(# )?[a-z0-9_]+ = \{$/ { sub(/^# /, ""); print ".SS \"" $1 "\""; tell(); next }
		/^\};?$/ { print ".SS \"Outside of groups\""; next }
		/^(# )?[a-z0-9_]+ = .*;$/ {
			name = $0; off = sub(/^# /, "", name); sub(/;$/, "", name)
			value = name; sub(/^[a-z0-9_]+ = /, "", value); sub(/ = .*/, "", name)
			gsub(/"/, "\\(dq", value)
			if (text == "" && told) print ".TQ"; else print ".TP"
			print ".B " name; print "= " value (off ? "   (not set)" : "")
			held = text; text = ""; told = 1
			if (held != "") print ".br\n" held
			next
		}
		/^#/ { sub(/^# */, ""); text = text == "" ? $0 : text "\n" $0; told = 0; next }
		/^$/ { if (text != "") print ".PP"; tell(); told = 0 }' | sed -e '/^\.SS "Outside of groups"$/{
			N
			/\n$/d
		}'
}

synopsis() {
	echo '.nf'
	"$bin/xpro-sim" --help | sed -n 's/^  \(xpro-sim.*\)/\1/p' | roff
	echo '.fi'
}

# fill PAGE MARK COMMAND
fill() {
	$3 >"$work/part"
	sed -e "/^@$2@\$/{
		r $work/part
		d
	}" "$here/gossipd/man/$1.in" >"$out/$1"
}

cp "$here/gossipd/man/gossipd.8" "$out/"
fill gossipctl.1 COMMANDS commands
fill gossipd.conf.5 SETTINGS settings
fill xpro-sim.1 SYNOPSIS synopsis
