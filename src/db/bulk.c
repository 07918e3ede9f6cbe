/* bulk.c: one statement for many rows, by the array binding of Connector/C.
 *
 * Each placeholder gets one array, and each chunk of rows one execution (COM_STMT_BULK_EXECUTE): one round trip in
 * place of hundreds. All chunks are in one transaction, so all rows are applied or none. */
#include <errmsg.h>
#include <stdlib.h>

#include "base/clock.h"
#include "db/db_internal.h"

#include "base/banned.h"

/* Beyond a thousand rows the gain is small, and a single packet would keep the server's thread busy for long. */
#define CHUNK_ROWS 1000
#define BULK_BYTES ((size_t)4 << 20) /* under the server's smallest usual max_allowed_packet */
#define SCRATCH_KEEP ((size_t)128 << 10)

struct bulk {
    const struct db_plan *plan;
    const struct id *tenant;
    const struct db_val *vals; /* of this chunk */
    size_t ncols;
    unsigned rows;
    MYSQL_BIND binds[DB_SLOTS];
    char *at; /* next free byte of the scratch memory */
};

/* Memory for one placeholder of one row: a pointer or number, a length, a NULL mark, and a MYSQL_TIME for times. */
static size_t slot_bytes(const struct db_plan *p, unsigned slot)
{
    char letter = p->source[slot] < 0 ? 'u' : p->type[p->source[slot]];
    return sizeof(void *) + sizeof(unsigned long) + 1 + (letter == 't' ? sizeof(MYSQL_TIME) : 0);
}

/* The arrays of all placeholders are carved from one block that the connection keeps between calls. */
static bool scratch_room(struct db *c, struct bulk *b)
{
    size_t need = 0;
    for (unsigned i = 0; i < b->plan->slots; i++)
        need += ((slot_bytes(b->plan, i) * b->rows + 15) & ~(size_t)15) + 16;
    if (need > c->scratch_n) {
        char *p = realloc(c->scratch, need);
        if (!p)
            return false;
        c->scratch = p;
        c->scratch_n = need;
    }
    b->at = c->scratch;
    return true;
}

static void *bulk_carve(struct bulk *b, size_t n)
{
    char *p = b->at;
    b->at += (n + 7) & ~(size_t)7;
    return p;
}

static void bulk_tenant(struct bulk *b, MYSQL_BIND *bind)
{
    void **p = bulk_carve(b, b->rows * sizeof(*p));
    unsigned long *n = bulk_carve(b, b->rows * sizeof(*n));
    for (unsigned r = 0; r < b->rows; r++) {
        p[r] = db_wire_buffer(b->tenant->b);
        n[r] = sizeof(b->tenant->b);
    }
    bind->buffer_type = MYSQL_TYPE_BLOB;
    bind->buffer = p;
    bind->length = n;
}

union cell {
    int64_t i;
    const void *p;
};

/* A cell of the array: the number itself, or a pointer to the bytes and their length. */
static void put_cell(const struct db_val *v, union cell *cell, unsigned long *n, MYSQL_TIME *t)
{
    *n = 0;
    switch (v->type) {
    case 't':
        db_time_from_ms(t, v->i);
        cell->p = t;
        break;
    case 'u':
        cell->p = v->u.b;
        *n = sizeof(v->u.b);
        break;
    case 's':
    case 'x':
        cell->p = v->s.p;
        *n = v->s.n;
        break;
    case 0:
        cell->p = "";
        break;
    default: /* i, d: the same eight bytes */
        memcpy(&cell->i, &v->i, sizeof(cell->i));
    }
}

/* Make the array of one placeholder from the column of values that belongs to it. */
static enum status bulk_slot(struct bulk *b, unsigned slot, struct err *e)
{
    MYSQL_BIND *bind = &b->binds[slot];
    char letter = b->plan->type[b->plan->source[slot]];
    union cell *cell = bulk_carve(b, b->rows * sizeof(*cell));
    unsigned long *n = bulk_carve(b, b->rows * sizeof(*n));
    MYSQL_TIME *times = letter == 't' ? bulk_carve(b, b->rows * sizeof(*times)) : NULL;
    char *null = bulk_carve(b, b->rows);
    const struct db_val *v = b->vals + b->plan->source[slot];
    for (unsigned r = 0; r < b->rows; r++, v += b->ncols) {
        enum status st = db_check_arg(b->plan, slot, v, e);
        if (st != OK)
            return st;
        null[r] = v->type ? STMT_INDICATOR_NONE : STMT_INDICATOR_NULL;
        put_cell(v, &cell[r], &n[r], times ? &times[r] : NULL);
    }
    bind->buffer_type = db_wire_type(letter);
    bind->buffer = cell;
    bind->length = n;
    bind->u.indicator = null;
    return OK;
}

