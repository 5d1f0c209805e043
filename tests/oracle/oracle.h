/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The oracle: Algorithms 1 and 2 of the paper, line by line, with one master and several proxies, as the yardstick
 * the mesh is held against. Everything is kept and looked through by brute force. Times are seconds, rates packets
 * per second.
 *
 * The paper as printed does not work; each correction is a switch of its own, so that what it is for can be shown
 * (test_errata.c).
 */
#ifndef TESTS_ORACLE_H
#define TESTS_ORACLE_H

#include <stdbool.h>

#include <xpro/key.h>

#define ORACLE_PROXIES_MAX 16
#define ORACLE_PAIRS_MAX 1024

struct oracle_corrections {
	/* ts1' = ts1; printed: ts1 = ts1', which gives the master another proxy's old start back, to be aged again */
	bool line_22;
	bool line_32; /* M_DB does not contain the pair; printed: contains, so that no pair ever gets into M_DB */
	bool line_33; /* and dc' = 0; printed: the pair's first delta is added once more at the next synchronisation */
	bool lines_18_20; /* only clients heard within T_T1; printed: a client that left pins ts1* for good */
};

extern const struct oracle_corrections oracle_as_printed, oracle_corrected;

struct oracle_options {
	unsigned int proxies;
	struct oracle_corrections corrections;
	double idle_reset, pair_min_window, destination_min_window, window_max; /* T_T1 to T_T4 */
	double pair_rate, destination_rate;					/* T_F1, T_F2 */
	double decay;								/* r */
};

/* one proxy, corrected, the thresholds' defaults, 100/s and 1000/s */
extern const struct oracle_options oracle_defaults;

struct oracle;

struct oracle *oracle_make(const struct oracle_options *options);
void oracle_free(struct oracle *oracle);

/* Algorithm 1: proxy p synchronises with the master at time t. */
void oracle_synchronise(struct oracle *oracle, unsigned int p, double t);

/* Every proxy in turn, twice: the second round brings each what the others told in the first. */
void oracle_synchronise_all(struct oracle *oracle, double t);

/*
 * Lines 12-13 and 21-22 with and without the minimum windows as they are printed: `early` compares c with
 * max(window, minimum) instead of waiting for the minimum.
 */
struct oracle_verdict {
	bool pair, pair_early;		     /* dropped at line 14 */
	bool destination, destination_early; /* at line 23, had line 14 not */
};

/* Algorithm 2: one packet of a pair at proxy p at time t. */
struct oracle_verdict oracle_packet(struct oracle *oracle, unsigned int p, const struct key *pair, double t);

/* The master's record of a pair, 0 when there is none. */
double oracle_master_count(const struct oracle *oracle, const struct key *pair);

#endif
