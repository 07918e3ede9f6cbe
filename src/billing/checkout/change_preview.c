/* change_preview.c: the facts of a change of plan, what kind of change it is, and what it would cost. change.c uses the
 * same facts, so that the change is what the preview showed. */
#include "alarm/alarm.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/shared.h"
#include "billing/checkout/change_internal.h"
#include "billing/setup/setup.h"
#include "bot/bot.h"
#include "plan/usage.h"

#include "base/banned.h"

/* ---- reading ---- */

/* What entitlement_resolve will say once the plan is in force: the assigned plan is a lower limit, and an override
 * replaces both. */
static enum status facts_bots_kept(struct db *c, struct change_facts *x, struct err *e)
{
    struct override *list;
    struct tenant tenant;
    size_t n;
    int64_t now = clock_now_ms();
    enum status st = override_list(c, x->op->tenant, x->op->a, &list, &n, e);
    if (st == OK)
        st = account_tenant_get(c, x->op->a, x->op->tenant, &tenant, e);
    if (st != OK)
        return st;
    const struct plan *assigned = plans_find(&x->plans, tenant.plan); /* holds whatever is bought */
    x->fallback = assigned ? assigned : plans_free(&x->plans);
    x->bots_keep = x->to ? x->to->value[ENTITLEMENT_bots] : UNLIMITED;
    if (assigned && assigned->value[ENTITLEMENT_bots] > x->bots_keep)
        x->bots_keep = assigned->value[ENTITLEMENT_bots];
    for (size_t i = 0; st == OK && i < n; i++)
        if (list[i].entitlement == ENTITLEMENT_bots && (!list[i].expires_ms || list[i].expires_ms > now))
            x->bots_keep = list[i].value;
    return st;
}

static enum status facts_prices(struct db *c, struct change_facts *x, struct err *e)
{
    struct err why = ERR_INIT;
    x->base = x->usage = STR_EMPTY;
    if (!x->to || !setup_is_sold(x->to))
        return OK;
    enum status st = setup_prices(c, x->op->a, x->op->stripe->livemode, x->to->terms->id, &x->base, &x->usage, &why);
    if (st == ERR_NOT_FOUND) /* reported only by a change that needs them */
        return OK;
    if (st != OK && e)
        *e = why;
    return st;
}

/* While a change waits for its payment, latest_invoice may already be that of a renewal. Paying that one would not
 * bring the change about, so the invoice of the change itself is searched for. */
static enum status facts_invoice(struct db *c, struct change_facts *x, struct err *e)
{
    struct invoice in;
    struct err why = ERR_INIT;
    x->pay_url = x->waited_for = STR_EMPTY;
    if (!x->sub || !x->sub->latest_invoice.n)
        return OK;
    bool waits = x->sub->pending_update_expires_ms != 0;
    enum status st = waits ? invoice_waited_for(c, x->op->tenant, x->op->a, x->sub, &in, &why)
                           : invoice_get(c, x->op->tenant, x->op->a, x->sub->latest_invoice, &in, &why);
    if (st == OK && in.status == INVOICE_OPEN)
        x->pay_url = in.hosted_url;
    if (st == OK && waits)
        x->waited_for = in.id;
    if (st != OK && st != ERR_NOT_FOUND && e)
        *e = why;
    return st == ERR_NOT_FOUND ? OK : st;
}

/* Only a billable period matters: elsewhere (see resolve_quota) usage is not metered, so a change cannot lose it. */
static enum status facts_usage(struct db *c, struct change_facts *x, struct err *e)
{
    struct usage u;
    enum status st = x->sub ? usage_now(c, x->op->tenant, clock_now_ms(), &u, e) : OK;
    x->used = st == OK && x->sub && u.billable && u.used > 0;
    x->owes = x->used && u.used > u.included;
    return st;
}

static enum status change_facts_read(struct db *c, struct change_facts *x, struct err *e)
{
    struct operation *op = x->op;
    struct subscription *subs;
    size_t n;
    enum status st = plans_read(c, op->a, &x->plans, e);
    if (st == OK)
        st = subscription_list(c, op->tenant, op->a, &subs, &n, e);
    if (st != OK)
        return st;
    x->sub = subscription_choose_live(subs, n, op->stripe->livemode, &x->live);
    x->to = x->plan_name.n ? plans_find(&x->plans, x->plan_name) : NULL;
    const struct plan_terms *t = x->sub ? plans_terms(&x->plans, x->sub->terms) : NULL;
    x->from = t ? plans_find(&x->plans, t->plan) : x->sub ? NULL : plans_free(&x->plans);
    st = facts_prices(c, x, e);
    if (st == OK)
        st = facts_invoice(c, x, e);
    if (st == OK)
        st = change_store_last(c, op->tenant, &x->changed_ms, e);
    if (st == OK)
        st = bot_ids(c, op->tenant, op->a, &x->bots, &x->bot_n, e);
    if (st == OK)
        st = facts_usage(c, x, e);
    return st == OK ? facts_bots_kept(c, x, e) : st;
}

