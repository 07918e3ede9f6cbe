/* lease_store.c: SQL of stripe_lease. A lease is taken by an INSERT or by an UPDATE of an expired row; either
 * conflicts when two try. */
#include "stripe/lease_store.h"

#include "stripe/lease.h"

#include "base/banned.h"

/* GLOBAL, all of these: leases are named after objects of Stripe and belong to the installation. */
DB_STMT(lease_add, GLOBAL, "INSERT INTO stripe_lease (name, holder, until) VALUES (?, ?, ?)", "xut", "");
DB_STMT(
    lease_inherit, GLOBAL,
    "UPDATE stripe_lease SET holder = ?, until = ?, touched = touched + 1 WHERE name = ? AND (until <= ? OR until > ?)",
    "utxtt", "");
/* A write instead of a locking read: on a cluster only writes to the same row conflict. */
DB_STMT(lease_touch, GLOBAL, "UPDATE stripe_lease SET touched = touched + 1 WHERE name = ? AND holder = ?", "xu", "");
DB_STMT(lease_drop, GLOBAL, "DELETE FROM stripe_lease WHERE name = ? AND holder = ?", "xu", "");
DB_STMT(lease_forget, GLOBAL, "DELETE FROM stripe_lease WHERE until < ? ORDER BY until LIMIT ?", "ti", "");

static struct db_val lease_name(struct str name)
{
    return db_bytes(name.p, name.n);
}

/* A conflict is the normal answer to "who was first" and no error. */
enum status lease_store_add(struct db *c, struct str name, struct id holder, int64_t until_ms, bool *done,
                            struct err *e)
{
    struct err why = ERR_INIT;
    enum status st = db_exec(c, &lease_add, DB_GLOBAL, DB_ARGS(lease_name(name), db_id(holder), db_time(until_ms)),
                             NULL, &why);
    *done = st == OK;
    if (st == ERR_CONFLICT)
        return OK;
    if (st != OK && e)
        *e = why;
    return st;
}

enum status lease_store_inherit(struct db *c, struct str name, struct id holder, int64_t until_ms, int64_t now_ms,
                                bool *done, struct err *e)
{
    int64_t n = 0;
    enum status st = db_exec(c, &lease_inherit, DB_GLOBAL,
                             DB_ARGS(db_id(holder), db_time(until_ms), lease_name(name), db_time(now_ms),
                                     db_time(now_ms + LEASE_LONGEST_MS)),
                             &n, e);
    *done = st == OK && n == 1;
    return st;
}

enum status lease_store_touch(struct db *c, struct str name, struct id holder, bool *done, struct err *e)
{
    int64_t n = 0;
    enum status st = db_exec(c, &lease_touch, DB_GLOBAL, DB_ARGS(lease_name(name), db_id(holder)), &n, e);
    *done = st == OK && n == 1;
    return st;
}

enum status lease_store_drop(struct db *c, struct str name, struct id holder, struct err *e)
{
    return db_exec(c, &lease_drop, DB_GLOBAL, DB_ARGS(lease_name(name), db_id(holder)), NULL, e);
}

enum status lease_store_clean(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e)
{
    return db_exec(c, &lease_forget, DB_GLOBAL, DB_ARGS(db_time(before_ms), db_int(limit)), n, e);
}
