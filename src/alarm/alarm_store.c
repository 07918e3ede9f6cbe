/* alarm_store.c: SQL of billing_alarm. open_key ("kind:object") is unique while the alarm is open and NULL afterwards.
 * A unique key admits any number of NULLs, so the history may hold the same alarm many times. A kind is text only
 * here. */
#include "alarm/alarm_store.h"

#include "base/banned.h"

static const char *const kind_names[] = {
    [ALARM_NONE] = "unknown",
#define ALARM(name) [ALARM_##name] = #name,
#include "alarm/alarm.def"
#undef ALARM
};

const char *alarm_kind_name(enum alarm_kind kind)
{
    CHECK((size_t)kind < COUNT_OF(kind_names));
    return kind_names[kind];
}

static enum alarm_kind alarm_kind_parse(struct str name)
{
    return (enum alarm_kind)str_among_or(name, kind_names, COUNT_OF(kind_names), ALARM_NONE);
}

#define ALARM_COLUMNS "billing_alarm_id, tenant_id, kind, object, words, times, first_at, last_at, closed_at"

/* GLOBAL: alarms are the operator's; the workspace is a value of the row. The newest words replace the older ones,
 * because the numbers in them grow. A tenant once known is kept. */
DB_STMT(alarm_again, GLOBAL,
        "UPDATE billing_alarm SET times = times + 1, last_at = ?, words = ?, tenant_id = COALESCE(?, tenant_id) WHERE "
        "open_key = ?",
        "tsu?x", "");
/* GLOBAL: as above */
DB_STMT(alarm_insert, GLOBAL,
        "INSERT INTO billing_alarm (billing_alarm_id, open_key, kind, object, tenant_id, words, first_at, last_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        "uxssu?stt", "");
/* GLOBAL: as above */
DB_STMT(alarm_clear_key, GLOBAL, "UPDATE billing_alarm SET closed_at = ?, open_key = NULL WHERE open_key = ?", "tx",
        "");
/* GLOBAL: as above. Only an open one, so that closing twice does not move the time. */
DB_STMT(alarm_close_id, GLOBAL,
        "UPDATE billing_alarm SET closed_at = ?, open_key = NULL WHERE billing_alarm_id = ? AND open_key IS NOT NULL",
        "tu", "");
/* GLOBAL: as above. By the last time it was raised: what goes wrong now comes first. */
DB_STMT(alarm_list_open, GLOBAL,
        "SELECT " ALARM_COLUMNS
        " FROM billing_alarm WHERE open_key IS NOT NULL ORDER BY last_at DESC, billing_alarm_id DESC LIMIT ?",
        "i", "uu?sssittt?");
/* GLOBAL: as above */
DB_STMT(alarm_list_all, GLOBAL, "SELECT " ALARM_COLUMNS " FROM billing_alarm ORDER BY billing_alarm_id DESC LIMIT ?",
        "i", "uu?sssittt?");
/* GLOBAL: retention of the install. An open alarm has no closed_at and is never deleted. */
DB_STMT(alarm_forget_old, GLOBAL, "DELETE FROM billing_alarm WHERE closed_at < ? LIMIT ?", "ti", "");
DB_STMT(operators_select, GLOBAL,
        "SELECT email, language FROM user WHERE is_operator = 1 AND state = 'active' ORDER BY user_id", "", "ss");

static struct db_val tenant_val(struct id tenant)
{
    return db_opt(!id_is_none(tenant), db_id(tenant));
}

enum status alarm_store_again(struct db *c, struct str open_key, struct id tenant, struct str words, int64_t now_ms,
                              bool *done, struct err *e)
{
    int64_t n = 0;
    enum status st = db_exec(
        c, &alarm_again, DB_GLOBAL,
        DB_ARGS(db_time(now_ms), db_str(words), tenant_val(tenant), db_bytes(open_key.p, open_key.n)), &n, e);
    *done = n > 0;
    return st;
}

enum status alarm_store_open(struct db *c, const struct alarm *a, struct str open_key, struct err *e)
{
    return db_exec(c, &alarm_insert, DB_GLOBAL,
                   DB_ARGS(db_id(a->id), db_bytes(open_key.p, open_key.n), db_text(alarm_kind_name(a->kind)),
                           db_str(a->object), tenant_val(a->tenant), db_str(a->words), db_time(a->first_ms),
                           db_time(a->last_ms)),
                   NULL, e);
}

enum status alarm_store_clear(struct db *c, struct str open_key, int64_t now_ms, int64_t *n, struct err *e)
{
    return db_exec(c, &alarm_clear_key, DB_GLOBAL, DB_ARGS(db_time(now_ms), db_bytes(open_key.p, open_key.n)), n, e);
}

enum status alarm_store_close(struct db *c, struct id alarm, int64_t now_ms, int64_t *n, struct err *e)
{
    return db_exec(c, &alarm_close_id, DB_GLOBAL, DB_ARGS(db_time(now_ms), db_id(alarm)), n, e);
}

static struct alarm alarm_of(struct db_row r)
{
    return (struct alarm){.id = db_row_id(r, 0),
                          .tenant = db_row_id(r, 1),
                          .kind = alarm_kind_parse(db_row_str(r, 2)),
                          .object = db_row_str(r, 3),
                          .words = db_row_str(r, 4),
                          .times = db_row_int(r, 5),
                          .first_ms = db_row_time(r, 6),
                          .last_ms = db_row_time(r, 7),
                          .closed_ms = db_row_time(r, 8)};
}

enum status alarm_store_list(struct db *c, struct arena *a, bool open_only, int limit, struct alarm **out, size_t *n,
                             struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, open_only ? &alarm_list_open : &alarm_list_all, DB_GLOBAL, DB_ARGS(db_int(limit)), a,
                              &rows, e);
    if (st != OK)
        return st;
    *n = rows.n;
    if (!(*out = arena_array(a, rows.n, sizeof(**out))))
        return err_nomem(e);
    for (size_t i = 0; i < rows.n; i++)
        (*out)[i] = alarm_of(rows.rows[i]);
    return OK;
}

enum status alarm_store_operators(struct db *c, struct arena *a, struct alarm_reader **out, size_t *n, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &operators_select, DB_GLOBAL, DB_NONE, a, &rows, e);
    if (st != OK)
        return st;
    *n = rows.n;
    if (!(*out = arena_array(a, rows.n, sizeof(**out))))
        return err_nomem(e);
    for (size_t i = 0; i < rows.n; i++)
        (*out)[i] = (struct alarm_reader){db_row_str(rows.rows[i], 0), db_row_str(rows.rows[i], 1)};
    return OK;
}

enum status alarm_store_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e)
{
    return db_exec(c, &alarm_forget_old, DB_GLOBAL, DB_ARGS(db_time(before_ms), db_int(limit)), n, e);
}
