#include "stripe/lease.h"

#include "base/clock.h"
#include "stripe/lease_store.h"

#include "base/banned.h"

#define KEEP_MS HOUR_MS

static enum status lost(struct str name, struct err *e)
{
    int n = name.n < 80 ? (int)name.n : 80;
    return err_set(e, E_lease_lost, "Somebody else works on %.*s by now.", n, name.p);
}

static void check_name(struct str name)
{
    if (!name.n || name.n > LEASE_NAME_MAX)
        BUG("a lease's name has %zu bytes", name.n);
}

struct take {
    struct str name;
    struct id holder;
    int64_t until_ms, now_ms;
    bool got;
};

static enum status take_one(struct db *c, void *ctx, struct err *e)
{
    struct take *t = ctx;
    enum status st = lease_store_inherit(c, t->name, t->holder, t->until_ms, t->now_ms, &t->got, e);
    if (st == OK && !t->got)
        st = lease_store_add(c, t->name, t->holder, t->until_ms, &t->got, e);
    return st;
}

enum status lease_take(struct db *c, struct str name, int64_t ms, struct id *holder, bool *got, struct err *e)
{
    int64_t now = clock_now_ms();
    struct take t = {.name = name, .holder = id_new(), .until_ms = now + ms, .now_ms = now};
    check_name(name);
    enum status st = db_transaction(c, take_one, &t, e);
    *got = st == OK && t.got;
    *holder = *got ? t.holder : ID_NONE;
    return st;
}

static enum status keep_one(struct db *c, void *ctx, struct err *e)
{
    struct take *t = ctx;
    return lease_store_extend(c, t->name, t->holder, t->until_ms, &t->got, e);
}

enum status lease_keep(struct db *c, struct str name, struct id holder, int64_t ms, struct err *e)
{
    struct take t = {.name = name, .holder = holder, .until_ms = clock_now_ms() + ms};
    check_name(name);
    enum status st = db_transaction(c, keep_one, &t, e);
    return st != OK ? st : t.got ? OK : lost(name, e);
}

enum status lease_hold(struct db *c, struct str name, struct id holder, struct err *e)
{
    bool ours;
    check_name(name);
    enum status st = lease_store_touch(c, name, holder, &ours, e);
    return st != OK ? st : ours ? OK : lost(name, e);
}

static enum status release_one(struct db *c, void *ctx, struct err *e)
{
    struct take *t = ctx;
    return lease_store_drop(c, t->name, t->holder, e);
}

enum status lease_release(struct db *c, struct str name, struct id holder, struct err *e)
{
    struct take t = {.name = name, .holder = holder};
    check_name(name);
    return db_transaction(c, release_one, &t, e);
}

enum status lease_clean(struct db *c, int64_t now_ms, int limit, int64_t *n, struct err *e)
{
    return lease_store_clean(c, now_ms - KEEP_MS, limit, n, e);
}