enum status change_read(struct change_facts *x, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(x->op->p, &c, e);
    if (st == OK)
        st = change_facts_read(c, x, e);
    db_put(c);
    return st;
}

bool subscription_is_ending(const struct subscription *s)
{
    return s->cancel_at_period_end || s->cancel_at_ms;
}

/* ---- judging ---- */

/* The first reason that applies is reported, and the one that only the operator can resolve comes first. An unpaid
 * invoice blocks a change because Stripe would put the change on a new invoice while the old debt stays open. */
enum status change_allowed(const struct change_facts *x, struct err *e)
{
    const struct subscription *s = x->sub;
    if (x->live > 1)
        return err_raise(e, E_two_subscriptions);
    if (s->pending_update_expires_ms)
        return err_set(e, E_payment_needed,
                       "A change of plan is waiting for its payment. Pay its invoice, or undo the change.");
    if (s->status == STRIPE_PAST_DUE || s->status == STRIPE_UNPAID || s->status == STRIPE_INCOMPLETE)
        return err_set(e, E_payment_needed, "An invoice is not paid yet. Pay it first, then change the plan.");
    if (s->status != STRIPE_ACTIVE && s->status != STRIPE_TRIALING)
        return err_raise(e, E_subscription_paused);
    return OK;
}

/* Both items are swapped by their ids. If one were missing, the change would add a price and bill twice. Stripe cannot
 * swap a price for one in another currency. */
static enum status change_can_swap(const struct change_facts *x, struct err *e)
{
    const struct plan_terms *t = plans_terms(&x->plans, x->sub->terms);
    if (!x->from || !x->sub->base_item.n || !x->sub->usage_item.n || !t)
        return err_raise(e, E_unknown_price);
    if (!x->base.n || !x->usage.n)
        return err_set(e, E_not_set_up, "This plan has no prices at Stripe yet. Run parley billing setup.");
    if (strcmp(t->currency, x->to->terms->currency) != 0)
        return err_set(
            e, E_currency_differs,
            "This subscription is billed in %s, but that plan is sold in %s. Cancel it, then buy the other plan.",
            t->currency, x->to->terms->currency);
    return OK;
}

/* Up or down is decided by the order of the plans on the pricing page, not by price: the operator's order says which
 * plan holds more. A subscription whose price is not one of ours has no place in that order; change_can_swap refuses
 * it. */
static enum status change_judge_swap(struct change_facts *x, struct err *e)
{
    if (x->from && x->to == x->from)
        x->kind = id_eq(x->sub->terms, x->to->terms->id) ? CHANGE_NONE : CHANGE_MOVE;
    else if (!x->to->is_public)
        return err_raise_at(e, E_plan_not_sold, "plan");
    else
        x->kind = x->from && x->to->position < x->from->position ? CHANGE_DOWNGRADE : CHANGE_UPGRADE;
    return x->kind == CHANGE_NONE ? OK : change_can_swap(x, e);
}

/* The free plan is not sold at Stripe, so going there is a cancellation. Any other plan without a price is one that the
 * operator assigns, and cannot be chosen. */
enum status change_judge(struct change_facts *x, struct err *e)
{
    if (!x->to)
        return err_at_as(e, ERR_INVALID, E_plan_unknown, "plan", "There is no such plan.");
    bool to_free = !setup_is_sold(x->to);
    if (x->sub && to_free) {
        x->kind = CHANGE_CANCEL;
        return x->to == plans_free(&x->plans) ? OK : err_raise_at(e, E_plan_not_sold, "plan");
    }
    if (x->sub)
        return change_judge_swap(x, e);
    x->kind = to_free ? CHANGE_NONE : CHANGE_BUY;
    if (x->kind == CHANGE_BUY && !x->to->is_public)
        return err_raise_at(e, E_plan_not_sold, "plan");
    return OK;
}

/* Stripe refuses a proration date outside the current period. The end itself is already the next period. */
int64_t change_proration_s(const struct change_facts *x, int64_t proration_ms)
{
    int64_t s = proration_ms / 1000, from = x->sub->period_start_ms / 1000, to = x->sub->period_end_ms / 1000;
    if (s < from)
        s = from;
    return to > from && s >= to ? to - 1 : s;
}

/* ---- the preview ---- */

