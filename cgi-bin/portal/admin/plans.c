/* plans.c: /admin/plans: plans, their values and terms, and how many workspaces are still on older terms. Saving a new
 * price makes new terms, since a row of terms never changes: workspaces keep what they bought until they are moved. The
 * form is shown again with everything that was typed, because it is long. */
#include <stdio.h>

#include "base/num.h"
#include "billing/setup/setup.h"
#include "plan/money.h"
#include "portal/admin/admin.h"

#include "base/banned.h"

#define PLAN_HISTORY_SHOWN 50

struct plans_sums {
    struct plans plans;
    struct console_terms *terms;
    struct console_plan *assigned;
    size_t terms_n, assigned_n;
};

/* Two grouped queries instead of one per plan. */
static enum status plans_read_sums(struct page *pg, const struct admin *ad, struct plans_sums *s)
{
    struct arena *a = pg->rq->arena;
    enum status st = plans_read(pg->db, a, &s->plans, &pg->e);
    if (st == OK)
        st = console_terms(pg->db, a, ad->live, &s->terms, &s->terms_n, &pg->e);
    if (st == OK)
        st = console_plans(pg->db, a, &s->assigned, &s->assigned_n, &pg->e);
    return st;
}

static int64_t plans_count_on_terms(const struct plans_sums *s, struct id terms)
{
    for (size_t i = 0; i < s->terms_n; i++)
        if (id_eq(s->terms[i].terms, terms))
            return s->terms[i].n;
    return 0;
}

static int64_t plans_count_assigned(const struct plans_sums *s, struct str plan)
{
    for (size_t i = 0; i < s->assigned_n; i++)
        if (str_eq(s->assigned[i].plan, plan))
            return s->assigned[i].n;
    return 0;
}

/* Workspaces that bought earlier terms of the plan and keep them. */
static int64_t plans_count_on_older(const struct plans_sums *s, const struct plan *p)
{
    int64_t sum = 0;
    for (size_t i = 0; i < s->plans.terms_n; i++) {
        const struct plan_terms *t = &s->plans.terms[i];
        if (str_eq(t->plan, p->plan) && (!p->terms || !id_eq(t->id, p->terms->id)))
            sum += plans_count_on_terms(s, t->id);
    }
    return sum;
}

/* Assigned, paying and older are counted apart: a workspace may have the plan without paying for it, or pay a price of
 * earlier. */
static void plans_fill_row(struct page *pg, const struct plans_sums *s, size_t i)
{
    const struct plan *p = &s->plans.list[i];
    struct view *v = pg->v;
    view_str(v, view_at(v, "Plans", i, "Id"), p->plan);
    view_str(v, view_at(v, "Plans", i, "Name"), p->name);
    view_bool(v, view_at(v, "Plans", i, "Public"), p->is_public);
    view_number(v, view_at(v, "Plans", i, "Assigned"), plans_count_assigned(s, p->plan));
    view_number(v, view_at(v, "Plans", i, "Paying"), p->terms ? plans_count_on_terms(s, p->terms->id) : 0);
    view_number(v, view_at(v, "Plans", i, "Older"), plans_count_on_older(s, p));
    if (p->terms)
        admin_fill_terms(pg, "Plans", i, p->terms);
}

/* New terms exist only in the database until `parley billing setup` has made their prices at Stripe. Until then
 * they cannot be sold, and the page says so. */
static enum status plans_fill_missing(struct page *pg, const struct admin *ad)
{
    bool ready = true;
    struct str words = STR_EMPTY;
    enum status st = ad->stripe ? setup_check(ad->stripe, pg->db, pg->rq->arena, &ready, &words, &pg->e) : OK;
    if (st == OK && !ready)
        view_str(pg->v, "Setup.Words", words);
    return st;
}

void admin_plans_get(struct request *rq)
{
    struct page pg;
    struct admin ad;
    struct plans_sums s = {0};
    if (!admin_begin(rq, &pg, "plans", &ad))
        return;
    enum status st = plans_read_sums(&pg, &ad, &s);
    if (st == OK)
        st = plans_fill_missing(&pg, &ad);
    for (size_t i = 0; st == OK && i < s.plans.n; i++)
        plans_fill_row(&pg, &s, i);
    page_end(&pg, st, "portal/admin/plans.cs", "Nav.AdminPlans");
}

/* ---- one ---- */

/* A form that is shown again keeps what was typed. Otherwise the field has the current value. */
static void plans_fill_field(struct page *pg, const char *name, struct str now)
{
    char key[VIEW_KEY_MAX];
    snprintf(key, sizeof(key), "Edit.%s", name);
    view_str(pg->v, key, pg->rq->method == POST ? request_form(pg->rq, name) : now);
}

