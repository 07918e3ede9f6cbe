/* engines.c: the engines of a workspace. The settings of an engine are kept in two documents: what may be shown, and
 * what is secret, sealed for this very row. Each change is one transaction with its audit entry, which names what was
 * changed and never a value. */
#include "engine/workspace/engines.h"

#include <stdio.h>

#include "account/rules.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/shared.h"
#include "engine/type.h"
#include "engine/workspace/canary.h"
#include "engine/workspace/engine_store.h"
#include "plan/entitlement.h"

#include "base/banned.h"

#define SETTINGS_MAX (32 * KB)

struct engine_tx {
    const struct config *cf;
    const struct actor *who;
    struct arena *a;
    struct id id;
    const struct engine_wanted *wanted;
    const struct json *before; /* its settings until now, without the secret ones; NULL: it is new */
    struct engine_row row;
};

static struct secret_for engine_sealed_for(struct id tenant, struct id engine, char text[ID_TEXT_MAX])
{
    return (struct secret_for){
        .purpose = "engine", .tenant = tenant, .context = str_from(id_text(ID_ENGINE, engine, text))};
}

/* ---- rows and documents ---- */

static enum status engine_text(struct arena *a, const struct json *j, struct str *out, struct err *e)
{
    struct buf b;
    bool ok = true;
    buf_init(&b, SETTINGS_MAX);
    json_write(&b, j);
    if (buf_ok(&b))
        *out = arena_str(a, buf_str(&b), &ok);
    ok = ok && buf_ok(&b);
    crypto_wipe(b.p, b.n);
    buf_release(&b);
    return ok ? OK
              : err_set(e, E_engine_setting, "The settings of an engine can have at most %zu KB.", SETTINGS_MAX / KB);
}

static enum status engine_seal(const struct engine_tx *tx, const struct json *secrets, struct str *out, struct err *e)
{
    char id[ID_TEXT_MAX];
    struct secret_for why = engine_sealed_for(tx->who->tenant, tx->id, id);
    struct str plain = STR_EMPTY;
    struct buf b;
    bool ok = true;
    *out = STR_EMPTY;
    if (json_len(secrets) == 0)
        return OK;
    buf_init(&b, 2 * SETTINGS_MAX);
    enum status st = engine_text(tx->a, secrets, &plain, e);
    if (st == OK)
        st = secret_seal(tx->cf, &why, plain, &b, e);
    if (st == OK)
        *out = arena_str(tx->a, buf_str(&b), &ok);
    buf_release(&b);
    return st == OK && !ok ? err_nomem(e) : st;
}

/* A sealed value that does not open was made under another secret_key: the engine then has no key any more, which the
 * tenant has to be told. */
static enum status engine_unseal(const struct config *cf, struct id tenant, const struct engine_row *r, struct arena *a,
                                 struct json **out, struct err *e)
{
    char id[ID_TEXT_MAX];
    struct secret_for why = engine_sealed_for(tenant, r->id, id);
    struct buf b;
    *out = NULL;
    if (r->secrets.n == 0)
        return (*out = json_new_object(a)) ? OK : err_nomem(e);
    buf_init(&b, 2 * SETTINGS_MAX);
    enum status st = secret_open(cf, &why, r->secrets, &b, e);
    if (st == ERR_INVALID)
        st = err_raise(e, E_engine_key_lost);
    if (st == OK)
        st = json_parse(a, buf_str(&b), MAX_JSON_DEPTH, out, e);
    crypto_wipe(b.p, b.n);
    buf_release(&b);
    return st;
}

/* The names of the secrets that are set stand in the open document under "secret", so that a list needs no key. */
static enum status engine_from_row(const struct engine_row *r, struct arena *a, struct workspace_engine *out,
                                   struct err *e)
{
    struct json *doc = NULL;
    enum status st = json_parse(a, r->settings, MAX_JSON_DEPTH, &doc, e);
    if (st != OK)
        return st;
    *out = (struct workspace_engine){.id = r->id,
                                     .name = r->name,
                                     .type = r->type,
                                     .settings = json_get(doc, "open"),
                                     .set = json_get(doc, "secret"),
                                     .bots = r->bots,
                                     .created_ms = r->created_ms,
                                     .updated_ms = r->updated_ms};
    return OK;
}

