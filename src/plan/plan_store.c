/* plan_store.c: SQL of plans, their terms and entitlements, and overrides. plans_read takes three statements for all
 * plans: they are few, and every caller needs terms and entitlements together. */
#include "plan/plan_store.h"

#include "base/clock.h"
#include "base/limits.h"

#include "base/banned.h"

/* ---- plans ---- */

/* GLOBAL, all of these: plans belong to the install. The order makes the first row the free plan (plans_free). */
DB_STMT(plan_all, GLOBAL,
        "SELECT plan, name, position, public, revision, plan_terms_id FROM plan ORDER BY position, plan", "",
        "ssiiiu?");
DB_STMT(terms_all, GLOBAL,
        "SELECT plan_terms_id, plan, price, currency, conversations, overage, created_at FROM plan_terms"
        " ORDER BY created_at, plan_terms_id",
        "", "usisi?i?t");
DB_STMT(value_all, GLOBAL, "SELECT plan, entitlement, value FROM plan_entitlement", "", "ssi?");
DB_STMT(plan_lock, GLOBAL, "SELECT revision FROM plan WHERE plan = ? FOR UPDATE", "s", "i");
DB_STMT(
    /* The revision in the condition is a second guard, should a caller not have locked the row. */
    plan_update, GLOBAL,
    "UPDATE plan SET name = ?, public = ?, plan_terms_id = ?, revision = revision + 1 WHERE plan = ? AND revision = ?",
    "siusi", "");
DB_STMT(terms_insert, GLOBAL,
        "INSERT INTO plan_terms (plan_terms_id, plan, price, currency, conversations, overage, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        "usisi?i?t", "");
DB_STMT(value_put, GLOBAL,
        "INSERT INTO plan_entitlement (plan, entitlement, value) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE value = "
        "VALUES(value)",
        "ssi?", "");

/* Unlimited is NULL in the tables, so that no program has to know a magic number. */
static int64_t plan_number(struct db_row r, size_t i)
{
    return db_row_null(r, i) ? UNLIMITED : db_row_int(r, i);
}

static struct db_val plan_number_arg(int64_t v)
{
    return db_opt(v != UNLIMITED, db_int(v));
}

static enum status plan_read_terms(struct db *c, struct arena *a, struct plans *out, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &terms_all, DB_GLOBAL, DB_NONE, a, &rows, e);
    if (st != OK)
        return st;
    out->terms_n = rows.n;
    if (!(out->terms = arena_array(a, rows.n + 1, sizeof(*out->terms))))
        return err_nomem(e);
    for (size_t i = 0; i < rows.n; i++) {
        struct db_row r = rows.rows[i];
        struct plan_terms *t = &out->terms[i];
        struct str currency = str_sub(db_row_str(r, 3), 0, sizeof(t->currency) - 1);
        *t = (struct plan_terms){.id = db_row_id(r, 0),
                                 .plan = db_row_str(r, 1),
                                 .price = db_row_int(r, 2),
                                 .conversations = plan_number(r, 4),
                                 .overage = db_row_null(r, 5) ? -1 : db_row_int(r, 5),
                                 .created_ms = db_row_time(r, 6)};
        memcpy(t->currency, currency.p, currency.n);
    }
    return OK;
}

/* An entitlement that this release does not know is skipped, and one without a row is 0. Either happens while an
 * upgrade is under way. The conversations of a plan are those of its terms, and a row for them is never used. */
static enum status plan_read_values(struct db *c, struct arena *a, struct plans *out, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &value_all, DB_GLOBAL, DB_NONE, a, &rows, e);
    for (size_t i = 0; st == OK && i < rows.n; i++) {
        enum entitlement x;
        for (size_t k = 0; k < out->n; k++)
            if (str_eq(out->list[k].plan, db_row_str(rows.rows[i], 0)) &&
                entitlement_parse(db_row_str(rows.rows[i], 1), &x))
                out->list[k].value[x] = plan_number(rows.rows[i], 2);
    }
    for (size_t k = 0; st == OK && k < out->n; k++)
        out->list[k].value[ENTITLEMENT_conversations] = out->list[k].terms->conversations;
    return st;
}

/* Terms come first, because plans point to them. A plan without terms is an error: read as a plan without a price it
 * would be given away. */
