/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gossipctl join: a bundle makes this host a node of its mesh. First everything is checked, then it is installed as a
 * whole (install.c), then the unit is started. A configuration that is there stays with the choices made in it; keys
 * never stay.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "ask.h"
#include "bundle.h"
#include "config_edit.h"
#include "config_internal.h"
#include "host_check.h"
#include "install.h"
#include "unit.h"

struct joining {
	const struct arguments *arguments;
	const char *path; /* of the bundle */
	char archive[BUNDLE_BYTES_MAX];
	struct bundle bundle;
	struct install install;
	char *text; /* allocated: the configuration that will be in use */
	bool keep; /* it is the one that was there */
	struct config config;
};

/* A bundle holds a key, so it must be as secret as a key file. */
static int read_bundle(struct joining *joining, struct problem *ret_problem)
{
	size_t size = 0;
	struct stat st;
	int err;

	if (stat(joining->path, &st))
		return problem_set(ret_problem, -errno, "%s: %s", joining->path, strerror(errno));
	if (S_ISREG(st.st_mode) && (st.st_mode & 077))
		return problem_set(ret_problem, -EACCES,
				   "%s: others may read this secret (mode %03o); run: chmod 600 %s", joining->path,
				   (unsigned int)st.st_mode & 0777, joining->path);
	err = files_read_at(AT_FDCWD, joining->path, joining->archive, sizeof(joining->archive), &size);
	if (err)
		return problem_set(ret_problem, err, "%s: %s", joining->path,
				   err == -EFBIG	? "is too large for a bundle"
				   : err == -EINVAL ? "is not a file"
						    : strerror(-err));
	return bundle_open(joining->path, joining->archive, size, &joining->bundle, ret_problem);
}

/* The value of `interfaces`, from --interface. */
static int list_interfaces(const struct arguments *arguments, char *ret_value, size_t bytes,
			   struct problem *ret_problem)
{
	size_t used = (size_t)snprintf(ret_value, bytes, "[");

	for (unsigned int i = 0; i < arguments->interface_count; i++) {
		const char *name = arguments->interfaces[i];

		if (*name == '\0' || strlen(name) >= IFNAMSIZ || strpbrk(name, "\"\\\n"))
			return problem_set(ret_problem, -EINVAL, "--interface: a name of 1 to %d characters is needed",
					   IFNAMSIZ - 1);
		used += (size_t)snprintf(ret_value + used, bytes - used, "%s\"%s\"", i ? ", " : "", name);
	}
	snprintf(ret_value + used, bytes - used, "]");
	return 0;
}

static int choose_text(struct joining *joining, struct problem *ret_problem)
{
	const char *path = joining->install.config, *bytes = joining->bundle.part[BUNDLE_CONFIG].bytes;
	const size_t size = joining->bundle.part[BUNDLE_CONFIG].size;
	char value[INTERFACES_GIVEN_MAX * (IFNAMSIZ + 4) + 4];
	int err;

	joining->keep = joining->install.has_config && !joining->arguments->value[OPTION_AGAIN];
	if (joining->keep && joining->arguments->interface_count)
		return problem_set(ret_problem, -EEXIST,
				   "%s: is there already; change its interfaces by hand, or give --again to have it "
				   "written over",
				   path);
	if (joining->keep)
		return config_read_text(path, &joining->text, ret_problem);
	err = config_check_text(path, bytes, size, ret_problem);
	if (err)
		return err;
	joining->text = strndup(bytes, size);
	if (!joining->text)
		return problem_set(ret_problem, -ENOMEM, "%s: no memory", path);
	if (joining->arguments->interface_count == 0)
		return 0;
	err = list_interfaces(joining->arguments, value, sizeof(value), ret_problem);
	return err ? err : config_edit(path, &joining->text, "interfaces", value, ret_problem);
}

/* The three paths must lead into the folder that this join replaces: else the old keys would stay in use. */
static int check_key_paths(const struct joining *joining, struct problem *ret_problem)
{
	const struct {
		enum config_key setting;
		enum bundle_part part;
		const char *path;
	} keys[] = {
		{ CONFIG_KEY_FILE, BUNDLE_KEY, joining->config.key_file },
		{ CONFIG_CERTIFICATE_FILE, BUNDLE_CERTIFICATE, joining->config.certificate_file },
		{ CONFIG_MESH_SECRET_FILE, BUNDLE_SECRET, joining->config.mesh_secret_file },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		char wanted[2 * FILES_PATH_BYTES];

		snprintf(wanted, sizeof(wanted), "%s/%s", joining->install.folder, bundle_names[keys[i].part]);
		if (strcmp(wanted, keys[i].path) != 0)
			return problem_set(
				ret_problem, -EPERM,
				"%s:%u: %s: %s would stay in use, and this bundle's goes to %s; write that path "
				"there, or give --again to have the file written over",
				joining->config.path, joining->config.line[keys[i].setting],
				config_settings[keys[i].setting].name, keys[i].path, wanted);
	}
	return 0;
}

