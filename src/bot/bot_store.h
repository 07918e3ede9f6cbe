/* bot_store.h: the statements of bots and their versions. Within src/bot only. */
#ifndef PARLEY_BOT_BOT_STORE_H
#define PARLEY_BOT_BOT_STORE_H

#include "base/crypto.h"
#include "bot/bot.h"

struct bot_new {
    struct id id;
    struct str name, language, template_id, draft;
    uint8_t hash[CRYPTO_HASH];
};
struct bot_draft_row {
    struct str text; /* the flow as JSON text */
    uint8_t hash[CRYPTO_HASH];
    int revision, live_version, last_version;
    uint8_t live_hash[CRYPTO_HASH]; /* zero when never published */
};
struct bot_version_new {
    struct id bot, user;
    int version;
    struct str flow, note;
    uint8_t hash[CRYPTO_HASH];
};
struct bot_pointer {
    struct id tenant;
    int live_version;
    struct str name, language;
    struct bot_brand brand;
    int64_t before;
    struct bot_canary canary;
};

/* Holds the tenant's row until the transaction ends, so that two creations count one after the other. */
enum status bot_store_lock_tenant(struct db *c, struct arena *a, struct id tenant, struct err *e);
enum status bot_store_count(struct db *c, struct arena *a, struct id tenant, int64_t *out, struct err *e);
enum status bot_store_add(struct db *c, struct id tenant, const struct bot_new *b, struct err *e);
enum status bot_store_get(struct db *c, struct arena *a, struct id tenant, struct id bot, struct bot *out,
                          struct err *e);
enum status bot_store_list(struct db *c, struct arena *a, struct id tenant, struct bot **out, size_t *n, struct err *e);
/* Each answers ERR_NOT_FOUND code bot_unknown when the tenant has no such bot. */
enum status bot_store_rename(struct db *c, struct arena *a, struct id tenant, struct id bot, struct str name,
                             struct err *e);
enum status bot_store_brand(struct db *c, struct arena *a, struct id tenant, struct id bot, struct bot_brand *out,
                            struct err *e);
enum status bot_store_set_brand(struct db *c, struct arena *a, struct id tenant, struct id bot,
                                const struct bot_brand *brand, struct err *e);
enum status bot_store_delete(struct db *c, struct id tenant, struct id bot, struct err *e);
/* Ids of the bots that are not deleted, oldest first. */
enum status bot_store_ids(struct db *c, struct arena *a, struct id tenant, struct id **out, size_t *n, struct err *e);
/* Clear the mark of kept bots, and set it for one bot. */
enum status bot_store_keep_none(struct db *c, struct id tenant, struct err *e);
enum status bot_store_keep(struct db *c, struct id tenant, struct id bot, int64_t now_ms, struct err *e);
enum status bot_store_draft(struct db *c, struct arena *a, struct id tenant, struct id bot, bool for_update,
                            struct bot_draft_row *out, struct err *e);
/* *saved is false when the revision is not the newest. */
enum status bot_store_draft_save(struct db *c, struct id tenant, struct id bot, struct str draft,
                                 const uint8_t hash[CRYPTO_HASH], int revision, bool *saved, struct err *e);
/* A bot's flows as JSON text, each "" when the word does not occur in it. Valid during the callback only. */
struct bot_flow_row {
    struct id id;
    struct str name, draft, live;
};
/* Calls fn for each bot with a flow in which the word occurs, oldest first. fn must not use the connection. */
enum status bot_store_each_flow(struct db *c, struct id tenant, struct str word,
                                enum status (*fn)(void *ctx, const struct bot_flow_row *b, struct err *e), void *ctx,
                                struct err *e);
enum status bot_store_set_live(struct db *c, struct id tenant, struct id bot, int live, int last, struct err *e);

enum status version_store_add(struct db *c, struct id tenant, const struct bot_version_new *v, struct err *e);
enum status version_store_list(struct db *c, struct arena *a, struct id tenant, struct id bot, struct bot_version **out,
                               size_t *n, struct err *e);
enum status version_store_exists(struct db *c, struct arena *a, struct id tenant, struct id bot, int version,
                                 struct err *e);
enum status version_store_flow(struct db *c, struct arena *a, struct id tenant, struct id bot, int version,
                               struct str *out, struct err *e);

/* By public id: a visitor names only the bot. ERR_NOT_FOUND for a deleted one and in a workspace that is not active. */
enum status bot_store_pointer(struct db *c, struct arena *a, struct id bot, struct bot_pointer *out, struct err *e);

enum status bot_unknown(struct err *e);

#endif
