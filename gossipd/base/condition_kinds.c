/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every condition there is: its name, how grave it is, for how long it is found before it is raised, and what to do.
 * The guide's page on conditions has the same, and tests/gossipd/test_conditions.c compares the two.
 *
 * An error says that this proxy does not do its whole job. What clients or other members do is never one: a scan that
 * fills a table is a warning that names the client.
 */
#include "condition_kinds.h"

const struct condition_kind condition_kinds[CONDITION_COUNT] = {
	[CONDITION_FILTER_MISSING] = {
		"filter_missing", CONTROL_ERROR, 0,
		"restart gossipd; it logs why it cannot attach its program"
	},
	[CONDITION_FILTER_FOREIGN] = {
		"filter_foreign", CONTROL_ERROR, 0,
		"remove the other program; or set replace_program = true and restart gossipd"
	},
	[CONDITION_INTERFACE_GONE] = {
		"interface_gone", CONTROL_ERROR, 0,
		"bring the interface back, or take it out of interfaces and restart gossipd"
	},
	[CONDITION_INTERFACE_DOWN] = {
		"interface_down", CONTROL_ERROR, 0,
		"set the interface up, or look at its cable or its other end"
	},
	[CONDITION_PINS_MISSING] = {
		"pins_missing", CONTROL_ERROR, 0,
		"mount a bpffs that holds pin_path; after gossipctl detach, restart gossipd"
	},
	[CONDITION_NOT_ENFORCED] = {
		"not_enforced", CONTROL_ERROR, 0,
		"say where the clients are (clients), or set judge_replies = true"
	},
	[CONDITION_STATE_UNWRITABLE] = {
		"state_unwritable", CONTROL_ERROR, 0,
		"free space where state_directory is, or make it writable"
	},
	[CONDITION_RESTART_NEEDED] = {
		"restart_needed", CONTROL_ERROR, 0,
		"restart gossipd"
	},
	[CONDITION_CLOCK_SET] = {
		"clock_set", CONTROL_ERROR, 0,
		"set the host's clock right; if it is right now, restart gossipd"
	},
	[CONDITION_REVOKED_HERE] = {
		"revoked_here", CONTROL_ERROR, 0,
		"issue this proxy a new key (mesh issue), or stop its gossipd"
	},
	[CONDITION_CLOCK_OFF] = {
		"clock_off", CONTROL_ERROR, 0,
		"let NTP set the clock of this host"
	},
	[CONDITION_NAME_UNRESOLVED] = {
		"name_unresolved", CONTROL_ERROR, 0,
		"correct the name in peers, or the resolver of this host"
	},
	[CONDITION_PEERS_UNHEARD] = {
		"peers_unheard", CONTROL_ERROR, 0,
		"start the peers; let UDP pass both ways; compare mesh.secret and the authority"
	},
	[CONDITION_MEMBER_SILENT] = {
		"member_silent", CONTROL_ERROR, 0,
		"look whether it runs and whether UDP passes both ways; one that is gone for good is revoked"
	},
	[CONDITION_MEMBER_SKEWED] = {
		"member_skewed", CONTROL_ERROR, 0,
		"let NTP set the clock of that member's host"
	},
	[CONDITION_MEMBER_LEFT_OUT] = {
		"member_left_out", CONTROL_WARNING, 0,
		"if its key was stolen, revoke it (mesh revoke); else start it with a new table"
	},
	[CONDITION_MEMBER_CLONED] = {
		"member_cloned", CONTROL_WARNING, 0,
		"stop the wrong host, or issue it a key of its own"
	},
	[CONDITION_MEMBER_BEHIND] = {
		"member_behind", CONTROL_WARNING, 3,
		"copy the new mesh.secret to that member; gossipctl mesh show has who lacks it"
	},
	[CONDITION_MEMBER_VERSION] = {
		"member_version", CONTROL_WARNING, 0,
		"upgrade the older of the two"
	},
	[CONDITION_MEMBER_WIDTHS] = {
		"member_widths", CONTROL_WARNING, 0,
		"issue one of the two anew, with the widths of the mesh"
	},
	[CONDITION_MEMBER_OVER_LINE] = {
		"member_over_line", CONTROL_WARNING, 0,
		"if its line is faster than certified, issue it with --line-rate; else distrust it"
	},
	[CONDITION_MEMBER_FILLS_PART] = {
		"member_fills_part", CONTROL_WARNING, 0,
		"ask its operator what it sees; a member that invents keys is revoked"
	},
	[CONDITION_LEDGER_QUOTA] = {
		"ledger_quota", CONTROL_WARNING, 0,
		"ask its operator what it sees; or raise keys and cells"
	},
	[CONDITION_DATAGRAMS_REFUSED] = {
		"datagrams_refused", CONTROL_WARNING, 3,
		"compare mesh.secret and the authority with the peers'; gossipctl mesh show"
	},
	[CONDITION_POLICY_DIFFERS] = {
		"policy_differs", CONTROL_WARNING, 3,
		"wait for it to come; if it stays, gossipctl mesh show has who is behind"
	},
	[CONDITION_NO_LIMITS] = {
		"no_limits", CONTROL_WARNING, 0,
		"set pair_rate and destination_rate in the policy"
	},
	[CONDITION_NOTHING_PROTECTED] = {
		"nothing_protected", CONTROL_WARNING, 0,
		"list what is to be protected (protected), or unset protected_only"
	},
	[CONDITION_FILTER_RESTORED] = {
		"filter_restored", CONTROL_WARNING, 0,
		"find out who takes it off; to stop filtering, use gossipctl detach"
	},
	[CONDITION_ANSWERS_MISSED] = {
		"answers_missed", CONTROL_WARNING, 0,
		"restart gossipd; or remove what has clsact's first four priorities there"
	},
	[CONDITION_TICK_LATE] = {
		"tick_late", CONTROL_WARNING, 0,
		"give gossipd more CPU time; verdicts follow the mesh's counts late"
	},
	[CONDITION_GATE_FULL] = {
		"gate_full", CONTROL_WARNING, 0,
		"none is needed: what has no room shares a bucket"
	},
	[CONDITION_LEDGER_FULL] = {
		"ledger_full", CONTROL_WARNING, 0,
		"raise keys and cells, or stop who fills it"
	},
	[CONDITION_PAIRS_FULL] = {
		"pairs_full", CONTROL_WARNING, 0,
		"stop the client that scans, or raise pairs4 and pairs6; packets are judged all the same"
	},
	[CONDITION_DESTINATIONS_FULL] = {
		"destinations_full", CONTROL_WARNING, 0,
		"stop the client that scans, or raise destinations; packets are judged all the same"
	},
	[CONDITION_COARSE_VERDICTS] = {
		"coarse_verdicts", CONTROL_WARNING, 0,
		"stop who fills the table; until then others in that network are thinned with it"
	},
	[CONDITION_CLIENT_QUOTA] = {
		"client_quota", CONTROL_WARNING, 0,
		"look at the client: it scans, or is many hosts (NAT), and client_pairs is too small"
	},
	[CONDITION_MONITOR_MODE] = {
		"monitor_mode", CONTROL_NOTICE, 0,
		"set mode = \"enforce\" when what would be dropped is what you want dropped"
	},
	[CONDITION_REPLIES_JUDGED] = {
		"replies_judged", CONTROL_NOTICE, 0,
		"set clients, and replies to them pass"
	},
	[CONDITION_POLICY_WAITS] = {
		"policy_waits", CONTROL_NOTICE, 0,
		"none is needed: it begins by itself"
	},
	[CONDITION_CLIENT_SCANS] = {
		"client_scans", CONTROL_NOTICE, 0,
		"look at the device: it may be infected; or block it in the policy"
	},
};
