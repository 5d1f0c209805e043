/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Completion for shells: gossipctl --complete WORD... is what scripts/completion asks at each press of the key. */
#include <net/if.h>
#include <string.h>

#include "ask.h"
#include "authority.h"
#include "command.h"
#include "issued.h"
#include "text.h"

#define ADDRESSES_MAX 64 /* more are no help */

struct completing {
	const struct command *commands;
	size_t count;
	const char *last; /* the word that is being typed */
	const struct command *command; /* NULL: not known yet */
	char typed[64]; /* the plain words before it, while there is no command */
	unsigned int place; /* of the last word among the command's arguments */
	const char *argument; /* the plain word before it, which is one of them */
	const struct option_text *waiting; /* the option whose value the last word is */
	struct arguments arguments; /* of the words before: where to ask for names */
};

static void offer(const struct completing *completing, const char *candidate, const char *what)
{
	if (strncmp(candidate, completing->last, strlen(completing->last)) == 0)
		printf("%s%s%s\n", candidate, what ? "\t" : "", what ? what : "");
}

/* ---- names ---- */

static void offer_interfaces(const struct completing *completing)
{
	struct if_nameindex *interfaces = if_nameindex();

	for (struct if_nameindex *at = interfaces; at && at->if_index != 0; at++)
		offer(completing, at->if_name, NULL);
	if_freenameindex(interfaces);
}

static void offer_nodes(const struct completing *completing)
{
	const char *directory = completing->arguments.value[OPTION_DIRECTORY];
	static struct issued issued;
	char path[FILES_PATH_BYTES];
	struct problem ignored;

	if (!directory)
		return;
	authority_path(directory, "issued", path);
	if (issued_read(path, &issued, &ignored))
		return;
	for (uint32_t i = 0; i < issued.nodes; i++)
		offer(completing, issued.node[i].name, NULL);
}

struct addresses {
	const struct completing *completing;
	bool clients;
	unsigned int count;
	struct address address[ADDRESSES_MAX];
};

static bool take_address(void *user, enum control_type type, const void *row)
{
	struct addresses *addresses = user;
	const struct control_key *key = row;
	char text[TEXT_ADDRESS_BYTES];
	struct address address;

	if (type != CONTROL_TYPE_KEY)
		return true;
	memcpy(address.bytes, addresses->clients ? key->client : key->destination, sizeof(address.bytes));
	for (unsigned int i = 0; i < addresses->count; i++) {
		if (address_equal(&addresses->address[i], &address))
			return true;
	}
	if (addresses->count == ADDRESSES_MAX)
		return false;
	addresses->address[addresses->count++] = address;
	text_of_address(&address, text);
	offer(addresses->completing, text, NULL);
	return true;
}

/* Of pairs that are over their rate: those are asked about. Of destinations, those of the client before. */
static void offer_addresses(struct completing *completing, bool clients)
{
	struct control_request request = { .verb = CONTROL_PAIRS, .flags = CONTROL_OVER };
	struct addresses addresses = { .completing = completing, .clients = clients };

	if (!clients && completing->argument)
		completing->arguments.value[OPTION_CLIENT] = completing->argument;
	if (ask_prefixes(&completing->arguments, &request))
		ask(&completing->arguments, &request, take_address, &addresses);
}

/* By what the tables of commands and options call a value. */
static void offer_values(struct completing *completing, const char *value, size_t length)
{
	static const struct {
		const char *value, *directive;
	} paths[] = { { "FILE", ":files" }, { "PATH", ":files" }, { "D", ":directories" }, { "DIR", ":directories" } };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (strlen(paths[i].value) == length && strncmp(paths[i].value, value, length) == 0)
			puts(paths[i].directive);
	}
	if (strncmp(value, "IF", length) == 0 && length == 2)
		offer_interfaces(completing);
	else if (strncmp(value, "NAME|", 5) == 0)
		offer_nodes(completing);
	else if (strncmp(value, "CLIENT", length) == 0)
		offer_addresses(completing, true);
	else if (strncmp(value, "DESTINATION", length) == 0)
		offer_addresses(completing, false);
	if (length == strlen("NAME|secret") && strncmp(value, "NAME|secret", length) == 0)
		offer(completing, "secret", "the mesh's, not a node's key");
}

