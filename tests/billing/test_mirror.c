/* Stripe's JSON as the official client's types have it, read and written: every shape a field may come in. */
#include "account/account.h"
#include "base/clock.h"
#include "base/limits.h"
#include "billing/mirror/mirror.h"
#include "dbtest.h"
#include "lib/test.h"
#include "okay.h"

#include "base/banned.h"

#define DB "parley_mirror"
#define NOW 1790000000000LL

static const struct config *config;
static struct db_pool *pool;
static struct db *c;
static struct arena arena;
static struct id tenant;

/* ---- samples: JSON with ' for " ---- */

static struct json *parsed(const char *text)
{
    char *copy = arena_strdup(&arena, str_from(text));
    struct json *j;
    assert_non_null(copy);
    for (char *p = copy; *p; p++)
        if (*p == '\'')
            *p = '"';
    OKAY(json_parse(&arena, str_from(copy), MAX_JSON_DEPTH, &j, &fail));
    return j;
}

#define PRICE(id, usage, meta) \
    "{'id':'" id "','object':'price','recurring':{'interval':'month','usage_type':'" usage "'},'metadata':{" meta "}}"
#define ITEM(id, more, price)                           \
    "{'id':'" id "','object':'subscription_item'," more \
    "'current_period_start':1789000000,'current_period_end':1791600000,'price':" price "}"
#define BASE ITEM("si_base", "'quantity':1,", PRICE("price_base", "licensed", ""))
#define USAGE ITEM("si_use", "", PRICE("price_use", "metered", ""))
#define ITEMS(list) "'items':{'object':'list','data':[" list "],'has_more':false}"
#define SUB(status, items, more)                                                 \
    "{'id':'sub_1','object':'subscription','customer':'cus_1','status':'" status \
    "','livemode':false,'created':1788000000,"                                   \
    "'billing_cycle_anchor':1789000000,'cancel_at_period_end':false," more items "}"

static struct subscription sub_of(const char *text)
{
    struct subscription s;
    OKAY(subscription_parse(&arena, parsed(text), &s, &fail));
    return s;
}

static void a_subscription(void **state)
{
    (void)state;
    struct subscription s = sub_of(
        SUB("active", ITEMS(BASE "," USAGE), "'latest_invoice':'in_9','cancel_at':null,'pause_collection':null,"));
    assert_str(s.id, "sub_1");
    assert_str(s.customer, "cus_1");
    assert_int_equal(s.status, STRIPE_ACTIVE);
    assert_str(s.base_item, "si_base");
    assert_str(s.base_price, "price_base");
    assert_str(s.usage_item, "si_use");
    assert_str(s.usage_price, "price_use");
    assert_int_equal(s.items, 2);
    assert_int_equal(s.period_start_ms, 1789000000000);
    assert_int_equal(s.period_end_ms, 1791600000000);
    assert_int_equal(s.anchor_ms, 1789000000000);
    assert_int_equal(s.created_ms, 1788000000000);
    assert_int_equal(s.cancel_at_ms, 0);
    assert_false(s.cancel_at_period_end);
    assert_false(s.collection_paused);
    assert_str(s.latest_invoice, "in_9");
    assert_str(s.schedule, "");
}

static void items_in_any_order(void **state)
{
    (void)state;
    struct subscription s = sub_of(SUB("active", ITEMS(USAGE "," BASE), ""));
    assert_str(s.base_item, "si_base");
    assert_str(s.usage_item, "si_use");
    s = sub_of(SUB("active", ITEMS(ITEM("si_b", "", PRICE("price_b", "licensed", "'role':'base'"))),
                   "")); /* without quantity */
    assert_str(s.base_item, "si_b");
    assert_str(s.usage_item, "");
    s = sub_of(SUB("active", ITEMS(USAGE), "")); /* its period still counts */
    assert_str(s.base_item, "");
    assert_int_equal(s.period_end_ms, 1791600000000);
    /* the price's metadata takes precedence over its usage type */
    s = sub_of(SUB("active", ITEMS(ITEM("si_u", "", PRICE("price_u", "licensed", "'role':'usage'")) "," BASE), ""));
    assert_str(s.usage_item, "si_u");
    assert_str(s.base_item, "si_base");
    s = sub_of(SUB("active", "'items':{'object':'list','data':[" BASE "],'has_more':true}", ""));
    assert_int_equal(s.items, 2);
    s = sub_of(SUB("active", ITEMS("{'id':'si_gone','deleted':true}," BASE), ""));
    assert_str(s.base_item, "si_base");
    s = sub_of(SUB("active", ITEMS(ITEM("si_base", "", "'price_short'")), "")); /* an id in place of the price */
    assert_str(s.base_price, "price_short");
}

