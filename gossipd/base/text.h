/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Text of people and bytes of ours: addresses, endpoints and prefixes both ways, hostile names made harmless, and
 * the nearest word to a misspelt one. Shared by gossipd and gossipctl.
 */
#ifndef GOSSIPD_TEXT_H
#define GOSSIPD_TEXT_H

#include <stddef.h>

#include <xpro/key.h>

#include "node.h"

#define TEXT_ADDRESS_BYTES 48 /* INET6_ADDRSTRLEN is 46 */
#define TEXT_ENDPOINT_BYTES 64
#define TEXT_PREFIX_BYTES 56
#define TEXT_KEY_BYTES (TEXT_PREFIX_BYTES + TEXT_ADDRESS_BYTES + 8)

/* A literal address. False when it is none: names are never resolved. */
bool text_to_address(const char *text, struct address *ret_address);

/*
 * The same of an address that packets are counted by: those of :: and ::fffd:0:0 count as ::fffe:0:0, of fe80::/10
 * as 80::/10 (PROTOCOL, Judging).
 */
bool text_to_counted(const char *text, struct address *ret_address);

/* "192.0.2.1:7946" or "[2001:db8::1]:7946". -EINVAL with *ret_problem a sentence that says what to write instead. */
int text_to_endpoint(const char *text, struct endpoint *ret_endpoint, const char **ret_problem);

/*
 * "host.name:port", a name that is to be resolved: letters, digits, - and . with a letter in its last label. False:
 * it is none.
 */
bool text_to_name(const char *text, char *ret_host, size_t host_bytes, uint16_t *ret_port);

/* "192.0.2.0/24", "2001:db8::/32" or a bare address, which is a host; renamed likewise. Host bits must be 0. */
int text_to_prefix(const char *text, struct prefix *ret_prefix, const char **ret_problem);

/* A whole decimal number, nothing before or after it. */
bool text_to_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret_number);

void text_of_address(const struct address *address, char ret_text[TEXT_ADDRESS_BYTES]);
void text_of_endpoint(const struct endpoint *endpoint, char ret_text[TEXT_ENDPOINT_BYTES]);
void text_of_prefix(const struct prefix *prefix, char ret_text[TEXT_PREFIX_BYTES]);

/*
 * A client or a network, by an address and how many of its bits count, on the mapped form: "10.1.2.3", "2001:db8::/64"
 * or "198.51.100.0/24".
 */
void text_of_part(const uint8_t address[16], unsigned int bits, char ret_text[TEXT_PREFIX_BYTES]);
/* "198.51.100.0/24" */
void text_of_network(const struct address *prefix, char ret_text[TEXT_PREFIX_BYTES]);

/*
 * "10.1.2.3 -> 198.51.100.7", "198.51.100.7", "client 10.1.2.3" or "198.51.100.0/24", by kind. `client_bits`: that tell
 * the client, on the mapped form.
 */
void text_of_key(const struct key *key, unsigned int client_bits, char ret_text[TEXT_KEY_BYTES]);

/* "pair", "destination", "client" or "network". */
const char *text_of_kind(enum key_kind kind);

/* Copies a text into a field. False, with the field empty, when it does not fit. */
bool text_copy(const char *text, char *ret_text, size_t bytes);

/*
 * Copies at most bytes - 1 characters; everything but printable ASCII becomes \xNN, so that no name can command a
 * terminal.
 */
void text_escape(const char *text, char *ret_text, size_t bytes);

/* The candidate nearest to `word` by edit distance, or NULL when none is near enough to be worth a hint. */
const char *text_nearest(const char *word, const char *const *candidates, size_t count);

#endif
