/* change.c: /app/billing/change: the preview of a change of plan, and its confirmation.
 *
 * The preview asks Stripe what the change costs now and when it takes effect. The confirmation sends back the moment
 * the preview was made for (proration), so that the customer is charged exactly the amount that was shown. */
#include <stdio.h>

#include "base/num.h"
#include "billing/checkout/checkout.h"
#include "portal/billing/billing.h"

#include "base/banned.h"

static void change_fill_preview(struct page *pg, const struct change_preview *p)
{
    static const char *const kinds[] = {
        [CHANGE_NONE] = "none",           [CHANGE_BUY] = "buy",       [CHANGE_UPGRADE] = "upgrade",
        [CHANGE_DOWNGRADE] = "downgrade", [CHANGE_CANCEL] = "cancel", [CHANGE_MOVE] = "move"};
    struct view *v = pg->v;
    view_text(v, "Change.Kind", kinds[p->kind]);
    view_str(v, "Change.From", p->from->name);
    view_str(v, "Change.To", p->to->name);
    view_str(v, "Change.Plan", p->to->plan);
    view_int(v, "Change.Proration", p->proration_ms);
    view_date(v, "Change.At", p->at_ms);
    page_fill_money(pg, "Change.Due", p->due_now, p->currency);
    page_fill_money(pg, "Change.Next", p->next_amount, p->currency);
    /* An operator may have assigned a larger plan: cancelling the subscription then takes nothing away. */
    bool stays = p->kind == CHANGE_CANCEL && p->then->position >= p->from->position;
    if (!stays)
        page_fill_difference(pg, "Change", p->from->value, p->then);
    view_str(v, "Change.Then",
             view_fill(v, stays ? "Billing.Change.CancelStays" : "Billing.Change.CancelText", {"plan", p->then->name}));
    for (size_t i = 0; i < p->line_n; i++) {
        view_str(v, view_at(v, "Lines", i, "Words"), p->lines[i].words);
        view_str(v, view_at(v, "Lines", i, "Amount"), words_money(pg, p->lines[i].amount, p->currency));
    }
    char *title = arena_printf(pg->rq->arena, "Billing.Change.Title_%s", kinds[p->kind]);
    page_title(pg,
               view_fill(v, title ? title : "Billing.Plans.PageTitle", {"plan", p->to->name}, {"from", p->from->name}));
}

/* A ticked box sends the field "keep_<bot id>". */
static bool change_bot_ticked(struct page *pg, struct id bot)
{
    char name[ID_TEXT_MAX + 8];
    snprintf(name, sizeof(name), "keep_%s", TEXT_ID(ID_BOT, bot));
    return request_form_has(pg->rq, name);
}

/* Before the user has chosen, the bots that would stay active anyway are ticked: the oldest ones. */
static void change_fill_bots(struct page *pg, const struct change_preview *p, const struct bot *bots, size_t n,
                             bool again)
{
    struct view *v = pg->v;
    if (p->bots_have <= p->bots_keep)
        return;
    view_bool(v, "Change.Bots", true);
    view_int(v, "Change.Keep", p->bots_keep);
    view_count(v, "Change.KeepText", "Billing.Change.Room", p->bots_keep);
    for (size_t i = 0; i < n; i++) {
        view_id(v, view_at(v, "Bots", i, "Id"), TEXT_ID(ID_BOT, bots[i].id));
        view_str(v, view_at(v, "Bots", i, "Name"), bots[i].name);
        view_int(v, view_at(v, "Bots", i, "Live"), bots[i].live_version);
        view_bool(v, view_at(v, "Bots", i, "Keep"),
                  again ? change_bot_ticked(pg, bots[i].id) : bots[i].before < p->bots_keep);
    }
}

struct change_form {
    struct billing_context billing;
    struct change_preview preview;
    struct bot *bots;
    size_t bot_n;
};

/* The bots are read first, because no connection is held during the call to Stripe. */
static enum status change_load(struct page *pg, struct str plan, struct change_form *c)
{
    enum status st = bot_list(pg->db, pg->who.tenant, pg->rq->arena, &c->bots, &c->bot_n, &pg->e);
    page_release(pg);
    if (st == OK)
        st = billing_open(pg, &c->billing);
    if (st == OK)
        st = change_preview(&c->billing, plan, &c->preview, &pg->e);
    return st;
}

static void change_show(struct page *pg, const struct change_form *c, int status)
{
    view_text(pg->v, "Page.Nav", "billing");
    change_fill_preview(pg, &c->preview);
    change_fill_bots(pg, &c->preview, c->bots, c->bot_n, status != 200);
    page_allow_stripe(pg);
    page_send_status(pg, status, "portal/billing/change.cs", NULL);
}