static void a_subscription_without_items(void **state)
{
    (void)state;
    const char *const samples[] = {SUB("active", ITEMS(""), ""), SUB("active", "'items':null", ""),
                                   SUB("active", "'x':1", ""), SUB("active", "'items':{'data':'?'}", ""),
                                   SUB("active", "'items':[]", "")};
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        struct subscription s = sub_of(samples[i]);
        assert_str(s.base_item, "");
        assert_int_equal(s.period_start_ms, 0);
        assert_true(id_is_none(s.terms));
    }
}

static void expanded_fields(void **state)
{
    (void)state;
    struct subscription s = sub_of("{'id':'sub_1','object':'subscription','status':'active','customer':{'id':'cus_7','"
                                   "object':'customer','email':'a@b.c'},"
                                   "'latest_invoice':{'id':'in_1','object':'invoice'},'schedule':{'id':'sub_sched_1','"
                                   "object':'subscription_schedule'}}");
    assert_str(s.customer, "cus_7");
    assert_str(s.latest_invoice, "in_1");
    assert_str(s.schedule, "sub_sched_1");
    s = sub_of("{'id':'sub_1','object':'subscription','status':'active','customer':{'id':'cus_7','object':'customer','"
               "deleted':true}}");
    assert_str(s.customer, "cus_7");
}

static void every_status(void **state)
{
    static const char *const names[] = {"incomplete", "incomplete_expired", "trialing", "active",
                                        "past_due",   "canceled",           "unpaid",   "paused"};
    char text[400];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(text, sizeof(text), "{'id':'sub_1','object':'subscription','customer':'cus_1','status':'%s'}",
                 names[i]);
        assert_string_equal(stripe_status_name(sub_of(text).status), names[i]);
    }
    assert_int_equal(sub_of(SUB("on_vacation", ITEMS(BASE), "")).status, STRIPE_UNKNOWN);
    assert_str(sub_of(SUB("on_vacation", ITEMS(BASE), "")).status_text, "on_vacation");
    assert_int_equal(sub_of(SUB("unknown", ITEMS(BASE), "")).status, STRIPE_UNKNOWN);
    assert_int_equal(sub_of(SUB("Active", ITEMS(BASE), "")).status, STRIPE_UNKNOWN);
    assert_int_equal(sub_of(SUB("\xc3\xbc", ITEMS(BASE), "")).status, STRIPE_UNKNOWN);
    assert_int_equal(sub_of("{'id':'sub_1','object':'subscription','customer':'cus_1','status':null}").status,
                     STRIPE_UNKNOWN);
}

static void ends_and_pauses(void **state)
{
    (void)state;
    struct subscription s = sub_of(SUB("active", ITEMS(BASE), "'cancel_at':1791000000,"));
    assert_int_equal(s.cancel_at_ms, 1791000000000);
    s = sub_of(SUB("canceled", ITEMS(BASE), "'canceled_at':1789500000,'ended_at':1789500001,'trial_end':1788500000,"));
    assert_int_equal(s.canceled_ms, 1789500000000);
    assert_int_equal(s.ended_ms, 1789500001000);
    assert_int_equal(s.trial_end_ms, 1788500000000);
    s = sub_of(SUB("active", ITEMS(BASE), "'pause_collection':{'behavior':'void','resumes_at':null},"));
    assert_true(s.collection_paused);
    s = sub_of(SUB("active", ITEMS(BASE), "'pending_update':{'expires_at':1789100000,'subscription_items':[]},"));
    assert_int_equal(s.pending_update_expires_ms, 1789100000000);
    s = sub_of(
        "{'id':'sub_1','object':'subscription','customer':'cus_1','status':'active','cancel_at_period_end':true}");
    assert_true(s.cancel_at_period_end);
    s = sub_of(SUB("active", ITEMS(BASE), "'cancel_at':99999999999999,'ended_at':-5,")); /* no calendar holds these */
    assert_int_equal(s.cancel_at_ms, 0);
    assert_int_equal(s.ended_ms, 0);
}

