/* checkout.c: buying a plan: the tenant's customer at Stripe, and one checkout at a time.
 *
 * Selling twice is the fault to prevent. Therefore the mirror, Stripe's own list of subscriptions, and every earlier
 * checkout that could still be paid are checked before a new one is made; and the new one is recorded before the call,
 * so that a second click finds it. */
#include "base/clock.h"
#include "base/log.h"
#include "billing/checkout/checkout_internal.h"
#include "billing/setup/setup.h"
#include "billing/sync/sync.h"
#include "stripe/call.h"
#include "stripe/failure.h"

#include "base/banned.h"

#define SESSION_MS (23 * HOUR_MS) /* Stripe allows a day; an hour less because clocks differ */
/* Stripe keeps even a 500 under its key, so each try has a key of its own. Three tries outlast a passing fault. */
#define CUSTOMER_TRIES 3
/* Our clock and Stripe's differ by less than this. Too early a start only reads more customers. */
#define LOOK_BACK_S 3600

/* ---- the customer ---- */

struct customer_making {
    struct operation *op;
    struct str customer;
    struct customer_facts facts;
    int64_t count;
    struct customer_call last;
    const char *prefix;
};

static enum status customer_read(struct customer_making *w, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(w->op->p, &c, e);
    if (st == OK)
        st = customer_store_current(c, w->op->tenant, w->op->stripe->livemode, w->op->a, &w->customer, e);
    db_put(c);
    return st;
}

enum status customer_find(struct operation *op, struct str *out, struct err *e)
{
    struct customer_making w = {.op = op};
    enum status st = customer_read(&w, e);
    if (st == OK)
        *out = w.customer;
    return st;
}

/* The key's prefix holds the number of customers so far. A customer that was deleted in the dashboard is thereby
 * replaced by a new one: its own key would return the deleted customer's id for a day. Live and test customers of one
 * database have different keys. */
static enum status customer_read_facts(struct db *c, struct customer_making *w, struct err *e)
{
    struct operation *op = w->op;
    enum status st = customer_store_facts(c, op->tenant, op->a, &w->facts, e);
    if (st == OK)
        st = customer_store_count(c, op->tenant, &w->count, e);
    if (st != OK)
        return st;
    w->prefix = operation_text(op, "cust:%s:%s%lld", operation_tenant(op), op->stripe->livemode ? "" : "test-",
                               (long long)w->count + 1);
    return op->nomem ? err_nomem(e) : customer_store_call(c, op->tenant, op->a, str_from(w->prefix), &w->last, e);
}

static enum status customer_write_tx(struct db *c, void *ctx, struct err *e)
{
    struct customer_making *w = ctx;
    enum status st = customer_store_add(c, w->op->tenant, w->op->stripe->livemode, w->customer, clock_now_ms(), e);
    return st == OK ? account_audit(c, w->op->who, "billing.customer_made", str_sub(w->customer, 0, 64), NULL, e) : st;
}

/* Here metadata may decide, because it only identifies a customer that this very call may have created for this
 * tenant. */
static enum status customer_adopt(void *ctx, struct json *item, struct err *e)
{
    struct customer_making *w = ctx;
    bool ok = true;
    if (!w->customer.n && str_eqz(json_get_str(json_get(item, "metadata"), "tenant"), operation_tenant(w->op)))
        w->customer = arena_str(w->op->a, json_get_str(item, "id"), &ok);
    return ok && !w->op->nomem ? OK : err_nomem(e);
}

/* After a call whose outcome is not known: finds the customer among those created since, or settles the call as not
 * done. */
static enum status customer_find_made(struct customer_making *w, int64_t since_ms, const char *key, struct err *e)
{
    struct stripe_form f;
    stripe_form_init(&f);
    stripe_param_int(&f, "created[gte]", since_ms / 1000 - LOOK_BACK_S);
    w->customer = STR_EMPTY;
    enum status st = stripe_form_ok(&f)
                         ? stripe_list_each(w->op->stripe, "/v1/customers", &f, STRIPE_WORK_MS, customer_adopt, w, e)
                         : err_nomem(e);
    stripe_form_release(&f);
    return st == OK ? stripe_call_settle(w->op->p, str_from(key), w->customer, e) : st;
}

