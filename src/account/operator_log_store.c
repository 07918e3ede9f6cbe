/* operator_log_store.c: SQL of the operators' log. An action is a word only here, and in the text shown for it. */
#include "account/operator_log_store.h"

#include "base/clock.h"

#include "base/banned.h"

DB_STMT(
    log_insert, GLOBAL,
    "INSERT INTO operator_log (operator_log_id, user_id, ip, what, object, detail, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
    "uu?ssss?t", "");
#define LOG_COLUMNS                                                                                                 \
    "SELECT l.operator_log_id, l.user_id, u.email, l.what, l.object, l.detail, l.at FROM operator_log l LEFT JOIN " \
    "user u ON "                                                                                                    \
    "u.user_id = l.user_id"
DB_STMT(log_newest, GLOBAL, LOG_COLUMNS " WHERE l.operator_log_id < ? ORDER BY l.operator_log_id DESC LIMIT ?", "ui",
        "uu?s?sss?t");
DB_STMT(log_of_object, GLOBAL,
        LOG_COLUMNS " WHERE l.object = ? AND l.operator_log_id < ? ORDER BY l.operator_log_id DESC LIMIT ?", "sui",
        "uu?s?sss?t");

static const char *const action_words[] = {
    [OPERATOR_ACTION_NONE] = "",
#define OPERATOR_ACTION(name, word) [OPERATOR_##name] = (word),
#include "account/operator_action.def"
#undef OPERATOR_ACTION
};

static enum operator_action operator_action_parse(struct str word)
{
    return (enum operator_action)str_among_or(word, action_words, COUNT_OF(action_words), OPERATOR_ACTION_NONE);
}

enum status operator_log_store_add(struct db *c, const struct actor *who, enum operator_action action,
                                   struct str object, struct str detail, struct err *e)
{
    CHECK(action != OPERATOR_ACTION_NONE && (size_t)action < COUNT_OF(action_words));
    return db_exec(c, &log_insert, DB_GLOBAL,
                   DB_ARGS(db_id(id_new()), db_opt(!id_is_none(who->user), db_id(who->user)), db_text(who->ip),
                           db_text(action_words[action]), db_str(object), db_opt(detail.n > 0, db_str(detail)),
                           db_time(clock_now_ms())),
                   NULL, e);
}

/* Ids are UUIDv7, so their order is that of time and the last id seen is the cursor. Without one, the largest possible
 * id stands for "from the newest on", so that the statement needs no second form. */
enum status operator_log_store_list(struct db *c, struct arena *a, struct str object, struct id before, int limit,
                                    struct operator_entry **out, size_t *n, struct err *e)
{
    struct db_rows rows;
    if (id_is_none(before))
        memset(before.b, 0xff, sizeof(before.b));
    enum status st = object.n ? db_query(c, &log_of_object, DB_GLOBAL,
                                         DB_ARGS(db_str(object), db_id(before), db_int(limit)), a, &rows, e)
                              : db_query(c, &log_newest, DB_GLOBAL, DB_ARGS(db_id(before), db_int(limit)), a, &rows, e);
    if (st != OK)
        return st;
    *n = rows.n;
    if (!(*out = arena_array(a, rows.n, sizeof(**out))))
        return err_nomem(e);
    for (size_t i = 0; i < rows.n; i++) {
        struct db_row r = rows.rows[i];
        (*out)[i] = (struct operator_entry){.id = db_row_id(r, 0),
                                            .user = db_row_id(r, 1),
                                            .email = db_row_str(r, 2),
                                            .action = operator_action_parse(db_row_str(r, 3)),
                                            .what = db_row_str(r, 3),
                                            .object = db_row_str(r, 4),
                                            .detail = db_row_str(r, 5),
                                            .at_ms = db_row_time(r, 6)};
    }
    return OK;
}
