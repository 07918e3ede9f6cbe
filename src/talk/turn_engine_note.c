/* turn_engine_note.c: shows the author of a bot what its engines were asked, in the path of a test turn: the prompt as
 * it left the install, which is after masking, and for each try the engine, the model, the tokens and the time.
 *
 * The path travels in the page of the test chat, so what is noted of one turn is bounded. The question and what is
 * nearest to it are kept, because they explain the answer best. */
#include "base/utf8.h"
#include "engine/workspace/engines.h"
#include "talk/turn_internal.h"

#include "base/banned.h"

#define NOTE_TURN (32 * KB) /* of prompts, in one turn */
#define NOTE_CHARS 4000     /* of one message */
#define NOTE_ARGUMENTS 500  /* characters, of one call of a tool */

/* A message of the engine that only asks for tools has no text: the calls are shown in its place. */
static enum status note_message_text(struct turn *u, const struct engine_message *m, struct str *out, bool *cut,
                                     struct err *e)
{
    struct buf b;
    bool ok = true;
    buf_init(&b, 2 * NOTE_TURN);
    buf_str_add(&b, utf8_cut(m->text, NOTE_CHARS));
    *cut = *cut || utf8_length(m->text) > NOTE_CHARS;
    for (size_t i = 0; i < m->call_count; i++) {
        struct str arguments = utf8_cut(m->calls[i].arguments, NOTE_ARGUMENTS);
        buf_printf(&b, "%s%.*s %.*s", b.n ? "\n" : "", STR_F(m->calls[i].name), STR_F(arguments));
        *cut = *cut || arguments.n < m->calls[i].arguments.n;
    }
    *out = arena_str(u->arena, buf_str(&b), &ok);
    ok = ok && buf_ok(&b);
    buf_release(&b);
    return ok ? OK : err_nomem(e);
}

static int note_message_row(struct json *list, enum engine_role role, struct str text)
{
    static const char *const roles[] = {
        [ENGINE_SYSTEM] = "system", [ENGINE_USER] = "user", [ENGINE_ASSISTANT] = "assistant", [ENGINE_TOOL] = "tool"};
    struct json *row = NULL;
    return json_push_object(list, &row) || json_set_str(row, "role", str_from(roles[role])) ||
                   json_set_str(row, "text", text)
               ? -1
               : 0;
}

/* Counted from the newest message back, until the bytes of the turn are used up. */
static enum status note_messages(struct turn *u, const struct engine_turn *sent, struct json *asked, struct err *e)
{
    size_t n = sent->message_count, first = n;
    bool cut = false;
    struct json *list = NULL;
    struct str *texts = arena_array(u->arena, n, sizeof(*texts));
    enum status st = texts && json_set_array(asked, "sent", &list) == 0 ? OK : err_nomem(e);
    for (size_t i = 0; i < n && !st; i++)
        st = note_message_text(u, &sent->messages[i], &texts[i], &cut, e);
    if (st)
        return st;
    for (; first > 0 && u->noted + texts[first - 1].n <= NOTE_TURN; first--)
        u->noted += texts[first - 1].n;
    int bad = json_set_bool(asked, "cut", cut || first > 0);
    for (size_t i = first; i < n && !bad; i++)
        bad = note_message_row(list, sent->messages[i].role, texts[i]);
    return bad ? err_nomem(e) : OK;
}

/* An engine may have been removed since the turn began. Then its type is all that is known. */
static struct str note_engine_name(struct turn *u, struct db *c, const struct engine_try *t)
{
    struct workspace_engine known;
    struct err why = ERR_INIT;
    return engines_get(c, u->conv.tenant, t->engine, u->arena, &known, &why) == OK ? known.name
                                                                                   : str_from(t->type->label);
}

static enum status note_try(struct turn *u, struct db *c, const struct engine_try *t, struct json *list, struct err *e)
{
    struct json *row = NULL;
    struct buf b;
    buf_init(&b, 4 * KB);
    if (t->end.class != ENGINE_OK || t->end.detail[0]) /* an engine that answered may have left something out */
        engine_failure_text(&b, &t->end);
    int bad = json_push_object(list, &row) || json_set_str(row, "engine", note_engine_name(u, c, t)) ||
              json_set_str(row, "model", str_from(t->model)) || json_set_int(row, "in", t->usage.tokens_in) ||
              json_set_int(row, "out", t->usage.tokens_out) || json_set_int(row, "first", t->first_ms) ||
              json_set_int(row, "total", t->total_ms) || json_set_str(row, "fault", buf_str(&b)) || !buf_ok(&b);
    buf_release(&b);
    return bad ? err_nomem(e) : OK;
}

enum status turn_engine_note(struct turn *u, const struct engine_outcome *o, struct err *e)
{
    struct json *path = u->trial->path, *step = json_len(path) ? json_at(path, json_len(path) - 1) : NULL;
    struct json *asked = NULL, *tries = NULL;
    struct db *c = NULL;
    if (!step)
        return OK;
    if (json_set_object(step, "asked", &asked) || json_set_array(asked, "tries", &tries))
        return err_nomem(e);
    if (u->engine.handoff && json_set_str(asked, "handoff", u->engine.reason))
        return err_nomem(e);
    enum status st = note_messages(u, engine_chain_sent(u->engine.chain), asked, e);
    if (!st)
        st = db_get(u->talk->pool, &c, e);
    for (size_t i = 0; i < o->try_count && !st; i++)
        st = note_try(u, c, &o->tries[i], tries, e);
    db_put(c);
    return st;
}
