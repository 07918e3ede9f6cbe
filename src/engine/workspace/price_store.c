/* price_store.c: SQL of the prices of engines, which belong to the install and to no tenant. */
#include "engine/workspace/price_store.h"

#include "base/clock.h"

#include "base/banned.h"

#define PRICE_COLUMNS "SELECT type, model, input, output, updated_at FROM engine_price"
#define PRICE_TYPES "ssiit"
DB_STMT(price_all, GLOBAL, PRICE_COLUMNS " ORDER BY type, model", "", PRICE_TYPES);
DB_STMT(price_lock, GLOBAL, PRICE_COLUMNS " WHERE type = ? AND model = ? FOR UPDATE", "ss", PRICE_TYPES);
DB_STMT(price_put, GLOBAL,
        "INSERT INTO engine_price (type, model, input, output, updated_at) VALUES (?, ?, ?, ?, ?)"
        " ON DUPLICATE KEY UPDATE input = VALUES(input), output = VALUES(output), updated_at = VALUES(updated_at)",
        "ssiit", "");
DB_STMT(price_delete, GLOBAL, "DELETE FROM engine_price WHERE type = ? AND model = ?", "ss", "");

static struct engine_price price_of(struct db_row r)
{
    return (struct engine_price){db_row_str(r, 0), db_row_str(r, 1), db_row_int(r, 2), db_row_int(r, 3),
                                 db_row_time(r, 4)};
}

enum status price_store_list(struct db *c, struct arena *a, struct engine_price **out, size_t *n, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &price_all, DB_GLOBAL, DB_NONE, a, &rows, e);
    *n = 0;
    if (st != OK)
        return st;
    if (!(*out = arena_array(a, rows.n + 1, sizeof(**out))))
        return err_nomem(e);
    for (; *n < rows.n; (*n)++)
        (*out)[*n] = price_of(rows.rows[*n]);
    return OK;
}

enum status price_store_lock(struct db *c, struct str type, struct str model, struct arena *a, struct engine_price *out,
                             bool *there, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &price_lock, DB_GLOBAL, DB_ARGS(db_str(type), db_str(model)), a, &rows, e);
    *there = st == OK && rows.n;
    if (*there)
        *out = price_of(rows.rows[0]);
    return st;
}

enum status price_store_set(struct db *c, const struct engine_price *p, struct err *e)
{
    return db_exec(
        c, &price_put, DB_GLOBAL,
        DB_ARGS(db_str(p->type), db_str(p->model), db_int(p->input), db_int(p->output), db_time(clock_now_ms())), NULL,
        e);
}

enum status price_store_delete(struct db *c, struct str type, struct str model, struct err *e)
{
    return db_exec(c, &price_delete, DB_GLOBAL, DB_ARGS(db_str(type), db_str(model)), NULL, e);
}
