/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a real daemon's core was given (xpro/trace.h), given to a core once more. */
#ifndef SIM_REPLAY_H
#define SIM_REPLAY_H

enum replay_outcome { REPLAY_SAME, REPLAY_DIFFERS, REPLAY_UNREADABLE };

/* Says on stdout what came out, and on stderr what is wrong with the file. */
enum replay_outcome replay_run(const char *path);

#endif
