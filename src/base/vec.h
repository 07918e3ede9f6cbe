/* vec.h: a growing array of one type: VEC(struct foo) v = {0}; VEC_PUSH(&v, item) is 0, or -1 without memory;
 * VEC_RELEASE(&v). */
#ifndef PARLEY_BASE_VEC_H
#define PARLEY_BASE_VEC_H

#include <stddef.h>
#include <stdlib.h>

#define VEC(type)      \
    struct {           \
        type *p;       \
        size_t n, cap; \
    }
/* Make room for n + 1 items of `item` bytes. Returns 0, or -1 without memory. */
int vec_grow(void **p, size_t *cap, size_t n, size_t item);
#define VEC_PUSH(v, item)                                                                       \
    (((v)->n < (v)->cap || vec_grow((void **)&(v)->p, &(v)->cap, (v)->n, sizeof(*(v)->p)) == 0) \
         ? ((v)->p[(v)->n++] = (item), 0)                                                       \
         : -1)
#define VEC_RELEASE(v) (free((v)->p), (v)->p = NULL, (v)->n = (v)->cap = 0)

#endif
