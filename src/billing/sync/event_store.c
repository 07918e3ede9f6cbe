/* event_store.c: SQL of stripe_event. An event's state is text only here. */
#include "billing/sync/event_store.h"

#include "base/clock.h"
#include "stripe/client.h"

#include "base/banned.h"

static const char *const event_states[] = {
    [EVENT_PENDING] = "pending", [EVENT_DONE] = "done", [EVENT_IGNORED] = "ignored", [EVENT_DEAD] = "dead"};

const char *event_state_name(enum event_state s)
{
    CHECK((size_t)s < COUNT_OF(event_states));
    return event_states[s];
}

bool event_state_parse(struct str name, enum event_state *out)
{
    size_t i = str_among(name, event_states, COUNT_OF(event_states));
    if (i < COUNT_OF(event_states))
        *out = (enum event_state)i;
    return i < COUNT_OF(event_states);
}

/* A plain INSERT, because hooks.fcgi may only insert. The primary key tells that an event is already stored. Other
 * conflicts are errors: INSERT IGNORE would also hide a value that does not fit its column. */
DB_STMT(event_insert, GLOBAL,
        "INSERT INTO stripe_event (event_id, type, object_type, object_id, thin, account, api_version, livemode, "
        "created_at, received_at,"
        " due_at, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "xssx?issitttx", "");

enum status event_store_add(struct db *c, const struct event_envelope *v, struct str payload, int64_t now_ms,
                            bool *fresh, struct err *e)
{
    struct db_val object = db_opt(v->object_id.n != 0, db_bytes(v->object_id.p, v->object_id.n));
    struct err why = ERR_INIT;
    enum status st = db_exec(c, &event_insert, DB_GLOBAL,
                             DB_ARGS(db_bytes(v->id.p, v->id.n), db_str(v->type), db_str(v->object_type), object,
                                     db_int(v->thin), db_str(v->account), db_str(v->api_version), db_int(v->livemode),
                                     db_time(v->created_ms ? v->created_ms : now_ms), db_time(now_ms), db_time(now_ms),
                                     db_bytes(payload.p, payload.n)),
                             NULL, &why);
    *fresh = st == OK;
    if (st == ERR_CONFLICT && err_is(&why, E_duplicate))
        return OK;
    if (st != OK && e)
        *e = why;
    return st;
}

/* ---- serving ---- */

/* No event is put off for longer than six hours. A later due time was written by a clock that ran ahead, and counts as
 * due. The index on (state, due_at) is essential: without it the statement would lock every row that it reads, and a
 * second worker would skip them all and find nothing. */
#define LATEST_DUE_MS (7 * HOUR_MS)

DB_STMT(event_lock_due, GLOBAL,
        "SELECT event_id, type, object_type, object_id, thin, account, api_version, livemode, created_at, attempts "
        "FROM stripe_event"
        " WHERE state = 'pending' AND (due_at <= ? OR due_at > ?) ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED",
        "tt", "xssx?issiti");
DB_STMT(event_claim, GLOBAL, "UPDATE stripe_event SET due_at = ?, attempts = attempts + 1 WHERE event_id = ?", "tx",
        "");
/* The claim has counted the attempt already, so one that must not count is taken off again. This statement and
 * event_end leave an event alone that a refresh of its object has marked as done in the meantime. */
DB_STMT(event_put_off, GLOBAL,
        "UPDATE stripe_event SET due_at = ?, attempts = attempts - ?, last_error = ? WHERE event_id = ? AND state = "
        "'pending'",
        "tisx", "");
DB_STMT(event_end, GLOBAL, "UPDATE stripe_event SET state = ?, last_error = ? WHERE event_id = ? AND state = 'pending'",
        "ssx", "");
/* Dead events are included: whatever failed, the object has been fetched now. Events that sync_judge would ignore are
 * not, because they may mean an object of another account. */
DB_STMT(event_of_object, GLOBAL,
        "SELECT event_id, type FROM stripe_event WHERE object_id = ? AND state IN ('pending', 'dead') AND livemode = ? "
        "AND account = ''"
        " AND api_version IN ('', ?) ORDER BY received_at LIMIT ?",
        "xisi", "xs");
DB_STMT(event_done, GLOBAL,
        "UPDATE stripe_event SET state = 'done', last_error = '' WHERE event_id = ? AND state IN ('pending', 'dead')",
        "x", "");

static struct db_val event_id(struct str id)
{
    return db_bytes(id.p, id.n);
}

enum status event_store_lock_due(struct db *c, struct arena *a, int64_t now_ms, struct event_due *out, bool *found,
                                 struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &event_lock_due, DB_GLOBAL, DB_ARGS(db_time(now_ms), db_time(now_ms + LATEST_DUE_MS)),
                              a, &rows, e);
    *found = st == OK && rows.n == 1;
    if (!*found)
        return st;
    struct db_row r = rows.rows[0];
    *out = (struct event_due){.v = {.id = db_row_str(r, 0),
                                    .type = db_row_str(r, 1),
                                    .object_type = db_row_str(r, 2),
                                    .object_id = db_row_str(r, 3),
                                    .thin = db_row_int(r, 4) != 0,
                                    .account = db_row_str(r, 5),
                                    .api_version = db_row_str(r, 6),
                                    .livemode = db_row_int(r, 7) != 0,
                                    .created_ms = db_row_time(r, 8)},
                              .attempts = (int)db_row_int(r, 9)};
    return OK;
}

