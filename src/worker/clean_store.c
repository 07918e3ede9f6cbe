#include "worker/clean_store.h"

#include "base/banned.h"

/* GLOBAL: retention of the install: a session ends by its age, whatever workspace it looks at. */
DB_STMT(sessions_delete, GLOBAL, "DELETE FROM session WHERE seen_at < ? ORDER BY seen_at LIMIT ?", "ti", "");
/* GLOBAL: retention of the install: a key only guards against a message sent again. */
DB_STMT(turn_keys_delete, GLOBAL, "DELETE FROM turn_key WHERE created_at < ? ORDER BY created_at LIMIT ?", "ti", "");

enum status clean_store_sessions(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e)
{
    return db_exec(c, &sessions_delete, DB_GLOBAL, DB_ARGS(db_time(before_ms), db_int(limit)), n, e);
}

enum status clean_store_turn_keys(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e)
{
    return db_exec(c, &turn_keys_delete, DB_GLOBAL, DB_ARGS(db_time(before_ms), db_int(limit)), n, e);
}
