/* num.h: strict numbers. The whole text must be the number: no spaces, no sign where none is allowed, no overflow. */
#ifndef PARLEY_BASE_NUM_H
#define PARLEY_BASE_NUM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

bool num_u64(struct str s, uint64_t max, uint64_t *out);
bool num_i64(struct str s, int64_t min, int64_t max, int64_t *out);
bool num_double(struct str s, double *out);                /* decimal, finite; locale-free */
bool num_bytes(struct str s, uint64_t max, uint64_t *out); /* 512, 64K, 8M, 1G */
char *num_double_text(double v, char out[32]);             /* shortest form that reads back equal */

#endif
