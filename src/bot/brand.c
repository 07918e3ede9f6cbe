/* brand.c: the name at the foot of a bot's chat, for plans with white label. See struct bot_brand in bot.h. The name is
 * stored with the bot and not with the plan, so that it shows again when a customer comes back to a plan that has the
 * feature. */
#include "base/limits.h"
#include "base/shared.h"
#include "base/utf8.h"
#include "bot/bot_store.h"
#include "knowledge/answers.h"

#include "base/banned.h"

struct brand_tx {
    const struct actor *who;
    struct arena *a;
    struct id bot;
    struct bot_brand brand;
};

/* The link becomes an href on a page that strangers open, so only http and https are let through: javascript: would run
 * in the visitor's browser. The name is one line, because it is a footer. */
static enum status brand_check(struct bot_brand *b, struct err *e)
{
    b->name = str_trim(b->name);
    b->link = str_trim(b->link);
    if (!utf8_text(b->name) || !str_one_line(b->name) || utf8_length(b->name) > BRAND_NAME_MAX)
        return err_at(e, E_brand_name_invalid, "name", "The name can have at most %d characters, on one line.",
                      BRAND_NAME_MAX);
    if (b->link.n > BRAND_LINK_MAX || !utf8_text(b->link) || !link_valid(b->link))
        return err_at(e, E_brand_link_invalid, "link",
                      "A link must begin with https:// or http://, contain no spaces and have at most %d bytes.",
                      BRAND_LINK_MAX);
    if (b->link.n && !b->name.n)
        return err_raise_at(e, E_brand_name_missing, "name");
    return OK;
}

/* The audit entry is in the same transaction, as for every change of a bot: neither exists without the other. */
static enum status brand_write(struct db *c, void *ctx, struct err *e)
{
    struct brand_tx *tx = ctx;
    char id[ID_TEXT_MAX];
    enum status st = bot_store_set_brand(c, tx->a, tx->who->tenant, tx->bot, &tx->brand, e);
    return st == OK ? account_audit(c, tx->who, "bot.branded", str_from(id_text(ID_BOT, tx->bot, id)), NULL, e) : st;
}

enum status bot_brand_save(struct db *c, const struct actor *who, struct id bot, const struct bot_brand *brand,
                           struct err *e)
{
    struct arena a;
    struct brand_tx tx = {.who = who, .a = &a, .bot = bot, .brand = *brand};
    enum status st = brand_check(&tx.brand, e);
    if (st != OK)
        return st;
    arena_init(&a, ROW_ARENA);
    st = db_transaction(c, brand_write, &tx, e);
    if (st == OK)
        shared_bump("bot", bot);
    arena_release(&a);
    return st;
}

enum status bot_brand(struct db *c, struct id tenant, struct id bot, struct arena *a, struct bot_brand *out,
                      struct err *e)
{
    return bot_store_brand(c, a, tenant, bot, out, e);
}
