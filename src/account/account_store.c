/* account_store.c: rows of tenant, user and member.
 *
 * A deleted tenant or user keeps its row, because the books refer to it; the statements here leave it out. Users
 * belong to no tenant (one person may be a member of several), so their statements are GLOBAL and every caller has to
 * know whose row it asks for. */
#include "account/account_store.h"

#include "base/clock.h"
#include "base/limits.h"

#include "base/banned.h"

/* ---- tenants ---- */

DB_STMT(
    tenant_insert, TENANT,
    "INSERT INTO tenant (tenant_id, name, plan, state, created_at, updated_at) VALUES (:tenant, ?, ?, 'active', ?, ?)",
    "sstt", "");
DB_STMT(tenant_select, TENANT,
        "SELECT tenant_id, name, plan, state, created_at FROM tenant WHERE tenant_id = :tenant AND state <> 'deleted'",
        "", "ussst");
/* GLOBAL: for the operator, who sees all workspaces. */
DB_STMT(tenant_list, GLOBAL,
        "SELECT tenant_id, name, plan, state, created_at FROM tenant WHERE state <> 'deleted' ORDER BY tenant_id", "",
        "ussst");
DB_STMT(tenant_set_plan, TENANT, "UPDATE tenant SET plan = ?, updated_at = ? WHERE tenant_id = :tenant", "st", "");
DB_STMT(tenant_set_deleted, TENANT,
        "UPDATE tenant SET state = 'deleted', updated_at = ? WHERE tenant_id = :tenant AND state <> 'deleted'", "t",
        "");
DB_STMT(plan_select, GLOBAL, "SELECT plan FROM plan WHERE plan = ?", "s", "s");

/* Statements that join select the columns of a tenant, a user and a role one after the other; i is where these
 * begin. */
static enum status tenant_row(struct db_row r, size_t i, struct tenant *out, struct err *e)
{
    struct str state = db_row_str(r, i + 3);
    *out = (struct tenant){.id = db_row_id(r, i),
                           .name = db_row_str(r, i + 1),
                           .plan = db_row_str(r, i + 2),
                           .created_ms = db_row_time(r, i + 4)};
    return account_state_parse(state, &out->state) ? OK : db_row_unknown("tenant.state", state, e);
}

enum status tenant_store_add(struct db *c, struct id id, struct str name, struct str plan, struct err *e)
{
    struct db_val now = db_time(clock_now_ms());
    return db_exec(c, &tenant_insert, &id, DB_ARGS(db_str(name), db_str(plan), now, now), NULL, e);
}

enum status tenant_store_get(struct db *c, struct arena *a, struct id id, struct tenant *out, struct err *e)
{
    struct db_row row;
    enum status st = db_query_one(c, &tenant_select, &id, DB_NONE, a, &row, e);
    if (st == ERR_NOT_FOUND)
        return err_raise(e, E_workspace_unknown);
    return st == OK ? tenant_row(row, 0, out, e) : st;
}

enum status tenant_store_list(struct db *c, struct arena *a, struct tenant **out, size_t *n, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &tenant_list, DB_GLOBAL, DB_NONE, a, &rows, e);
    if (st != OK)
        return st;
    *n = rows.n;
    *out = arena_array(a, rows.n, sizeof(**out));
    if (!*out)
        return err_nomem(e);
    for (size_t i = 0; st == OK && i < rows.n; i++)
        st = tenant_row(rows.rows[i], 0, &(*out)[i], e);
    return st;
}

enum status tenant_store_set_plan(struct db *c, struct id id, struct str plan, struct err *e)
{
    return db_exec(c, &tenant_set_plan, &id, DB_ARGS(db_str(plan), db_time(clock_now_ms())), NULL, e);
}

/* The row that is already deleted does not match, so a second delete finds nothing and says so. */
enum status tenant_store_delete(struct db *c, struct id id, struct err *e)
{
    int64_t changed = 0;
    enum status st = db_exec(c, &tenant_set_deleted, &id, DB_ARGS(db_time(clock_now_ms())), &changed, e);
    if (st == OK && !changed)
        return err_raise(e, E_workspace_unknown);
    return st;
}

/* The collation ignores case, so "Free" finds the row of "free", and the caller gets the spelling of the row. Plans
 * live in the plan module's table; reading its key here avoids a dependency on a higher layer. */