enum status engines_list(struct db *c, struct id tenant, struct arena *a, struct workspace_engine **out, size_t *n,
                         struct err *e)
{
    struct engine_row *rows;
    enum status st = engine_store_list(c, tenant, a, &rows, n, e);
    if (st == OK && !(*out = arena_array(a, *n + 1, sizeof(**out))))
        return err_nomem(e);
    for (size_t i = 0; st == OK && i < *n; i++)
        st = engine_from_row(&rows[i], a, &(*out)[i], e);
    return st;
}

enum status engines_get(struct db *c, struct id tenant, struct id engine, struct arena *a, struct workspace_engine *out,
                        struct err *e)
{
    struct engine_row r;
    enum status st = engine_store_get(c, tenant, engine, false, a, &r, e);
    return st == OK ? engine_from_row(&r, a, out, e) : st;
}

enum status engines_open(struct db *c, const struct config *cf, struct id tenant, struct id engine, struct arena *a,
                         struct workspace_engine *out, struct json **settings, struct err *e)
{
    struct engine_row r;
    struct json_iter it = {0};
    enum status st = engine_store_get(c, tenant, engine, false, a, &r, e);
    if (st == OK)
        st = engine_from_row(&r, a, out, e);
    if (st == OK)
        st = engine_unseal(cf, tenant, &r, a, settings, e);
    while (st == OK && json_each(out->settings, &it))
        if (json_set_copy(*settings, it.key.p, it.value) != 0)
            st = err_nomem(e);
    return st;
}

/* An engine that cannot be asked, because its key does not open or its type is gone, is left out with a line in the
 * log: the next one of the chain may answer. Only the settings are kept: thousands of turns may hold theirs while they
 * wait. */
static enum status engine_add_link(struct db *c, const struct config *cf, struct id tenant, const struct bot_engines *b,
                                   size_t i, struct arena *a, struct engine_link *to, bool *usable, struct err *e)
{
    struct workspace_engine g;
    struct json *settings;
    struct arena row;
    struct err why = ERR_INIT;
    arena_init(&row, TENANT_ARENA);
    enum status st = engines_open(c, cf, tenant, b->chain[i], &row, &g, &settings, &why);
    const struct engine_type *type = st == OK ? engine_type_find(g.type) : NULL;
    if (type && !(settings = json_copy(a, settings)))
        st = err_nomem(&why);
    arena_release(&row);
    *usable = st == OK && type;
    if (*usable)
        *to = (struct engine_link){.engine = g.id,
                                   .type = type,
                                   .settings = settings,
                                   .budget_ms = json_int(json_get(b->limits, "budget_ms"), 0)};
    if (*usable || st == OK || st == ERR_INVALID || st == ERR_NOT_FOUND) {
        if (!*usable)
            log_line(LOG_WARN, "engine_left_out",
                     LOG_S("engine", id_text(ID_ENGINE, b->chain[i], (char[ID_TEXT_MAX]){0})),
                     LOG_S("code", st == OK ? "engine_type_unknown" : err_code(&why)));
        return OK;
    }
    *e = why;
    return st;
}

enum status engines_for_turn(struct db *c, const struct config *cf, struct id tenant, struct id bot, int canary,
                             struct arena *a, struct bot_engines *b, struct engine_link *links, size_t *n,
                             struct err *e)
{
    enum status st = engines_of_bot(c, tenant, bot, a, b, e);
    if (st == OK)
        st = engine_canary_chain(c, tenant, bot, canary, a, b, e);
    *n = 0;
    for (size_t i = 0; st == OK && i < b->n; i++) {
        bool usable;
        st = engine_add_link(c, cf, tenant, b, i, a, &links[*n], &usable, e);
        *n += st == OK && usable;
    }
    return st;
}

/* ---- changes ---- */

/* One setting that was given. null and an empty text of an optional setting remove it. */
static enum status engine_take_setting(const struct engine_field *f, const struct json_iter *it, struct json *doc,
                                       struct err *e)
{
    bool absent = !it->value || (json_is(it->value, JSON_STRING) && json_str(it->value).n == 0);
    if (absent && !f->required) {
        json_del(doc, f->name);
        return OK;
    }
    enum status st = engine_field_check(f, it->value, e);
    return st == OK && json_set_copy(doc, f->name, it->value) != 0 ? err_nomem(e) : st;
}

