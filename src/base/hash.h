/* hash.h: SipHash-1-3 (Aumasson and Bernstein), a fast hash for tables.
 *
 * Without the key no one can construct texts that collide. It protects no secrets and is part of no protocol; crypto.h
 * has the functions for those. Thread safe. */
#ifndef PARLEY_BASE_HASH_H
#define PARLEY_BASE_HASH_H

#include <stdint.h>

#include "base/str.h"

uint64_t hash_sip(const uint8_t key[16], struct str data);

#endif
