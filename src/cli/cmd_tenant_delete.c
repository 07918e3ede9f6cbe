/* cmd_tenant_delete.c: tenant delete.
 *
 * What is open at Stripe is closed first, so that no customer is billed for a workspace that no longer exists. If the
 * process dies between the two, the workspace is still there without a subscription and the command can be repeated;
 * the other order would leave a subscription that no page shows. */
#include <string.h>

#include "base/shared.h"
#include "billing/checkout/checkout.h"
#include "bot/bot.h"
#include "cli/cli.h"
#include "vault/vault.h"

#include "base/banned.h"

/* Every state but the two final ones counts as live: one that is past due or paused can still produce an invoice. */
static enum status delete_count_live(struct cli *cl, struct db *c, struct id tenant, size_t *n, struct err *e)
{
    struct subscription *subs;
    size_t all;
    enum status st = subscription_list(c, tenant, &cl->arena, &subs, &all, e);
    *n = 0;
    for (size_t i = 0; st == OK && i < all; i++)
        *n += subs[i].status != STRIPE_CANCELED && subs[i].status != STRIPE_INCOMPLETE_EXPIRED;
    return st;
}

static enum status delete_still_subscribed(struct err *e)
{
    return err_set(
        e, E_subscription_live,
        "This workspace has a subscription. --cancel-now ends it immediately, bills its usage, and then deletes "
        "the workspace.");
}

/* Closes what is open at Stripe, and then checks that nothing is left: the owner of a deleted workspace could not
 * cancel it any more. Even without a subscription, open checkouts are ended, because one that is paid later would begin
 * one. */
static enum status delete_close_at_stripe(struct cli *cl, struct db *c, const struct actor *who, bool cancel,
                                          struct err *e)
{
    struct stripe stripe;
    size_t live;
    enum status st = delete_count_live(cl, c, who->tenant, &live, e);
    if (st == OK && live && !cancel)
        return delete_still_subscribed(e);
    if (st != OK || (!live && !stripe_enabled(cl->config)))
        return st;
    if ((st = stripe_open(&stripe, cl->config, cl->pool, e)) != OK)
        return st;
    const struct billing_context billing = {&stripe, cl->pool, &cl->arena, who};
    st = cancel ? cancel_now(&billing, e) : checkouts_end(&billing, e);
    stripe_close(&stripe);
    if (st == ERR_CONFLICT && err_is(e, E_subscribed))
        return delete_still_subscribed(e);
    if (st == OK)
        st = delete_count_live(cl, c, who->tenant, &live, e);
    if (st == OK && live)
        return err_set(e, E_subscription_live,
                       "A subscription of this workspace has not ended: it belongs to a key of the other mode, or "
                       "Stripe has not confirmed its end yet.");
    return st;
}

/* The bots are listed before, because a deleted tenant has none; bumping their generation makes running programs forget
 * them. */
static enum status delete_tenant(struct cli *cl, struct db *c, const struct actor *who, struct err *e)
{
    struct bot *bots;
    size_t n;
    enum status st = bot_list(c, who->tenant, &cl->arena, &bots, &n, e);
    if (st == OK)
        st = account_tenant_delete(c, who, who->tenant, e);
    if (st == OK)
        st = vault_forget(c, who->tenant, e);
    for (size_t i = 0; st == OK && i < n; i++)
        shared_bump("bot", bots[i].id);
    return st;
}

enum status cmd_tenant_delete(struct cli *cl, struct err *e)
{
    bool cancel = false;
    struct db_pool *pool;
    struct db *c;
    struct id id;
    enum status st = cli_options(cl, CLI_OPTIONS({"cancel-now", NULL, &cancel}), 1, 1, e);
    if (st != OK || (st = cli_pool(cl, &pool, e)) != OK || (st = cli_db_change(cl, &c, e)) != OK ||
        (st = cli_tenant(cl, c, cl->argv[0], &id, e)) != OK)
        return st;
    struct actor who = cli_actor(id);
    st = delete_close_at_stripe(cl, c, &who, cancel, e);
    if (st == OK)
        st = delete_tenant(cl, c, &who, e);
    if (st == OK)
        cli_id(cl, ID_TENANT, id);
    return st;
}
