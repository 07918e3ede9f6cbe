/* plan_edit.c: edits of a plan, an override, or the assigned plan of a tenant.
 *
 * Each edit is one transaction that locks the row, compares the revision, writes, and logs before and after. The
 * shared generation is raised after the commit, so that no process caches what was there before. */
#include "account/operator_log.h"
#include "account/rules.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/shared.h"
#include "base/utf8.h"
#include "plan/money.h"
#include "plan/plan_store.h"

#include "base/banned.h"

#define PRICE_MAX 99999999LL /* what Stripe takes in most currencies */
#define PLAN_NAME_MAX 60     /* characters */
#define REASON_MAX 200
#define LAST_DAY_MS INT64_C(253402214400000) /* 9999-12-31, the last day that a DATETIME column holds */

static int edit_set_number(struct json *o, const char *key, int64_t v)
{
    return v == UNLIMITED ? json_set_str(o, key, STR("unlimited")) : json_set_int(o, key, v);
}

/* ---- what a plan may be changed to ---- */

static enum status edit_check_value(enum entitlement x, int64_t v, struct err *e)
{
    int64_t top = x == ENTITLEMENT_support ? 3 : 2;
    const char *name = entitlement_name(x);
    switch (entitlement_kind(x)) {
    case LIMIT:
        if (v < 0)
            return err_at(e, E_value_invalid, name, "A limit must be 0 or more, or unlimited.");
        break;
    case SWITCH:
        if (v != 0 && v != 1)
            return err_at(e, E_value_invalid, name, "The value must be 1 (included) or 0 (not included).");
        break;
    case LEVEL:
        if (v < 0 || v > top)
            return err_at(e, E_value_invalid, name, "The value must be a level from 0 to %lld.", (long long)top);
    }
    return OK;
}

static bool edit_currency_is_valid(const char *currency)
{
    for (int i = 0; i < 3; i++)
        if ((currency[i] < 'A' || currency[i] > 'Z') && (currency[i] < 'a' || currency[i] > 'z'))
            return false;
    return currency[3] == '\0';
}

/* The free plan costs nothing by definition: it is what a tenant has without a subscription. At least one conversation
 * is included because the overage price is the price divided by them. */
static enum status edit_check_terms(const struct plan_edit *in, bool free, struct err *e)
{
    if (in->price < 0 || in->price > PRICE_MAX)
        return err_at(e, E_price_invalid, "price",
                      "A price must be from 0 to %lld in the smallest unit of the currency.", PRICE_MAX);
    if (free && in->price)
        return err_raise_at(e, E_free_plan, "price");
    if (!edit_currency_is_valid(in->currency))
        return err_raise_at(e, E_currency_invalid, "currency");
    if (in->conversations < 1)
        return err_raise_at(e, E_conversations_invalid, "conversations");
    if (in->bills_overage && (!in->price || in->conversations == UNLIMITED))
        return err_at(e, E_overage_invalid, "bills_overage",
                      "Overage needs a price and a limited number of included conversations, because it is the first "
                      "divided by the second.");
    if (in->bills_overage && money_overage_unit(in->price, in->conversations).whole > INT64_MAX / PICO - 1)
        return err_at(e, E_overage_invalid, "bills_overage", "The overage price of a conversation would be too high.");
    return OK;
}

/* Currencies are stored in capitals, so that terms that differ only in spelling are the same terms. */
static enum status edit_check(struct plan_edit *in, bool free, struct err *e)
{
    enum status st = rules_name(in->name, "name", "The plan's name", &in->name, e);
    if (st == OK && utf8_length(in->name) > PLAN_NAME_MAX)
        st = err_at(e, E_name_invalid, "name", "The name of a plan can have at most %d characters.", PLAN_NAME_MAX);
    if (st == OK)
        st = edit_check_terms(in, free, e);
    for (int i = 0; st == OK && i < ENTITLEMENT_COUNT; i++)
        if (i != ENTITLEMENT_conversations)
            st = edit_check_value((enum entitlement)i, in->value[i], e);
    for (int i = 0; st == OK && i < 3; i++)
        if (in->currency[i] >= 'a')
            in->currency[i] = (char)(in->currency[i] - 'a' + 'A');
    return st;
}

static int64_t edit_overage(const struct plan_edit *in)
{
    if (!in->bills_overage)
        return -1;
    struct decimal d = money_overage_unit(in->price, in->conversations);
    return d.whole * PICO + d.pico;
}

/* ---- saving a plan ---- */

struct plan_saving {
    const struct actor *who;
    struct plan_edit edit;
    struct arena a;
    bool changed;
};

static int edit_note_terms(struct json *o, const struct plan_terms *t)
{
    return json_set_int(o, "price", t->price) != 0 || json_set_str(o, "currency", str_from(t->currency)) != 0 ||
                   edit_set_number(o, "conversations", t->conversations) != 0 ||
                   json_set_int(o, "overage", t->overage) != 0
               ? -1
               : 0;
}

/* Creates new terms where price, currency or included conversations differ. Old terms stay: subscriptions were sold on
 * them. Terms that are equal are kept: new ones would need new prices at Stripe. */
