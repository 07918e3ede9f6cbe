/* tenants.c: /admin/tenants: workspaces with their plan, payments and usage, and what an operator can change.
 *
 * Every action is a POST of its own that redirects back to the workspace. If it fails, the page is shown again with the
 * reason and with what was typed. */
#include <stdio.h>

#include "base/clock.h"
#include "billing/checkout/checkout.h"
#include "billing/notice/notice.h"
#include "billing/sync/sync.h"
#include "portal/admin/admin.h"

#include "base/banned.h"

#define TENANTS_PAGE 25
#define TENANT_INVOICES_SHOWN 12
#define NOTICES_SHOWN 20
#define TENANT_HISTORY_SHOWN 30
#define PAGE_SYNC_WAIT_MS 5000

/* ---- the list ---- */

/* Each row reads entitlements and usage of its workspace: 25 rows, so a bounded number of queries. */
static enum status tenants_fill(struct page *pg, size_t i, const struct console_tenant *t)
{
    struct view *v = pg->v;
    struct entitlements x;
    struct usage u;
    int64_t now = clock_now_ms();
    char prefix[VIEW_KEY_MAX];
    enum status st = entitlement_load(pg->db, t->id, now, pg->rq->arena, &x, &pg->e);
    if (st == OK)
        st = usage_in(pg->db, t->id, &x.period, &u, &pg->e);
    if (st != OK)
        return st;
    view_id(v, view_at(v, "Tenants", i, "Id"), TEXT_ID(ID_TENANT, t->id));
    view_str(v, view_at(v, "Tenants", i, "Name"), t->name);
    view_str(v, view_at(v, "Tenants", i, "Owner"), t->owner);
    view_str(v, view_at(v, "Tenants", i, "Plan"), x.plan->name);
    view_bool(v, view_at(v, "Tenants", i, "Suspended"), t->state != ACCOUNT_ACTIVE);
    snprintf(prefix, sizeof(prefix), "Tenants.%zu", i);
    page_fill_state(pg, prefix, x.state);
    page_fill_usage(pg, prefix, &u);
    return OK;
}

/* A complete id leads directly to the workspace. One row more than a page is read, to learn whether there are more. */
void admin_tenants_get(struct request *rq)
{
    struct page pg;
    struct admin ad;
    struct console_tenant *list = NULL;
    struct id before = ID_NONE, exact;
    struct str q = str_trim(request_query(rq, "q"));
    size_t n = 0;
    if (!admin_begin(rq, &pg, "tenants", &ad))
        return;
    if (id_parse(ID_TENANT, q, &exact)) {
        page_redirect(&pg, "/admin/tenants/%s", TEXT_ID(ID_TENANT, exact));
        return;
    }
    if (!id_parse(ID_TENANT, request_query(rq, "before"), &before))
        before = ID_NONE;
    enum status st = console_tenants(pg.db, rq->arena, q, before, TENANTS_PAGE + 1, &list, &n, &pg.e);
    for (size_t i = 0; st == OK && i < n && i < TENANTS_PAGE; i++)
        st = tenants_fill(&pg, i, &list[i]);
    view_str(pg.v, "Filter.Q", q);
    view_bool(pg.v, "List.Later", !id_is_none(before));
    if (st == OK && n > TENANTS_PAGE)
        view_id(pg.v, "List.Before", TEXT_ID(ID_TENANT, list[TENANTS_PAGE - 1].id));
    page_end(&pg, st, "portal/admin/tenants.cs", "Nav.AdminTenants");
}

/* ---- one ---- */

struct tenant_view {
    struct admin ad;
    struct tenant t;
    struct plans plans;
    struct entitlements now;
    struct usage used;
    struct subscription *subs;
    size_t sub_n;
};

/* What the page shows above its tables; the fills read the rest. The entitlements are resolved as for the tenant's own
 * pages, so operator and customer see the same state. */
static enum status tenant_read_all(struct page *pg, struct id tenant, struct tenant_view *tv)
{
    struct arena *a = pg->rq->arena;
    int64_t now = clock_now_ms();
    enum status st = account_tenant_get(pg->db, a, tenant, &tv->t, &pg->e);
    if (st == OK)
        st = plans_read(pg->db, a, &tv->plans, &pg->e);
    if (st == OK)
        st = entitlement_load(pg->db, tenant, now, a, &tv->now, &pg->e);
    if (st == OK)
        st = usage_in(pg->db, tenant, &tv->now.period, &tv->used, &pg->e);
    if (st == OK)
        st = subscription_list(pg->db, tenant, a, &tv->subs, &tv->sub_n, &pg->e);
    return st;
}

