/* exec.c: running one statement: check, bind, execute, read.
 *
 * A statement that provably had no effect is repeated once: it was never sent, or the server has undone it. Anything
 * else is the caller's decision, because repeating it could do its work twice. */
#include <errmsg.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "db/db_internal.h"

#include "base/banned.h"

/* Mistakes of the programmer abort. A tenant that is given or missing by mistake must never reach the server, and
 * neither must an empty one: it would match rows that were written without a tenant. */
void db_check_call(const struct db_plan *p, const struct id *tenant, size_t nargs)
{
    if (!!tenant != (p->stmt->scope == TENANT))
        BUG("%s: %s", p->stmt->name, tenant ? "GLOBAL, but a tenant is given" : "TENANT, but none is given");
    if (tenant && id_is_none(*tenant))
        BUG("%s: the tenant is empty", p->stmt->name);
    if (nargs != p->args)
        BUG("%s: %zu arguments for %u placeholders", p->stmt->name, nargs, p->args);
}

/* A wrong type aborts, since it is the same at every call. NULL where none is allowed is an error only: it depends on
 * the data, and one bad request must not end the program. */
enum status db_check_arg(const struct db_plan *p, unsigned slot, const struct db_val *v, struct err *e)
{
    if (v->type == p->type[p->source[slot]])
        return OK;
    if (v->type)
        BUG("%s: argument %d is '%c', not '%c'", p->stmt->name, p->source[slot] + 1, v->type, p->type[p->source[slot]]);
    if (p->null[p->source[slot]])
        return OK;
    log_line(LOG_ERROR, "database_null", LOG_S("statement", p->stmt->name), LOG_I("argument", p->source[slot] + 1));
    return err_set(e, E_internal, "A value is missing.");
}

static void bind_id(MYSQL_BIND *b, const struct id *id)
{
    b->buffer_type = MYSQL_TYPE_BLOB;
    b->buffer = db_wire_buffer(id->b);
    b->buffer_length = b->length_value = sizeof(id->b);
}

/* The library reads the values in place, so arguments must live until the statement is executed. */
static void bind_value(MYSQL_BIND *b, MYSQL_TIME *t, char letter, const struct db_val *v)
{
    b->buffer_type = db_wire_type(letter);
    switch (v->type) {
    case 0:
        b->is_null = &b->is_null_value;
        b->is_null_value = 1;
        break;
    case 'u':
        bind_id(b, &v->u);
        break;
    case 't':
        db_time_from_ms(t, v->i);
        b->buffer = t;
        break;
    case 'i':
    case 'd':
        b->buffer = db_wire_buffer(&v->i);
        break;
    default:
        b->buffer = db_wire_buffer(v->s.p);
        b->buffer_length = b->length_value = v->s.n;
    }
}

struct exec_call {
    const struct db_plan *plan;
    const struct id *tenant;
    const struct db_val *args;
    MYSQL_BIND binds[DB_SLOTS];
    MYSQL_TIME times[DB_SLOTS];
};

static enum status bind_all(struct exec_call *k, struct err *e)
{
    const struct db_plan *p = k->plan;
    for (unsigned i = 0; i < p->slots; i++) {
        memset(&k->binds[i], 0, sizeof(k->binds[i]));
        if (p->source[i] < 0) {
            bind_id(&k->binds[i], k->tenant);
            continue;
        }
        const struct db_val *v = &k->args[p->source[i]];
        enum status st = db_check_arg(p, i, v, e);
        if (st != OK)
            return st;
        bind_value(&k->binds[i], &k->times[i], p->type[p->source[i]], v);
    }
    return OK;
}

static unsigned execute_once(struct db *c, struct exec_call *k, struct db_prepared **out)
{
    unsigned no = db_prepare(c, k->plan, out);
    if (no)
        return no;
    MYSQL_STMT *stmt = (*out)->stmt;
    if (k->plan->slots && mysql_stmt_bind_param(stmt, k->binds))
        return mysql_stmt_errno(stmt) ? mysql_stmt_errno(stmt) : CR_OUT_OF_MEMORY;
    int64_t start = clock_mono_us();
    no = mysql_stmt_execute(stmt) ? mysql_stmt_errno(stmt) : 0;
    db_cost_add(start);
    return no;
}

/* A statement has an error of its own; without one (it could not be prepared) the connection's is the right one. */
static const char *last_error(struct db *c, const struct db_plan *p)
{
    struct db_prepared *k = p->stmt->index < c->cache_n ? &c->cache[p->stmt->index] : NULL;
    return k && k->stmt ? mysql_stmt_error(k->stmt) : c->my ? mysql_error(c->my) : "";
}

/* Whether the statement may be sent once more. A stale one (the table changed) is prepared again. Outside a
 * transaction, the server has undone what met a deadlock, and a statement on a dead connection was not executed if it
 * was only prepared or never sent (error 2006). Inside a transaction the earlier statements are lost as well: only
 * db_transaction can repeat them. */
static bool may_repeat(struct db *c, const struct db_plan *p, unsigned no)
{
    bool prepared = p->stmt->index < c->cache_n && c->cache[p->stmt->index].stmt;
    if (db_fate(no) == FATE_STALE) {
        db_unprepare(c, p->stmt->index);
        return true;
    }
    if (!c->tx && db_fate(no) == FATE_RETRY)
        return true;
    if (c->tx || db_fate(no) != FATE_LOST || (prepared && no != CR_SERVER_GONE_ERROR))
        return false;
    c->broken = true;
    return true;
}

