/* stripe.c: /hooks/stripe: verifies and stores an event of Stripe; parley-worker processes it. The signature is the
 * only authorisation. */
#include "billing/sync/receive.h"
#include "hooks/hooks.h"

#include "base/banned.h"

void hooks_stripe_post(struct request *rq)
{
    struct err e = ERR_INIT;
    struct str signature = request_header(rq, "HTTP_STRIPE_SIGNATURE");
    if (event_receive(rq->app, rq->config, signature, request_body(rq), &e) != OK) {
        reply_problem(rq, &e);
        return;
    }
    reply_status(rq, 200);
    reply_type(rq, "application/json");
    buf_puts(reply_body(rq), "{\"received\":true}");
}
