/* change.c: a change of plan is carried out. It is written down first (plan_change), asked of Stripe under keys
 * made from that row, and what came of it is fetched again.
 *
 * An upgrade takes place at once and only when it is paid: both items are swapped by their ids in one call. With it
 * Stripe bills what the meter has of the old plan (docs: "Update prices mid-cycle"), so that usage beyond the plan
 * reaches the meter first. An upgrade may wait for its payment only while no conversation was counted in the period:
 * usage stands on the invoice that waits, and when the update expires Stripe discards it. No later invoice bills that
 * usage, and the included conversations are counted from zero again (docs: "Pending updates", "Metered items").
 *
 * A downgrade is a schedule made from the subscription: its present phase as it is until the period's end, then one
 * month of the new prices, then it lets go. A cancellation is cancel_at_period_end. Whatever was planned before is
 * taken back first. */
#include "account/operator_log.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/shared.h"
#include "billing/checkout/change_internal.h"
#include "bot/bot.h"

#include "base/banned.h"

struct changing {
    struct planned x;
    struct plan_change row;
    const struct id *keep;
    size_t keep_n;
    bool keeps;          /* the owner chose bots */
    const char *outcome; /* "done", "waiting", "failed", "asked" */
    struct str pay_url;
};

/* ---- rows ---- */

static enum status write_asked(struct db *c, void *ctx, struct err *e)
{
    struct changing *g = ctx;
    struct desk *d = g->x.d;
    enum status st = change_store_add(c, d->tenant, &g->row, clock_now_ms(), e);
    return st == OK && g->keeps ? bot_keep(c, d->who, d->tenant, g->keep, g->keep_n, e) : st;
}

static int describe(struct json *o, const struct changing *g)
{
    const struct plan_terms *from = plans_terms(&g->x.plans, g->row.from), *to = plans_terms(&g->x.plans, g->row.to);
    return json_set_str(o, "subscription", g->row.subscription) == 0 &&
                   json_set_str(o, "outcome", str_from(g->outcome)) == 0 &&
                   (!from || json_set_str(o, "from", from->plan) == 0) && (!to || json_set_str(o, "to", to->plan) == 0)
               ? 0
               : -1;
}

static enum status write_finished(struct db *c, void *ctx, struct err *e)
{
    const struct changing *g = ctx;
    struct desk *d = g->x.d;
    struct json *detail = json_new_object(d->a);
    const char *what = desk_text(d, "billing.%s", g->row.kind);
    char id[ID_TEXT_MAX];
    if (!detail || describe(detail, g) != 0 || d->nomem)
        return err_nomem(e);
    enum status st = change_store_finish(c, d->tenant, g->row.id, g->outcome, clock_now_ms(), e);
    return st == OK ? account_audit(c, d->who, what, str_from(id_text(ID_CHANGE, g->row.id, id)), detail, e) : st;
}

static enum status asked(struct changing *g, const char *kind, struct id to, struct err *e)
{
    g->row = (struct plan_change){
        .id = id_new(), .subscription = g->x.sub->id, .kind = kind, .from = g->x.sub->terms, .to = to};
    g->outcome = "failed";
    return held_transaction(g->x.d->p, write_asked, g, e);
}

/* The change's own outcome goes before what became of its row: Stripe has decided already. */
static enum status finished(struct changing *g, enum status st, struct err *e)
{
    struct err why = ERR_INIT;
    if (st == OK && strcmp(g->outcome, "failed") == 0)
        g->outcome = "done";
    if ((st == ERR_UNAVAILABLE || st == ERR_TIMEOUT) && strcmp(g->outcome, "failed") == 0)
        g->outcome = "asked"; /* nobody heard what became of it */
    desk_look(g->x.d, "subscription", g->x.sub->id);
    enum status written = held_transaction(g->x.d->p, write_finished, g, &why);
    shared_bump("plan", g->x.d->tenant);
    if (st == OK && written != OK && e)
        *e = why;
    return st != OK ? st : written;
}

/* ---- single calls ---- */

static const char *key_of(struct changing *g, const char *step)
{
    char id[ID_TEXT_MAX];
    return desk_text(g->x.d, "sub:%.120s:%s:%s", g->x.sub->id.p, id_text(ID_CHANGE, g->row.id, id), step);
}