static void not_a_subscription(void **state)
{
    const char *const samples[] = {"{}",
                                   "[]",
                                   "'sub_1'",
                                   "{'id':'sub_1','object':'subscription','deleted':true,'customer':'cus_1'}",
                                   "{'id':'sub_1','object':'invoice','customer':'cus_1'}",
                                   "{'object':'subscription','customer':'cus_1'}",
                                   "{'id':'','object':'subscription','customer':'cus_1'}",
                                   "{'id':'sub_1','object':'subscription'}",
                                   "{'id':'sub_1','object':'subscription','customer':null}",
                                   "{'id':1,'object':'subscription','customer':'cus_1'}"};
    struct subscription s;
    struct invoice v;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        struct err e = ERR_INIT;
        if (subscription_parse(&arena, parsed(samples[i]), &s, &e) != ERR_INVALID)
            fail_msg("%s is a subscription", samples[i]);
        assert_string_equal(err_code(&e), "stripe_object");
        assert_int_equal(invoice_parse(&arena, parsed(samples[i]), &v, &e), ERR_INVALID);
    }
    char long_id[500];
    snprintf(long_id, sizeof(long_id), "{'id':'sub_%0260d','object':'subscription','customer':'cus_1'}", 1);
    struct err e = ERR_INIT;
    assert_int_equal(subscription_parse(&arena, parsed(long_id), &s, &e), ERR_INVALID);
}

#define INVOICE(more) \
    "{'id':'in_1','object':'invoice','customer':'cus_1','livemode':false,'created':1789000000," more "}"

static struct invoice invoice_of(const char *text)
{
    struct invoice v;
    OKAY(invoice_parse(&arena, parsed(text), &v, &fail));
    return v;
}

static void an_invoice(void **state)
{
    (void)state;
    struct invoice v = invoice_of(INVOICE(
        "'currency':'usd','status':'open','number':'A-1','billing_reason':'subscription_cycle','total':4900,'amount_"
        "due':4900,"
        "'amount_paid':0,'amount_remaining':4900,'attempt_count':2,'next_payment_attempt':1789300000,"
        "'status_transitions':{'finalized_at':1789003600,'paid_at':null},'hosted_invoice_url':'https://i.example/1',"
        "'invoice_pdf':'https://i.example/1.pdf','last_finalization_error':null,"
        "'parent':{'type':'subscription_details','quote_details':null,'subscription_details':{'metadata':{},'"
        "subscription':'sub_1'}}"));
    assert_str(v.subscription, "sub_1");
    assert_string_equal(v.currency, "USD");
    assert_str(v.status_text, "open");
    assert_str(v.number, "A-1");
    assert_int_equal(v.total, 4900);
    assert_int_equal(v.amount_remaining, 4900);
    assert_int_equal(v.attempt_count, 2);
    assert_int_equal(v.next_attempt_ms, 1789300000000);
    assert_int_equal(v.finalized_ms, 1789003600000);
    assert_false(v.finalization_failed);
    assert_str(v.hosted_url, "https://i.example/1");
}

static void parents_of_invoices(void **state)
{
    (void)state;
    assert_str(invoice_of(INVOICE("'currency':'usd','parent':null")).subscription, "");
    assert_str(invoice_of(INVOICE("'currency':'usd'")).subscription, "");
    assert_str(invoice_of(INVOICE("'currency':'usd','parent':{'type':'quote_details','quote_details':{'quote':'qt_1'},'"
                                  "subscription_details':null}"))
                   .subscription,
               "");
    assert_str(invoice_of(INVOICE("'currency':'usd','parent':{'type':'subscription_details','subscription_details':{'"
                                  "subscription':{'id':'sub_x','object':'subscription'}}}"))
                   .subscription,
               "sub_x");
}

