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
};

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
	case EVENT_MEMBER_CLONED:
		snprintf(ret_text, bytes, "runs on two hosts: one key is used twice");
		break;
	case EVENT_MEMBER_LEFT:
		snprintf(ret_text, bytes, "has left");
		break;
	case EVENT_LINE_RATE:
		snprintf(ret_text, bytes, "counts more than its certified line carries, read as %llu packets/s",
			 (unsigned long long)event->line_rate);
		break;
	case EVENT_QUOTA:
		snprintf(ret_text, bytes, "has used up its share of the ledger: new pairs count in their destination alone");
		break;
	case EVENT_POLICY:
		snprintf(ret_text, bytes, "version %llu is in force", (unsigned long long)event->policy_version);
		break;
	case EVENT_NEVER_DROP_OVER:
		snprintf(ret_text, bytes, "is never_drop, and over its rate: %.0f/s, most from %.32s", event->rate,
			 event->member);
		break;
	default:
		snprintf(ret_text, bytes, "event %d", (int)event->kind);
		break;
	}
}

static void keep(struct events *events, const struct control_event *record)
{
	events->ring[events->next++ % EVENTS_KEPT] = *record;
}

static bool is_of_member(enum node_event_kind kind)
{
	return kind <= EVENT_LEFT_OUT || kind == EVENT_QUOTA || kind == EVENT_DOCUMENT || kind == EVENT_MEMBER_CLONED ||
	       kind == EVENT_MEMBER_LEFT || kind == EVENT_LINE_RATE;
}

/* Is it of a key whose packets the filter drops, unless it only monitors? */
static bool is_of_verdict(enum node_event_kind kind)
{
	return kind == EVENT_PAIR_OVER || kind == EVENT_PAIR_UNDER || kind == EVENT_DESTINATION_OVER || kind == EVENT_DESTINATION_UNDER;
}

/* Whom or what an event is about, when it is about no key: a member, or a kind of document. */
static const char *name_of(const struct node_event *event)
{
	return event->kind == EVENT_DOCUMENT ? document_names[event->document.kind] : event->member;
}

void events_tell(struct events *events, struct now now, const struct node_event *event)
{
	struct control_event record = { .at_ns = event->at.ns, .value = node_event_value(event) };
	bool of_member = is_of_member(event->kind);
	char subject[TEXT_KEY_BYTES];

	if ((unsigned int)event->kind >= EVENT_COUNT)
		return;
	snprintf(record.kind, sizeof(record.kind), "%s", kind_names[event->kind]);
	snprintf(record.member, sizeof(record.member), "%s", name_of(event));
	memcpy(record.client, event->key.client.bytes, 16);
	memcpy(record.destination, event->key.destination.bytes, 16);
	if (is_of_verdict(event->kind))
		record.mode = events->monitor ? CONTROL_MODE_MONITORED : CONTROL_MODE_ENFORCED;
	write_fact(event, record.text, sizeof(record.text));
	keep(events, &record);

	if (event->kind == EVENT_POLICY)
		snprintf(subject, sizeof(subject), "of the mesh");
	else if (of_member)
		text_escape(name_of(event), subject, sizeof(subject));
	else
		text_of_key(&event->key, subject);
	if (log_allow(&events->limits[event->kind], now, kind_names[event->kind]))
		log_info("%s %s: %s",
			 event->kind == EVENT_POLICY	   ? "policy"
			 : event->kind == EVENT_DOCUMENT	   ? "document"
			 : of_member			   ? "member"
			 : key_is_destination(&event->key) ? "destination"
							   : "pair",
			 subject, record.text);
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

	events->warnings++;
	if (now.mono.ns / NS_PER_S != events->overload_second) {
		events->overload_second = now.mono.ns / NS_PER_S;
		events->overloads = 0;
	}
	if (events->overloads++ < OVERLOADS_PER_S) {
		memcpy(record.client, key->client.bytes, 16);
		memcpy(record.destination, key->destination.bytes, 16);
		keep(events, &record);
	}
	if (log_allow(&events->limits[EVENT_COUNT], now, "overload")) {
		text_of_key(key, subject);
		log_info("pair %s: %s", subject, record.text);
	}
}

void events_client_quota(struct events *events, struct now now, uint32_t clients, uint32_t pairs_max)
{
	struct control_event record = { .at_ns = now.mesh.ns, .kind = "client_quota", .value = clients };

	snprintf(record.text, sizeof(record.text), "%u clients have records of %u pairs each: more count in destinations alone", clients,
		 pairs_max);
	keep(events, &record);
	log_warning("table: %s", record.text);
}

void events_table_full(struct events *events, struct now now, uint64_t pairs, uint64_t destinations)
{
	struct control_event record = { .at_ns = now.mesh.ns, .kind = "table_full", .value = (double)(pairs + destinations) };

	snprintf(record.text, sizeof(record.text), "there is no room: %llu packets have no record of their pair, %llu none of their destination",
		 (unsigned long long)pairs, (unsigned long long)destinations);
	keep(events, &record);
	log_warning("table: %s", record.text);
}

void events_evidence(struct events *events, struct now now, uint64_t packets)
{
	struct control_event record = { .at_ns = now.mesh.ns, .kind = "local_evidence", .value = (double)packets };

	snprintf(record.text, sizeof(record.text), "%llu packets passed by the floor of local evidence: only other proxies' counts are against them",
		 (unsigned long long)packets);
	keep(events, &record);
	log_info("table: %s", record.text);
}

void events_silence(struct events *events, struct now now, struct duration silence, uint64_t packets)
{
	const double seconds = (double)silence.ns / NS_PER_S;
	struct control_event record = { .at_ns = now.mesh.ns, .kind = "kernel_alone", .value = seconds };

	snprintf(record.text, sizeof(record.text), "gossipd was silent for %.1f s: %llu packets were judged by the kernel alone", seconds,
		 (unsigned long long)packets);
	keep(events, &record);
	log_warning("table: %s", record.text);
}

void events_slept(struct events *events, struct now now, struct duration slept)
{
	const double seconds = (double)slept.ns / NS_PER_S;
	struct control_event record = { .at_ns = now.mesh.ns, .kind = "slept", .value = seconds };

	snprintf(record.text, sizeof(record.text), "this host slept for %.1f s, as its clock and most members say: mesh time goes on from there", seconds);
	keep(events, &record);
	log_warning("clock: %s", record.text);
}

void events_filter(struct events *events, struct now now, const char *text)
{
	struct control_event record = { .at_ns = now.mesh.ns, .kind = "filter_restored", .value = 1 };

	snprintf(record.text, sizeof(record.text), "%s", text);
	keep(events, &record);
	log_warning("table: %s", text);
}

void events_interface(struct events *events, struct now now, const char *text, bool good)
{
	struct control_event record = { .at_ns = now.mesh.ns, .kind = "interface" };

	snprintf(record.text, sizeof(record.text), "%s", text);
	keep(events, &record);
	if (good)
		log_info("interface %s", text);
	else
		log_warning("interface %s", text);
}

uint64_t events_first(const struct events *events)
{
	return events->next > EVENTS_KEPT ? events->next - EVENTS_KEPT : 0;
}

const struct control_event *events_get(const struct events *events, uint64_t number)
{
	if (number >= events->next || number < events_first(events))
		return NULL;
	return &events->ring[number % EVENTS_KEPT];
}
