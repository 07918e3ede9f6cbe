/* pattern.c: patterns of a tenant, matched within bounds. A pattern is written by a tenant and the text by a visitor,
 * so a match may cost no more than a fixed share of a thread: PCRE2 counts steps for each attempt, the number of
 * attempts is bounded by the steps of the whole search, and after that the processor time of this thread decides. A
 * match that ran out of its share counts as no match. */
#include "base/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <time.h>

#include "base/banned.h"

/* Of one attempt at one place of the text: some milliseconds at the very worst. */
#define MATCH_STEPS 100000
#define MATCH_DEPTH 1000
#define MATCH_HEAP_KB 2048
/* PCRE2 starts counting again at each place where a match may begin, so a search has bounds of its own: */
#define QUICK_STEPS 200000 /* over the whole text; an honest pattern over one message needs a few hundred */
#define QUICK_LEAST 20     /* at each place */
#define MATCH_US 20000     /* then place by place, against the clock */

struct pattern {
    pcre2_code *code;
    pcre2_match_context *limits;
};

static void pattern_free(void *ptr)
{
    struct pattern *p = ptr;
    pcre2_code_free(p->code);
    pcre2_match_context_free(p->limits);
}

/* The arena frees the pattern, in whatever way parsing ends, so the deferred call is registered before anything is
 * compiled. \C is forbidden because it could split a UTF-8 character. */
enum status pattern_new(struct arena *a, struct str source, struct pattern **out, struct err *e)
{
    struct pattern *p = ARENA_NEW(a, struct pattern);
    if (!p || arena_defer(a, pattern_free, p) != 0)
        return err_nomem(e);
    int code = 0;
    PCRE2_SIZE at = 0;
    p->code = pcre2_compile((PCRE2_SPTR)source.p, source.n, PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &code, &at,
                            NULL);
    if (!p->code) {
        if (code == PCRE2_ERROR_NOMEMORY || code == PCRE2_ERROR_HEAP_FAILED)
            return err_nomem(e);
        PCRE2_UCHAR why[120] = "";
        pcre2_get_error_message(code, why, sizeof(why));
        return err_set(e, E_flow_invalid, "the pattern is wrong at character %zu: %s", (size_t)at, (const char *)why);
    }
    p->limits = pcre2_match_context_create(NULL);
    if (!p->limits)
        return err_nomem(e);
    pcre2_set_match_limit(p->limits, MATCH_STEPS);
    pcre2_set_depth_limit(p->limits, MATCH_DEPTH);
    pcre2_set_heap_limit(p->limits, MATCH_HEAP_KB);
    *out = p;
    return OK;
}

size_t pattern_bytes(const struct pattern *p)
{
    size_t n = 0;
    return pcre2_pattern_info(p->code, PCRE2_INFO_SIZE, &n) == 0 ? n : 0;
}

/* Processor time of this thread, so that a busy machine answers as an idle one does. */
static int64_t pattern_thread_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static bool pattern_ended_by_limit(int found)
{
    return found == PCRE2_ERROR_MATCHLIMIT || found == PCRE2_ERROR_DEPTHLIMIT || found == PCRE2_ERROR_HEAPLIMIT;
}

struct pattern_search {
    const struct pattern *p;
    struct str text;
    size_t from;
    pcre2_match_data *data;
    pcre2_match_context *limits; /* of this search */
};

static int pattern_try_at(const struct pattern_search *s, size_t at, uint32_t options)
{
    return pcre2_match(s->p->code, (PCRE2_SPTR)s->text.p, s->text.n, at, options, s->data, s->limits);
}

/* Tries one place after the other, each with the steps of a whole attempt, until the time is used up. */
static int pattern_search_slowly(const struct pattern_search *s, int64_t end_us)
{
    int found = PCRE2_ERROR_NOMATCH;
    pcre2_set_match_limit(s->limits, MATCH_STEPS);
    for (size_t at = s->from; at <= s->text.n && found == PCRE2_ERROR_NOMATCH && pattern_thread_us() < end_us; at++)
        if (at == s->text.n || (s->text.p[at] & 0xC0) != 0x80)
            found = pattern_try_at(s, at, PCRE2_ANCHORED | PCRE2_NO_UTF_CHECK);
    return found;
}

/* An honest pattern is done within a few hundred steps at every place, so nearly every search ends in the first,
 * quick attempt. */
static int pattern_search(const struct pattern_search *s, int64_t end_us)
{
    size_t steps = QUICK_STEPS / (s->text.n - s->from + 2);
    pcre2_set_match_limit(s->limits, (uint32_t)(steps > QUICK_LEAST ? steps : QUICK_LEAST));
    int found = pattern_try_at(s, s->from, 0);
    return pattern_ended_by_limit(found) ? pattern_search_slowly(s, end_us) : found;
}

/* Returns what pcre2_match returned. *at and *end are set if it found something and they are not NULL. */
static int pattern_run(const struct pattern *p, struct str text, size_t from, bool whole, size_t *at, size_t *end,
                       int64_t *left_us)
{
    int found = PCRE2_ERROR_NOMEMORY;
    if (*left_us <= 0)
        return PCRE2_ERROR_MATCHLIMIT;
    struct pattern_search s = {p, text, from, pcre2_match_data_create(1, NULL), pcre2_match_context_copy(p->limits)};
    int64_t begin = pattern_thread_us(), most = *left_us < MATCH_US ? *left_us : MATCH_US;
    if (s.data && s.limits)
        found = whole ? pattern_try_at(&s, 0, PCRE2_ANCHORED | PCRE2_ENDANCHORED) : pattern_search(&s, begin + most);
    *left_us -= pattern_thread_us() - begin;
    if (found >= 0 && at) {
        const PCRE2_SIZE *place = pcre2_get_ovector_pointer(s.data);
        *at = place[0];
        *end = place[1];
    }
    pcre2_match_data_free(s.data);
    pcre2_match_context_free(s.limits);
    return found;
}

bool pattern_match(const struct pattern *p, struct str text, bool whole, int64_t *left_us)
{
    return pattern_run(p, text, 0, whole, NULL, NULL, left_us) >= 0;
}

/* Only a whole search without a match says that there is none: the slow search ends with PCRE2_ERROR_NOMATCH also when
 * its time is over. A match may begin before `from` by \K, or end before it begins; it hides nothing then. */
enum pattern_found pattern_find(const struct pattern *p, struct str text, size_t from, size_t *at, size_t *end,
                                int64_t *left_us)
{
    size_t first = from, last = from;
    int64_t begin = *left_us;
    int found = pattern_run(p, text, from, false, &first, &last, left_us);
    if (found >= 0 && first >= from && last >= first) {
        *at = first;
        *end = last;
        return PATTERN_FOUND;
    }
    if (found == PCRE2_ERROR_NOMATCH && *left_us > 0 && begin - *left_us < MATCH_US)
        return PATTERN_NONE;
    return PATTERN_TOO_SLOW;
}
