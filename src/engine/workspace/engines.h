/* engines.h: the engines of a workspace, and what each bot makes of them.
 *
 * An engine is a name, a type of engine.def and its settings. Settings that are secret (keys, passwords) are sealed
 * together, open only for the row that they were sealed for, and are never given back: a reader only learns which of
 * them are set. A bot has an ordered chain of engines; when one fails, the next is asked. Thread safe; memory is the
 * caller's arena. Errors not named here come from the database. */
#ifndef PARLEY_ENGINE_WORKSPACE_ENGINES_H
#define PARLEY_ENGINE_WORKSPACE_ENGINES_H

#include "account/account.h"
#include "engine/chain.h"

#define ENGINES_MAX 50          /* of one workspace (count) */
#define ENGINE_PROMPT_MAX 32000 /* characters */

struct workspace_engine {
    struct id id;
    struct str name, type;
    struct json *settings; /* what is not secret */
    struct json *set;      /* an array: the names of the secret settings that are set */
    int64_t bots;          /* that have it in their chain */
    int64_t created_ms, updated_ms;
};

/* By name. */
enum status engines_list(struct db *c, struct id tenant, struct arena *a, struct workspace_engine **out, size_t *n,
                         struct err *e);
/* ERR_NOT_FOUND code engine_unknown. */
enum status engines_get(struct db *c, struct id tenant, struct id engine, struct arena *a, struct workspace_engine *out,
                        struct err *e);
struct engine_wanted {
    struct str name, type;
    const struct json *settings; /* secret ones included */
};
/* ERR_INVALID code name_invalid at "/name", engine_type_unknown at "/type", engine_setting at the setting's pointer
 * ("/settings/base_url"); ERR_CONFLICT code engine_name_taken; ERR_PLAN codes plan_feature, billing_read_only, or code
 * engines_too_many. */
enum status engines_add(struct db *c, const struct config *cf, const struct actor *who, const struct engine_wanted *w,
                        struct arena *a, struct workspace_engine *out, struct err *e);
/* Changes what is given: a name of no bytes stays; settings replace those of the same name, null removes one. The type
 * stays. When base_url names another server, secret settings that are set have to be given again. Errors as of
 * engines_add and engines_get. */
enum status engines_change(struct db *c, const struct config *cf, const struct actor *who, struct id engine,
                           const struct engine_wanted *w, struct arena *a, struct workspace_engine *out, struct err *e);
/* Also takes it out of the chains of all bots. */
enum status engines_remove(struct db *c, const struct actor *who, struct id engine, struct err *e);

/* All its settings, the secret ones included, for the moment of a call. ERR_INVALID code engine_key_lost when they were
 * sealed under another secret_key. */
enum status engines_open(struct db *c, const struct config *cf, struct id tenant, struct id engine, struct arena *a,
                         struct workspace_engine *out, struct json **settings, struct err *e);

/* ---- a bot's engines ---- */

struct bot_engines {
    struct id chain[ENGINE_LINKS_MAX];
    size_t n; /* 0: the bot has none */
    struct str prompt;
    struct json *limits; /* an object; engine/workspace/chain.c lists its members */
    int revision;        /* 0: never saved */
};
/* A bot that was never given engines has an empty chain. ERR_NOT_FOUND code bot_unknown. */
enum status engines_of_bot(struct db *c, struct id tenant, struct id bot, struct arena *a, struct bot_engines *out,
                           struct err *e);
/* ERR_INVALID at "/chain": engine_unknown, engine_twice, engines_too_many; at "/prompt": prompt_too_long; at
 * "/limits/...": engine_limit. ERR_CONFLICT code engines_changed when `revision` is not the newest; -1 saves whatever
 * was there. */
enum status engines_of_bot_save(struct db *c, const struct actor *who, struct id bot, const struct bot_engines *wanted,
                                struct arena *a, struct bot_engines *out, struct err *e);
/* The engines of a bot as they are asked: ENGINE_LINKS_MAX links at most. One that cannot be asked is left out. */
enum status engines_for_turn(struct db *c, const struct config *cf, struct id tenant, struct id bot, int canary,
                             struct arena *a, struct bot_engines *b, struct engine_link *links, size_t *n,
                             struct err *e);

#endif
