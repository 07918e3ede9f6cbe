/* rules.c: what a question with its answer must look like, and when two questions are the same. The limits are in
 * characters, as a person counts; the columns are large enough for them. */
#include "base/limits.h"
#include "base/utf8.h"
#include "knowledge/rules_internal.h"

#include "base/banned.h"

/* A link becomes an href in the visitor's page. Only http and https are let through, since javascript: would run there,
 * and no character that an address cannot hold. */
bool link_valid(struct str s)
{
    if (!s.n)
        return true;
    if (!str_starts(s, STR("https://")) && !str_starts(s, STR("http://")))
        return false;
    struct str rest = str_sub(s, s.p[4] == 's' ? 8 : 7, s.n);
    for (size_t i = 0; i < rest.n; i++)
        if ((unsigned char)rest.p[i] <= ' ' || strchr("\"<>\\^`{|}", rest.p[i]))
            return false;
    return rest.n > 0 && rest.p[0] != '/';
}

/* Empty is allowed and means the language of the bot. */
static bool is_language(struct str s)
{
    if (s.n == 1 || s.n > 35)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = (char)(s.p[i] | 0x20);
        if (!(c >= 'a' && c <= 'z') && !(s.p[i] >= '0' && s.p[i] <= '9') && s.p[i] != '-')
            return false;
    }
    return true;
}

/* The code and the words are returned apart, because an import reports them by row while a form needs the field. Texts
 * are trimmed in place, so callers store exactly what was checked. */
enum error_code answer_check(struct answer *w, const char **field, const char **words)
{
    const struct rule {
        const char *field;
        struct str *text;
        size_t max;
        const char *too_long;
    } rules[] = {{"question", &w->question, QUESTION_MAX, "A question can have at most 1000 characters."},
                 {"answer", &w->answer, ANSWER_MAX, "An answer can have at most 16000 characters."},
                 {"link", &w->link, LINK_MAX, "A link can have at most 2000 characters."},
                 {"source", &w->source, SOURCE_MAX, "A source can have at most 200 characters."},
                 {"language", &w->language, 35, "A language can have at most 35 characters."}};
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        struct str *t = rules[i].text;
        *t = str_trim(str_n(t->p, t->n)); /* a text that was never set is empty */
        *field = rules[i].field;
        if (!utf8_text(*t))
            return *words = "The text contains characters that cannot be displayed.", E_text_invalid;
        if (utf8_length(*t) > rules[i].max)
            return *words = rules[i].too_long, E_too_long;
    }
    if (!w->question.n)
        return *field = "question", *words = "The question is empty.", E_question_empty;
    if (!w->answer.n)
        return *field = "answer", *words = "The answer is empty.", E_answer_empty;
    if (!link_valid(w->link))
        return *field = "link", *words = "A link must begin with https:// or http:// and contain no spaces.",
               E_link_invalid;
    if (!str_one_line(w->source))
        return *field = "source", *words = "A source must fit on one line.", E_source_invalid;
    if (!is_language(w->language))
        return *field = "language", *words = "A language must be a tag such as \"en\" or \"pt-BR\".",
               E_language_invalid;
    return E_none;
}

/* Marks at the end of a question that do not make it another question. */
static bool is_closing_mark(uint32_t cp)
{
    return cp == '?' || cp == '!' || cp == '.' || cp == 0x2026 || cp == 0x3002 || cp == 0xFF1F || cp == 0xFF01;
}

/* Language and question, folded: case, runs of spaces and closing marks do not count. The language is part of it, so
 * the same question may have an answer in each language. */
bool answer_hash(const struct answer *w, uint8_t out[CRYPTO_HASH])
{
    struct str q = w->question;
    struct buf b;
    bool ok, space = false;
    buf_init(&b, 16 * KB);
    for (size_t i = 0; i < w->language.n; i++)
        buf_putc(&b, (char)(w->language.p[i] | (w->language.p[i] >= 'A' && w->language.p[i] <= 'Z' ? 0x20 : 0)));
    buf_putc(&b, '\n');
    size_t end = b.n; /* after the last character that counts */
    while (q.n) {
        uint32_t cp = utf8_lower(utf8_next(&q));
        char c[4];
        if (cp <= ' ' || cp == 0xA0) {
            space = true;
            continue;
        }
        if (space)
            buf_putc(&b, ' ');
        buf_add(&b, c, utf8_encode(cp, c));
        space = false;
        if (!is_closing_mark(cp))
            end = b.n;
    }
    ok = buf_ok(&b);
    crypto_digest(str_n(b.p, end), out);
    buf_release(&b);
    return ok;
}