/* The values that apply now, with a mark at those that an override has changed. They are the result and not its parts,
 * because that is what the customer can and cannot do. */
static void tenant_fill_values(struct page *pg, const struct entitlements *x)
{
    struct view *v = pg->v;
    char key[VIEW_KEY_MAX];
    for (int i = 0; i < ENTITLEMENT_COUNT; i++) {
        view_text(v, view_at(v, "Values", (size_t)i, "Key"), entitlement_name((enum entitlement)i));
        snprintf(key, sizeof(key), "Values.%d", i);
        admin_fill_value(pg, key, (enum entitlement)i, x->value[i]);
        view_bool(v, view_at(v, "Values", (size_t)i, "Overridden"), x->overridden[i]);
    }
}

/* Also those that have expired: why a workspace had a value last month is a question that support asks. */
static enum status tenant_fill_overrides(struct page *pg, struct id tenant)
{
    struct override *list = NULL;
    struct view *v = pg->v;
    size_t n = 0;
    char key[VIEW_KEY_MAX];
    int64_t now = clock_now_ms();
    enum status st = override_list(pg->db, tenant, pg->rq->arena, &list, &n, &pg->e);
    for (size_t i = 0; st == OK && i < n; i++) {
        view_text(v, view_at(v, "Overrides", i, "Key"), entitlement_name(list[i].entitlement));
        snprintf(key, sizeof(key), "Overrides.%zu", i);
        admin_fill_value(pg, key, list[i].entitlement, list[i].value);
        view_str(v, view_at(v, "Overrides", i, "Reason"), list[i].reason);
        view_date(v, view_at(v, "Overrides", i, "Expires"), list[i].expires_ms ? list[i].expires_ms - 1 : 0);
        view_bool(v, view_at(v, "Overrides", i, "Over"), list[i].expires_ms && list[i].expires_ms <= now);
    }
    return st;
}

/* "Decides" marks the subscription that the plan comes from: of several live ones only the best counts. */
static void tenant_fill_subscription(struct page *pg, const struct tenant_view *tv, size_t i)
{
    const struct subscription *s = &tv->subs[i];
    const struct plan_terms *t = id_is_none(s->terms) ? NULL : plans_terms(&tv->plans, s->terms);
    const struct plan *p = t ? plans_find(&tv->plans, t->plan) : NULL;
    const struct plan_terms *next = id_is_none(s->next_terms) ? NULL : plans_terms(&tv->plans, s->next_terms);
    struct view *v = pg->v;
    bool decides = tv->now.subscription && str_eq(tv->now.subscription->id, s->id);
    view_str(v, view_at(v, "Subs", i, "Id"), s->id);
    view_str(v, view_at(v, "Subs", i, "Customer"), s->customer);
    view_str(v, view_at(v, "Subs", i, "Status"), s->status_text);
    view_bool(v, view_at(v, "Subs", i, "Test"), !s->livemode);
    view_bool(v, view_at(v, "Subs", i, "Decides"), decides);
    view_date(v, view_at(v, "Subs", i, "From"), s->period_start_ms);
    view_date(v, view_at(v, "Subs", i, "To"), s->period_end_ms);
    view_date(v, view_at(v, "Subs", i, "Ends"),
              s->cancel_at_ms           ? s->cancel_at_ms
              : s->cancel_at_period_end ? s->period_end_ms
                                        : 0);
    view_date(v, view_at(v, "Subs", i, "Ended"), s->ended_ms);
    view_date(v, view_at(v, "Subs", i, "Failed"), s->first_failed_ms);
    view_time(v, view_at(v, "Subs", i, "Fetched"), s->fetched_ms);
    if (t)
        admin_fill_terms(pg, "Subs", i, t);
    if (p) {
        view_str(v, view_at(v, "Subs", i, "Plan"), p->name);
        view_bool(v, view_at(v, "Subs", i, "Older"),
                  decides && !s->ended_ms && p->terms && !id_eq(p->terms->id, t->id));
    }
    if (next) {
        view_str(v, view_at(v, "Subs", i, "Next"), words_money(pg, next->price, next->currency));
        view_date(v, view_at(v, "Subs", i, "NextAt"), s->next_ms);
    }
}