static void amounts(void **state)
{
    (void)state;
    struct invoice v = invoice_of(INVOICE("'currency':'jpy','total':9007199254740993,'amount_due':9223372036854775807,'"
                                          "amount_paid':-500,'amount_remaining':null"));
    assert_string_equal(v.currency, "JPY");
    assert_true(v.total == 9007199254740993LL); /* more than a double holds */
    assert_true(v.amount_due == INT64_MAX);
    assert_true(v.amount_paid == -500);
    assert_true(v.amount_remaining == 0);
    assert_str(v.status_text, "");
    v = invoice_of(INVOICE(
        "'currency':'usd','last_finalization_error':{'type':'invalid_request_error'},'status':'draft','number':null"));
    assert_true(v.finalization_failed);
    assert_str(v.number, "");
    v = invoice_of(INVOICE("'currency':'usd','hosted_invoice_url':'javascript:alert(1)','invoice_pdf':null"));
    assert_str(v.hosted_url, "");
    assert_str(v.pdf_url, "");
    struct err e = ERR_INIT;
    assert_int_equal(invoice_parse(&arena, parsed("{'object':'invoice','customer':'cus_1','currency':'usd'}"), &v, &e),
                     ERR_INVALID); /* upcoming */
    assert_int_equal(invoice_parse(&arena, parsed(INVOICE("'currency':'dollars'")), &v, &e), ERR_INVALID);
}

/* ---- rows ---- */

struct write {
    const char *sub, *schedule, *invoice, *listed;
    int64_t at;
    struct subscription out;
    struct invoice inv;
};

static enum status write_it(struct db *db, void *ctx, struct err *e)
{
    struct write *w = ctx;
    if (w->invoice)
        return invoice_write(db, &arena, parsed(w->invoice), w->at, &w->inv, e);
    if (w->listed)
        return invoice_write_listed(db, &arena, parsed(w->listed), w->at, e);
    return subscription_write(db, &arena, parsed(w->sub), w->schedule ? parsed(w->schedule) : NULL, w->at, &w->out, e);
}

static struct subscription wrote(const char *text, int64_t at)
{
    struct write w = {.sub = text, .at = at};
    struct subscription back;
    OKAY(db_transaction(c, write_it, &w, &fail));
    OKAY(subscription_get(c, &arena, STR("sub_1"), &back, &fail));
    assert_true(id_eq(back.tenant, w.out.tenant) && id_eq(back.terms, w.out.terms));
    assert_int_equal(back.first_failed_ms, w.out.first_failed_ms);
    assert_int_equal(back.period_end_ms, w.out.period_end_ms);
    assert_int_equal(back.known_status, w.out.known_status);
    return back;
}

static void wrote_invoice(const char *text)
{
    struct write w = {.invoice = text, .at = NOW};
    OKAY(db_transaction(c, write_it, &w, &fail));
}

static void customer(const char *id, struct id of)
{
    char sql[400], hex[33];
    for (int i = 0; i < 16; i++)
        snprintf(hex + 2 * i, 3, "%02x", of.b[i]);
    snprintf(sql, sizeof(sql), "INSERT INTO billing_customer VALUES (UNHEX('%s'), '%s', 0, '2026-01-01', NULL)", hex,
             id);
    dbtest_sql(DB, sql);
}

#define STARTER "(SELECT plan_terms_id FROM plan_terms WHERE plan = 'starter')"
static void prices(void)
{
    dbtest_sql(
        DB, "INSERT INTO stripe_price (stripe_price_id, plan_terms_id, role, livemode) VALUES ('price_base', " STARTER
            ", 'base', 0), "
            "('price_use', " STARTER ", 'usage', 0)");
}

static int clean(void **state)
{
    (void)state;
    dbtest_sql(DB, "DELETE FROM subscription_mirror; DELETE FROM invoice_mirror; DELETE FROM billing_customer; DELETE "
                   "FROM stripe_price;"
                   "DELETE FROM billing_alarm; DELETE FROM job; DELETE FROM user");
    arena_reset(&arena);
    tenant = dbtest_tenant(c);
    return 0;
}

