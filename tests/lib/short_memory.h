/* short_memory.h: allocation failures on request. The program's own malloc replaces the C library's, for the
 * libraries that are linked as well: set `countdown`, run, set it back to -1. Sanitizers need malloc for themselves:
 * then INTERPOSED is 0 and nothing fails. Include it in the one .c file of a test program. */
#ifndef PARLEY_TESTS_LIB_SHORT_MEMORY_H
#define PARLEY_TESTS_LIB_SHORT_MEMORY_H

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define INTERPOSED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define INTERPOSED 0
#endif
#endif
#ifndef INTERPOSED
#define INTERPOSED 1
#endif

#define OFTEN_UNUSED __attribute__((unused))
static __thread long countdown OFTEN_UNUSED = -1; /* allocations of this thread until one fails; below 0: none does */
static __thread bool forever OFTEN_UNUSED;        /* and all after it too */
static __thread long live OFTEN_UNUSED,
    failures OFTEN_UNUSED; /* blocks of this thread that are not freed; what failed */

#if INTERPOSED
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void __libc_free(void *p);

static bool fails(void)
{
    if (countdown < 0 || countdown-- > 0)
        return false;
    if (forever)
        countdown = 0;
    failures++;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t n)
{
    void *p = fails() ? NULL : __libc_malloc(n);
    live += p ? 1 : 0;
    return p;
}

void *calloc(size_t n, size_t size)
{
    void *p = fails() ? NULL : __libc_calloc(n, size);
    live += p ? 1 : 0;
    return p;
}

void *realloc(void *old, size_t n)
{
    if (fails())
        return NULL;
    void *p = __libc_realloc(old, n);
    live += !old && p;
    return p;
}

void free(void *p)
{
    live -= p ? 1 : 0;
    __libc_free(p);
}
#endif

#endif
