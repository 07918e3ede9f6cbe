/* journal_store.c: SQL of recording turns. Each table gets one multi-row statement for the whole batch, whatever the
 * number of turns: a round trip costs more than a row. The order of the tables decides how a conflict reads and how
 * long rows stay locked; see journal_store_write. */
#include "talk/journal_store.h"

#include "engine/workspace/canary.h"

#include "base/banned.h"

/* GLOBAL: one batch holds turns of many tenants; each row carries its own tenant, checked by the foreign keys. */
DB_STMT(conversation_add, GLOBAL,
        "INSERT INTO conversation (tenant_id, conversation_id, bot_id, version, channel, locale, state, counted, "
        "token_hash, seq, "
        "flow_state, contact, canary, started_at, last_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "uuuisssixissitt", "");
/* `seq` must be as the turn read it: when another process was faster, this changes no row. */
DB_STMT(conversation_move, GLOBAL,
        "UPDATE conversation SET seq = ?, state = ?, counted = counted | ?, flow_state = ?, locale = ?, "
        "contact = IF(? = '', contact, ?), last_at = ?, asking_until = NULL WHERE tenant_id = ? AND conversation_id = "
        "? AND seq = ?",
        "isisssstuui", "");
DB_STMT(message_add, GLOBAL,
        "INSERT INTO message (tenant_id, conversation_id, seq, sender, type, text, data, created_at) VALUES (?, ?, ?, "
        "?, ?, ?, ?, ?)",
        "uuisssst", "");
DB_STMT(turn_key_add, GLOBAL,
        "INSERT INTO turn_key (tenant_id, turn_key, conversation_id, first_seq, last_seq, created_at) VALUES (?, ?, ?, "
        "?, ?, ?)",
        "uxuiit", "");
DB_STMT(turn_event_add, GLOBAL,
        "INSERT INTO turn_event (tenant_id, event_id, bot_id, conversation_id, seq, replies, channel, state, opened, "
        "counted, took_ms, outside_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "uuuuiissiiii", "");
DB_STMT(visitor_keep, GLOBAL,
        "INSERT INTO visitor_conversation (tenant_id, bot_id, visitor_hash, conversation_id) VALUES (?, ?, ?, ?)"
        " ON DUPLICATE KEY UPDATE conversation_id = VALUES(conversation_id)",
        "uuxu", "");
DB_STMT(turn_key_look, TENANT,
        "SELECT conversation_id, first_seq FROM turn_key WHERE tenant_id = :tenant AND turn_key = ?", "x", "ui");
DB_STMT(conversation_seq, TENANT, "SELECT seq FROM conversation WHERE tenant_id = :tenant AND conversation_id = ?", "u",
        "i");
DB_STMT(message_look, TENANT,
        "SELECT sender, text, created_at FROM message WHERE tenant_id = :tenant AND conversation_id = ? AND seq = ?",
        "ui", "sst");

/* The rows of one bulk statement, filled cell by cell. */
struct journal_rows {
    struct db_val *v;
    size_t n, columns, count;
};

static enum status journal_rows_new(struct journal_rows *r, struct arena *a, size_t max_rows, size_t columns,
                                    struct err *e)
{
    *r = (struct journal_rows){.columns = columns};
    r->v = arena_array(a, max_rows, columns * sizeof(*r->v));
    return r->v ? OK : err_nomem(e);
}

/* CHECK, because a cell too few would shift all that follow into the wrong columns. */
static void journal_rows_add(struct journal_rows *r, const struct db_val *cells, size_t n)
{
    CHECK(n == r->columns);
    memcpy(r->v + r->n, cells, n * sizeof(*cells));
    r->n += n;
    r->count++;
}

static enum status journal_rows_run(struct db *c, struct db_stmt *stmt, const struct journal_rows *r, int64_t *affected,
                                    struct err *e)
{
    return r->count ? db_bulk(c, stmt, DB_GLOBAL, r->v, r->columns, r->count, affected, e) : OK;
}

/* A duplicate in `table` gets the code the caller of the journal knows it by. */
static enum status journal_as_conflict(enum status st, enum error_code code, struct err *e)
{
    return st == ERR_CONFLICT && err_is(e, E_duplicate) ? err_raise(e, code) : st;
}

static enum status journal_sequence_taken(enum status st, struct err *e)
{
    return journal_as_conflict(st, E_sequence, e);
}

/* A duplicate id of a new conversation can only be this turn itself, written by a commit whose reply was lost. It is
 * reported as a taken sequence, and journal.c looks at the rows. */
static enum status journal_add_opened(struct db *c, const struct journal_turn *const *turns, size_t n, struct arena *a,
                                      struct err *e)
{
    struct journal_rows r;
    enum status st = journal_rows_new(&r, a, n, 15, e);
    for (size_t i = 0; st == OK && i < n; i++) {
        const struct journal_turn *t = turns[i];

        if (t->opens) {
            journal_rows_add(&r, DB_ARGS(db_id(t->tenant), db_id(t->conversation), db_id(t->bot), db_int(t->version),
                                         db_text(channel_name(t->channel)), db_str(t->locale),
                                         db_text(talk_state_name(t->state)), db_int(t->counts),
                                         db_bytes(t->token_hash, sizeof(t->token_hash)), db_int(t->last_seq),
                                         db_str(t->flow_state), db_str(t->contact), db_int(t->canary),
                                         db_time(t->now_ms), db_time(t->now_ms)));
        }
    }
    return st == OK ? journal_sequence_taken(journal_rows_run(c, &conversation_add, &r, NULL, e), e) : st;
}

/* The number of changed rows tells whether every conversation was as its turn had read it. If not, the whole batch is
 * rolled back and sifted. */
static enum status journal_move(struct db *c, const struct journal_turn *const *turns, size_t n, struct arena *a,
                                struct err *e)
{
    struct journal_rows r;
    int64_t moved = 0;
    enum status st = journal_rows_new(&r, a, n, 11, e);
    for (size_t i = 0; st == OK && i < n; i++) {
        const struct journal_turn *t = turns[i];

        if (!t->opens) {
            journal_rows_add(&r, DB_ARGS(db_int(t->last_seq), db_text(talk_state_name(t->state)), db_int(t->counts),
                                         db_str(t->flow_state), db_str(t->locale), db_str(t->contact),
                                         db_str(t->contact), db_time(t->now_ms), db_id(t->tenant),
                                         db_id(t->conversation), db_int(t->base_seq)));
        }
    }
    st = st == OK ? journal_rows_run(c, &conversation_move, &r, &moved, e) : st;
    if (st == OK && moved != (int64_t)r.count)
        st = err_raise(e, E_sequence);
    return st;
}

/* The range of the turn's messages is kept beside the key, so a replay reads exactly the rows of that turn. */
static enum status journal_add_keys(struct db *c, const struct journal_turn *const *turns, size_t n, struct arena *a,
                                    struct err *e)
{
    struct journal_rows r;
    enum status st = journal_rows_new(&r, a, n, 6, e);
    for (size_t i = 0; st == OK && i < n; i++) {
        const struct journal_turn *t = turns[i];

        if (t->has_key) {
            journal_rows_add(&r, DB_ARGS(db_id(t->tenant), db_bytes(t->turn_key, sizeof(t->turn_key)),
                                         db_id(t->conversation), db_int(t->base_seq + 1), db_int(t->last_seq),
                                         db_time(t->now_ms)));
        }
    }
    st = st == OK ? journal_rows_run(c, &turn_key_add, &r, NULL, e) : st;
    return journal_as_conflict(st, E_turn_key, e);
}

static enum status journal_add_messages(struct db *c, const struct journal_turn *const *turns, size_t n,
                                        struct arena *a, struct err *e)
{
    struct journal_rows r;
    size_t all = 0;
    for (size_t i = 0; i < n; i++)
        all += turns[i]->n;
    enum status st = journal_rows_new(&r, a, all, 8, e);
    for (size_t i = 0; st == OK && i < n; i++) {
        const struct journal_turn *t = turns[i];

        for (size_t k = 0; k < t->n; k++) {
            const struct journal_message *m = &t->messages[k];

            journal_rows_add(&r, DB_ARGS(db_id(t->tenant), db_id(t->conversation), db_int(m->seq),
                                         db_text(talk_sender_name(m->from)), db_text(talk_message_type_name(m->type)),
                                         db_str(m->text), db_str(m->data), db_time(m->created_ms)));
        }
    }
    return st == OK ? journal_sequence_taken(journal_rows_run(c, &message_add, &r, NULL, e), e) : st;
}

/* One row for each turn, for roll-ups: they read what happened in a period without touching conversations or messages.
 * The row is in the turn's transaction, so there is exactly one for each recorded turn. It has no foreign key and no
 * secondary index, because every turn would pay for them; a reader walks the primary key of one tenant. Ids are made
 * before the commit, so rows of the last seconds can appear out of order: a reader keeps that distance from now. */
static enum status journal_event(struct db *c, const struct journal_turn *const *turns, size_t n, struct arena *a,
                                 struct err *e)
{
    struct journal_rows r;
    enum status st = journal_rows_new(&r, a, n, 12, e);
    for (size_t i = 0; st == OK && i < n; i++) {
        const struct journal_turn *t = turns[i];

        journal_rows_add(&r, DB_ARGS(db_id(t->tenant), db_id(t->event), db_id(t->bot), db_id(t->conversation),
                                     db_int(t->base_seq + 1), db_int((int64_t)t->n - 1),
                                     db_text(channel_name(t->channel)), db_text(talk_state_name(t->state)),
                                     db_int(t->opens), db_int(t->counts), db_int(t->took_ms), db_int(t->outside_ms)));
    }
    return st == OK ? journal_rows_run(c, &turn_event_add, &r, NULL, e) : st;
}

/* The next message of a named visitor finds the conversation that this one has opened. */
static enum status journal_keep_visitors(struct db *c, const struct journal_turn *const *turns, size_t n,
                                         struct arena *a, struct err *e)
{
    struct journal_rows r;
    enum status st = journal_rows_new(&r, a, n, 4, e);
    for (size_t i = 0; st == OK && i < n; i++) {
        const struct journal_turn *t = turns[i];

        if (t->opens && t->has_visitor)
            journal_rows_add(&r, DB_ARGS(db_id(t->tenant), db_id(t->bot),
                                         db_bytes(t->visitor_hash, sizeof(t->visitor_hash)), db_id(t->conversation)));
    }
    return st == OK ? journal_rows_run(c, &visitor_keep, &r, NULL, e) : st;
}

static bool journal_same_side(const struct journal_turn *t, const struct journal_turn *of)
{
    return t->canary == of->canary && id_eq(t->bot, of->bot);
}

/* The counters of a comparison are two rows that all turns of its bot share, so each gets one statement for the whole
 * batch, by the first turn that belongs to it. */
static enum status journal_add_canaries(struct db *c, const struct journal_turn *const *turns, size_t n, struct err *e)
{
    enum status st = OK;
    for (size_t i = 0; st == OK && i < n; i++) {
        const struct journal_turn *t = turns[i];
        struct canary_counts sum = {.turns = 0};
        bool added = !t->canary;
        for (size_t k = 0; k < i; k++)
            added = added || journal_same_side(turns[k], t);
        for (size_t k = i; !added && k < n; k++)
            if (journal_same_side(turns[k], t)) {
                sum.conversations += turns[k]->opens;
                sum.answered += turns[k]->counts;
                sum.handed_off += turns[k]->hands_off;
                sum.turns++;
                sum.took_ms += turns[k]->took_ms;
            }
        if (!added)
            st = engine_canary_add(c, t->tenant, t->bot, t->canary, &sum, e);
    }
    return st;
}

static enum status journal_add_counts(struct db *c, const struct journal_turn *const *turns, size_t n, struct arena *a,
                                      struct err *e)
{
    struct usage_count *counts = arena_array(a, n, sizeof(*counts));
    size_t k = 0;
    if (!counts)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++) {
        const struct journal_turn *t = turns[i];

        if (t->counts)
            counts[k++] = (struct usage_count){t->tenant, t->conversation, t->now_ms, t->quota};
    }
    return journal_sequence_taken(usage_record(c, counts, k, e), e);
}

/* New conversations first, because keys and messages refer to them by foreign keys. */
enum status journal_store_write(struct db *c, const struct journal_turn *const *turns, size_t n, struct arena *a,
                                struct err *e)
{
    enum status st = journal_add_opened(c, turns, n, a, e);
    /* Keys before messages: this tells a repeated message from one that came second. The counter last: its row is the
     * one all turns of a tenant share, so it is locked for the shortest time. */
    if (st == OK)
        st = journal_add_keys(c, turns, n, a, e);
    if (st == OK)
        st = journal_keep_visitors(c, turns, n, a, e);
    if (st == OK)
        st = journal_add_messages(c, turns, n, a, e);
    if (st == OK)
        st = journal_move(c, turns, n, a, e);
    if (st == OK)
        st = journal_event(c, turns, n, a, e);
    if (st == OK)
        st = journal_add_canaries(c, turns, n, e);
    return st == OK ? journal_add_counts(c, turns, n, a, e) : st;
}

/* ---- looking ---- */

/* A key alone does not prove that this turn was recorded, since a repetition by the client has the same key. */
static enum status journal_trace_key(struct db *c, const struct journal_turn *t, struct arena *a,
                                     enum journal_trace *out, struct err *e)
{
    struct db_rows r;
    enum status st = db_query(c, &turn_key_look, &t->tenant, DB_ARGS(db_bytes(t->turn_key, sizeof(t->turn_key))), a, &r,
                              e);
    if (st == OK && r.n) {
        /* A conversation that this turn opens has an id that no other turn can have. */
        *out = t->opens && id_eq(db_row_id(r.rows[0], 0), t->conversation) ? JOURNAL_MINE : JOURNAL_KEY_TAKEN;
    }
    return st;
}

/* The place of the turn's first message: empty, this very message, or another one. Time in milliseconds and text
 * together tell the own message from another. */
static enum status journal_trace_place(struct db *c, const struct journal_turn *t, struct arena *a,
                                       enum journal_trace *out, struct err *e)
{
    struct db_rows r;
    struct db_row m;
    enum status st = db_query(c, &message_look, &t->tenant, DB_ARGS(db_id(t->conversation), db_int(t->base_seq + 1)), a,
                              &r, e);
    if (st != OK)
        return st;
    if (r.n) {
        m = r.rows[0];
        *out = str_eqz(db_row_str(m, 0), talk_sender_name(t->messages[0].from)) &&
                       str_eq(db_row_str(m, 1), t->messages[0].text) && db_row_time(m, 2) == t->messages[0].created_ms
                   ? JOURNAL_MINE
                   : JOURNAL_SEQ_TAKEN;
        return OK;
    }
    st = db_query(c, &conversation_seq, &t->tenant, DB_ARGS(db_id(t->conversation)), a, &r, e);
    if (st == OK && !t->opens && (r.n == 0 || db_row_int(r.rows[0], 0) != t->base_seq))
        *out = JOURNAL_SEQ_TAKEN;
    return st;
}

enum status journal_store_trace(struct db *c, const struct journal_turn *t, struct arena *a, enum journal_trace *out,
                                struct err *e)
{
    enum journal_trace place = JOURNAL_ABSENT;
    enum status st = OK;
    *out = JOURNAL_ABSENT;
    if (t->has_key)
        st = journal_trace_key(c, t, a, out, e);
    if (st != OK || *out == JOURNAL_MINE)
        return st;
    st = journal_trace_place(c, t, a, &place, e);
    /* If key and place are both there, the same transaction wrote them. */
    if (st == OK && (place == JOURNAL_MINE || *out == JOURNAL_ABSENT))
        *out = place;
    return st;
}