static enum status bulk_bind(struct db *c, struct bulk *b, struct err *e)
{
    if (!scratch_room(c, b))
        return err_nomem(e);
    memset(b->binds, 0, sizeof(b->binds[0]) * b->plan->slots);
    for (unsigned i = 0; i < b->plan->slots; i++) {
        if (b->plan->source[i] < 0) {
            bulk_tenant(b, &b->binds[i]);
            continue;
        }
        enum status st = bulk_slot(b, i, e);
        if (st != OK)
            return st;
    }
    return OK;
}

static unsigned bulk_send(struct db *c, struct bulk *b, int64_t *affected)
{
    struct db_prepared *k;
    unsigned no = db_prepare(c, b->plan, &k);
    if (no)
        return no;
    /* the array size must be set before the parameters are bound */
    if (mysql_stmt_attr_set(k->stmt, STMT_ATTR_ARRAY_SIZE, &b->rows) || mysql_stmt_bind_param(k->stmt, b->binds))
        return mysql_stmt_errno(k->stmt) ? mysql_stmt_errno(k->stmt) : CR_OUT_OF_MEMORY;
    int64_t start = clock_mono_us();
    no = mysql_stmt_execute(k->stmt) ? mysql_stmt_errno(k->stmt) : 0;
    db_cost_add(start);
    if (!no)
        *affected += (int64_t)mysql_stmt_affected_rows(k->stmt);
    unsigned one = 0; /* the next execution of this statement may be for one row */
    mysql_stmt_attr_set(k->stmt, STMT_ATTR_ARRAY_SIZE, &one);
    return no;
}

/* Even when a chunk fails after a part of it was applied, nothing of it is kept: the fault makes the transaction roll
 * back. A stale statement is repeated only once and only when the server has refused the whole of it. */
static enum status bulk_chunk(struct db *c, struct bulk *b, int64_t *affected, struct err *e)
{
    enum status st = bulk_bind(c, b, e);
    if (st != OK)
        return st;
    unsigned no = bulk_send(c, b, affected);
    if (no && db_fate(no) == FATE_STALE) { /* the table changed: prepare again */
        db_unprepare(c, b->plan->stmt->index);
        no = bulk_send(c, b, affected);
    }
    if (!no)
        return OK;
    int index = b->plan->stmt->index;
    const char *text = index < c->cache_n && c->cache[index].stmt ? mysql_stmt_error(c->cache[index].stmt) : "";
    st = db_fail(c, b->plan->stmt->name, no, text, e);
    if (c->fault == FAULT_NONE)
        c->fault = FAULT_ABORT; /* some rows may be written: the transaction must not be committed */
    return st;
}

/* How many rows, from `vals` on, fit into one packet. At least one. */
static unsigned chunk_rows(const struct db_val *vals, size_t ncols, size_t left)
{
    size_t bytes = 0, rows = 0;
    while (rows < left && rows < CHUNK_ROWS) {
        for (size_t i = 0; i < ncols; i++, vals++)
            bytes += vals->type == 's' || vals->type == 'x' ? vals->s.n + 9 : 17;
        if (bytes > BULK_BYTES && rows)
            break;
        rows++;
    }
    return (unsigned)rows;
}

struct bulk_job {
    struct bulk b;
    size_t count;
    int64_t affected;
};

/* Runs again from the start when the transaction is repeated, so it works on a copy and counts from 0. */
static enum status bulk_all(struct db *c, void *ctx, struct err *e)
{
    struct bulk_job *j = ctx;
    struct bulk b = {.plan = j->b.plan, .tenant = j->b.tenant, .vals = j->b.vals, .ncols = j->b.ncols};
    enum status st = OK;
    j->affected = 0;
    for (size_t left = j->count; left && st == OK; left -= b.rows, b.vals += b.rows * b.ncols) {
        b.rows = chunk_rows(b.vals, b.ncols, left);
        st = bulk_chunk(c, &b, &j->affected, e);
    }
    if (c->scratch_n > SCRATCH_KEEP) {
        free(c->scratch);
        c->scratch = NULL;
        c->scratch_n = 0;
    }
    return st;
}

enum status db_bulk(struct db *c, struct db_stmt *stmt, const struct id *tenant, const struct db_val *vals,
                    size_t ncols, size_t count, int64_t *affected, struct err *e)
{
    struct bulk_job j = {.b = {.plan = db_plan(stmt), .tenant = tenant, .vals = vals, .ncols = ncols}, .count = count};
    if (!j.b.plan)
        return err_nomem(e);
    db_check_call(j.b.plan, tenant, ncols);
    if (j.b.plan->cols)
        BUG("%s returns rows", stmt->name);
    if (!j.b.plan->slots)
        BUG("%s: nothing to bind", stmt->name);
    enum status st = count == 0 ? OK : db_transaction(c, bulk_all, &j, e);
    if (st == OK && affected)
        *affected = j.affected;
    return st;
}