/* "90 % used, of 10,000". A kind of a newer release is shown by its key. */
static struct str tenant_words_notice(struct page *pg, struct str key)
{
    int64_t of;
    enum notice_kind kind = notice_key_parse(key, &of);
    struct str name = kind == NOTICE_UNKNOWN ? key : str_from(notice_kind_name(kind));
    struct str words = words_name(pg, "Admin.Tenants.NoticeKind", name);
    if (!of)
        return words;
    return view_fill(pg->v, "Admin.Tenants.NoticeOf", {"what", words}, {"n", words_number(pg, of)});
}

/* The parts of the page that come from the mirror. */
static enum status tenant_fill_money(struct page *pg, struct id tenant)
{
    struct invoice *in = NULL;
    struct console_notice *notices = NULL;
    struct console_customer *customers = NULL;
    struct view *v = pg->v;
    struct arena *a = pg->rq->arena;
    size_t n = 0;
    enum status st = invoice_list(pg->db, tenant, a, 0, TENANT_INVOICES_SHOWN, &in, &n, &pg->e);
    for (size_t i = 0; st == OK && i < n; i++)
        page_fill_invoice(pg, "Invoices", i, &in[i]);
    if (st == OK)
        st = console_notices(pg->db, a, tenant, NOTICES_SHOWN, &notices, &n, &pg->e);
    for (size_t i = 0; st == OK && i < n; i++) {
        view_str(v, view_at(v, "Notices", i, "Kind"), tenant_words_notice(pg, notices[i].key));
        view_time(v, view_at(v, "Notices", i, "Time"), notices[i].at_ms);
    }
    if (st == OK)
        st = console_customers(pg->db, a, tenant, &customers, &n, &pg->e);
    for (size_t i = 0; st == OK && i < n; i++) {
        view_str(v, view_at(v, "Customers", i, "Id"), customers[i].id);
        view_bool(v, view_at(v, "Customers", i, "Test"), !customers[i].livemode);
        view_bool(v, view_at(v, "Customers", i, "Deleted"), customers[i].deleted_ms > 0);
    }
    return st;
}

/* Rows that Stripe has rejected, or may not have received, are what an invoice that looks wrong usually comes from. */
static enum status tenant_fill_meter(struct page *pg, struct id tenant)
{
    struct console_meter m;
    enum status st = console_meter(pg->db, tenant, &m, &pg->e);
    if (st != OK)
        return st;
    view_number(pg->v, "Meter.Pending", m.pending);
    view_number(pg->v, "Meter.Sent", m.sent);
    view_number(pg->v, "Meter.Unknown", m.unknown);
    view_number(pg->v, "Meter.Rejected", m.rejected);
    view_bool(pg->v, "Meter.Any", m.pending || m.sent || m.unknown || m.rejected);
    return OK;
}

/* Whom to write to, when a payment fails or an answer is needed. */
static enum status tenant_fill_members(struct page *pg, struct id tenant)
{
    struct member *m = NULL;
    struct view *v = pg->v;
    size_t n = 0;
    enum status st = account_members_of_tenant(pg->db, pg->rq->arena, tenant, &m, &n, &pg->e);
    for (size_t i = 0; st == OK && i < n; i++) {
        const char *role = arena_printf(pg->rq->arena, "Role.%s", account_role_name(m[i].role));
        view_str(v, view_at(v, "Members", i, "Email"), m[i].user.email);
        view_text(v, view_at(v, "Members", i, "Role"), view_t(v, role ? role : ""));
    }
    return st;
}

/* An assigned plan and the one that applies may differ: a subscription to a larger plan wins. */
static void tenant_fill_head(struct page *pg, const struct tenant_view *tv)
{
    struct view *v = pg->v;
    view_id(v, "Tenant.Id", TEXT_ID(ID_TENANT, tv->t.id));
    view_str(v, "Tenant.Name", tv->t.name);
    view_str(v, "Tenant.Assigned", tv->t.plan);
    view_bool(v, "Tenant.Suspended", tv->t.state != ACCOUNT_ACTIVE);
    view_time(v, "Tenant.Since", tv->t.created_ms);
    view_str(v, "Tenant.Plan", tv->now.plan->name);
    view_date(v, "Tenant.Until", tv->now.until_ms);
    view_bool(v, "Tenant.Two", tv->now.two_live);
    view_bool(v, "Tenant.UnknownPrice", tv->now.unknown_price);
    view_bool(v, "Tenant.UnknownStatus", tv->now.unknown_status);
    view_bool(v, "Tenant.Bills", tv->now.bill_overage);
    if (tv->now.terms)
        page_fill_money(pg, "Tenant.Cap", tv->now.overage_cap, tv->now.terms->currency);
    page_fill_state(pg, "Tenant", tv->now.state);
    page_fill_usage(pg, "Usage", &tv->used);
    for (size_t i = 0; i < tv->plans.n; i++) {
        view_str(v, view_at(v, "Plans", i, "Id"), tv->plans.list[i].plan);
        view_str(v, view_at(v, "Plans", i, "Name"), tv->plans.list[i].name);
    }
    page_title(pg, tv->t.name);
}