static enum status schedule_release(struct changing *g, struct str schedule, struct err *e)
{
    struct json *out;
    struct desk *d = g->x.d;
    return desk_post(d, stripe_path(d->a, "/v1/subscription_schedules/%/release", schedule.p, (char *)NULL), NULL,
                     key_of(g, "release"), &out, e);
}

static enum status subscription_post(struct changing *g, struct stripe_form *f, const char *step, struct json **out,
                                     struct err *e)
{
    struct desk *d = g->x.d;
    enum status st = desk_post(d, stripe_path(d->a, "/v1/subscriptions/%", g->x.sub->id.p, (char *)NULL), f,
                               key_of(g, step), out, e);
    stripe_form_release(f);
    return st;
}

/* Stripe may hold an end at the period's end as either of two. */
static enum status ending_undo(struct changing *g, struct err *e)
{
    struct stripe_form f;
    struct json *out;
    if (!planned_ends(g->x.sub))
        return OK;
    stripe_form_init(&f);
    if (g->x.sub->cancel_at_period_end)
        stripe_param_bool(&f, "cancel_at_period_end", false);
    else
        stripe_param_unset(&f, "cancel_at");
    return subscription_post(g, &f, "stay", &out, e);
}

/* ---- upgrade ---- */

static enum status payment_needed(struct changing *g, const struct json *sub, struct err *e)
{
    const struct json *in = json_get(sub, "latest_invoice");
    g->outcome = "waiting";
    g->pay_url = json_get_str(in, "hosted_invoice_url");
    desk_look(g->x.d, "invoice", stripe_id_of(in));
    return err_set(
        e, E_payment_needed,
        "The payment did not go through yet, so the plan stays as it is: pay the invoice, and the new plan begins.");
}

static enum status upgrade(struct changing *g, int64_t proration_ms, struct err *e)
{
    const struct subscription *sub = g->x.sub;
    struct stripe_form f;
    struct json *out = NULL;
    enum status st = sub->schedule.n ? schedule_release(g, sub->schedule, e) : OK;
    if (st != OK)
        return st;
    stripe_form_init(&f);
    stripe_param_str(&f, "items[0][id]", sub->base_item);
    stripe_param_str(&f, "items[0][price]", g->x.base);
    stripe_param_str(&f, "items[1][id]", sub->usage_item);
    stripe_param_str(&f, "items[1][price]", g->x.usage);
    stripe_param_text(&f, "proration_behavior", "always_invoice");
    stripe_param_int(&f, "proration_date", planned_proration_s(&g->x, proration_ms));
    stripe_param_text(&f, "payment_behavior", g->x.used ? "error_if_incomplete" : "pending_if_incomplete");
    stripe_param_text(&f, "expand[0]", "latest_invoice");
    st = subscription_post(g, &f, "upgrade", &out, e);
    if (st != OK)
        return st;
    if (json_get(out, "pending_update"))
        return payment_needed(g, out, e);
    g->outcome = "done"; /* whoever buys more does not leave */
    return ending_undo(g, e);
}

/* ---- downgrade, move: a schedule ---- */

static void copy_discounts(struct stripe_form *f, const struct json *phase, int to)
{
    static const char *const kinds[] = {"discount", "promotion_code", "coupon"};
    const struct json *list = json_get(phase, "discounts");
    for (size_t i = 0; i < json_len(list); i++)
        for (size_t k = 0; k < COUNT_OF(kinds); k++) {
            struct str id = stripe_id_of(json_get(json_at(list, i), kinds[k]));
            if (!id.n)
                continue;
            stripe_param_str(f, stripe_name(f, "phases[%d][discounts][%zu][%s]", to, i, kinds[k]), id);
            break;
        }
}

static void copy_taxes(struct stripe_form *f, const struct json *phase, int to)
{
    const struct json *automatic = json_get(phase, "automatic_tax"), *rates = json_get(phase, "default_tax_rates");
    if (automatic)
        stripe_param_bool(f, stripe_name(f, "phases[%d][automatic_tax][enabled]", to),
                          json_bool(json_get(automatic, "enabled")));
    for (size_t i = 0; i < json_len(rates); i++)
        stripe_param_str(f, stripe_name(f, "phases[%d][default_tax_rates][%zu]", to, i),
                         stripe_id_of(json_at(rates, i)));
}