static int check_config(struct joining *joining, struct problem *ret_problem)
{
	int err;

	err = choose_text(joining, ret_problem);
	if (!err)
		err = config_load_text(joining->install.config, joining->text, &joining->config, ret_problem);
	if (!err)
		err = bundle_take_widths(joining->path, &joining->bundle, &joining->config.widths, ret_problem);
	if (err == -EDOM)
		err = config_other_widths(&joining->config, ret_problem);
	if (!err)
		err = config_check(&joining->config, &joining->bundle.mesh, &joining->bundle.certificate, ret_problem);
	if (!err)
		err = check_key_paths(joining, ret_problem);
	if (!err)
		err = host_check_interfaces(&joining->config, ret_problem);
	if (!err)
		err = host_check_others(joining->install.directory, &joining->config, ret_problem);
	if (err && !joining->keep) { /* the file is in the bundle alone */
		const struct problem problem = *ret_problem;

		problem_set(ret_problem, err, "%.512s: %.1000s", joining->path, problem.text);
	}
	return err;
}

static int join(struct joining *joining, struct problem *ret_problem)
{
	const char *directory = joining->arguments->value[OPTION_TO];
	int err;

	err = read_bundle(joining, ret_problem);
	if (!err)
		err = host_check_clock(joining->path, joining->bundle.made_s, ret_problem);
	if (!err)
		err = install_open(directory ? directory : INSTALL_DIRECTORY, &joining->bundle, &joining->install,
				   ret_problem);
	if (!err)
		err = check_config(joining, ret_problem);
	if (!err)
		err = install_write(&joining->install, joining->keep ? NULL : joining->text, ret_problem);
	install_close(&joining->install);
	free(joining->text);
	return err;
}

static void show_joined(struct output *output, const struct joining *joining)
{
	const struct bundle *bundle = &joining->bundle;
	char key[2 * PUBLIC_KEY_BYTES + 1], authority[2 * PUBLIC_KEY_BYTES + 1];
	const struct field fields[] = {
		TEXT("name", NULL, 0, bundle->name),
		TEXT("config", NULL, 0, joining->install.config),
		FLAG("config_kept", NULL, 0, joining->keep),
		NUMBER("serial", NULL, 0, bundle->certificate.serial),
		TEXT("key", NULL, 0, key),
		TEXT("authority", NULL, 0, authority),
		TEXT("mode", NULL, 0, joining->config.monitor ? "monitor" : "enforce"),
	};

	sodium_bin2hex(key, sizeof(key), bundle->certificate.public_key, PUBLIC_KEY_BYTES);
	sodium_bin2hex(authority, sizeof(authority), bundle->mesh.authority, PUBLIC_KEY_BYTES);
	output_facts(output, "joined", FIELDS(fields));
	output_say(output, "%s: certificate number %llu of the authority %.16s is installed in %s", bundle->name,
		   (unsigned long long)bundle->certificate.serial, authority, joining->install.folder);
	if (joining->keep)
		output_say(output, "%s: stays as it was; the keys are those of the bundle", joining->install.config);
	if (!host_clock_is_kept())
		output_say(output,
			   "warning: the clock of this host is not kept by NTP; the mesh needs it within half a "
			   "second");
	output_say(output, "remove %s: it holds the node's key", joining->path);
}

static int start_unit(const char *name)
{
	int err = unit_start(name);

	if (err)
		complain("gossipd@%s: is installed, and did not start%s%s; journalctl -u gossipd@%s may say why", name,
			 err == -EIO ? "" : ": systemctl: ", err == -EIO ? "" : strerror(-err), name);
	return err ? EXIT_FAILED : EXIT_OK;
}

/* What is installed comes into use when gossipd starts. One that runs without systemd can only be told of. */
static int start(const struct joining *joining, struct output *output)
{
	const char *name = joining->bundle.name, *config = joining->install.config;

	if (!joining->arguments->value[OPTION_TO] && unit_has_manager()) {
		if (start_unit(name) != EXIT_OK)
			return EXIT_FAILED;
		output_say(output, "gossipd@%s runs in %s mode: gossipctl --config %s status", name,
			   joining->config.monitor ? "monitor" : "enforce", config);
		if (joining->config.monitor)
			output_say(output, "when what would be dropped is what you want dropped: gossipctl --config %s "
					   "enforce",
				   config);
		return EXIT_OK;
	}
	if (ask_daemon(joining->config.control_socket) == 0) {
		output_say(output, "start it in %s mode: gossipd --config %s",
			   joining->config.monitor ? "monitor" : "enforce", config);
		return EXIT_OK;
	}
	if (joining->install.same_keys && joining->keep) {
		output_say(output, "gossipd runs with these keys already");
		return EXIT_OK;
	}
	complain("%s: a gossipd runs there with what was installed before; stop it, then run: gossipd --config %s",
		 joining->config.control_socket, config);
	return EXIT_FAILED;
}

int run_join(const struct arguments *arguments, struct output *output)
{
	const char *directory = arguments->value[OPTION_TO];
	static struct joining joining;
	struct problem problem;
	int err;

	if (directory && (*directory == '\0' || strlen(directory) >= INSTALL_PATH_BYTES)) {
		complain("--to: a path of 1 to %d characters is needed", INSTALL_PATH_BYTES - 1);
		return EXIT_USAGE;
	}
	joining.arguments = arguments;
	joining.path = arguments->words[0];
	joining.install.directory_fd = -1;
	err = join(&joining, &problem);
	sodium_memzero(joining.archive, sizeof(joining.archive));
	if (err) {
		complain("%s", problem.text);
		return EXIT_FAILED;
	}
	show_joined(output, &joining);
	return start(&joining, output);
}
