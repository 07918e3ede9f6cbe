/* arena.c: a bump allocator over a list of blocks.
 *
 * Blocks double up to 64 KB, beginning with 4 KB or, in a small arena, with 512 bytes. So a small request costs one
 * malloc and a large one few. After a reset one block stays, so a thread that serves requests all day allocates almost
 * nothing. `used` counts what was handed out, not the blocks. Invariant: only the head and a block that was just made
 * are allocated from, so finding memory takes no search. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/banned.h"

#define ALIGN (alignof(max_align_t))
#define FIRST_BLOCK 4096
#define SMALL_BLOCK 512
#define KEEP_BLOCK 65536

struct arena_block {
    struct arena_block *next;
    size_t cap, used; /* of data */
    alignas(max_align_t) char data[];
};

struct arena_defer {
    struct arena_defer *next;
    void (*fn)(void *);
    void *ptr;
};

void arena_init(struct arena *a, size_t max)
{
    *a = (struct arena){.max = max};
}

void arena_init_small(struct arena *a, size_t max)
{
    *a = (struct arena){.max = max, .small = true};
}

static size_t arena_round_up(size_t n)
{
    return (n + (ALIGN - 1)) & ~(size_t)(ALIGN - 1);
}

/* Adds a block that holds at least `need` bytes. Ordinary blocks stop growing at KEEP_BLOCK: a larger one could not be
 * kept at the reset. */
static struct arena_block *arena_new_block(struct arena *a, size_t need)
{
    size_t first = (a->small ? SMALL_BLOCK : FIRST_BLOCK) - sizeof(struct arena_block);
    size_t cap = a->head ? a->head->cap * 2 : first;
    if (cap > KEEP_BLOCK - sizeof(struct arena_block))
        cap = KEEP_BLOCK - sizeof(struct arena_block);
    if (cap < need)
        cap = need;
    struct arena_block *b = malloc(sizeof(*b) + cap);
    if (!b)
        return NULL;
    b->cap = cap;
    b->used = 0;
    /* An oversized block goes second, so that the free end of the head stays in use. */
    if (a->head && need > KEEP_BLOCK / 4) {
        b->next = a->head->next;
        a->head->next = b;
    } else {
        b->next = a->head;
        a->head = b;
    }
    return b;
}

/* Memory that is not cleared; NULL beyond the maximum. The comparisons cannot overflow, since a charge may have pushed
 * `used` to any value. */
static void *arena_take(struct arena *a, size_t size)
{
    if (size > a->max || size > SIZE_MAX / 4)
        return NULL;
    size_t n = arena_round_up(size ? size : 1);
    if (n > a->max - (a->used < a->max ? a->used : a->max))
        return NULL;
    struct arena_block *b = a->head;
    if (!b || b->cap - b->used < n) {
        b = arena_new_block(a, n);
        if (!b)
            return NULL;
    }
    void *p = b->data + b->used;
    b->used += n;
    a->used += n;
    return p;
}

/* Compared by subtraction, like arena_take: the sum of two large numbers could wrap around and pass. */
bool arena_charge(struct arena *a, size_t bytes)
{
    if (bytes > a->max - (a->used < a->max ? a->used : a->max))
        return false;
    a->used += bytes;
    return true;
}

/* Cleared, so that a struct whose fields are set one by one has no field of an earlier request in it. The memory is
 * reused, and forgotten fields would otherwise carry data from one tenant to another. */
void *arena_alloc(struct arena *a, size_t size)
{
    void *p = arena_take(a, size);
    return p ? memset(p, 0, size) : NULL;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    size_t n;
    return __builtin_mul_overflow(count, size, &n) ? NULL : arena_alloc(a, n);
}

char *arena_strdup(struct arena *a, struct str s)
{
    char *p = s.n < SIZE_MAX ? arena_take(a, s.n + 1) : NULL;
    if (!p)
        return NULL;
    if (s.n) /* p is NULL in a struct that was set to zeros */
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

struct str arena_str(struct arena *a, struct str s, bool *ok)
{
    char *p = arena_strdup(a, s);
    if (!p) {
        *ok = false;
        return STR_EMPTY;
    }
    return (struct str){p, s.n};
}

/* Format into a small array first: most texts fit, and their exact length is then known without a second pass. */
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
    char small[256];
    va_list again;
    va_copy(again, ap);
    char *p = NULL;
    int n = vsnprintf(small, sizeof(small), fmt, ap);
    if (n < 0)
        goto out;
    p = arena_take(a, (size_t)n + 1);
    if (p && (size_t)n < sizeof(small))
        memcpy(p, small, (size_t)n + 1);
    else if (p && vsnprintf(p, (size_t)n + 1, fmt, again) != n)
        p = NULL;
out:
    va_end(again);
    return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *p = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return p;
}

/* Without memory the function is called at once: the caller gave its object away and could only leak it. */
int arena_defer(struct arena *a, void (*fn)(void *), void *ptr)
{
    struct arena_defer *d = arena_take(a, sizeof(*d));
    if (!d) {
        fn(ptr);
        return -1;
    }
    *d = (struct arena_defer){.next = a->defers, .fn = fn, .ptr = ptr};
    a->defers = d;
    return 0;
}

/* A deferred call may itself allocate or defer, so the calls are taken off one by one until none is left. */
static void arena_run_defers(struct arena *a)
{
    while (a->defers) {
        struct arena_defer *d = a->defers;
        a->defers = d->next;
        d->fn(d->ptr);
    }
}

/* The first block of ordinary size is kept, so that the next request starts without malloc. Large blocks are freed: one
 * large request must not cost memory for ever. */
void arena_reset(struct arena *a)
{
    arena_run_defers(a);
    struct arena_block *keep = NULL, *next;
    for (struct arena_block *b = a->head; b; b = next) {
        next = b->next;
        if (!keep && b->cap + sizeof(*b) <= KEEP_BLOCK)
            keep = b;
        else
            free(b);
    }
    if (keep) {
        keep->used = 0;
        keep->next = NULL;
    }
    a->head = keep;
    a->used = 0;
}

size_t arena_kept(const struct arena *a)
{
    return a->head ? a->head->cap : 0;
}

void arena_release(struct arena *a)
{
    arena_reset(a);
    free(a->head);
    a->head = NULL;
}