/* A plan that is not a change, or the first purchase, has no preview: the choice of plans shows what can be done. */
void billing_change_get(struct request *rq)
{
    struct page pg;
    struct change_form c = {0};
    if (!page_begin(rq, &pg))
        return;
    if (change_load(&pg, request_query(rq, "plan"), &c) != OK) {
        billing_plans_again(rq, &pg);
        return;
    }
    if (c.preview.kind == CHANGE_NONE || c.preview.kind == CHANGE_BUY)
        page_redirect(&pg, "/app/billing/plans?plan=%.*s", STR_F(c.preview.to->plan));
    else
        change_show(&pg, &c, 200);
}

/* Too many ticked bots are an error; too few are not: the rest follows by age. Ids are taken from the workspace's own
 * list, so the form cannot name another's bot. */
static enum status change_read_kept(struct page *pg, const struct change_form *c, struct id **out, size_t *n)
{
    *n = 0;
    *out = arena_array(pg->rq->arena, c->bot_n ? c->bot_n : 1, sizeof(**out));
    if (!*out)
        return err_nomem(&pg->e);
    for (size_t i = 0; i < c->bot_n; i++)
        if (change_bot_ticked(pg, c->bots[i].id))
            (*out)[(*n)++] = c->bots[i].id;
    if (c->preview.bots_have > c->preview.bots_keep && (int64_t)*n > c->preview.bots_keep)
        return err_at(&pg->e, E_bots_too_many, "keep",
                      "The plan includes fewer bots than you chose. Choose fewer bots.");
    return OK;
}

static const char *change_done_text(enum change_kind k)
{
    return k == CHANGE_DOWNGRADE ? "change_planned" : k == CHANGE_CANCEL ? "cancel_planned" : "plan_changed";
}

/* The plan does not change until the payment is made. The invoice's page at Stripe is where the user can make it; a
 * button leads to Stripe's form for another card. */
static void change_unpaid(struct page *pg, const struct change_form *c, struct str pay_url)
{
    page_fill_link(pg, "Pay.Url", pay_url);
    change_fill_preview(pg, &c->preview);
    view_text(pg->v, "Page.Nav", "billing");
    page_allow_stripe(pg);
    page_send_status(pg, 402, "portal/billing/change_pay.cs", "Billing.Change.Unpaid.Title");
}

static bool change_refused_as(const struct page *pg, enum error_code code)
{
    return pg->e.status == ERR_CONFLICT && err_is(&pg->e, code);
}

/* Shows the preview again with the reason. The costs are asked for again if the refusal means that they have
 * changed. */
static void change_refused(struct request *rq, struct page *pg, struct change_form *c)
{
    bool stale = change_refused_as(pg, E_plan_changed) || change_refused_as(pg, E_preview_old);
    if (!billing_refused(pg)) {
        page_fail(pg);
        return;
    }
    struct err failed = pg->e;
    if (!page_begin(rq, pg))
        return;
    if (stale && change_load(pg, request_form(rq, "plan"), c) != OK) {
        billing_plans_again(rq, pg);
        return;
    }
    pg->e = failed;
    page_form_error(pg);
    pg->e = ERR_INIT;
    change_show(pg, c, 422);
}

/* The preview is asked for again before the change is applied, since the page needs it to show a refusal. What is
 * charged is decided by the moment in the form (`proration`), which the domain checks. */
void billing_change_post(struct request *rq)
{
    struct page pg;
    struct change_form c = {0};
    struct id *keep = NULL;
    size_t n = 0;
    int64_t proration = 0;
    struct str pay_url = STR_EMPTY, plan = request_form(rq, "plan");
    if (!page_begin(rq, &pg))
        return;
    if (!num_i64(request_form(rq, "proration"), 0, INT64_MAX, &proration))
        proration = 0;
    if (change_load(&pg, plan, &c) != OK) {
        billing_plans_again(rq, &pg);
        return;
    }
    if (c.preview.kind == CHANGE_NONE || c.preview.kind == CHANGE_BUY) {
        page_redirect(&pg, "/app/billing");
        return;
    }
    enum status st = change_read_kept(&pg, &c, &keep, &n);
    if (st == OK)
        st = change_apply(&c.billing,
                          &(struct change_request){.plan = plan, .proration_ms = proration, .keep = keep, .keep_n = n},
                          &pay_url, &pg.e);
    if (st == OK)
        page_redirect(&pg, "/app/billing?done=%s", change_done_text(c.preview.kind));
    else if (change_refused_as(&pg, E_same_plan)) /* a double click, or another tab was faster */
        page_redirect(&pg, "/app/billing");
    else if (st == ERR_PLAN && err_is(&pg.e, E_payment_needed))
        change_unpaid(&pg, &c, pay_url);
    else
        change_refused(rq, &pg, &c);
}
