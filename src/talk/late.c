/* late.c: replies of engines outside a turn.
 *
 * A turn that asks such an engine hears everything the server says meanwhile, and the server sends the same messages
 * here. So a late reply waits until no turn of its conversation asks: within a process the lock of the conversation
 * tells, between processes the mark of turn_late.c.
 *
 * What the engine keeps of a conversation (the time of the newest message it reported) tells new messages from known
 * ones. A message that has a name of its own is recorded under it, like a visitor's message under a client id. */
#include "talk/late.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/receive.h"
#include "engine/workspace/engines.h"
#include "talk/conversation_store.h"
#include "talk/turn_internal.h"

#include "base/banned.h"

/* The row of a new conversation is written at the end of its first turn. */
#define LATE_UNKNOWN_MS (2 * MINUTE_MS)
#define LATE_TEXT_MAX (64 * KB)

struct late {
    struct talk *talk;
    const struct talk_late *in;
    struct arena *arena;
    const struct engine_type *type;
    const struct json *settings;
    struct id conversation; /* ID_NONE: the request is about nothing that we have */
    uint8_t key[16];
    bool has_key;
    /* Of one attempt to write. */
    struct turn turn; /* what the functions for the state of an engine need of one */
    struct json *state;
    struct str texts[MAX_TURN_MESSAGES];
    size_t n;
    bool keeps, waits;
    enum status st; /* of the events */
    struct err err;
};

static void late_on_text(struct late *l, const struct engine_event *ev)
{
    struct buf b;
    bool ok = true;
    if (l->n == COUNT_OF(l->texts))
        return;
    buf_init(&b, LATE_TEXT_MAX);
    if (ev->kind == ENGINE_EVENT_MESSAGE)
        buf_str_add(&b, ev->text);
    else
        turn_engine_add_extras(&b, ev);
    if (b.n && buf_ok(&b))
        l->texts[l->n++] = arena_str(l->arena, buf_str(&b), &ok);
    if (!ok || !buf_ok(&b))
        l->st = b.full ? err_raise(&l->err, E_message_too_large) : err_nomem(&l->err);
    buf_release(&b);
}

/* The name of a message is taken together with its engine, so that two engines cannot take each other's. */
static void late_on_conversation(struct late *l, const struct engine_event *ev)
{
    char engine[ID_TEXT_MAX];
    struct talk_in in = {.channel = CHANNEL_api};
    if (!id_parse(ID_CONVERSATION, ev->text, &l->conversation) || !ev->key.n)
        return;
    const char *name = arena_printf(l->arena, "late %s %.*s", id_text(ID_ENGINE, l->in->engine, engine),
                                    STR_F(ev->key));
    if (!name)
        l->st = err_nomem(&l->err);
    in.client_id = str_from(name);
    l->has_key = turn_key_of(l->talk, &in, l->conversation, l->key);
}

static void late_on_event(void *ctx, const struct engine_event *ev)
{
    struct late *l = ctx;
    if (l->st != OK)
        return;
    if (ev->kind == ENGINE_EVENT_CONVERSATION && !l->state)
        late_on_conversation(l, ev);
    else if (ev->kind == ENGINE_EVENT_STATE) {
        l->keeps = true;
        l->st = turn_engine_state_set(&l->turn, l->in->engine, ev, &l->err);
    } else if (ev->kind == ENGINE_EVENT_MESSAGE || turn_engine_is_extra(ev->kind))
        late_on_text(l, ev);
}

/* Lets the engine read the request; `state` is NULL at first. */
static enum status late_receive(struct late *l, const struct json *state, struct err *e)
{
    const struct engine_receive_request rq = {.type = l->type,
                                              .tenant = l->in->tenant,
                                              .settings = l->settings,
                                              .incoming = {.headers = l->in->headers,
                                                           .header_count = l->in->header_count,
                                                           .body = l->in->body,
                                                           .state = state},
                                              .event = late_on_event,
                                              .ctx = l};
    l->st = OK;
    struct engine_failure f = engine_receive(&rq);
    switch (f.class) {
    case ENGINE_OK:
        break;
    case ENGINE_AUTH:
        return err_raise(e, E_engine_unsigned);
    case ENGINE_CONFIG:
        return err_raise(e, E_engine_unknown);
    case ENGINE_TOO_BIG:
        return err_raise(e, E_message_too_large);
    case ENGINE_INTERNAL:
        return err_nomem(e);
    default:
        return err_set(e, E_engine_message_invalid, "%s",
                       f.detail[0] ? f.detail : "The request is not what an engine of this type sends.");
    }
    if (l->st != OK)
        *e = l->err;
    return l->st;
}

static enum status late_open(struct late *l, struct db *c, struct err *e)
{
    struct workspace_engine g;
    struct json *settings;
    enum status st = engines_open(c, l->talk->config, l->in->tenant, l->in->engine, l->arena, &g, &settings, e);
    if (st == ERR_INVALID) /* its key is lost: it can prove nothing */
        return err_raise(e, E_engine_unknown);
    if (st != OK)
        return st;
    l->type = engine_type_find(g.type);
    l->settings = settings;
    return l->type && engine_receives(l->type, settings) ? late_receive(l, NULL, e) : err_raise(e, E_engine_unknown);
}