/* The fields of the form for an override, as typed: a reason is a sentence that no one wants to write twice. */
static void tenant_fill_form(struct page *pg)
{
    static const char *const names[] = {"entitlement", "value", "reason", "expires"};
    char key[VIEW_KEY_MAX];
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(key, sizeof(key), "Form.%s", names[i]);
        view_str(pg->v, key, request_form(pg->rq, names[i]));
    }
}

/* The database is read first and the view filled afterwards, so that a failure in the middle leads to the error page
 * and not to half a page. */
static void tenant_show(struct page *pg, struct tenant_view *tv, struct id tenant, int status)
{
    enum status st = tenant_read_all(pg, tenant, tv);
    if (st == OK)
        st = tenant_fill_overrides(pg, tenant);
    if (st == OK)
        st = tenant_fill_money(pg, tenant);
    if (st == OK)
        st = tenant_fill_meter(pg, tenant);
    if (st == OK)
        st = tenant_fill_members(pg, tenant);
    if (st == OK)
        st = admin_log(pg, str_from(TEXT_ID(ID_TENANT, tenant)), TENANT_HISTORY_SHOWN);
    if (st != OK) {
        page_fail(pg);
        return;
    }
    tenant_fill_head(pg, tv);
    tenant_fill_values(pg, &tv->now);
    for (size_t i = 0; i < tv->sub_n; i++)
        tenant_fill_subscription(pg, tv, i);
    page_send_status(pg, status, "portal/admin/tenants_tenant.cs", NULL);
}

void admin_tenants_tenant_get(struct request *rq)
{
    struct page pg;
    struct id id;
    struct tenant_view tv = {0};
    if (admin_begin(rq, &pg, "tenants", &tv.ad) && page_id(&pg, ID_TENANT, "tenant", &id))
        tenant_show(&pg, &tv, id, 200);
}

/* ---- what an operator does ---- */

/* Shows the page again with the reason in pg->e. It takes a new connection, since the old one was given back before the
 * call to Stripe. */
static void tenant_again(struct request *rq, struct page *pg, struct id tenant)
{
    struct err failed = pg->e;
    struct tenant_view tv = {0};
    page_release(pg);
    if (!admin_begin(rq, pg, "tenants", &tv.ad))
        return;
    pg->e = failed;
    if (!page_is_form_error(pg) && failed.status != ERR_UNAVAILABLE && failed.status != ERR_RATE &&
        failed.status != ERR_TIMEOUT) {
        page_fail(pg);
        return;
    }
    page_form_error(pg);
    tenant_fill_form(pg);
    pg->e = ERR_INIT;
    tenant_show(pg, &tv, tenant, 422);
}

/* Every action ends here: back to the page of the workspace, with a message or with the reason of the failure. */
static void tenant_done(struct request *rq, struct page *pg, struct id tenant, enum status st, const char *done)
{
    if (st == OK)
        page_redirect(pg, "/admin/tenants/%s?done=%s", TEXT_ID(ID_TENANT, tenant), done);
    else
        tenant_again(rq, pg, tenant);
}

/* An assigned plan is a minimum and not a price: a subscription to a larger plan still decides. */
void admin_tenants_plan_post(struct request *rq)
{
    struct page pg;
    struct id id;
    if (!page_begin(rq, &pg) || !page_id(&pg, ID_TENANT, "tenant", &id))
        return;
    enum status st = plan_assign(pg.db, &pg.who, id, request_form(rq, "plan"), &pg.e);
    tenant_done(rq, &pg, id, st, "plan_assigned");
}

/* An empty value means unlimited; the day is the last one on which the override applies. */
static enum status tenant_read_override(struct page *pg, struct id tenant, struct override *o)
{
    struct request *rq = pg->rq;
    *o = (struct override){.tenant = tenant, .reason = request_form(rq, "reason")};
    if (!entitlement_parse(request_form(rq, "entitlement"), &o->entitlement))
        return err_raise_at(&pg->e, E_entitlement_unknown, "entitlement");
    if (!admin_limit(request_form(rq, "value"), &o->value))
        return err_at(&pg->e, E_value_invalid, "value",
                      "Enter a value of 0 or more, or leave the field empty for unlimited.");
    if (!override_until(str_trim(request_form(rq, "expires")), &o->expires_ms))
        return err_at(&pg->e, E_expires_invalid, "expires", "Enter a day such as 2026-12-31.");
    return OK;
}

