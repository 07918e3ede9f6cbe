/* bot.h: bots: draft, immutable published versions, rollback, templates, import and export. */
#ifndef PARLEY_BOT_BOT_H
#define PARLEY_BOT_BOT_H

#include "account/account.h"
#include "flow/flow.h"

struct bot {
    struct id id, tenant;
    struct str name, language;
    int live_version;   /* 0 = never published */
    int draft_revision; /* grows at each save: optimistic lock of editors */
    bool draft_differs; /* from the live version */
    int64_t created_ms, updated_ms, published_ms;
    /* How many bots of the workspace come before it where the plan has room for fewer: first those that the owner
     * chose to keep, then the oldest. The bot is active while this is less than the number of bots in the plan;
     * nothing is written when a plan changes. */
    int64_t before;
};
struct bot_version {
    int version;
    int64_t created_ms;
    struct str created_by, note;
    bool live;
};

struct bot_template {
    struct str id, name, summary, category;
    struct json *flow;
};
/* Read from flow_template_dir once, at first use; immutable. `language` picks name and summary. */
enum status bot_templates(const struct config *c, struct arena *a, struct str language, struct bot_template **out,
                          size_t *n, struct err *e);

struct bot_wanted {
    struct str template_id, name;
    struct str language; /* one of the template's; "" = its first */
};
/* ERR_PLAN codes plan_limit_bots, billing_read_only (so does bot_import); ERR_NOT_FOUND code template_unknown. */
enum status bot_create(struct db *c, const struct config *cf, const struct actor *who, const struct bot_wanted *wanted,
                       struct arena *a, struct bot *out, struct err *e);
/* Would one more bot be refused now? The same errors as bot_create, which checks again. */
enum status bot_may_add(struct db *c, struct id tenant, struct arena *a, struct err *e);
enum status bot_get(struct db *c, struct id tenant, struct id bot, struct arena *a, struct bot *out, struct err *e);
enum status bot_list(struct db *c, struct id tenant, struct arena *a, struct bot **out, size_t *n, struct err *e);
/* The ids of the tenant's bots, oldest first. */
enum status bot_ids(struct db *c, struct id tenant, struct arena *a, struct id **out, size_t *n, struct err *e);
/* Chooses the bots that stay active when the plan has fewer, in the caller's transaction; an empty list takes the
 * choice back. ERR_INVALID code bot_unknown at "keep" when one of them does not exist any more. */
enum status bot_keep(struct db *c, const struct actor *who, struct id tenant, const struct id *keep, size_t n,
                     struct err *e);
/* How many bots of the workspace may be active: those whose `before` is less than this. */
enum status bot_room(struct db *c, struct id tenant, int64_t *out, struct err *e);
enum status bot_rename(struct db *c, const struct actor *who, struct id bot, struct str name, struct err *e);
/* Soft: conversations stay readable. */
enum status bot_delete(struct db *c, const struct actor *who, struct id bot, struct err *e);

/* The name at the foot of the bot's chat, instead of the install's, where the plan has white_label; nothing when it is
 * empty. It is kept when the plan no longer has the feature, and shows again when it does. The route checks the plan,
 * not these functions. */
#define BRAND_NAME_MAX 80  /* characters */
#define BRAND_LINK_MAX 500 /* bytes */
struct bot_brand {
    struct str name, link; /* a link needs a name */
};
enum status bot_brand(struct db *c, struct id tenant, struct id bot, struct arena *a, struct bot_brand *out,
                      struct err *e);
/* ERR_INVALID at "name": brand_name_invalid, brand_name_missing; at "link": brand_link_invalid. */
enum status bot_brand_save(struct db *c, const struct actor *who, struct id bot, const struct bot_brand *brand,
                           struct err *e);

enum status bot_draft(struct db *c, struct id tenant, struct id bot, struct arena *a, struct json **flow, int *revision,
                      struct err *e);
/* ERR_CONFLICT code draft_changed when `revision` is not the newest. The flow must parse; it may have lint findings. */
enum status bot_draft_save(struct db *c, const struct actor *who, struct id bot, const struct json *flow, int revision,
                           struct err *e);

