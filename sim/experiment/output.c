/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files of experiments. */
#include "output.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_SIZE 512

static FILE *file_open(struct output *output, const char *suffix, char path[PATH_SIZE])
{
	FILE *file;

	snprintf(path, PATH_SIZE, "%s/%s%s", output->directory, output->name, suffix);
	file = fopen(path, "w");
	if (!file) {
		fprintf(stderr, "xpro-sim: %s: %s\n", path, strerror(errno));
		output->failed = true;
	}
	return file;
}

bool output_open(struct output *output, struct plan *plan, const char *directory, const char *name, const char *title)
{
	*output = (struct output){ .plan = plan, .directory = directory, .name = name, .title = title };
	if (mkdir(directory, 0777) != 0 && errno != EEXIST) {
		fprintf(stderr, "xpro-sim: %s: %s\n", directory, strerror(errno));
		return false;
	}
	output->tables = json_object();
	output->plots = json_array();
	output->text = calloc(1, 1);
	return true;
}

/* At once: what was measured is not lost with what is not measured yet. */
static void write_row(const json_t *row, FILE *file)
{
	const json_t *field;
	size_t i;

	json_array_foreach(row, i, field)
	{
		fputs(i ? "," : "", file);
		if (json_is_string(field))
			fprintf(file, strchr(json_string_value(field), ',') ? "\"%s\"" : "%s",
				json_string_value(field));
		else if (json_is_number(field))
			fprintf(file, "%.6g", json_number_value(field));
	}
	fputc('\n', file);
	fflush(file);
}

void table_begin(struct output *output, const char *name, const char *columns)
{
	char copy[512], *rest = copy, *word, suffix[80], path[PATH_SIZE];
	json_t *table, *names;

	if (output->declares)
		return;
	table = json_object();
	names = json_array();
	snprintf(copy, sizeof(copy), "%s", columns);
	while ((word = strsep(&rest, " ")))
		json_array_append_new(names, json_string(word));
	output->rows = json_array();
	json_object_set_new(table, "columns", names);
	json_object_set_new(table, "rows", output->rows);
	json_object_set_new(output->tables, name, table);
	snprintf(output->table, sizeof(output->table), "%s", name);
	snprintf(suffix, sizeof(suffix), "-%s.csv", name);
	output->csv = file_open(output, suffix, path);
	if (output->csv)
		write_row(names, output->csv);
}

void table_row(struct output *output, const char *types, ...)
{
	va_list values;
	json_t *row;

	if (output->declares)
		return;
	row = json_array();
	va_start(values, types);
	for (; *types; types++) {
		if (*types == 's') {
			json_array_append_new(row, json_string(va_arg(values, const char *)));
			continue;
		}
		const double value = va_arg(values, double);

		json_array_append_new(row, isfinite(value) ? json_real(value) : json_null());
	}
	va_end(values);
	json_array_append_new(output->rows, row);
	if (output->csv)
		write_row(row, output->csv);
}

void table_end(struct output *output)
{
	if (output->csv)
		output->failed |= ferror(output->csv) || fclose(output->csv) != 0;
	output->csv = NULL;
}

