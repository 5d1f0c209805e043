/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Keys must not come into a git repository by `git add -A`. */
#ifndef CTL_CHECKOUT_H
#define CTL_CHECKOUT_H

#include "problem.h"
#include "ctl.h"

/*
 * Before keys are written to a directory, which need not exist: refuses one below a git checkout. With
 * --in-git-checkout it is made, and a .gitignore in it ignores everything. Where such a .gitignore stands already,
 * here or in a directory above, the option is not needed. Symbolic links are followed, as git does not.
 */
int checkout_guard(const struct arguments *arguments, const char *directory, struct problem *ret_problem);

#endif
