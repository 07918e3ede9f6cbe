/* lease.c: each step is a transaction of its own. Holders are random ids, so a lease that was taken over can never be
 * mistaken for the former holder's, not even by the same process. */
#include "stripe/lease.h"

#include "base/clock.h"
#include "stripe/lease_store.h"

#include "base/banned.h"

#define ENDED_KEPT_MS HOUR_MS

static enum status lease_lost_error(struct str name, struct err *e)
{
    int n = name.n < 80 ? (int)name.n : 80;
    return err_set(e, E_lease_lost, "Another process has taken over %.*s.", n, name.p);
}

static void lease_check_name(struct str name)
{
    if (!name.n || name.n > LEASE_NAME_MAX)
        BUG("the name of a lease has %zu bytes", name.n);
}

struct lease_taking {
    struct str name;
    struct id holder;
    int64_t until_ms, now_ms;
    bool got;
};

/* The expired row is tried first. An INSERT that fails on its key leaves a shared lock on the row, and two processes
 * that then updated it would deadlock. */
static enum status lease_take_tx(struct db *c, void *ctx, struct err *e)
{
    struct lease_taking *t = ctx;
    enum status st = lease_store_inherit(c, t->name, t->holder, t->until_ms, t->now_ms, &t->got, e);
    if (st == OK && !t->got)
        st = lease_store_add(c, t->name, t->holder, t->until_ms, &t->got, e);
    return st;
}

enum status lease_take(struct db *c, struct str name, int64_t ms, struct id *holder, bool *got, struct err *e)
{
    int64_t now = clock_now_ms();
    struct lease_taking t = {.name = name, .holder = id_new(), .until_ms = now + ms, .now_ms = now};
    lease_check_name(name);
    enum status st = db_transaction(c, lease_take_tx, &t, e);
    *got = st == OK && t.got;
    *holder = *got ? t.holder : ID_NONE;
    return st;
}

enum status lease_hold(struct db *c, struct str name, struct id holder, struct err *e)
{
    bool ours;
    lease_check_name(name);
    enum status st = lease_store_touch(c, name, holder, &ours, e);
    return st != OK ? st : ours ? OK : lease_lost_error(name, e);
}

static enum status lease_release_tx(struct db *c, void *ctx, struct err *e)
{
    struct lease_taking *t = ctx;
    return lease_store_drop(c, t->name, t->holder, e);
}

enum status lease_release(struct db *c, struct str name, struct id holder, struct err *e)
{
    struct lease_taking t = {.name = name, .holder = holder};
    lease_check_name(name);
    return db_transaction(c, lease_release_tx, &t, e);
}

enum status lease_clean(struct db *c, int64_t now_ms, int limit, int64_t *n, struct err *e)
{
    return lease_store_clean(c, now_ms - ENDED_KEPT_MS, limit, n, e);
}
