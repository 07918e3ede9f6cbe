/* setup_store.c: SQL of stripe_setup and stripe_price, which belong to the install and not to a tenant.
 *
 * livemode is part of every search. An install that was tried with a test key keeps those rows, and an id of one
 * mode does not exist in the other. mirror/ reads stripe_price to find the terms of a subscription. */
#include "billing/setup/setup_store.h"

#include "base/limits.h"
#include "plan/plan.h"

#include "base/banned.h"

DB_STMT(setup_select, GLOBAL, "SELECT stripe_id FROM stripe_setup WHERE livemode = ? AND name = ?", "is", "x");
DB_STMT(setup_upsert, GLOBAL,
        "INSERT INTO stripe_setup (livemode, name, stripe_id, updated_at) VALUES (?, ?, ?, ?)"
        " ON DUPLICATE KEY UPDATE stripe_id = VALUES(stripe_id), updated_at = VALUES(updated_at)",
        "isxt", "");
DB_STMT(price_select, GLOBAL,
        "SELECT stripe_price_id, role FROM stripe_price WHERE plan_terms_id = ? AND livemode = ? AND offered = 1"
        " ORDER BY stripe_price_id",
        "ui", "xs");
/* GREATEST: keeping a price of older terms must not take a price off sale. Only price_others does that. */
DB_STMT(price_upsert, GLOBAL,
        "INSERT INTO stripe_price (stripe_price_id, plan_terms_id, role, livemode, offered) VALUES (?, ?, ?, ?, ?)"
        " ON DUPLICATE KEY UPDATE offered = GREATEST(offered, VALUES(offered))",
        "xusii", "");
DB_STMT(price_others, GLOBAL,
        "UPDATE stripe_price SET offered = 0 WHERE plan_terms_id = ? AND role = ? AND livemode = ? AND stripe_price_id "
        "<> ?",
        "usix", "");
/* GLOBAL: any tenant may still use the terms. canceled and incomplete_expired are final at Stripe; from every other
 * status a subscription can come back. */
DB_STMT(terms_subscribed, GLOBAL,
        "SELECT COUNT(*) FROM subscription_mirror WHERE livemode = ? AND (plan_terms_id = ? OR next_terms_id = ?)"
        " AND status NOT IN ('canceled', 'incomplete_expired')",
        "iuu", "i");
/* GLOBAL: as above. An attempt beyond its end cannot be paid any more, whatever its state says. */
DB_STMT(terms_wanted, GLOBAL,
        "SELECT COUNT(*) FROM checkout_attempt WHERE state IN ('creating', 'open') AND expires_at > ? AND livemode = ? "
        "AND plan_terms_id = ?",
        "tiu", "i");

enum status setup_store_id(struct db *c, struct arena *a, bool livemode, const char *name, struct str *out,
                           struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &setup_select, DB_GLOBAL, DB_ARGS(db_int(livemode), db_text(name)), a, &rows, e);
    if (st == OK)
        *out = rows.n ? db_row_str(rows.rows[0], 0) : STR_EMPTY;
    return st;
}

enum status setup_store_put(struct db *c, bool livemode, const char *name, struct str stripe_id, int64_t now_ms,
                            struct err *e)
{
    return db_exec(c, &setup_upsert, DB_GLOBAL,
                   DB_ARGS(db_int(livemode), db_text(name), db_bytes(stripe_id.p, stripe_id.n), db_time(now_ms)), NULL,
                   e);
}

enum status setup_store_prices(struct db *c, struct arena *a, bool livemode, struct id terms, struct setup_price **out,
                               size_t *n, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &price_select, DB_GLOBAL, DB_ARGS(db_id(terms), db_int(livemode)), a, &rows, e);
    if (st != OK)
        return st;
    *n = rows.n;
    *out = arena_array(a, rows.n ? rows.n : 1, sizeof(**out));
    if (!*out)
        return err_nomem(e);
    for (size_t i = 0; i < rows.n; i++)
        (*out)[i] = (struct setup_price){.id = db_row_str(rows.rows[i], 0),
                                         .role = price_role_parse(db_row_str(rows.rows[i], 1))};
    return OK;
}

static enum status setup_store_put_price_row(struct db *c, bool livemode, struct id terms, struct setup_price price,
                                             bool offered, struct err *e)
{
    return db_exec(c, &price_upsert, DB_GLOBAL,
                   DB_ARGS(db_bytes(price.id.p, price.id.n), db_id(terms), db_text(price_role_name(price.role)),
                           db_int(livemode), db_int(offered)),
                   NULL, e);
}

/* The former price loses its place first, so that within the transaction there are never two prices of a role. */
enum status setup_store_price_put(struct db *c, bool livemode, struct id terms, struct setup_price price, struct err *e)
{
    enum status st = db_exec(
        c, &price_others, DB_GLOBAL,
        DB_ARGS(db_id(terms), db_text(price_role_name(price.role)), db_int(livemode), db_bytes(price.id.p, price.id.n)),
        NULL, e);
    return st == OK ? setup_store_put_price_row(c, livemode, terms, price, true, e) : st;
}

enum status setup_store_price_keep(struct db *c, bool livemode, struct id terms, struct setup_price price,
                                   struct err *e)
{
    return setup_store_put_price_row(c, livemode, terms, price, false, e);
}

static enum status setup_store_count(struct db *c, struct db_stmt *stmt, const struct db_val *args, size_t n,
                                     int64_t *out, struct err *e)
{
    struct arena a;
    struct db_row r;
    arena_init(&a, ROW_ARENA);
    enum status st = db_query_one(c, stmt, DB_GLOBAL, args, n, &a, &r, e);
    if (st == OK)
        *out = db_row_int(r, 0);
    arena_release(&a);
    return st;
}

enum status setup_store_terms_used(struct db *c, bool livemode, struct id terms, int64_t now_ms, bool *out,
                                   struct err *e)
{
    int64_t subscribed = 0, wanted = 0;
    enum status st = setup_store_count(c, &terms_subscribed, DB_ARGS(db_int(livemode), db_id(terms), db_id(terms)),
                                       &subscribed, e);
    if (st == OK)
        st = setup_store_count(c, &terms_wanted, DB_ARGS(db_time(now_ms), db_int(livemode), db_id(terms)), &wanted, e);
    if (st == OK)
        *out = subscribed > 0 || wanted > 0;
    return st;
}