static enum status customer_post(struct customer_making *w, const char *key, struct err *e)
{
    struct stripe_form f;
    struct stripe_reply r;
    stripe_form_init(&f);
    if (w->facts.email.n)
        stripe_param_str(&f, "email", w->facts.email);
    stripe_param_str(&f, "name", w->facts.workspace);
    stripe_param_text(&f, "metadata[tenant]", operation_tenant(w->op));
    struct stripe_post p = {.path = "/v1/customers",
                            .form = &f,
                            .idem_key = str_from(key),
                            .tenant = &w->op->tenant,
                            .deadline_ms = STRIPE_UI_MS};
    enum status st = w->op->nomem ? err_nomem(e) : stripe_post(w->op->stripe, w->op->a, &p, &r, e);
    stripe_form_release(&f);
    if (st == OK)
        w->customer = r.object_id;
    return st;
}

/* The answer does not tell the outcome, and Stripe would repeat it under this key. */
static bool customer_is_unclear(const struct err *e)
{
    return err_is(e, E_stripe_error) || err_is(e, E_stripe_unknown) || err_is(e, E_stripe_key_reused);
}

/* Creates the customer under keys "<prefix>.<serial>". The last call's key is used again unless that call certainly
 * did nothing. An unclear answer is settled by looking for the customer; if Stripe has none, the next serial tries
 * again. */
static enum status customer_create(struct customer_making *w, struct err *e)
{
    const struct customer_call *last = &w->last;
    bool starts = last->serial < 0 || last->failed;
    int64_t serial = last->serial < 0 ? 0 : last->failed ? last->serial + 1 : last->serial;
    int64_t since_ms = starts ? clock_now_ms() : last->first_sent_ms;
    for (int i = 0; i < CUSTOMER_TRIES && !w->customer.n; i++, serial++) {
        struct err why = ERR_INIT;
        const char *key = operation_text(w->op, "%s.%lld", w->prefix, (long long)serial);
        enum status st = customer_post(w, key, &why);
        if (st != OK && customer_is_unclear(&why))
            st = customer_find_made(w, since_ms, key, &why);
        if (st != OK) {
            *e = why;
            return st;
        }
    }
    return w->customer.n ? OK
                         : err_set(e, E_stripe_error, "Stripe has a problem right now. Try again in a few minutes.");
}

/* The caller holds the tenant's lease, so that one tenant never gets two customers. The customer is stored before
 * anything is sold to it: an event of a sale to an unknown customer could not be assigned to a tenant. */
enum status customer_make(struct operation *op, struct str *out, struct err *e)
{
    struct customer_making w = {.op = op, .customer = STR_EMPTY};
    struct err why = ERR_INIT;
    struct db *c = NULL;
    enum status st = customer_read(&w, e);
    if (st == OK && w.customer.n) {
        *out = w.customer;
        return OK;
    }
    if (st == OK)
        st = db_get(op->p, &c, e);
    if (st == OK)
        st = customer_read_facts(c, &w, e);
    db_put(c);
    if (st != OK)
        return st;
    st = customer_create(&w, &why);
    if (st == OK)
        st = held_transaction(op->p, customer_write_tx, &w, &why);
    if (st == OK)
        *out = w.customer;
    else if (e)
        *e = why;
    return st;
}

/* ---- what must be known before a checkout begins ---- */

struct buying {
    struct operation *op;
    struct str plan_name;
    struct plans plans;
    const struct plan *plan;
    struct str base, usage;
    struct subscription *subs;
    size_t sub_n;
    struct attempt *attempts, made;
    size_t attempt_n;
    bool had; /* there was a subscription before: no second trial */
    struct str customer;
    struct str unheard; /* a live subscription that the mirror does not know */
};

static enum status buying_refuse_subscribed(struct err *e)
{
    return err_set(e, E_subscribed,
                   "This workspace already has a subscription. Change its plan instead of buying another.");
}

