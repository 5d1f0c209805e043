/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The set of conditions: what was found, since when, and whether it has been told. It looks at nothing itself. */
#include "conditions.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

/* ---- subjects ---- */

static struct about about_named(enum about_kind kind, const char *name)
{
	struct about about = { .kind = kind };

	strncpy(about.name, name, sizeof(about.name) - 1); /* the rest of the field is zeros */
	return about;
}

struct about about_here(const char *name)
{
	return about_named(ABOUT_HERE, name);
}

struct about about_interface(const char *name)
{
	return about_named(ABOUT_INTERFACE, name);
}

struct about about_member(const char *name)
{
	return about_named(ABOUT_MEMBER, name);
}

struct about about_client(const struct address *client, const struct widths *widths)
{
	struct about about = about_named(ABOUT_CLIENT, "");

	about.client = *client;
	about.client_bits = widths_client_bits(widths, client);
	return about;
}

void about_text(const struct about *about, char ret_text[CONTROL_SUBJECT_BYTES])
{
	static const char *const words[] = {
		[ABOUT_HERE] = "",
		[ABOUT_INTERFACE] = "interface ",
		[ABOUT_MEMBER] = "member ",
		[ABOUT_CLIENT] = "client ",
	};
	char client[TEXT_PREFIX_BYTES];

	if (about->kind == ABOUT_CLIENT)
		text_of_part(about->client.bytes, about->client_bits, client);
	snprintf(ret_text, CONTROL_SUBJECT_BYTES, "%s%s", words[about->kind],
		 about->kind == ABOUT_CLIENT ? client : about->name);
}

static bool about_equal(const struct about *a, const struct about *b)
{
	return a->kind == b->kind && strcmp(a->name, b->name) == 0 && address_equal(&a->client, &b->client);
}

/* ---- the set ---- */

static double seconds_since(const struct conditions *set, struct instant then)
{
	return (double)duration_between(then, set->now.mono).ns / NS_PER_S;
}

static struct condition *find(struct conditions *set, enum condition_id id, const struct about *about)
{
	for (uint32_t i = 0; i < set->count; i++) {
		if (set->items[i].id == id && about_equal(&set->items[i].about, about))
			return &set->items[i];
	}
	return NULL;
}

static void remove_at(struct conditions *set, uint32_t i)
{
	set->items[i] = set->items[--set->count];
}

/* When there is none left, the one that ended longest ago gives way. */
static bool has_room(struct conditions *set)
{
	const struct condition *oldest = NULL;

	for (uint32_t i = 0; i < set->count; i++) {
		const struct condition *condition = &set->items[i];

		if (condition->ended && (!oldest || instant_is_before(condition->ended_at, oldest->ended_at)))
			oldest = condition;
	}
	if (set->count == CONDITIONS_MAX && oldest)
		remove_at(set, (uint32_t)(oldest - set->items));
	return set->count < CONDITIONS_MAX;
}

static uint32_t subjects_of(const struct conditions *set, enum condition_id id)
{
	uint32_t subjects = 0;

	for (uint32_t i = 0; i < set->count; i++)
		subjects += set->items[i].id == id && !set->items[i].ended;
	return subjects;
}

/* The condition's place, as one that stands; NULL: there is none. */
static struct condition *place_of(struct conditions *set, enum condition_id id, const struct about *about)
{
	struct condition *condition = find(set, id, about);

	if (condition && !condition->ended)
		return condition;
	if (subjects_of(set, id) == CONDITION_SUBJECTS_MAX || (!condition && !has_room(set)))
		return NULL;
	if (!condition) {
		condition = &set->items[set->count++];
		*condition = (struct condition){ .id = id, .about = *about };
	}
	condition->ended = condition->told = false;
	condition->since = set->now.mesh;
	condition->begun_at = set->now.mono;
	return condition;
}

void conditions_begin(struct conditions *set, struct now now)
{
	set->now = now;
	memset(set->omitted, 0, sizeof(set->omitted));
	for (uint32_t i = 0; i < set->count; i++)
		set->items[i].found = false;
}

void conditions_find(struct conditions *set, enum condition_id id, struct about about, const char *format, ...)
{
	struct condition *condition = place_of(set, id, &about);
	va_list arguments;

	if (!condition) {
		set->omitted[id]++;
		return;
	}
	condition->found = true;
	condition->found_at = set->now.mono;
	va_start(arguments, format);
	vsnprintf(condition->text, sizeof(condition->text), format, arguments);
	va_end(arguments);
}

static bool is_due(const struct conditions *set, const struct condition *condition)
{
	return seconds_since(set, condition->begun_at) >= condition_kinds[condition->id].after_s;
}

static bool is_over(const struct conditions *set, const struct condition *condition)
{
	return seconds_since(set, condition->found_at) >
	       (condition->raised > CONDITION_FLAPS ? CONDITION_FLAPPING_S : CONDITION_HOLD_S);
}

static void settle(const struct conditions *set, struct condition *condition, bool quiet,
		   void (*tell)(void *user, const struct condition *condition, bool raised), void *user)
{
	if (!condition->found && !condition->told)
		condition->ended = true; /* before it was raised: it ended when it last did */
	if (condition->ended)
		return;
	if (condition->found && !condition->told && !quiet && is_due(set, condition)) {
		condition->told = true;
		condition->raised++;
		tell(user, condition, true);
	}
	if (!condition->found && is_over(set, condition)) {
		condition->ended = true;
		condition->ended_at = set->now.mono;
		tell(user, condition, false);
	}
}

static bool is_forgotten(const struct conditions *set, const struct condition *condition)
{
	return condition->ended &&
	       (condition->raised == 0 || seconds_since(set, condition->ended_at) > CONDITION_REST_S);
}

void conditions_end(struct conditions *set, bool quiet,
		    void (*tell)(void *user, const struct condition *condition, bool raised), void *user)
{
	for (uint32_t i = 0; i < set->count;) {
		settle(set, &set->items[i], quiet, tell, user);
		if (is_forgotten(set, &set->items[i]))
			remove_at(set, i);
		else
			i++;
	}
}

/* A number for each kind and place, in the order in which they are shown. */
const struct condition *conditions_next(const struct conditions *set, uint32_t *cursor)
{
	for (; *cursor < CONDITION_COUNT * CONDITIONS_MAX; (*cursor)++) {
		const uint32_t i = *cursor % CONDITIONS_MAX;

		if (i >= set->count) {
			*cursor += CONDITIONS_MAX - i - 1;
			continue;
		}
		const struct condition *condition = &set->items[i];

		if (condition->id != *cursor / CONDITIONS_MAX || condition->ended || !is_due(set, condition))
			continue;
		(*cursor)++;
		return condition;
	}
	return NULL;
}

bool conditions_degrade(const struct conditions *set)
{
	uint32_t cursor = 0;
	const struct condition *first = conditions_next(set, &cursor);

	return first && condition_kinds[first->id].severity == CONTROL_ERROR;
}
