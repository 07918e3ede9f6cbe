/* embeddings.c: POST /v1/embeddings: vectors of texts, by the engine of a bot. The first engine of the bot's chain that
 * can embed is asked, and no other one when it fails: vectors of two models cannot be compared, so a client that stores
 * them is better served with an error. The request is parked while the engine works, and holds no connection. */
#include "api/api.h"
#include "api/openai.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/ops.h"
#include "engine/workspace/account.h"
#include "engine/workspace/engines.h"

#include "base/banned.h"

#define EMBEDDING_TEXTS_MAX 256 /* so that the reply fits into MAX_REPLY with the usual sizes of vectors */
#define EMBEDDING_LOOK_MS 1000  /* how often to look whether the client has left */

struct embedding {
    struct request *rq;
    struct id bot;
    struct str model;
    bool base64;
    struct str texts[EMBEDDING_TEXTS_MAX];
    size_t n; /* of the texts */
    struct engine_account account;
    struct engine_link link;
    struct engine_chain *chain;
    bool left;                                        /* the client has left, and the call is being ended */
    struct engine_event vectors[EMBEDDING_TEXTS_MAX]; /* by the index of the text */
};

/* ---- the request ---- */

/* Tokens (lists of numbers) belong to the tokenizer of one model, and the bot's engine may have another one. */
static enum status embedding_read_input(struct embedding *x, const struct json *input, struct err *e)
{
    bool one = json_is(input, JSON_STRING);
    size_t n = one ? 1 : json_len(input);
    bool good = one || json_is(input, JSON_ARRAY);
    if (n > EMBEDDING_TEXTS_MAX)
        return err_at(e, E_field_type, "/input", "\"input\" can have at most %d texts.", EMBEDDING_TEXTS_MAX);
    for (size_t i = 0; good && i < n; i++) {
        const struct json *text = one ? input : json_at(input, i);
        x->texts[i] = json_str(text);
        good = json_is(text, JSON_STRING) && x->texts[i].n > 0;
    }
    x->n = n;
    return good && n ? OK
                     : err_at(e, E_field_type, "/input", "\"input\" must be a text or a list of texts, none empty.");
}

static enum status embedding_read(struct embedding *x, struct err *e)
{
    struct json *in = NULL;
    enum status st = request_json(x->rq, &in, e);
    if (st != OK)
        return st;
    struct str format = json_get_str(in, "encoding_format");
    x->model = json_get_str(in, "model");
    x->base64 = str_eqz(format, "base64");
    if (!id_parse(ID_BOT, x->model, &x->bot))
        return err_raise_at(e, E_bot_unknown, "/model");
    if (format.n && !x->base64 && !str_eqz(format, "float"))
        return err_at(e, E_field_type, "/encoding_format", "\"encoding_format\" must be \"float\" or \"base64\".");
    if (json_get(in, "dimensions"))
        return err_at(e, E_field_type, "/dimensions",
                      "The engine decides how many dimensions a vector has. Leave \"dimensions\" out.");
    st = openai_read_user(in, &x->account.visitor, e);
    return st == OK ? embedding_read_input(x, json_get(in, "input"), e) : st;
}

/* Embeddings count in the caps of the bot like any other call. */
static enum status embedding_check_caps(struct embedding *x, struct db *c, const struct json *limits, struct err *e)
{
    const char *why = NULL;
    x->account.tenant = x->rq->who.tenant;
    x->account.bot = x->bot;
    x->account.purpose = "embed";
    x->account.limits = limits;
    enum status st = engine_account_check(c, &x->account, clock_now_ms(), x->rq->arena, &why, e);
    return st == OK && why ? err_set(e, E_engine_capped, "%s", why) : st;
}

static enum status embedding_find(struct embedding *x, struct err *e)
{
    struct guard *g = x->rq->app;
    struct engine_link *links = arena_array(x->rq->arena, ENGINE_LINKS_MAX, sizeof(*links));
    struct bot_engines b;
    struct db *c = NULL;
    size_t n = 0, i = 0;
    enum status st = links ? db_get(g->pool, &c, e) : err_nomem(e);
    if (st == OK)
        st = engines_for_turn(c, x->rq->config, x->rq->who.tenant, x->bot, 0, x->rq->arena, &b, links, &n, e);
    while (i < n && !engine_can_embed(links[i].type, links[i].settings))
        i++;
    if (st == OK && i == n)
        st = err_at(e, E_field_type, "/model", "No engine of this bot can make embeddings.");
    if (st == OK)
        st = embedding_check_caps(x, c, b.limits, e);
    if (st == OK)
        x->link = links[i];
    db_put(c);
    return st;
}

/* ---- the reply ---- */

