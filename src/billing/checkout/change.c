/* change.c: carries out a change of plan. The change is recorded first (plan_change), the calls to Stripe use keys made
 * from that row, and the result is fetched again.
 *
 * An upgrade takes place at once and only when it is paid: both items are swapped by their ids in one call. With it
 * Stripe bills what the meter has of the old plan (docs: "Update prices mid-cycle"), so that usage beyond the plan
 * reaches the meter first. An upgrade may wait for its payment only while no conversation was counted in the period:
 * usage is on the invoice that waits, and when the update expires Stripe discards it. No later invoice bills that
 * usage, and the included conversations are counted from zero again (docs: "Pending updates", "Metered items").
 *
 * A downgrade is a schedule made from the subscription: the current phase until the end of the period, then one
 * month at the new prices, then the schedule releases the subscription. A cancellation is cancel_at_period_end. Any
 * change that was planned before is taken back first. */
#include "account/operator_log.h"
#include "base/clock.h"
#include "base/log.h"
#include "billing/checkout/change_internal.h"
#include "bot/bot.h"

#include "base/banned.h"

struct changing {
    struct change_facts x;
    struct plan_change row;
    const struct id *keep;
    size_t keep_n;
    bool keeps; /* the owner chose bots */
    enum change_outcome outcome;
    struct str pay_url;
};

/* ---- rows ---- */

/* The choice of bots is stored with the change. Alone it does nothing, because it counts only under a plan with fewer
 * bots, so it may stay when the change fails. */
static enum status changing_begin_tx(struct db *c, void *ctx, struct err *e)
{
    struct changing *g = ctx;
    struct operation *op = g->x.op;
    enum status st = change_store_add(c, op->tenant, &g->row, clock_now_ms(), e);
    return st == OK && g->keeps ? bot_keep(c, op->who, op->tenant, g->keep, g->keep_n, e) : st;
}

static int changing_describe(struct json *o, const struct changing *g)
{
    const struct plan_terms *from = plans_terms(&g->x.plans, g->row.from), *to = plans_terms(&g->x.plans, g->row.to);
    return json_set_str(o, "subscription", g->row.subscription) == 0 &&
                   json_set_str(o, "outcome", str_from(change_outcome_name(g->outcome))) == 0 &&
                   (!from || json_set_str(o, "from", from->plan) == 0) && (!to || json_set_str(o, "to", to->plan) == 0)
               ? 0
               : -1;
}

static enum status changing_finish_tx(struct db *c, void *ctx, struct err *e)
{
    const struct changing *g = ctx;
    struct operation *op = g->x.op;
    struct json *detail = json_new_object(op->a);
    const char *what = operation_text(op, "billing.%s", change_kind_name(g->row.kind));
    char id[ID_TEXT_MAX];
    if (!detail || changing_describe(detail, g) != 0 || op->nomem)
        return err_nomem(e);
    enum status st = change_store_finish(c, op->tenant, g->row.id, g->outcome, clock_now_ms(), e);
    return st == OK ? account_audit(c, op->who, what, str_from(id_text(ID_CHANGE, g->row.id, id)), detail, e) : st;
}

static enum status changing_begin(struct changing *g, enum change_kind kind, struct id to, struct err *e)
{
    g->row = (struct plan_change){
        .id = id_new(), .subscription = g->x.sub->id, .kind = kind, .from = g->x.sub->terms, .to = to};
    g->outcome = OUTCOME_FAILED;
    return held_transaction(g->x.op->p, changing_begin_tx, g, e);
}

/* Records the outcome. The result of the call matters more than that of writing the row: Stripe has already
 * decided. The refresh of the mirror also makes every process read the entitlements again. */
static enum status changing_finish(struct changing *g, enum status st, struct err *e)
{
    struct err why = ERR_INIT;
    if (st == OK && g->outcome == OUTCOME_FAILED)
        g->outcome = OUTCOME_DONE;
    if ((st == ERR_UNAVAILABLE || st == ERR_TIMEOUT) && g->outcome == OUTCOME_FAILED)
        g->outcome = OUTCOME_ASKED; /* the outcome is not known */
    operation_refresh(g->x.op, STRIPE_OBJECT_SUBSCRIPTION, g->x.sub->id);
    enum status written = held_transaction(g->x.op->p, changing_finish_tx, g, &why);
    if (st == OK && written != OK)
        *e = why;
    return st != OK ? st : written;
}

