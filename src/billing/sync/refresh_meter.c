/* refresh_meter.c: usage that Stripe's meter did not accept. The event is thin, so it is fetched in full; it lists
 * samples of what was refused. */
#include "alarm/alarm.h"
#include "billing/meter/meter.h"
#include "billing/sync/refresh_internal.h"

#include "base/banned.h"

struct refresh_rejected {
    struct refresh *r;
    struct str event;
    struct json *j;
    int64_t reported;
};

/* Stripe lists only samples; the nightly comparison of sums finds the rest. */
static enum status rejected_read_samples(struct db *c, struct refresh_rejected *x, const struct json *kind,
                                         struct err *e)
{
    const struct json *samples = json_get(kind, "sample_errors");
    struct str code = json_get_str(kind, "code");
    enum status st = OK;
    for (size_t i = 0; st == OK && json_is(samples, JSON_ARRAY) && i < json_len(samples); i++) {
        struct str identifier = json_get_str(json_get(json_at(samples, i), "request"), "identifier");
        if (!identifier.n)
            continue;
        st = meter_reject(c, identifier, code, e);
        x->reported++;
    }
    return st;
}

/* The alarm is raised only when no row could be rejected, because meter_reject raises one for each row itself. */
static enum status rejected_write_tx(struct db *c, void *ctx, struct err *e)
{
    struct refresh_rejected *x = ctx;
    const struct json *data = json_get(x->j, "data"), *kinds = json_get(json_get(data, "reason"), "error_types");
    struct str words = json_get_str(data, "developer_message_summary");
    enum status st = OK;
    x->reported = 0;
    for (size_t i = 0; st == OK && json_is(kinds, JSON_ARRAY) && i < json_len(kinds); i++)
        st = rejected_read_samples(c, x, json_at(kinds, i), e);
    if (st != OK || x->reported)
        return st;
    return alarm_raise(c, ALARM_meter_error, x->event, ID_NONE, e, "Stripe's meter did not accept usage: %.*s",
                       STR_F(str_sub(words.n ? words : STR("the event does not say which"), 0, 300)));
}

/* No lease: the event is an object that never changes, and rejecting a row twice changes nothing. */
enum status refresh_meter_error(struct refresh *r, struct str event, struct err *e)
{
    struct refresh_rejected x = {.r = r, .event = event};
    enum status st = refresh_get(r, "/v2/core/events/%", event, NULL, &x.j, e);
    return st == OK ? held_transaction(r->p, rejected_write_tx, &x, e) : st;
}
