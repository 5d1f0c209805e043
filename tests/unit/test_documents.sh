#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The checks of `make lint` that need no package of their own: lengths of files, licence lines, words per sentence, references of documents.
exec "$(dirname "$0")/../../scripts/lint.sh" files licence sentences references
