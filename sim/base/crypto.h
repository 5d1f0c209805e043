/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keys, real or simulated. The linker sends the core's calls of libsodium here (--wrap in the Makefile). Simulated,
 * every signature, seal and hash is a cheap keyed mix of the same size, which changes with every bit of its input:
 * datagrams keep their lengths and the checks their outcomes, and only the time they would take is missing. Nothing
 * here keeps a secret.
 */
#ifndef SIM_CRYPTO_H
#define SIM_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* To be chosen before the first key is made; the two do not understand each other. */
void crypto_simulate(bool simulated);

/* Every signature is taken for good: to see what signatures are worth. */
void crypto_believe(bool everything);

/* A replay has no keys: what was opened is there already, and what was not must not open now. */
enum seals { SEALS_AS_THEY_ARE, SEALS_OPEN, SEALS_FAIL };
void crypto_open_as(enum seals seals);

/* 64 bits of mix over bytes: for traces and tables, not for secrets. */
uint64_t crypto_mix(uint64_t seed, const void *bytes, size_t size);

#endif
