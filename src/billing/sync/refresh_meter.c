/* refresh_meter.c: what Stripe's meter did not take. Such an event is thin: what was refused stands in the event as Stripe keeps it. */
#include "alarm/alarm.h"
#include "billing/meter/meter.h"
#include "billing/sync/refresh.h"

#include "base/banned.h"

struct refused {
    struct look *k;
    struct str event;
    struct json *j;
    int64_t told;
};

/* Samples only: what is not among them the comparison of sums finds. */
static enum status reject_samples(struct db *c, struct refused *x, const struct json *kind, struct err *e)
{
    const struct json *samples = json_get(kind, "sample_errors");
    struct str code = json_get_str(kind, "code");
    enum status st = OK;
    for (size_t i = 0; st == OK && json_is(samples, JSON_ARRAY) && i < json_len(samples); i++) {
        struct str identifier = json_get_str(json_get(json_at(samples, i), "request"), "identifier");
        if (!identifier.n)
            continue;
        st = meter_reject(c, identifier, code, e);
        x->told++;
    }
    return st;
}

static enum status reject_all(struct db *c, void *ctx, struct err *e)
{
    struct refused *x = ctx;
    const struct json *data = json_get(x->j, "data"), *kinds = json_get(json_get(data, "reason"), "error_types");
    struct str words = json_get_str(data, "developer_message_summary");
    enum status st = OK;
    x->told = 0;
    for (size_t i = 0; st == OK && json_is(kinds, JSON_ARRAY) && i < json_len(kinds); i++)
        st = reject_samples(c, x, json_at(kinds, i), e);
    if (st != OK || x->told)
        return st;
    return alarm_raise(c, "meter_error", x->event, ID_NONE, e, "Stripe's meter did not take usage: %.*s",
                       STR_F(str_sub(words.n ? words : STR("it does not say which"), 0, 300)));
}

enum status look_meter_error(struct look *k, struct str event, struct err *e)
{
    struct refused x = {.k = k, .event = event};
    enum status st = look_get(k, "/v2/core/events/%", event, NULL, &x.j, e);
    return st == OK ? held_transaction(k->p, reject_all, &x, e) : st;
}
