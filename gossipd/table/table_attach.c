/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The program on its interfaces, by pinned bpf_links: they outlive the daemon, and the next one swaps its program in
 * atomically, so no packet passes unfiltered. The link of interface NAME is pinned as link-NAME.
 */
#include <dirent.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "table_internal.h"

#ifndef ARPHRD_IP6GRE
#define ARPHRD_IP6GRE 823
#endif
#define LINKS_MAX 65536 /* looked through for a foreign one */

/*
 * The program for the interface's kind of frame, -1 when it is neither Ethernet nor bare IP. Asked of the kernel
 * each time: an interface made anew under an old name may be of another kind.
 */
static int program_for(const struct table *table, const char *interface, int *ret_type)
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -1;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	err = ioctl(fd, SIOCGIFHWADDR, &request);
	close(fd);
	if (err)
		return -1;
	*ret_type = request.ifr_hwaddr.sa_family;
	switch (*ret_type) {
	case ARPHRD_ETHER:
	case ARPHRD_LOOPBACK:
		return table->program_fd;
	case ARPHRD_NONE: /* TUN, WireGuard */
	case ARPHRD_RAWIP:
	case ARPHRD_PPP:
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
	case ARPHRD_IPGRE:
	case ARPHRD_IP6GRE:
		return table->l3_program_fd;
	default:
		return -1;
	}
}

static uint32_t id_of_program(int program_fd)
{
	struct bpf_prog_info info = { 0 };
	uint32_t bytes = sizeof(info);

	return bpf_obj_get_info_by_fd(program_fd, &info, &bytes) ? 0 : info.id;
}

static uint32_t occupant(uint32_t ifindex, uint8_t *ret_mode)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	*ret_mode = XDP_ATTACHED_NONE;
	if (bpf_xdp_query((int)ifindex, 0, &query))
		return 0;
	*ret_mode = query.attach_mode;
	if (query.prog_id)
		return query.prog_id;
	return query.drv_prog_id ? query.drv_prog_id : query.skb_prog_id; /* several at once */
}

static int program_info(uint32_t program_id, struct bpf_prog_info *ret_info)
{
	uint32_t bytes = sizeof(*ret_info);
	int fd = bpf_prog_get_fd_by_id(program_id), err;

	memset(ret_info, 0, sizeof(*ret_info));
	if (fd < 0)
		return -errno;
	err = bpf_obj_get_info_by_fd(fd, ret_info, &bytes) ? -errno : 0;
	close(fd);
	return err;
}

/*
 * The link that holds the interface, -1 when none does: then its program was set without one. Interface numbers
 * repeat from one network namespace to the next, so the program must be the one found on ours.
 */
static int link_on(uint32_t ifindex, uint32_t program_id)
{
	uint32_t id = 0, looked;

	for (looked = 0; looked < LINKS_MAX && !bpf_link_get_next_id(id, &id); looked++) {
		struct bpf_link_info info = { 0 };
		uint32_t bytes = sizeof(info);
		int fd = bpf_link_get_fd_by_id(id);

		if (fd < 0)
			continue;
		if (!bpf_obj_get_info_by_fd(fd, &info, &bytes) && info.type == BPF_LINK_TYPE_XDP &&
		    info.xdp.ifindex == ifindex && info.prog_id == program_id)
			return fd;
		close(fd);
	}
	return -1;
}

static int evict(uint32_t ifindex, uint32_t program_id)
{
	int link_fd = link_on(ifindex, program_id), err;

	if (link_fd < 0)
		return bpf_xdp_detach((int)ifindex, 0, NULL);
	err = bpf_link_detach(link_fd) ? -errno : 0;
	close(link_fd);
	return err;
}

static int make_room(const struct table_config *config, const char *interface, uint32_t ifindex,
		     struct table_problem *problem)
{
	struct bpf_prog_info info;
	uint8_t mode;
	uint32_t program_id = occupant(ifindex, &mode);

	if (!program_id)
		return 0;
	if (config->replace && !evict(ifindex, program_id))
		return 0;
	program_info(program_id, &info);
	problem_say(problem, "%s: XDP program %u (%s) is attached already; remove it, or allow it to be replaced",
		    interface, program_id, info.name[0] ? info.name : "unnamed");
	return -EBUSY;
}

/*
 * Whether the link is the one on our interface, not on one of the same number in another namespace, and in the mode
 * asked for.
 */
static bool link_fits(const struct bpf_link_info *info, uint32_t ifindex, bool generic)
{
	uint8_t mode;

	return info->type == BPF_LINK_TYPE_XDP && info->xdp.ifindex == ifindex &&
	       occupant(ifindex, &mode) == info->prog_id && generic == (mode == XDP_ATTACHED_SKB);
}

/*
 * Swaps the program of the link an earlier daemon pinned. -ENOENT: there is none, or it is of no use any more and
 * now gone.
 */
