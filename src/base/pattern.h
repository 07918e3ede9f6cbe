/* pattern.h: regular expressions of a tenant, with limits that a hostile pattern cannot exceed. The one module that
 * knows PCRE2. */
#ifndef PARLEY_BASE_PATTERN_H
#define PARLEY_BASE_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

struct pattern;
/* UTF-8, without callouts' effect and \C. Lives as long as the arena; read-only, so thread safe. ERR_INVALID says
 * what is wrong. */
enum status pattern_new(struct arena *a, struct str source, struct pattern **out, struct err *e);
size_t pattern_bytes(const struct pattern *p); /* memory beside the arena: five characters can compile to 64 KB */
/* `whole`: the text from end to end, else anywhere in it. False also when the limits end the search, or *left_us is
 * spent: microseconds of the thread's time that patterns may still take; what this match took is subtracted. */
bool pattern_match(const struct pattern *p, struct str text, bool whole, int64_t *left_us);
/* Where the pattern matches first at or after `from`: *at and *end are unchanged unless it does. PATTERN_TOO_SLOW: the
 * limits ended the search, so whether it would match is unknown. */
enum pattern_found { PATTERN_NONE, PATTERN_FOUND, PATTERN_TOO_SLOW };
enum pattern_found pattern_find(const struct pattern *p, struct str text, size_t from, size_t *at, size_t *end,
                                int64_t *left_us);

#endif
