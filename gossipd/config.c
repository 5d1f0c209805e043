/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads the config file with libconfig and checks every value against one table of settings.
 *
 * Why libconfig: every setting of the parsed tree knows its line, so a wrong value, an unknown name and a broken cross-check are
 * told as file:line like a syntax error; repeated names are errors; files may be included. libcyaml checks against a schema by
 * itself but names the place only as a path of keys in a log callback ("in mapping field 'peers', in sequence entry 2"), without
 * a line once the document is loaded, so nothing found later (own address as peer, a window against the certificate's) could be
 * pointed at. inih, which others use, cuts long values without a word.
 */
#define _GNU_SOURCE /* strchrnul */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libconfig.h>
#include <stdlib.h>
#include <xpro/record.h>

#define FILE_BYTES_MAX 262144
#define RATE_MAX 100000000 /* 100 Mpps: rho x RHO_SCALE must fit 32 bits */
#define MIN_WINDOW_MS_MIN 100
#define IDLE_RESET_MS_MAX 300000 /* ts2 is kept in 2^16 x 16 jiffies: half of that at 1000 jiffies per second is 524 s */
_Static_assert(RATE_MAX <= UINT32_MAX / RHO_SCALE, "a rate fits the record's carry word");

enum kind { KIND_TEXT, KIND_PATH, KIND_FLAG, KIND_NUMBER, KIND_CHOICE, KIND_LIST, KIND_GROUP };

struct setting {
	const char *name;
	enum kind kind;
	size_t offset;
	int64_t min, max;	    /* numbers: bounds; text and paths: max is the size of the field */
	const char *const *choices; /* NULL-terminated */
	bool required;
};

static const char *const modes[] = { "native", "generic", NULL };
static const char *const actions[] = { "drop", "police", NULL };
static const char *const aggregates[] = { "fair", "strict", NULL };
static const char *const enforcements[] = { "enforce", "monitor", NULL };
static const char *const levels[] = { "error", "warning", "info", "debug", NULL };

#define AT(field) offsetof(struct config, field)
#define PATH_OF(field) KIND_PATH, AT(field), 0, sizeof(((struct config *)0)->field)
#define TEXT_OF(field) KIND_TEXT, AT(field), 0, sizeof(((struct config *)0)->field)

static const struct setting settings[CONFIG_KEY_COUNT] = {
	[CONFIG_NAME] = { "name", TEXT_OF(name), .required = true },
	[CONFIG_STATE_DIRECTORY] = { "state_directory", PATH_OF(state_directory) },
	[CONFIG_KEY_FILE] = { "key_file", PATH_OF(key_file), .required = true },
	[CONFIG_CERTIFICATE_FILE] = { "certificate_file", PATH_OF(certificate_file), .required = true },
	[CONFIG_MESH_SECRET_FILE] = { "mesh_secret_file", PATH_OF(mesh_secret_file), .required = true },
	[CONFIG_INTERFACES] = { "interfaces", KIND_LIST, .required = true },
	[CONFIG_MODE] = { "mode", KIND_CHOICE, AT(generic), .choices = modes },
	[CONFIG_REPLACE_PROGRAM] = { "replace_program", KIND_FLAG, AT(replace_program) },
	[CONFIG_PIN_PATH] = { "pin_path", PATH_OF(pin_path) },
	[CONFIG_GOSSIP] = { "gossip", KIND_FLAG, AT(gossip) },
	[CONFIG_LISTEN] = { "listen", KIND_LIST },
	[CONFIG_PEERS] = { "peers", KIND_LIST },
	[CONFIG_CONTROL_SOCKET] = { "control_socket", PATH_OF(control_socket) },
	[CONFIG_CONTROL_GROUP] = { "control_group", TEXT_OF(control_group) },
	[CONFIG_LOG_LEVEL] = { "log_level", KIND_CHOICE, AT(log_level), .choices = levels },
	[CONFIG_MESH] = { "mesh", KIND_GROUP, .required = true },
	[CONFIG_LIMITS] = { "limits", KIND_GROUP },
	[CONFIG_PAIR_RATE] = { "pair_rate", KIND_NUMBER, AT(pair_rate), 0, RATE_MAX, .required = true },
	[CONFIG_DESTINATION_RATE] = { "destination_rate", KIND_NUMBER, AT(destination_rate), 0, RATE_MAX, .required = true },
	[CONFIG_IDLE_RESET] = { "idle_reset_ms", KIND_NUMBER, AT(idle_reset_ms), 100, IDLE_RESET_MS_MAX },
	[CONFIG_PAIR_MIN_WINDOW] = { "pair_min_window_ms", KIND_NUMBER, AT(pair_min_window_ms), MIN_WINDOW_MS_MIN,
				     WINDOW_MAX_MS_MAX },
	[CONFIG_DESTINATION_MIN_WINDOW] = { "destination_min_window_ms", KIND_NUMBER, AT(destination_min_window_ms),
					    MIN_WINDOW_MS_MIN, WINDOW_MAX_MS_MAX },
	[CONFIG_EARLY] = { "early", KIND_FLAG, AT(early) },
	[CONFIG_PAIR_ACTION] = { "pair_action", KIND_CHOICE, AT(police), .choices = actions },
	[CONFIG_AGGREGATE] = { "aggregate", KIND_CHOICE, AT(strict), .choices = aggregates },
	[CONFIG_ENFORCEMENT] = { "mode", KIND_CHOICE, AT(monitor), .choices = enforcements },
	[CONFIG_PAIRS4] = { "pairs4", KIND_NUMBER, AT(pairs4), 64, 67108864 },
	[CONFIG_PAIRS6] = { "pairs6", KIND_NUMBER, AT(pairs6), 64, 67108864 },
	[CONFIG_DESTINATIONS] = { "destinations", KIND_NUMBER, AT(destinations), 16, DESTINATION_NONE - 1 },
	[CONFIG_KEYS] = { "keys", KIND_NUMBER, AT(keys), 64, 67108864 },
	[CONFIG_CELLS] = { "cells", KIND_NUMBER, AT(cells), 64, 268435456 },
	[CONFIG_FRAMES] = { "frames", KIND_NUMBER, AT(frames), 64, 1048576 },
	[CONFIG_MEMBERS] = { "members", KIND_NUMBER, AT(members), 1, MEMBERS_MAX },
	[CONFIG_DATAGRAM_BYTES] = { "datagram_bytes", KIND_NUMBER, AT(datagram_bytes), DATAGRAM_BYTES_MIN, DATAGRAM_BYTES_MAX },
	[CONFIG_FRAMES_PER_TICK] = { "frames_per_tick", KIND_NUMBER, AT(frames_per_tick), 1, FRAMES_PER_TICK_MAX },
};

static const struct config defaults = {
	.gossip = true,
	.control_socket = CONTROL_SOCKET_DEFAULT,
	.log_level = LOG_LEVEL_INFO,
	.idle_reset_ms = IDLE_RESET_MS_DEFAULT,
	.pair_min_window_ms = MIN_WINDOW_MS_DEFAULT,
	.destination_min_window_ms = MIN_WINDOW_MS_DEFAULT,
	.early = true,
	.pairs4 = 262144,
	.pairs6 = 65536,
	.destinations = 16384,
	.keys = 262144,
	.cells = 1048576,
	.frames = 8192,
	.members = 64,
	.datagram_bytes = DATAGRAM_BYTES_DEFAULT,
	.frames_per_tick = 256,
};

const struct config *config_defaults(void)
{
	return &defaults;
}

/* ---- problems ---- */

#define WRONG(setting_at, format, ...)                                                          \
	problem_set(reader->problem, -EINVAL, "%s:%u: %s: " format, source(reader, setting_at), \
		    config_setting_source_line(setting_at), config_setting_name(setting_at), ##__VA_ARGS__)

/* Of a list's entry `index`, told from 1. */
#define WRONG_ENTRY(list, index, format, ...)                                                                                 \
	problem_set(reader->problem, -EINVAL, "%s:%u: entry %u of %s: " format, source(reader, list),                         \
		    config_setting_source_line(config_setting_get_elem(list, index)), (index) + 1, config_setting_name(list), \
		    ##__VA_ARGS__)

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
		names[key - first] = settings[key].name;
	nearest = text_nearest(config_setting_name(at), names, end - first);
	if (nearest)
		return WRONG(at, "no such setting; did you mean %s?", nearest);
	for (unsigned int key = 0; key < CONFIG_KEY_COUNT; key++) {
		if (strcmp(settings[key].name, config_setting_name(at)) == 0)
			return WRONG(at, "belongs %s",
				     key < CONFIG_ROOT_KEYS   ? "outside of this group"
				     : key < CONFIG_MESH_KEYS ? "inside mesh = { ... }"
							      : "inside limits = { ... }");
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
	const char *text = NULL;
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
	int type = config_setting_type(at);
	int64_t number = type == CONFIG_TYPE_INT64 ? config_setting_get_int64(at) : config_setting_get_int(at);

	if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64)
		return WRONG(at, "must be a whole number from %lld to %lld", (long long)setting->min, (long long)setting->max);
	if (number < setting->min || number > setting->max)
		return WRONG(at, "%lld is out of bounds; write %lld to %lld", (long long)number, (long long)setting->min,
			     (long long)setting->max);
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

static int read_interfaces(struct reader *reader, config_setting_t *at)
{
	struct config *config = reader->config;
	unsigned int size = 0;
	int err;

	err = list_size(reader, at, CONFIG_INTERFACES_MAX, &size);
	if (err)
		return err;
	for (unsigned int i = 0; i < size; i++) {
		config_setting_t *entry = config_setting_get_elem(at, i);
		const char *name = config_setting_get_string(entry);

		if (*name == '\0' || strlen(name) >= IFNAMSIZ || strpbrk(name, "/ \t\n"))
			return WRONG_ENTRY(at, i, "is not an interface's name (1 to %d characters)", IFNAMSIZ - 1);
		for (unsigned int j = 0; j < i; j++) {
			if (strcmp(config->interfaces[j], name) == 0)
				return WRONG_ENTRY(at, i, "%s is listed twice; remove one", name);
		}
		strcpy(config->interfaces[i], name);
	}
	config->interface_count = size;
	return 0;
}

static int read_endpoints(struct reader *reader, config_setting_t *at, struct config_endpoint *field, unsigned int max,
			  uint32_t *ret_count)
{
	unsigned int size = 0;
	int err;

	err = list_size(reader, at, max, &size);
	if (err)
		return err;
	for (unsigned int i = 0; i < size; i++) {
		config_setting_t *entry = config_setting_get_elem(at, i);
		const char *text = config_setting_get_string(entry), *why = "";
		char escaped[80];

		text_escape(text, escaped, sizeof(escaped));
		if (text_to_endpoint(text, &field[i].endpoint, &why))
			return WRONG_ENTRY(at, i, "\"%s\": %s", escaped, why);
		for (unsigned int j = 0; j < i; j++) {
			if (field[j].endpoint.port == field[i].endpoint.port &&
			    address_equal(&field[j].endpoint.address, &field[i].endpoint.address))
				return WRONG_ENTRY(at, i, "%s is listed twice; remove one", escaped);
		}
		field[i].line = config_setting_source_line(entry);
	}
	*ret_count = size;
	return 0;
}

static int read_list(struct reader *reader, config_setting_t *at, enum config_key key)
{
	struct config *config = reader->config;

	switch (key) {
	case CONFIG_INTERFACES:
		return read_interfaces(reader, at);
	case CONFIG_LISTEN:
		return read_endpoints(reader, at, config->listen, CONFIG_LISTEN_MAX, &config->listen_count);
	default:
		return read_endpoints(reader, at, config->peers, MEMBERS_MAX, &config->peer_count);
	}
}

/* ---- the tree ---- */

static int read_group(struct reader *reader, config_setting_t *group, unsigned int first, unsigned int end);

static int read_setting(struct reader *reader, config_setting_t *at, enum config_key key)
{
	const struct setting *setting = &settings[key];
	void *field = (char *)reader->config + setting->offset;
	const char *text = NULL;
	int err;

	reader->config->line[key] = config_setting_source_line(at);
	switch (setting->kind) {
	case KIND_TEXT:
		err = read_text(reader, at, setting, &text);
		if (!err && strlen(text) >= (size_t)setting->max)
			return WRONG(at, "has %zu characters; at most %d fit", strlen(text), (int)setting->max - 1);
		if (!err)
			strcpy(field, text);
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
		return key == CONFIG_MESH ? read_group(reader, at, CONFIG_ROOT_KEYS, CONFIG_MESH_KEYS)
					  : read_group(reader, at, CONFIG_MESH_KEYS, CONFIG_KEY_COUNT);
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

		while (key < end && strcmp(settings[key].name, config_setting_name(at)) != 0)
			key++;
		err = key == end ? unknown(reader, at, first, end) : read_setting(reader, at, key);
		if (err)
			return err;
	}
	for (unsigned int key = first; key < end; key++) {
		if (settings[key].required && reader->config->line[key] == 0)
			return problem_set(reader->problem, -EINVAL, "%s:%u: %s: is missing%s", reader->config->path,
					   line ? line : 1, settings[key].name,
					   first == CONFIG_ROOT_KEYS ? " in mesh = { ... }" : "");
	}
	return 0;
}

/* ---- the file ---- */

/* What libconfig would misread or explain badly: a BOM, CRLF, zero bytes. */
static int check_text(const char *path, const char *text, size_t size, struct problem *ret_problem)
{
	unsigned int line = 1;

	if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		return problem_set(ret_problem, -EINVAL,
				   "%s:1: starts with a byte order mark; run: sed -i '1s/^\\xef\\xbb\\xbf//' %s", path, path);
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '\r')
			return problem_set(ret_problem, -EINVAL, "%s:%u: the line ends in CRLF; run: sed -i 's/\\r$//' %s", path,
					   line, path);
		if (text[i] == '\0')
			return problem_set(ret_problem, -EINVAL, "%s:%u: holds a zero byte; is this a text file?", path, line);
		line += text[i] == '\n';
	}
	return 0;
}

/* The common ways to write something libconfig does not take. */
static const char *syntax_hint(const char *text, unsigned int line)
{
	char copy[256];
	const char *at = text, *equals, *end;

	while (line > 1 && (at = strchr(at, '\n'))) {
		at++;
		line--;
	}
	if (!at || *at == '\0')
		return "a closing bracket or quote is missing before the end";
	end = strchrnul(at, '\n');
	snprintf(copy, sizeof(copy), "%.*s", (int)(end - at < 255 ? end - at : 255), at);
	equals = strpbrk(copy, "=:");
	if (equals) {
		equals += 1 + strspn(equals + 1, " \t");
		if (!strncmp(equals, "on", 2) || !strncmp(equals, "off", 3) || !strncmp(equals, "yes", 3) ||
		    !strncmp(equals, "no", 2))
			return "switches are written true or false";
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/", *equals) && *equals)
			return "texts stand in double quotes";
	}
	return "settings are written name = value; is a quote, bracket or semicolon missing here or on the line before?";
}

static int parse(const char *path, const char *text, config_t *tree, struct problem *ret_problem)
{
	const char *what;

	if (config_read_string(tree, text) == CONFIG_TRUE)
		return 0;
	what = config_error_text(tree);
	if (config_error_file(tree))
		path = config_error_file(tree);
	if (what && strstr(what, "duplicate"))
		return problem_set(ret_problem, -EINVAL, "%s:%d: this setting stands here for the second time; remove one", path,
				   config_error_line(tree));
	return problem_set(ret_problem, -EINVAL, "%s:%d: %s; %s", path, config_error_line(tree), what ? what : "syntax error",
			   syntax_hint(text, (unsigned int)config_error_line(tree)));
}

static int read_file(const char *path, char **ret_text, struct problem *ret_problem)
{
	char *text = malloc(FILE_BYTES_MAX + 1);
	size_t size = 0;
	int err;

	if (!text)
		return problem_set(ret_problem, -ENOMEM, "%s: no memory", path);
	err = files_read_at(AT_FDCWD, path, text, FILE_BYTES_MAX, &size);
	if (err)
		err = problem_set(ret_problem, err, "%s: %s", path,
				  err == -EFBIG	   ? "is larger than 256 KiB"
				  : err == -EINVAL ? "is not a file"
						   : strerror(-err));
	else
		err = check_text(path, text, size, ret_problem);
	if (err) {
		free(text);
		return err;
	}
	text[size] = '\0';
	*ret_text = text;
	return 0;
}

/* ---- what one value says about another ---- */

static int wrong(const struct config *config, unsigned int line, struct problem *problem, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static int wrong(const struct config *config, unsigned int line, struct problem *problem, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return problem_set(problem, -EINVAL, "%s:%u: %s", config->path, line ? line : 1, text);
}

static int check_name(const struct config *config, struct problem *problem)
{
	if (config->name[strspn(config->name, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0')
		return wrong(config, config->line[CONFIG_NAME], problem, "name: only a-z, 0-9 and - may be used");
	return 0;
}

static int check_group(const struct config *config, struct problem *problem)
{
	if (config->control_group[0] && !getgrnam(config->control_group))
		return wrong(config, config->line[CONFIG_CONTROL_GROUP], problem,
			     "control_group: there is no group of this name; run: groupadd --system GROUP");
	return 0;
}

static bool has_listener(const struct config *config, bool ipv4)
{
	for (uint32_t i = 0; i < config->listen_count; i++) {
		if (address_is_ipv4(&config->listen[i].endpoint.address) == ipv4)
			return true;
	}
	return false;
}

static int check_peers(const struct config *config, struct problem *problem)
{
	char text[TEXT_ENDPOINT_BYTES];

	for (uint32_t i = 0; config->gossip && i < config->peer_count; i++) {
		const struct endpoint *peer = &config->peers[i].endpoint;
		bool ipv4 = address_is_ipv4(&peer->address);

		text_of_endpoint(peer, text);
		if (address_is_zero(&peer->address) || (peer->address.bytes[0] == 0xff) ||
		    (ipv4 && (peer->address.bytes[12] >= 224 || peer->address.bytes[12] == 0)))
			return wrong(config, config->peers[i].line, problem,
				     "peers: %s names no single host; write the peer's own address", text);
		if (!has_listener(config, ipv4))
			return wrong(config, config->peers[i].line, problem,
				     "peers: %s cannot be reached: listen has no %s address; add \"%s\"", text,
				     ipv4 ? "IPv4" : "IPv6", ipv4 ? "0.0.0.0:7946" : "[::]:7946");
	}
	return 0;
}

static int finish(struct config *config, struct problem *problem)
{
	int err;

	err = check_name(config, problem);
	if (err)
		return err;
	if (!config->line[CONFIG_STATE_DIRECTORY])
		snprintf(config->state_directory, sizeof(config->state_directory), "/var/lib/xpro/%s", config->name);
	if (!config->line[CONFIG_PIN_PATH])
		snprintf(config->pin_path, sizeof(config->pin_path), "/sys/fs/bpf/xpro/%s", config->name);
	if (config->gossip && !config->line[CONFIG_LISTEN]) {
		config->listen[0] = (struct config_endpoint){ .endpoint = { .address = address_of_ipv4((const uint8_t[4]){ 0 }),
									    .port = 7946 } };
		config->listen[1] = (struct config_endpoint){ .endpoint = { .port = 7946 } };
		config->listen_count = 2;
	}
	if (config->gossip && config->listen_count == 0)
		return wrong(config, config->line[CONFIG_LISTEN], problem,
			     "listen: is empty; name an address, or set gossip = false");
	if (config->cells < config->keys)
		return wrong(config, config->line[CONFIG_CELLS] ? config->line[CONFIG_CELLS] : config->line[CONFIG_KEYS], problem,
			     "limits: cells (%u) must be at least keys (%u): every key holds a cell", config->cells,
			     config->keys);
	err = check_group(config, problem);
	return err ? err : check_peers(config, problem);
}

int config_load(const char *path, struct config *ret_config, struct problem *ret_problem)
{
	struct config config = defaults;
	struct reader reader = { .config = &config, .problem = ret_problem };
	const char *slash = strrchr(path, '/');
	char *text = NULL;
	config_t tree;
	int err;

	if (strlen(path) >= sizeof(config.path))
		return problem_set(ret_problem, -ENAMETOOLONG, "%.64s...: the path is too long", path);
	strcpy(config.path, path);
	if (slash)
		snprintf(reader.directory, sizeof(reader.directory), "%.*s", (int)(slash - path + 1), path);
	err = read_file(path, &text, ret_problem);
	if (err)
		return err;
	config_init(&tree);
	err = parse(path, text, &tree, ret_problem);
	if (!err)
		err = read_group(&reader, config_root_setting(&tree), 0, CONFIG_ROOT_KEYS);
	if (!err)
		err = finish(&config, ret_problem);
	if (!err)
		*ret_config = config;
	config_destroy(&tree);
	free(text);
	return err;
}

/* ---- beside the certificate ---- */

static int check_windows(const struct config *config, const struct mesh *mesh, struct problem *problem)
{
	uint32_t most = mesh->window_max_ms / (mesh->decay * mesh->decay);
	uint32_t slot = (uint32_t)(mesh_slot_length(mesh).ns / NS_PER_MS);

	if (config->pair_min_window_ms > most)
		return wrong(config, config->line[CONFIG_PAIR_MIN_WINDOW], problem,
			     "pair_min_window_ms: %u is above %u, the mesh's window_max / decay^2; a window that long would be "
			     "aged away",
			     config->pair_min_window_ms, most);
	if (config->destination_min_window_ms > most)
		return wrong(config, config->line[CONFIG_DESTINATION_MIN_WINDOW], problem,
			     "destination_min_window_ms: %u is above %u, the mesh's window_max / decay^2; a window that long "
			     "would be aged away",
			     config->destination_min_window_ms, most);
	if (config->idle_reset_ms < slot)
		return wrong(config, config->line[CONFIG_IDLE_RESET], problem,
			     "idle_reset_ms: %u is below the mesh's slot of %u ms; silence shorter than a slot cannot be seen",
			     config->idle_reset_ms, slot);
	return 0;
}

static bool is_own(const struct config *config, const struct certificate *certificate, const struct endpoint *peer)
{
	for (uint32_t i = 0; i < certificate->endpoints && i < ENDPOINTS_MAX; i++) {
		if (certificate->endpoint[i].port == peer->port &&
		    address_equal(&certificate->endpoint[i].address, &peer->address))
			return true;
	}
	for (uint32_t i = 0; i < config->listen_count; i++) {
		if (config->listen[i].endpoint.port == peer->port &&
		    address_equal(&config->listen[i].endpoint.address, &peer->address))
			return true;
	}
	return false;
}

int config_check(const struct config *config, const struct mesh *mesh, const struct certificate *certificate,
		 struct problem *ret_problem)
{
	char text[TEXT_ENDPOINT_BYTES];

	if (strcmp(config->name, certificate->name) != 0)
		return wrong(config, config->line[CONFIG_NAME], ret_problem, "name: is %s, but the certificate was issued to %s",
			     config->name, certificate->name);
	for (uint32_t i = 0; i < config->peer_count; i++) {
		text_of_endpoint(&config->peers[i].endpoint, text);
		if (is_own(config, certificate, &config->peers[i].endpoint))
			return wrong(config, config->peers[i].line, ret_problem, "peers: %s is this node itself; remove it",
				     text);
	}
	return check_windows(config, mesh, ret_problem);
}

struct thresholds config_thresholds(const struct config *config)
{
	return (struct thresholds){
		.pair_rate = config->pair_rate,
		.destination_rate = config->destination_rate,
		.idle_reset = duration_ms(config->idle_reset_ms),
		.pair_min_window = duration_ms(config->pair_min_window_ms),
		.destination_min_window = duration_ms(config->destination_min_window_ms),
		.fair = !config->strict,
		.police = config->police,
	};
}
