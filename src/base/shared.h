/* shared.h: one small file mapped by all programs of a host: rate limits and generation counters.
 *
 * Lock-free (atomics only): a program killed at any point leaves nothing locked. The file is made anew when its layout or
 * size differs. Where several hosts share an install, a store that all see takes this module's place. Thread safe. */
#ifndef PARLEY_BASE_SHARED_H
#define PARLEY_BASE_SHARED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/id.h"

enum status shared_open(const char *path,
                        struct err *e); /* once in main; without it every limit allows, every generation is 0 */
void shared_close(void);

/* Token bucket for (name, key): `per_minute` refill, `burst` size; either <= 0: no limit. True: go on. False: *retry_after_s
 * (may be NULL) says when. Where more buckets are in use than fit (32,768), the ones that are fullest are forgotten. */
bool shared_take(const char *name, struct str key, int per_minute, int burst, int *retry_after_s);
/* The same, and what is left afterwards: tokens, and seconds until all are back. Without limits *left is -1. */
bool shared_take_left(const char *name, struct str key, int per_minute, int burst, int *left, int *full_s,
                      int *retry_after_s);
void shared_limits_enable(bool on); /* the rate_limits setting */

/* A number that grows whenever a thing changed: caches compare it. Bump after the commit. */
uint64_t shared_generation(const char *name, struct id id);
void shared_bump(const char *name, struct id id);

#endif
