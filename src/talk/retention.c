/* retention.c: deletes history in small transactions, so that a turn that needs one of the rows never waits long. A
 * sweep that is interrupted continues where it was, since what it has deleted is gone and `after` moves only with a
 * commit. */
#include "talk/retention.h"

#include "base/limits.h"
#include "engine/workspace/account.h"
#include "talk/retention_store.h"

#include "base/banned.h"

struct retention_batch {
    struct id tenant, after, last;
    int64_t before_ms;
    int limit;
    size_t n;
};

static enum status retention_sweep_write(struct db *c, void *ctx, struct err *e)
{
    struct retention_batch *w = ctx;
    struct arena a;
    struct id *due;
    arena_init(&a, LIST_ARENA);
    enum status st = retention_store_due(c, w->tenant, w->after, w->before_ms, w->limit, &a, &due, &w->n, e);
    for (size_t i = 0; st == OK && i < w->n; i++) {
        st = engine_account_unlink(c, w->tenant, due[i], e);
        if (st == OK)
            st = retention_store_delete(c, w->tenant, due[i], e);
        w->last = due[i];
    }
    arena_release(&a);
    return st;
}

/* *after is set only when the transaction has succeeded: db_transaction may run the function several times. */
enum status retention_sweep(struct db *c, struct id tenant, int64_t before_ms, struct id *after, int limit, int64_t *n,
                            struct err *e)
{
    struct retention_batch w = {.tenant = tenant, .after = *after, .before_ms = before_ms, .limit = limit};
    enum status st = before_ms > 0 ? db_transaction(c, retention_sweep_write, &w, e) : OK;
    if (st == OK) {
        *n = (int64_t)w.n;
        *after = w.n ? w.last : w.after;
    }
    return st;
}

enum status retention_sweep_events(struct db *c, struct id tenant, int64_t before_ms, int limit, int64_t *n,
                                   struct err *e)
{
    *n = 0;
    return before_ms > 0 ? retention_store_events_delete(c, tenant, before_ms, limit, n, e) : OK;
}

enum status retention_forget_turn_keys(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e)
{
    return retention_store_forget_turn_keys(c, before_ms, limit, n, e);
}