static void offer_option_values(struct completing *completing)
{
	const char *value = completing->waiting->value;

	if (completing->waiting == &options[OPTION_CLIENT])
		value = "CLIENT";
	else if (completing->waiting == &options[OPTION_DESTINATION])
		value = "DESTINATION";
	offer_values(completing, value, strlen(value));
}

/* The table names arguments as " CLIENT DESTINATION". */
static void offer_arguments(struct completing *completing)
{
	const char *name = completing->command->arguments;

	for (unsigned int place = 0;; place++) {
		size_t length;

		name += strspn(name, " ");
		length = strcspn(name, " ");
		if (length == 0)
			return;
		if (place == completing->place)
			offer_values(completing, name, length);
		name += length;
	}
}

/* ---- commands and options ---- */

static void offer_options(const struct completing *completing)
{
	const uint64_t always = 1ull << OPTION_JSON | 1ull << OPTION_HELP;
	const uint64_t first = always | 1ull << OPTION_SOCKET | 1ull << OPTION_CONFIG | 1ull << OPTION_VERSION;
	const uint64_t takes = completing->command ? completing->command->takes | always : first;
	char text[64];

	for (unsigned int i = 0; i < OPTION_COUNT; i++) {
		if (!(takes & (1ull << i)))
			continue;
		snprintf(text, sizeof(text), "--%s", options[i].name);
		offer(completing, text, options[i].help);
	}
}

/* The word of a command behind those that are typed, and whether it is the last; false: they do not fit. */
static bool next_word(const struct completing *completing, size_t i, char ret_word[64], bool *ret_last)
{
	const char *rest = completing->commands[i].name;
	const size_t typed = strlen(completing->typed);
	size_t length;

	if (typed && (strncmp(rest, completing->typed, typed) != 0 || rest[typed] != ' '))
		return false;
	rest += typed ? typed + 1 : 0;
	length = strcspn(rest, " ");
	snprintf(ret_word, 64, "%.*s", (int)length, rest);
	*ret_last = rest[length] == '\0';
	return true;
}

/* A word that begins several commands is offered once, without a description. */
static void offer_commands(const struct completing *completing)
{
	char word[64], other[64];
	bool last, ignored;

	for (size_t i = 0; i < completing->count; i++) {
		bool first = true;

		if (!next_word(completing, i, word, &last))
			continue;
		for (size_t j = 0; j < i && first; j++)
			first = !next_word(completing, j, other, &ignored) || strcmp(word, other) != 0;
		if (first)
			offer(completing, word, last ? completing->commands[i].help : NULL);
	}
}

static void take_plain(struct completing *completing, const char *word)
{
	const size_t used = strlen(completing->typed);

	if (completing->command) {
		completing->place++;
		completing->argument = word;
		return;
	}
	snprintf(completing->typed + used, sizeof(completing->typed) - used, "%s%s", used ? " " : "", word);
	for (size_t i = 0; i < completing->count && !completing->command; i++) {
		if (strcmp(completing->typed, completing->commands[i].name) == 0)
			completing->command = &completing->commands[i];
	}
}

/* --name, or --name=value, of which nothing more is to come. */
static void take_option(struct completing *completing, const char *word)
{
	for (unsigned int i = 0; i < OPTION_COUNT; i++) {
		const size_t length = strlen(options[i].name);

		if (strncmp(word + 2, options[i].name, length) != 0)
			continue;
		if (word[2 + length] == '=')
			completing->arguments.value[i] = word + 2 + length + 1;
		else if (word[2 + length] == '\0' && options[i].value)
			completing->waiting = &options[i];
	}
}

static void take(struct completing *completing, const char *word)
{
	if (completing->waiting) {
		completing->arguments.value[completing->waiting - options] = word;
		completing->waiting = NULL;
	} else if (strncmp(word, "--", 2) == 0) {
		take_option(completing, word);
	} else {
		take_plain(completing, word);
	}
}

void complete(const struct command *commands, size_t count, unsigned int words, char *const *word)
{
	static struct completing completing;

	completing.commands = commands;
	completing.count = count;
	completing.last = words ? word[words - 1] : "";
	for (unsigned int i = 0; i + 1 < words; i++)
		take(&completing, word[i]);
	if (completing.waiting)
		offer_option_values(&completing);
	else if (completing.last[0] == '-')
		offer_options(&completing);
	else if (completing.command)
		offer_arguments(&completing);
	else
		offer_commands(&completing);
}