/* ---- single calls ---- */

/* Each step has a key of its own, because Stripe refuses a key with other parameters. The key is made from the row, so
 * a retry within this change repeats the same call. 120 bytes of the subscription's id keep it within Stripe's 255. */
static const char *changing_key(struct changing *g, const char *step)
{
    char id[ID_TEXT_MAX];
    return operation_text(g->x.op, "sub:%.120s:%s:%s", g->x.sub->id.p, id_text(ID_CHANGE, g->row.id, id), step);
}

/* A schedule that stays attached would replace the change with its own next phase, and Stripe refuses to change the
 * cancellation of a subscription that a schedule manages. Releasing keeps the subscription as it is. */
static enum status changing_release(struct changing *g, struct str schedule, struct err *e)
{
    struct json *out;
    struct operation *op = g->x.op;
    return operation_post(op, stripe_path(op->a, "/v1/subscription_schedules/%/release", schedule.p, (char *)NULL),
                          NULL, changing_key(g, "release"), &out, e);
}

static enum status changing_post(struct changing *g, struct stripe_form *f, const char *step, struct json **out,
                                 struct err *e)
{
    struct operation *op = g->x.op;
    enum status st = operation_post(op, stripe_path(op->a, "/v1/subscriptions/%", g->x.sub->id.p, (char *)NULL), f,
                                    changing_key(g, step), out, e);
    stripe_form_release(f);
    return st;
}

/* Stripe stores an end at the end of the period in one of two fields. Which one depends on the billing mode, and each
 * is cleared in its own way. */
static enum status changing_undo_end(struct changing *g, struct err *e)
{
    struct stripe_form f;
    struct json *out;
    if (!subscription_is_ending(g->x.sub))
        return OK;
    stripe_form_init(&f);
    if (g->x.sub->cancel_at_period_end)
        stripe_param_bool(&f, "cancel_at_period_end", false);
    else
        stripe_param_unset(&f, "cancel_at");
    return changing_post(g, &f, "stay", &out, e);
}

/* ---- upgrade ---- */

/* Not a failure: Stripe keeps the change and applies it when the invoice is paid. The page comes from this answer,
 * because the event that brings the invoice to the mirror may be late. */
static enum status upgrade_payment_needed(struct changing *g, const struct json *sub, struct err *e)
{
    const struct json *in = json_get(sub, "latest_invoice");
    g->outcome = OUTCOME_WAITING;
    g->pay_url = json_get_str(in, "hosted_invoice_url");
    operation_refresh(g->x.op, STRIPE_OBJECT_INVOICE, stripe_id_of(in));
    return err_set(
        e, E_payment_needed,
        "The payment has not gone through yet, so the plan has not changed. It changes when the invoice is paid.");
}

/* payment_behavior decides what an unpaid upgrade leaves behind. "pending_if_incomplete" keeps the old plan until the
 * invoice is paid. With usage in the period that would lose the usage (see the head), so "error_if_incomplete" refuses
 * the whole change when the card fails. Stripe's default is never right: it would switch the plan and leave the debt.
 *
 * A planned cancellation is taken back in a second call, so that it survives an upgrade whose payment fails. */
static enum status changing_upgrade(struct changing *g, int64_t proration_ms, struct err *e)
{
    const struct subscription *sub = g->x.sub;
    struct stripe_form f;
    struct json *out = NULL;
    enum status st = sub->schedule.n ? changing_release(g, sub->schedule, e) : OK;
    if (st != OK)
        return st;
    stripe_form_init(&f);
    stripe_param_str(&f, "items[0][id]", sub->base_item);
    stripe_param_str(&f, "items[0][price]", g->x.base);
    stripe_param_str(&f, "items[1][id]", sub->usage_item);
    stripe_param_str(&f, "items[1][price]", g->x.usage);
    stripe_param_text(&f, "proration_behavior", "always_invoice");
    stripe_param_int(&f, "proration_date", change_proration_s(&g->x, proration_ms));
    stripe_param_text(&f, "payment_behavior", g->x.used ? "error_if_incomplete" : "pending_if_incomplete");
    stripe_param_text(&f, "expand[0]", "latest_invoice");
    st = changing_post(g, &f, "upgrade", &out, e);
    if (st != OK)
        return st;
    if (json_get(out, "pending_update"))
        return upgrade_payment_needed(g, out, e);
    g->outcome = OUTCOME_DONE; /* an upgrade takes back a planned cancellation */
    return changing_undo_end(g, e);
}