/* An item as it stands: its price, its number where it has one. */
static void copy_items(struct stripe_form *f, const struct json *phase)
{
    const struct json *items = json_get(phase, "items");
    for (size_t i = 0; i < json_len(items); i++) {
        const struct json *item = json_at(items, i);
        stripe_param_str(f, stripe_name(f, "phases[0][items][%zu][price]", i), stripe_id_of(json_get(item, "price")));
        if (json_get(item, "quantity"))
            stripe_param_int(f, stripe_name(f, "phases[0][items][%zu][quantity]", i),
                             json_int(json_get(item, "quantity"), 1));
    }
}

/* What else was added to the subscription by hand stays; base and usage are swapped. */
static void next_items(struct stripe_form *f, const struct changing *g, const struct json *phase)
{
    const struct json *items = json_get(phase, "items");
    for (size_t i = 0; i < json_len(items); i++) {
        const struct json *item = json_at(items, i);
        struct str price = stripe_id_of(json_get(item, "price"));
        bool base = str_eq(price, g->x.sub->base_price), usage = str_eq(price, g->x.sub->usage_price);
        stripe_param_str(f, stripe_name(f, "phases[1][items][%zu][price]", i),
                         base    ? g->x.base
                         : usage ? g->x.usage
                                 : price);
        if (!usage && json_get(item, "quantity"))
            stripe_param_int(f, stripe_name(f, "phases[1][items][%zu][quantity]", i),
                             json_int(json_get(item, "quantity"), 1));
    }
}

/* Both are in the phase, or the next one would bill one of them twice. */
static bool has_both(const struct changing *g, const struct json *phase)
{
    const struct json *items = json_get(phase, "items");
    int base = 0, usage = 0;
    for (size_t i = 0; i < json_len(items); i++) {
        struct str price = stripe_id_of(json_get(json_at(items, i), "price"));
        base += str_eq(price, g->x.sub->base_price);
        usage += str_eq(price, g->x.sub->usage_price);
    }
    return base == 1 && usage == 1;
}

static void phase_params(struct stripe_form *f, const struct changing *g, const struct json *phase)
{
    char terms[ID_TEXT_MAX];
    stripe_param_text(f, "end_behavior", "release");
    stripe_param_int(f, "phases[0][start_date]", json_int(json_get(phase, "start_date"), 0));
    stripe_param_int(f, "phases[0][end_date]", json_int(json_get(phase, "end_date"), 0));
    if (json_get(phase, "trial_end"))
        stripe_param_int(f, "phases[0][trial_end]", json_int(json_get(phase, "trial_end"), 0));
    stripe_param_text(f, "phases[0][proration_behavior]", "none");
    copy_items(f, phase);
    copy_discounts(f, phase, 0);
    copy_taxes(f, phase, 0);
    stripe_param_text(f, "phases[1][duration][interval]", "month");
    stripe_param_int(f, "phases[1][duration][interval_count]", 1);
    /* At the end of a period there is nothing to prorate; but a metered price that goes with "none" goes without being billed. */
    stripe_param_text(f, "phases[1][proration_behavior]", "create_prorations");
    next_items(f, g, phase);
    copy_discounts(f, phase, 1);
    copy_taxes(f, phase, 1);
    stripe_param_text(f, "phases[1][metadata][plan_terms]", id_text(ID_TERMS, g->row.to, terms));
}

/* The phase that runs now: the first one, unless Stripe says where it is. */
static const struct json *phase_now(const struct json *schedule)
{
    const struct json *phases = json_get(schedule, "phases"), *now = json_get(schedule, "current_phase");
    int64_t start = json_int(json_get(now, "start_date"), 0);
    for (size_t i = 0; i < json_len(phases); i++)
        if (json_int(json_get(json_at(phases, i), "start_date"), -1) == start)
            return json_at(phases, i);
    return json_at(phases, 0);
}

