/* openai.c: what the OpenAI-compatible routes share. */
#define _GNU_SOURCE /* memmem */
#include "api/openai.h"

#include "base/limits.h"
#include "engine/text.h"
#include "talk/visitor.h"

#include "base/banned.h"

/* ---- errors ---- */

/* The clients decide by the HTTP status whether to try again; the type is for people and logs. */
static const char *openai_error_type(int status)
{
    switch (status) {
    case 401:
        return "authentication_error";
    case 402:
        return "insufficient_quota";
    case 403:
        return "permission_error";
    case 404:
        return "not_found_error";
    case 429:
        return "rate_limit_error";
    default:
        return status >= 500 ? "server_error" : "invalid_request_error";
    }
}

/* Codes that programs written for OpenAI compare with; any other code is Parley's own. */
static const char *openai_error_code(const struct err *e, int status)
{
    if (status == 401)
        return "invalid_api_key";
    if (err_is(e, E_bot_unknown))
        return "model_not_found";
    if (err_is(e, E_rate_limited))
        return "rate_limit_exceeded";
    return err_code(e);
}

void openai_write_error(struct buf *b, const struct err *e, int status)
{
    const char *param = e->pointer[0] == '/' ? e->pointer + 1 : e->pointer;
    buf_puts(b, "{\"error\":{\"message\":");
    buf_json(b, str_from(e->message));
    buf_puts(b, ",\"type\":");
    buf_json(b, str_from(openai_error_type(status)));
    buf_puts(b, ",\"param\":");
    if (*param)
        buf_json(b, str_from(param));
    else
        buf_puts(b, "null");
    buf_puts(b, ",\"code\":");
    buf_json(b, str_from(openai_error_code(e, status)));
    buf_puts(b, "}}");
}

/* A plan that is used up, or a key without the right, will not be there on the second try, and a turn whose answer was
 * interrupted is recorded, so that a second try would be a second message: the header keeps the clients from trying. */
bool openai_problem(struct request *rq, const struct err *e, int status)
{
    static const char *const routes[] = {"/v1/chat/", "/v1/embeddings", "/v1/models"};
    bool mine = false;
    for (size_t i = 0; i < COUNT_OF(routes); i++)
        mine = mine || str_starts(rq->path, str_from(routes[i]));
    if (!mine)
        return false;
    reply_type(rq, "application/json");
    if (status == 402 || status == 409 || err_is(e, E_answer_interrupted))
        reply_header(rq, "X-Should-Retry", STR("false"));
    openai_write_error(reply_body(rq), e, status);
    return true;
}

enum status openai_read_user(const struct json *in, struct str *out, struct err *e)
{
    *out = json_get_str(in, "user");
    if (out->n > VISITOR_NAME_MAX)
        return err_at(e, E_id_too_long, "/user", "\"user\" can have at most %d bytes.", VISITOR_NAME_MAX);
    return OK;
}

/* ---- stop and max_tokens ---- */

static enum status cut_pass(struct openai_cut *c, struct str text, struct err *e)
{
    if (c->max_tokens) {
        struct str fits = text_fit(text, c->max_tokens * TEXT_QUARTERS - c->quarters);
        if (fits.n < text.n)
            c->ended = c->cut = true;
        text = fits;
    }
    c->quarters += text_quarters(text);
    return text.n ? c->out(c->ctx, text, e) : OK;
}

/* Where the first stop sequence begins in what is held; -1 if none is whole. */
static ptrdiff_t cut_find_stop(const struct openai_cut *c)
{
    ptrdiff_t first = -1;
    for (size_t i = 0; i < c->stop_n; i++) {
        const char *at = c->held.n ? memmem(c->held.p, c->held.n, c->stop[i].p, c->stop[i].n) : NULL;
        if (at && (first < 0 || at - c->held.p < first))
            first = at - c->held.p;
    }
    return first;
}

/* How many bytes at the end may be the beginning of a stop sequence. */
static size_t cut_tail(const struct openai_cut *c)
{
    size_t most = 0;
    for (size_t i = 0; i < c->stop_n; i++)
        for (size_t n = c->stop[i].n - 1; n > most; n--)
            if (n <= c->held.n && memcmp(c->held.p + c->held.n - n, c->stop[i].p, n) == 0)
                most = n;
    return most;
}

enum status openai_cut_add(struct openai_cut *c, struct str text, struct err *e)
{
    if (c->ended)
        return OK;
    if (c->stop_n == 0)
        return cut_pass(c, text, e);
    buf_str_add(&c->held, text);
    if (!buf_ok(&c->held))
        return err_nomem(e);
    ptrdiff_t stop = cut_find_stop(c);
    size_t keep = stop >= 0 ? 0 : cut_tail(c);
    enum status st = cut_pass(c, str_n(c->held.p, stop >= 0 ? (size_t)stop : c->held.n - keep), e);
    if (stop >= 0)
        c->ended = true;
    if (c->held.n > keep) {
        memmove(c->held.p, c->held.p + c->held.n - keep, keep);
        c->held.n = keep;
        c->held.p[keep] = '\0';
    }
    return st;
}

enum status openai_cut_end(struct openai_cut *c, struct err *e)
{
    enum status st = c->ended ? OK : cut_pass(c, buf_str(&c->held), e);
    c->ended = true;
    return st;
}

void openai_cut_again(struct openai_cut *c)
{
    buf_clear(&c->held);
    c->quarters = 0;
    c->ended = c->cut = false;
}

int64_t openai_cut_tokens(const struct openai_cut *c)
{
    return (int64_t)((c->quarters + TEXT_QUARTERS - 1) / TEXT_QUARTERS);
}