/* ---- downgrade, move: a schedule ---- */

/* A phase describes the subscription completely: a discount or a tax rate that is not repeated is removed when the
 * phase begins. */
static void phase_discounts(struct stripe_form *f, const struct json *phase, int to)
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

static void phase_taxes(struct stripe_form *f, const struct json *phase, int to)
{
    const struct json *automatic = json_get(phase, "automatic_tax"), *rates = json_get(phase, "default_tax_rates");
    if (automatic)
        stripe_param_bool(f, stripe_name(f, "phases[%d][automatic_tax][enabled]", to),
                          json_bool(json_get(automatic, "enabled")));
    for (size_t i = 0; i < json_len(rates); i++)
        stripe_param_str(f, stripe_name(f, "phases[%d][default_tax_rates][%zu]", to, i),
                         stripe_id_of(json_at(rates, i)));
}

/* The items of the current phase, unchanged. */
static void phase_items(struct stripe_form *f, const struct json *phase)
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

/* The items of the next phase: base and usage are swapped; what was added by hand stays. */
static void phase_next_items(struct stripe_form *f, const struct changing *g, const struct json *phase)
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

/* Whether the phase has both items once; otherwise the next phase would bill one of them twice. An item that was added
 * by hand in the dashboard is allowed; a missing or doubled item of ours is not. */
static bool phase_has_both(const struct changing *g, const struct json *phase)
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

/* The current phase is repeated as Stripe returned it, with proration "none", because nothing about it changes. A trial
 * must be repeated too, or it would end at once. After the second phase the schedule releases the subscription, which
 * then renews by the month at the new prices. */
static void phase_params(struct stripe_form *f, const struct changing *g, const struct json *phase)
{
    char terms[ID_TEXT_MAX];
    stripe_param_text(f, "end_behavior", "release");
    stripe_param_int(f, "phases[0][start_date]", json_int(json_get(phase, "start_date"), 0));
    stripe_param_int(f, "phases[0][end_date]", json_int(json_get(phase, "end_date"), 0));
    if (json_get(phase, "trial_end"))
        stripe_param_int(f, "phases[0][trial_end]", json_int(json_get(phase, "trial_end"), 0));
    stripe_param_text(f, "phases[0][proration_behavior]", "none");
    phase_items(f, phase);
    phase_discounts(f, phase, 0);
    phase_taxes(f, phase, 0);
    stripe_param_text(f, "phases[1][duration][interval]", "month");
    stripe_param_int(f, "phases[1][duration][interval_count]", 1);
    /* There is nothing to prorate at the end of a period, but with "none" a metered price would be removed without
     * being billed. */
    stripe_param_text(f, "phases[1][proration_behavior]", "create_prorations");
    phase_next_items(f, g, phase);
    phase_discounts(f, phase, 1);
    phase_taxes(f, phase, 1);
    stripe_param_text(f, "phases[1][metadata][plan_terms]", id_text(ID_TERMS, g->row.to, terms));
}

/* The current phase: the one that Stripe names, else the first. */
static const struct json *phase_now(const struct json *schedule)
{
    const struct json *phases = json_get(schedule, "phases"), *now = json_get(schedule, "current_phase");
    int64_t start = json_int(json_get(now, "start_date"), 0);
    for (size_t i = 0; i < json_len(phases); i++)
        if (json_int(json_get(json_at(phases, i), "start_date"), -1) == start)
            return json_at(phases, i);
    return json_at(phases, 0);
}

static enum status schedule_set_phases(struct changing *g, const struct json *schedule, struct err *e)
{
    const struct json *phase = phase_now(schedule);
    struct str id = json_get_str(schedule, "id");
    struct operation *op = g->x.op;
    struct stripe_form f;
    struct json *out;
    if (!phase_has_both(g, phase))
        return err_raise(e, E_unknown_price);
    stripe_form_init(&f);
    phase_params(&f, g, phase);
    enum status st = operation_post(op, stripe_path(op->a, "/v1/subscription_schedules/%", id.p, (char *)NULL), &f,
                                    changing_key(g, "phases"), &out, e);
    stripe_form_release(&f);
    return st;
}