enum status event_store_claim(struct db *c, struct str id, int64_t until_ms, struct err *e)
{
    return db_exec(c, &event_claim, DB_GLOBAL, DB_ARGS(db_time(until_ms), event_id(id)), NULL, e);
}

enum status event_store_put_off(struct db *c, struct str id, int64_t due_ms, bool counts, struct str why, struct err *e)
{
    return db_exec(c, &event_put_off, DB_GLOBAL,
                   DB_ARGS(db_time(due_ms), db_int(counts ? 0 : 1), db_str(why), event_id(id)), NULL, e);
}

enum status event_store_end(struct db *c, struct str id, enum event_state state, struct str why, struct err *e)
{
    return db_exec(c, &event_end, DB_GLOBAL, DB_ARGS(db_text(event_state_name(state)), db_str(why), event_id(id)), NULL,
                   e);
}

enum status event_store_of_object(struct db *c, struct arena *a, struct str object, bool livemode, int limit,
                                  struct event_name **out, size_t *n, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &event_of_object, DB_GLOBAL,
                              DB_ARGS(event_id(object), db_int(livemode), db_text(STRIPE_API_VERSION), db_int(limit)),
                              a, &rows, e);
    *n = 0;
    if (st != OK)
        return st;
    if (!(*out = arena_array(a, rows.n, sizeof(**out))))
        return err_nomem(e);
    for (; *n < rows.n; ++*n)
        (*out)[*n] = (struct event_name){db_row_str(rows.rows[*n], 0), db_row_str(rows.rows[*n], 1)};
    return OK;
}

enum status event_store_done(struct db *c, struct arena *a, const struct event_name *events, size_t n, struct err *e)
{
    struct db_val *vals = arena_array(a, n, sizeof(*vals));
    if (!vals)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++)
        vals[i] = event_id(events[i].id);
    return n ? db_bulk(c, &event_done, DB_GLOBAL, vals, 1, n, NULL, e) : OK;
}

/* ---- lists ---- */

DB_STMT(event_depths, GLOBAL,
        "SELECT (SELECT COUNT(*) FROM stripe_event WHERE state = 'pending'), (SELECT COUNT(*) FROM stripe_event WHERE "
        "state = 'dead'),"
        " (SELECT MIN(received_at) FROM stripe_event WHERE state = 'pending')",
        "", "iit?");
#define EVENT_LIST                                                                                                  \
    "SELECT event_id, type, object_type, object_id, state, last_error, attempts, created_at, received_at, due_at, " \
    "thin"                                                                                                          \
    " FROM stripe_event"
#define EVENT_TYPES "xssx?ssittti"
DB_STMT(event_list_all, GLOBAL, EVENT_LIST " ORDER BY received_at DESC, event_id DESC LIMIT ?", "i", EVENT_TYPES);
DB_STMT(event_list_state, GLOBAL, EVENT_LIST " WHERE state = ? ORDER BY received_at DESC, event_id DESC LIMIT ?", "si",
        EVENT_TYPES);
