/* call_store.c: SQL of stripe_call. The days of GETs are rows of the same table under keys "reads:YYYY-MM-DD".
 *
 * The parameters are stored as a digest only. They contain names and addresses, and comparing is all they are
 * needed for. */
#include "base/clock.h"
#include "base/limits.h"
#include "stripe/call.h"

#include "base/banned.h"

/* GLOBAL: the record belongs to the installation; a call names its tenant where it has one. The primary key decides
 * which of two processes that use a key at once makes the call. */
DB_STMT(call_add, GLOBAL,
        "INSERT INTO stripe_call (idem_key, method, path, params, tenant_id, state, created_at, first_sent_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        "xssxu?stt", "");
/* GLOBAL: the record belongs to the installation. */
DB_STMT(call_find, GLOBAL,
        "SELECT method, path, params, state, object_id, attempts, first_sent_at FROM stripe_call WHERE idem_key = ?",
        "x", "ssxsx?it");
/* GLOBAL: the record belongs to the installation. */
DB_STMT(call_restart, GLOBAL,
        "UPDATE stripe_call SET state = 'started', first_sent_at = ?, finished_at = NULL, http_status = NULL, "
        "error_code = NULL, "
        "error = NULL WHERE idem_key = ? AND state = 'failed'",
        "tx", "");
/* GLOBAL: the record belongs to the installation. */
DB_STMT(call_finish, GLOBAL,
        "UPDATE stripe_call SET state = ?, http_status = ?, object_id = ?, request_id = ?, error_code = ?, error = ?, "
        "attempts = attempts + ?, finished_at = ? WHERE idem_key = ? AND (state <> 'done' OR ? = 'done')",
        "si?x?x?s?s?itxs", "");
/* GLOBAL: the record belongs to the installation. */
DB_STMT(call_settle, GLOBAL,
        "UPDATE stripe_call SET state = ?, object_id = ?, finished_at = ? WHERE idem_key = ? AND state IN ('started', "
        "'unknown')",
        "sx?tx", "");
/* GLOBAL: the record belongs to the installation. */
DB_STMT(calls_delete, GLOBAL, "DELETE FROM stripe_call WHERE state IN ('done', 'failed') AND first_sent_at < ? LIMIT ?",
        "ti", "");
/* GLOBAL: the record belongs to the installation. */
DB_STMT(keys_delete, GLOBAL, "DELETE FROM stripe_call WHERE idem_key >= ? AND idem_key < ? AND state = 'done' LIMIT ?",
        "xxi", "");
/* GLOBAL: the record belongs to the installation. */
DB_STMT(reads_add, GLOBAL,
        "INSERT INTO stripe_call (idem_key, method, path, params, state, attempts, created_at, first_sent_at) "
        "VALUES (?, 'GET', '', ?, 'done', ?, ?, ?) ON DUPLICATE KEY UPDATE attempts = attempts + VALUES(attempts)",
        "xxitt", "");
/* GLOBAL: the record belongs to the installation. */
DB_STMT(
    reads_sum, GLOBAL,
    "SELECT CAST(COALESCE(SUM(attempts), 0) AS SIGNED) FROM stripe_call WHERE idem_key >= ? AND idem_key < 'reads;'",
    "x", "i");

static const char *const call_states[] = {
    [CALL_STARTED] = "started", [CALL_DONE] = "done", [CALL_FAILED] = "failed", [CALL_UNKNOWN] = "unknown"};

static enum status call_state_read(struct db_row r, size_t column, enum stripe_call_state *out, struct err *e)
{
    struct str word = db_row_str(r, column);
    size_t i = str_among(word, call_states, COUNT_OF(call_states));
    if (i == COUNT_OF(call_states))
        return db_row_unknown("stripe_call.state", word, e);
    *out = (enum stripe_call_state)i;
    return OK;
}

enum status stripe_call_add(struct db *c, const struct stripe_call *k, int64_t now_ms, struct err *e)
{
    return db_exec(c, &call_add, DB_GLOBAL,
                   DB_ARGS(db_bytes(k->idem_key.p, k->idem_key.n), db_str(k->method), db_str(k->path),
                           db_bytes(k->params, sizeof(k->params)), k->tenant ? db_id(*k->tenant) : db_null(),
                           db_text(call_states[k->state]), db_time(now_ms), db_time(now_ms)),
                   NULL, e);
}

enum status stripe_call_find(struct db *c, struct str idem_key, struct arena *a, struct stripe_call *out, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &call_find, DB_GLOBAL, DB_ARGS(db_bytes(idem_key.p, idem_key.n)), a, &r, e);
    if (st != OK)
        return st;
    *out = (struct stripe_call){.idem_key = idem_key,
                                .method = db_row_str(r, 0),
                                .path = db_row_str(r, 1),
                                .object_id = db_row_str(r, 4),
                                .attempts = db_row_int(r, 5),
                                .first_sent_ms = db_row_time(r, 6),
                                .request_id = STR_EMPTY,
                                .error_code = STR_EMPTY,
                                .error = STR_EMPTY};
    struct str params = db_row_str(r, 2);
    CHECK(params.n == sizeof(out->params));
    memcpy(out->params, params.p, params.n);
    return call_state_read(r, 3, &out->state, e);
}