enum status tenant_store_find_plan(struct db *c, struct arena *a, struct str typed, struct str *out, bool *there,
                                   struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &plan_select, DB_GLOBAL, DB_ARGS(db_str(typed)), a, &rows, e);
    if (st == OK && (*there = rows.n == 1))
        *out = db_row_str(rows.rows[0], 0);
    return st;
}

/* ---- users ---- */

/* user_select_email returns suspended users too, because a sign-in has to spend the same time on them as on others. */
DB_STMT(user_insert, GLOBAL,
        "INSERT INTO user (user_id, email, email_key, name, password_hash, language, created_at, updated_at) VALUES "
        "(?, ?, ?, ?, ?, ?, ?, ?)",
        "usssss"
        "tt",
        "");
DB_STMT(user_select_email, GLOBAL,
        "SELECT user_id, email, name, is_operator, created_at, password_hash, state FROM user WHERE email_key = ? AND "
        "state <> 'deleted'",
        "s", "ussitss");
DB_STMT(user_select, GLOBAL,
        "SELECT user_id, email, name, is_operator, created_at FROM user WHERE user_id = ? AND state <> 'deleted'", "u",
        "ussit");
DB_STMT(user_list, GLOBAL,
        "SELECT user_id, email, name, is_operator, created_at FROM user WHERE state <> 'deleted' ORDER BY user_id", "",
        "ussit");
DB_STMT(user_set_password, GLOBAL, "UPDATE user SET password_hash = ?, updated_at = ? WHERE user_id = ?", "stu", "");

DB_STMT(user_set_operator, GLOBAL, "UPDATE user SET is_operator = ?, updated_at = ? WHERE user_id = ?", "itu", "");

static struct user user_row(struct db_row r, size_t i)
{
    return (struct user){.id = db_row_id(r, i),
                         .email = db_row_str(r, i + 1),
                         .name = db_row_str(r, i + 2),
                         .is_operator = db_row_int(r, i + 3) != 0,
                         .created_ms = db_row_time(r, i + 4)};
}

/* The unique key is on email_key, the lower-case form, so two spellings of one address collide here. */
enum status user_store_add(struct db *c, const struct user_new *u, struct err *e)
{
    struct db_val now = db_time(clock_now_ms());
    enum status st = db_exec(c, &user_insert, DB_GLOBAL,
                             DB_ARGS(db_id(u->id), db_str(u->email), db_str(u->email_key), db_str(u->name),
                                     db_str(u->password_hash), db_str(u->language), now, now),
                             NULL, e);
    if (st == ERR_CONFLICT)
        return err_raise_at(e, E_email_taken, "email");
    return st;
}

static enum status user_unknown(struct err *e)
{
    return err_raise(e, E_user_unknown);
}

/* Hash and state leave this function only when asked for: most callers need neither, and a hash that is not read cannot
 * end up in a log. */
enum status user_store_get_by_email(struct db *c, struct arena *a, struct str email_key, struct user *out,
                                    struct str *hash, enum account_state *state, struct err *e)
{
    struct db_row row;
    enum status st = db_query_one(c, &user_select_email, DB_GLOBAL, DB_ARGS(db_str(email_key)), a, &row, e);
    if (st == ERR_NOT_FOUND)
        return user_unknown(e);
    if (st != OK)
        return st;
    *out = user_row(row, 0);
    if (hash)
        *hash = db_row_str(row, 5);
    if (state && !account_state_parse(db_row_str(row, 6), state))
        return db_row_unknown("user.state", db_row_str(row, 6), e);
    return OK;
}

enum status user_store_get(struct db *c, struct arena *a, struct id user, struct user *out, struct err *e)
{
    struct db_row row;
    enum status st = db_query_one(c, &user_select, DB_GLOBAL, DB_ARGS(db_id(user)), a, &row, e);
    if (st == ERR_NOT_FOUND)
        return user_unknown(e);
    if (st == OK)
        *out = user_row(row, 0);
    return st;
}

enum status user_store_list(struct db *c, struct arena *a, struct user **out, size_t *n, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &user_list, DB_GLOBAL, DB_NONE, a, &rows, e);
    if (st != OK)
        return st;
    *n = rows.n;
    *out = arena_array(a, rows.n, sizeof(**out));
    if (!*out)
        return err_nomem(e);
    for (size_t i = 0; i < rows.n; i++)
        (*out)[i] = user_row(rows.rows[i], 0);
    return OK;
}

enum status user_store_set_operator(struct db *c, struct id user, bool is_operator, struct err *e)
{
    return db_exec(c, &user_set_operator, DB_GLOBAL, DB_ARGS(db_int(is_operator), db_time(clock_now_ms()), db_id(user)),
                   NULL, e);
}