/* The workspace is looked up first, so that an unknown id is a 404 and not a failing foreign key. */
void admin_tenants_override_post(struct request *rq)
{
    struct page pg;
    struct id id;
    struct override o;
    struct tenant t;
    if (!page_begin(rq, &pg) || !page_id(&pg, ID_TENANT, "tenant", &id))
        return;
    enum status st = account_tenant_get(pg.db, rq->arena, id, &t, &pg.e);
    if (st == OK)
        st = tenant_read_override(&pg, id, &o);
    if (st == OK)
        st = override_set(pg.db, &pg.who, &o, &pg.e);
    tenant_done(rq, &pg, id, st, "override_set");
}

/* The row is deleted; what it was stays in the log of operators. */
void admin_tenants_override_end_post(struct request *rq)
{
    struct page pg;
    struct id id;
    enum entitlement x = ENTITLEMENT_conversations;
    if (!page_begin(rq, &pg) || !page_id(&pg, ID_TENANT, "tenant", &id))
        return;
    enum status st = entitlement_parse(request_form(rq, "entitlement"), &x) ? override_end(pg.db, &pg.who, id, x, &pg.e)
                                                                            : err_raise(&pg.e, E_override_unknown);
    tenant_done(rq, &pg, id, st, "override_ended");
}

/* Finds the kind of an object by its id, among those of this workspace only: an id typed into the form cannot make
 * Parley fetch the object of another customer. */
static enum status tenant_find_object(struct page *pg, struct id tenant, struct str object, enum stripe_object *kind)
{
    struct subscription *subs = NULL;
    struct console_customer *customers = NULL;
    struct invoice in;
    struct arena *a = pg->rq->arena;
    size_t n = 0;
    enum status st = subscription_list(pg->db, tenant, a, &subs, &n, &pg->e);
    for (size_t i = 0; st == OK && i < n; i++)
        if (str_eq(subs[i].id, object))
            *kind = STRIPE_OBJECT_SUBSCRIPTION;
    if (st == OK)
        st = console_customers(pg->db, a, tenant, &customers, &n, &pg->e);
    for (size_t i = 0; st == OK && i < n; i++)
        if (str_eq(customers[i].id, object))
            *kind = STRIPE_OBJECT_CUSTOMER;
    if (st == OK && *kind == STRIPE_OBJECT_UNKNOWN) {
        st = invoice_get(pg->db, tenant, a, object, &in, &pg->e);
        *kind = STRIPE_OBJECT_INVOICE;
    }
    return st;
}

/* The attempt is logged before Stripe is asked, and no connection is held while it answers. Fetching changes nothing at
 * Stripe: it brings the mirror up to date when an event was lost. */
void admin_tenants_sync_post(struct request *rq)
{
    struct page pg;
    struct id id;
    struct stripe *stripe = NULL;
    enum stripe_object kind = STRIPE_OBJECT_UNKNOWN;
    struct str object = request_form(rq, "object");
    if (!page_begin(rq, &pg) || !page_id(&pg, ID_TENANT, "tenant", &id))
        return;
    enum status st = tenant_find_object(&pg, id, object, &kind);
    if (st == OK)
        st = page_stripe(&pg, &stripe);
    if (st == OK)
        st = console_note(pg.db, &pg.who, OPERATOR_stripe_fetched, id, object, &pg.e);
    page_release(&pg);
    if (st == OK)
        st = sync_object(stripe, pg.app->guard.pool, kind, object, PAGE_SYNC_WAIT_MS, &pg.e);
    tenant_done(rq, &pg, id, st, "looked_again");
}

/* The domain takes connections of its own, because it waits for Stripe in between. */
void admin_tenants_terms_post(struct request *rq)
{
    struct page pg;
    struct id id;
    struct stripe *stripe = NULL;
    if (!page_begin(rq, &pg) || !page_id(&pg, ID_TENANT, "tenant", &id))
        return;
    page_release(&pg);
    enum status st = page_stripe(&pg, &stripe);
    const struct billing_context billing = {.stripe = stripe, .p = pg.app->guard.pool, .a = rq->arena, .who = &pg.who};
    if (st == OK)
        st = terms_move(&billing, id, &pg.e);
    tenant_done(rq, &pg, id, st, "terms_moved");
}
