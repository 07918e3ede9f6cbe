/* meter_row.c: one row of the outbox: its names at Stripe, and what happens to it when it can never be billed. The
 * other files of the meter depend on this one. */
#include <stdio.h>

#include "alarm/alarm.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "billing/meter/meter_internal.h"
#include "billing/meter/meter_store.h"

#include "base/banned.h"

struct str meter_lease(struct str customer, char out[320])
{
    int n = snprintf(out, 320, "meter:%.*s", STR_F(str_sub(customer, 0, 255)));
    return str_n(out, (size_t)n);
}

/* The prefix keeps the keys of the meter together, for meter_forget_calls. */
struct str meter_key(struct id row, char out[64])
{
    char id[ID_TEXT_MAX];
    int n = snprintf(out, 64, "meter:%s", id_text(ID_METER, row, id));
    return str_n(out, (size_t)n);
}

struct meter_rejecting {
    const struct meter_row *row;
    struct str why;
    bool changed;
};

/* One alarm for each row: a second event about the same row changes nothing and raises nothing. */
static enum status meter_reject_tx(struct db *c, void *ctx, struct err *e)
{
    struct meter_rejecting *x = ctx;
    const struct meter_row *r = x->row;
    char id[ID_TEXT_MAX];
    enum status st = meter_store_rejected(c, r, x->why, clock_now_ms(), &x->changed, e);
    if (st != OK || !x->changed)
        return st;
    return alarm_raise(c, ALARM_meter_rejected, r->customer, r->tenant, e,
                       "%lld conversations were not billed (%s): %.*s", (long long)r->quantity,
                       id_text(ID_METER, r->id, id), STR_F(x->why));
}

enum status meter_reject_row(struct db *c, const struct meter_row *r, struct str why, struct err *e)
{
    struct meter_rejecting x = {.row = r, .why = utf8_cut(why, METER_WORDS_MAX)};
    return db_transaction(c, meter_reject_tx, &x, e);
}

enum status meter_reject(struct db *c, struct str identifier, struct str why, struct err *e)
{
    struct meter_row r;
    struct arena a;
    struct id id;
    struct err none = ERR_INIT;
    arena_init(&a, ROW_ARENA);
    bool ours = id_parse(ID_METER, identifier, &id);
    enum status st = ours ? meter_store_get(c, &a, id, &r, &none) : ERR_NOT_FOUND;
    if (st == OK)
        st = meter_reject_row(c, &r, why, e);
    else if (st == ERR_NOT_FOUND)
        st = alarm_raise(c, ALARM_meter_error, str_sub(identifier, 0, 100), ID_NONE, e,
                         "Stripe's meter refused usage that Parley did not send: %.*s",
                         STR_F(utf8_cut(why, METER_WORDS_MAX)));
    else if (e)
        *e = none;
    arena_release(&a);
    return st;
}

/* A new identifier, because Stripe may still remember the old one and would count the row as a duplicate. */
enum status meter_resend(struct db *c, struct id row, struct id *out, struct err *e)
{
    struct meter_row r;
    struct arena a;
    char before[ID_TEXT_MAX];
    bool changed = false;
    arena_init(&a, ROW_ARENA);
    enum status st = meter_store_get(c, &a, row, &r, e);
    if (st == OK) {
        const char *note = arena_printf(&a, "Sent again; as %s: %.*s", id_text(ID_METER, row, before),
                                        STR_F(utf8_cut(r.last_error, 300)));
        *out = id_new();
        st = note ? meter_store_again(c, &r, *out, clock_now_ms(), str_from(note), &changed, e) : err_nomem(e);
    }
    arena_release(&a);
    if (st == ERR_NOT_FOUND || (st == OK && !changed))
        return err_set(e, E_not_found, "No rejected usage has this id.");
    return st;
}
