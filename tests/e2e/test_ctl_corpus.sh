#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# gossipctl word for word: what it asks gossipd, prints, ends with and writes, in every case of tests/ctl/cases.py, is
# what tests/ctl/golden holds. After a change of wording that is meant: REWRITE=1 tests/e2e/test_ctl_corpus.sh, then
# look at the difference in git. Needs no root. Speaks TAP.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
exec python3 -B "$root/tests/ctl/corpus.py" "${BIN:-$root/build/bin}/gossipctl" "$root/build/tests/host/fixed.so"
