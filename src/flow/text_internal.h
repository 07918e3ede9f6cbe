/* text_internal.h: texts of a flow: templates with {{variables}}, folding for comparison, the words Parley itself
 * says. */
#ifndef PARLEY_FLOW_TEXT_INTERNAL_H
#define PARLEY_FLOW_TEXT_INTERNAL_H

#include "flow/model_internal.h"

/* What two texts are compared by: case and accents folded, runs of white space one space, punctuation off both ends
 * (unless nothing else is there). *ok false (and "" returned) without memory. */
struct str text_fold(struct arena *a, struct str s, bool *ok);

/* The next piece of a template: true with *lit before it and *name (empty at the end of the text); false at the end.
 * *is_secret set: it was {{secret.name}}. *bad set: a "{{" that is not closed or holds no name. */
struct tpl_scan {
    struct str rest;
    struct str lit, name;
    bool has_name, is_secret, bad;
};
bool tpl_next(struct tpl_scan *s);

/* Appends the template with its variables; `vars` indexed as the flow's. Without secrets: run_http.c takes a header
 * apart at them. */
struct tpl_values {
    const struct value *vars;
    struct str input, language;
};
void tpl_render(struct buf *out, const struct tpl *t, const struct tpl_values *v);

static inline bool text_is_digit(char c) /* ASCII only: these digits become numbers */
{
    return c >= '0' && c <= '9';
}

/* Name rules: letters, digits, _ (and - where `dash`), beginning with a letter or _ (or a digit where `dash`). */
bool name_ok(struct str s, bool dash);

/* Parley's own sentences, in the language or else in English. */
enum say_word {
    WORD_FALLBACK,
    WORD_DID_YOU_MEAN,
    WORD_RETRY_TEXT,
    WORD_RETRY_EMAIL,
    WORD_RETRY_NUMBER,
    WORD_RETRY_DATE,
    WORD_RETRY_PHONE,
    WORD_RETRY_CHOICE,
    WORD_RETRY_PATTERN,
    WORD_COUNT
};
struct str word_get(enum say_word w, struct str language);
/* A day as people write it: 4 March 2026, 4 de marzo de 2026; YYYY-MM-DD in a language without names here. */
void day_show(struct buf *out, struct str iso, struct str language);

#endif
