/* str.h: a borrowed piece of text: pointer and length, not necessarily followed by a NUL. It is copied by value and
 * owns nothing. */
#ifndef PARLEY_BASE_STR_H
#define PARLEY_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct str {
    const char *p; /* never NULL; "" when empty */
    size_t n;      /* bytes */
};

/* The number of elements of an array. A pointer is refused by the compiler (-Wsizeof-pointer-div). */
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define STR(lit) ((struct str){"" lit, sizeof(lit) - 1})
#define STR_EMPTY ((struct str){"", 0})
#define STR_F(s) (int)(s).n, (s).p /* the two arguments of "%.*s" */

static inline struct str str_from(const char *z)
{
    return z ? (struct str){z, strlen(z)} : STR_EMPTY;
}
static inline struct str str_n(const char *p, size_t n)
{
    return (struct str){p ? p : "", p ? n : 0};
}
static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}
static inline bool str_eqz(struct str a, const char *z)
{
    return str_eq(a, str_from(z));
}

/* Equal if ASCII letters of either case count as the same. */
bool str_ieq(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
/* True if `part` occurs in s; "" occurs in every text. */
bool str_has(struct str s, struct str part);
/* Without ASCII white space at both ends. */
struct str str_trim(struct str s);
/* At most n bytes from index `from` on; both are clipped to s. */
struct str str_sub(struct str s, size_t from, size_t n);
/* Compare bytes: negative, 0 or positive. */
int str_cmp(struct str a, struct str b);
/* The index of the name that s is, among n names; n if it is none of them. */
size_t str_among(struct str s, const char *const *names, size_t n);
/* The same, but `otherwise` if it is none of them. */
size_t str_among_or(struct str s, const char *const *names, size_t n, size_t otherwise);
/* The index of the first c, or -1. */
ptrdiff_t str_find(struct str s, char c);
/* True if there is no line break in s. */
bool str_one_line(struct str s);
/* Take off the part before `sep` (or all of *rest) and move *rest past it. False when *rest is empty. */
bool str_split(struct str *rest, char sep, struct str *part);

#endif
