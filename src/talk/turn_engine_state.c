/* turn_engine_state.c: what an engine wants to be remembered about a conversation (its id of the visitor, a key), from
 * turn to turn.
 *
 * It lies in the state of the conversation, under "engines" and the id of the engine, so it is recorded with the turn
 * or not at all. What is secret is sealed for this conversation. What cannot be read any more, because secret_key has
 * changed, is forgotten: the engine then begins anew with the visitor. */
#include "base/limits.h"
#include "base/log.h"
#include "base/secret.h"
#include "talk/turn_internal.h"

#include "base/banned.h"

#define ENGINE_STATE_MAX (16 * KB) /* of one engine, and as much again of secret values; more is left out */

static struct secret_for engine_state_for(const struct turn *u, char id[ID_TEXT_MAX])
{
    return (struct secret_for){.purpose = "engine-state",
                               .tenant = u->conv.tenant,
                               .context = str_from(id_text(ID_CONVERSATION, u->conv.id, id))};
}

/* The secret members, or NULL: there are none that can be read. */
static struct json *engine_state_unseal(struct turn *u, struct str sealed)
{
    char id[ID_TEXT_MAX];
    const struct secret_for why = engine_state_for(u, id);
    struct err e = ERR_INIT;
    struct json *out = NULL;
    struct buf bytes, plain;
    buf_init(&bytes, 2 * ENGINE_STATE_MAX);
    buf_init(&plain, 2 * ENGINE_STATE_MAX);
    if (sealed.n && crypto_base64_decode(sealed, &bytes) &&
        secret_open(u->talk->config, &why, buf_str(&bytes), &plain, &e) == OK &&
        json_parse(u->arena, buf_str(&plain), MAX_JSON_DEPTH, &out, &e) != OK)
        out = NULL;
    crypto_wipe(plain.p, plain.n);
    buf_release(&plain);
    buf_release(&bytes);
    return out;
}

const struct json *turn_engine_state(struct turn *u, struct id engine)
{
    char id[ID_TEXT_MAX];
    const struct json *kept = json_get(u->engines_kept, id_text(ID_ENGINE, engine, id));
    if (!kept)
        return NULL;
    struct json *all = json_new_object(u->arena), *secret = engine_state_unseal(u, json_get_str(kept, "sealed"));
    struct json_iter open = {0}, hidden = {0};
    bool ok = all;
    while (ok && json_each(json_get(kept, "open"), &open))
        ok = json_set_copy(all, open.key.p, open.value) == 0;
    while (ok && json_each(secret, &hidden))
        ok = json_set_copy(all, hidden.key.p, hidden.value) == 0;
    return ok ? all : NULL;
}

static enum status engine_state_seal(struct turn *u, const struct json *secret, struct json *to, struct err *e)
{
    char id[ID_TEXT_MAX];
    const struct secret_for why = engine_state_for(u, id);
    struct buf plain, sealed, text;
    buf_init(&plain, ENGINE_STATE_MAX);
    buf_init(&sealed, 2 * ENGINE_STATE_MAX);
    buf_init(&text, 4 * ENGINE_STATE_MAX);
    json_write(&plain, secret);
    enum status st = buf_ok(&plain) ? secret_seal(u->talk->config, &why, buf_str(&plain), &sealed, e)
                                    : err_raise(e, E_state_too_large);
    if (st == OK)
        crypto_base64(&text, sealed.p, sealed.n);
    if (st == OK && (!buf_ok(&text) || json_set_str(to, "sealed", buf_str(&text)) != 0))
        st = err_nomem(e);
    crypto_wipe(plain.p, plain.n);
    buf_release(&plain);
    buf_release(&sealed);
    buf_release(&text);
    return st;
}

static struct json *engine_state_member(struct json *obj, const char *key)
{
    struct json *found = json_get(obj, key);
    return found || json_set_object(obj, key, &found) == 0 ? found : NULL;
}

static bool engine_state_fits(const struct json *values)
{
    struct buf b;
    buf_init(&b, ENGINE_STATE_MAX);
    json_write(&b, values);
    bool fits = buf_ok(&b);
    buf_release(&b);
    return fits;
}

/* Without this limit an engine that remembers more with each turn would fill the state of the conversation, and the
 * visitor would get no answer any more. *kept is false when the value is left out. */
static enum status engine_state_put(struct turn *u, struct json *values, const char *key, struct str text, bool *kept,
                                    struct err *e)
{
    const struct json *before = json_get(values, key), *old = json_copy(u->arena, before);
    if ((before && !old) || json_set_str(values, key, text) != 0)
        return err_nomem(e);
    *kept = engine_state_fits(values);
    if (*kept)
        return OK;
    json_del(values, key);
    return old && json_set_copy(values, key, old) != 0 ? err_nomem(e) : OK;
}

enum status turn_engine_state_set(struct turn *u, struct id engine, const struct engine_event *ev, struct err *e)
{
    char id[ID_TEXT_MAX];
    const char *key = arena_strdup(u->arena, ev->key);
    struct json *mine = NULL, *values = NULL;
    bool kept = false;
    if (!u->engines_kept)
        u->engines_kept = json_new_object(u->arena);
    if (u->engines_kept)
        mine = engine_state_member(u->engines_kept, id_text(ID_ENGINE, engine, id));
    if (!key || !mine)
        return err_nomem(e);
    if (ev->secret && !(values = engine_state_unseal(u, json_get_str(mine, "sealed"))))
        values = json_new_object(u->arena);
    else if (!ev->secret)
        values = engine_state_member(mine, "open");
    enum status st = values ? engine_state_put(u, values, key, ev->text, &kept, e) : err_nomem(e);
    if (st == OK && !kept)
        log_line(LOG_WARN, "engine_state_dropped", LOG_S("engine", id));
    return st == OK && kept && ev->secret ? engine_state_seal(u, values, mine, e) : st;
}