enum status plans_read(struct db *c, struct arena *a, struct plans *out, struct err *e)
{
    struct db_rows rows;
    enum status st = plan_read_terms(c, a, out, e);
    if (st == OK)
        st = db_query(c, &plan_all, DB_GLOBAL, DB_NONE, a, &rows, e);
    if (st != OK)
        return st;
    out->n = rows.n;
    if (!(out->list = arena_array(a, rows.n + 1, sizeof(*out->list))))
        return err_nomem(e);
    for (size_t i = 0; i < rows.n; i++) {
        struct db_row r = rows.rows[i];
        out->list[i] = (struct plan){.plan = db_row_str(r, 0),
                                     .name = db_row_str(r, 1),
                                     .position = (int)db_row_int(r, 2),
                                     .is_public = db_row_int(r, 3) != 0,
                                     .revision = (int)db_row_int(r, 4),
                                     .terms = plans_terms(out, db_row_id(r, 5))};
        if (!out->list[i].terms)
            return err_set(e, E_plan_without_terms, "The plan %.*s has no terms.", STR_F(db_row_str(r, 0)));
    }
    return out->n ? plan_read_values(c, a, out, e) : err_raise(e, E_no_plans);
}

enum status plan_store_lock(struct db *c, struct str plan, struct err *e)
{
    struct arena a;
    struct db_row r;
    arena_init(&a, ROW_ARENA);
    enum status st = db_query_one(c, &plan_lock, DB_GLOBAL, DB_ARGS(db_str(plan)), &a, &r, e);
    arena_release(&a);
    return st == ERR_NOT_FOUND ? err_raise(e, E_plan_unknown) : st;
}

enum status plan_store_save(struct db *c, const struct plan_edit *in, struct id terms, bool *saved, struct err *e)
{
    int64_t n = 0;
    enum status st = db_exec(
        c, &plan_update, DB_GLOBAL,
        DB_ARGS(db_str(in->name), db_int(in->is_public), db_id(terms), db_str(in->plan), db_int(in->revision)), &n, e);
    *saved = st == OK && n == 1;
    return st;
}

enum status plan_store_terms_add(struct db *c, const struct plan_terms *t, struct err *e)
{
    return db_exec(c, &terms_insert, DB_GLOBAL,
                   DB_ARGS(db_id(t->id), db_str(t->plan), db_int(t->price), db_text(t->currency),
                           plan_number_arg(t->conversations), db_opt(t->overage >= 0, db_int(t->overage)),
                           db_time(t->created_ms)),
                   NULL, e);
}

enum status plan_store_value(struct db *c, struct str plan, enum entitlement x, int64_t value, struct err *e)
{
    return db_exec(c, &value_put, DB_GLOBAL,
                   DB_ARGS(db_str(plan), db_text(entitlement_name(x)), plan_number_arg(value)), NULL, e);
}

/* ---- overrides ---- */

DB_STMT(override_put, TENANT,
        "INSERT INTO tenant_override (tenant_id, entitlement, value, reason, expires_at, created_at) VALUES (:tenant, "
        "?, ?, ?, ?, ?)"
        " ON DUPLICATE KEY UPDATE value = VALUES(value), reason = VALUES(reason), expires_at = VALUES(expires_at),"
        " created_at = VALUES(created_at)",
        "si?st?t", "");
DB_STMT(override_delete, TENANT, "DELETE FROM tenant_override WHERE tenant_id = :tenant AND entitlement = ?", "s", "");
DB_STMT(override_all, TENANT,
        "SELECT entitlement, value, reason, expires_at, created_at FROM tenant_override WHERE tenant_id = :tenant"
        " ORDER BY entitlement",
        "", "si?st?t");

enum status override_store_set(struct db *c, const struct override *o, struct err *e)
{
    enum status st = db_exec(c, &override_put, &o->tenant,
                             DB_ARGS(db_text(entitlement_name(o->entitlement)), plan_number_arg(o->value),
                                     db_str(o->reason), db_opt(o->expires_ms != 0, db_time(o->expires_ms)),
                                     db_time(o->created_ms)),
                             NULL, e);
    /* The foreign key found no such tenant. */
    return st == ERR_CONFLICT ? err_raise(e, E_workspace_unknown) : st;
}

enum status override_store_end(struct db *c, struct id tenant, enum entitlement x, bool *there, struct err *e)
{
    int64_t n = 0;
    enum status st = db_exec(c, &override_delete, &tenant, DB_ARGS(db_text(entitlement_name(x))), &n, e);
    *there = n > 0;
    return st;
}

enum status override_store_list(struct db *c, struct arena *a, struct id tenant, struct override **out, size_t *n,
                                struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &override_all, &tenant, DB_NONE, a, &rows, e);
    if (st != OK)
        return st;
    *n = 0;
    if (!(*out = arena_array(a, rows.n + 1, sizeof(**out))))
        return err_nomem(e);
    for (size_t i = 0; i < rows.n; i++) {
        struct db_row r = rows.rows[i];
        enum entitlement x;
        if (entitlement_parse(db_row_str(r, 0), &x))
            (*out)[(*n)++] = (struct override){.tenant = tenant,
                                               .entitlement = x,
                                               .value = plan_number(r, 1),
                                               .reason = db_row_str(r, 2),
                                               .expires_ms = db_row_time(r, 3),
                                               .created_ms = db_row_time(r, 4)};
    }
    return OK;
}
