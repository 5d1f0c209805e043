/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads the config file with libconfig and checks every value against one table of settings (config_settings.c).
 *
 * Why libconfig: every setting of the parsed tree knows its line, so a wrong value, an unknown name and a broken
 * cross-check are told as file:line like a syntax error; repeated names are errors; files may be included. libcyaml
 * checks against a schema by itself but names the place only as a path of keys in a log callback ("in mapping field
 * 'peers', in sequence entry 2"), without a line once the document is loaded, so nothing found later (own address as
 * peer, a window against the certificate's) could be pointed at. inih, which others use, cuts long values without a
 * word.
 */
#include "config_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "numbers.h"

/* ---- problems ---- */

#define WRONG(setting_at, format, ...)                                                          \
	problem_set(reader->problem, -EINVAL, "%s:%u: %s: " format, source(reader, setting_at), \
		    config_setting_source_line(setting_at), config_setting_name(setting_at), ##__VA_ARGS__)

/* Of a list's entry `index`, told from 1. */
#define WRONG_ENTRY(list, index, format, ...)                                                         \
	problem_set(reader->problem, -EINVAL, "%s:%u: entry %u of %s: " format, source(reader, list), \
		    config_setting_source_line(config_setting_get_elem(list, index)), (index) + 1,    \
		    config_setting_name(list), ##__VA_ARGS__)

struct reader {
	struct config *config;
	struct problem *problem;
	char directory[FILES_PATH_BYTES]; /* of the file, with its slash; empty for the working directory */
};

static const char *source(const struct reader *reader, const config_setting_t *at)
{
	const char *file = config_setting_source_file(at);

	return file ? file : reader->config->path;
}

/* What the settings of a group are called, for hints. */
static int unknown(struct reader *reader, config_setting_t *at, unsigned int first, unsigned int end)
{
	const char *names[CONFIG_KEY_COUNT], *nearest;
	char escaped[128];

	for (unsigned int key = first; key < end; key++)
		names[key - first] = config_settings[key].name;
	nearest = text_nearest(config_setting_name(at), names, end - first);
	if (nearest)
		return WRONG(at, "no such setting; did you mean %s?", nearest);
	for (unsigned int key = 0; key < CONFIG_KEY_COUNT; key++) {
		if (strcmp(config_settings[key].name, config_setting_name(at)) != 0)
			continue;
		if (key < CONFIG_ROOT_KEYS)
			return WRONG(at, "belongs outside of this group");
		if (key < CONFIG_MESH_KEYS)
			return WRONG(at, "belongs inside mesh = { ... }");
		return WRONG(at, "belongs inside limits = { ... }");
	}
	text_escape(config_setting_name(at), escaped, sizeof(escaped));
	return WRONG(at, "no such setting");
}

/* ---- values ---- */

static int read_text(struct reader *reader, config_setting_t *at, const struct setting *setting, const char **ret_text)
{
	const char *text = config_setting_get_string(at);

	if (!text)
		return WRONG(at, "must be a text in quotes");
	if (*text == '\0' && setting->required)
		return WRONG(at, "must not be empty");
	for (const char *c = text; *c; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return WRONG(at, "holds a control character");
	}
	*ret_text = text;
	return 0;
}

static int read_path(struct reader *reader, config_setting_t *at, const struct setting *setting, char *field)
{
	const char *text = "";
	int err, length;

	err = read_text(reader, at, setting, &text);
	if (err)
		return err;
	if (*text == '\0')
		return WRONG(at, "must not be empty");
	length = snprintf(field, (size_t)setting->max, "%s%s", *text == '/' ? "" : reader->directory, text);
	if (length >= setting->max)
		return WRONG(at, "the path has %d characters; at most %d fit", length, (int)setting->max - 1);
	return 0;
}

static int read_choice(struct reader *reader, config_setting_t *at, const struct setting *setting, uint32_t *field)
{
	const char *text = config_setting_get_string(at);
	char choices[128] = "";

	for (unsigned int i = 0; setting->choices[i]; i++) {
		if (text && strcmp(text, setting->choices[i]) == 0) {
			*field = i;
			return 0;
		}
		snprintf(choices + strlen(choices), sizeof(choices) - strlen(choices), "%s\"%s\"", i ? ", " : "",
			 setting->choices[i]);
	}
	return WRONG(at, "must be one of %s", choices);
}

static int read_number(struct reader *reader, config_setting_t *at, const struct setting *setting, uint32_t *field)
{
	int64_t number;

	if (!numbers_read(at, &number))
		return WRONG(at, "must be a whole number from %lld to %lld", (long long)setting->min,
			     (long long)setting->max);
	if (number < setting->min || number > setting->max)
		return WRONG(at, "%lld is out of bounds; write %lld to %lld", (long long)number,
			     (long long)setting->min, (long long)setting->max);
	*field = (uint32_t)number;
	return 0;
}

static int read_flag(struct reader *reader, config_setting_t *at, bool *field)
{
	if (config_setting_type(at) != CONFIG_TYPE_BOOL)
		return WRONG(at, "must be true or false, without quotes");
	*field = config_setting_get_bool(at);
	return 0;
}

/* ---- lists ---- */

/* The entries of a list of texts; a lone text is not one. */
static int list_size(struct reader *reader, config_setting_t *at, unsigned int max, unsigned int *ret_size)
{
	if (!config_setting_is_array(at) && !config_setting_is_list(at))
		return WRONG(at, "must be a list: [\"...\", \"...\"]");
	*ret_size = (unsigned int)config_setting_length(at);
	if (*ret_size > max)
		return WRONG(at, "has %u entries; at most %u are possible", *ret_size, max);
	for (unsigned int i = 0; i < *ret_size; i++) {
		if (!config_setting_get_string(config_setting_get_elem(at, i)))
			return WRONG_ENTRY(at, i, "must be a text in quotes");
	}
	return 0;
}

static int read_name(struct reader *reader, config_setting_t *at, unsigned int index, const struct config_name *name)
{
	struct config *config = reader->config;

	if (config->name_count == CONFIG_NAMES_MAX)
		return WRONG_ENTRY(at, index, "more than %d names; write addresses", CONFIG_NAMES_MAX);
	for (uint32_t i = 0; i < config->name_count; i++) {
		if (strcasecmp(config->names[i].host, name->host) == 0 && config->names[i].port == name->port)
			return WRONG_ENTRY(at, index, "%s:%u is listed twice; remove one", name->host, name->port);
	}
	config->names[config->name_count++] = *name;
	return 0;
}

/* `names`: those are taken, too, and kept apart. */
static int read_endpoints(struct reader *reader, config_setting_t *at, struct config_endpoint *field, unsigned int max,
			  bool names, uint32_t *ret_count)
{
	unsigned int size = 0, count = 0;
	int err;

	err = list_size(reader, at, max, &size);
	if (err)
		return err;
	for (unsigned int i = 0; i < size; i++) {
		config_setting_t *entry = config_setting_get_elem(at, i);
		const char *text = config_setting_get_string(entry), *why = "";
		char escaped[80];

		struct config_name name = { .line = config_setting_source_line(entry) };

		if (names && text_to_name(text, name.host, sizeof(name.host), &name.port)) {
			err = read_name(reader, at, i, &name);
			if (err)
				return err;
			continue;
		}
		text_escape(text, escaped, sizeof(escaped));
		if (text_to_endpoint(text, &field[count].endpoint, &why))
			return WRONG_ENTRY(at, i, "\"%s\": %s%s", escaped, why, names ? ", nor a name and a port" : "");
		for (unsigned int j = 0; j < count; j++) {
			if (field[j].endpoint.port == field[count].endpoint.port &&
			    address_equal(&field[j].endpoint.address, &field[count].endpoint.address))
				return WRONG_ENTRY(at, i, "%s is listed twice; remove one", escaped);
		}
		field[count++].line = name.line;
	}
	*ret_count = count;
	return 0;
}

static int read_list(struct reader *reader, config_setting_t *at, enum config_key key)
{
	struct config *config = reader->config;

	switch (key) {
	case CONFIG_INTERFACES:
		return config_read_interfaces(at, config, reader->problem);
	case CONFIG_CLIENTS:
		return config_read_clients(at, config, reader->problem);
	case CONFIG_OUTER_INTERFACES:
		return config_read_outer(at, config, reader->problem);
	case CONFIG_CLIENT_HOSTS:
		return config_read_hosts(at, config->path, &config->widths, reader->problem);
	case CONFIG_TUNNELS:
		return config_read_tunnels(at, config, reader->problem);
	case CONFIG_LISTEN:
		return read_endpoints(reader, at, config->listen, CONFIG_LISTEN_MAX, false, &config->listen_count);
	default:
		return read_endpoints(reader, at, config->peers, MEMBERS_MAX, true, &config->peer_count);
	}
}

/* ---- the tree ---- */

static int read_group(struct reader *reader, config_setting_t *group, unsigned int first, unsigned int end);

static int read_setting(struct reader *reader, config_setting_t *at, enum config_key key)
{
	const struct setting *setting = &config_settings[key];
	void *field = (char *)reader->config + setting->offset;
	const char *text = "";
	int err;

	reader->config->line[key] = config_setting_source_line(at);
	switch (setting->kind) {
	case KIND_TEXT:
		err = read_text(reader, at, setting, &text);
		if (!err && !text_copy(text, field, (size_t)setting->max))
			return WRONG(at, "has %zu characters; at most %d fit", strlen(text), (int)setting->max - 1);
		return err;
	case KIND_PATH:
		return read_path(reader, at, setting, field);
	case KIND_FLAG:
		return read_flag(reader, at, field);
	case KIND_NUMBER:
		return read_number(reader, at, setting, field);
	case KIND_CHOICE:
		return read_choice(reader, at, setting, field);
	case KIND_LIST:
		return read_list(reader, at, key);
	case KIND_GROUP:
		if (!config_setting_is_group(at))
			return WRONG(at, "must be a group: { ... }");
		if (key == CONFIG_POLICY)
			return 0; /* read when the thresholds it may replace are known */
		if (key == CONFIG_MESH)
			return read_group(reader, at, CONFIG_ROOT_KEYS, CONFIG_MESH_KEYS);
		return read_group(reader, at, CONFIG_MESH_KEYS, CONFIG_KEY_COUNT);
	}
	return -EINVAL;
}

static int read_group(struct reader *reader, config_setting_t *group, unsigned int first, unsigned int end)
{
	unsigned int line = config_setting_source_line(group);

	for (int i = 0; i < config_setting_length(group); i++) {
		config_setting_t *at = config_setting_get_elem(group, (unsigned int)i);
		unsigned int key = first;
		int err;

		while (key < end && strcmp(config_settings[key].name, config_setting_name(at)) != 0)
			key++;
		err = key == end ? unknown(reader, at, first, end) : read_setting(reader, at, key);
		if (err)
			return err;
	}
	for (unsigned int key = first; key < end; key++) {
		if (config_settings[key].required && reader->config->line[key] == 0)
			return problem_set(reader->problem, -EINVAL, "%s:%u: %s: is missing%s", reader->config->path,
					   line ? line : 1, config_settings[key].name,
					   first == CONFIG_ROOT_KEYS ? " in mesh = { ... }" : "");
	}
	return 0;
}

static void note_place(const struct config *config, enum config_key key, struct policy_place *ret_place)
{
	text_copy(config->path, ret_place->path, sizeof(ret_place->path));
	ret_place->line = config->line[key];
}

static int read_policy(struct config *config, const config_t *tree, struct problem *problem)
{
	const struct config_setting_t *group = config_lookup(tree, "policy");

	config->policy.document.defaults = config_thresholds(config);
	text_copy(config->path, config->policy.path, sizeof(config->policy.path));
	note_place(config, CONFIG_PAIR_RATE, &config->policy.pair_rate);
	note_place(config, CONFIG_DESTINATION_RATE, &config->policy.destination_rate);
	note_place(config, CONFIG_CLIENT_RATE, &config->policy.client_rate);
	note_place(config, CONFIG_NETWORK_RATE, &config->policy.network_rate);
	note_place(config, CONFIG_CONTACT_RATE, &config->policy.contact_rate);
	if (group && config->policy_path[0])
		return problem_set(problem, -EINVAL,
				   "%s:%u: policy_file: there is a policy = { ... } in this file too; keep one",
				   config->path, config->line[CONFIG_POLICY_FILE]);
	if (group)
		return policy_file_read(group, config->path, &config->policy, problem);
	return config->policy_path[0] ? policy_file_load(config->policy_path, &config->policy, problem) : 0;
}

/* What the file does not set is as the configuration has it. */
static int read_shadow(struct config *config, struct problem *problem)
{
	if (!config->shadow_path[0])
		return 0;
	config->shadow.document.defaults = config_thresholds(config);
	return policy_file_load(config->shadow_path, &config->shadow, problem);
}

int config_load_text(const char *path, const char *text, struct config *ret_config, struct problem *ret_problem)
{
	struct config config = *config_defaults();
	struct reader reader = { .config = &config, .problem = ret_problem };
	const char *slash = strrchr(path, '/');
	config_t tree;
	int err;

	if (!text_copy(path, config.path, sizeof(config.path)))
		return problem_set(ret_problem, -ENAMETOOLONG, "%.64s...: the path is too long", path);
	if (slash)
		snprintf(reader.directory, sizeof(reader.directory), "%.*s", (int)(slash - path + 1), path);
	config_init(&tree);
	err = config_parse(path, text, &tree, ret_problem);
	if (!err)
		err = read_group(&reader, config_root_setting(&tree), 0, CONFIG_ROOT_KEYS);
	if (!err)
		err = read_policy(&config, &tree, ret_problem);
	if (!err)
		err = read_shadow(&config, ret_problem);
	if (!err)
		err = config_finish(&config, ret_problem);
	if (!err)
		*ret_config = config;
	config_destroy(&tree);
	return err;
}

int config_load(const char *path, struct config *ret_config, struct problem *ret_problem)
{
	char *text = NULL;
	int err = config_read_text(path, &text, ret_problem);

	if (!err)
		err = config_load_text(path, text, ret_config, ret_problem);
	free(text);
	return err;
}

struct thresholds config_thresholds(const struct config *config)
{
	return (struct thresholds){
		.pair_rate = config->pair_rate,
		.destination_rate = config->destination_rate,
		.client_rate = config->client_rate,
		.network_rate = config->network_rate,
		.contact_rate = config->contact_rate,
		.idle_reset = duration_ms(config->idle_reset_ms),
		.pair_min_window = duration_ms(config->pair_min_window_ms),
		.destination_min_window = duration_ms(config->destination_min_window_ms),
		.fair = !config->strict,
		.police = config->police,
		.early = config->early,
	};
}