/* A call of its own: Stripe accepts no phases together with from_subscription. */
static enum status schedule_make(struct changing *g, struct json **out, struct err *e)
{
    struct stripe_form f;
    stripe_form_init(&f);
    stripe_param_str(&f, "from_subscription", g->x.sub->id);
    enum status st = operation_post(g->x.op, "/v1/subscription_schedules", &f, changing_key(g, "schedule"), out, e);
    stripe_form_release(&f);
    return st;
}

/* The order is Stripe's: it makes no schedule for a subscription that already has one, or that is set to end. */
static enum status changing_schedule(struct changing *g, struct err *e)
{
    const struct subscription *sub = g->x.sub;
    struct json *schedule = NULL;
    struct err let_go = ERR_INIT;
    enum status st = sub->schedule.n ? changing_release(g, sub->schedule, e) : OK;
    if (st == OK)
        st = changing_undo_end(g, e);
    if (st == OK)
        st = schedule_make(g, &schedule, e);
    if (st != OK)
        return st;
    st = schedule_set_phases(g, schedule, e);
    if (st != OK) { /* a schedule with only the current phase would release itself at its end; do it now */
        struct operation *op = g->x.op;
        struct json *out;
        struct str id = json_get_str(schedule, "id");
        (void)operation_post(op, stripe_path(op->a, "/v1/subscription_schedules/%/release", id.p, (char *)NULL), NULL,
                             changing_key(g, "let-go"), &out, &let_go);
    }
    return st;
}

/* ---- cancellation ---- */

static enum status changing_cancel(struct changing *g, struct err *e)
{
    const struct subscription *sub = g->x.sub;
    struct stripe_form f;
    struct json *out;
    enum status st = sub->schedule.n ? changing_release(g, sub->schedule, e) : OK;
    if (st != OK)
        return st;
    stripe_form_init(&f);
    stripe_param_bool(&f, "cancel_at_period_end", true);
    return changing_post(g, &f, "cancel", &out, e);
}

/* ---- applying ---- */

static enum status apply_refuse(const char *words, struct err *e)
{
    return err_set(e, E_same_plan, "%s", words);
}

static enum status apply_refuse_same(const struct change_facts *x, struct err *e)
{
    const struct subscription *sub = x->sub;
    if (x->kind == CHANGE_BUY)
        return err_set(e, E_not_subscribed, "There is no subscription to change. Buy the plan instead.");
    if (x->kind == CHANGE_NONE)
        return apply_refuse(sub && (subscription_is_ending(sub) || sub->schedule.n)
                                ? "This is already your plan. To keep it, undo the planned change."
                                : "This is already your plan.",
                            e);
    if (x->kind == CHANGE_CANCEL && subscription_is_ending(sub))
        return apply_refuse("The subscription is already set to end with its period.", e);
    if ((x->kind == CHANGE_DOWNGRADE || x->kind == CHANGE_MOVE) && id_eq(sub->next_terms, x->to->terms->id))
        return apply_refuse("This change is already planned.", e);
    return OK;
}

/* The change must cost what the preview showed. A change in the meantime alters the base of the calculation. A moment
 * far ahead of the clock was made up to pay for less time, and one that is too old would pay for too much. */
static enum status apply_refuse_stale(const struct change_facts *x, int64_t proration_ms, struct err *e)
{
    int64_t now = clock_now_ms(),
            latest = (now > x->sub->period_start_ms ? now : x->sub->period_start_ms) + PRORATION_AHEAD_MS;
    if (x->changed_ms > proration_ms)
        return err_set(e, E_plan_changed, "The plan was changed in the meantime. Check again what this would cost.");
    if (now - proration_ms > PREVIEW_MS || proration_ms < x->sub->period_start_ms || proration_ms > latest)
        return err_raise(e, E_preview_old);
    return OK;
}

static enum status apply_check_keep(struct changing *g, struct err *e)
{
    g->keeps = g->keep_n > 0 && (g->x.kind == CHANGE_DOWNGRADE || g->x.kind == CHANGE_CANCEL);
    if (g->keeps && (int64_t)g->keep_n > g->x.bots_keep)
        return err_at(e, E_bots_too_many, "keep", "The plan allows %lld bots. Choose at most that many.",
                      (long long)g->x.bots_keep);
    return OK;
}