static enum status schedule_fill(struct changing *g, const struct json *schedule, struct err *e)
{
    const struct json *phase = phase_now(schedule);
    struct str id = json_get_str(schedule, "id");
    struct desk *d = g->x.d;
    struct stripe_form f;
    struct json *out;
    if (!has_both(g, phase))
        return err_set(e, E_unknown_price,
                       "This subscription has other prices than Parley made, so its plan cannot be changed here: ask "
                       "the operator.");
    stripe_form_init(&f);
    phase_params(&f, g, phase);
    enum status st = desk_post(d, stripe_path(d->a, "/v1/subscription_schedules/%", id.p, (char *)NULL), &f,
                               key_of(g, "phases"), &out, e);
    stripe_form_release(&f);
    return st;
}

static enum status schedule_make(struct changing *g, struct json **out, struct err *e)
{
    struct stripe_form f;
    stripe_form_init(&f);
    stripe_param_str(&f, "from_subscription", g->x.sub->id);
    enum status st = desk_post(g->x.d, "/v1/subscription_schedules", &f, key_of(g, "schedule"), out, e);
    stripe_form_release(&f);
    return st;
}

static enum status at_period_end(struct changing *g, struct err *e)
{
    const struct subscription *sub = g->x.sub;
    struct json *schedule = NULL;
    struct err let_go = ERR_INIT;
    enum status st = sub->schedule.n ? schedule_release(g, sub->schedule, e) : OK;
    if (st == OK)
        st = ending_undo(g, e);
    if (st == OK)
        st = schedule_make(g, &schedule, e);
    if (st != OK)
        return st;
    st = schedule_fill(g, schedule, e);
    if (st != OK) { /* a schedule with the present phase alone lets go at its end by itself; better at once */
        struct desk *d = g->x.d;
        struct json *out;
        struct str id = json_get_str(schedule, "id");
        (void)desk_post(d, stripe_path(d->a, "/v1/subscription_schedules/%/release", id.p, (char *)NULL), NULL,
                        key_of(g, "let-go"), &out, &let_go);
    }
    return st;
}

/* ---- cancellation ---- */

static enum status cancel(struct changing *g, struct err *e)
{
    const struct subscription *sub = g->x.sub;
    struct stripe_form f;
    struct json *out;
    enum status st = sub->schedule.n ? schedule_release(g, sub->schedule, e) : OK;
    if (st != OK)
        return st;
    stripe_form_init(&f);
    stripe_param_bool(&f, "cancel_at_period_end", true);
    return subscription_post(g, &f, "cancel", &out, e);
}

/* ---- applying ---- */

static enum status as_it_is(const char *words, struct err *e)
{
    return err_set(e, E_same_plan, "%s", words);
}

static enum status refuse_same(const struct planned *x, struct err *e)
{
    const struct subscription *sub = x->sub;
    if (x->kind == CHANGE_BUY)
        return err_set(e, E_not_subscribed, "There is no subscription to change: buy the plan instead.");
    if (x->kind == CHANGE_NONE)
        return as_it_is(sub && (planned_ends(sub) || sub->schedule.n)
                            ? "This is your plan already: take the planned change back to stay with it."
                            : "This is your plan already.",
                        e);
    if (x->kind == CHANGE_CANCEL && planned_ends(sub))
        return as_it_is("The subscription ends with its period already.", e);
    if ((x->kind == CHANGE_DOWNGRADE || x->kind == CHANGE_MOVE) && id_eq(sub->next_terms, x->to->terms->id))
        return as_it_is("This change is planned already.", e);
    return OK;
}

/* It must cost what was shown. */
static enum status refuse_stale(const struct planned *x, int64_t proration_ms, struct err *e)
{
    int64_t now = clock_now_ms(), latest = (now > x->sub->period_start_ms ? now : x->sub->period_start_ms) + AHEAD_MS;
    if (x->changed_ms > proration_ms)
        return err_set(e, E_plan_changed,
                       "The plan was changed meanwhile, perhaps by somebody else: look again what this would cost.");
    if (now - proration_ms > PREVIEW_MS || proration_ms < x->sub->period_start_ms || proration_ms > latest)
        return err_raise(e, E_preview_old);
    return OK;
}