static enum status engine_take_settings(const struct engine_type *t, const struct json *given, struct json *open,
                                        struct json *secret, struct err *e)
{
    struct json_iter it = {0};
    enum status st = OK;
    while (st == OK && json_each(given, &it)) {
        const struct engine_field *f = engine_field_find(t, it.key);
        if (!f)
            return err_at(e, E_engine_setting, "/settings", "An engine of the type \"%s\" has no setting \"%.*s\".",
                          t->name, STR_F(str_sub(it.key, 0, 60)));
        st = engine_take_setting(f, &it, engine_field_is_secret(f) ? secret : open, e);
    }
    return st;
}

/* Scheme, host and port. A host has at least one character, so its end is never before that of "https://". */
static struct str engine_server(struct str url)
{
    size_t end = strlen("https://");
    while (end < url.n && url.p[end] != '/')
        end++;
    return str_sub(url, 0, end);
}

/* A key goes only to the server that it was entered for. Otherwise anybody who may edit the engine could have it sent
 * to a server of their own, and read there what no page shows. */
static enum status engine_check_server(const struct engine_tx *tx, const struct engine_type *t, const struct json *open,
                                       const struct json *secret, struct err *e)
{
    const struct engine_field *f = NULL;
    if (!tx->before ||
        str_ieq(engine_server(json_get_str(tx->before, "base_url")), engine_server(json_get_str(open, "base_url"))))
        return OK;
    while ((f = engine_field_next(t, f)))
        if (engine_field_is_secret(f) && json_has(secret, f->name) && !json_has(tx->wanted->settings, f->name)) {
            char pointer[64];
            snprintf(pointer, sizeof(pointer), "/settings/%s", f->name);
            return err_at(e, E_engine_setting, pointer,
                          "%s: enter it again, because the engine moves to another server.", f->label);
        }
    return OK;
}

/* After all changes: what is required is there, and what has an initial value has it. */
static enum status engine_complete(const struct engine_type *t, struct json *open, const struct json *secret,
                                   struct err *e)
{
    const struct engine_field *f = NULL;
    while ((f = engine_field_next(t, f))) {
        bool there = json_has(engine_field_is_secret(f) ? secret : open, f->name);
        if (!there && f->initial[0] && !engine_field_is_secret(f)) {
            if (engine_field_set(f, str_from(f->initial), open) != 0)
                return err_nomem(e);
        } else if (!there && f->required) {
            char pointer[64];
            snprintf(pointer, sizeof(pointer), "/settings/%s", f->name);
            return err_at(e, E_engine_setting, pointer, "%s: it is missing.", f->label);
        }
    }
    return OK;
}

/* The two documents become the row's two columns. */
static enum status engine_make_row(struct engine_tx *tx, struct json *open, struct json *secret, struct err *e)
{
    struct json *doc = json_new_object(tx->a), *names = NULL;
    struct json_iter it = {0};
    if (!doc || json_set_copy(doc, "open", open) != 0 || json_set_array(doc, "secret", &names) != 0)
        return err_nomem(e);
    while (json_each(secret, &it))
        if (json_push_str(names, it.key) != 0)
            return err_nomem(e);
    enum status st = engine_text(tx->a, doc, &tx->row.settings, e);
    return st == OK ? engine_seal(tx, secret, &tx->row.secrets, e) : st;
}

/* `open` and `secret` are what the engine has so far. */
static enum status engine_apply(struct engine_tx *tx, struct json *open, struct json *secret, struct err *e)
{
    const struct engine_type *t = engine_type_find(tx->row.type);
    if (!t)
        return err_raise_at(e, E_engine_type_unknown, "/type");
    enum status st = engine_take_settings(t, tx->wanted->settings, open, secret, e);
    if (st == OK)
        st = engine_check_server(tx, t, open, secret, e);
    if (st == OK)
        st = engine_complete(t, open, secret, e);
    return st == OK ? engine_make_row(tx, open, secret, e) : st;
}

