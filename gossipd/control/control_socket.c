/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A file has one group, the socket up to two: control_group owns it, control_admin_group is let in by an ACL. Nobody
 * but the owner may write to the directory, or somebody could put another socket into the place of ours.
 */
#define _GNU_SOURCE /* struct ucred */
#include "control_socket.h"

#include <errno.h>
#include <grp.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <xpro/control.h>

#include "owner.h"

#define PEER_GROUPS_MAX 65536 /* the kernel's NGROUPS_MAX */

/* ---- the file ---- */

static gid_t gid_of(const char *name)
{
	const struct group *group = name[0] ? getgrnam(name) : NULL;

	return group ? group->gr_gid : 0;
}

static bool lets_through(const struct stat *directory, gid_t group)
{
	return directory->st_mode & (group == directory->st_gid ? S_IXGRP : S_IXOTH);
}

/* A directory that was there already keeps its mode: it may be somebody's choice. */
static void warn_of_closed(const struct config *config, const char *directory, const struct stat *st)
{
	const gid_t readers = gid_of(config->control_group), admins = gid_of(config->control_admin_group);

	if ((readers && !lets_through(st, readers)) || (admins && !lets_through(st, admins)))
		log_warning("control: %s has mode %04o: members of the control groups cannot get through to the "
			    "socket; run: chmod 755 %s",
			    directory, st->st_mode & 07777, directory);
}

static int check_directory(const struct config *config, struct problem *ret_problem)
{
	const char *path = config->control_socket;
	char directory[CONFIG_SOCKET_BYTES], why[512];
	const char *slash = strrchr(path, '/');
	struct stat st;
	mode_t mask;
	int err;

	if (!slash || slash == path)
		return 0;
	snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path), path);
	mask = umask(022); /* the groups must get through; the socket's own mode keeps all others out */
	err = files_make_directory(directory, 0755, ret_problem);
	umask(mask);
	if (err)
		return err;
	if (stat(directory, &st))
		return problem_set(ret_problem, -errno, "%s: %s", directory, strerror(errno));
	if ((st.st_mode & 022) != 0 || (st.st_uid != 0 && st.st_uid != geteuid()))
		return problem_set(ret_problem, -EACCES,
				   "%s: others may write to the control socket's directory; "
				   "choose one that only root may",
				   directory);
	if (owner_check(directory, why, sizeof(why)))
		return problem_set(ret_problem, -EACCES, "control_socket: %s", why);
	warn_of_closed(config, directory, &st);
	return 0;
}

/* Removes a socket nobody answers at. */
static int clear_path(const char *path, const struct sockaddr_un *name, struct problem *ret_problem)
{
	struct stat st;
	int fd, err;

	if (lstat(path, &st))
		return errno == ENOENT ? 0 : problem_set(ret_problem, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return problem_set(ret_problem, -EEXIST,
				   "%s: is in the way and no socket; remove it, or set control_socket", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return problem_set(ret_problem, -errno, "%s: %s", path, strerror(errno));
	err = connect(fd, (const struct sockaddr *)name, sizeof(*name)) ? -errno : 0;
	close(fd);
	if (err != -ECONNREFUSED)
		return problem_set(ret_problem, -EADDRINUSE,
				   "%s: another program answers there; stop it, or set control_socket", path);
	if (unlink(path))
		return problem_set(ret_problem, -errno, "%s: stale, and cannot be removed: %s", path, strerror(errno));
	log_info("control: %s: a stale socket was replaced", path);
	return 0;
}

int control_socket_clear(const struct config *config, struct problem *ret_problem)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int err = check_directory(config, ret_problem);

	text_copy(config->control_socket, name.sun_path, sizeof(name.sun_path));
	return err ? err : clear_path(config->control_socket, &name, ret_problem);
}

/* Read and write for the owner, its group and one more; nothing for others. */
static int let_in(const char *path, gid_t group)
{
	const uint16_t rights = htole16(ACL_READ | ACL_WRITE);
	const struct {
		struct posix_acl_xattr_header header;
		struct posix_acl_xattr_entry entries[5];
	} acl = { { htole32(POSIX_ACL_XATTR_VERSION) },
		  { { htole16(ACL_USER_OBJ), rights, htole32((uint32_t)ACL_UNDEFINED_ID) },
		    { htole16(ACL_GROUP_OBJ), rights, htole32((uint32_t)ACL_UNDEFINED_ID) },
		    { htole16(ACL_GROUP), rights, htole32(group) },
		    { htole16(ACL_MASK), rights, htole32((uint32_t)ACL_UNDEFINED_ID) },
		    { htole16(ACL_OTHER), 0, htole32((uint32_t)ACL_UNDEFINED_ID) } } };

	if (setxattr(path, "system.posix_acl_access", &acl, sizeof(acl), 0) == 0)
		return 0;
	if (errno != EOPNOTSUPP)
		return -errno;
	log_warning("control: %s: its file system has no ACLs: "
		    "who is in control_admin_group must be in control_group, too",
		    path);
	return 0;
}

static int give_to_groups(const char *path, gid_t readers, gid_t admins)
{
	if ((readers || admins) && chown(path, (uid_t)-1, readers ? readers : admins))
		return -errno;
	return readers && admins && readers != admins ? let_in(path, admins) : 0;
}

int control_socket_bind(int fd, const struct config *config, gid_t *ret_admins, struct problem *ret_problem)
{
	const gid_t admins = gid_of(config->control_admin_group);
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	mode_t mask = umask(0117);
	int err;

	text_copy(config->control_socket, name.sun_path, sizeof(name.sun_path));
	err = bind(fd, (const struct sockaddr *)&name, sizeof(name)) ? -errno : 0;
	umask(mask);
	if (!err)
		err = give_to_groups(config->control_socket, gid_of(config->control_group), admins);
	if (!err && listen(fd, 64))
		err = -errno;
	if (err)
		return problem_set(ret_problem, err, "%s: cannot listen on the control socket: %s",
				   config->control_socket, strerror(-err));
	*ret_admins = admins;
	return 0;
}

/* ---- who may do what ---- */

const char *control_socket_act_name(uint32_t verb)
{
	switch (verb) {
	case CONTROL_LEAVE:
		return "leave";
	case CONTROL_PUSH:
		return "push";
	case CONTROL_CAPTURE:
		return "capture";
	default:
		return NULL;
	}
}

static bool is_member(int fd, gid_t group)
{
	static gid_t groups[PEER_GROUPS_MAX];
	socklen_t bytes = sizeof(groups);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &bytes))
		return false;
	for (size_t i = 0; i < bytes / sizeof(groups[0]); i++) {
		if (groups[i] == group)
			return true;
	}
	return false;
}

bool control_socket_may_act(int fd, gid_t admins)
{
	struct ucred peer = { .uid = (uid_t)-1, .gid = (gid_t)-1 };
	socklen_t bytes = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes))
		return false;
	if (peer.uid == 0 || peer.uid == geteuid())
		return true;
	return admins && (peer.gid == admins || is_member(fd, admins));
}

uid_t control_socket_uid(int fd)
{
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t bytes = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) ? (uid_t)-1 : peer.uid;
}
