#include "flow/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/banned.h"

/* Some milliseconds at the very worst; an honest pattern over one message needs a few hundred. */
#define MATCH_STEPS 100000
#define MATCH_DEPTH 1000
#define MATCH_HEAP_KB 2048

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
        if (code == PCRE2_ERROR_NOMEMORY || code == 121) /* 121: "failed to allocate heap memory" while compiling */
            return err_nomem(e);
        PCRE2_UCHAR why[120] = "";
        pcre2_get_error_message(code, why, sizeof why);
        return err_set(e, ERR_INVALID, "flow_invalid", "the pattern is wrong at character %zu: %s", (size_t)at,
                       (const char *)why);
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

bool pattern_match(const struct pattern *p, struct str text, bool whole)
{
    pcre2_match_data *m = pcre2_match_data_create(1, NULL);
    if (!m)
        return false;
    uint32_t options = whole ? PCRE2_ANCHORED | PCRE2_ENDANCHORED : 0;
    int found = pcre2_match(p->code, (PCRE2_SPTR)text.p, text.n, 0, options, m, p->limits);
    pcre2_match_data_free(m);
    return found >= 0;
}