static enum status check_keep(struct changing *g, struct err *e)
{
    g->keeps = g->keep_n > 0 && (g->x.kind == CHANGE_DOWNGRADE || g->x.kind == CHANGE_CANCEL);
    if (g->keeps && (int64_t)g->keep_n > g->x.bots_keep)
        return err_at(e, E_bots_too_many, "keep", "The plan has room for %lld bots: choose so many at most.",
                      (long long)g->x.bots_keep);
    return OK;
}

/* What reaches the meter after the swap is on no invoice: that matters where it would have cost something. */
static enum status flush_before(struct changing *g, struct err *e)
{
    struct err why = ERR_INIT;
    enum status st = desk_flush(g->x.d, &why);
    if (st != OK && g->x.owes) {
        if (e)
            *e = why;
        return st;
    }
    if (st != OK)
        log_line(LOG_WARN, "usage_later", LOG_T("subscription", g->x.sub->id), LOG_S("error", why.message));
    return OK;
}

static enum status carry_out(struct changing *g, int64_t proration_ms, struct err *e)
{
    static const char *const kinds[] = {[CHANGE_UPGRADE] = "upgrade",
                                        [CHANGE_DOWNGRADE] = "downgrade",
                                        [CHANGE_CANCEL] = "cancel",
                                        [CHANGE_MOVE] = "move"};
    enum status st = asked(g, kinds[g->x.kind], g->x.kind == CHANGE_CANCEL ? ID_NONE : g->x.to->terms->id, e);
    if (st != OK)
        return st;
    if (g->x.kind == CHANGE_UPGRADE)
        st = upgrade(g, proration_ms, e);
    else
        st = g->x.kind == CHANGE_CANCEL ? cancel(g, e) : at_period_end(g, e);
    return finished(g, st, e);
}

/* Read, look at Stripe, read again: what another owner did a moment ago counts. */
static enum status read_fresh(struct planned *x, struct err *e)
{
    enum status st = planned_read(x, e);
    if (st != OK || !x->sub)
        return st;
    desk_look(x->d, "subscription", x->sub->id);
    return planned_read(x, e);
}

static enum status apply(struct changing *g, int64_t proration_ms, struct err *e)
{
    struct planned *x = &g->x;
    enum status st = read_fresh(x, e);
    if (st == OK)
        st = planned_judge(x, e);
    if (st == OK)
        st = refuse_same(x, e);
    if (st == OK && x->kind != CHANGE_CANCEL) {
        st = planned_changeable(x, e);
        if (st == ERR_PLAN)
            g->pay_url = x->pay_url;
    }
    if (st == OK)
        st = refuse_stale(x, proration_ms, e);
    if (st == OK)
        st = check_keep(g, e);
    if (st == OK && x->kind == CHANGE_UPGRADE)
        st = flush_before(g, e);
    return st == OK ? carry_out(g, proration_ms, e) : st;
}

enum status change_apply(struct stripe *stripe, struct db_pool *p, struct arena *a, const struct actor *who,
                         struct str plan, int64_t proration_ms, const struct id *keep, size_t keep_n,
                         struct str *pay_url, struct err *e)
{
    struct desk d = desk_open(stripe, p, a, who, who->tenant);
    struct changing g = {.x = {.d = &d, .plan_name = plan}, .keep = keep, .keep_n = keep_n, .pay_url = STR_EMPTY};
    struct err why = ERR_INIT;
    enum status st = desk_begin(&d, &why);
    if (st == OK)
        st = apply(&g, proration_ms, &why);
    *pay_url = g.pay_url;
    st = desk_close(&d, st, "plan change", &why);
    if (st != OK && e)
        *e = why;
    return st;
}

/* ---- taking back ---- */

/* The change's own invoice and no other: a renewal may have come after it, which has to be paid whatever becomes of the change. */
static enum status find_waited_for(struct changing *g, struct err *e)
{
    struct planned *x = &g->x;
    if (!x->sub->pending_update_expires_ms || x->waited_for.n)
        return OK;
    desk_look(x->d, "invoice", x->sub->latest_invoice);
    enum status st = planned_read(x, e);
    if (st == OK && x->sub && x->sub->pending_update_expires_ms && !x->waited_for.n)
        st = err_set_as(
            e, ERR_CONFLICT, E_invoice_unknown,
            "The invoice that this change waits for is not known here yet: try again in a minute. Unpaid, the "
            "change ends within a day.");
    return st;
}