static enum status edit_save_terms(struct db *c, struct plan_saving *tx, const struct plan *old, struct id *terms,
                                   struct json *before, struct json *after, struct err *e)
{
    const struct plan_edit *in = &tx->edit;
    struct plan_terms t = {.id = id_new(),
                           .plan = in->plan,
                           .price = in->price,
                           .conversations = in->conversations,
                           .overage = edit_overage(in),
                           .created_ms = clock_now_ms()};
    memcpy(t.currency, in->currency, sizeof(t.currency));
    *terms = old->terms->id;
    if (t.price == old->terms->price && t.conversations == old->terms->conversations &&
        t.overage == old->terms->overage && strcmp(t.currency, old->terms->currency) == 0)
        return OK;
    *terms = t.id;
    tx->changed = true;
    if (edit_note_terms(before, old->terms) != 0 || edit_note_terms(after, &t) != 0)
        return err_nomem(e);
    return plan_store_terms_add(c, &t, e);
}

static enum status edit_save_values(struct db *c, struct plan_saving *tx, const struct plan *old, struct json *before,
                                    struct json *after, struct err *e)
{
    for (int i = 0; i < ENTITLEMENT_COUNT; i++) {
        enum entitlement x = (enum entitlement)i;
        if (x == ENTITLEMENT_conversations || tx->edit.value[x] == old->value[x])
            continue;
        tx->changed = true;
        if (edit_set_number(before, entitlement_name(x), old->value[x]) != 0 ||
            edit_set_number(after, entitlement_name(x), tx->edit.value[x]) != 0)
            return err_nomem(e);
        enum status st = plan_store_value(c, old->plan, x, tx->edit.value[x], e);
        if (st != OK)
            return st;
    }
    return OK;
}

static int edit_note_names(struct plan_saving *tx, const struct plan *old, struct json *before, struct json *after)
{
    int failed = 0;
    if (!str_eq(tx->edit.name, old->name)) {
        tx->changed = true;
        failed |= json_set_str(before, "name", old->name) | json_set_str(after, "name", tx->edit.name);
    }
    if (tx->edit.is_public != old->is_public) {
        tx->changed = true;
        failed |= json_set_bool(before, "public", old->is_public) | json_set_bool(after, "public", tx->edit.is_public);
    }
    return failed;
}

/* The log entry is part of the transaction, so that no price ever changes without a name beside it. An edit that
 * changes nothing writes and logs nothing. */
static enum status edit_save_changes(struct db *c, struct plan_saving *tx, const struct plan *old, struct err *e)
{
    struct json *detail = json_new_object(&tx->a), *before, *after;
    struct id terms;
    bool saved;
    if (!detail || json_set_object(detail, "before", &before) != 0 || json_set_object(detail, "after", &after) != 0 ||
        edit_note_names(tx, old, before, after) != 0)
        return err_nomem(e);
    enum status st = edit_save_terms(c, tx, old, &terms, before, after, e);
    if (st == OK)
        st = edit_save_values(c, tx, old, before, after, e);
    if (st != OK || !tx->changed)
        return st;
    if ((st = plan_store_save(c, &tx->edit, terms, &saved, e)) != OK)
        return st;
    if (!saved)
        return err_set(e, E_plan_changed, "Another operator has changed this plan in the meantime. Load it again.");
    return operator_log(c, tx->who, OPERATOR_plan_changed, old->plan, detail, e);
}

/* The transaction may run several times after a deadlock, so everything it collected before is thrown away. The plan is
 * locked before it is read: two operators who saved at the same moment would both pass the comparison of revisions. */
static enum status edit_save_tx(struct db *c, void *ctx, struct err *e)
{
    struct plan_saving *tx = ctx;
    struct plans all;
    tx->changed = false;
    arena_reset(&tx->a);
    enum status st = plan_store_lock(c, tx->edit.plan, e);
    if (st == OK)
        st = plans_read(c, &tx->a, &all, e);
    if (st != OK)
        return st;
    const struct plan *old = plans_find(&all, tx->edit.plan);
    if (!old)
        return err_raise(e, E_plan_unknown);
    if (old->revision != tx->edit.revision)
        return err_set(e, E_plan_changed, "Another operator has changed this plan in the meantime. Load it again.");
    if ((st = edit_check(&tx->edit, old == plans_free(&all), e)) != OK)
        return st;
    return edit_save_changes(c, tx, old, e);
}

enum status plan_save(struct db *c, const struct actor *who, const struct plan_edit *in, struct err *e)
{
    struct plan_saving tx = {.who = who, .edit = *in};
    arena_init(&tx.a, TENANT_ARENA);
    enum status st = db_transaction(c, edit_save_tx, &tx, e);
    if (st == OK && tx.changed)
        shared_bump("plans", ID_NONE);
    arena_release(&tx.a);
    return st;
}

/* ---- overrides and assigned plans ---- */

struct tenant_edit {
    const struct actor *who;
    struct override o;
    struct str plan;
    struct arena a;
};

