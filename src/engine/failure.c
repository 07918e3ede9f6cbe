/* failure.c: what the failures of all servers have in common. Each server has its own shape and words for the same few
 * reasons, and several of them wear the wrong HTTP status: an account without credit answers 400, 403 or 429. So words
 * that are known decide first, and the status only when there are none. */
#include "engine/failure.h"

#include <strings.h>

#include "base/utf8.h"

#include "base/banned.h"

#define REDACT_MIN 8 /* bytes of a secret that are worth hiding; servers show the first or last four */

static const struct {
    const char *name, *text;
    enum engine_retry retry;
    bool next;
} classes[] = {
#define CLASS(name, retry, next, text) [ENGINE_##name] = {#name, text, ENGINE_RETRY_##retry, next},
#include "engine/engine_class.def"
#undef CLASS
};

const char *engine_class_name(enum engine_class c)
{
    return classes[c].name;
}

enum engine_retry engine_class_retry(enum engine_class c)
{
    return classes[c].retry;
}

bool engine_class_next(enum engine_class c)
{
    return classes[c].next;
}

enum engine_class engine_class_of_status(int status)
{
    static const struct {
        int status;
        enum engine_class class;
    } known[] = {
        {401, ENGINE_AUTH},      {402, ENGINE_QUOTA},         {403, ENGINE_AUTH},          {404, ENGINE_NOT_FOUND},
        {405, ENGINE_NOT_FOUND}, {408, ENGINE_TOTAL_TIMEOUT}, {410, ENGINE_NOT_FOUND},     {424, ENGINE_UPSTREAM},
        {429, ENGINE_RATE},      {503, ENGINE_OVERLOADED},    {504, ENGINE_TOTAL_TIMEOUT},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (known[i].status == status)
            return known[i].class;
    if (status >= 500)
        return ENGINE_UPSTREAM;
    if (status >= 400)
        return ENGINE_REQUEST;
    /* A redirect is never followed: it would carry the key to another host. */
    return status >= 200 && status < 300 ? ENGINE_OK : ENGINE_PROTOCOL;
}

/* True if `part`, which is in lower case, occurs in s in any case. */
static bool failure_has(struct str s, const char *part)
{
    size_t n = strlen(part);
    for (size_t i = 0; i + n <= s.n; i++)
        if (strncasecmp(s.p + i, part, n) == 0)
            return true;
    return false;
}

/* The first row that fits decides, so the more specific words come first. */
enum engine_class engine_class_of_words(struct str code, struct str detail)
{
    static const struct {
        const char *words;
        bool code_only; /* as a sentence the words may mean something else */
        enum engine_class class;
    } known[] = {
        {"insufficient_quota", false, ENGINE_QUOTA},
        {"credit_balance", true, ENGINE_QUOTA},
        {"credit balance is too low", false, ENGINE_QUOTA},
        {"billing_error", true, ENGINE_QUOTA},
        {"_spend_limit_exceeded", true, ENGINE_QUOTA},
        {"_usage_limit_exceeded", true, ENGINE_QUOTA},
        {"quotaexceeded", true, ENGINE_QUOTA},
        {"paymentrequired", true, ENGINE_QUOTA},
        {"exceeded your current quota", false, ENGINE_QUOTA},
        {"context_length_exceeded", false, ENGINE_TOO_LONG},
        {"exceed_context_size", false, ENGINE_TOO_LONG},
        {"maximum context length", false, ENGINE_TOO_LONG},
        {"prompt is too long", false, ENGINE_TOO_LONG},
        {"`inputs` must have less than", false, ENGINE_TOO_LONG},
        {"`inputs` tokens + `max_new_tokens` must be", false, ENGINE_TOO_LONG},
        {"request_too_large", true, ENGINE_TOO_LONG},
        {"content_filter", true, ENGINE_FILTERED},
        {"content_policy_violation", true, ENGINE_FILTERED},
        {"model_not_found", true, ENGINE_NOT_FOUND},
        {"invalid_api_key", true, ENGINE_AUTH},
        {"authentication_error", true, ENGINE_AUTH},
        {"permission_error", true, ENGINE_AUTH},
        {"not_found_error", true, ENGINE_NOT_FOUND},
        {"rate_limit", true, ENGINE_RATE},
        {"overloaded", true, ENGINE_OVERLOADED},
        {"currently loading", false, ENGINE_LOADING},
        {"loading model", false, ENGINE_LOADING},
        {"invalid_request_error", true, ENGINE_REQUEST},
        {"badrequest", true, ENGINE_REQUEST},
        {"validation", true, ENGINE_REQUEST},
        {"template_error", true, ENGINE_REQUEST},
        {"tool_error", true, ENGINE_REQUEST},
        {"api_error", true, ENGINE_UPSTREAM},
        {"server_error", true, ENGINE_UPSTREAM},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (failure_has(code, known[i].words) || (!known[i].code_only && failure_has(detail, known[i].words)))
            return known[i].class;
    return ENGINE_OK;
}

void engine_failure_detail(struct engine_failure *f, struct str text)
{
    struct str rest = str_trim(text);
    size_t n = 0;
    while (rest.n) {
        char c[4];
        uint32_t cp = utf8_next(&rest);
        size_t size = utf8_encode(cp < ' ' || cp == 0x7F ? ' ' : cp, c);
        if (n + size >= sizeof(f->detail))
            break;
        memcpy(f->detail + n, c, size);
        n += size;
    }
    f->detail[n] = '\0';
}

void engine_failure_code(struct engine_failure *f, struct str code)
{
    size_t n = 0;
    for (; n < code.n && n + 1 < sizeof(f->code) && code.p[n] > ' ' && code.p[n] < 0x7F; n++)
        f->code[n] = code.p[n];
    f->code[n] = '\0';
}

/* OpenAI has "code" and "type", where the code may be null or a number that repeats the HTTP status (vLLM, llama.cpp);
 * TGI and TEI have "error_type"; Google has "status"; Botpress has "type". */
void engine_failure_take_code(struct engine_failure *f, const struct json *error)
{
    static const char *const codes[] = {"code", "error_type", "errorCode", "type", "status"};
    for (size_t i = 0; i < COUNT_OF(codes) && !f->code[0]; i++)
        engine_failure_code(f, json_get_str(error, codes[i]));
}

void engine_failure_take(struct engine_failure *f, const struct json *error)
{
    static const char *const words[] = {"message", "error", "detail", "title"};
    if (json_is(error, JSON_STRING)) {
        engine_failure_detail(f, json_str(error));
        return;
    }
    engine_failure_take_code(f, error);
    for (size_t i = 0; i < COUNT_OF(words) && !f->detail[0]; i++)
        engine_failure_detail(f, json_get_str(error, words[i]));
}

/* A proxy's page is not worth showing: its tags would be all that fits. */
static bool failure_is_page(struct str text)
{
    return str_starts(str_trim(text), STR("<"));
}

void engine_failure_read(struct engine_failure *f, const struct json *doc, struct str text)
{
    const struct json *error = json_get(doc, "error");
    double wait = json_double(json_get(doc, "estimated_time"), -1);
    if (error)
        engine_failure_take(f, error);
    if (doc)
        engine_failure_take(f, doc);
    else if (!failure_is_page(text))
        engine_failure_detail(f, text);
    f->class = engine_class_of_status(f->http);
    enum engine_class said = engine_class_of_words(json_is(error, JSON_OBJECT) &&
                                                           str_has(json_get_str(error, "type"), STR("insufficient"))
                                                       ? json_get_str(error, "type")
                                                       : str_from(f->code),
                                                   str_from(f->detail));
    if (said != ENGINE_OK)
        f->class = said;
    if (wait >= 0 && wait < 3600) {
        f->class = ENGINE_LOADING;
        f->retry_after_ms = (int64_t)(wait * 1000);
    }
}

static void failure_redact(char *text, struct str secret)
{
    for (size_t at = 0; text[at]; at++) {
        size_t best = 0;
        for (size_t from = 0; from < secret.n; from++) {
            size_t n = 0;
            while (from + n < secret.n && text[at + n] && text[at + n] == secret.p[from + n])
                n++;
            if (n > best)
                best = n;
        }
        if (best >= REDACT_MIN || (best && best == secret.n)) {
            memmove(text + at + 3, text + at + best, best >= 3 ? strlen(text + at + best) + 1 : 0);
            memcpy(text + at, "***", best >= 3 ? 3 : best);
            at += best >= 3 ? 2 : best - 1;
        }
    }
}

void engine_failure_redact(struct engine_failure *f, struct str secret)
{
    failure_redact(f->code, secret);
    failure_redact(f->detail, secret);
    failure_redact(f->upstream_id, secret);
}

void engine_failure_text(struct buf *b, const struct engine_failure *f)
{
    buf_puts(b, classes[f->class].text);
    if (!f->http && !f->detail[0])
        return;
    buf_puts(b, " (");
    if (f->http)
        buf_printf(b, "%d%s", f->http, f->detail[0] ? ": " : "");
    buf_puts(b, f->detail);
    buf_putc(b, ')');
}