static enum status buying_read(struct db *c, struct buying *b, struct err *e)
{
    struct operation *op = b->op;
    enum status st = plans_read(c, op->a, &b->plans, e);
    if (st != OK)
        return st;
    b->plan = plans_find(&b->plans, b->plan_name);
    if (!b->plan)
        return err_at_as(e, ERR_INVALID, E_plan_unknown, "plan", "There is no such plan.");
    if (!b->plan->is_public || !b->plan->terms || b->plan->terms->price <= 0)
        return err_raise_at(e, E_plan_not_sold, "plan");
    st = setup_prices(c, op->a, op->stripe->livemode, b->plan->terms->id, &b->base, &b->usage, e);
    if (st == OK)
        st = subscription_list(c, op->tenant, op->a, &b->subs, &b->sub_n, e);
    if (st == OK)
        st = attempt_store_open(c, op->tenant, op->stripe->livemode, clock_now_ms(), op->a, &b->attempts, &b->attempt_n,
                                e);
    return st;
}

/* Refuses when the mirror has a live subscription. Sets `had`. */
static enum status buying_refuse_live(struct buying *b, struct err *e)
{
    size_t n;
    const struct subscription *x = subscription_choose_live(b->subs, b->sub_n, b->op->stripe->livemode, &n);
    b->had = subscription_had_any(b->subs, b->sub_n, b->op->stripe->livemode);
    if (x && x->status == STRIPE_INCOMPLETE)
        return err_set(e, E_subscribed,
                       "A payment for this workspace is in progress. It is confirmed or ends within a day.");
    return x ? buying_refuse_subscribed(e) : OK;
}

static bool buying_has_ended(const struct json *sub)
{
    enum stripe_status s = stripe_status_parse(json_get_str(sub, "status"));
    return s == STRIPE_CANCELED || s == STRIPE_INCOMPLETE_EXPIRED;
}

/* Ended ones count for the trial. Otherwise a tenant could have its subscription deleted and try again. */
static enum status buying_see_subscription(void *ctx, struct json *item, struct err *e)
{
    struct buying *b = ctx;
    bool ok = true;
    b->had = b->had || stripe_status_parse(json_get_str(item, "status")) != STRIPE_INCOMPLETE_EXPIRED;
    if (!buying_has_ended(item))
        b->unheard = arena_str(b->op->a, json_get_str(item, "id"), &ok);
    return ok ? OK : err_nomem(e);
}

/* Refuses when Stripe has a live subscription that the mirror does not know yet: the event of a payment may still be on
 * its way, or the subscription was made in the dashboard. The mirror alone would sell a second one. Without an answer
 * from Stripe nothing is sold. */
static enum status buying_refuse_unheard(struct buying *b, struct err *e)
{
    struct stripe_form f;
    struct err why = ERR_INIT;
    b->unheard = STR_EMPTY;
    stripe_form_init(&f);
    stripe_param_str(&f, "customer", b->customer);
    stripe_param_text(&f, "status", "all");
    enum status st = stripe_form_ok(&f) ? stripe_list_each(b->op->stripe, "/v1/subscriptions", &f, STRIPE_UI_MS,
                                                           buying_see_subscription, b, &why)
                                        : err_nomem(&why);
    stripe_form_release(&f);
    if (st != OK) {
        if (e)
            *e = why;
        return st;
    }
    if (!b->unheard.n)
        return OK;
    operation_refresh(b->op, STRIPE_OBJECT_SUBSCRIPTION, b->unheard);
    return buying_refuse_subscribed(e);
}

/* ---- earlier attempts ---- */

static enum status attempt_set_state(struct buying *b, struct attempt *x, enum attempt_state state, struct err *e)
{
    struct db *c = NULL;
    x->state = state;
    enum status st = db_get(b->op->p, &c, e);
    if (st == OK)
        st = attempt_store_state(c, b->op->tenant, x->id, state, e);
    db_put(c);
    return st;
}

static enum status attempt_get_session(struct operation *op, struct str session, struct json **out, struct err *e)
{
    return operation_get(op, stripe_path(op->a, "/v1/checkout/sessions/%", session.p, (char *)NULL), NULL, out, e);
}

/* Paid or being paid: refreshes what was bought and sells nothing more. The state is stored first: if a refresh fails,
 * the next click must not find the attempt open. */