/* Only from "failed", in the condition of the UPDATE: of two processes that start it again, one changes the row. */
enum status stripe_call_restart(struct db *c, struct str idem_key, int64_t first_sent_ms, bool *changed, struct err *e)
{
    int64_t n = 0;
    enum status st = db_exec(c, &call_restart, DB_GLOBAL,
                             DB_ARGS(db_time(first_sent_ms), db_bytes(idem_key.p, idem_key.n)), &n, e);
    *changed = st == OK && n == 1;
    return st;
}

/* A call that is done stays done. A slower process with the same key may have been refused with "key in use" meanwhile,
 * and must not turn its success into a failure. */
enum status stripe_call_finish(struct db *c, const struct stripe_call *k, int64_t now_ms, struct err *e)
{
    return db_exec(c, &call_finish, DB_GLOBAL,
                   DB_ARGS(db_text(call_states[k->state]), db_opt(k->http_status != 0, db_int(k->http_status)),
                           db_opt_bytes(k->object_id), db_opt_bytes(k->request_id),
                           db_opt(k->error_code.n > 0, db_str(k->error_code)), db_opt(k->error.n > 0, db_str(k->error)),
                           db_int(k->attempts), db_time(now_ms), db_bytes(k->idem_key.p, k->idem_key.n),
                           db_text(call_states[k->state])),
                   NULL, e);
}

enum status stripe_call_settled(struct db *c, struct str idem_key, enum stripe_call_state state, struct str object_id,
                                int64_t now_ms, bool *changed, struct err *e)
{
    int64_t n = 0;
    enum status st = db_exec(c, &call_settle, DB_GLOBAL,
                             DB_ARGS(db_text(call_states[state]), db_opt_bytes(object_id), db_time(now_ms),
                                     db_bytes(idem_key.p, idem_key.n)),
                             &n, e);
    *changed = st == OK && n == 1;
    return st;
}

/* Calls that are started or unknown are never deleted: without its row such a call would be sent again as a new one. */
enum status stripe_call_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e)
{
    return db_exec(c, &calls_delete, DB_GLOBAL, DB_ARGS(db_time(before_ms), db_int(limit)), n, e);
}

enum status stripe_call_forget_keys(struct db *c, struct str from, struct str to, int limit, int64_t *n, struct err *e)
{
    return db_exec(c, &keys_delete, DB_GLOBAL, DB_ARGS(db_bytes(from.p, from.n), db_bytes(to.p, to.n), db_int(limit)),
                   n, e);
}

/* ---- reads: one row a day ---- */

static struct str reads_day_key(char out[32], int64_t ms)
{
    struct clock_date d = clock_split(ms);
    struct buf b;
    buf_fixed(&b, out, 32);
    buf_printf(&b, "reads:%04d-%02d-%02d", d.year, d.month, d.day);
    return buf_str(&b);
}

enum status stripe_reads_add(struct db *c, int64_t now_ms, int64_t n, struct err *e)
{
    static const uint8_t none[CRYPTO_HASH];
    char text[32];
    struct str key = reads_day_key(text, now_ms);
    return db_exec(
        c, &reads_add, DB_GLOBAL,
        DB_ARGS(db_bytes(key.p, key.n), db_bytes(none, sizeof(none)), db_int(n), db_time(now_ms), db_time(now_ms)),
        NULL, e);
}

/* ";" is the character after ":", so the condition is a range of the primary key. */
enum status stripe_reads_since(struct db *c, int64_t from_ms, int64_t *out, struct err *e)
{
    char text[32];
    struct str key = reads_day_key(text, from_ms);
    struct arena a;
    struct db_row r;
    arena_init(&a, ROW_ARENA);
    enum status st = db_query_one(c, &reads_sum, DB_GLOBAL, DB_ARGS(db_bytes(key.p, key.n)), &a, &r, e);
    if (st == OK)
        *out = db_row_int(r, 0);
    arena_release(&a);
    return st;
}
