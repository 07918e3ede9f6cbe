/* stripe_cli.c: the Stripe client on a string: one JSON object a line in, one out, for the tests of this folder. Each
 * line opens the client
 * from the configuration as it is then. Sleeps between tries are noted, not slept, unless "real" is true.
 *
 *   {"op": "post", "path", "form": [[name, value], ...], "key", "deadline"}      also "json": {...} for /v2
 *   {"op": "get" | "delete" | "list", "path", "form", "deadline"}                "list" stops after "most"
 *   objects
 *   {"op": "settle", "key", "object"}   {"op": "reads"}   {"op": "mode"}   {"op": "clock", "ms"}
 *   {"op": "path", "pattern", "id"}   {"op": "check", "secrets", "header", "body", "now"}   {"op": "sign", "secret",
 *   "t", "body"} */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/limits.h"
#include "lines.h"
#include "stripe/client.h"
#include "stripe/failure.h"
#include "stripe/sign.h"

#include "base/banned.h"

struct job {
    struct arena *a;
    struct json *in, *out, *sleeps, *items;
    struct stripe s;
    struct stripe_form form;
    struct err e;
    int64_t most;
};

static struct db_pool *pool;

static const char *text(struct job *j, const char *name)
{
    return arena_strdup(j->a, json_get_str(j->in, name));
}

static void note_sleep(void *ctx, int64_t ms)
{
    struct json *n = json_new_object(((struct job *)ctx)->a);
    lines_must(n && json_set_int(n, "ms", ms) == 0 && json_push(((struct job *)ctx)->sleeps, n) == 0);
}

static void read_form(struct job *j)
{
    struct json *rows = json_get(j->in, "form");
    for (size_t i = 0; i < json_len(rows); i++) {
        struct json *row = json_at(rows, i), *value = json_at(row, 1);
        const char *name = arena_strdup(j->a, json_str(json_at(row, 0)));
        lines_must(name);
        switch (json_kind(value)) {
        case JSON_INT:
            stripe_param_int(&j->form, name, json_int(value, 0));
            break;
        case JSON_BOOL:
            stripe_param_bool(&j->form, name, json_bool(value));
            break;
        default:
            stripe_param_str(&j->form, name, json_str(value));
        }
    }
}

static enum status on_item(void *ctx, struct json *item, struct err *e)
{
    struct job *j = ctx;
    lines_must(json_push_copy(j->items, item) == 0);
    if (j->most && (int64_t)json_len(j->items) == j->most)
        return err_set(e, E_gone, "That is enough.");
    return OK;
}

static enum status post(struct job *j, int64_t deadline)
{
    struct stripe_post p = {
        .path = text(j, "path"), .form = &j->form, .idem_key = json_get_str(j->in, "key"), .deadline_ms = deadline};
    struct json *body = json_get(j->in, "json");
    struct stripe_reply r;
    enum status st = body ? stripe_post_json(&j->s, j->a, &p, body, &r, &j->e)
                          : stripe_post(&j->s, j->a, &p, &r, &j->e);
    if (st == OK)
        lines_must((r.body ? json_set_copy(j->out, "body", r.body) : json_set_null(j->out, "body")) == 0 &&
                   json_set_str(j->out, "object_id", r.object_id) == 0 &&
                   json_set_str(j->out, "request_id", r.request_id) == 0 &&
                   json_set_int(j->out, "status", r.status) == 0 && json_set_bool(j->out, "replayed", r.replayed) == 0);
    return st;
}

static enum status call(struct job *j, const char *op)
{
    int64_t deadline = json_int(json_get(j->in, "deadline"), 20000);
    struct json *body = NULL;
    if (strcmp(op, "post") == 0)
        return post(j, deadline);
    if (strcmp(op, "list") == 0) {
        lines_must((j->items = json_new_array(j->a)) && json_set(j->out, "items", j->items) == 0);
        return stripe_list_each(&j->s, text(j, "path"), &j->form, deadline, on_item, j, &j->e);
    }
    enum status st = (strcmp(op, "get") == 0 ? stripe_get : stripe_delete)(&j->s, j->a, text(j, "path"), &j->form,
                                                                           deadline, &body, &j->e);
    if (st == OK)
        lines_must(json_set_copy(j->out, "body", body) == 0 &&
                   json_set_bool(j->out, "deleted", stripe_deleted(body)) == 0 &&
                   json_set_str(j->out, "customer", stripe_id_of(json_get(body, "customer"))) == 0 &&
                   json_set_bool(j->out, "customer_there", json_has(body, "customer")) == 0);
    return st;
}

