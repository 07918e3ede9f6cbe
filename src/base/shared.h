/* shared.h: a small file mapped by all programs of a host: rate limits and generation counters.
 *
 * Everything in it is atomic: a program that is killed at any point leaves nothing locked and nothing half changed. The
 * file is replaced when its layout or size differs. If several hosts share an install, each has a file and limits of
 * its own. Thread safe. */
#ifndef PARLEY_BASE_SHARED_H
#define PARLEY_BASE_SHARED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/id.h"

/* Map the file; once in main, before threads. ERR_UNAVAILABLE. Without it every limit allows and every generation is
 * 0. */
enum status shared_open(const char *path, struct err *e);
void shared_close(void);

/* Take one token from the bucket (name, key), which holds `burst` and is refilled with `per_minute`. True when there
 * was one. Otherwise *retry_after_s (may be NULL) says when there will be. Either number <= 0 means no limit. When more
 * than 32,768 buckets are in use, the fullest are reused for new keys. */
bool shared_take(const char *name, struct str key, int per_minute, int burst, int *retry_after_s);
/* The same, and what is left afterwards: *left tokens, and *full_s seconds until the bucket is full. *left is -1 when
 * there is no limit. */
bool shared_take_left(const char *name, struct str key, int per_minute, int burst, int *left, int *full_s,
                      int *retry_after_s);
/* The setting rate_limits. Off: every limit allows. */
void shared_limits_enable(bool on);

/* A number that grows whenever the object changes. A cache keeps it with its copy and reads again when it differs. */
uint64_t shared_generation(const char *name, struct id id);
/* Call it after the commit: before, another program could cache the old state under the new number. */
void shared_bump(const char *name, struct id id);

#endif