static int link_take_over(int program_fd, const char *path, uint32_t ifindex, bool generic, int *ret_fd)
{
	struct bpf_link_info info = { 0 };
	uint32_t bytes = sizeof(info);
	int link_fd = bpf_obj_get(path), err = -ENOENT;

	if (link_fd < 0)
		return -ENOENT;
	if (!bpf_obj_get_info_by_fd(link_fd, &info, &bytes) && link_fits(&info, ifindex, generic))
		err = bpf_link_update(link_fd, program_fd, NULL) ? -errno : 0;
	if (!err) {
		*ret_fd = link_fd;
		return 0;
	}
	bpf_link_detach(link_fd); /* the interface was made anew, or the mode changes */
	unlink(path);
	close(link_fd);
	return -ENOENT;
}

static int link_make(int program_fd, const struct table_config *config, const char *interface, uint32_t ifindex,
		     bool generic, int *ret_fd, struct table_problem *problem)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
	int err = make_room(config, interface, ifindex, problem), link_fd;

	if (err)
		return err;
	link_fd = bpf_link_create(program_fd, (int)ifindex, BPF_XDP, &options);
	if (link_fd < 0) {
		err = -errno;
		problem_say(problem, "%s: attaching in %s mode: %s%s", interface, generic ? "generic" : "native",
			    strerror(-err), generic ? "" : "; if its driver has no XDP, allow generic mode");
		return err;
	}
	*ret_fd = link_fd;
	return 0;
}

/*
 * Interface number i of the configuration, which has this name now. We hold its link, and so the program stays on
 * where the link is not pinned any more; pins_look pins it.
 */
static int attach(struct table *table, const struct table_config *config, uint32_t i, const char *interface,
		  struct table_problem *problem)
{
	char path[PIN_PATH_MAX + 32];
	uint32_t ifindex = if_nametoindex(interface);
	int err = link_path(path, table->pin_path, table->interfaces[i]), type = 0, program_fd, link_fd = -1;
	bool generic;

	if (!ifindex) {
		problem_say(problem, "%s: no such interface", interface);
		return -ENODEV;
	}
	program_fd = program_for(table, interface, &type);
	if (program_fd < 0) {
		problem_say(problem, "%s: its frames (link type %d) are neither Ethernet nor IP", interface, type);
		return -EOPNOTSUPP;
	}
	table->bare[i] = program_fd == table->l3_program_fd;
	generic = config->generic || table->bare[i]; /* no driver of bare IP has XDP of its own */
	if (table->link_fds[i] >= 0)
		close(table->link_fds[i]); /* its program is not on the interface any more */
	table->link_fds[i] = -1;
	sides_note(table, i, ifindex);
	if (!err && link_take_over(program_fd, path, ifindex, generic, &link_fd))
		err = link_make(program_fd, config, interface, ifindex, generic, &link_fd, problem);
	if (err)
		return err;
	table->link_fds[i] = link_fd;
	bpf_obj_pin(link_fd, path); /* one taken over is pinned already; pins_commit finds one that is not */
	return 0;
}

static bool is_configured(const struct table_config *config, const char *link)
{
	char path[PIN_PATH_MAX + 32];
	uint32_t i;

	for (i = 0; i < config->interface_count; i++)
		if (!link_path(path, "", config->interfaces[i]) && strcmp(path + 1, link) == 0)
			return true;
	return false;
}

static int link_remove(const char *pin_path, const char *link)
{
	char path[PIN_PATH_MAX + 32];
	int err = pins_path(path, pin_path, link), link_fd;

	if (err)
		return err;
	link_fd = bpf_obj_get(path);
	if (link_fd >= 0) {
		bpf_link_detach(link_fd); /* fails when the interface is gone, and then there is nothing to detach */
		close(link_fd);
	}
	return unlink(path) ? -errno : 0;
}

/* Every pinned link but those of the interfaces in `keep`. */
static int links_remove(const char *pin_path, const struct table_config *keep)
{
	DIR *directory = opendir(pin_path);
	struct dirent *entry;
	int err = 0;

	if (!directory)
		return -errno;
	while ((entry = readdir(directory)))
		if (strncmp(entry->d_name, LINK_PREFIX, strlen(LINK_PREFIX)) == 0 &&
		    !(keep && is_configured(keep, entry->d_name)))
			err = err ? err : link_remove(pin_path, entry->d_name);
	closedir(directory);
	return err;
}

int attach_all(struct table *table, const struct table_config *config, struct table_problem *problem)
{
	uint32_t i;
	int err;

	for (i = 0; i < config->interface_count && i < INTERFACES_MAX; i++) {
		snprintf(table->interfaces[i], sizeof(table->interfaces[i]), "%s", config->interfaces[i]);
		err = attach(table, config, i, config->interfaces[i], problem);
		if (err)
			return err;
		table->ifindexes[i] = if_nametoindex(config->interfaces[i]);
		table->interface_count = i + 1;
	}
	return config->interface_count ? links_remove(table->pin_path, config) : 0;
}

int detach_all(const char *pin_path, struct table_problem *problem)
{
	int err;

	egress_remove(pin_path);
	err = links_remove(pin_path, NULL);
	if (err)
		problem_say(problem, "%s: %s", pin_path, strerror(-err));
	return err;
}

