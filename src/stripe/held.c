/* held.c: a lease is polled with a connection borrowed for each try, so that waiters never exhaust the pool. Waiters
 * that kept their connections could leave none for the holder, who needs one to store its result. */
#include "stripe/held.h"

#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "stripe/lease.h"

#include "base/banned.h"

#define ASK_AGAIN_MS 100

enum status held_try(struct held *w, struct db_pool *p, struct str name, int64_t lease_ms, struct err *e)
{
    struct db *c = NULL;
    *w = (struct held){.p = p, .name = name};
    enum status st = db_get(p, &c, e);
    if (st == OK)
        st = lease_take(c, name, lease_ms, &w->holder, &w->held, e);
    db_put(c);
    return st;
}

enum status held_begin(struct held *w, struct db_pool *p, struct str name, int64_t wait_ms, struct err *e)
{
    int64_t until_us = clock_mono_us() + wait_ms * 1000;
    for (;;) {
        enum status st = held_try(w, p, name, HELD_LEASE_MS, e);
        if (st != OK || w->held)
            return st;
        if (clock_mono_us() >= until_us)
            return err_raise(e, E_billing_busy);
        struct timespec pause = {.tv_nsec = ASK_AGAIN_MS * 1000000L};
        (void)nanosleep(&pause, NULL); /* an early wake-up only means an earlier try */
    }
}

/* A lease that cannot be given back (the database is down) expires. */
void held_end(struct held *w)
{
    struct err e = ERR_INIT;
    struct db *c = NULL;
    if (!w->held)
        return;
    if (db_get(w->p, &c, &e) != OK || lease_release(c, w->name, w->holder, &e) != OK)
        log_line(LOG_WARN, "lease_left", LOG_T("name", w->name), LOG_S("error", e.message));
    db_put(c);
    w->held = false;
}

enum status held_transaction(struct db_pool *p, held_fn *fn, void *ctx, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(p, &c, e);
    if (st == OK)
        st = db_transaction(c, fn, ctx, e);
    db_put(c);
    return st;
}
