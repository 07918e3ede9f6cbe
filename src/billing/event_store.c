#include "billing/event_store.h"

#include "base/banned.h"

/* A plain INSERT: whoever may only insert can run it, and a second one of the same event is told by its key. */
DB_STMT(event_insert, GLOBAL,
        "INSERT INTO stripe_event (event_id, type, object_type, object_id, thin, account, api_version, livemode, created_at, received_at,"
        " due_at, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "xssx?issitttx", "");

enum status event_store_add(struct db *c, const struct event_envelope *v, struct str payload, int64_t now_ms, bool *fresh, struct err *e)
{
    struct db_val object = db_opt(v->object_id.n != 0, db_bytes(v->object_id.p, v->object_id.n));
    struct err why = ERR_INIT;
    enum status s = db_exec(c, &event_insert, DB_GLOBAL,
                            DB_ARGS(db_bytes(v->id.p, v->id.n), db_str(v->type), db_str(v->object_type), object, db_int(v->thin),
                                    db_str(v->account), db_str(v->api_version), db_int(v->livemode),
                                    db_time(v->created_ms ? v->created_ms : now_ms), db_time(now_ms), db_time(now_ms),
                                    db_bytes(payload.p, payload.n)),
                            NULL, &why);

    *fresh = s == OK;
    if (s == ERR_CONFLICT && strcmp(why.code, "duplicate") == 0)
        return OK;
    if (s != OK && e)
        *e = why;
    return s;
}
