/* turn_record.c: a turn becomes rows, and the rows become durable. */
#include <stdio.h>

#include "base/clock.h"
#include "talk/message_internal.h"
#include "talk/turn_internal.h"

#include "base/banned.h"

#define CONTACT_MAX 4096

/* The visitor's message as a row: a pressed button keeps both its value and what was shown to the visitor. */
static void turn_set_visitor(struct turn *u)
{
    const struct talk_in *in = u->in;
    u->visitor = (struct talk_message){.seq = u->conv.seq + 1,
                                       .from = SENDER_VISITOR,
                                       .type = in->choice.n ? MESSAGE_CHOICE : MESSAGE_TEXT,
                                       .choice = in->choice,
                                       .created_ms = u->now_ms};
    u->visitor.m.text = in->text.n ? in->text : in->choice;
    u->visitor.m.title = u->visitor.m.url = u->visitor.m.image = STR_EMPTY;
}

static enum status turn_message_row(const struct talk_message *m, struct arena *a, struct journal_message *out,
                                    struct err *e)
{
    *out = (struct journal_message){
        .seq = m->seq, .from = m->from, .type = m->type, .text = m->m.text, .created_ms = m->created_ms};
    return message_data(m, a, &out->data, e);
}

/* The visitor's message and the replies get consecutive numbers after the one that was read. If another turn has taken
 * the first of them, the primary key refuses all of them together. */
static enum status turn_message_rows(struct turn *u, struct journal_turn *t, struct err *e)
{
    struct journal_message *rows = arena_array(u->arena, u->reply_n + 1, sizeof(*rows));
    enum status st = rows ? OK : err_nomem(e);
    turn_set_visitor(u);
    if (st == OK)
        st = turn_message_row(&u->visitor, u->arena, &rows[0], e);
    for (size_t i = 0; st == OK && i < u->reply_n; i++) {
        u->replies[i].seq = u->conv.seq + 2 + (int64_t)i;
        st = turn_message_row(&u->replies[i], u->arena, &rows[i + 1], e);
    }
    t->messages = rows;
    t->n = u->reply_n + 1;
    return st;
}

static enum status turn_contact_text(struct turn *u, struct str *out, struct err *e)
{
    struct buf b;
    *out = STR_EMPTY;
    if (!u->in->contact)
        return OK;
    buf_init(&b, CONTACT_MAX);
    json_write(&b, u->in->contact);
    bool ok = buf_ok(&b);
    if (!ok) {
        (void)err_at(e, E_contact_too_large, "/contact", "A contact can have at most %d bytes.", CONTACT_MAX);
    } else {
        *out = arena_str(u->arena, buf_str(&b), &ok);
        if (!ok)
            (void)err_nomem(e);
    }
    buf_release(&b);
    return ok ? OK : e->status;
}

/* The row of the turn, with all its messages. Only what the journal keeps is in it, so the turn may wait for its commit
 * without being looked at again. */
static enum status turn_make_record(struct turn *u, struct err *e)
{
    struct journal_turn *t = &u->record;
    *t = (struct journal_turn){.tenant = u->conv.tenant,
                               .bot = u->conv.bot,
                               .conversation = u->conv.id,
                               .opens = u->opens,
                               .version = u->conv.version,
                               .canary = u->conv.canary,
                               .hands_off = u->hands_off,
                               .channel = u->in->channel,
                               .locale = u->conv.locale,
                               .base_seq = u->conv.seq,
                               .last_seq = u->conv.seq + 1 + (int64_t)u->reply_n,
                               .flow_state = u->conv.flow_state,
                               .state = u->conv.state,
                               .has_key = u->has_key,
                               .counts = !u->conv.counted && u->reply_n > 0,
                               .quota = u->quota,
                               .now_ms = u->now_ms,
                               .event = id_new(),
                               .took_ms = (clock_mono_us() - u->begun_us) / 1000,
                               .outside_ms = u->outside.spent_us / 1000};
    enum status st = turn_contact_text(u, &t->contact, e);
    if (u->opens) {
        turn_token(u->talk, u->conv.id, u->out.token);
        turn_token_hash(str_from(u->out.token), u->conv.token_hash);
    } else if (id_is_none(u->in->tenant)) {
        snprintf(u->out.token, sizeof(u->out.token), "%.*s", STR_F(u->in->token));
    }
    memcpy(t->token_hash, u->conv.token_hash, sizeof(t->token_hash));
    memcpy(t->turn_key, u->key, sizeof(t->turn_key));
    t->has_visitor = !id_is_none(u->in->tenant) && u->in->visitor.n;
    if (t->has_visitor)
        visitor_hash(u->in->visitor, t->visitor_hash);
    return st != OK ? st : turn_message_rows(u, t, e);
}

enum status turn_record_begin(struct turn *u, struct err *e)
{
    enum status st = turn_make_record(u, e);
    if (st != OK)
        return st;
    u->journal = (struct journal_wait){.turn = &u->record, .waker = u->waker};
    journal_submit(u->talk->journal, &u->journal);
    return OK;
}

/* Only a turn that is durable changes what this process remembers. After any failure the memory of the conversation is
 * dropped, because it is not known what another process has recorded. */
enum status turn_record_end(struct turn *u, struct err *e)
{
    const struct journal_turn *t = &u->record;
    enum status st = u->journal.status;
    if (st != OK)
        *e = u->journal.err;
    /* The plan filled up between the check and the record. It is remembered, so that the next turns are refused before
     * they think. */
    if (st == ERR_PLAN)
        usage_mark_full(t->tenant, &u->quota);
    else if (st != OK)
        conv_cache_drop(u->talk->cache, u->conv.id);
    if (st != OK)
        return st;
    u->conv.seq = t->last_seq;
    u->conv.last_ms = u->now_ms;
    u->conv.counted = u->conv.counted || t->counts;
    conv_cache_put(u->talk->cache, &u->conv);
    u->out.conversation = u->conv.id;
    u->out.state = u->conv.state;
    u->out.messages = u->replies;
    u->out.n = u->reply_n;
    u->out.seq = t->base_seq + 1;
    u->out.tokens_in = u->tokens_in;
    u->out.tokens_out = u->tokens_out;
    u->out.late = turn_late_is_possible(&u->conv);
    return OK;
}
