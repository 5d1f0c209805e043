#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Checks of sources and documents: lint.sh [CHECK...], all by default. TAP on stdout; a failed check lists file:line and
# the reason. tidy needs build/gen and man needs build/man: `make lint` makes both. A tool that is missing after
# scripts/dependencies.sh fails its check under CI=true, elsewhere the check is skipped. So it is without git's list of
# sources.
set -u
cd "$(dirname "$0")/.." || exit 1
number=0 failed=0
found=$(mktemp)
trap 'rm -f "$found"' EXIT
checks=${*:-format columns files functions licence shell tidy man sentences references}

sources() { git ls-files '*.c' '*.h' '*.sh' '*.py'; }
documents() { git ls-files '*.md'; }

check_format() { scripts/format.py --check; }
check_columns() { { sources; echo Makefile; } | xargs scripts/lint/lengths.py columns; }
check_files() { sources | xargs scripts/lint/lengths.py files; }
check_functions() { sources | xargs scripts/lint/lengths.py functions; }
check_licence() {
	sources | xargs awk '
		FNR == 1 { seen = 0 }
		FNR <= 2 && /SPDX-License-Identifier: / { seen = 1 }
		FNR == 2 && !seen { print FILENAME ":1: no SPDX-License-Identifier in the first two lines"; bad = 1 }
		END { exit bad }'
}
# SC2317, never reached: shellcheck 0.9 does not see that traps and `ok "sentence" function` call functions.
# SC2154: set by the file sourced. SC1007: `a= b=` empties both.
check_shell() { git ls-files '*.sh' | xargs shellcheck -x -P SCRIPTDIR -e SC2317,SC2154,SC1007 -S warning -f gcc; }
check_tidy() { scripts/lint/tidy.sh; }
# The pages carry no date: half of each comes from the programs.
check_man() { ! mandoc -T lint -W warning build/man/*.[1-8] | grep -v 'WARNING: missing date'; }
check_sentences() { { documents; git ls-files gossipd/man; } | xargs scripts/lint/sentences.py; }
check_references() { { documents; git ls-files '*.c' '*.h'; } | xargs scripts/lint/references.py; }

tool_of() {
	case $1 in
	format) echo clang-format-14 ;;
	shell) echo shellcheck ;;
	tidy) echo clang-tidy-14 ;;
	man) echo mandoc ;;
	*) echo python3 ;;
	esac
}

if ! git ls-files --error-unmatch Makefile >"$found" 2>&1; then
	if [ "${CI:-}" = true ]; then
		echo "not ok 1 - git lists the sources"
	else
		echo "ok 1 - lint # SKIP no checkout"
	fi
	sed 's/^/# /' "$found"
	echo "1..1"
	[ "${CI:-}" != true ]
	exit
fi
for check in $checks; do
	number=$((number + 1))
	tool=$(tool_of "$check")
	command -v "$tool" >/dev/null || scripts/dependencies.sh lint >&2
	if ! command -v "$tool" >/dev/null && [ "${CI:-}" != true ]; then
		echo "ok $number - $check # SKIP no $tool"
	elif "check_$check" >"$found" 2>&1; then
		echo "ok $number - $check"
	else
		echo "not ok $number - $check: $(wc -l <"$found") findings"
		sed 's/^/# /' "$found"
		failed=1
	fi
done
echo "1..$number"
exit "$failed"
