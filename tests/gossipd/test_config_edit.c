// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* One value of a configuration is changed, and no other byte; what cannot be changed safely is refused. */
#define _GNU_SOURCE /* nftw */
#include "scratch.h"

#include "config_edit.h"

static struct problem problem;

static const struct {
	const char *text, *setting, *value;
	const char *edited; /* NULL: refused */
	const char *says;
} rows[] = {
	{ "mode = \"a\";\n", "mode", "\"b\"", "mode = \"b\";\n", NULL },
	{ "mode=\"a\"\n", "mode", "\"b\"", "mode=\"b\"\n", NULL },
	{ "mode : \"a\", x = 1\n", "mode", "\"b\"", "mode : \"b\", x = 1\n", NULL },
	{ "# mode = \"a\";\nmode = \"a\"; # mode = \"a\"\n", "mode", "\"b\"",
	  "# mode = \"a\";\nmode = \"b\"; # mode = \"a\"\n", NULL },
	{ "mode = \"native\";\nmesh = {\n\tmode = \"a\";\n};\n", "mesh.mode", "\"b\"",
	  "mode = \"native\";\nmesh = {\n\tmode = \"b\";\n};\n", NULL },
	{ "mesh = { mode = \"a\"; };\n", "mesh.mode", "\"b\"", "mesh = { mode = \"b\"; };\n", NULL },
	{ "x_mode = 1; mode = \"a\";\n", "mode", "\"b\"", "x_mode = 1; mode = \"b\";\n", NULL },
	{ "mode = \"a\\\"; mode = \\\"\";\n", "mode", "\"b\"", "mode = \"b\";\n", NULL },
	{ "l = [\"a\", \"]\"];\n", "l", "[\"b\"]", "l = [\"b\"];\n", NULL },
	{ "l = [];", "l", "[\"b\", \"c\"]", "l = [\"b\", \"c\"];", NULL },
	{ "x = 1;\n", "mode", "\"b\"", NULL, "file: mode is not set there" },
	{ "mesh = { };\n", "mesh.mode", "\"b\"", NULL, "file: mesh.mode is not set there" },
	{ "mode =\n\"a\";\n", "mode", "\"b\"", NULL, "file:1: mode is not on one line" },
	{ "mode = \"a\" \"c\";\n", "mode", "\"b\"", NULL, "file:1: mode cannot be changed here" },
	{ "l = [\"a\",\n\"c\"];\n", "l", "[\"b\"]", NULL, "file:1: l is not on one line" },
	{ "mode = \"native\"; mesh = { mode = \"a\"; };\n", "mesh.mode", "\"b\"", NULL,
	  "file:1: mesh.mode cannot be changed here" },
	{ "mode = ;\n", "mode", "\"b\"", NULL, "file:" },
};

static void one_value_changes(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = strdup(rows[i].text);
		int err = config_edit("file", &text, rows[i].setting, rows[i].value, &problem);

		if ((err == 0) != (rows[i].edited != NULL))
			fail_msg("row %u: got %d: %s", i, err, err ? problem.text : text);
		if (err) {
			assert_says(i, problem.text, rows[i].says);
			assert_string_equal(text, rows[i].text);
		} else if (strcmp(text, rows[i].edited) != 0) {
			fail_msg("row %u: expected %s, got %s", i, rows[i].edited, text);
		}
		free(text);
	}
}

static void an_included_file_is_left_to_people(void **state)
{
	char *text = NULL;

	(void)state;
	scratch_write("part", "mode = \"a\";\n", 12, 0644);
	assert_true(asprintf(&text, "@include \"%s\"\n", scratch_path("part")) > 0);
	assert_int_equal(config_edit("file", &text, "mode", "\"b\"", &problem), -EINVAL);
	assert_says(0, problem.text, "/part:1: mode stands in an included file");
	free(text);
}

static void a_file_keeps_its_mode_and_its_links(void **state)
{
	char text[64] = "", link[300];
	struct stat st;

	(void)state;
	scratch_write("real", "old\n", 4, 0640);
	snprintf(link, sizeof(link), "%s", scratch_path("link"));
	assert_int_equal(symlink("real", link), 0);
	assert_int_equal(config_edit_write(link, "new\n", &problem), 0);
	assert_int_equal(scratch_read("real", text, sizeof(text)), 4);
	assert_string_equal(text, "new\n");
	assert_int_equal(stat(scratch_path("real"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(config_edit_write(scratch_path("none"), "new\n", &problem), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_value_changes),
		cmocka_unit_test(an_included_file_is_left_to_people),
		cmocka_unit_test(a_file_keeps_its_mode_and_its_links),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
