/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What an experiment leaves behind: tables (CSV), everything once more (JSON), plots (SVG by gnuplot) and a
 * paragraph; and of all experiments one HTML page that needs no other file. It opens with one sentence and one figure
 * of each.
 */
#ifndef SIM_OUTPUT_H
#define SIM_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

struct plan;

struct output {
	struct plan *plan; /* of the worlds it is about */
	bool declares;	   /* worlds are declared to the plan, and nothing is written */
	const char *directory, *name, *title;
	json_t *tables; /* name -> { columns, rows } */
	json_t *rows;	/* of the table begun last */
	char table[64];
	FILE *csv;     /* the same, row by row */
	json_t *plots; /* names of files */
	char *text;    /* the paragraph */
	char headline[512];
	bool failed;
};

bool output_open(struct output *output, struct plan *plan, const char *directory, const char *name, const char *title);

/* `columns` separated by blanks. */
void table_begin(struct output *output, const char *name, const char *columns);
/* One letter per column in `types`: s for a text, f for a double. NAN is an empty field. */
void table_row(struct output *output, const char *types, ...);
/* Before a plot reads it. */
void table_end(struct output *output);

/*
 * gnuplot commands; "$TABLE" stands for the CSV of the table written last. Colours have names that mean the same in
 * every plot: see output.c. The first plot of an experiment is its figure at the top of the page.
 */
void plot(struct output *output, const char *name, const char *title, const char *commands);
/* The same, of panels beside each other. The legend is the last panel's: LEGEND sets it. */
void plot_row(struct output *output, const char *name, const char *title, unsigned int panels, const char *commands);
#define LEGEND "set key at screen 0.5, screen 0.02 center bottom vertical maxrows 2 Left reverse\n"
/* The same, of one row of the table beside the other, each named below it. */
void plot_bars(struct output *output, const char *name, const char *title, const char *commands);
/* The result in one sentence, for the top of the page. */
void headline(struct output *output, const char *format, ...) __attribute__((format(printf, 2, 3)));
void say(struct output *output, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes the JSON. False: some file could not be written. */
bool output_close(struct output *output);

/* One page of every experiment whose JSON stands in the directory, in this order. */
bool output_report(const char *directory, const char *const *names);

#endif
