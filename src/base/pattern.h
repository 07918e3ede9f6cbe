/* pattern.h: regular expressions of a tenant, with limits that a hostile pattern cannot exceed. The one module that
 * knows PCRE2. */
#ifndef PARLEY_BASE_PATTERN_H
#define PARLEY_BASE_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

struct pattern;
/* Compiles a pattern for UTF-8 text. Callouts have no effect, and \C is an error. The pattern lives as long as the
 * arena and is never changed, so any thread may use it. ERR_INVALID says what is wrong. */
enum status pattern_new(struct arena *a, struct str source, struct pattern **out, struct err *e);
/* The memory that it takes outside the arena: five characters can compile to 64 KB. */
size_t pattern_bytes(const struct pattern *p);
/* True if the pattern matches the whole text, or without `whole` any part of it. *left_us is the processor time of this
 * thread, in microseconds, that patterns may still take; what this match took is subtracted. False also when that time
 * or another limit ends the search. */
bool pattern_match(const struct pattern *p, struct str text, bool whole, int64_t *left_us);
/* Finds the first match at or after `from`, and sets *at and *end if there is one. PATTERN_TOO_SLOW: a limit ended the
 * search, so whether the pattern would match is unknown. */
enum pattern_found { PATTERN_NONE, PATTERN_FOUND, PATTERN_TOO_SLOW };
enum pattern_found pattern_find(const struct pattern *p, struct str text, size_t from, size_t *at, size_t *end,
                                int64_t *left_us);

#endif