/* The reverse of admin_limit: unlimited is an empty field. */
static struct str plans_limit_typed(struct page *pg, int64_t value)
{
    const char *text = value == UNLIMITED ? "" : arena_printf(pg->rq->arena, "%lld", (long long)value);
    return str_from(text ? text : "");
}

/* The levels of a ladder, beginning with none. The first level without a text ends the list. */
static void plans_fill_levels(struct page *pg, size_t i, enum entitlement x, struct str chosen)
{
    char key[VIEW_KEY_MAX], value[16];
    bool more = true;
    for (int level = 0; more; level++) {
        snprintf(value, sizeof(value), "%d", level);
        snprintf(key, sizeof(key), "Values.%zu.Levels.%d.Name", i, level);
        more = page_fill_entitlement(pg, key, x, level);
        if (!more && level == 0) {
            view_text(pg->v, key, view_t(pg->v, "Admin.Common.None"));
            more = true;
        }
        snprintf(key, sizeof(key), "Values.%zu.Levels.%d.Value", i, level);
        if (more)
            view_text(pg->v, key, value);
        snprintf(key, sizeof(key), "Values.%zu.Levels.%d.Chosen", i, level);
        if (more)
            view_bool(pg->v, key, str_eqz(chosen, value));
    }
}

/* After a refusal the fields come from the form. A box that was cleared is then absent, which must not be taken for "as
 * stored". */
static void plans_fill_value(struct page *pg, size_t n, enum entitlement x, int64_t value)
{
    static const char *const kinds[] = {[LIMIT] = "limit", [SWITCH] = "switch", [LEVEL] = "level"};
    struct view *v = pg->v;
    const char *name = entitlement_name(x);
    bool post = pg->rq->method == POST;
    char text[VIEW_KEY_MAX];
    snprintf(text, sizeof(text), "EntName.%s", name);
    view_text(v, view_at(v, "Values", n, "Key"), name);
    view_text(v, view_at(v, "Values", n, "Name"), view_t(v, text));
    view_text(v, view_at(v, "Values", n, "Kind"), kinds[entitlement_kind(x)]);
    view_str(v, view_at(v, "Values", n, "Value"), post ? request_form(pg->rq, name) : plans_limit_typed(pg, value));
    view_bool(v, view_at(v, "Values", n, "On"), post ? request_form_has(pg->rq, name) : value == 1);
    if (entitlement_kind(x) == LEVEL)
        plans_fill_levels(pg, n, x, post ? request_form(pg->rq, name) : plans_limit_typed(pg, value));
}

/* Limits first, then levels, then switches, so that fields of one kind stand together. Conversations are left out,
 * because they belong to the terms and have a field of their own. */
static void plans_fill_values(struct page *pg, const struct plan *p)
{
    static const enum entitlement_kind order[] = {LIMIT, LEVEL, SWITCH};
    size_t n = 0;
    for (size_t k = 0; k < COUNT_OF(order); k++)
        for (int i = 0; i < ENTITLEMENT_COUNT; i++)
            if (i != ENTITLEMENT_conversations && entitlement_kind((enum entitlement)i) == order[k])
                plans_fill_value(pg, n++, (enum entitlement)i, p->value[i]);
}

/* A plan that has no terms yet gets empty fields and the currency that most installs use. */
static void plans_fill_edit(struct page *pg, const struct plan *p)
{
    bool post = pg->rq->method == POST;
    const struct plan_terms *t = p->terms;
    view_str(pg->v, "Edit.Plan", p->plan);
    view_str(pg->v, "Edit.Title", p->name);
    view_int(pg->v, "Edit.Revision", p->revision);
    plans_fill_field(pg, "name", p->name);
    plans_fill_field(pg, "price", t ? words_money_typed(pg, t->price, t->currency) : STR_EMPTY);
    plans_fill_field(pg, "currency", t ? str_from(t->currency) : STR("USD"));
    plans_fill_field(pg, "conversations", t ? plans_limit_typed(pg, t->conversations) : STR_EMPTY);
    view_bool(pg->v, "Edit.Public", post ? request_form_has(pg->rq, "public") : p->is_public);
    view_bool(pg->v, "Edit.Bills", post ? request_form_has(pg->rq, "bills_overage") : t && t->overage >= 0);
    plans_fill_values(pg, p);
    page_title(pg, p->name);
}