static enum status attempt_paid(struct buying *b, struct attempt *x, const struct json *session, struct err *e)
{
    enum status st = attempt_set_state(b, x, ATTEMPT_COMPLETE, e);
    operation_refresh(b->op, STRIPE_OBJECT_SESSION, x->session);
    operation_refresh(b->op, STRIPE_OBJECT_SUBSCRIPTION, stripe_id_of(json_get(session, "subscription")));
    return st == OK ? buying_refuse_subscribed(e) : st;
}

/* Fetches the session. *url is set when the customer can continue with it. A session that Stripe does not know, or that
 * has no page, cannot be paid by anyone, so it counts as expired. */
static enum status attempt_continue(struct buying *b, struct attempt *x, struct str *url, struct err *e)
{
    struct json *session;
    enum status st = attempt_get_session(b->op, x->session, &session, e);
    if (st == ERR_NOT_FOUND)
        return attempt_set_state(b, x, ATTEMPT_EXPIRED, e);
    if (st != OK)
        return st;
    enum stripe_session status = stripe_session_of(session);
    if (status == STRIPE_SESSION_COMPLETE)
        return attempt_paid(b, x, session, e);
    if (status != STRIPE_SESSION_OPEN || !json_get_str(session, "url").n)
        return attempt_set_state(b, x, ATTEMPT_EXPIRED, e);
    *url = json_get_str(session, "url");
    return OK;
}

/* Expires the session, so that another tab cannot pay for it any more. Stripe refuses to expire a session that is no
 * longer open, and a payment may be the reason, so after a refusal the session is fetched. */
static enum status attempt_expire(struct buying *b, struct attempt *x, struct err *e)
{
    char id[ID_TEXT_MAX];
    struct operation *op = b->op;
    struct json *session;
    struct err why = ERR_INIT;
    const char *key = operation_text(op, "coexp:%s", id_text(ID_CHECKOUT, x->id, id));
    enum status st = operation_post(op,
                                    stripe_path(op->a, "/v1/checkout/sessions/%/expire", x->session.p, (char *)NULL),
                                    NULL, key, &session, &why);
    if (st == OK)
        return attempt_set_state(b, x, ATTEMPT_EXPIRED, e);
    if (st != ERR_INVALID && st != ERR_NOT_FOUND) {
        if (e)
            *e = why;
        return st;
    }
    struct str url = STR_EMPTY; /* it is no longer open: paid, or expired */
    st = attempt_continue(b, x, &url, e);
    if (st == OK && url.n && e)
        *e = why;
    return st == OK && url.n ? why.status : st;
}

/* ---- the session ---- */

/* Everything here follows from the attempt's row, the mirror and the configuration, and nothing from the clock. The
 * call may be repeated under its key, and Stripe refuses a key with other parameters.
 *
 * The metered price has no quantity, because Stripe refuses one. The session's metadata does not reach the
 * subscription, so that is named again under subscription_data. */
static void attempt_params(struct stripe_form *f, struct buying *b, const struct attempt *x)
{
    struct operation *op = b->op;
    const struct config *c = op->stripe->config;
    const char *home = config_string(c, CONFIG_base_url), *tenant = operation_tenant(op);
    int64_t trial = b->had ? 0 : config_int(c, CONFIG_stripe_trial_days);
    char attempt[ID_TEXT_MAX], terms[ID_TEXT_MAX];
    stripe_param_text(f, "mode", "subscription");
    stripe_param_str(f, "line_items[0][price]", b->base);
    stripe_param_int(f, "line_items[0][quantity]", 1);
    stripe_param_str(f, "line_items[1][price]", b->usage);
    stripe_param_str(f, "customer", b->customer);
    stripe_param_text(f, "client_reference_id", tenant);
    stripe_param_text(f, "metadata[tenant]", tenant);
    stripe_param_text(f, "metadata[attempt]", id_text(ID_CHECKOUT, x->id, attempt));
    stripe_param_text(f, "subscription_data[metadata][tenant]", tenant);
    stripe_param_text(f, "subscription_data[metadata][plan_terms]", id_text(ID_TERMS, x->terms, terms));
    if (trial > 0) { /* no card is required; without one the trial ends the subscription */
        stripe_param_int(f, "subscription_data[trial_period_days]", trial);
        stripe_param_text(f, "subscription_data[trial_settings][end_behavior][missing_payment_method]", "cancel");
        stripe_param_text(f, "payment_method_collection", "if_required");
    }
    if (config_bool(c, CONFIG_stripe_promotion_codes))
        stripe_param_bool(f, "allow_promotion_codes", true);
    if (config_bool(c, CONFIG_stripe_automatic_tax)) {
        stripe_param_bool(f, "automatic_tax[enabled]", true);
        stripe_param_text(f, "customer_update[address]", "auto");
    }
    stripe_param_text(f, "locale", "auto");
    stripe_param_int(f, "expires_at", x->expires_ms / 1000);
    stripe_param_text(f, "success_url",
                      operation_text(op, "%s/app/billing/return?session={CHECKOUT_SESSION_ID}", home));
    stripe_param_text(f, "cancel_url", operation_text(op, "%s/app/billing/plans?canceled=1", home));
}

