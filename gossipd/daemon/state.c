/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The state file, four lines of text: a version, the two numbers and a checksum over them. The checksum finds
 * damage, not malice: who can write here holds the keys as well.
 */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_VERSION 1
#define STATE_BYTES_MAX 512
#define CHECK_BYTES 16

static void checksum(const char *text, size_t size, char ret_hex[2 * CHECK_BYTES + 1])
{
	uint8_t hash[CHECK_BYTES];

	crypto_generichash(hash, sizeof(hash), (const uint8_t *)text, size, NULL, 0);
	sodium_bin2hex(ret_hex, 2 * CHECK_BYTES + 1, hash, sizeof(hash));
}

static size_t write_text(uint64_t incarnation, uint64_t boot, char ret_text[STATE_BYTES_MAX])
{
	char hex[2 * CHECK_BYTES + 1];
	size_t size;

	size = (size_t)snprintf(ret_text, STATE_BYTES_MAX, "xpro-state %d\nincarnation %" PRIu64 "\nboot %" PRIu64 "\n",
				STATE_VERSION, incarnation, boot);
	checksum(ret_text, size, hex);
	return size + (size_t)snprintf(ret_text + size, STATE_BYTES_MAX - size, "check %s\n", hex);
}

/* -EPROTO: another version; -EBADMSG: not what write_text wrote. Writing the numbers again must give the same bytes. */
static int parse_text(const char *text, uint64_t *ret_incarnation, uint64_t *ret_boot)
{
	char again[STATE_BYTES_MAX];
	uint64_t incarnation, boot;
	int version;

	if (sscanf(text, "xpro-state %9d\n", &version) != 1)
		return -EBADMSG;
	if (version > STATE_VERSION)
		return -EPROTO;
	if (sscanf(text, "xpro-state %9d\nincarnation %" SCNu64 "\nboot %" SCNu64 "\n", &version, &incarnation,
		   &boot) != 3)
		return -EBADMSG;
	write_text(incarnation, boot, again);
	if (strcmp(text, again) != 0)
		return -EBADMSG;
	*ret_incarnation = incarnation;
	*ret_boot = boot;
	return 0;
}

static int read_state(struct state *state, struct problem *ret_problem)
{
	char text[STATE_BYTES_MAX + 1];
	size_t size;
	int err;

	err = files_read_at(state->directory_fd, "state", text, STATE_BYTES_MAX, &size);
	if (err == -ENOENT)
		return 0; /* the first start */
	if (err && err != -EFBIG)
		return problem_set(ret_problem, err, "%s/state: %s", state->path, strerror(-err));
	if (!err) {
		text[size] = '\0';
		err = strlen(text) == size ? parse_text(text, &state->incarnation, &state->boot) : -EBADMSG;
	}
	if (err == -EPROTO)
		return problem_set(ret_problem, err,
				   "%s/state: written by a newer gossipd; run that version, or remove the file to "
				   "start afresh",
				   state->path);
	if (err) {
		state->damaged = true;
		if (renameat(state->directory_fd, "state", state->directory_fd, "state.damaged"))
			return problem_set(ret_problem, -errno, "%s/state: is damaged and cannot be put aside: %s",
					   state->path, strerror(errno));
	}
	return 0;
}

static int open_directory(const char *path, struct problem *ret_problem)
{
	struct stat st;
	int err, fd;

	err = files_make_directory(path, 0700, ret_problem);
	if (err)
		return err;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return problem_set(ret_problem, -errno, "%s: cannot open the state directory: %s", path,
				   strerror(errno));
	if (fstat(fd, &st) == 0 && (st.st_mode & 022) == 0)
		return fd;
	close(fd);
	return problem_set(ret_problem, -EACCES, "%s: others may write to the state directory; run: chmod go-w %s",
			   path, path);
}

int state_open(const char *path, struct state *ret_state, struct problem *ret_problem)
{
	struct state state = STATE_CLOSED;
	int err;

	snprintf(state.path, sizeof(state.path), "%s", path);
	state.directory_fd = open_directory(path, ret_problem);
	if (state.directory_fd < 0)
		return state.directory_fd;
	state.lock_fd = openat(state.directory_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (state.lock_fd < 0)
		err = problem_set(ret_problem, -errno, "%s/lock: %s", path, strerror(errno));
	else if (flock(state.lock_fd, LOCK_EX | LOCK_NB))
		err = problem_set(ret_problem, -EBUSY, "%s: another gossipd uses this state directory; stop it first",
				  path);
	else
		err = read_state(&state, ret_problem);
	if (err) {
		state_close(&state);
		return err;
	}
	*ret_state = state;
	return 0;
}

int state_store(struct state *state, uint64_t incarnation, uint64_t boot, struct problem *ret_problem)
{
	char text[STATE_BYTES_MAX], path[FILES_PATH_BYTES + 8];
	size_t size = write_text(incarnation, boot, text);
	int err;

	snprintf(path, sizeof(path), "%s/state", state->path);
	err = files_write(state->directory_fd, path, "state", 0600, text, size, true, ret_problem);
	if (err)
		return err;
	state->incarnation = incarnation;
	state->boot = boot;
	return 0;
}

void state_close(struct state *state)
{
	if (state->lock_fd >= 0)
		close(state->lock_fd);
	if (state->directory_fd >= 0)
		close(state->directory_fd);
	*state = STATE_CLOSED;
}

uint64_t state_fresh_incarnation(const struct state *state, uint64_t unix_ms)
{
	return state->incarnation >= unix_ms ? state->incarnation + 1 : unix_ms;
}
