/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Events into lines and records. Sentences are written here once, for the log and for gossipctl alike. */
#include "events.h"

#include <stdio.h>

#include "document.h"
#include "text.h"

static const char *const kind_names[EVENT_COUNT] = {
	[EVENT_MEMBER_UP] = "member_up",
	[EVENT_MEMBER_SILENT] = "member_silent",
	[EVENT_MEMBER_SKEWED] = "member_skewed",
	[EVENT_MEMBER_SKEW_OK] = "member_skew_ok",
	[EVENT_EQUIVOCATION] = "equivocation",
	[EVENT_MEMBER_REVOKED] = "member_revoked",
	[EVENT_DOCUMENT_FALSE] = "document_false",
	[EVENT_LEFT_OUT] = "left_out",
	[EVENT_DOCUMENT] = "document",
	[EVENT_PAIR_OVER] = "pair_over",
	[EVENT_PAIR_UNDER] = "pair_under",
	[EVENT_DESTINATION_OVER] = "destination_over",
	[EVENT_DESTINATION_UNDER] = "destination_under",
	[EVENT_QUOTA] = "quota",
	[EVENT_MEMBER_CLONED] = "member_cloned",
	[EVENT_MEMBER_LEFT] = "member_left",
	[EVENT_LINE_RATE] = "line_rate",
	[EVENT_POLICY] = "policy",
	[EVENT_NEVER_DROP_OVER] = "never_drop_over",
	[EVENT_MEMBER_VERSION] = "member_version",
	[EVENT_CLIENT_OVER] = "client_over",
	[EVENT_CLIENT_UNDER] = "client_under",
	[EVENT_NETWORK_OVER] = "network_over",
	[EVENT_NETWORK_UNDER] = "network_under",
	[EVENT_MEMBER_WIDTHS] = "member_widths",
	[EVENT_CONTACTS_OVER] = "contacts_over",
	[EVENT_CONTACTS_UNDER] = "contacts_under",
};

/* What a client or a network crossed: its own rate, or the multiple that stands in for one. */
static void write_limit(const struct node_event *event, char *ret_text, size_t bytes)
{
	if (!event->shadow)
		snprintf(ret_text, bytes, "its rate of %.0f/s", event->limit);
	else if (event->kind == EVENT_CLIENT_OVER || event->kind == EVENT_CLIENT_UNDER)
		snprintf(ret_text, bytes, "%d x pair_rate, %.0f/s", SHADOW_CLIENT_RATES, event->limit);
	else
		snprintf(ret_text, bytes, "%d x destination_rate, %.0f/s", SHADOW_NETWORK_RATES, event->limit);
}

/* A limit that nobody set drops nothing, and the sentence says so. */
static void write_crossing(const struct node_event *event, char *ret_text, size_t bytes)
{
	const bool over = event->kind == EVENT_CLIENT_OVER || event->kind == EVENT_NETWORK_OVER;
	char limit[48];

	write_limit(event, limit, sizeof(limit));
	snprintf(ret_text, bytes, "is %s %s: %.0f packets/s%s", over ? "over" : "within", limit, event->rate,
		 event->shadow ? "; counted, not dropped" : "");
}

static void write_contacts(const struct node_event *event, char *ret_text, size_t bytes)
{
	if (event->kind == EVENT_CONTACTS_UNDER)
		snprintf(ret_text, bytes, "scans no more: %.0f contacts/s at all proxies", event->rate);
	else
		snprintf(ret_text, bytes,
			 "scans: makes %.0f contacts/s at all proxies that nobody answers, more than %s %.0f/s; "
			 "nothing drops for it",
			 event->rate, event->shadow ? "the default of" : "its contact_rate of", event->limit);
}

