/* arena.h: memory of one request, turn or job; given back at once.
 *
 * Allocations are aligned for any type, zero-filled, never freed one by one. `max` bounds the sum: past it, or when the
 * system has none, functions return NULL and the caller answers err_nomem(). Not shared between threads. */
#ifndef PARLEY_BASE_ARENA_H
#define PARLEY_BASE_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct arena_block;
struct arena_defer;
struct arena {
    struct arena_block *head;
    struct arena_defer *defers;
    size_t used; /* bytes handed out or charged since the last reset */
    size_t max;  /* bytes */
};

void arena_init(struct arena *a, size_t max);
/* Runs the deferred calls, newest first, then forgets everything; keeps one block of at most 64 KB for reuse. */
void arena_reset(struct arena *a);
void arena_release(struct arena *a); /* reset, and all memory given back */

void *arena_alloc(struct arena *a, size_t size) __attribute__((warn_unused_result));
void *arena_array(struct arena *a, size_t count, size_t size) __attribute__((warn_unused_result)); /* overflow-safe */
char *arena_strdup(struct arena *a, struct str s) __attribute__((warn_unused_result)); /* NUL-terminated copy */
struct str arena_str(struct arena *a, struct str s,
                     bool *ok); /* copy as str; *ok false (and "" returned) without memory */
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((warn_unused_result, format(printf, 2, 3)));
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
    __attribute__((warn_unused_result, format(printf, 2, 0)));
/* Call fn(ptr) at reset. On failure fn(ptr) is called at once and -1 returned, so nothing can leak. */
int arena_defer(struct arena *a, void (*fn)(void *), void *ptr) __attribute__((warn_unused_result));

/* Count memory that is held elsewhere for as long as the arena's own (an arena_defer lets it go). False: that is more than it may have. */
bool arena_charge(struct arena *a, size_t bytes) __attribute__((warn_unused_result));

#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))

#endif
