/* conversation_store.c: SQL of reading conversations, closing them, rating them. Lists walk the primary key (or the
 * key of the bot) downwards from a given id, so a page costs the same with a hundred rows as with a hundred million. */
#include "talk/conversation_store.h"

#include "base/limits.h"
#include "talk/message_internal.h"

#include "base/banned.h"

DB_STMT(conversation_load, TENANT,
        "SELECT bot_id, version, state, counted, seq, last_at, token_hash, locale, flow_state, canary"
        " FROM conversation WHERE tenant_id = :tenant AND conversation_id = ?",
        "u", "uisiitxssi");
DB_STMT(turn_key_find, TENANT,
        "SELECT conversation_id, first_seq, last_seq FROM turn_key WHERE tenant_id = :tenant AND turn_key = ?", "x",
        "uii");
/* A range and a limit, both on the primary key. A replay sets the upper end, a page only the lower one. */
DB_STMT(message_select, TENANT,
        "SELECT seq, sender, type, text, data, created_at FROM message WHERE tenant_id = :tenant AND conversation_id = "
        "? AND seq > ? "
        "AND seq <= ? ORDER BY seq LIMIT ?",
        "uiii", "isssst");

/* The first message and the last rating are subqueries by primary key: cheaper than joins for the few rows of a page,
 * and the plan does not depend on statistics. */
#define CONVERSATION_COLUMNS                                                                                      \
    "SELECT c.conversation_id, c.bot_id, b.name, c.channel, c.locale, c.contact, c.state, c.version, c.seq, "     \
    "c.started_at, "                                                                                              \
    "c.last_at, c.counted, (SELECT LEFT(m.text, 200) FROM message m WHERE m.tenant_id = c.tenant_id AND "         \
    "m.conversation_id = c.conversation_id AND m.seq = 1), (SELECT f.rating FROM feedback f WHERE f.tenant_id = " \
    "c.tenant_id "                                                                                                \
    "AND f.conversation_id = c.conversation_id ORDER BY f.updated_at DESC LIMIT 1) "                              \
    "FROM conversation c JOIN bot b ON b.tenant_id = c.tenant_id AND b.bot_id = c.bot_id WHERE c.tenant_id = :tenant "
#define CONVERSATION_LETTERS "uusssssiittis?i?"

DB_STMT(conversation_all, TENANT,
        CONVERSATION_COLUMNS
        "AND c.conversation_id < ? AND (? = '' OR c.state = ?) ORDER BY c.conversation_id DESC LIMIT ?",
        "ussi", CONVERSATION_LETTERS);
DB_STMT(conversation_of_bot, TENANT,
        CONVERSATION_COLUMNS "AND c.bot_id = ? AND c.conversation_id < ? AND (? = '' OR c.state = ?) "
                             "ORDER BY c.conversation_id DESC LIMIT ?",
        "uussi", CONVERSATION_LETTERS);
DB_STMT(conversation_one, TENANT, CONVERSATION_COLUMNS "AND c.conversation_id = ?", "u", CONVERSATION_LETTERS);
/* A turn has read a number and is refused if it is taken. Closing has read none: it locks the row and takes the next
 * one. */
DB_STMT(conversation_lock, TENANT,
        "SELECT seq, state FROM conversation WHERE tenant_id = :tenant AND conversation_id = ? FOR UPDATE", "u", "is");
DB_STMT(conversation_state, TENANT,
        "UPDATE conversation SET seq = ?, state = ?, last_at = ? WHERE tenant_id = :tenant AND conversation_id = ?",
        "istu", "");
DB_STMT(event_add, TENANT,
        "INSERT INTO message (tenant_id, conversation_id, seq, sender, type, text, data, created_at) "
        "VALUES (:tenant, ?, ?, 'system', 'event', ?, '', ?)",
        "uist", "");
/* ---- late replies: see late.c and turn_late.c ---- */
/* The condition finds out, before an engine is asked, whether the turn knows the conversation as it is now. */
DB_STMT(asking_begin, TENANT,
        "UPDATE conversation SET asking_until = ? WHERE tenant_id = :tenant AND conversation_id = ? AND seq = ?", "tui",
        "");
DB_STMT(asking_end, TENANT,
        "UPDATE conversation SET asking_until = NULL WHERE tenant_id = :tenant AND conversation_id = ?", "u", "");