/* Usage that reaches the meter after the swap is on no invoice. That matters only where it would cost something. */
static enum status apply_flush(struct changing *g, struct err *e)
{
    struct err why = ERR_INIT;
    enum status st = operation_flush_usage(g->x.op, &why);
    if (st != OK && g->x.owes) {
        *e = why;
        return st;
    }
    if (st != OK)
        log_line(LOG_WARN, "usage_later", LOG_T("subscription", g->x.sub->id), LOG_S("error", why.message));
    return OK;
}

static enum status changing_run(struct changing *g, int64_t proration_ms, struct err *e)
{
    enum status st = changing_begin(g, g->x.kind, g->x.kind == CHANGE_CANCEL ? ID_NONE : g->x.to->terms->id, e);
    if (st != OK)
        return st;
    if (g->x.kind == CHANGE_UPGRADE)
        st = changing_upgrade(g, proration_ms, e);
    else
        st = g->x.kind == CHANGE_CANCEL ? changing_cancel(g, e) : changing_schedule(g, e);
    return changing_finish(g, st, e);
}

/* Reads the facts, refreshes the subscription, and reads again, so that what another owner just did counts, and what
 * was done in Stripe's dashboard since the last event. */
static enum status changing_read(struct change_facts *x, struct err *e)
{
    enum status st = change_read(x, e);
    if (st != OK || !x->sub)
        return st;
    operation_refresh(x->op, STRIPE_OBJECT_SUBSCRIPTION, x->sub->id);
    return change_read(x, e);
}

/* Whatever can be refused without a call to Stripe is refused first. The flush comes last, because it takes seconds and
 * has an effect at Stripe. A cancellation skips change_allowed: a tenant with an unpaid invoice may always leave. */
static enum status changing_apply(struct changing *g, int64_t proration_ms, struct err *e)
{
    struct change_facts *x = &g->x;
    enum status st = changing_read(x, e);
    if (st == OK)
        st = change_judge(x, e);
    if (st == OK)
        st = apply_refuse_same(x, e);
    if (st == OK && x->kind != CHANGE_CANCEL) {
        st = change_allowed(x, e);
        if (st == ERR_PLAN)
            g->pay_url = x->pay_url;
    }
    if (st == OK)
        st = apply_refuse_stale(x, proration_ms, e);
    if (st == OK)
        st = apply_check_keep(g, e);
    if (st == OK && x->kind == CHANGE_UPGRADE)
        st = apply_flush(g, e);
    return st == OK ? changing_run(g, proration_ms, e) : st;
}

enum status change_apply(const struct billing_context *x, const struct change_request *in, struct str *pay_url,
                         struct err *e)
{
    struct operation op = operation_open(x, x->who->tenant);
    struct changing g = {
        .x = {.op = &op, .plan_name = in->plan}, .keep = in->keep, .keep_n = in->keep_n, .pay_url = STR_EMPTY};
    struct err why = ERR_INIT;
    enum status st = operation_begin(&op, &why);
    if (st == OK)
        st = changing_apply(&g, in->proration_ms, &why);
    *pay_url = g.pay_url;
    st = operation_close(&op, st, "plan change", &why);
    if (st != OK && e)
        *e = why;
    return st;
}

/* ---- taking back ---- */

/* Finds the invoice of the change itself. A renewal may have come after it, and must be paid whatever becomes of the
 * change. Voiding that one by mistake would give a month away, so without certainty nothing is done. */
static enum status undo_find_invoice(struct changing *g, struct err *e)
{
    struct change_facts *x = &g->x;
    if (!x->sub->pending_update_expires_ms || x->waited_for.n)
        return OK;
    operation_refresh(x->op, STRIPE_OBJECT_INVOICE, x->sub->latest_invoice);
    enum status st = change_read(x, e);
    if (st == OK && x->sub && x->sub->pending_update_expires_ms && !x->waited_for.n)
        st = err_set_as(e, ERR_CONFLICT, E_invoice_unknown,
                        "The invoice that this change waits for has not arrived from Stripe yet. Try again in a "
                        "minute. If it stays unpaid, the change ends within a day.");
    return st;
}