static enum status attempt_write_session(struct buying *b, const struct attempt *x, struct str session, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(b->op->p, &c, e);
    if (st == OK)
        st = attempt_store_session(c, b->op->tenant, x->id, session, e);
    db_put(c);
    return st;
}

/* The key is made from the attempt, so that Stripe makes one session even if it is asked twice. If storing the session
 * fails here, the attempt stays "creating", and the next click gets the same session by the same key. */
static enum status attempt_make_session(struct buying *b, struct attempt *x, struct str *url, struct err *e)
{
    char id[ID_TEXT_MAX];
    struct stripe_form f;
    struct json *session = NULL;
    stripe_form_init(&f);
    attempt_params(&f, b, x);
    enum status st = operation_post(b->op, "/v1/checkout/sessions", &f,
                                    operation_text(b->op, "co:%s", id_text(ID_CHECKOUT, x->id, id)), &session, e);
    stripe_form_release(&f);
    if (st != OK)
        return st;
    struct str made = json_get_str(session, "id");
    *url = json_get_str(session, "url");
    if (!made.n || !url->n)
        return err_set(e, E_stripe_answer, "Stripe's answer does not name a page.");
    return attempt_write_session(b, x, made, e);
}

static enum status attempt_write_tx(struct db *c, void *ctx, struct err *e)
{
    struct buying *b = ctx;
    char id[ID_TEXT_MAX];
    enum status st = attempt_store_add(c, b->op->tenant, b->op->stripe->livemode, &b->made, e);
    if (st == OK)
        st = account_audit(c, b->op->who, "billing.checkout", str_from(id_text(ID_CHECKOUT, b->made.id, id)), NULL, e);
    return st;
}

/* Whether the attempt is over. A session that Stripe made all the same expires: no one has its address. */
static bool attempt_is_final(enum status st, const struct err *e)
{
    enum stripe_failure f = stripe_failure_of(e);
    return st == ERR_INVALID || st == ERR_NOT_FOUND || f == STRIPE_FAILURE_REFUSED || f == STRIPE_FAILURE_UNKNOWN ||
           f == STRIPE_FAILURE_FAULT;
}

/* The attempt is committed before the call. A program that dies during the call leaves a row, by which the next click
 * repeats it instead of making a second session. */
static enum status attempt_new(struct buying *b, struct str *url, struct err *e)
{
    int64_t now = clock_now_ms();
    struct err why = ERR_INIT;
    b->made = (struct attempt){.id = id_new(),
                               .terms = b->plan->terms->id,
                               .session = STR_EMPTY,
                               .created_ms = now,
                               .expires_ms = now + SESSION_MS};
    enum status st = held_transaction(b->op->p, attempt_write_tx, b, e);
    if (st != OK)
        return st;
    st = attempt_make_session(b, &b->made, url, &why);
    if (st != OK && attempt_is_final(st, &why)) {
        enum status marked = attempt_set_state(b, &b->made, ATTEMPT_FAILED, e);
        if (marked != OK)
            return marked;
    }
    if (st != OK && e)
        *e = why;
    return st;
}

/* ---- the whole operation ---- */

/* An attempt whose call was never answered is repeated under its key. If that is refused, the attempt is given up. */
static enum status attempt_resume(struct buying *b, struct attempt *x, struct str *url, struct err *e)
{
    struct err why = ERR_INIT;
    enum status st = attempt_make_session(b, x, url, &why);
    if (st == OK)
        return OK;
    if (attempt_is_final(st, &why))
        return attempt_set_state(b, x, ATTEMPT_FAILED, e);
    if (e)
        *e = why;
    return st;
}