static void the_tenant_comes_from_the_customer(void **state)
{
    char named[800], id[ID_TEXT_MAX];
    struct id other = dbtest_tenant(c);
    (void)state;
    assert_true(
        id_is_none(wrote(SUB("active", ITEMS(BASE), ""), NOW).tenant)); /* stored, although the customer is unknown */
    snprintf(named, sizeof(named), SUB("active", ITEMS(BASE), "'metadata':{'tenant':'%s'},"),
             id_text(ID_TENANT, tenant, id));
    assert_true(id_eq(wrote(named, NOW).tenant, tenant));
    snprintf(named, sizeof(named), SUB("active", ITEMS(BASE), "'metadata':{'tenant':'%s'},"),
             id_text(ID_TENANT, other, id));
    assert_true(id_eq(wrote(named, NOW).tenant, tenant)); /* metadata that was changed moves nothing */
    customer("cus_1", tenant);
    assert_true(id_eq(wrote(named, NOW).tenant, tenant));
    dbtest_sql(DB, "DELETE FROM subscription_mirror");
    assert_true(id_eq(wrote(named, NOW).tenant, tenant)); /* the customer says whose, whatever the metadata names */
    dbtest_sql(DB, "UPDATE billing_customer SET deleted_at = '2026-02-02'");
    assert_true(id_eq(wrote(named, NOW).tenant, tenant));
    dbtest_sql(DB, "DELETE FROM subscription_mirror; DELETE FROM billing_customer");
    assert_true(id_is_none(
        wrote(SUB("active", ITEMS(BASE), "'metadata':{'tenant':'ws_00000000000000000000000000'},"), NOW).tenant));
}

static void what_a_checkout_is_for(void **state)
{
    char text[1400], id[ID_TEXT_MAX];
    (void)state;
    struct subscription s = wrote(SUB("active", ITEMS(BASE "," USAGE), ""), NOW);
    assert_true(id_is_none(s.terms));
    prices();
    s = wrote(SUB("active", ITEMS(USAGE "," BASE), ""), NOW);
    assert_false(id_is_none(s.terms));
    struct id terms = s.terms;
    id_text(ID_TERMS, terms, id);
    /* a strange line first: the price that is known decides */
    s = wrote(SUB("active", ITEMS(ITEM("si_odd", "", PRICE("price_odd", "licensed", "")) "," USAGE "," BASE), ""), NOW);
    assert_str(s.base_item, "si_base");
    assert_int_equal(s.items, 3);
    /* the role in our row takes precedence over the price's metadata */
    s = wrote(SUB("active", ITEMS(ITEM("si_1", "", PRICE("price_use", "licensed", "'role':'base'"))), ""), NOW);
    assert_str(s.usage_item, "si_1");
    dbtest_sql(DB, "DELETE FROM stripe_price");
    snprintf(
        text, sizeof(text),
        SUB("active", ITEMS(ITEM("si_1", "", PRICE("price_new", "licensed", "'role':'base','plan_terms':'%s'"))), ""),
        id);
    assert_true(id_eq(wrote(text, NOW).terms, terms)); /* failing a row, the metadata */
    s = wrote(
        SUB("active",
            ITEMS(ITEM("si_1", "", PRICE("price_new", "licensed", "'plan_terms':'terms_00000000000000000000000001'"))),
            ""),
        NOW);
    assert_true(id_is_none(s.terms)); /* unknown terms */
}

/* The list is fetched under the subscription's lease while another process refreshes an invoice of it. */
static void a_list_of_open_invoices_overwrites_nothing_newer(void **state)
{
    static const char *const over[] = {"paid", "void", "uncollectible", "deleted"};
    struct write listed = {.listed = INVOICE("'currency':'usd','status':'open','amount_remaining':4900"), .at = NOW};
    char sql[200];
    (void)state;
    OKAY(db_transaction(c, write_it, &listed, &fail));
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM invoice_mirror WHERE status = 'open'"), 1);
    for (size_t i = 0; i < COUNT_OF(over); i++) { /* whichever clock says that it was fetched earlier */
        snprintf(sql, sizeof(sql), "UPDATE invoice_mirror SET status = '%s', fetched_at = '2000-01-01'", over[i]);
        dbtest_sql(DB, sql);
        OKAY(db_transaction(c, write_it, &listed, &fail));
        assert_int_equal(
            dbtest_intf(DB, "SELECT COUNT(*) FROM invoice_mirror WHERE status = '%s' AND YEAR(fetched_at) = 2000",
                        over[i]),
            1);
    }
    dbtest_sql(DB, "UPDATE invoice_mirror SET status = 'open', attempt_count = 7, fetched_at = '2999-01-01'");
    OKAY(db_transaction(c, write_it, &listed, &fail));
    assert_int_equal(dbtest_int(DB, "SELECT attempt_count FROM invoice_mirror"), 7);
    dbtest_sql(DB, "UPDATE invoice_mirror SET status = 'draft', fetched_at = '2000-01-01'");
    OKAY(db_transaction(c, write_it, &listed, &fail));
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM invoice_mirror WHERE status = 'open' AND attempt_count = 0"),
                     1);
}

