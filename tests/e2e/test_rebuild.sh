#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What a change rebuilds: every header that the XDP program, the benches' programs and the single-file tools include,
# and every flag. A program that was left as it was would run with a gossipd that takes its records for others. Only a
# few targets are built, elsewhere.
set -u
. "$(dirname "$0")/tap.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$root" || exit 1

program=$dir/gen/xpro.bpf.o bench=$dir/gen/spray.bpf.o
tools="$dir/demo/tally $dir/tests/relay/relay $dir/tests/e2e/packets"
library=$dir/tests/host/clocks.so core=$dir/obj/proto/judge/share.o

# stale EXPECTED TARGET [ARGUMENT...]: does `make -q` say that the target is to be made anew (1), or not (0)?
stale() {
	expected=$1 target=$2
	shift 2
	make -q --no-print-directory B="$dir" "$@" "$target" >/dev/null
	got=$?
	[ "$got" -eq "$expected" ] || { echo "${target#"$dir"/} with $*: expected $expected, got $got"; return 1; }
}

# headers COMPILER SOURCE: those of this tree that it includes, as the compiler says, which needs no record of an
# earlier build
headers() {
	$1 -MM -Iinclude -I"/usr/include/$(gcc -print-multiarch)" "$2" | tr -d '\\' | tr ' ' '\n' | grep '\.h$'
}

# each_header_rebuilds TARGET HEADERS
each_header_rebuilds() {
	wrong=0
	[ -n "$2" ] || { echo "expected headers, got none"; return 1; }
	for header in $2; do
		stale 1 "$1" -W "$header" || wrong=1
	done
	return $wrong
}

each_target() {
	expected=$1
	shift
	for target in $program $bench $tools $library $core; do
		stale "$expected" "$target" "$@" || return 1
	done
}

# shellcheck disable=SC2086
ok "it_builds" make -s B="$dir" $program $bench $tools $library $core
ok "nothing_is_stale_then" each_target 0
of_program=$(headers "clang -target bpf" xdp/xpro.bpf.c)
# shellcheck disable=SC2086
names_what_it_must() {
	for header in xdp/*.h include/xpro/plane.h include/xpro/bounds.h include/xpro/record.h; do
		echo "$of_program" | grep -qx "$header" || { echo "expected $header among: "$of_program; return 1; }
	done
}
ok "the_compiler_names_every_header_of_the_program" names_what_it_must
ok "each_of_them_rebuilds_the_program" each_header_rebuilds "$program" "$of_program"
ok "each_header_of_the_benches_program_rebuilds_it" each_header_rebuilds "$bench" \
	"$(headers "clang -target bpf" tests/bench/spray.bpf.c)"
ok "each_header_of_a_demo_tool_rebuilds_it" each_header_rebuilds "$dir/demo/tally" "$(headers gcc scripts/demo/tally.c)"
ok "each_header_of_the_relay_rebuilds_it" each_header_rebuilds "$dir/tests/relay/relay" \
	"$(headers gcc tests/relay/relay.c)"
ok "a_header_that_is_not_included_does_not" stale 0 "$program" -W proto/node.h
ok "other_optimisation_rebuilds_the_program" stale 1 "$program" BPF_OPTIMISE=-O3
ok "another_clang_rebuilds_the_program" stale 1 "$program" CLANG=clang-0
ok "and_the_benches" stale 1 "$bench" CLANG=clang-0
ok "other_flags_of_c_leave_the_program_alone" stale 0 "$program" CFLAGS=-DOTHER
c_is_rebuilt() { for target in $tools $library $core; do stale 1 "$target" "$@" || return 1; done; }
ok "other_flags_rebuild_what_is_c" c_is_rebuilt CFLAGS=-DOTHER
ok "flags_of_the_linker_do" c_is_rebuilt LDFLAGS=-s
ok "another_compiler_does" c_is_rebuilt CC="gcc -pipe"
ok "the_sanitizers_do" c_is_rebuilt MODE=asan
ok "asking_changed_nothing" each_target 0
quoted="-DOTHER='\"(a,b)\"'"
ok "flags_with_quotes_and_commas_are_kept" \
	sh -c "make -s B='$dir' CFLAGS=\"\$1\" '$core' && make -q B='$dir' CFLAGS=\"\$1\" '$core'" sh "$quoted"
ok "the_flags_of_before_rebuild_it_again" stale 1 "$core"
done_testing
