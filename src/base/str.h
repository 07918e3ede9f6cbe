/* str.h: a borrowed piece of text: pointer and length, not necessarily NUL-terminated. Copied by value, owns nothing. */
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
#define STR_F(s) (int)(s).n, (s).p /* for "%.*s" */

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

bool str_ieq(struct str a, struct str b); /* ASCII case folded */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
bool str_has(struct str s, struct str part);             /* contains */
struct str str_trim(struct str s);                       /* ASCII white space off both ends */
struct str str_sub(struct str s, size_t from, size_t n); /* clipped to s */
int str_cmp(struct str a, struct str b);                 /* bytewise: <0, 0, >0 */
ptrdiff_t str_find(struct str s, char c);                /* index or -1 */
bool str_one_line(struct str s);                         /* no line break in it */
/* Take off what stands before `sep` (or all of *rest); *rest moves behind it. False when *rest was already at its end. */
bool str_split(struct str *rest, char sep, struct str *part);

#endif
