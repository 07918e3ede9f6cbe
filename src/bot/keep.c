/* keep.c: which bots stay active on a plan that has fewer. The bots a customer chose are kept first; the rest follow by
 * age (ORDINAL in bot_store.c). */
#include "base/clock.h"
#include "base/limits.h"
#include "bot/bot.h"
#include "bot/bot_store.h"

#include "base/banned.h"

/* Quadratic, but a plan that limits bots allows few, and the list comes from a form with as many boxes. */
static bool keep_has(const struct id *list, size_t n, struct id id)
{
    for (size_t i = 0; i < n; i++)
        if (id_eq(id, list[i]))
            return true;
    return false;
}

enum status bot_ids(struct db *c, struct id tenant, struct arena *a, struct id **out, size_t *n, struct err *e)
{
    return bot_store_ids(c, a, tenant, out, n, e);
}

/* The tenant's row is locked first, as for every new bot, so that the set of bots does not change between check and
 * write. */
enum status bot_keep(struct db *c, const struct actor *who, struct id tenant, const struct id *keep, size_t n,
                     struct err *e)
{
    struct arena a;
    struct id *bots;
    size_t have;
    int64_t now = clock_now_ms();
    arena_init(&a, LIST_ARENA);
    enum status st = bot_store_lock_tenant(c, &a, tenant, e);
    if (st == OK)
        st = bot_store_ids(c, &a, tenant, &bots, &have, e);
    for (size_t i = 0; st == OK && i < n; i++)
        if (!keep_has(bots, have, keep[i]))
            st = err_at(e, E_bot_unknown, "keep", "One of the chosen bots no longer exists. Choose again.");
    if (st == OK)
        st = bot_store_keep_none(c, tenant, e);
    for (size_t i = 0; st == OK && i < n; i++)
        st = bot_store_keep(c, tenant, keep[i], now, e);
    arena_release(&a);
    return st == OK ? account_audit(c, who, "billing.bots_kept", STR_EMPTY, NULL, e) : st;
}