/* All terms that the plan ever had, so the page shows what a customer pays who bought years ago. */
static void plans_fill_terms(struct page *pg, const struct plans_sums *s, const struct plan *p)
{
    size_t n = 0;
    for (size_t i = 0; i < s->plans.terms_n; i++) {
        const struct plan_terms *t = &s->plans.terms[i];
        if (!str_eq(t->plan, p->plan))
            continue;
        admin_fill_terms(pg, "Terms", n, t);
        view_number(pg->v, view_at(pg->v, "Terms", n, "Paying"), plans_count_on_terms(s, t->id));
        view_bool(pg->v, view_at(pg->v, "Terms", n, "Current"), p->terms && id_eq(t->id, p->terms->id));
        n++;
    }
}

/* Read again for each display, also after a refusal: another operator may have saved meanwhile, and the counts belong
 * to the page. */
static void plans_show_plan(struct page *pg, const struct admin *ad, int status)
{
    struct plans_sums s = {0};
    enum status st = plans_read_sums(pg, ad, &s);
    const struct plan *p = st == OK ? plans_find(&s.plans, request_segment(pg->rq, "plan")) : NULL;
    if (st == OK && !p)
        st = err_raise(&pg->e, E_plan_unknown);
    if (st == OK)
        st = admin_log(pg, p->plan, PLAN_HISTORY_SHOWN);
    if (st != OK) {
        page_fail(pg);
        return;
    }
    plans_fill_edit(pg, p);
    plans_fill_terms(pg, &s, p);
    page_send_status(pg, status, "portal/admin/plans_plan.cs", NULL);
}

void admin_plans_plan_get(struct request *rq)
{
    struct page pg;
    struct admin ad;
    if (admin_begin(rq, &pg, "plans", &ad))
        plans_show_plan(&pg, &ad, 200);
}

/* A switch that is off sends no field at all, so absence means off. For a limit absence would mean unlimited, which is
 * why limits are always in the form. */
static enum status plans_edit_read_values(struct page *pg, struct plan_edit *in)
{
    for (int i = 0; i < ENTITLEMENT_COUNT; i++) {
        enum entitlement x = (enum entitlement)i;
        const char *name = entitlement_name(x);
        if (entitlement_kind(x) == SWITCH)
            in->value[x] = request_form_has(pg->rq, name);
        else if (!admin_limit(request_form(pg->rq, name), &in->value[x]))
            return err_at(&pg->e, E_value_invalid, name,
                          "Enter a limit of 0 or more, or leave the field empty for unlimited.");
    }
    in->conversations = in->value[ENTITLEMENT_conversations];
    return OK;
}

/* The form carries the revision of the plan, so that two operators do not overwrite each other. The currency is read
 * before the price, because it decides how many decimals a price has. */
static enum status plans_edit_read(struct page *pg, struct plan_edit *in)
{
    struct request *rq = pg->rq;
    struct str currency = str_trim(request_form(rq, "currency"));
    int64_t revision = 0;
    *in = (struct plan_edit){.plan = request_segment(rq, "plan"),
                             .name = request_form(rq, "name"),
                             .is_public = request_form_has(rq, "public"),
                             .bills_overage = request_form_has(rq, "bills_overage")};
    if (!num_i64(request_form(rq, "revision"), 0, INT32_MAX, &revision))
        return err_raise_at(&pg->e, E_revision_invalid, "revision");
    in->revision = (int)revision;
    if (currency.n != 3)
        return err_raise_at(&pg->e, E_currency_invalid, "currency");
    memcpy(in->currency, currency.p, 3);
    if (!words_money_read(request_form(rq, "price"), in->currency, &in->price))
        return err_at(&pg->e, E_price_invalid, "price", "Enter a price such as 49 or 49.90.");
    return plans_edit_read_values(pg, in);
}

/* 409 distinguishes a plan that was saved meanwhile from wrong input. The page then says that the fields hold what was
 * typed, and that saving again replaces the other change. */
void admin_plans_plan_post(struct request *rq)
{
    struct page pg;
    struct admin ad;
    struct plan_edit in;
    if (!admin_begin(rq, &pg, "plans", &ad))
        return;
    enum status st = plans_edit_read(&pg, &in);
    if (st == OK)
        st = plan_save(pg.db, &pg.who, &in, &pg.e);
    if (st == OK) {
        page_redirect(&pg, "/admin/plans/%.*s?done=plan_saved", STR_F(in.plan));
    } else if (page_form_again(&pg)) {
        view_bool(pg.v, "Form.Stale", st == ERR_CONFLICT);
        plans_show_plan(&pg, &ad, st == ERR_CONFLICT ? 409 : 422);
    }
}