/* Connect again if the connection is known to be lost, except inside a transaction. */
static enum status exec_usable(struct db *c, struct err *e)
{
    if (!c->broken && c->my)
        return OK;
    if (c->tx)
        return err_set(e, E_database_unavailable, "The connection to the database was lost.");
    return db_connect(c, e);
}

/* Bind and execute. *out is the executed statement, whose rows the caller fetches or frees. */
static enum status exec_run(struct db *c, struct db_stmt *stmt, const struct id *tenant, const struct db_val *args,
                            size_t nargs, struct db_prepared **out, const struct db_plan **plan, struct err *e)
{
    struct exec_call k; /* large, and only the binds in use are cleared */
    if (!(k.plan = *plan = db_plan(stmt)))
        return err_nomem(e);
    db_check_call(k.plan, tenant, nargs);
    k.tenant = tenant;
    k.args = args;
    enum status st = bind_all(&k, e);
    for (int tries = 0; st == OK; tries++) {
        if ((st = exec_usable(c, e)) != OK)
            break;
        unsigned no = execute_once(c, &k, out);
        if (!no)
            break;
        if (tries == 0 && may_repeat(c, k.plan, no))
            continue;
        st = db_fail(c, stmt->name, no, last_error(c, k.plan), e);
    }
    return st;
}

enum status db_exec(struct db *c, struct db_stmt *stmt, const struct id *tenant, const struct db_val *args,
                    size_t nargs, int64_t *affected, struct err *e)
{
    struct db_prepared *k;
    const struct db_plan *p;
    enum status st = exec_run(c, stmt, tenant, args, nargs, &k, &p, e);
    if (st != OK)
        return st;
    if (p->cols)
        BUG("%s returns rows", stmt->name);
    if (affected)
        *affected = (int64_t)mysql_stmt_affected_rows(k->stmt);
    return OK;
}

/* The array of rows doubles. Old ones stay in the arena, which is given back as a whole. After a failure in the middle
 * the rest of the result is freed, or the connection could not be used again. */
enum status db_query(struct db *c, struct db_stmt *stmt, const struct id *tenant, const struct db_val *args,
                     size_t nargs, struct arena *a, struct db_rows *out, struct err *e)
{
    struct db_prepared *k;
    const struct db_plan *p;
    struct db_row row;
    size_t cap = 0;
    bool more;
    enum status st = exec_run(c, stmt, tenant, args, nargs, &k, &p, e);
    *out = (struct db_rows){0};
    while (st == OK && (st = db_fetch(c, p, k, a, &row, &more, e)) == OK && more) {
        if (out->n == cap) {
            struct db_row *rows = arena_array(a, cap = cap ? cap * 2 : 8, sizeof(*rows));
            if (!rows) {
                mysql_stmt_free_result(k->stmt);
                st = err_nomem(e);
                break;
            }
            if (out->n)
                memcpy(rows, out->rows, out->n * sizeof(*rows));
            out->rows = rows;
        }
        out->rows[out->n++] = row;
    }
    if (st != OK)
        *out = (struct db_rows){0};
    return st;
}

/* A second row is fetched to make sure that there is none. */
enum status db_query_one(struct db *c, struct db_stmt *stmt, const struct id *tenant, const struct db_val *args,
                         size_t nargs, struct arena *a, struct db_row *out, struct err *e)
{
    struct db_prepared *k;
    const struct db_plan *p;
    struct db_row second;
    bool more;
    enum status st = exec_run(c, stmt, tenant, args, nargs, &k, &p, e);
    *out = (struct db_row){0};
    if (st != OK || (st = db_fetch(c, p, k, a, out, &more, e)) != OK)
        return st;
    if (!more)
        return err_set(e, E_not_found, "There is no such entry.");
    if ((st = db_fetch(c, p, k, a, &second, &more, e)) != OK || !more)
        return st;
    mysql_stmt_free_result(k->stmt);
    log_line(LOG_ERROR, "database_rows", LOG_S("statement", stmt->name));
    return err_set(e, E_internal, "There is more than one entry where only one is allowed.");
}

/* Rows lie in the connection's own arena and are forgotten one by one, so a result of any length needs the memory of
 * one row. The callback must not use the connection: the rest of the result is still on its way. */
enum status db_each(struct db *c, struct db_stmt *stmt, const struct id *tenant, const struct db_val *args,
                    size_t nargs, enum status (*fn)(void *ctx, struct db_row row, struct err *e), void *ctx,
                    struct err *e)
{
    struct db_prepared *k;
    const struct db_plan *p;
    struct db_row row;
    bool more;
    enum status st = exec_run(c, stmt, tenant, args, nargs, &k, &p, e);
    while (st == OK && (st = db_fetch(c, p, k, &c->row_arena, &row, &more, e)) == OK && more) {
        if ((st = fn(ctx, row, e)) != OK)
            mysql_stmt_free_result(k->stmt);
        arena_reset(&c->row_arena);
    }
    arena_reset(&c->row_arena);
    return st;
}
