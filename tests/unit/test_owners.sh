#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The comment at struct node (proto/core/node_core.h) says who assigns what of a node, and is true: a field is assigned
# by files of the room whose header declares its struct, and by those that the comment lists beside it. Read from the
# sources, by the structs that the headers declare and the variables that a function declares. An assignment is =, op=,
# ++, --, and what memcpy, memset, memmove, sodium_memzero and get_bytes write; not what a function writes through a
# pointer it is given. Copies on the stack and outputs (ret_...) are their function's own. So are the structs of
# proto/core/ but struct node, and DATA: they are data that stand in others' fields, and the field is what counts.
# usage: test_owners.sh [FILE...]: files to look at beside those of proto/
set -u
comment=proto/core/node_core.h
data='certificate cell revocation rotation policy_document policy_rule prefix'
program=$(mktemp) found=$(mktemp) listed=$(mktemp)
trap 'rm -f "$program" "$found" "$listed"' EXIT

cat >"$program" <<'AWK'
# Without comments and texts.
function code_of(line,   at, rest) {
	if (in_comment) {
		at = index(line, "*/")
		if (!at) return ""
		line = substr(line, at + 2); in_comment = 0
	}
	gsub(/"([^"\\]|\\.)*"/, "\"\"", line)
	gsub(/'([^'\\]|\\.)'/, "0", line)
	while ((at = index(line, "/*")) > 0) {
		rest = substr(line, at + 2); line = substr(line, 1, at - 1)
		if (index(rest, "*/")) line = line " " substr(rest, index(rest, "*/") + 2)
		else in_comment = 1
	}
	return line
}
function room_of(file,   part) { return split(file, part, "/") > 2 && part[1] == "proto" ? part[2] : "proto" }

# ---- headers: has[struct, field], type[struct, field], pointer[struct, field], owner[struct] ----

function field_declared(struct, text,   kind, n, names, i, name) {
	gsub(/[ \t]+/, " ", text); sub(/^ /, "", text); sub(/^const /, "", text)
	kind = ""
	if (match(text, /^struct [a-z0-9_]+/)) kind = substr(text, 8, RLENGTH - 7)
	else match(text, /^(enum |unsigned )?[a-z0-9_]+/)
	text = substr(text, RLENGTH + 1)
	gsub(/\[[^]]*\]/, "", text)
	n = split(text, names, ",")
	for (i = 1; i <= n; i++) {
		name = names[i]; sub(/:.*/, "", name); gsub(/[ *]/, "", name)
		if (name !~ /^[a-z_][a-z0-9_]*$/) continue
		has[struct, name] = 1; type[struct, name] = kind
		if (names[i] ~ /\*/) pointer[struct, name] = 1
	}
}
function struct_begins(text) {
	gsub(/[ \t]+/, " ", text); sub(/^ /, "", text); sub(/ $/, "", text)
	scope[++depth] = ""
	if (depth == 1 && text ~ /^struct [a-z0-9_]+$/) scope[depth] = substr(text, 8)
	else if (depth > 1 && scope[depth - 1] != "" && text ~ /^(struct|union)$/) scope[depth] = "#" ++anonymous
	if (scope[depth] != "") owner[scope[depth]] = FILENAME ~ /^proto\// ? room_of(FILENAME) : "include"
}
function statement_ends(text) {
	if (ended != "") { # an anonymous struct or union inside another: it has a name, or its fields are the other's
		gsub(/\[[^]]*\]|[ \t]/, "", text)
		if (text != "") { has[scope[depth], text] = 1; type[scope[depth], text] = ended }
		else inside[scope[depth]] = inside[scope[depth]] " " ended
		ended = ""
	} else if (depth > 0 && scope[depth] != "") field_declared(scope[depth], text)
}
function header(line,   i, c) {
	for (i = 1; i <= length(line); i++) {
		c = substr(line, i, 1)
		if (c == "{") { struct_begins(pending); pending = "" }
		else if (c == "}") { ended = depth > 1 ? scope[depth] : ""; depth--; pending = "" }
		else if (c == ";") { statement_ends(pending); pending = "" }
		else pending = pending c
	}
	pending = pending " "
}