/* A change that waits for its payment goes when its invoice does. */
static enum status pending_undo(struct changing *g, struct err *e)
{
    struct desk *d = g->x.d;
    struct json *out;
    struct str invoice = g->x.waited_for;
    enum status st = desk_post(d, stripe_path(d->a, "/v1/invoices/%/void", invoice.p, (char *)NULL), NULL,
                               key_of(g, "void"), &out, e);
    if (st == OK)
        desk_look(d, "invoice", invoice);
    return st;
}

static enum status undo(struct changing *g, struct err *e)
{
    enum status st = read_fresh(&g->x, e);
    if (st == OK && g->x.sub)
        st = find_waited_for(g, e);
    if (st != OK)
        return st;
    const struct subscription *sub = g->x.sub;
    if (!sub || (!sub->schedule.n && !planned_ends(sub) && !sub->pending_update_expires_ms))
        return err_raise(e, E_nothing_planned);
    st = asked(g, "undo", ID_NONE, e);
    if (st != OK)
        return st;
    if (sub->pending_update_expires_ms && g->x.waited_for.n)
        st = pending_undo(g, e);
    if (st == OK && sub->schedule.n)
        st = schedule_release(g, sub->schedule, e);
    if (st == OK)
        st = ending_undo(g, e);
    return finished(g, st, e);
}

enum status change_undo(struct stripe *stripe, struct db_pool *p, struct arena *a, const struct actor *who,
                        struct err *e)
{
    struct desk d = desk_open(stripe, p, a, who, who->tenant);
    struct changing g = {.x = {.d = &d, .plan_name = STR_EMPTY}};
    struct err why = ERR_INIT;
    enum status st = desk_begin(&d, &why);
    if (st == OK)
        st = undo(&g, &why);
    st = desk_close(&d, st, "undo", &why);
    if (st != OK && e)
        *e = why;
    return st;
}

/* ---- the operator ---- */

static enum status move(struct changing *g, struct err *e)
{
    struct planned *x = &g->x;
    enum status st = read_fresh(x, e);
    if (st == OK && !x->sub)
        st = err_set(e, E_not_subscribed, "This workspace has no subscription.");
    if (st == OK && !x->from)
        st = err_set(e, E_unknown_price, "This subscription has a price that Parley did not make.");
    if (st != OK)
        return st;
    x->plan_name = x->from->plan;
    st = planned_read(x, e);
    if (st == OK)
        st = planned_judge(x, e);
    if (st == OK && x->kind == CHANGE_NONE)
        st = err_set(e, E_same_plan, "This subscription has today's terms already.");
    if (st == OK)
        st = refuse_same(x, e);
    if (st == OK)
        st = planned_changeable(x, e);
    return st == OK ? carry_out(g, 0, e) : st;
}

struct moving {
    const struct actor *who;
    struct id tenant;
};

static enum status log_move(struct db *c, void *ctx, struct err *e)
{
    const struct moving *m = ctx;
    char text[ID_TEXT_MAX];
    return operator_log(c, m->who, "terms.moved", str_from(id_text(ID_TENANT, m->tenant, text)), NULL, e);
}

enum status terms_move(struct stripe *stripe, struct db_pool *p, struct arena *a, const struct actor *who,
                       struct id tenant, struct err *e)
{
    struct actor in_tenant = *who;
    struct desk d = desk_open(stripe, p, a, &in_tenant, tenant);
    struct changing g = {.x = {.d = &d, .plan_name = STR_EMPTY}};
    struct moving m = {.who = who, .tenant = tenant};
    struct err why = ERR_INIT;
    in_tenant.tenant = tenant; /* whose audit log it stands in */
    enum status st = desk_begin(&d, &why);
    if (st == OK)
        st = move(&g, &why);
    if (st == OK)
        st = held_db(p, log_move, &m, &why);
    held_end(&d.lease);
    if (st != OK && e)
        *e = why; /* as Stripe said it: it is for the operator */
    return st;
}
