/* num.h: strict numbers. The whole text must be the number: no spaces, no sign where none is allowed, no overflow.
 * Thread safe. */
#ifndef PARLEY_BASE_NUM_H
#define PARLEY_BASE_NUM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* False, and *out unchanged, unless the text is such a number within the bounds. */
bool num_u64(struct str s, uint64_t max, uint64_t *out);
bool num_i64(struct str s, int64_t min, int64_t max, int64_t *out);
/* -?D+(.D+)?([eE][+-]?D+)? and nothing else, however large. */
bool num_is_decimal(struct str s);
/* A finite decimal such as -1.5e3, whatever the locale. */
bool num_double(struct str s, double *out);
/* 512, 64K, 8M or 1G, in bytes. */
bool num_bytes(struct str s, uint64_t max, uint64_t *out);
/* The shortest text that reads back as the same double. Returns out. */
char *num_double_text(double v, char out[32]);

#endif