static bool run_gnuplot(const char *script)
{
	const pid_t child = fork();
	int status;

	if (child == 0) {
		execlp("gnuplot", "gnuplot", script, (char *)NULL);
		_exit(127);
	}
	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/*
 * What a colour means, in every plot: a system that is compared, a kind of sender, a share of datagrams lost. Told
 * apart by eyes that see red and green alike (the palette of Okabe and Ito).
 */
static const char style[] =
	"MESH = '#0072B2'\nALONE = '#888888'\nSTRICT = '#CC79A7'\nPRINTED = '#882255'\n"
	"PRINTED_4_S = '#DDAACC'\nCORRECTED = '#AA7733'\nEARLY = '#E6AB02'\nWHOLE = '#6B6B00'\nALL = '#000000'\n"
	"HONEST = '#009E73'\nSLOW = '#56B4E9'\nNEW = '#E69F00'\nBOTS = '#D55E00'\n"
	"LOSS_0 = '#0072B2'\nLOSS_1 = '#7B6FD0'\nLOSS_2 = '#A05EB5'\nLOSS_3 = '#5B2A86'\n"
	"set grid lc '#dddddd'\nset border 3\nset tics nomirror\nset style data linespoints\n";

#define HEIGHT 460
#define BEGIN_SIZE 1024
#define MARGINS(left, bottom)                                                                       \
	"set lmargin at screen " left "\nset rmargin at screen 0.98\nset bmargin at screen " bottom \
	"\nset tmargin at screen 0.9\n"

/* With the name of the table's file in them. */
static void write_commands(const struct output *output, const char *commands, FILE *file)
{
	for (const char *at = commands; *at; at++) {
		if (strncmp(at, "$TABLE", 6) != 0) {
			fputc(*at, file);
			continue;
		}
		fprintf(file, "'%s/%s-%s.csv'", output->directory, output->name, output->table);
		at += 5;
	}
}

static void draw(struct output *output, const char *name, const char *begin, const char *commands, int width)
{
	char suffix[80], path[PATH_SIZE], image[PATH_SIZE];
	FILE *file;

	if (output->declares)
		return;
	snprintf(suffix, sizeof(suffix), "-%s.gnuplot", name);
	file = file_open(output, suffix, path);
	if (!file)
		return;
	snprintf(image, sizeof(image), "%s-%s.svg", output->name, name);
	fprintf(file,
		"set terminal svg size %d,%d font 'sans,%d' background 'white' name '%s_%s'\nset output '%s/%s'\n"
		"set datafile separator ','\nset datafile missing NaN\n%s",
		width, HEIGHT, width / 80, output->name, name, output->directory, image, style);
	write_commands(output, begin, file);
	write_commands(output, commands, file);
	fputc('\n', file);
	if (fclose(file) != 0 || !run_gnuplot(path)) {
		fprintf(stderr, "xpro-sim: no plot %s: gnuplot is missing or failed (Debian: gnuplot-nox)\n", image);
		return;
	}
	json_array_append_new(output->plots, json_string(image));
}

void plot(struct output *output, const char *name, const char *title, const char *commands)
{
	char begin[BEGIN_SIZE];

	snprintf(begin, sizeof(begin), "set title \"%s\"\n" MARGINS("0.1", "0.26") LEGEND, title);
	draw(output, name, begin, commands, 960);
}

void plot_row(struct output *output, const char *name, const char *title, unsigned int panels, const char *commands)
{
	char begin[BEGIN_SIZE];

	snprintf(begin, sizeof(begin),
		 "set multiplot layout 1,%u title \"%s\" margins screen 0.08, 0.98, 0.27, 0.9 spacing screen 0.085\n"
		 "unset key\n",
		 panels, title);
	draw(output, name, begin, commands, 1200);
}

void plot_bars(struct output *output, const char *name, const char *title, const char *commands)
{
	char begin[BEGIN_SIZE];

	snprintf(begin, sizeof(begin),
		 "set title \"%s\"\n" MARGINS("0.1", "0.45") LEGEND
		 "set style fill solid border rgb 'white'\nset style histogram gap 1\n"
		 "set xtics rotate by 30 right font ',12'\nset datafile columnheaders\nstats $TABLE using 0 nooutput\n"
		 "set xrange [-0.6:STATS_records - 0.4]\n",
		 title);
	draw(output, name, begin, commands, 1200);
}

void headline(struct output *output, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(output->headline, sizeof(output->headline), format, arguments);
	va_end(arguments);
}

void say(struct output *output, const char *format, ...)
{
	char line[1024];
	va_list arguments;
	size_t used;

	if (output->declares)
		return;
	used = strlen(output->text);
	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	output->text = realloc(output->text, used + strlen(line) + 2);
	if (!output->text)
		abort();
	sprintf(output->text + used, "%s%s", used ? "\n" : "", line);
}

bool output_close(struct output *output)
{
	char path[PATH_SIZE];
	json_t *all =
		json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "name", output->name, "title", output->title, "headline",
			  output->headline, "text", output->text, "tables", output->tables, "plots", output->plots);

	snprintf(path, sizeof(path), "%s/%s.json", output->directory, output->name);
	if (json_dump_file(all, path, JSON_INDENT(1) | JSON_REAL_PRECISION(7)) != 0) {
		fprintf(stderr, "xpro-sim: %s: %s\n", path, strerror(errno));
		output->failed = true;
	}
	printf("%s\n\n%s\n\n", output->title, output->text);
	json_decref(all);
	free(output->text);
	return !output->failed;
}

/* ---- the page ---- */

static void write_escaped(const char *text, FILE *out)
{
	for (; *text; text++) {
		if (*text == '<')
			fputs("&lt;", out);
		else if (*text == '&')
			fputs("&amp;", out);
		else if (*text == '\n')
			fputs("</li>\n<li>", out);
		else
			fputc(*text, out);
	}
}