enum status user_store_set_password(struct db *c, struct id user, struct str hash, struct err *e)
{
    return db_exec(c, &user_set_password, DB_GLOBAL, DB_ARGS(db_str(hash), db_time(clock_now_ms()), db_id(user)), NULL,
                   e);
}

/* ---- members ---- */

DB_STMT(member_upsert, TENANT,
        "INSERT INTO member (tenant_id, user_id, role, created_at) VALUES (:tenant, ?, ?, ?) ON DUPLICATE KEY UPDATE "
        "role = VALUES(role)",
        "ust", "");
/* GLOBAL: the workspaces of one person are asked for before one of them is chosen. */
DB_STMT(member_list_user, GLOBAL,
        "SELECT t.tenant_id, t.name, t.plan, t.state, t.created_at, u.user_id, u.email, u.name, u.is_operator, "
        "u.created_at, m.role"
        " FROM member m JOIN tenant t ON t.tenant_id = m.tenant_id JOIN user u ON u.user_id = m.user_id"
        " WHERE m.user_id = ? AND t.state <> 'deleted' ORDER BY m.created_at, m.tenant_id",
        "u",
        "ussst"
        "ussit"
        "s");
DB_STMT(member_list_tenant, TENANT,
        "SELECT t.tenant_id, t.name, t.plan, t.state, t.created_at, u.user_id, u.email, u.name, u.is_operator, "
        "u.created_at, m.role"
        " FROM member m JOIN tenant t ON t.tenant_id = m.tenant_id JOIN user u ON u.user_id = m.user_id"
        " WHERE m.tenant_id = :tenant AND u.state <> 'deleted' ORDER BY u.email, u.user_id",
        "",
        "ussst"
        "ussit"
        "s");

DB_STMT(member_list_owners, TENANT,
        "SELECT u.email, u.language FROM member m JOIN user u ON u.user_id = m.user_id"
        " WHERE m.tenant_id = :tenant AND m.role = 'owner' AND u.state = 'active' ORDER BY u.user_id",
        "", "ss");

/* A conflict is a foreign key: user or tenant does not exist. A membership that exists is updated instead. */
enum status member_store_put(struct db *c, struct id tenant, struct id user, enum role role, struct err *e)
{
    enum status st = db_exec(c, &member_upsert, &tenant,
                             DB_ARGS(db_id(user), db_text(account_role_name(role)), db_time(clock_now_ms())), NULL, e);
    if (st == ERR_CONFLICT)
        return err_raise(e, E_member_unknown);
    return st;
}

/* Both lists select the same columns in the same order: the tenant begins at 0, the user at 5, the role is 10. */
static enum status member_rows(struct db_rows rows, struct arena *a, struct member **out, size_t *n, struct err *e)
{
    *n = rows.n;
    *out = arena_array(a, rows.n, sizeof(**out));
    if (!*out)
        return err_nomem(e);
    enum status st = OK;
    for (size_t i = 0; st == OK && i < rows.n; i++) {
        struct member *m = &(*out)[i];
        *m = (struct member){.user = user_row(rows.rows[i], 5),
                             .role = account_role_parse(db_row_str(rows.rows[i], 10))};
        st = tenant_row(rows.rows[i], 0, &m->tenant, e);
    }
    return st;
}

enum status member_store_list_of_user(struct db *c, struct arena *a, struct id user, struct member **out, size_t *n,
                                      struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &member_list_user, DB_GLOBAL, DB_ARGS(db_id(user)), a, &rows, e);
    return st == OK ? member_rows(rows, a, out, n, e) : st;
}

enum status member_store_list_of_tenant(struct db *c, struct arena *a, struct id tenant, struct member **out, size_t *n,
                                        struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &member_list_tenant, &tenant, DB_NONE, a, &rows, e);
    return st == OK ? member_rows(rows, a, out, n, e) : st;
}

enum status member_store_list_owners(struct db *c, struct arena *a, struct id tenant, struct account_reader **out,
                                     size_t *n, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &member_list_owners, &tenant, DB_NONE, a, &rows, e);
    *n = 0;
    if (st != OK)
        return st;
    if (!(*out = arena_array(a, rows.n + 1, sizeof(**out))))
        return err_nomem(e);
    for (; *n < rows.n; (*n)++)
        (*out)[*n] = (struct account_reader){db_row_str(rows.rows[*n], 0), db_row_str(rows.rows[*n], 1)};
    return OK;
}