/* The fact, without its subject. */
static void write_fact(const struct node_event *event, char *ret_text, size_t bytes)
{
	switch (event->kind) {
	case EVENT_MEMBER_UP:
		snprintf(ret_text, bytes, "is up");
		break;
	case EVENT_MEMBER_SILENT:
		snprintf(ret_text, bytes, "is silent: nothing heard for %d ms", MEMBER_SILENT_MS);
		break;
	case EVENT_MEMBER_SKEWED:
		snprintf(ret_text, bytes, "clock is %+.0f ms off: its counts are left out of verdicts", event->skew_ms);
		break;
	case EVENT_MEMBER_SKEW_OK:
		snprintf(ret_text, bytes, "clock is within %d ms again", SKEW_MS_MAX);
		break;
	case EVENT_EQUIVOCATION:
		snprintf(ret_text, bytes, "signed two frames with one sequence: left out of verdicts");
		break;
	case EVENT_MEMBER_REVOKED:
		snprintf(ret_text, bytes, "is revoked: its counts are out, nothing of it is taken or passed on");
		break;
	case EVENT_DOCUMENT_FALSE:
		snprintf(ret_text, bytes, "announced a document that is not the mesh authority's");
		break;
	case EVENT_LEFT_OUT:
		snprintf(ret_text, bytes, "has no part in the new mesh secret; copy mesh.secret here again");
		break;
	case EVENT_DOCUMENT:
		snprintf(ret_text, bytes, "number %llu of the mesh authority is held and passed on",
			 (unsigned long long)event->document.serial);
		break;
	case EVENT_PAIR_OVER:
	case EVENT_DESTINATION_OVER:
		snprintf(ret_text, bytes, "is over its rate: %.0f packets/s", event->rate);
		break;
	case EVENT_PAIR_UNDER:
	case EVENT_DESTINATION_UNDER:
		snprintf(ret_text, bytes, "is within its rate again: %.0f packets/s", event->rate);
		break;
	case EVENT_CLIENT_OVER:
	case EVENT_CLIENT_UNDER:
	case EVENT_NETWORK_OVER:
	case EVENT_NETWORK_UNDER:
		write_crossing(event, ret_text, bytes);
		break;
	case EVENT_CONTACTS_OVER:
	case EVENT_CONTACTS_UNDER:
		write_contacts(event, ret_text, bytes);
		break;
	case EVENT_MEMBER_CLONED:
		snprintf(ret_text, bytes, "runs on two hosts: one key is used twice");
		break;
	case EVENT_MEMBER_LEFT:
		snprintf(ret_text, bytes, "has left");
		break;
	case EVENT_LINE_RATE:
		snprintf(ret_text, bytes,
			 "counts more of %s keys than its certified line carries: read as %llu packets/s",
			 text_of_kind(event->line_kind), (unsigned long long)event->line_rate);
		break;
	case EVENT_QUOTA:
		snprintf(ret_text, bytes,
			 "has used up its share of the ledger: new pairs count in their destination alone");
		break;
	case EVENT_POLICY:
		snprintf(ret_text, bytes, "version %llu is in force", (unsigned long long)event->policy_version);
		break;
	case EVENT_NEVER_DROP_OVER:
		snprintf(ret_text, bytes, "is never_drop, and over its rate: %.0f/s, most from %.32s", event->rate,
			 event->member);
		break;
	case EVENT_MEMBER_VERSION:
		snprintf(ret_text, bytes, "speaks version %u of the protocol, this node %d: upgrade the older",
			 event->version, PROTOCOL_VERSION);
		break;
	case EVENT_MEMBER_WIDTHS:
		snprintf(ret_text, bytes, "is refused: its widths differ from this mesh's: issue one of the two anew");
		break;
	default:
		snprintf(ret_text, bytes, "event %d", (int)event->kind);
		break;
	}
}

/* Of a destination: bytes and clients, as a part of the sentence. */
static void write_crowd(const struct node_event *event, double size, char *ret_text, size_t bytes)
{
	const struct event_crowd *crowd = &event->crowd;
	size_t length = strlen(ret_text);

	if (size > 0)
		length += (size_t)snprintf(ret_text + length, bytes - length, ", about %.3g MB/s",
					   event->rate * size / 1e6);
	if (crowd->clients > 0)
		snprintf(ret_text + length, bytes - length,
			 "; %s%u client%s: %u there before, %u answered, %u new; the largest sends %.1f %%",
			 crowd->more ? "at least " : "", crowd->clients, crowd->clients == 1 ? "" : "s", crowd->known,
			 crowd->answered, crowd->strangers, 100 * crowd->largest);
}

#define ALL_OF_IT 0.9995 /* shown as 100.0 % */

/* Of a key over its rate: whose word it rests on, as the end of the sentence. */
static void write_counters(const struct node_event *event, char *ret_text, size_t bytes)
{
	char name[4 * NAME_BYTES_MAX + 4];

	for (unsigned int i = 0; i < EVENT_COUNTERS && event->counters[i].part > 0; i++) {
		const size_t length = strlen(ret_text);

		text_escape(event->counters[i].name, name, sizeof(name));
		if (event->counters[0].part >= ALL_OF_IT)
			snprintf(ret_text + length, bytes - length, "; only %s reports it", name);
		else
			snprintf(ret_text + length, bytes - length, "%s %.0f %% by %s", i ? "," : "; counted",
				 100 * event->counters[i].part, name);
		if (event->counters[0].part >= ALL_OF_IT)
			return;
	}
}