/* The state of the flow with what the engine keeps; the rest of it stays as it is. */
static enum status late_write_state(struct late *l, struct json *flow, struct err *e)
{
    struct buf b;
    bool ok = json_set_copy(flow, "engines", l->turn.engines_kept) == 0;
    buf_init(&b, MAX_STATE);
    json_write(&b, flow);
    if (ok && buf_ok(&b))
        l->turn.conv.flow_state = arena_str(l->arena, buf_str(&b), &ok);
    enum status st = !ok ? err_nomem(e) : buf_ok(&b) ? OK : err_raise(e, E_state_too_large);
    buf_release(&b);
    return st;
}

/* False when the conversation is none of this engine's, or takes no more replies. A conversation that would not
 * continue with a message of its visitor does not continue here. */
static bool late_is_wanted(struct late *l, struct json *flow)
{
    char id[ID_TEXT_MAX];
    const struct conv *k = &l->turn.conv;
    const struct config *c = config_current();
    int64_t gap = config_int(c, CONFIG_conversation_gap);
    config_drop(c);
    struct json *kept = json_get(flow, "engines");
    l->turn.engines_kept = kept ? json_copy(l->arena, kept) : NULL;
    return k->state == TALK_OPEN && clock_now_ms() - k->last_ms <= gap &&
           json_bool(json_get(json_get(l->turn.engines_kept, id_text(ID_ENGINE, l->in->engine, id)), TURN_LATE_MEMBER));
}

static enum status late_add(struct late *l, struct db *c, struct json *flow, struct err *e)
{
    struct turn_place place;
    bool known = false;
    enum status st = OK;
    if (l->has_key)
        st = conversation_store_key(c, l->in->tenant, l->key, l->arena, &known, &place, e);
    if (st != OK || known)
        return st;
    const struct json *state = turn_engine_state(&l->turn, l->in->engine);
    l->state = state ? json_copy(l->arena, state) : json_new_object(l->arena);
    st = l->state ? late_receive(l, l->state, e) : err_nomem(e);
    if (st != OK || (!l->n && !l->keeps))
        return st;
    const struct conversation_late late = {l->texts, l->n, l->has_key && l->n ? l->key : NULL, clock_now_ms()};
    st = late_write_state(l, flow, e);
    return st == OK ? conversation_store_late(c, &l->turn.conv, &late, e) : st;
}

/* A transaction that is repeated begins with an empty attempt. */
static enum status late_write(struct db *c, void *ctx, struct err *e)
{
    struct late *l = ctx;
    struct json *flow = NULL;
    int64_t asking_until = 0;
    l->turn = (struct turn){.talk = l->talk, .arena = l->arena};
    l->state = NULL;
    l->n = 0;
    l->keeps = l->waits = false;
    enum status st = conversation_store_late_lock(c, l->in->tenant, l->conversation, l->arena, &l->turn.conv,
                                                  &asking_until, e);
    if (st == ERR_NOT_FOUND) {
        l->waits = clock_now_ms() - id_time_ms(l->conversation) < LATE_UNKNOWN_MS;
        return OK;
    }
    if (st == OK && l->turn.conv.flow_state.n)
        st = json_parse(l->arena, l->turn.conv.flow_state, MAX_JSON_DEPTH, &flow, e);
    l->waits = st == OK && asking_until > clock_now_ms();
    return st != OK || l->waits || !late_is_wanted(l, flow) ? st : late_add(l, c, flow, e);
}

/* A turn that has the lock is not waited for in its queue, which has few places and is for visitors. */
static enum status late_deliver(struct late *l, struct db *c, struct err *e)
{
    struct turn_lock_wait lock = {0};
    enum status st = turn_lock_take(l->talk->locks, l->conversation.b, &lock, e);
    if (st == OK && turn_lock_granted(l->talk->locks, &lock)) {
        st = db_transaction(c, late_write, l, e);
        conv_cache_drop(l->talk->cache, l->conversation);
    } else {
        l->waits = true;
        st = st == ERR_RATE ? OK : st;
    }
    turn_lock_give(l->talk->locks, &lock);
    if (st == OK && l->n)
        log_line(LOG_INFO, "engine_late_reply", LOG_I("messages", l->n));
    return st;
}

enum status talk_late(struct talk *t, const struct talk_late *in, bool *again, struct err *e)
{
    struct arena a;
    struct db *c = NULL;
    arena_init(&a, LIST_ARENA);
    struct late *l = ARENA_NEW(&a, struct late);
    *again = false;
    if (l)
        *l = (struct late){.talk = t, .in = in, .arena = &a, .conversation = ID_NONE};
    enum status st = l ? db_get(t->pool, &c, e) : err_nomem(e);
    if (st == OK)
        st = late_open(l, c, e);
    if (st == OK && !id_is_none(l->conversation))
        st = late_deliver(l, c, e);
    if (st == OK)
        *again = l->waits;
    db_put(c);
    arena_release(&a);
    return st;
}