# ---- functions: what a path like node->member->table[i].clock.reported stands in ----

function declare(line,   rest, name, part) {
	rest = line
	while (match(rest, /struct [a-z0-9_]+ (\*(const )?)?[a-z_][a-z0-9_]*/)) {
		name = substr(rest, RSTART, RLENGTH); rest = substr(rest, RSTART + RLENGTH)
		split(name, part, " ")
		is_pointer = name ~ /\*/; sub(/.*[ *]/, "", name)
		var[name] = part[2]; var_points[name] = is_pointer
		while (line !~ /\)$/ && match(rest, /, \*[a-z_][a-z0-9_]*( =|,|;)/)) { # struct x *a, *b;
			name = substr(rest, RSTART + 3, RLENGTH - 3); rest = substr(rest, RSTART + RLENGTH - 1)
			sub(/( =|,|;)$/, "", name)
			var[name] = part[2]; var_points[name] = 1
		}
	}
}
function holder(struct, field,   n, parts, i, found) {
	if ((struct, field) in has) return struct
	n = split(inside[struct], parts, " ")
	for (i = 1; i <= n; i++)
		if ((found = holder(parts[i], field)) != "") return found
	return ""
}
# memory: the struct that the last pointer of the path leads to; named: the innermost of the same room that has a name.
function assigned(path, whole,   base, struct, memory, named, name, hop, at, through) {
	gsub(/\[[^][]*(\[[^][]*(\[[^][]*\])?[^][]*\])*[^][]*\]/, "[]", path)
	match(path, /^[a-z_][a-z0-9_]*/)
	base = substr(path, 1, RLENGTH); path = substr(path, RLENGTH + 1)
	if (!(base in var) || base ~ /^ret_/) return
	struct = var[base]; memory = var_points[base] && (whole || path ~ /^(->|\[)/) ? struct : ""
	named = ""; name = "*"
	sub(/^(\[\])+/, "", path)
	while (match(path, /^(->|\.)[a-z_][a-z0-9_]*(\[\])*/)) {
		hop = substr(path, 1, RLENGTH); path = substr(path, RLENGTH + 1)
		if (hop ~ /^->/) { memory = struct; named = "" }
		at = hop; gsub(/^(->|\.)|[][]/, "", at)
		if ((at_struct = holder(struct, at)) == "") {
			if (struct in owner && memory != "")
				print "unresolved\t?\t" FILENAME ":" FNR ": " struct " has no " at
			return
		}
		if (at_struct !~ /^#/ && (named == "" || owner[at_struct] == owner[memory])) {
			named = at_struct; name = at
		} else if (named == "") {
			named = struct; name = at
		}
		through = (at_struct, at) in pointer
		struct = type[at_struct, at]
		if (through && (path == "" ? whole : hop ~ /\]$/)) { memory = struct; named = "" }
	}
	if (memory == "" || !(memory in owner) || memory in is_data || owner[memory] == "include") return
	if (owner[memory] == "core" && memory != "node") return
	if (owner[memory] != room_of(FILENAME))
		print room_of(FILENAME) "\t" (named == "" ? memory ".*" : named "." name) "\t" FILENAME ":" FNR
}
function body(line,   rest, path, before) {
	rest = line
	while (match(rest, PATH "( ?(=[^=]|=$|[-+*/|&^%]=|<<=|>>=)|\\+\\+|--)")) {
		path = substr(rest, RSTART, RLENGTH); before = substr(rest, 1, RSTART - 1)
		rest = substr(rest, RSTART + RLENGTH)
		sub(/ ?(=.?|[-+*\/|&^%]=|<<=|>>=|\+\+|--)$/, "", path)
		assigned(path, before ~ /(^|[^a-z0-9_ )] ?|^[ \t]*)\*$/)
	}
	rest = line
	while (match(rest, "(\\+\\+|--)" PATH)) {
		path = substr(rest, RSTART + 2, RLENGTH - 2); rest = substr(rest, RSTART + RLENGTH)
		assigned(path, 0)
	}
	rest = line
	while (match(rest, "(memcpy|memset|memmove|sodium_memzero|get_bytes)\\((&c, )?&?" PATH)) {
		path = substr(rest, RSTART, RLENGTH); rest = substr(rest, RSTART + RLENGTH)
		sub(/^[a-z_]+\((&c, )?&?/, "", path)
		assigned(path, 1)
	}
}
BEGIN {
	PATH = "[a-z_][a-z0-9_]*((->|\\.)[a-z_][a-z0-9_]*|\\[[^][]*(\\[[^][]*(\\[[^][]*\\])?[^][]*\\])*[^][]*\\])*"
	split(data, names, " ")
	for (i in names) is_data[names[i]] = 1
}
FNR == 1 { in_comment = depth = 0; pending = ended = "" }
{
	line = code_of($0)
	if (line ~ /^#/) next
	if (pass == "headers") { header(line); next }
	if (line ~ /^[a-z].*\(/ || line ~ /^}/) { delete var; delete var_points }
	declare(line)
	body(line)
}
AWK

# "room struct.field where" for each assignment from outside the struct's room
assignments() {
	headers=$(find include proto -name '*.h' | LC_ALL=C sort)
	files=$(find proto -name '*.[ch]' | LC_ALL=C sort)
	# shellcheck disable=SC2086 # words
	awk -v data="$data" -f "$program" pass=headers $headers pass=bodies $files "$@"
}

# "room struct.field" for each exception in the comment: lines that begin with a tab; a room, fields, a colon, a reason
exceptions() {
	awk '/^ \*\t/ {
		sub(/^ \*\t/, "")
		if ($0 !~ /^\t/) { room = $1; sub(/^[a-z]+/, "") }
		reason = index($0, ":")
		n = split(reason ? substr($0, 1, reason - 1) : $0, words, /[ \t,]+/)
		for (i = 1; i <= n; i++) if (words[i] ~ /^[a-z_]+\.([a-z_]+|\*)$/) print room "\t" words[i]
	}
	/^struct node \{/ { exit }' "$comment"
}

# What of the first file ("room field ...") no line of the second ("room field ...") covers; a field may be struct.*,
# a room every.
uncovered() {
	awk -F '\t' -v order="$3" '
		function covers(exception, fact,   e, f) {
			split(exception, e, "\t"); split(fact, f, "\t")
			if (e[1] != f[1] && e[1] != "every") return 0
			if (e[2] == f[2]) return 1
			sub(/\..*/, "", f[2])
			return e[2] == f[2] ".*"
		}
		side == "other" { other[++others] = $1 "\t" $2; next }
		{
			for (i = 1; i <= others; i++)
				if (order == "facts" ? covers(other[i], $0) : covers($1 "\t" $2, other[i])) next
			print
		}' side=other "$2" side=own "$1"
}

result() { # number, name, offences
	if [ -z "$3" ]; then
		echo "ok $1 - $2"
	else
		echo "not ok $1 - $2"
		printf '%s\n' "$3" | sed 's/^/# /'
		failed=1
	fi
}

failed=0
echo "1..3"
exceptions >"$listed"
assignments "$@" >"$found"
result 1 only_the_owner_assigns_a_field "$(uncovered "$found" "$listed" facts)"
result 2 every_exception_is_made "$(uncovered "$listed" "$found" exceptions)"

# The test finds what it is for.
strange=$(mktemp --suffix=.c)
cat >"$strange" <<'C'
void strange(struct node *node, const struct out *out)
{
	struct entry *entry = &node->count->ledger.entries[0];
	struct member copy = node->member->table[0];

	node->judge->share.stage = SHARE_BEGIN;
	node->member->table[out->target].clock.reported++;
	entry->stack |= 1;
	*entry = (struct entry){ .stack = 0 };
	memcpy(node->spread->store.frames[0].leaf, out, HASH_BYTES);
	--node->outbox->count;
	copy.used = node->judge->sweeping == true;
}
C
missed=$(assignments "$strange" | awk -F '\t' -v file="$strange" '
	index($3, file ":") == 1 { print $2 }' | LC_ALL=C sort | paste -sd' ' -)
rm -f "$strange"
expected='entry.* entry.stack member_clock.reported outbox.count share_walk.stage stored.leaf'
result 3 assignments_are_found "$([ "$missed" = "$expected" ] || echo "found $missed, expected $expected")"
exit "$failed"