/* At most one session survives: the first (newest) attempt on the wanted terms. Every other one could still be paid in
 * another tab, and is expired. An attempt still "creating" has shown its address to no one and needs no call. */
static enum status attempt_judge(struct buying *b, struct attempt *x, struct str *url, struct err *e)
{
    bool same = id_eq(x->terms, b->plan->terms->id) && !url->n;
    if (x->state == ATTEMPT_CREATING)
        return same ? attempt_resume(b, x, url, e) : attempt_set_state(b, x, ATTEMPT_FAILED, e);
    return same ? attempt_continue(b, x, url, e) : attempt_expire(b, x, e);
}

/* The cheap checks come first. Stripe is asked about subscriptions before the attempts are judged, because a session
 * that was just paid shows there earlier than its event arrives. */
static enum status buying_run(struct buying *b, struct str *url, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(b->op->p, &c, e);
    if (st == OK)
        st = buying_read(c, b, e);
    db_put(c);
    if (st == OK)
        st = buying_refuse_live(b, e);
    if (st == OK)
        st = customer_make(b->op, &b->customer, e);
    if (st == OK)
        st = buying_refuse_unheard(b, e);
    for (size_t i = 0; st == OK && i < b->attempt_n; i++)
        st = attempt_judge(b, &b->attempts[i], url, e);
    if (st != OK || url->n)
        return st;
    return attempt_new(b, url, e);
}

enum status checkout_begin(const struct billing_context *x, struct str plan, struct str *url, struct err *e)
{
    struct operation op = operation_open(x, x->who->tenant);
    struct err why = ERR_INIT;
    enum status st = operation_begin(&op, &why);
    /* The second round is for a customer that was deleted in the dashboard: it is replaced once. */
    for (int i = 0; st == OK && i < 2; i++) {
        struct buying b = {.op = &op, .plan_name = plan};
        *url = STR_EMPTY;
        st = buying_run(&b, url, &why);
        if (st == OK || !b.customer.n || !operation_is_missing(&why, "customer"))
            break;
        st = operation_customer_gone(&op, b.customer, &why); /* deleted in the dashboard: once more with a new one */
    }
    if (st == OK && !url->n)
        st = err_set(&why, E_stripe_error, "Stripe does not know the customer that it has just created. Try again.");
    st = operation_close(&op, st, "checkout", &why);
    if (st != OK && e)
        *e = why;
    return st;
}

/* ---- a workspace that is deleted ---- */

static enum status buying_read_attempts(struct buying *b, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(b->op->p, &c, e);
    if (st == OK)
        st = attempt_store_open(c, b->op->tenant, b->op->stripe->livemode, clock_now_ms(), b->op->a, &b->attempts,
                                &b->attempt_n, e);
    db_put(c);
    return st;
}

enum status attempts_end(struct operation *op, struct err *e)
{
    struct buying b = {.op = op};
    bool paid = false;
    enum status st = buying_read_attempts(&b, e);
    for (size_t i = 0; st == OK && i < b.attempt_n; i++) {
        struct attempt *x = &b.attempts[i];
        struct err why = ERR_INIT;
        st = x->state == ATTEMPT_CREATING ? attempt_set_state(&b, x, ATTEMPT_FAILED, &why)
                                          : attempt_expire(&b, x, &why);
        bool now_paid = st == ERR_CONFLICT && err_is(&why, E_subscribed);
        paid = paid || now_paid;
        if (now_paid)
            st = OK;
        else if (st != OK && e)
            *e = why;
    }
    return st == OK && paid ? buying_refuse_subscribed(e) : st;
}

enum status checkouts_end(const struct billing_context *x, struct err *e)
{
    struct operation op = operation_open(x, x->who->tenant);
    struct err why = ERR_INIT;
    enum status st = operation_begin(&op, &why);
    if (st == OK)
        st = attempts_end(&op, &why);
    st = operation_close(&op, st, "end of checkouts", &why);
    if (st != OK && e)
        *e = why;
    return st;
}
