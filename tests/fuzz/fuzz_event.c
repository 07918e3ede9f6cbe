/* What event_envelope_parse takes has ids and types that fit their columns and a path; its object is read as the
 * mirrors read theirs. */
#include <stdlib.h>

#include "base/limits.h"
#include "billing/mirror/mirror.h"
#include "billing/sync/event.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_word(struct str s, size_t max)
{
    if (s.n > max)
        abort();
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            abort();
}

static void check(const struct event_envelope *v)
{
    if (!v->id.n || !v->type.n || v->created_ms < 0 || v->created_ms > 253402300799999LL)
        abort();
    must_be_word(v->id, 255);
    must_be_word(v->type, 120);
    must_be_word(v->object_type, 60);
    must_be_word(v->object_id, 255);
    must_be_word(v->api_version, 60);
    must_be_word(v->account, 255);
}

static void read_object(struct arena *a, const struct json *j)
{
    struct err e = ERR_INIT;
    struct subscription s;
    struct invoice v;
    if (subscription_parse(a, j, &s, &e) == OK && (!s.id.n || !s.customer.n || s.id.n >= STRIPE_ID_MAX || s.items < 0))
        abort();
    if (invoice_parse(a, j, &v, &e) == OK && (!v.id.n || strlen(v.currency) != 3 || v.attempt_count < 0))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str body = {(const char *)data, size};
    struct event_envelope v;
    struct err e = ERR_INIT;
    struct json *j;
    struct arena a;
    arena_init(&a, 64 * MB);
    if (event_envelope_parse(&a, body, &v, &e) == OK)
        check(&v);
    else if (e.status != ERR_INVALID && e.status != ERR_TOO_LARGE && e.status != ERR_NOMEM)
        abort();
    if (json_parse_tolerant(&a, body, MAX_JSON_DEPTH, &j, &e) == OK)
        read_object(&a, json_get(json_get(j, "data"), "object"));
    arena_release(&a);
    return 0;
}
