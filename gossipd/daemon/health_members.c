/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Health of the mesh as seen from here: who is silent, whose clock is off, whose counts are left out or rest on one
 * word. A member is named for what was measured of it; only silence and clocks are errors.
 */
#include <math.h>

#include "daemon.h"

static const char *const table_names[TABLE_KINDS] = {
	[TABLE_PAIRS4] = "IPv4 pairs",
	[TABLE_PAIRS6] = "IPv6 pairs",
	[TABLE_DESTINATIONS] = "destinations",
};

struct mesh_view {
	unsigned int others, up, silent, skewed; /* members besides this one */
	double skew_ms; /* of the last skewed that was measured; else NAN */
	bool revoked; /* this node itself */
	uint64_t policy; /* number of its policy document */
};

static struct mesh_view view_members(const struct daemon *daemon, struct now now)
{
	struct mesh_view mesh = { .skew_ms = NAN };
	struct member_view view;
	uint32_t cursor = 0;

	while (node_next_member(daemon->node, now, &cursor, &view)) {
		if (view.self) {
			mesh.revoked = view.revoked;
			mesh.policy = view.serials[DOCUMENT_POLICY];
			continue;
		}
		mesh.others++;
		if (view.revoked || view.left)
			continue; /* nobody waits for it */
		mesh.up += view.up;
		mesh.silent += !view.up;
		mesh.skewed += view.up && view.skewed;
		mesh.skew_ms = view.up && view.skewed && !isnan(view.skew_ms) ? view.skew_ms : mesh.skew_ms;
	}
	return mesh;
}

/* ---- one member ---- */

static void look_at_presence(struct conditions *found, const struct mesh_view *mesh, const struct member_view *view)
{
	if (!view->up && isfinite(view->silent_s) && view->silent_s > 0)
		conditions_find(found, CONDITION_MEMBER_SILENT, about_member(view->name),
				"is silent for %.0f s; %u of %u members are", view->silent_s, mesh->silent,
				mesh->others);
	else if (!view->up)
		conditions_find(found, CONDITION_MEMBER_SILENT, about_member(view->name),
				"is silent since this start; %u of %u members are", mesh->silent, mesh->others);
	if (!view->up || !view->skewed || mesh->skewed * 2 > mesh->up)
		return; /* when most members' clocks are off, this host's is */
	if (isnan(view->skew_ms))
		conditions_find(found, CONDITION_MEMBER_SKEWED, about_member(view->name),
				"its clock is off, as its frames tell: its counts are left out");
	else
		conditions_find(found, CONDITION_MEMBER_SKEWED, about_member(view->name),
				"its clock is %+.0f ms off: its counts are left out", view->skew_ms);
}

static void look_at_word(struct daemon *daemon, const struct member_view *view)
{
	struct conditions *found = &daemon->health.conditions;
	const uint32_t more = daemon->accounts.refused_more[view->number];
	struct table_account account;
	enum table_kind kind;
	double share;

	if (view->line_used > 1)
		conditions_find(found, CONDITION_MEMBER_OVER_LINE, about_member(view->name),
				"reports %.1f times what its certified line carries, and is read as that",
				view->line_used);
	if (daemon->accounts.full[view->number]) {
		kind = accounts_fullest(daemon->table, view->number, &account, &share);
		conditions_find(found, CONDITION_MEMBER_FILLS_PART, about_member(view->name),
				"%u %s rest on its word, its whole part; %u are counted by nobody else",
				account.records, table_names[kind], account.alone);
	}
	if (more)
		conditions_find(found, CONDITION_LEDGER_QUOTA, about_member(view->name),
				"has used up its share of the ledger: %u keys, %llu cells; %u more were refused",
				view->keys, (unsigned long long)view->cells, more);
}

static void look_at_standing(struct conditions *found, const struct mesh_view *mesh, const struct member_view *view)
{
	const uint64_t policy = view->serials[DOCUMENT_POLICY];

	if (view->equivocated)
		conditions_find(found, CONDITION_MEMBER_LEFT_OUT, about_member(view->name),
				"signed two frames with one sequence: its counts are left out");
	if (view->cloned)
		conditions_find(found, CONDITION_MEMBER_CLONED, about_member(view->name),
				"runs on two hosts: one key is used twice");
	if (view->behind)
		conditions_find(found, CONDITION_MEMBER_BEHIND, about_member(view->name),
				"uses an old mesh secret: only documents are exchanged with it");
	if (view->up && view->neighbour && policy != mesh->policy) /* others do not announce it here */
		conditions_find(found, CONDITION_POLICY_DIFFERS, about_member(view->name),
				"has policy document %llu, this proxy %llu", (unsigned long long)policy,
				(unsigned long long)mesh->policy);
}