static bool is_of_member(enum node_event_kind kind)
{
	return kind <= EVENT_LEFT_OUT || kind == EVENT_QUOTA || kind == EVENT_DOCUMENT || kind == EVENT_MEMBER_CLONED ||
	       kind == EVENT_MEMBER_LEFT || kind == EVENT_LINE_RATE || kind == EVENT_MEMBER_VERSION ||
	       kind == EVENT_MEMBER_WIDTHS;
}

static enum event_class class_of(enum node_event_kind kind)
{
	switch (kind) {
	case EVENT_MEMBER_UP:
	case EVENT_MEMBER_SILENT:
	case EVENT_MEMBER_SKEWED:
	case EVENT_MEMBER_SKEW_OK:
	case EVENT_MEMBER_LEFT:
	case EVENT_LINE_RATE:
	case EVENT_QUOTA:
		return EVENTS_OF_PRESENCE;
	case EVENT_EQUIVOCATION:
	case EVENT_MEMBER_REVOKED:
	case EVENT_MEMBER_CLONED:
	case EVENT_MEMBER_VERSION:
	case EVENT_MEMBER_WIDTHS:
	case EVENT_DOCUMENT_FALSE:
	case EVENT_DOCUMENT:
	case EVENT_LEFT_OUT:
	case EVENT_POLICY:
		return EVENTS_OF_TRUST;
	default:
		return EVENTS_OF_TRAFFIC;
	}
}

/* Is it of a key whose packets the filter drops, unless it only monitors? */
static bool is_of_verdict(enum node_event_kind kind)
{
	return kind == EVENT_PAIR_OVER || kind == EVENT_PAIR_UNDER || kind == EVENT_DESTINATION_OVER ||
	       kind == EVENT_DESTINATION_UNDER;
}

/* Whom or what an event is about, when it is about no key: a member, or a kind of document. */
static const char *name_of(const struct node_event *event)
{
	return event->kind == EVENT_DOCUMENT ? document_names[event->document.kind] : event->member;
}

static const char *about(const struct node_event *event, bool of_member)
{
	if (event->kind == EVENT_POLICY)
		return "policy";
	if (event->kind == EVENT_DOCUMENT)
		return "document";
	if (of_member)
		return "member";
	return text_of_kind(key_kind(&event->key));
}

static void copy_key(const struct events *events, const struct key *key, struct control_event *record)
{
	memcpy(record->client, key->client.bytes, 16);
	memcpy(record->destination, key->destination.bytes, 16);
	record->client_bits = widths_client_bits(&events->widths, &key->client);
}

static void copy_crowd(const struct node_event *event, double size, struct control_event *record)
{
	record->bytes = event->rate * size;
	record->clients = event->crowd.clients;
	record->clients_more = event->crowd.more;
	record->clients_known = event->crowd.known;
	record->clients_answered = event->crowd.answered;
	record->clients_new = event->crowd.strangers;
	record->largest = event->crowd.largest;
}

static void copy_counters(const struct node_event *event, struct control_event *record)
{
	for (unsigned int i = 0; i < EVENT_COUNTERS && event->counters[i].part > 0; i++) {
		struct control_counter *counter = &record->counters[i];

		snprintf(counter->member, sizeof(counter->member), "%s", event->counters[i].name);
		counter->rate = event->counters[i].part * event->rate;
	}
}

void events_tell(struct events *events, struct now now, const struct node_event *event, double size)
{
	struct control_event record = { .at_ns = event->at.ns, .value = node_event_value(event) };
	bool of_member = is_of_member(event->kind);
	char subject[TEXT_KEY_BYTES];

	if ((unsigned int)event->kind >= EVENT_COUNT)
		return;
	snprintf(record.kind, sizeof(record.kind), "%s", kind_names[event->kind]);
	snprintf(record.member, sizeof(record.member), "%s",
		 event->counters[0].part > 0 ? event->counters[0].name : name_of(event));
	record.member_part = event->counters[0].part;
	copy_key(events, &event->key, &record);
	if (is_of_verdict(event->kind))
		record.mode = events->monitor ? CONTROL_MODE_MONITORED : CONTROL_MODE_ENFORCED;
	copy_counters(event, &record);
	write_fact(event, record.text, sizeof(record.text));
	if (event->kind == EVENT_DESTINATION_OVER || event->kind == EVENT_DESTINATION_UNDER) {
		copy_crowd(event, size, &record);
		write_crowd(event, size, record.text, sizeof(record.text));
	}
	write_counters(event, record.text, sizeof(record.text));
	event_rings_keep(&events->rings, class_of(event->kind), &record);

	if (event->kind == EVENT_POLICY)
		snprintf(subject, sizeof(subject), "of the mesh");
	else if (of_member)
		text_escape(name_of(event), subject, sizeof(subject));
	else if (key_kind(&event->key) == KEY_CLIENT) /* about() says that it is a client */
		text_of_part(record.client, record.client_bits, subject);
	else
		text_of_key(&event->key, record.client_bits, subject);
	if (log_allow(&events->limits[event->kind], now, kind_names[event->kind]))
		log_info("%s %s: %s", about(event, of_member), subject, record.text);
}