static enum status sign(struct job *j)
{
    struct buf b;
    uint8_t mac[32];
    char t[24];
    snprintf(t, sizeof(t), "%lld", (long long)json_int(json_get(j->in, "t"), 0));
    const struct str parts[] = {str_from(t), STR("."), json_get_str(j->in, "body")};
    crypto_hmac_sha256_parts(json_get_str(j->in, "secret"), parts, 3, mac);
    buf_init(&b, KB);
    buf_printf(&b, "t=%s,v1=", t);
    crypto_hex(&b, mac, sizeof(mac));
    lines_must(buf_ok(&b) && json_set_str(j->out, "header", buf_str(&b)) == 0);
    buf_release(&b);
    return OK;
}

/* What needs no client. False: op is something else. */
static bool aside(struct job *j, const char *op, enum status *out)
{
    int64_t n = 0;
    *out = OK;
    if (strcmp(op, "clock") == 0)
        clock_set_for_test(json_int(json_get(j->in, "ms"), 0));
    else if (strcmp(op, "sign") == 0)
        *out = sign(j);
    else if (strcmp(op, "check") == 0)
        *out = stripe_sign_check(text(j, "secrets"), json_get_str(j->in, "header"), json_get_str(j->in, "body"),
                                 json_int(json_get(j->in, "now"), 0), &j->e);
    else if (strcmp(op, "settle") == 0)
        *out = stripe_call_settle(pool, json_get_str(j->in, "key"), json_get_str(j->in, "object"), &j->e);
    else if (strcmp(op, "path") == 0)
        lines_must(json_set_str(j->out, "path",
                                str_from(stripe_path(j->a, text(j, "pattern"), text(j, "id"), (char *)NULL))) == 0);
    else if (strcmp(op, "reads") == 0) {
        *out = stripe_reads(pool, clock_now_ms(), &n, &j->e);
        lines_must(json_set_int(j->out, "reads", n) == 0);
    } else
        return false;
    return true;
}

static enum status with_client(struct job *j, const char *op)
{
    const struct config *config = NULL;
    enum status st = config_load(NULL, &config, &j->e);
    if (st != OK)
        return st;
    lines_must(json_set_bool(j->out, "enabled", stripe_enabled(config)) == 0);
    st = stripe_open(&j->s, config, pool, &j->e);
    config_drop(config);
    if (st == OK && !json_bool(json_get(j->in, "real"))) {
        j->s.sleep_ms = note_sleep;
        j->s.sleep_ctx = j;
    }
    if (st == OK && strcmp(op, "mode") == 0)
        lines_must(json_set_bool(j->out, "livemode", j->s.livemode) == 0);
    else if (st == OK)
        st = call(j, op);
    stripe_close(&j->s);
    return st;
}

static void answer(struct arena *a, struct json *in, struct json *out)
{
    struct job j = {
        .a = a, .in = in, .out = out, .sleeps = json_new_array(a), .most = json_int(json_get(in, "most"), 0)};
    enum status st = OK;
    const char *op = text(&j, "op");
    lines_must(op && j.sleeps && json_set(out, "sleeps", j.sleeps) == 0);
    stripe_form_init(&j.form);
    read_form(&j);
    int64_t began = clock_mono_us();
    if (!aside(&j, op, &st))
        st = with_client(&j, op);
    lines_must(json_set_int(out, "ms", (clock_mono_us() - began) / 1000) == 0);
    lines_outcome(out, st, &j.e, "default");
    if (st != OK)
        lines_must(json_set_bool(out, "card", stripe_failure_of(&j.e) == STRIPE_FAILURE_CARD) == 0);
    stripe_form_release(&j.form);
}

int main(void)
{
    return lines_run("stripe_cli", 2, &pool, answer);
}