static void embedding_write_vector(const struct embedding *x, struct buf *b, const struct engine_event *v)
{
    if (x->base64) { /* little-endian floats, which is how this machine has them */
        buf_putc(b, '"');
        crypto_base64(b, v->vector, v->dimensions * sizeof(*v->vector));
        buf_putc(b, '"');
        return;
    }
    for (size_t i = 0; i < v->dimensions; i++)
        buf_printf(b, "%c%.9g", i ? ',' : '[', (double)v->vector[i]);
    buf_putc(b, ']');
}

static void embedding_reply(struct embedding *x, const struct engine_outcome *o)
{
    struct buf *b = reply_body(x->rq);
    const struct engine_try *last = &o->tries[o->try_count - 1];
    long long tokens = last->usage.tokens_in >= 0 ? last->usage.tokens_in : last->estimate.tokens_in;
    reply_status(x->rq, 200);
    reply_type(x->rq, "application/json");
    buf_puts(b, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < x->n; i++) {
        buf_printf(b, "%s{\"object\":\"embedding\",\"index\":%zu,\"embedding\":", i ? "," : "", i);
        embedding_write_vector(x, b, &x->vectors[i]);
        buf_putc(b, '}');
    }
    buf_puts(b, "],\"model\":");
    buf_json(b, x->model);
    buf_printf(b, ",\"usage\":{\"prompt_tokens\":%lld,\"total_tokens\":%lld}}", tokens, tokens);
}

/* ---- asking ---- */

static enum status embedding_drain(struct embedding *x, struct err *e)
{
    struct engine_event ev;
    while (engine_chain_next(x->chain, x->rq->arena, &ev, e))
        if (ev.kind == ENGINE_EVENT_VECTOR && ev.index < x->n)
            x->vectors[ev.index] = ev;
    return e->status;
}

/* A text without its vector would shift the others for a client that counts on their order. */
static enum status embedding_check(const struct embedding *x, const struct engine_outcome *o, struct err *e)
{
    struct buf b;
    if (x->left)
        return err_raise(e, E_gone);
    if (o->end.class != ENGINE_OK) {
        buf_init(&b, 4 * KB);
        engine_failure_text(&b, &o->end);
        enum status st = buf_ok(&b) ? err_set(e, E_engine_failed, "%.*s", STR_F(buf_str(&b))) : err_nomem(e);
        buf_release(&b);
        return st;
    }
    for (size_t i = 0; i < x->n; i++)
        if (!x->vectors[i].dimensions)
            return err_set(e, E_engine_failed, "The engine left out a vector.");
    return OK;
}

/* A database that is away does not take the vectors from the client. */
static void embedding_record(struct embedding *x, const struct engine_outcome *o)
{
    struct guard *g = x->rq->app;
    struct err e = ERR_INIT;
    struct db *c = NULL;
    enum status st = db_get(g->pool, &c, &e);
    if (st == OK)
        st = engine_account_record(c, &x->account, o, clock_now_ms(), &e);
    db_put(c);
    if (st != OK)
        log_line(LOG_ERROR, "engine_call_not_recorded", LOG_S("code", err_code(&e)), LOG_S("message", e.message));
}

static void embedding_continue(struct request *rq, void *ctx)
{
    struct embedding *x = ctx;
    struct engine_outcome o;
    struct err e = ERR_INIT;
    enum status st = embedding_drain(x, &e);
    bool over = st == OK && engine_chain_over(x->chain, &o);
    if (st == OK && !over && !x->left && request_gone(rq)) {
        x->left = true;
        engine_chain_cancel(x->chain);
    }
    if (st == OK && !over) {
        request_park(rq, EMBEDDING_LOOK_MS, embedding_continue, x);
        return;
    }
    if (over) {
        embedding_record(x, &o);
        st = embedding_check(x, &o, &e);
    }
    if (st == OK)
        embedding_reply(x, &o);
    else
        reply_problem(rq, &e);
}

static void embedding_release(void *ctx)
{
    struct embedding *x = ctx;
    engine_chain_free(x->chain);
}

void api_embeddings_post(struct request *rq)
{
    struct embedding *x = ARENA_NEW(rq->arena, struct embedding);
    struct waker waker = request_waker(rq);
    struct err e = ERR_INIT;
    enum status st = x && arena_defer(rq->arena, embedding_release, x) == 0 ? OK : err_nomem(&e);
    if (st == OK) {
        x->rq = rq;
        st = embedding_read(x, &e);
    }
    if (st == OK)
        st = embedding_find(x, &e);
    if (st == OK) {
        struct engine_chain_request ask = {.asking = ENGINE_ASK_EMBED,
                                           .tenant = rq->who.tenant,
                                           .links = &x->link,
                                           .link_count = 1,
                                           .texts = x->texts,
                                           .text_count = x->n};
        st = engine_chain_start(rq->config, &ask, &waker, &x->chain, &e);
    }
    if (st == OK)
        embedding_continue(rq, x);
    else
        reply_problem(rq, &e);
}