/* Voiding its invoice ends a change that waits for payment: Stripe has no call that withdraws a pending update. */
static enum status undo_pending(struct changing *g, struct err *e)
{
    struct operation *op = g->x.op;
    struct json *out;
    struct str invoice = g->x.waited_for;
    enum status st = operation_post(op, stripe_path(op->a, "/v1/invoices/%/void", invoice.p, (char *)NULL), NULL,
                                    changing_key(g, "void"), &out, e);
    if (st == OK)
        operation_refresh(op, STRIPE_OBJECT_INVOICE, invoice);
    return st;
}

/* The pending change goes first. As long as it exists Stripe may apply it at any moment, with the next payment. */
static enum status changing_undo(struct changing *g, struct err *e)
{
    enum status st = changing_read(&g->x, e);
    if (st == OK && g->x.sub)
        st = undo_find_invoice(g, e);
    if (st != OK)
        return st;
    const struct subscription *sub = g->x.sub;
    if (!sub || (!sub->schedule.n && !subscription_is_ending(sub) && !sub->pending_update_expires_ms))
        return err_raise(e, E_nothing_planned);
    st = changing_begin(g, CHANGE_UNDO, ID_NONE, e);
    if (st != OK)
        return st;
    if (g->x.waited_for.n)
        st = undo_pending(g, e);
    if (st == OK && sub->schedule.n)
        st = changing_release(g, sub->schedule, e);
    if (st == OK)
        st = changing_undo_end(g, e);
    return changing_finish(g, st, e);
}

enum status change_undo(const struct billing_context *x, struct err *e)
{
    struct operation op = operation_open(x, x->who->tenant);
    struct changing g = {.x = {.op = &op, .plan_name = STR_EMPTY}};
    struct err why = ERR_INIT;
    enum status st = operation_begin(&op, &why);
    if (st == OK)
        st = changing_undo(&g, &why);
    st = operation_close(&op, st, "undo", &why);
    if (st != OK && e)
        *e = why;
    return st;
}

/* ---- the operator ---- */

/* The plan is known only after the subscription has been read, so the facts are read once more with it. A move takes
 * effect at the end of the period and prorates nothing, so it needs no moment of a preview. */
static enum status changing_move(struct changing *g, struct err *e)
{
    struct change_facts *x = &g->x;
    enum status st = changing_read(x, e);
    if (st == OK && !x->sub)
        st = err_raise(e, E_not_subscribed);
    if (st == OK && !x->from)
        st = err_set(e, E_unknown_price, "This subscription has a price that Parley did not create.");
    if (st != OK)
        return st;
    x->plan_name = x->from->plan;
    st = change_read(x, e);
    if (st == OK)
        st = change_judge(x, e);
    if (st == OK && x->kind == CHANGE_NONE)
        st = err_set(e, E_same_plan, "This subscription already has the current terms.");
    if (st == OK)
        st = apply_refuse_same(x, e);
    if (st == OK)
        st = change_allowed(x, e);
    return st == OK ? changing_run(g, 0, e) : st;
}

static enum status moving_log(const struct billing_context *x, struct id tenant, struct err *e)
{
    struct db *c = NULL;
    char text[ID_TEXT_MAX];
    enum status st = db_get(x->p, &c, e);
    if (st == OK)
        st = operator_log(c, x->who, OPERATOR_terms_moved, str_from(id_text(ID_TENANT, tenant, text)), NULL, e);
    db_put(c);
    return st;
}

/* The change is audited in the tenant's log, with the operator as actor. Errors stay as Stripe worded them: they are
 * for the operator. */
enum status terms_move(const struct billing_context *x, struct id tenant, struct err *e)
{
    struct actor in_tenant = *x->who;
    struct operation op = operation_open(x, tenant);
    struct changing g = {.x = {.op = &op, .plan_name = STR_EMPTY}};
    struct err why = ERR_INIT;
    in_tenant.tenant = tenant;
    op.who = &in_tenant;
    enum status st = operation_begin(&op, &why);
    if (st == OK)
        st = changing_move(&g, &why);
    if (st == OK)
        st = moving_log(x, tenant, &why);
    held_end(&op.lease);
    if (st != OK && e)
        *e = why;
    return st;
}