static enum status engine_audit(struct db *c, const struct engine_tx *tx, const char *what, struct err *e)
{
    char id[ID_TEXT_MAX];
    return account_audit(c, tx->who, what, str_from(id_text(ID_ENGINE, tx->id, id)), NULL, e);
}

static enum status engine_add_write(struct db *c, void *ctx, struct err *e)
{
    struct engine_tx *tx = ctx;
    int64_t n = 0;
    enum status st = engine_store_count(c, tx->who->tenant, tx->a, &n, e);
    if (st == OK && n >= ENGINES_MAX)
        st = err_set(e, E_engines_too_many, "A workspace can have at most %d engines.", ENGINES_MAX);
    if (st == OK)
        st = engine_store_add(c, tx->who->tenant, &tx->row, e);
    return st == OK ? engine_audit(c, tx, "engine.created", e) : st;
}

enum status engines_add(struct db *c, const struct config *cf, const struct actor *who, const struct engine_wanted *w,
                        struct arena *a, struct workspace_engine *out, struct err *e)
{
    struct engine_tx tx = {.cf = cf, .who = who, .a = a, .id = id_new(), .wanted = w};
    struct json *open = json_new_object(a), *secret = json_new_object(a);
    tx.row.id = tx.id;
    tx.row.type = w->type;
    enum status st = rules_name(w->name, "/name", "The engine's name", &tx.row.name, e);
    if (st == OK && (!open || !secret))
        st = err_nomem(e);
    if (st == OK)
        st = engine_apply(&tx, open, secret, e);
    if (st == OK)
        st = entitlement_may_make(c, who->tenant, e);
    if (st == OK)
        st = db_transaction(c, engine_add_write, &tx, e);
    return st == OK ? engines_get(c, who->tenant, tx.id, a, out, e) : st;
}

/* Reads the row under its lock and writes it back changed, so that of two changes neither is lost. */
static enum status engine_change_write(struct db *c, void *ctx, struct err *e)
{
    struct engine_tx *tx = ctx;
    struct workspace_engine now;
    struct json *open, *secret;
    enum status st = engine_store_get(c, tx->who->tenant, tx->id, true, tx->a, &tx->row, e);
    if (st == OK && tx->wanted->name.n)
        st = rules_name(tx->wanted->name, "/name", "The engine's name", &tx->row.name, e);
    if (st == OK)
        st = engine_from_row(&tx->row, tx->a, &now, e);
    if (st == OK)
        tx->before = now.settings;
    if (st == OK)
        st = engine_unseal(tx->cf, tx->who->tenant, &tx->row, tx->a, &secret, e);
    if (st == ERR_INVALID && err_is(e, E_engine_key_lost)) /* a new key repairs it */
        st = (secret = json_new_object(tx->a)) ? OK : err_nomem(e);
    if (st == OK)
        st = (open = json_copy(tx->a, now.settings)) ? engine_apply(tx, open, secret, e) : err_nomem(e);
    if (st == OK)
        st = engine_store_set(c, tx->who->tenant, &tx->row, e);
    return st == OK ? engine_audit(c, tx, "engine.changed", e) : st;
}

enum status engines_change(struct db *c, const struct config *cf, const struct actor *who, struct id engine,
                           const struct engine_wanted *w, struct arena *a, struct workspace_engine *out, struct err *e)
{
    struct engine_tx tx = {.cf = cf, .who = who, .a = a, .id = engine, .wanted = w};
    enum status st = db_transaction(c, engine_change_write, &tx, e);
    if (st != OK)
        return st;
    shared_bump("engine", engine);
    return engines_get(c, who->tenant, engine, a, out, e);
}

static enum status engine_remove_write(struct db *c, void *ctx, struct err *e)
{
    struct engine_tx *tx = ctx;
    bool there = false;
    enum status st = engine_store_delete(c, tx->who->tenant, tx->id, &there, e);
    if (st == OK && !there)
        st = err_raise(e, E_engine_unknown);
    return st == OK ? engine_audit(c, tx, "engine.removed", e) : st;
}

enum status engines_remove(struct db *c, const struct actor *who, struct id engine, struct err *e)
{
    struct engine_tx tx = {.who = who, .id = engine};
    enum status st = db_transaction(c, engine_remove_write, &tx, e);
    if (st == OK)
        shared_bump("engine", engine);
    return st;
}