struct bot_publishing {
    struct id bot;
    int revision; /* the draft that the user has seen; 0 = the newest one, whatever it is */
    struct str note;
};
/* A draft that equals the live version gives that version, and nothing is written. ERR_INVALID code flow_lint or
 * flow_test; the message names the node, or the test and its turn. ERR_CONFLICT code draft_changed when `revision` is
 * not the newest, or when the draft was changed meanwhile. */
enum status bot_publish(struct db *c, const struct actor *who, const struct bot_publishing *what, struct arena *a,
                        int *version, struct err *e);
/* Makes that version live again; the draft stays. ERR_NOT_FOUND code version_unknown. */
enum status bot_rollback(struct db *c, const struct actor *who, struct id bot, int version, struct err *e);
enum status bot_versions(struct db *c, struct id tenant, struct id bot, struct arena *a, struct bot_version **out,
                         size_t *n, struct err *e);
enum status bot_version_flow(struct db *c, struct id tenant, struct id bot, int version, struct arena *a,
                             struct json **flow, struct err *e);

/* ---- secrets of the workspace in flows (secrets.c) ---- */

/* The findings of flow_lint, after an error unknown_secret for each place that names a secret the workspace does not
 * have. Nothing with an error is published. */
enum status bot_check(struct db *c, struct id tenant, const struct flow *f, struct arena *a, struct flow_finding **out,
                      size_t *n, struct err *e);
struct bot_secret_use {
    struct str secret;
    struct id bot;
    struct str bot_name;
    bool published; /* its live version uses the secret; otherwise only its draft does */
};
/* One row for each secret and bot, in the order of the bots. Reads the flows that name a secret: for pages and
 * commands, not for turns. */
enum status bot_secret_uses(struct db *c, struct id tenant, struct arena *a, struct bot_secret_use **out, size_t *n,
                            struct err *e);
/* vault_remove(), but without `force` ERR_CONFLICT code secret_in_use while a published bot uses the secret. */
enum status bot_secret_remove(struct db *c, const struct actor *who, struct str name, bool force, struct arena *a,
                              struct err *e);

/* One JSON file: {"parley": 1, "bot": {...}, "flow": {...}, "answers": [...]}. It is handed out in parts as it is made,
 * whatever its length; an error of `write` ends it. ERR_NOT_FOUND comes before the first part. */
struct bot_file_sink {
    void *ctx;
    enum status (*write)(void *ctx, struct str part, struct err *e);
};
enum status bot_export(struct db *c, struct id tenant, struct id bot, const struct bot_file_sink *to, struct err *e);
enum status bot_import(struct db *c, const struct actor *who, struct arena *a, const struct json *file, struct str name,
                       struct bot *out, struct err *e);

/* The tenant of a bot, for the operator's command line, which serves all tenants. ERR_NOT_FOUND code bot_unknown. */
enum status bot_owner(struct db *c, struct id bot, struct id *tenant, struct err *e);

/* ---- for turns: the live bot by its public id, cached (shared generation "bot"); thread safe ---- */
struct bot_held; /* the cache's own counted reference; name, language and flow live as long as it */
/* The comparison that new conversations take part in (engine/workspace/canary.h). */
struct bot_canary {
    int run, percent, version; /* percent 0: there is none; version 0: it compares engines */
};
struct bot_live {
    struct id id, tenant;
    int version;
    struct str name, language;
    struct bot_brand brand;
    struct flow *flow;
    int64_t before; /* as in struct bot; of the live version only, like brand and canary */
    struct bot_canary canary;
    struct bot_held *held;
};
/* Borrow: release with bot_live_release. ERR_NOT_FOUND code bot_unknown when unknown, deleted, or never published. */
enum status bot_live(struct db_pool *p, struct id bot, struct bot_live *out, struct err *e);
/* May a conversation begin with this bot? ERR_PLAN code bot_inactive when the plan has no room for it; an open
 * conversation continues. Answered from memory: the order of bots is at most two seconds old, the plan as entitled_now
 * knows it. */
enum status bot_may_begin(struct db_pool *p, const struct bot_live *b, int64_t now_ms, struct err *e);
/* A given version of it: a running conversation stays on the one it began with. version 0 = the draft (tests; not
 * cached). */
enum status bot_live_version(struct db_pool *p, struct id tenant, struct id bot, int version, struct bot_live *out,
                             struct err *e);
void bot_live_release(struct bot_live *b);
/* Empties the cache: at the end of a program, and between tests. What is borrowed stays valid. */
void bot_live_forget(void);

#endif