void events_overload(struct events *events, struct now now, const struct key *key, uint64_t packets, double window_s,
		     uint32_t limit, bool enforced)
{
	struct control_event record = { .at_ns = now.mesh.ns,
					.kind = "overload",
					.mode = enforced ? CONTROL_MODE_ENFORCED : CONTROL_MODE_MONITORED,
					.value = (double)packets / (window_s > 0 ? window_s : 1) };
	char subject[TEXT_KEY_BYTES];

	snprintf(record.text, sizeof(record.text), "%s here: %llu packets in %.2f s, its rate is %u/s",
		 enforced ? "is dropped" : "would be dropped", (unsigned long long)packets, window_s, limit);

	copy_key(events, key, &record);
	events->warnings++;
	if (now.mono.ns / NS_PER_S != events->overload_second) {
		events->overload_second = now.mono.ns / NS_PER_S;
		events->overloads = 0;
	}
	if (events->overloads++ < OVERLOADS_PER_S) {
		event_rings_keep(&events->rings, EVENTS_OF_TRAFFIC, &record);
	}
	if (log_allow(&events->limits[EVENT_COUNT], now, "overload")) {
		text_of_key(key, record.client_bits, subject);
		log_info("pair %s: %s", subject, record.text);
	}
}

static void write_words(const struct condition *condition, bool raised, struct now now,
			char ret_text[CONTROL_CONDITION_BYTES + 32])
{
	if (raised)
		snprintf(ret_text, CONTROL_CONDITION_BYTES + 32, "%s", condition->text);
	else
		snprintf(ret_text, CONTROL_CONDITION_BYTES + 32, "over after %.0f s; it was: %s",
			 (double)duration_between(condition->since, now.mesh).ns / NS_PER_S, condition->text);
}

static void log_condition(const struct condition *condition, bool raised, const char *subject, const char *words)
{
	const struct condition_kind *kind = &condition_kinds[condition->id];
	static const char *const severities[CONTROL_SEVERITIES] = CONTROL_SEVERITY_NAMES;

	if (!raised)
		log_info("condition %s cleared: %s: %s", kind->name, subject, words);
	else if (kind->severity == CONTROL_NOTICE)
		log_info("condition %s (%s): %s: %s; %s", kind->name, severities[kind->severity], subject, words,
			 kind->what_to_do);
	else
		log_warning("condition %s (%s): %s: %s; %s", kind->name, severities[kind->severity], subject, words,
			    kind->what_to_do);
}

void events_condition(struct events *events, struct now now, const struct condition *condition, bool raised)
{
	struct control_event record = { .at_ns = now.mesh.ns };
	char subject[4 * CONTROL_SUBJECT_BYTES], words[CONTROL_CONDITION_BYTES + 32];

	snprintf(record.kind, sizeof(record.kind), "%s", raised ? "condition_raised" : "condition_cleared");
	snprintf(record.condition, sizeof(record.condition), "%s", condition_kinds[condition->id].name);
	about_text(&condition->about, record.subject);
	if (condition->about.kind == ABOUT_MEMBER)
		snprintf(record.member, sizeof(record.member), "%.*s", NAME_BYTES_MAX, condition->about.name);
	memcpy(record.client, condition->about.client.bytes, 16);
	record.client_bits = condition->about.client_bits;
	write_words(condition, raised, now, words);
	snprintf(record.text, sizeof(record.text), "%s: %.*s", record.condition,
		 (int)(sizeof(record.text) - sizeof(record.condition) - 2), words);
	event_rings_keep(&events->rings, EVENTS_OF_HOST, &record);
	text_escape(record.subject, subject, sizeof(subject));
	if (log_allow(&events->conditions, now, "conditions"))
		log_condition(condition, raised, subject, words);
}

/* An event about a client, when one is known. */
static void set_client(const struct events *events, const struct address *client, struct control_event *record,
		       char ret_text[TEXT_PREFIX_BYTES])
{
	ret_text[0] = '\0';
	if (!client)
		return;
	memcpy(record->client, client->bytes, 16);
	record->client_bits = widths_client_bits(&events->widths, client);
	text_of_part(record->client, record->client_bits, ret_text);
}

