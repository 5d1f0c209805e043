/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sides out of the config and the routes, and what is told of them. */
#include "sides.h"

#include "daemon.h"
#include "links.h"

#define NAMES(config) ((const char(*)[IFNAMSIZ])(config)->interfaces)

/* With protected_only replies are not judged: clients are none of the destinations that are protected. */
static bool are_replies_judged(const struct config *config, bool protected_only)
{
	return config->client_count == 0 && !protected_only;
}

/* Which interfaces are on the outer side, and why; empty: none is. */
static void write_outer(const struct config *config, const unsigned int families[],
			char ret_text[DEFAULT_ROUTE_TEXT_BYTES])
{
	size_t length = 0;

	if (!config->line[CONFIG_OUTER_INTERFACES]) {
		default_route_text(NAMES(config), config->interface_count, families, ret_text);
		return;
	}
	ret_text[0] = '\0';
	for (uint32_t i = 0; i < config->interface_count; i++) {
		if (config->outer[i])
			length += (size_t)snprintf(ret_text + length, DEFAULT_ROUTE_TEXT_BYTES - length, "%s%s",
						   length ? ", " : "outer_interfaces names ", config->interfaces[i]);
	}
}

static void find_texts(const struct config *config, bool protected_only, const unsigned int families[],
		       struct sides_view *view)
{
	char where[DEFAULT_ROUTE_TEXT_BYTES];

	view->unenforced[0] = view->notice[0] = '\0';
	write_outer(config, families, where);
	if (!where[0] || !are_replies_judged(config, protected_only))
		return;
	if (config->judge_replies)
		snprintf(view->notice, sizeof(view->notice),
			 "%.*s: replies to clients come in there, and are judged like an attack on them",
			 DEFAULT_ROUTE_TEXT_BYTES - 96, where);
	else
		snprintf(view->unenforced, sizeof(view->unenforced),
			 "%.*s: replies to clients come in there, so packets are counted and judged, and none drops; "
			 "set clients, or judge_replies = true",
			 DEFAULT_ROUTE_TEXT_BYTES - 160, where);
}

int sides_find(const struct config *config, bool protected_only, const struct sides_view *before,
	       struct sides_view *ret_view)
{
	const bool told = config->line[CONFIG_OUTER_INTERFACES] != 0;
	unsigned int families[CONFIG_INTERFACES_MAX] = { 0 };
	struct sides_view view = { .side = { 0 } };
	int err = told ? 0 : default_route_find(NAMES(config), config->interface_count, families);

	if (err && before) {
		*ret_view = *before;
		return err;
	}
	for (uint32_t i = 0; i < config->interface_count; i++) {
		const bool stays = config->client_count && before && before->side[i] & SIDE_OUTER;
		const bool outer = told ? config->outer[i] : families[i] || stays;

		view.side[i] = err ? SIDE_UNKNOWN : outer ? SIDE_OUTER : 0;
		if (outer && are_replies_judged(config, protected_only) && !config->judge_replies)
			view.side[i] |= SIDE_UNENFORCED;
	}
	find_texts(config, protected_only, families, &view);
	*ret_view = view;
	return err;
}

static const char *name_of(uint32_t side)
{
	return side & SIDE_UNKNOWN ? "on a side that is not known yet: the kernel does not tell its routes"
	       : side & SIDE_OUTER ? "on the outer side"
				   : "on the clients' side";
}

void sides_look(struct daemon *daemon)
{
	const struct config *config = &daemon->config;
	struct sides_view view;

	sides_find(config, node_policy(daemon->node)->protected_only, &daemon->sides, &view);
	for (uint32_t i = 0; i < config->interface_count; i++) {
		if (view.side[i] == daemon->sides.side[i])
			continue;
		table_set_side(daemon->table, i, view.side[i]);
		if (config->client_count)
			log_info("interface %s: %s", config->interfaces[i], name_of(view.side[i]));
	}
	daemon->sides = view;
}

void sides_look_at_macs(struct daemon *daemon)
{
	const struct config *config = &daemon->config;
	uint64_t macs[CONFIG_INTERFACES_MAX];

	links_macs(NAMES(config), config->interface_count, macs);
	for (uint32_t i = 0; i < config->interface_count; i++)
		table_set_mac(daemon->table, i, macs[i]);
}

bool sides_drop_nothing(const struct daemon *daemon)
{
	uint32_t unenforced = 0;

	for (uint32_t i = 0; i < daemon->config.interface_count; i++)
		unenforced += (daemon->sides.side[i] & SIDE_UNENFORCED) != 0;
	return unenforced > 0 && unenforced == daemon->config.interface_count;
}
