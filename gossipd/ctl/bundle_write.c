/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What was written is opened again as `gossipctl join` will before the file takes its name. */
#include "bundle_write.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <time.h>

#include "bundle.h"
#include "config_edit.h"
#include "config_internal.h"

struct packing {
	struct bundle bundle;
	struct config settings;
	char *config; /* allocated */
	char key[BUNDLE_SIGNATURE][BUNDLE_KEY_BYTES_MAX]; /* as in their files; that of the configuration is unused */
	char signature[BUNDLE_SIGNATURE_TEXT_BYTES];
	char archive[BUNDLE_BYTES_MAX];
	size_t size;
};

static int read_keys(struct packing *packing, const char *folder, struct problem *ret_problem)
{
	for (unsigned int part = BUNDLE_KEY; part < BUNDLE_SIGNATURE; part++) {
		char path[FILES_PATH_BYTES];
		size_t size = 0;
		int err;

		authority_path(folder, bundle_names[part], path);
		err = files_read_at(AT_FDCWD, path, packing->key[part], sizeof(packing->key[part]), &size);
		if (err)
			return problem_set(ret_problem, err, "%s: %s", path, strerror(-err));
		packing->bundle.part[part].bytes = packing->key[part];
		packing->bundle.part[part].size = size;
	}
	return 0;
}

/* Paths as they are on the host, and nothing drops before its operator says so. */
static int adapt(char **text, const char *path, const char *name, struct problem *ret_problem)
{
	static const char *const settings[BUNDLE_SIGNATURE] = {
		[BUNDLE_KEY] = "key_file",
		[BUNDLE_CERTIFICATE] = "certificate_file",
		[BUNDLE_SECRET] = "mesh_secret_file",
	};
	char value[NAME_BYTES_MAX + 32];

	for (unsigned int part = BUNDLE_KEY; part < BUNDLE_SIGNATURE; part++) {
		int err;

		snprintf(value, sizeof(value), "\"%s/%s\"", name, bundle_names[part]);
		err = config_edit(path, text, settings[part], value, ret_problem);
		if (err)
			return err;
	}
	return config_edit(path, text, "mesh.mode", "\"monitor\"", ret_problem);
}

static int read_config(struct packing *packing, const char *folder, struct problem *ret_problem)
{
	struct config *config = &packing->settings;
	char file[NAME_BYTES_MAX + 8], path[FILES_PATH_BYTES];
	int err;

	snprintf(file, sizeof(file), "%s.conf", packing->bundle.name);
	authority_path(folder, file, path);
	err = config_load(path, config, ret_problem);
	if (!err && config->policy_path[0])
		err = problem_set(
			ret_problem, -EINVAL,
			"%s:%u: policy_file: a bundle holds one configuration and no other file; write the policy "
			"into it",
			path, config->line[CONFIG_POLICY_FILE]);
	if (!err && config->shadow_path[0])
		err = problem_set(ret_problem, -EINVAL,
				  "%s:%u: shadow_policy_file: a bundle holds one configuration and no other file", path,
				  config->line[CONFIG_SHADOW_POLICY_FILE]);
	if (!err)
		err = config_read_text(path, &packing->config, ret_problem);
	if (!err)
		err = adapt(&packing->config, path, packing->bundle.name, ret_problem);
	if (err)
		return err;
	packing->bundle.part[BUNDLE_CONFIG].bytes = packing->config;
	packing->bundle.part[BUNDLE_CONFIG].size = strlen(packing->config);
	return 0;
}

static int pack(struct packing *packing, const struct authority *authority, const char *path,
		struct problem *ret_problem)
{
	struct bundle *bundle = &packing->bundle, opened;
	int err;

	bundle->made_s = time(NULL);
	if (!bundle_put(bundle, BUNDLE_SIGNATURE, packing->archive, sizeof(packing->archive), &packing->size))
		return problem_set(ret_problem, -EFBIG, "%s: the bundle does not fit", path);
	bundle_sign(packing->archive, packing->size, authority->secret_key, packing->signature);
	bundle->part[BUNDLE_SIGNATURE].bytes = packing->signature;
	bundle->part[BUNDLE_SIGNATURE].size = strlen(packing->signature);
	if (!bundle_put(bundle, BUNDLE_PARTS, packing->archive, sizeof(packing->archive), &packing->size))
		return problem_set(ret_problem, -EFBIG, "%s: the bundle does not fit", path);
	err = bundle_open(path, packing->archive, packing->size, &opened, ret_problem);
	if (!err)
		err = bundle_take_widths(path, &opened, &packing->settings.widths, ret_problem);
	return err == -EDOM ? config_other_widths(&packing->settings, ret_problem) : err;
}

int bundle_write(const struct authority *authority, const char *directory, const char *name,
		 char ret_path[FILES_PATH_BYTES], struct problem *ret_problem)
{
	static struct packing packing;
	char file[NAME_BYTES_MAX + sizeof(BUNDLE_SUFFIX)], folder[FILES_PATH_BYTES];
	int err;

	packing.config = NULL;
	snprintf(file, sizeof(file), "%s" BUNDLE_SUFFIX, name);
	authority_path(directory, file, ret_path);
	authority_path(directory, name, folder);
	text_copy(name, packing.bundle.name, sizeof(packing.bundle.name));
	err = read_keys(&packing, folder, ret_problem);
	if (!err)
		err = read_config(&packing, folder, ret_problem);
	if (!err)
		err = pack(&packing, authority, ret_path, ret_problem);
	if (!err)
		err = files_write_path(ret_path, 0600, packing.archive, packing.size, true, ret_problem);
	free(packing.config);
	sodium_memzero(&packing, sizeof(packing));
	return err;
}
