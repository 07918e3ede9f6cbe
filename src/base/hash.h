/* hash.h: SipHash-1-3 (Aumasson and Bernstein): fast, and without the key nobody can make keys that collide. For tables
 * only; where secrets or outside protocols are concerned, crypto.h has the functions. */
#ifndef PARLEY_BASE_HASH_H
#define PARLEY_BASE_HASH_H

#include <stdint.h>

#include "base/str.h"

uint64_t hash_sip(const uint8_t key[16], struct str data);

#endif