DB_STMT(event_one, GLOBAL, EVENT_LIST " WHERE event_id = ?", "x", EVENT_TYPES);
DB_STMT(event_payload_select, GLOBAL, "SELECT payload FROM stripe_event WHERE event_id = ?", "x", "x");
/* The attempts begin at zero, because the operator has removed the cause. */
DB_STMT(event_replay_one, GLOBAL,
        "UPDATE stripe_event SET state = 'pending', attempts = 0, due_at = ?, last_error = '' WHERE event_id = ? AND "
        "state <> 'pending'",
        "tx", "");
/* Dead events are kept: the operator has not decided about them yet. */
DB_STMT(event_forget_old, GLOBAL,
        "DELETE FROM stripe_event WHERE state IN ('done', 'ignored') AND received_at < ? ORDER BY received_at LIMIT ?",
        "ti", "");

enum status event_store_depth(struct db *c, struct arena *a, int64_t now_ms, struct event_depth *out, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &event_depths, DB_GLOBAL, DB_NONE, a, &r, e);
    if (st != OK)
        return st;
    int64_t oldest = db_row_time(r, 2);
    *out = (struct event_depth){db_row_int(r, 0), db_row_int(r, 1), oldest && oldest < now_ms ? now_ms - oldest : 0};
    return OK;
}

static enum status event_of_row(struct db_row r, struct stripe_event *out, struct err *e)
{
    enum event_state state;
    if (!event_state_parse(db_row_str(r, 4), &state))
        return db_row_unknown("stripe_event.state", db_row_str(r, 4), e);
    *out = (struct stripe_event){.id = db_row_str(r, 0),
                                 .type = db_row_str(r, 1),
                                 .object_type = db_row_str(r, 2),
                                 .object_id = db_row_str(r, 3),
                                 .state = state,
                                 .last_error = db_row_str(r, 5),
                                 .attempts = (int)db_row_int(r, 6),
                                 .created_ms = db_row_time(r, 7),
                                 .received_ms = db_row_time(r, 8),
                                 .due_ms = db_row_time(r, 9),
                                 .thin = db_row_int(r, 10) != 0};
    return OK;
}

enum status event_store_get(struct db *c, struct arena *a, struct str id, struct stripe_event *out, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &event_one, DB_GLOBAL, DB_ARGS(event_id(id)), a, &r, e);
    return st == OK ? event_of_row(r, out, e) : st;
}

enum status event_store_list(struct db *c, struct arena *a, const enum event_state *only, int limit,
                             struct stripe_event **out, size_t *n, struct err *e)
{
    struct db_rows rows;
    enum status st = only ? db_query(c, &event_list_state, DB_GLOBAL,
                                     DB_ARGS(db_text(event_state_name(*only)), db_int(limit)), a, &rows, e)
                          : db_query(c, &event_list_all, DB_GLOBAL, DB_ARGS(db_int(limit)), a, &rows, e);
    *n = 0;
    if (st != OK)
        return st;
    if (!(*out = arena_array(a, rows.n, sizeof(**out))))
        return err_nomem(e);
    for (; st == OK && *n < rows.n; ++*n)
        st = event_of_row(rows.rows[*n], &(*out)[*n], e);
    return st;
}

enum status event_store_payload(struct db *c, struct arena *a, struct str id, struct str *out, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &event_payload_select, DB_GLOBAL, DB_ARGS(event_id(id)), a, &r, e);
    if (st == ERR_NOT_FOUND)
        return err_raise(e, E_event_unknown);
    if (st == OK)
        *out = db_row_str(r, 0);
    return st;
}

enum status event_store_replay(struct db *c, struct str id, int64_t now_ms, int64_t *n, struct err *e)
{
    return db_exec(c, &event_replay_one, DB_GLOBAL, DB_ARGS(db_time(now_ms), event_id(id)), n, e);
}

enum status event_store_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e)
{
    return db_exec(c, &event_forget_old, DB_GLOBAL, DB_ARGS(db_time(before_ms), db_int(limit)), n, e);
}