static enum status tenant_edit_log(struct db *c, const struct tenant_edit *tx, enum operator_action action,
                                   const struct json *detail, struct err *e)
{
    char id[ID_TEXT_MAX];
    return operator_log(c, tx->who, action, str_from(id_text(ID_TENANT, tx->o.tenant, id)), detail, e);
}

static enum status tenant_edit_run(struct db *c, enum status (*fn)(struct db *c, void *ctx, struct err *e),
                                   struct tenant_edit *tx, struct err *e)
{
    arena_init(&tx->a, ROW_ARENA);
    enum status st = db_transaction(c, fn, tx, e);
    if (st == OK)
        shared_bump("plan", tx->o.tenant);
    arena_release(&tx->a);
    return st;
}

static enum status override_set_tx(struct db *c, void *ctx, struct err *e)
{
    struct tenant_edit *tx = ctx;
    const struct override *o = &tx->o;
    struct json *detail = json_new_object(&tx->a);
    if (!detail || json_set_str(detail, "entitlement", str_from(entitlement_name(o->entitlement))) != 0 ||
        edit_set_number(detail, "value", o->value) != 0 || json_set_str(detail, "reason", o->reason) != 0 ||
        json_set_time(detail, "expires_at", o->expires_ms) != 0)
        return err_nomem(e);
    enum status st = override_store_set(c, o, e);
    return st == OK ? tenant_edit_log(c, tx, OPERATOR_override_set, detail, e) : st;
}

/* The day itself is included. The end is the following midnight, which must still fit into a DATETIME column. */
bool override_until(struct str day, int64_t *expires_ms)
{
    int64_t midnight;
    *expires_ms = 0;
    if (!day.n)
        return true;
    if (!clock_day(day, &midnight) || midnight >= LAST_DAY_MS)
        return false;
    *expires_ms = midnight + DAY_MS;
    return true;
}

enum status override_set(struct db *c, const struct actor *who, const struct override *o, struct err *e)
{
    struct tenant_edit tx = {.who = who, .o = *o};
    enum status st = edit_check_value(o->entitlement, o->value, e);
    if (st != OK)
        return st;
    tx.o.created_ms = clock_now_ms();
    tx.o.reason = str_trim(o->reason);
    if (!tx.o.reason.n || !utf8_text(tx.o.reason) || utf8_length(tx.o.reason) > REASON_MAX)
        return err_at(e, E_reason_invalid, "reason", "Give a reason of at most %d characters.", REASON_MAX);
    if (o->expires_ms && o->expires_ms <= tx.o.created_ms)
        return err_at(e, E_expires_invalid, "expires", "The end is in the past.");
    return tenant_edit_run(c, override_set_tx, &tx, e);
}

static enum status override_end_tx(struct db *c, void *ctx, struct err *e)
{
    struct tenant_edit *tx = ctx;
    struct json *detail = json_new_object(&tx->a);
    bool there;
    if (!detail || json_set_str(detail, "entitlement", str_from(entitlement_name(tx->o.entitlement))) != 0)
        return err_nomem(e);
    enum status st = override_store_end(c, tx->o.tenant, tx->o.entitlement, &there, e);
    if (st == OK && !there)
        return err_raise(e, E_override_unknown);
    return st == OK ? tenant_edit_log(c, tx, OPERATOR_override_ended, detail, e) : st;
}

enum status override_end(struct db *c, const struct actor *who, struct id tenant, enum entitlement x, struct err *e)
{
    struct tenant_edit tx = {.who = who, .o = {.tenant = tenant, .entitlement = x}};
    return tenant_edit_run(c, override_end_tx, &tx, e);
}

enum status override_list(struct db *c, struct id tenant, struct arena *a, struct override **out, size_t *n,
                          struct err *e)
{
    return override_store_list(c, a, tenant, out, n, e);
}

/* The plan is read back after it was written, because account_tenant_plan decides how the name is stored. */
static enum status plan_assign_tx(struct db *c, void *ctx, struct err *e)
{
    struct tenant_edit *tx = ctx;
    struct json *detail = json_new_object(&tx->a);
    struct tenant t;
    enum status st = account_tenant_get(c, &tx->a, tx->o.tenant, &t, e);
    if (st != OK)
        return st;
    if (!detail || json_set_str(detail, "before", t.plan) != 0)
        return err_nomem(e);
    if ((st = account_tenant_plan(c, tx->o.tenant, tx->plan, e)) != OK ||
        (st = account_tenant_get(c, &tx->a, tx->o.tenant, &t, e)) != OK)
        return st;
    if (json_set_str(detail, "after", t.plan) != 0)
        return err_nomem(e);
    return tenant_edit_log(c, tx, OPERATOR_plan_assigned, detail, e);
}

enum status plan_assign(struct db *c, const struct actor *who, struct id tenant, struct str plan, struct err *e)
{
    struct tenant_edit tx = {.who = who, .o = {.tenant = tenant}, .plan = plan};
    return tenant_edit_run(c, plan_assign_tx, &tx, e);
}
