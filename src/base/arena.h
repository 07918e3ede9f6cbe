/* arena.h: memory of one request, turn or job, all given back at once.
 *
 * Allocations are aligned for any type, zero-filled, and never freed one by one. `max` bounds their sum: beyond it, or
 * when the system has no memory, functions return NULL and the caller answers with err_nomem(). Thread rule: an arena
 * belongs to one thread at a time. */
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
    bool small;
};

void arena_init(struct arena *a, size_t max);
/* The same, but the first block has 512 bytes and not 4 KB: for arenas that are many, live long and hold little. */
void arena_init_small(struct arena *a, size_t max);
/* Run the deferred calls, newest first, then forget every allocation. One block of at most 64 KB is kept for reuse. */
void arena_reset(struct arena *a);
/* Bytes that the arena holds for reuse after a reset. */
size_t arena_kept(const struct arena *a);
/* Reset, and give all memory back. */
void arena_release(struct arena *a);

void *arena_alloc(struct arena *a, size_t size) __attribute__((warn_unused_result));
/* `count` elements of `size` bytes; NULL also when the product overflows. */
void *arena_array(struct arena *a, size_t count, size_t size) __attribute__((warn_unused_result));
/* A copy that ends with NUL. */
char *arena_strdup(struct arena *a, struct str s) __attribute__((warn_unused_result));
/* A copy as a struct str. Without memory it is "" and *ok becomes false; *ok is never set to true, so one check at the
 * end of several copies suffices. */
struct str arena_str(struct arena *a, struct str s, bool *ok);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((warn_unused_result, format(printf, 2, 3)));
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
    __attribute__((warn_unused_result, format(printf, 2, 0)));
/* Call fn(ptr) at the reset. Returns 0, or -1 without memory; fn(ptr) has then been called already, so nothing can
 * leak. */
int arena_defer(struct arena *a, void (*fn)(void *), void *ptr) __attribute__((warn_unused_result));
/* Count memory that is held elsewhere for as long as the arena's own (json-c trees: a deferred call releases them).
 * False when that is more than `max` allows. */
bool arena_charge(struct arena *a, size_t bytes) __attribute__((warn_unused_result));

#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))

#endif
