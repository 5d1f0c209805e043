#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Each numbered step of the protocol document (proto/PROTOCOL/) is named once in the code, in a comment at the function
# or line that does it: (Repair, 2). A name is the heading above the step's list and the number, in parentheses; one
# comment may name several steps: (Repair, 2 and 3), (Repair, 1, 2 and 3). Where a heading has several lists, the bold
# words that begin the last paragraph before a list are part of the name: (Publishing, How they are sent, 3).
# usage: test_steps.sh [FILE...]: sources to look at beside those of proto/, gossipd/, xdp/ and include/
set -u
program=$(mktemp) found=$(mktemp) place=$(mktemp -d)
trap 'rm -rf "$program" "$found" "$place"' EXIT

cat >"$program" <<'AWK'
# ---- documents: at[step] is where a step stands, steps[] the steps in their order ----

function list_begins() {
	list++
	list_heading[list] = heading; list_words[list] = words
	lists_below[heading]++
}
function document(line) {
	if (line ~ /^```/) is_code = !is_code
	if (is_code) return
	if (line ~ /^#+ /) {
		sub(/^#+ +/, "", line)
		heading = line; words = ""; last = ""
	} else if (match(line, /^\*\*[^*]+\*\*/)) {
		words = substr(line, 3, RLENGTH - 4); sub(/[.:]$/, "", words)
	} else if (match(line, /^[0-9]+\. /)) {
		number = substr(line, 1, RLENGTH - 2) + 0
		if (last == "" || number <= last) list_begins()
		last = number
		step_list[++count] = list; step_number[count] = number; step_at[count] = FILENAME ":" FNR
	}
}
# A list's words are part of its steps' names where there is another list below the heading.
function name_of_list(l) {
	return list_heading[l] (lists_below[list_heading[l]] > 1 && list_words[l] != "" ? ", " list_words[l] : "")
}
function documents_end(   i, step) {
	read = 1
	for (i = 1; i <= count; i++) {
		step = steps[i] = name_of_list(step_list[i]) ", " step_number[i]
		if (step in at) print "ambiguous\t" step_at[i] ": (" step ") is the name of " at[step] ", too"
		at[step] = step_at[i]
	}
}

# ---- sources ----

function name(step, where) {
	if (!(step in at)) print "unknown\t" where ": (" step ") is no step of the protocol document"
	else if (step in named) print "twice\t" where ": (" step ") is named in " named[step] " already"
	else named[step] = where
}
# The names in a comment, whose line i begins at from[i] of its text. Years and RFCs have more digits.
function comment_ends(   text, before, start, heading_of, numbers, n, i, part) {
	text = comment; before = 0
	while (match(text, /\([A-Z][^()]*, [0-9][0-9]?((, [0-9][0-9]?)* and [0-9][0-9]?)?\)/)) {
		start = before + RSTART; before += RSTART + RLENGTH - 1
		part = substr(text, RSTART + 1, RLENGTH - 2); text = substr(text, RSTART + RLENGTH)
		match(part, /, [0-9][0-9]?((, [0-9][0-9]?)* and [0-9][0-9]?)?$/)
		heading_of = substr(part, 1, RSTART - 1); part = substr(part, RSTART + 2)
		n = split(part, numbers, /, | and /)
		for (i = lines; from[i] > start; i--);
		for (part = 1; part <= n; part++) name(heading_of ", " numbers[part], FILENAME ":" (began + i - 1))
	}
	in_comment = 0
}
function comment_goes_on(text) {
	sub(/^[ \t]*(\*+( |$))?[ \t]*/, "", text)
	from[++lines] = length(comment) + 1
	comment = comment text " "
}
function source(line,   sign) {
	while (1) {
		if (in_comment) {
			sign = index(line, "*/")
			comment_goes_on(sign ? substr(line, 1, sign - 1) : line)
			if (!sign) return
			comment_ends()
			line = substr(line, sign + 2)
		}
		# the next text, character or comment
		if (!match(line, /"([^"\\]|\\.)*"|'([^'\\]|\\.)+'|\/\*|\/\//)) return
		sign = substr(line, RSTART, RLENGTH); line = substr(line, RSTART + RLENGTH)
		if (sign != "/*" && sign != "//") continue
		in_comment = 1; comment = ""; lines = 0; began = FNR
		if (sign == "/*") continue
		comment_goes_on(line)
		comment_ends()
		return
	}
}

FNR == 1 { in_comment = is_code = 0; heading = words = last = "" }
pass == "documents" { document($0); next }
!read { documents_end() }
{ source($0) }
END {
	if (!read) documents_end()
	if (count == 0) print "missing\tthere are no steps"
	for (i = 1; i <= count; i++)
		if (!(steps[i] in named)) print "missing\t" step_at[i] ": no comment names (" steps[i] ")"
}
AWK

# "kind <tab> where: what" for each fault of the documents in a folder and of the sources
faults() {
	documents=$(find "$1" -name '*.md' | LC_ALL=C sort)
	shift
	# shellcheck disable=SC2086 # words
	LC_ALL=C awk -f "$program" pass=documents $documents pass=sources "$@"
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
of_kind() { awk -F '\t' -v kind="$1" '$1 == kind { print $2 }' "$found"; }

failed=0
echo "1..5"
# shellcheck disable=SC2046 # words
faults proto/PROTOCOL $(find proto gossipd xdp include -name '*.[ch]' | LC_ALL=C sort) "$@" >"$found"
result 1 every_step_is_named "$(of_kind missing)"
result 2 no_step_is_named_twice "$(of_kind twice)"
result 3 every_name_is_that_of_a_step "$(of_kind unknown)"
result 4 no_two_steps_have_one_name "$(of_kind ambiguous)"

# The test finds what it is for.
cat >"$place/document.md" <<'MD'
# Title
## Repair
1. First.
   1. No step of its own.
2. Second.
3. Third.
## Two lists
**How they are kept.**
0. First.
1. Second.

**How, and when, they go:**
1. First.
## Twins
1. First.
1. First.
MD
cat >"$place/source.c" <<'C'
/*
 * A comment of two steps. (Repair,
 * 1 and 2)
 */
static const char *text = "/* (Repair, 3) */"; // (Two lists, How they are kept, 0)
/* (Two lists, How they are kept, 1) */ int x = '"'; /* as in (RFC 2784, 2890) (Repair, 2) */
/* (Repair, 4) (Two lists, 1) (repairs, 3)
   (Two lists, How, and when, they go, 1) (Twins, 1) */
C
faults "$place" "$place/source.c" | sed "s|$place/||g" >"$found"
cat >"$place/expected" <<'TEXT'
ambiguous	document.md:16: (Twins, 1) is the name of document.md:15, too
twice	source.c:6: (Repair, 2) is named in source.c:2 already
unknown	source.c:7: (Repair, 4) is no step of the protocol document
unknown	source.c:7: (Two lists, 1) is no step of the protocol document
missing	document.md:6: no comment names (Repair, 3)
TEXT
result 5 faults_are_found "$(diff "$place/expected" "$found")"
exit "$failed"