static void past_due_since_the_oldest_open_invoice(void **state)
{
    (void)state;
    assert_int_equal(wrote(SUB("active", ITEMS(BASE), ""), NOW).first_failed_ms, 0);
    wrote_invoice(INVOICE(
        "'currency':'usd','status':'open','amount_remaining':4900,'status_transitions':{'finalized_at':1789990000},"
        "'parent':{'subscription_details':{'subscription':'sub_1'}}"));
    assert_int_equal(wrote(SUB("past_due", ITEMS(BASE), ""), NOW).first_failed_ms, 1789990000000);
    wrote_invoice(
        "{'id':'in_0','object':'invoice','customer':'cus_1','created':1,'currency':'usd','status':'open','amount_"
        "remaining':1,"
        "'status_transitions':{'finalized_at':1789000000},'parent':{'subscription_details':{'subscription':'sub_1'}}}");
    assert_int_equal(wrote(SUB("past_due", ITEMS(BASE), ""), NOW + DAY_MS).first_failed_ms,
                     1789990000000); /* further failures move nothing */
    assert_int_equal(wrote(SUB("unpaid", ITEMS(BASE), ""), NOW + 2 * DAY_MS).first_failed_ms, 1789990000000);
    assert_int_equal(wrote(SUB("nonsense", ITEMS(BASE), ""), NOW + 2 * DAY_MS).first_failed_ms, 1789990000000);
    assert_int_equal(wrote(SUB("active", ITEMS(BASE), ""), NOW + 3 * DAY_MS).first_failed_ms, 0);
    dbtest_sql(DB, "DELETE FROM invoice_mirror");
    assert_int_equal(wrote(SUB("past_due", ITEMS(BASE), ""), NOW + 4 * DAY_MS).first_failed_ms, NOW + 4 * DAY_MS);
    assert_int_equal(wrote(SUB("canceled", ITEMS(BASE), ""), NOW + 5 * DAY_MS).first_failed_ms, 0);
    wrote_invoice(INVOICE(
        "'currency':'usd','status':'open','amount_remaining':1,'status_transitions':{'finalized_at':1799990000},"
        "'parent':{'subscription_details':{'subscription':'sub_1'}}"));
    assert_int_equal(wrote(SUB("past_due", ITEMS(BASE), ""), NOW).first_failed_ms, NOW); /* never in the future */
}

static void an_unknown_status_keeps_the_last_known_one(void **state)
{
    (void)state;
    struct subscription s = wrote(SUB("resting", ITEMS(BASE), ""), NOW);
    assert_int_equal(s.known_status, STRIPE_UNKNOWN);
    assert_int_equal(s.known_ms, 0);
    wrote(SUB("trialing", ITEMS(BASE), ""), NOW + 1000);
    s = wrote(SUB("resting", ITEMS(BASE), ""), NOW + 5000);
    assert_int_equal(s.status, STRIPE_UNKNOWN);
    assert_str(s.status_text, "resting");
    assert_int_equal(s.known_status, STRIPE_TRIALING);
    assert_int_equal(s.known_ms, NOW + 1000);
    s = wrote(SUB("active", ITEMS(BASE), ""), NOW + 6000);
    assert_int_equal(s.known_status, STRIPE_ACTIVE);
    assert_int_equal(s.known_ms, NOW + 6000);
}