/* The image itself, without the XML declaration before it. */
static void write_image(const char *directory, const char *name, FILE *out)
{
	char path[PATH_SIZE], line[4096];
	bool begun = false;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file)) {
		begun = begun || strncmp(line, "<svg", 4) == 0;
		if (begun)
			fputs(line, out);
	}
	if (file)
		fclose(file);
}

static void write_table(const char *name, const json_t *table, FILE *out)
{
	const json_t *row, *field;
	size_t i, j;

	fprintf(out, "<details><summary>%s</summary><table><tr>", name);
	json_array_foreach(json_object_get(table, "columns"), j, field)
		fprintf(out, "<th>%s</th>", json_string_value(field));
	fputs("</tr>\n", out);
	json_array_foreach(json_object_get(table, "rows"), i, row)
	{
		fputs("<tr>", out);
		json_array_foreach(row, j, field)
		{
			if (json_is_string(field))
				fprintf(out, "<td class=t>%s</td>", json_string_value(field));
			else if (json_is_number(field))
				fprintf(out, "<td>%.4g</td>", json_number_value(field));
			else
				fputs("<td>-</td>", out);
		}
		fputs("</tr>\n", out);
	}
	fputs("</table></details>\n", out);
}

/* At the top: the title, the result in one sentence, and the first figure. */
static void write_summary(const char *directory, const json_t *experiment, FILE *out)
{
	const json_t *image = json_array_get(json_object_get(experiment, "plots"), 0);
	const char *name = json_string_value(json_object_get(experiment, "name"));

	fprintf(out, "<section><h2><a href=\"#%s\">%s</a></h2>\n<p>", name,
		json_string_value(json_object_get(experiment, "title")));
	write_escaped(json_string_value(json_object_get(experiment, "headline")), out);
	fputs("</p>\n", out);
	if (image)
		write_image(directory, json_string_value(image), out);
	fputs("</section>\n", out);
}

/* Below: all that was found, the other figures, and the tables. */
static void write_details(const char *directory, const json_t *experiment, FILE *out)
{
	const json_t *image;
	const char *name;
	json_t *table;
	size_t i;

	fprintf(out, "<h3 id=\"%s\">%s</h3>\n<ul><li>", json_string_value(json_object_get(experiment, "name")),
		json_string_value(json_object_get(experiment, "title")));
	write_escaped(json_string_value(json_object_get(experiment, "text")), out);
	fputs("</li></ul>\n", out);
	json_array_foreach(json_object_get(experiment, "plots"), i, image)
	{
		if (i > 0)
			write_image(directory, json_string_value(image), out);
	}
	json_object_foreach(json_object_get(experiment, "tables"), name, table) write_table(name, table, out);
}

/* Each experiment whose JSON stands in the directory. */
static void write_all(const char *directory, const char *const *names,
		      void (*write)(const char *directory, const json_t *experiment, FILE *out), FILE *out)
{
	char path[PATH_SIZE];

	for (; *names; names++) {
		json_t *experiment;

		snprintf(path, sizeof(path), "%s/%s.json", directory, *names);
		experiment = json_load_file(path, 0, NULL);
		if (experiment)
			write(directory, experiment, out);
		json_decref(experiment);
	}
}

bool output_report(const char *directory, const char *const *names)
{
	char path[PATH_SIZE];
	FILE *out;

	snprintf(path, sizeof(path), "%s/report.html", directory);
	out = fopen(path, "w");
	if (!out) {
		fprintf(stderr, "xpro-sim: %s: %s\n", path, strerror(errno));
		return false;
	}
	fputs("<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">"
	      "<title>X-Pro Mesh: experiments</title>\n"
	      "<style>body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
	      "table{border-collapse:collapse;font-size:13px;display:block;overflow-x:auto}"
	      "td,th{border:1px solid #ccc;padding:2px 6px;text-align:right}td.t{text-align:left}"
	      "svg{max-width:100%;height:auto}section{margin-bottom:3em}h2{font-size:1.2em;margin-bottom:0}"
	      "h2 a{color:inherit}section p{font-size:1.1em;margin-top:.3em}</style>\n"
	      "<h1>X-Pro Mesh: experiments</h1>\n"
	      "<p>Simulated: the core as it is shipped, in a network of 19 cities whose round trips are their "
	      "distance at 75 km per millisecond, with 70 us per signature checked and queues. Repeatable from the "
	      "seeds. First each experiment in one sentence and one figure; then all that was found, and the "
	      "tables.</p>\n",
	      out);
	write_all(directory, names, write_summary, out);
	fputs("<h2>All that was found</h2>\n", out);
	write_all(directory, names, write_details, out);
	return fclose(out) == 0;
}
