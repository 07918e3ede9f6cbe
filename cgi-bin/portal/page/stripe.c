/* stripe.c: a Stripe client for a request, and the policy of pages whose forms lead to Stripe. */
#include "portal/page/stripe.h"

#include "base/banned.h"

static void page_stripe_close(void *ptr)
{
    stripe_close(ptr);
}

/* The arena closes the client, in whatever way the handler ends. */
enum status page_stripe(struct page *pg, struct stripe **out)
{
    struct stripe *stripe = ARENA_NEW(pg->rq->arena, struct stripe);
    if (!stripe)
        return err_nomem(&pg->e);
    enum status st = stripe_open(stripe, pg->rq->config, pg->app->guard.pool, &pg->e);
    if (st == OK && arena_defer(pg->rq->arena, page_stripe_close, stripe) != 0)
        st = err_nomem(&pg->e);
    *out = stripe;
    return st;
}

void page_allow_stripe(struct page *pg)
{
    const char *base = config_string(pg->rq->config, CONFIG_stripe_api_base);
    if (!stripe_enabled(pg->rq->config))
        return;
    /* Stripe's pages may be served from a domain of the operator, so any https address is allowed. */
    char *policy = arena_printf(pg->rq->arena, "%sform-action 'self' https:%s%s; frame-ancestors 'none'", CSP_PARTS,
                                str_starts(str_from(base), STR("http://")) ? " " : "",
                                str_starts(str_from(base), STR("http://")) ? base : "");
    if (policy)
        reply_header(pg->rq, "Content-Security-Policy", str_from(policy));
}
