/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The paper, written out. A primed variable of the paper (ts1', ts2', c') is a field of `l`, the record in L_DB; one
 * without a prime is a field of `m`, the record in M_DB. Numbers at the ends of lines are the paper's.
 */
#include "oracle.h"

#include <math.h>
#include <stdlib.h>

struct local {
	bool present;
	double ts1, ts2, c, dc;
	bool mark;
};

struct master {
	bool present;
	double ts1, ts2, c;
};

struct oracle {
	struct oracle_options o;
	struct key pairs[ORACLE_PAIRS_MAX];
	unsigned int pairs_count;
	struct local local[ORACLE_PROXIES_MAX][ORACLE_PAIRS_MAX]; /* L_DB */
	struct master master[ORACLE_PAIRS_MAX];			  /* M_DB */
};

const struct oracle_corrections oracle_as_printed = { .line_22 = false };
const struct oracle_corrections oracle_corrected = {
	.line_22 = true, .line_32 = true, .line_33 = true, .lines_18_20 = true
};

const struct oracle_options oracle_defaults = {
	.proxies = 1,
	.corrections = { .line_22 = true, .line_32 = true, .line_33 = true, .lines_18_20 = true },
	.idle_reset = 10,
	.pair_min_window = 1,
	.destination_min_window = 1,
	.window_max = 8,
	.pair_rate = 100,
	.destination_rate = 1000,
	.decay = 2,
};

struct oracle *oracle_make(const struct oracle_options *options)
{
	struct oracle *oracle = calloc(1, sizeof(*oracle));

	if (!oracle || options->proxies < 1 || options->proxies > ORACLE_PROXIES_MAX)
		abort();
	oracle->o = *options;
	return oracle;
}

void oracle_free(struct oracle *oracle)
{
	free(oracle);
}

static unsigned int pair_number(struct oracle *oracle, const struct key *pair)
{
	for (unsigned int i = 0; i < oracle->pairs_count; i++) {
		if (key_equal(&oracle->pairs[i], pair))
			return i;
	}
	if (oracle->pairs_count == ORACLE_PAIRS_MAX)
		abort();
	oracle->pairs[oracle->pairs_count] = *pair;
	return oracle->pairs_count++;
}

/* Algorithm 1, lines 5-29, for one pair in M_DB. */
static void synchronise_pair(const struct oracle_options *o, struct local *l, struct master *m)
{
	if (l->present) {							/* 5 */
		if (l->mark && l->ts1 - m->ts1 > o->idle_reset) {		/* 6 */
			l->mark = false, l->dc = 0;				/* 7 */
			m->ts1 = l->ts1, m->ts2 = l->ts2, m->c = l->c;		/* 8 */
		} else {							/* 9 */
			l->mark = false;					/* 10 */
			if (l->ts2 < m->ts2) {					/* 11 */
				l->ts2 = m->ts2;				/* 12 */
			} else if (l->ts2 - m->ts1 > o->window_max) {		/* 13 */
				l->ts1 = l->ts2 - (l->ts2 - m->ts1) / o->decay; /* 14 */
				m->c = floor(m->c / o->decay);			/* 15 */
				m->ts1 = l->ts1, m->ts2 = l->ts2;		/* 15 */
			} else {						/* 16 */
				m->ts2 = l->ts2;				/* 17 */
			}							/* 18 */
			if (l->ts1 > m->ts1) {					/* 19 */
				l->ts1 = m->ts1;				/* 20 */
			} else if (l->ts2 - l->ts1 > o->window_max) {		/* 21 */
				if (o->corrections.line_22)			/* 22 */
					l->ts1 = m->ts1;
				else
					m->ts1 = l->ts1;
			}									 /* 23 */
			l->c = m->c + l->dc, m->c = l->c, l->dc = 0;				 /* 24 */
		}										 /* 25 */
	} else {										 /* 26 */
		*l = (struct local){ .present = true, .ts1 = m->ts1, .ts2 = m->ts2, .c = m->c }; /* 27, 28 */
	}											 /* 29 */
}

void oracle_synchronise(struct oracle *oracle, unsigned int p, double t)
{
	struct local *l = oracle->local[p];
	struct master *m = oracle->master;

	/* 1-3: the work loads say nothing of packets. */
	(void)t;
	for (unsigned int i = 0; i < oracle->pairs_count; i++) { /* 4 */
		if (m[i].present)
			synchronise_pair(&oracle->o, &l[i], &m[i]);
	}									     /* 30 */
	for (unsigned int i = 0; i < oracle->pairs_count; i++) {		     /* 31 */
		if (l[i].present && m[i].present != oracle->o.corrections.line_32) { /* 32 */
			m[i] = (struct master){ true, l[i].ts1, l[i].ts2, l[i].c };  /* 33 */
			if (oracle->o.corrections.line_33)
				l[i].dc = 0;
		} /* 34 */
	}	  /* 35 */
}

void oracle_synchronise_all(struct oracle *oracle, double t)
{
	for (unsigned int p = 0; p < 2 * oracle->o.proxies; p++)
		oracle_synchronise(oracle, p % oracle->o.proxies, t);
}

/*
 * Algorithm 2, lines 18-25. c' holds what was counted since the last synchronisation too, so c + dc of line 20 is
 * c'.
 */
static void judge_destination(const struct oracle *oracle, unsigned int p, const struct address *destination, double t,
			      struct oracle_verdict *v)
{
	const struct oracle_options *o = &oracle->o;
	double ts1 = INFINITY, ts2 = -INFINITY, c = 0, window;

	for (unsigned int i = 0; i < oracle->pairs_count; i++) {
		const struct local *l = &oracle->local[p][i];

		if (!l->present || !address_equal(&oracle->pairs[i].destination, destination))
			continue;
		if (o->corrections.lines_18_20 && t - l->ts2 > o->idle_reset)
			continue;
		ts1 = fmin(ts1, l->ts1); /* 18 */
		ts2 = fmax(ts2, l->ts2); /* 19 */
		c += l->c;		 /* 20 */
	}
	window = ts2 - ts1;
	v->destination = window > o->destination_min_window && /* 21 */
			 c / window > o->destination_rate;     /* 22, 23 */
	v->destination_early = c / fmax(window, o->destination_min_window) > o->destination_rate;
}

struct oracle_verdict oracle_packet(struct oracle *oracle, unsigned int p, const struct key *pair, double t)
{
	struct local *l = &oracle->local[p][pair_number(oracle, pair)]; /* 1 */
	const struct oracle_options *o = &oracle->o;
	struct oracle_verdict v = { .pair = false };
	double window;

	if (l->present) {						    /* 2 */
		if (t - l->ts2 > o->idle_reset)				    /* 3 */
			l->ts1 = t, l->c = 0, l->dc = 0, l->mark = true;    /* 4 */
	} else {							    /* 8 */
		*l = (struct local){ .present = true, .ts1 = t, .ts2 = t }; /* 9 */
	}								    /* 10 */
	l->c += 1, l->dc += 1, l->ts2 = t;				    /* 11 */
	window = l->ts2 - l->ts1;
	v.pair = window > o->pair_min_window && /* 12 */
		 l->c / window > o->pair_rate;	/* 13-15 */
	v.pair_early = l->c / fmax(window, o->pair_min_window) > o->pair_rate;
	judge_destination(oracle, p, &pair->destination, t, &v); /* 18-25 */
	return v;						 /* 26 */
}

double oracle_master_count(const struct oracle *oracle, const struct key *pair)
{
	for (unsigned int i = 0; i < oracle->pairs_count; i++) {
		if (key_equal(&oracle->pairs[i], pair))
			return oracle->master[i].present ? oracle->master[i].c : 0;
	}
	return 0;
}