DB_STMT(asking_lock, TENANT,
        "SELECT asking_until FROM conversation WHERE tenant_id = :tenant AND conversation_id = ? FOR UPDATE", "u",
        "t?");
DB_STMT(late_add, TENANT,
        "INSERT INTO message (tenant_id, conversation_id, seq, sender, type, text, data, created_at) "
        "VALUES (:tenant, ?, ?, 'bot', 'text', ?, '', ?)",
        "uist", "");
DB_STMT(late_key_add, TENANT,
        "INSERT INTO turn_key (tenant_id, turn_key, conversation_id, first_seq, last_seq, created_at) "
        "VALUES (:tenant, ?, ?, ?, ?, ?)",
        "xuiit", "");
/* last_at stays: only what a visitor says makes a conversation last longer, since a new one counts. */
DB_STMT(late_move, TENANT,
        "UPDATE conversation SET seq = ?, flow_state = ? WHERE tenant_id = :tenant AND conversation_id = ?", "isu", "");
/* Only replies can be rated, so a visitor cannot fill the table with ratings of numbers that do not exist. */
DB_STMT(reply_there, TENANT,
        "SELECT COUNT(*) FROM message WHERE tenant_id = :tenant AND conversation_id = ? AND seq = ? AND sender IN "
        "('bot', 'agent')",
        "ui", "i");
DB_STMT(
    feedback_put, TENANT,
    "INSERT INTO feedback (tenant_id, conversation_id, seq, rating, comment, created_at, updated_at) "
    "VALUES (:tenant, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE rating = VALUES(rating), comment = VALUES(comment), "
    "updated_at = VALUES(updated_at)",
    "uiistt", "");

DB_STMT(feedback_lock, TENANT,
        "SELECT rating FROM feedback WHERE tenant_id = :tenant AND conversation_id = ? AND seq = ? FOR UPDATE", "ui",
        "i");

static enum status conversation_unknown(enum status st, struct err *e)
{
    return st == ERR_NOT_FOUND ? err_raise(e, E_conversation_unknown) : st;
}

static enum status conversation_row_state(struct db_row r, size_t i, enum talk_state *out, struct err *e)
{
    struct str word = db_row_str(r, i);
    return talk_state_parse(word, out) ? OK : db_row_unknown("conversation.state", word, e);
}

enum status conversation_store_load(struct db *c, struct id tenant, struct id conversation, struct arena *a,
                                    struct conv *out, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &conversation_load, &tenant, DB_ARGS(db_id(conversation)), a, &r, e);
    if (st != OK)
        return conversation_unknown(st, e);
    *out = (struct conv){.tenant = tenant,
                         .id = conversation,
                         .bot = db_row_id(r, 0),
                         .version = (int)db_row_int(r, 1),
                         .counted = db_row_int(r, 3) != 0,
                         .seq = db_row_int(r, 4),
                         .last_ms = db_row_time(r, 5),
                         .locale = db_row_str(r, 7),
                         .flow_state = db_row_str(r, 8),
                         .canary = (int)db_row_int(r, 9)};
    /* A hash of another length would compare against bytes that were never read. */
    struct str hash = db_row_str(r, 6);
    CHECK(hash.n == sizeof(out->token_hash));
    memcpy(out->token_hash, hash.p, hash.n);
    return conversation_row_state(r, 2, &out->state, e);
}

enum status conversation_store_key(struct db *c, struct id tenant, const uint8_t key[16], struct arena *a, bool *found,
                                   struct turn_place *out, struct err *e)
{
    struct db_rows r;
    enum status st = db_query(c, &turn_key_find, &tenant, DB_ARGS(db_bytes(key, 16)), a, &r, e);
    if (st == OK) {
        *found = r.n > 0;
        if (*found)
            *out = (struct turn_place){db_row_id(r.rows[0], 0), db_row_int(r.rows[0], 1), db_row_int(r.rows[0], 2)};
    }
    return st;
}

static enum status message_from_row(struct db_row r, struct arena *a, struct talk_message *m, struct err *e)
{
    *m = (struct talk_message){.seq = db_row_int(r, 0), .created_ms = db_row_time(r, 5)};
    if (!message_sender_parse(db_row_str(r, 1), &m->from))
        return db_row_unknown("message.sender", db_row_str(r, 1), e);
    if (!message_type_parse(db_row_str(r, 2), &m->type))
        return db_row_unknown("message.type", db_row_str(r, 2), e);
    m->m.text = db_row_str(r, 3);
    return message_read(db_row_str(r, 4), a, m, e);
}