static void planned_change_of_a_schedule(void **state)
{
    struct write w = {.sub = SUB("active", ITEMS(BASE "," USAGE), "'schedule':'sub_sched_1',"), .at = NOW};
    (void)state;
    prices();
    dbtest_sql(DB, "INSERT INTO stripe_price (stripe_price_id, plan_terms_id, role, livemode) "
                   "SELECT 'price_pro', plan_terms_id, 'base', 0 FROM plan_terms WHERE plan = 'professional'");
    w.schedule = "{'id':'sub_sched_1','object':'subscription_schedule','status':'active','current_phase':{'start_date':"
                 "1789000000,'end_date':1791600000},"
                 "'phases':[{'start_date':1789000000,'end_date':1791600000,'items':[{'price':'price_base'},{'price':'"
                 "price_use'}]},"
                 "{'start_date':1791600000,'end_date':1794200000,'items':[{'price':'price_use'},{'price':{'id':'price_"
                 "pro'}}]}]}";
    OKAY(db_transaction(c, write_it, &w, &fail));
    assert_false(id_is_none(w.out.next_terms));
    assert_false(id_eq(w.out.next_terms, w.out.terms));
    assert_int_equal(w.out.next_ms, 1791600000000);
    assert_str(w.out.schedule, "sub_sched_1");
    w.schedule = "{'status':'released','phases':[{'start_date':1791600000,'items':[{'price':'price_pro'}]}]}";
    OKAY(db_transaction(c, write_it, &w, &fail));
    assert_true(id_is_none(w.out.next_terms));
    w.schedule = "{'status':'active','current_phase':null,'phases':[{'start_date':1,'items':[{'price':'price_pro'}]}]}";
    OKAY(db_transaction(c, write_it, &w, &fail));
    assert_true(id_is_none(w.out.next_terms));
}

static void invoices_of_a_workspace(void **state)
{
    struct invoice v, *list;
    size_t n;
    struct err e = ERR_INIT;
    (void)state;
    wrote_invoice(INVOICE(
        "'currency':'usd','status':'paid','total':4900,'parent':{'subscription_details':{'subscription':'sub_1'}}"));
    OKAY(invoice_list(c, tenant, &arena, 0, 10, &list, &n, &fail));
    assert_int_equal(n, 0);
    customer("cus_1", tenant);
    wrote(SUB("active", ITEMS(BASE), ""), NOW); /* an invoice that came before its subscription */
    OKAY(invoice_list(c, tenant, &arena, 0, 10, &list, &n, &fail));
    assert_int_equal(n, 1);
    assert_string_equal(list[0].currency, "USD");
    assert_int_equal(list[0].total, 4900);
    OKAY(invoice_get(c, tenant, &arena, STR("in_1"), &v, &fail));
    assert_str(v.subscription, "sub_1");
    assert_int_equal(invoice_get(c, dbtest_tenant(c), &arena, STR("in_1"), &v, &e), ERR_NOT_FOUND);
    OKAY(invoice_list(c, tenant, &arena, 1789000000000, 10, &list, &n, &fail));
    assert_int_equal(n, 0);
    wrote_invoice(INVOICE("'currency':'usd','status':'void'"));
    OKAY(invoice_get(c, tenant, &arena, STR("in_1"), &v, &fail));
    assert_str(v.status_text, "void");
}

static int setup(void **state)
{
    (void)state;
    config = dbtest_config(DB);
    dbtest_migrate(config);
    pool = dbtest_pool(config, 2);
    c = dbtest_get(pool);
    arena_init(&arena, 64 * MB);
    clock_set_for_test(NOW);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    dbtest_close(config, pool, c, &arena);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(a_subscription),
        TEST(items_in_any_order),
        TEST(a_subscription_without_items),
        TEST(expanded_fields),
        TEST(every_status),
        TEST(ends_and_pauses),
        TEST(not_a_subscription),
        TEST(an_invoice),
        TEST(parents_of_invoices),
        TEST(amounts),
        cmocka_unit_test_setup(the_tenant_comes_from_the_customer, clean),
        cmocka_unit_test_setup(what_a_checkout_is_for, clean),
        cmocka_unit_test_setup(a_list_of_open_invoices_overwrites_nothing_newer, clean),
        cmocka_unit_test_setup(past_due_since_the_oldest_open_invoice, clean),
        cmocka_unit_test_setup(an_unknown_status_keeps_the_last_known_one, clean),
        cmocka_unit_test_setup(planned_change_of_a_schedule, clean),
        cmocka_unit_test_setup(invoices_of_a_workspace, clean),
    };
    dbtest_begin(argc, argv);
    int failed = cmocka_run_group_tests_name("mirror", tests, setup, teardown);
    db_library_end();
    return failed;
}