void events_client_quota(struct events *events, struct now now, const struct address *client, uint32_t clients,
			 uint32_t pairs_max)
{
	struct control_event record = { .at_ns = now.mesh.ns, .kind = "client_quota", .value = clients };
	char name[TEXT_PREFIX_BYTES];

	set_client(events, client, &record, name);
	snprintf(record.text, sizeof(record.text),
		 "%u clients have records of %u pairs each%s%s: more count in destinations alone", clients, pairs_max,
		 name[0] ? ", among them client " : "", name);
	event_rings_keep(&events->rings, EVENTS_OF_TRAFFIC, &record);
	log_warning("table: %s", record.text);
}

void events_scan(struct events *events, struct now now, const struct address *client, double contacts, double part)
{
	struct control_event record = { .at_ns = now.mesh.ns, .kind = "client_scans", .value = contacts };
	char name[TEXT_PREFIX_BYTES];

	set_client(events, client, &record, name);
	snprintf(record.text, sizeof(record.text),
		 "scans: makes %.0f contacts/s or more, %.0f %% of all new records; nothing drops for it", contacts,
		 100 * part);
	event_rings_keep(&events->rings, EVENTS_OF_TRAFFIC, &record);
	if (log_allow(&events->scans, now, "client_scans"))
		log_info("client %s: %s", name, record.text);
}

void events_table_full(struct events *events, struct now now, const struct address *client, uint64_t pairs,
		       uint64_t destinations)
{
	struct control_event record = { .at_ns = now.mesh.ns,
					.kind = "table_full",
					.value = (double)(pairs + destinations) };
	char name[TEXT_PREFIX_BYTES];

	set_client(events, client, &record, name);
	snprintf(record.text, sizeof(record.text),
		 "there is no room: %llu packets have no record of their pair, %llu none of their destination%s%s",
		 (unsigned long long)pairs, (unsigned long long)destinations, name[0] ? ", most from client " : "",
		 name);
	event_rings_keep(&events->rings, EVENTS_OF_TRAFFIC, &record);
	log_warning("table: %s", record.text);
}

void events_evidence(struct events *events, struct now now, uint64_t packets)
{
	struct control_event record = { .at_ns = now.mesh.ns, .kind = "local_evidence", .value = (double)packets };

	snprintf(record.text, sizeof(record.text),
		 "%llu packets passed by the floor of local evidence: only other proxies' counts are against them",
		 (unsigned long long)packets);
	event_rings_keep(&events->rings, EVENTS_OF_TRAFFIC, &record);
	log_info("table: %s", record.text);
}

void events_silence(struct events *events, struct now now, struct duration silence, uint64_t packets)
{
	const double seconds = (double)silence.ns / NS_PER_S;
	struct control_event record = { .at_ns = now.mesh.ns, .kind = "kernel_alone", .value = seconds };

	snprintf(record.text, sizeof(record.text),
		 "gossipd was silent for %.1f s: %llu packets were judged by the kernel alone", seconds,
		 (unsigned long long)packets);
	event_rings_keep(&events->rings, EVENTS_OF_HOST, &record);
	log_warning("table: %s", record.text);
}

void events_slept(struct events *events, struct now now, struct duration slept)
{
	const double seconds = (double)slept.ns / NS_PER_S;
	struct control_event record = { .at_ns = now.mesh.ns, .kind = "slept", .value = seconds };

	snprintf(record.text, sizeof(record.text),
		 "this host slept for %.1f s, as its clock and most members say: mesh time goes on from there",
		 seconds);
	event_rings_keep(&events->rings, EVENTS_OF_HOST, &record);
	log_warning("clock: %s", record.text);
}

void events_filter(struct events *events, struct now now, const char *text)
{
	struct control_event record = { .at_ns = now.mesh.ns, .kind = "filter_restored", .value = 1 };

	snprintf(record.text, sizeof(record.text), "%s", text);
	event_rings_keep(&events->rings, EVENTS_OF_HOST, &record);
	log_warning("table: %s", text);
}

void events_interface(struct events *events, struct now now, const char *text, bool good)
{
	struct control_event record = { .at_ns = now.mesh.ns, .kind = "interface" };

	snprintf(record.text, sizeof(record.text), "%s", text);
	event_rings_keep(&events->rings, EVENTS_OF_HOST, &record);
	if (good)
		log_info("interface %s", text);
	else
		log_warning("interface %s", text);
}
