#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The core library calls no clock, socket, file, thread, random source, printf or malloc: every symbol it needs from
# outside is on this list.
set -u
# Extended regular expressions, each of a whole symbol, one a line.
allowed='^(mem(cpy|set|cmp|move)|str(len|cmp|spn|nlen)|fmin|fmax|fabs)$
^(__stack_chk_fail|__mem(cpy|set|move)_chk|_GLOBAL_OFFSET_TABLE_)$'
sodium='^crypto_generichash(_(init|update|final))?$
^crypto_sign_(detached|verify_detached|ed25519_(pk|sk)_to_curve25519)$
^crypto_scalarmult(_curve25519)?$
^crypto_core_ed25519_is_valid_point$
^crypto_aead_xchacha20poly1305_ietf_(en|de)crypt$
^crypto_shorthash_siphashx?24$
^sodium_(memcmp|memzero|is_zero)$'
echo "1..1"
library=${1:-build/libxpro.a}
defined=$(nm --defined-only "$library" 2>/dev/null | awk 'NF == 3 { print $3 }' | sort -u)
wanted=$(nm -u "$library" 2>/dev/null | awk '$1 == "U" { print $2 }' | sort -u)
[ -n "$wanted" ] || { echo "not ok 1 - core_library_is_pure # no symbols in $library"; exit 1; }
foreign=$(printf '%s\n' "$wanted" | grep -vxF "$defined" | grep -vE "$allowed" | grep -vE "$sodium")
if [ -z "$foreign" ]; then
	echo "ok 1 - core_library_is_pure"
else
	echo "not ok 1 - core_library_is_pure"
	printf '# %s\n' "$foreign"
	exit 1
fi
