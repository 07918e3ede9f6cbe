/* row.c: the columns of a result, bound, fetched and read by type.
 *
 * Every value is checked against its declared letter when it arrives, and every access against the letter it asks for.
 * So a column that changed its type is an error at once, never a misread number. */
#include <errmsg.h>
#include <stdlib.h>

#include "base/log.h"
#include "db/db_internal.h"

#include "base/banned.h"

static bool is_sized(char letter)
{
    return letter == 's' || letter == 'x';
}

/* Columns of fixed size land in the cells of the statement. Of a text only the length is fetched; its bytes follow
 * once there is memory for them. A buffer of the column's maximum would be 4 GB for a LONGTEXT. Bound once, after
 * prepare. */
enum status db_bind_columns(const struct db_plan *p, struct db_prepared *k)
{
    MYSQL_BIND binds[DB_SLOTS];
    memset(binds, 0, sizeof(binds));
    for (unsigned i = 0; i < p->cols; i++) {
        MYSQL_BIND *b = &binds[i];
        b->buffer_type = db_wire_type(p->col[i]);
        b->length = &k->cells[i].n;
        b->is_null = &k->cells[i].null;
        if (is_sized(p->col[i]))
            continue;
        b->buffer = &k->cells[i].i;
        b->buffer_length = p->col[i] == 'u' ? sizeof(struct id) : p->col[i] == 't' ? sizeof(MYSQL_TIME) : 8;
    }
    return mysql_stmt_bind_result(k->stmt, binds) ? ERR_NOMEM : OK;
}

/* The length came with the row, so the memory fits exactly. The extra byte stays NUL, for functions that want a C
 * string. */
static enum status row_read_text(struct db_prepared *k, unsigned i, char letter, struct arena *a, struct db_val *out)
{
    unsigned long got = 0, n = k->cells[i].n;
    my_bool null = 0;
    out->s = STR_EMPTY;
    if (n == 0)
        return OK;
    char *p = arena_alloc(a, n + 1);
    if (!p)
        return ERR_NOMEM;
    MYSQL_BIND b = {
        .buffer_type = db_wire_type(letter), .buffer = p, .buffer_length = n, .length = &got, .is_null = &null};
    if (mysql_stmt_fetch_column(k->stmt, &b, i, 0))
        return ERR_INTERNAL;
    out->s = str_n(p, n);
    return OK;
}

/* A NULL in a column that was declared without it is an error, as is an id of another length. */
static enum status row_read_cell(const struct db_plan *p, struct db_prepared *k, unsigned i, struct arena *a,
                                 struct db_val *out)
{
    const struct db_cell *cell = &k->cells[i];
    if (cell->null) {
        out->type = 0;
        return p->col_null[i] ? OK : ERR_INVALID;
    }
    out->type = p->col[i];
    switch (p->col[i]) {
    case 'u':
        out->u = cell->u;
        return cell->n == sizeof(struct id) ? OK : ERR_INVALID;
    case 't':
        out->i = db_time_to_ms(&cell->t);
        return OK;
    case 'i':
        out->i = cell->i;
        return OK;
    case 'd':
        out->d = cell->d;
        return OK;
    default:
        return row_read_text(k, i, p->col[i], a, out);
    }
}

/* An error names the column by its number and never by its value, which may be a secret. */
static enum status row_read(const struct db_plan *p, struct db_prepared *k, struct arena *a, struct db_row *out,
                            struct err *e)
{
    struct db_val *v = arena_array(a, p->cols, sizeof(*v));
    if (!v)
        return err_nomem(e);
    for (unsigned i = 0; i < p->cols; i++) {
        enum status st = row_read_cell(p, k, i, a, &v[i]);
        if (st == ERR_NOMEM)
            return err_nomem(e);
        if (st != OK) {
            log_line(LOG_ERROR, "database_column", LOG_S("statement", p->stmt->name), LOG_I("column", i),
                     LOG_S("error", v[i].type ? "not of its type" : "NULL"));
            return err_set(e, E_internal, "The database returned a value that does not fit.");
        }
    }
    *out = (struct db_row){v, p->cols};
    return OK;
}

/* MYSQL_DATA_TRUNCATED is expected: text columns are bound without memory, only to learn their length. */
enum status db_fetch(struct db *c, const struct db_plan *p, struct db_prepared *k, struct arena *a, struct db_row *out,
                     bool *more, struct err *e)
{
    if (!p->cols)
        BUG("%s returns no rows", p->stmt->name);
    int rc = mysql_stmt_fetch(k->stmt);
    *more = rc == 0 || rc == MYSQL_DATA_TRUNCATED;
    if (rc == MYSQL_NO_DATA)
        return OK;
    if (!*more) {
        unsigned no = mysql_stmt_errno(k->stmt);
        return db_fail(c, p->stmt->name, no ? no : CR_UNKNOWN_ERROR, mysql_stmt_error(k->stmt), e);
    }
    enum status st = row_read(p, k, a, out, e);
    if (st != OK)
        mysql_stmt_free_result(k->stmt);
    return st;
}

/* The cell, or NULL if it holds NULL. Bytes may be read as text: both are a pointer and a length. A wrong letter
 * aborts, since it is wrong for every row. */
static const struct db_val *cell_of(struct db_row r, size_t i, char letter)
{
    if (i >= r.n)
        BUG("column %zu of %zu", i, r.n);
    if (r.v[i].type && r.v[i].type != letter && !(letter == 's' && r.v[i].type == 'x'))
        BUG("column %zu is '%c', read as '%c'", i, r.v[i].type, letter);
    return r.v[i].type ? &r.v[i] : NULL;
}

struct id db_row_id(struct db_row r, size_t i)
{
    const struct db_val *v = cell_of(r, i, 'u');
    return v ? v->u : ID_NONE;
}

int64_t db_row_int(struct db_row r, size_t i)
{
    const struct db_val *v = cell_of(r, i, 'i');
    return v ? v->i : 0;
}

double db_row_double(struct db_row r, size_t i)
{
    const struct db_val *v = cell_of(r, i, 'd');
    return v ? v->d : 0;
}

struct str db_row_str(struct db_row r, size_t i)
{
    const struct db_val *v = cell_of(r, i, 's');
    return v ? v->s : STR_EMPTY;
}

int64_t db_row_time(struct db_row r, size_t i)
{
    const struct db_val *v = cell_of(r, i, 't');
    return v ? v->i : 0;
}

bool db_row_null(struct db_row r, size_t i)
{
    if (i >= r.n)
        BUG("column %zu of %zu", i, r.n);
    return r.v[i].type == 0;
}

enum status db_row_unknown(const char *column, struct str word, struct err *e)
{
    log_line_limited(LOG_ERROR, "row_unknown", LOG_S("column", column), LOG_T("word", word));
    return err_set(e, E_row_unknown, "%s is \"%.*s\", which this release does not know. Install the newer release.",
                   column, STR_F(str_sub(word, 0, 60)));
}