static bool preview_lines(struct change_preview *out, struct arena *a, const struct json *lines)
{
    bool ok = true;
    for (size_t i = 0; i < json_len(lines); i++) {
        const struct json *l = json_at(lines, i);
        int64_t amount = json_int(json_get(l, "amount"), 0);
        if (out->line_n == CHANGE_LINES) { /* the last line sums up what does not fit */
            out->lines[CHANGE_LINES - 1].words = STR("...");
            out->lines[CHANGE_LINES - 1].amount += amount;
            continue;
        }
        out->lines[out->line_n].words = arena_str(a, json_get_str(l, "description"), &ok);
        out->lines[out->line_n++].amount = amount;
    }
    return ok;
}

/* The same items and the same date as in changing_upgrade. Everything that could make the price differ is sent here
 * too. */
static void preview_params(struct stripe_form *f, const struct change_facts *x, int64_t proration_s)
{
    stripe_param_str(f, "customer", x->sub->customer);
    stripe_param_str(f, "subscription", x->sub->id);
    stripe_param_str(f, "subscription_details[items][0][id]", x->sub->base_item);
    stripe_param_str(f, "subscription_details[items][0][price]", x->base);
    stripe_param_str(f, "subscription_details[items][1][id]", x->sub->usage_item);
    stripe_param_str(f, "subscription_details[items][1][price]", x->usage);
    stripe_param_text(f, "subscription_details[proration_behavior]", "always_invoice");
    stripe_param_int(f, "subscription_details[proration_date]", proration_s);
}

/* A preview changes nothing and must show today's figures, so its key is random: a kept key would repeat an old answer.
 * amount_due takes the customer's balance into account, which the total does not. */
static enum status preview_upgrade(struct change_facts *x, struct change_preview *out, struct err *e)
{
    char id[ID_TEXT_MAX];
    struct operation *op = x->op;
    struct stripe_form f;
    struct json *in = NULL;
    stripe_form_init(&f);
    preview_params(&f, x, change_proration_s(x, out->proration_ms));
    enum status st = operation_post(op, "/v1/invoices/create_preview", &f,
                                    operation_text(op, "preview:%s", id_text(ID_LOG, id_new(), id)), &in, e);
    stripe_form_release(&f);
    if (st != OK)
        return st;
    out->due_now = json_int(json_get(in, "amount_due"), json_int(json_get(in, "total"), 0));
    return preview_lines(out, op->a, json_get(json_get(in, "lines"), "data")) ? OK : err_nomem(e);
}

/* A period that begins in the future (by Stripe's clock) is where the proration starts. */
static enum status preview_fill(struct change_facts *x, struct change_preview *out, struct err *e)
{
    const struct plan_terms *t = x->to->terms;
    int64_t now = clock_now_ms();
    out->kind = x->kind;
    out->from = x->from ? x->from : plans_free(&x->plans);
    out->to = x->to;
    out->then = x->kind == CHANGE_CANCEL ? x->fallback : x->to;
    out->next_amount = t ? t->price : 0;
    memcpy(out->currency, t ? t->currency : "USD", sizeof(out->currency));
    out->proration_ms = x->sub && x->sub->period_start_ms > now ? x->sub->period_start_ms : now;
    out->at_ms = now;
    out->bots_have = (int64_t)x->bot_n;
    out->bots_keep = x->bots_keep;
    if (x->kind == CHANGE_BUY)
        out->due_now = t->price;
    if (x->kind == CHANGE_DOWNGRADE || x->kind == CHANGE_CANCEL || x->kind == CHANGE_MOVE)
        out->at_ms = x->sub->period_end_ms;
    return x->kind == CHANGE_UPGRADE ? preview_upgrade(x, out, e) : OK;
}

/* No lease: nothing is changed, and change_apply checks everything again. A cancellation is previewed even with an
 * unpaid invoice, because leaving must always be possible. */
enum status change_preview(const struct billing_context *x, struct str plan, struct change_preview *out, struct err *e)
{
    struct operation op = operation_open(x, x->who->tenant);
    struct change_facts facts = {.op = &op, .plan_name = plan};
    struct err why = ERR_INIT;
    enum status st = change_read(&facts, &why);
    *out = (struct change_preview){.kind = CHANGE_NONE};
    if (st == OK)
        st = change_judge(&facts, &why);
    if (st == OK && facts.sub && facts.kind != CHANGE_CANCEL && facts.kind != CHANGE_NONE)
        st = change_allowed(&facts, &why);
    if (st == OK)
        st = preview_fill(&facts, out, &why);
    st = operation_close(&op, st, "preview", &why);
    if (st != OK && e)
        *e = why;
    return st;
}