enum status conversation_store_messages(struct db *c, struct id tenant, const struct message_range *range,
                                        struct arena *a, struct message_page *out, struct err *e)
{
    struct db_rows r;
    int64_t upto = range->upto ? range->upto : INT64_MAX;
    enum status st = db_query(
        c, &message_select, &tenant,
        DB_ARGS(db_id(range->conversation), db_int(range->after), db_int(upto), db_int(range->limit)), a, &r, e);
    if (st != OK)
        return st;
    struct talk_message *m = arena_array(a, r.n, sizeof(*m));
    if (!m)
        return err_nomem(e);
    for (size_t i = 0; st == OK && i < r.n; i++)
        st = message_from_row(r.rows[i], a, &m[i], e);
    out->rows = m;
    out->n = r.n;
    return st;
}

/* Who the visitor is, in one line: the name from the contact, else the e-mail address, else nothing. */
static struct str conversation_contact_label(struct str contact, struct arena *a)
{
    struct json *j = NULL;
    struct str name;
    if (contact.n == 0 || json_parse(a, contact, MAX_JSON_DEPTH, &j, NULL) != OK)
        return STR_EMPTY;
    name = json_get_str(j, "name");
    return name.n ? name : json_get_str(j, "email");
}

static enum status conversation_from_row(struct db_row r, struct arena *a, struct conversation *out, struct err *e)
{
    *out = (struct conversation){.id = db_row_id(r, 0),
                                 .bot = db_row_id(r, 1),
                                 .bot_name = db_row_str(r, 2),
                                 .channel = channel_parse(db_row_str(r, 3)),
                                 .locale = db_row_str(r, 4),
                                 .contact_label = conversation_contact_label(db_row_str(r, 5), a),
                                 .version = (int)db_row_int(r, 7),
                                 .messages = db_row_int(r, 8),
                                 .started_ms = db_row_time(r, 9),
                                 .last_ms = db_row_time(r, 10),
                                 .counted = db_row_int(r, 11) != 0,
                                 .first_text = db_row_str(r, 12),
                                 .rating = (int)db_row_int(r, 13)};
    return conversation_row_state(r, 6, &out->state, e);
}

enum status conversation_store_list(struct db *c, struct id tenant, const struct conversation_filter *f, int limit,
                                    struct arena *a, struct conversation_page *out, struct err *e)
{
    struct db_val state = db_text(f->in_state ? talk_state_name(f->state) : ""), before = db_id(f->before);
    struct id last;
    struct db_rows r;
    struct conversation *list;
    /* The first page begins below the largest id there can be, so that both kinds of page are one statement with one
     * plan. */
    memset(&last, 0xff, sizeof(last));
    if (id_is_none(f->before))
        before = db_id(last);
    enum status st = id_is_none(f->bot)
                         ? db_query(c, &conversation_all, &tenant, DB_ARGS(before, state, state, db_int(limit)), a, &r,
                                    e)
                         : db_query(c, &conversation_of_bot, &tenant,
                                    DB_ARGS(db_id(f->bot), before, state, state, db_int(limit)), a, &r, e);
    if (st != OK)
        return st;
    list = arena_array(a, r.n, sizeof(*list));
    if (!list)
        return err_nomem(e);
    for (size_t i = 0; st == OK && i < r.n; i++)
        st = conversation_from_row(r.rows[i], a, &list[i], e);
    out->rows = list;
    out->n = r.n;
    return st;
}

enum status conversation_store_get(struct db *c, struct id tenant, struct id conversation, struct arena *a,
                                   struct conversation *out, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &conversation_one, &tenant, DB_ARGS(db_id(conversation)), a, &r, e);
    return st == OK ? conversation_from_row(r, a, out, e) : conversation_unknown(st, e);
}

