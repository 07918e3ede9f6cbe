/* vec.c: the one function behind the VEC macros.
 *
 * Doubling keeps the cost of n appends linear. The element size comes from the macro, so a vector has its own type and
 * needs no casts at its uses. */
#include "base/vec.h"

#include <stdint.h>

#include "base/banned.h"

int vec_grow(void **p, size_t *cap, size_t n, size_t item)
{
    if (n < *cap)
        return 0;
    size_t want = *cap ? *cap * 2 : 8;
    size_t bytes;
    if (want <= *cap || __builtin_mul_overflow(want, item, &bytes))
        return -1;
    void *q = realloc(*p, bytes);
    if (!q)
        return -1;
    *p = q;
    *cap = want;
    return 0;
}
