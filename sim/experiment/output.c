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

static void draw(struct output *output, const char *name, const char *commands, int width, int height)
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
		"set terminal svg size %d,%d font 'sans,12' background 'white'\nset output '%s/%s'\nset datafile "
		"separator ','\n"
		"set datafile missing NaN\n",
		width, height, output->directory, image);
	fputs("set key outside right top\nset grid\nset style data linespoints\n", file);
	for (const char *at = commands; *at; at++) {
		if (strncmp(at, "$TABLE", 6) != 0) {
			fputc(*at, file);
			continue;
		}
		fprintf(file, "'%s/%s-%s.csv'", output->directory, output->name, output->table);
		at += 5;
	}
	fputc('\n', file);
	if (fclose(file) != 0 || !run_gnuplot(path)) {
		fprintf(stderr, "xpro-sim: no plot %s: gnuplot is missing or failed (Debian: gnuplot-nox)\n", image);
		return;
	}
	json_array_append_new(output->plots, json_string(image));
}

void plot(struct output *output, const char *name, const char *commands)
{
	draw(output, name, commands, 760, 420);
}

void plot_row(struct output *output, const char *name, const char *commands)
{
	draw(output, name, commands, 1200, 400);
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
	json_t *all = json_pack("{s:s, s:s, s:s, s:o, s:o}", "name", output->name, "title", output->title, "text",
				output->text, "tables", output->tables, "plots", output->plots);

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

static void write_experiment(const char *directory, json_t *experiment, FILE *out)
{
	const json_t *image;
	const char *name;
	json_t *table;
	size_t i;

	fprintf(out, "<h2>%s</h2>\n<ul><li>", json_string_value(json_object_get(experiment, "title")));
	write_escaped(json_string_value(json_object_get(experiment, "text")), out);
	fputs("</li></ul>\n", out);
	json_array_foreach(json_object_get(experiment, "plots"), i, image)
		write_image(directory, json_string_value(image), out);
	json_object_foreach(json_object_get(experiment, "tables"), name, table) write_table(name, table, out);
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
	fputs("<!doctype html><meta charset=utf-8><title>X-Pro Mesh: experiments</title>\n"
	      "<style>body{font:16px/1.5 sans-serif;max-width:52em;margin:2em auto;padding:0 "
	      "1em}table{border-collapse:collapse;font-size:13px}td,th{border:1px solid #ccc;padding:2px "
	      "6px;text-align:right}td.t{text-align:left}svg{max-width:100%;height:auto}</style>\n"
	      "<h1>X-Pro Mesh: experiments</h1>\n"
	      "<p>Simulated: the core as it is shipped, in a network of 19 cities whose round trips are their "
	      "distance at 75 km per millisecond, with 70 us per signature checked and queues. Repeatable from the "
	      "seeds.</p>\n",
	      out);
	for (; *names; names++) {
		json_t *experiment;

		snprintf(path, sizeof(path), "%s/%s.json", directory, *names);
		experiment = json_load_file(path, 0, NULL);
		if (experiment)
			write_experiment(directory, experiment, out);
		json_decref(experiment);
	}
	return fclose(out) == 0;
}