enum status conversation_store_lock(struct db *c, struct id tenant, struct id conversation, int64_t *seq, bool *closed,
                                    struct err *e)
{
    struct arena a;
    struct db_row r;
    arena_init(&a, ROW_ARENA);
    enum status st = db_query_one(c, &conversation_lock, &tenant, DB_ARGS(db_id(conversation)), &a, &r, e);
    enum talk_state state;
    if (st == OK && (st = conversation_row_state(r, 1, &state, e)) == OK) {
        *seq = db_row_int(r, 0);
        *closed = state == TALK_CLOSED;
    }
    arena_release(&a);
    return conversation_unknown(st, e);
}

/* The message first: if another turn has taken its number, the insert fails and the state stays as it is. */
enum status conversation_store_event(struct db *c, struct id tenant, const struct conversation_event *x, struct err *e)
{
    enum status st = db_exec(c, &event_add, &tenant,
                             DB_ARGS(db_id(x->conversation), db_int(x->seq + 1), db_text(x->event), db_time(x->now_ms)),
                             NULL, e);
    if (st != OK)
        return st;
    return db_exec(
        c, &conversation_state, &tenant,
        DB_ARGS(db_int(x->seq + 1), db_text(talk_state_name(x->state)), db_time(x->now_ms), db_id(x->conversation)),
        NULL, e);
}

enum status conversation_store_rate(struct db *c, struct id tenant, struct id conversation,
                                    const struct talk_rating *rating, int64_t now_ms, int *before, struct err *e)
{
    struct arena a;
    struct db_row r;
    struct db_rows old;
    enum status st = OK;
    arena_init(&a, ROW_ARENA);
    if (rating->seq > 0) {
        st = db_query_one(c, &reply_there, &tenant, DB_ARGS(db_id(conversation), db_int(rating->seq)), &a, &r, e);
        if (st == OK && db_row_int(r, 0) == 0)
            st = err_raise_at(e, E_message_unknown, "/seq");
    }
    if (st == OK)
        st = db_query(c, &feedback_lock, &tenant, DB_ARGS(db_id(conversation), db_int(rating->seq)), &a, &old, e);
    *before = st == OK && old.n ? (int)db_row_int(old.rows[0], 0) : 0;
    if (st == OK) {
        st = db_exec(c, &feedback_put, &tenant,
                     DB_ARGS(db_id(conversation), db_int(rating->seq), db_int(rating->rating), db_str(rating->comment),
                             db_time(now_ms), db_time(now_ms)),
                     NULL, e);
    }
    arena_release(&a);
    return st;
}

enum status conversation_store_asking(struct db *c, const struct conv *k, int64_t until_ms, struct err *e)
{
    int64_t n = 0;
    enum status st = db_exec(c, &asking_begin, &k->tenant, DB_ARGS(db_time(until_ms), db_id(k->id), db_int(k->seq)), &n,
                             e);
    return st == OK && n == 0 ? err_raise(e, E_sequence) : st;
}

enum status conversation_store_asked(struct db *c, const struct conv *k, struct err *e)
{
    return db_exec(c, &asking_end, &k->tenant, DB_ARGS(db_id(k->id)), NULL, e);
}

enum status conversation_store_late_lock(struct db *c, struct id tenant, struct id conversation, struct arena *a,
                                         struct conv *out, int64_t *asking_until, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &asking_lock, &tenant, DB_ARGS(db_id(conversation)), a, &r, e);
    if (st != OK)
        return conversation_unknown(st, e);
    *asking_until = db_row_null(r, 0) ? 0 : db_row_time(r, 0);
    return conversation_store_load(c, tenant, conversation, a, out, e);
}

enum status conversation_store_late(struct db *c, const struct conv *k, const struct conversation_late *late,
                                    struct err *e)
{
    int64_t last = k->seq + (int64_t)late->n;
    enum status st = OK;
    if (late->key)
        st = db_exec(
            c, &late_key_add, &k->tenant,
            DB_ARGS(db_bytes(late->key, 16), db_id(k->id), db_int(k->seq + 1), db_int(last), db_time(late->now_ms)),
            NULL, e);
    for (size_t i = 0; st == OK && i < late->n; i++)
        st = db_exec(
            c, &late_add, &k->tenant,
            DB_ARGS(db_id(k->id), db_int(k->seq + 1 + (int64_t)i), db_str(late->texts[i]), db_time(late->now_ms)), NULL,
            e);
    return st == OK
               ? db_exec(c, &late_move, &k->tenant, DB_ARGS(db_int(last), db_str(k->flow_state), db_id(k->id)), NULL, e)
               : st;
}