/*
 * The interface of a configured name; when there is none, the one that had it and has another now. 0: neither is
 * there.
 */
static uint32_t interface_now(const struct table *table, uint32_t i, char ret_name[IF_NAMESIZE])
{
	uint32_t ifindex = if_nametoindex(table->interfaces[i]);

	snprintf(ret_name, IF_NAMESIZE, "%s", table->interfaces[i]);
	if (ifindex)
		return ifindex;
	return table->ifindexes[i] && if_indextoname(table->ifindexes[i], ret_name) ? table->ifindexes[i] : 0;
}

static bool is_ours(const struct table *table, uint32_t ifindex)
{
	uint8_t mode;
	uint32_t id = occupant(ifindex, &mode);

	return id && (id == id_of_program(table->program_fd) || id == id_of_program(table->l3_program_fd));
}

bool attach_is_off(const struct table *table)
{
	char name[IF_NAMESIZE];

	for (uint32_t i = 0; i < table->interface_count; i++) {
		const uint32_t ifindex = interface_now(table, i, name);

		if (ifindex && !is_ours(table, ifindex))
			return true;
	}
	return false;
}

static void describe(const struct table *table, uint32_t i, enum interface_state state, const char *name, bool restored,
		     char *ret_text, size_t bytes)
{
	const char *text = "is still filtered; its name is now ";

	if (restored)
		text = "the filter was taken off by hand, and is on again";
	else if (state == INTERFACE_HERE)
		text = "is here, and filtered";
	else if (state == INTERFACE_GONE)
		text = "is gone; it is filtered again when it comes back";
	else if (state == INTERFACE_DETACHED)
		text = "the filter was taken off together with its pins; restart gossipd to have it on again";
	snprintf(ret_text, bytes, "%s: %s%s", table->interfaces[i], text,
		 state == INTERFACE_RENAMED && !restored ? name : "");
}

static bool is_on(enum interface_state state)
{
	return state == INTERFACE_HERE || state == INTERFACE_RENAMED;
}

/*
 * Attaches where our program is not. Tells what has become of the interface, once, and each time that the filter is
 * put back.
 */
static void look(struct table *table, uint32_t i, bool pinned,
		 void (*tell)(void *user, enum table_news news, const char *text), void *user)
{
	const struct table_config config = { .generic = table->generic, .replace = table->replace };
	struct table_problem problem = { "" };
	char name[IF_NAMESIZE], text[sizeof(problem.text) + 32];
	const uint32_t ifindex = interface_now(table, i, name);
	const bool ours = ifindex && is_ours(table, ifindex);
	enum interface_state state = INTERFACE_HERE;
	bool restored;

	if (!ifindex)
		state = INTERFACE_GONE;
	else if (!ours && !pinned &&
		 (ifindex == table->ifindexes[i] || table->interface_states[i] == INTERFACE_DETACHED))
		state = INTERFACE_DETACHED;
	else if (!ours && attach(table, &config, i, name, &problem))
		state = INTERFACE_REFUSED;
	else if (strcmp(name, table->interfaces[i]) != 0)
		state = INTERFACE_RENAMED;
	restored = !ours && ifindex == table->ifindexes[i] && is_on(state) && is_on(table->interface_states[i]);
	if (!restored && state == table->interface_states[i] &&
	    (state != INTERFACE_HERE || ifindex == table->ifindexes[i]))
		return;
	if (state == INTERFACE_REFUSED)
		snprintf(text, sizeof(text), "%s; it is not filtered", problem.text);
	else
		describe(table, i, state, name, restored, text, sizeof(text));
	tell(user,
	     restored		       ? TABLE_FILTER_RESTORED
	     : state == INTERFACE_HERE ? TABLE_INTERFACE_GOOD
				       : TABLE_INTERFACE_BAD,
	     text);
	table->interface_states[i] = state;
	table->ifindexes[i] = ifindex;
}

void attach_look(struct table *table, bool pinned, void (*tell)(void *user, enum table_news news, const char *text),
		 void *user)
{
	for (uint32_t i = 0; i < table->interface_count; i++)
		look(table, i, pinned, tell, user);
}

size_t table_read_attachments(const struct table *table, struct attachment ret_attachments[INTERFACES_MAX])
{
	uint8_t mode;
	uint32_t i;

	for (i = 0; i < table->interface_count; i++) {
		struct attachment *attachment = &ret_attachments[i];

		*attachment = (struct attachment){ .mode = "none", .side = table->sides[i],
						   .answers = sides_want_answers(table, i) };
		attachment->ifindex = interface_now(table, i, attachment->interface);
		if (!attachment->ifindex)
			continue;
		attachment->program_id = occupant(attachment->ifindex, &mode);
		attachment->ours = is_ours(table, attachment->ifindex);
		attachment->answers_on = egress_is_on(table, attachment->ifindex);
		if (attachment->program_id)
			snprintf(attachment->mode, sizeof(attachment->mode), "%s",
				 mode == XDP_ATTACHED_SKB ? "generic" : "native");
	}
	return table->interface_count;
}
