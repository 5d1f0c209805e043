/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The file `answered` of the state directory: a line of text with a version and the number of notes, the notes, and a
 * hash of it all. What is lost of it costs clients their past until they are answered again, so it is written without
 * waiting for the disk.
 */
#include "answers.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "log.h"

#define LOOK_TICKS 5 /* the keys of the core are looked at in so many ticks */
#define LOOK_WORK_MAX 8192 /* keys a tick, at most: those looked at need a look-up in the table each */
#define LOOK_TICKS_MAX 35 /* but however many keys there are they are looked at in so many: ANSWERS_LOOK_SECONDS_MAX */
#define SWEEP_TICKS 300 /* the sets of the table, in so many: a record stays for longer */
#define STORE_SECONDS 600
#define FILE_NAME "answered"
#define HEAD "xpro-answered 1\n"
#define HEAD_BYTES (sizeof(HEAD) - 1)
#define NOTE_BYTES (16 + 16 + 4 + 1)
#define HASH_OF_FILE 16
#define FILE_BYTES_MAX (HEAD_BYTES + (size_t)REMEMBERED_MAX * NOTE_BYTES + HASH_OF_FILE)

/* ---- from the table ---- */

/*
 * A pair that was answered within a day is told as one answer when it is called, so that others know it, too.
 * (Memory of a day, 3)
 */
static uint32_t gained_or_remembered(struct daemon *daemon, struct now now, const struct key *key, bool *ret_tcp)
{
	const uint32_t gained = table_answers_gained(daemon->table, key, now.mono, ret_tcp);
	struct answered_view view;

	if (gained > 0 || !node_answered(daemon->node, key, &view) || !view.remembered || view.own > 0)
		return gained;
	*ret_tcp = view.remembered_tcp;
	return 1;
}

/* (Answers, 5) */
static void look(struct daemon *daemon, struct now now)
{
	const uint64_t slot = mesh_slot_at(&daemon->identity.mesh, now.mesh);
	const uint32_t high = node_keys_high(daemon->node);
	const uint32_t most = high / LOOK_TICKS_MAX > LOOK_WORK_MAX ? high / LOOK_TICKS_MAX : LOOK_WORK_MAX;
	uint32_t work = high / LOOK_TICKS + 1;
	struct key key;

	work = work < most ? work : most;
	if (daemon->answers.cursor >= high)
		daemon->answers.cursor = 0;
	while (node_next_called(daemon->node, &daemon->answers.cursor, &work, &key)) {
		bool tcp;
		const uint32_t gained = gained_or_remembered(daemon, now, &key, &tcp);

		if (gained > 0)
			node_observe_answers(daemon->node, now, &key, slot, gained, tcp);
	}
}

/* (Memory of a day, 1) */
static void remember(void *user, const struct key *key, bool tcp)
{
	node_remember(user, key, 0, tcp);
}

void answers_tick(struct daemon *daemon, struct now now)
{
	look(daemon, now);
	table_answered(daemon->table, table_pair_sets(daemon->table) / SWEEP_TICKS + 1, remember, daemon->node);
}

/* ---- on disk ---- */

static void put_note(uint8_t *bytes, const struct note_view *note)
{
	memcpy(bytes, &note->key.client, 16);
	memcpy(bytes + 16, &note->key.destination, 16);
	for (unsigned int i = 0; i < 4; i++)
		bytes[32 + i] = (uint8_t)(note->minute >> 8 * i);
	bytes[36] = note->tcp;
}

static struct note_view read_note(const uint8_t *bytes)
{
	struct note_view note = { .tcp = bytes[36] != 0 };

	memcpy(&note.key.client, bytes, 16);
	memcpy(&note.key.destination, bytes + 16, 16);
	for (unsigned int i = 0; i < 4; i++)
		note.minute |= (uint32_t)bytes[32 + i] << 8 * i;
	return note;
}

/* Size of a file whose end is its hash; 0: it is not. */
static size_t notes_of_file(const uint8_t *bytes, size_t size)
{
	uint8_t hash[HASH_OF_FILE];
	const size_t rest = HEAD_BYTES + HASH_OF_FILE;

	if (size < rest || (size - rest) % NOTE_BYTES != 0 || memcmp(bytes, HEAD, HEAD_BYTES) != 0)
		return 0;
	crypto_generichash(hash, sizeof(hash), bytes, size - HASH_OF_FILE, NULL, 0);
	return memcmp(hash, bytes + size - HASH_OF_FILE, HASH_OF_FILE) == 0 ? (size - rest) / NOTE_BYTES : 0;
}

void answers_load(struct daemon *daemon)
{
	uint8_t *bytes = malloc(FILE_BYTES_MAX);
	size_t size = 0, notes;
	int err = bytes ? files_read_at(daemon->state.directory_fd, FILE_NAME, bytes, FILE_BYTES_MAX, &size) : -ENOMEM;

	if (err == -ENOENT) {
		free(bytes);
		return; /* the first start */
	}
	notes = err ? 0 : notes_of_file(bytes, size);
	if (err || (notes == 0 && size != HEAD_BYTES + HASH_OF_FILE))
		log_warning("%s/%s: not read (%s): answered clients are strangers until they are answered again",
			    daemon->state.path, FILE_NAME, err ? strerror(-err) : "damaged");
	for (size_t i = 0; i < notes; i++) {
		const struct note_view note = read_note(bytes + HEAD_BYTES + i * NOTE_BYTES);

		if (note.minute > 0)
			node_remember(daemon->node, &note.key, note.minute, note.tcp);
	}
	free(bytes);
}

static size_t file_of_notes(const struct daemon *daemon, uint8_t *bytes)
{
	struct note_view note;
	uint32_t cursor = 0;
	size_t size = HEAD_BYTES;

	memcpy(bytes, HEAD, HEAD_BYTES);
	for (; size + NOTE_BYTES + HASH_OF_FILE <= FILE_BYTES_MAX && node_next_note(daemon->node, &cursor, &note);
	     size += NOTE_BYTES)
		put_note(bytes + size, &note);
	crypto_generichash(bytes + size, HASH_OF_FILE, bytes, size, NULL, 0);
	return size + HASH_OF_FILE;
}

/* (Memory of a day, 4) */
void answers_store(struct daemon *daemon, struct now now, bool all)
{
	struct problem problem;
	uint8_t *bytes;

	if (daemon->answers.stored.ns == 0)
		daemon->answers.stored = now.mono;
	if (!all && duration_between(daemon->answers.stored, now.mono).ns < STORE_SECONDS * NS_PER_S)
		return;
	daemon->answers.stored = now.mono;
	if (all)
		table_answered(daemon->table, table_pair_sets(daemon->table), remember, daemon->node);
	bytes = malloc(FILE_BYTES_MAX);
	if (!bytes)
		return; /* the file stays as it is */
	if (files_write_unsynced(daemon->state.directory_fd, daemon->state.path, FILE_NAME, 0600, bytes,
				 file_of_notes(daemon, bytes), &problem))
		log_warning("%s", problem.text);
	free(bytes);
}