/* Own counts that the ledger has no room for stand under the same kind, with no member. */
static void look_at_self(struct daemon *daemon, const struct member_view *view)
{
	const uint32_t more = daemon->accounts.refused_more[view->number];

	if (more)
		conditions_find(&daemon->health.conditions, CONDITION_LEDGER_QUOTA, about_here("ledger"),
				"this proxy's own counts have no room: %u keys, %llu cells; %u more were refused",
				view->keys, (unsigned long long)view->cells, more);
	if (view->cloned)
		conditions_find(&daemon->health.conditions, CONDITION_MEMBER_CLONED, about_member(view->name),
				"this proxy's key is used by another host, too");
}

static void look_at_members(struct daemon *daemon, struct now now, const struct mesh_view *mesh)
{
	struct conditions *found = &daemon->health.conditions;
	struct member_view view;
	uint32_t cursor = 0;

	while (node_next_member(daemon->node, now, &cursor, &view)) {
		if (view.self) {
			look_at_self(daemon, &view);
			continue;
		}
		if (view.revoked || view.left)
			continue;
		look_at_presence(found, mesh, &view);
		look_at_word(daemon, &view);
		look_at_standing(found, mesh, &view);
	}
}

/* ---- the mesh ---- */

static void look_at_clock(struct conditions *found, const struct mesh_view *mesh)
{
	if (mesh->skewed * 2 <= mesh->up)
		return;
	if (isnan(mesh->skew_ms))
		conditions_find(found, CONDITION_CLOCK_OFF, about_here("clock"),
				"%u of %u members differ from this host's, as their frames tell", mesh->skewed,
				mesh->up);
	else
		conditions_find(found, CONDITION_CLOCK_OFF, about_here("clock"),
				"%u of %u members differ from this host's, the last by %+.0f ms", mesh->skewed,
				mesh->up, mesh->skew_ms);
}

/* Nothing proves who it was. A stranger's address is no subject: whoever sends can write another each time. */
static void look_at_versions(struct daemon *daemon)
{
	char from[TEXT_ENDPOINT_BYTES], peer[TEXT_ENDPOINT_BYTES + 8];
	struct version_view view;
	uint32_t cursor = 0;

	while (node_next_version(daemon->node, &cursor, &view)) {
		struct about about = about_here("a stranger");

		text_of_endpoint(&view.from, from);
		snprintf(peer, sizeof(peer), "peer %s", from);
		if (view.member[0])
			about = about_member(view.member);
		else if (view.configured)
			about = about_here(peer);
		conditions_find(&daemon->health.conditions, CONDITION_MEMBER_VERSION, about,
				"%s speaks version %u of the protocol, this proxy %d", from, view.version,
				PROTOCOL_VERSION);
	}
}

/* Who is refused for its widths: its signature proves who it is. */
static void look_at_widths(struct daemon *daemon)
{
	char from[TEXT_ENDPOINT_BYTES];
	struct misfit_view view;
	uint32_t cursor = 0;

	while (node_next_misfit(daemon->node, &cursor, &view)) {
		text_of_endpoint(&view.from, from);
		conditions_find(&daemon->health.conditions, CONDITION_MEMBER_WIDTHS, about_member(view.member),
				"%s is refused: its widths differ from this mesh's", from);
	}
}

/* Datagrams that do not open come from outside at any time: they tell of a fault only when somebody is missed. */
static void look_at_datagrams(struct daemon *daemon, bool missed)
{
	if (missed && daemon->health.unopened_more > 0)
		conditions_find(&daemon->health.conditions, CONDITION_DATAGRAMS_REFUSED, about_here("peers"),
				"%llu datagrams a second are refused: they are of another mesh's secret or authority",
				(unsigned long long)daemon->health.unopened_more);
}

void health_members(struct daemon *daemon, struct now now)
{
	struct conditions *found = &daemon->health.conditions;
	const struct mesh_view mesh = view_members(daemon, now);
	const bool unheard = mesh.others < daemon->config.peer_count;

	if (!daemon->config.gossip)
		return;
	if (mesh.revoked) {
		conditions_find(found, CONDITION_REVOKED_HERE, about_here("mesh"),
				"this node's key is revoked: it filters alone");
		return; /* for that one reason */
	}
	look_at_clock(found, &mesh);
	if (resolve_missing(daemon))
		conditions_find(found, CONDITION_NAME_UNRESOLVED, about_here("peers"), "%s: the name has no address",
				resolve_missing(daemon));
	if (unheard)
		conditions_find(found, CONDITION_PEERS_UNHEARD, about_here("peers"),
				"%u of %u configured were never heard",
				daemon->config.peer_count - mesh.others, daemon->config.peer_count);
	look_at_datagrams(daemon, unheard || mesh.silent > 0);
	look_at_members(daemon, now, &mesh);
	look_at_versions(daemon);
	look_at_widths(daemon);
}
