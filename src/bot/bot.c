/* bot.c: bots and their drafts. A change is one transaction with its audit entry; after the commit the shared
 * generation "bot" is raised, which makes every process of the host read the bot again. Whether a bot is active is
 * never stored: it follows from the plan and the bot's place in the order (bot.h), so a change of plan writes no
 * bot. */
#include "account/rules.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/shared.h"
#include "bot/bot_internal.h"
#include "bot/bot_store.h"
#include "plan/entitlement.h"

#include "base/banned.h"

#define DRAFT_ARENA (2 * MAX_FLOW) /* the text of a flow, and the rows around it */

/* A flow as the text that is stored and hashed. json_write gives the same text for the same document, whatever white
 * space the editor sent, so the hash tells whether a draft differs from the live version without comparing texts. In
 * the arena. */
static enum status bot_flow_text(struct arena *a, const struct json *flow, struct str *out, uint8_t hash[CRYPTO_HASH],
                                 struct err *e)
{
    struct buf b;
    buf_init(&b, MAX_FLOW);
    json_write(&b, flow);
    bool ok = buf_ok(&b);
    if (ok)
        *out = arena_str(a, buf_str(&b), &ok);
    if (ok)
        crypto_digest(buf_str(&b), hash);
    buf_release(&b);
    return ok ? OK : err_set(e, E_flow_too_large, "A flow can have at most %zu KB.", MAX_FLOW / KB);
}

/* Only what can be parsed is stored, so the test chat and the editor can always show it. Whether it can be published is
 * for lint to say. */
static enum status bot_flow_must_parse(const struct json *flow, struct err *e)
{
    struct flow *f = NULL;
    enum status st = flow_parse(flow, &f, e);
    if (st == OK)
        flow_drop(f);
    return st;
}

/* ---- creating ---- */

static struct json *bot_language_find(const struct json *list, struct str wanted)
{
    for (size_t i = 0; i < json_len(list); i++)
        if (str_ieq(json_str(json_at(list, i)), wanted))
            return json_at(list, i);
    return NULL;
}

/* The list is made again with `first` at its head. The default language of a flow is the first of its list. `first`
 * belongs to the old list, which is dropped when the new one takes its place, so it is retained meanwhile; the caller
 * has retained the list itself. */
static enum status bot_language_put_first(struct json *flow, const struct json *list, struct json *first, struct err *e)
{
    struct json *fresh;
    json_retain(first); /* the old list goes when the new one takes its place */
    int failed = json_set_array(flow, "languages", &fresh) != 0 || json_push_copy(fresh, first) != 0;
    for (size_t i = 0; !failed && i < json_len(list); i++)
        if (!str_eq(json_str(json_at(list, i)), json_str(first)))
            failed = json_push_copy(fresh, json_at(list, i)) != 0;
    json_drop(first);
    return failed ? err_nomem(e) : OK;
}

/* "es-MX" also finds "es": a template in the base language is better than a refusal. */
enum status bot_flow_language(struct json *flow, struct str wanted, struct str *out, struct err *e)
{
    struct json *list = json_get(flow, "languages"), *first = json_at(list, 0);
    ptrdiff_t dash = str_find(wanted, '-');
    enum status st = OK;
    if (!json_is(list, JSON_ARRAY) || !json_str(first).n)
        return err_at(e, E_flow_invalid, "/languages", "The flow has no language.");
    if (wanted.n) {
        struct json *found = bot_language_find(list, wanted);
        if (!found && dash > 0)
            found = bot_language_find(list, str_sub(wanted, 0, (size_t)dash));
        if (!found)
            return err_at(e, E_language_unknown, "language", "The flow has no texts in \"%.*s\".",
                          STR_F(str_sub(wanted, 0, 35)));
        if (found != first) {
            json_retain(list);
            st = bot_language_put_first(flow, list, found, e);
            json_drop(list);
        }
    }
    *out = json_str(json_at(json_get(flow, "languages"), 0));
    return st;
}

struct add_tx {
    const struct actor *who;
    struct arena *a;
    const struct bot_seed *seed;
    struct bot_new bot;
};

/* Also asked before the form is shown, without a lock. Only the call inside bot_add_write, with the tenant's row
 * locked, is binding. */
enum status bot_may_add(struct db *c, struct id tenant, struct arena *a, struct err *e)
{
    struct entitlements x;
    int64_t n;
    enum status st = entitlement_load(c, tenant, clock_now_ms(), a, &x, e);
    if (st == OK)
        st = bot_store_count(c, a, tenant, &n, e);
    return st == OK ? entitlement_room(&x, ENTITLEMENT_bots, n, e) : st;
}

/* The row of the tenant is locked first, so that two creations count the bots one after the other and the limit of
 * the plan holds exactly. */
static enum status bot_add_write(struct db *c, void *ctx, struct err *e)
{
    struct add_tx *tx = ctx;
    char id[ID_TEXT_MAX];
    enum status st = bot_store_lock_tenant(c, tx->a, tx->who->tenant, e);
    if (st == OK)
        st = bot_may_add(c, tx->who->tenant, tx->a, e);
    if (st == OK)
        st = bot_store_add(c, tx->who->tenant, &tx->bot, e);
    if (st == OK && tx->seed->answer_n)
        st = answers_add_all(c, tx->who->tenant, tx->bot.id, tx->seed->answers, tx->seed->answer_n, e);
    if (st == OK)
        st = account_audit(c, tx->who, tx->seed->what, str_from(id_text(ID_BOT, tx->bot.id, id)), NULL, e);
    return st;
}

/* Name, flow and size are checked before the transaction, which locks the tenant's row. The bot is read back at the end
 * because the database sets columns of its own. */
enum status bot_add(struct db *c, const struct actor *who, struct arena *a, const struct bot_seed *seed,
                    struct bot *out, struct err *e)
{
    struct add_tx tx = {.who = who,
                        .a = a,
                        .seed = seed,
                        .bot = {.id = id_new(), .language = seed->language, .template_id = seed->template_id}};
    enum status st = rules_name(seed->name, "name", "The bot's name", &tx.bot.name, e);
    if (st != OK)
        return st;
    if ((st = bot_flow_must_parse(seed->flow, e)) != OK)
        return st;
    if ((st = bot_flow_text(a, seed->flow, &tx.bot.draft, tx.bot.hash, e)) != OK)
        return st;
    if ((st = db_transaction(c, bot_add_write, &tx, e)) != OK)
        return st;
    shared_bump("bot", tx.bot.id);
    return bot_store_get(c, a, who->tenant, tx.bot.id, out, e);
}

/* The template's flow is copied because choosing a language changes it, and the shelf is shared by all threads. */
enum status bot_create(struct db *c, const struct config *cf, const struct actor *who, const struct bot_wanted *wanted,
                       struct arena *a, struct bot *out, struct err *e)
{
    struct bot_template t;
    struct bot_seed seed = {.name = wanted->name, .what = "bot.created"};
    enum status st = bot_template_find(cf, wanted->template_id, &t, e);
    if (st != OK)
        return st;
    seed.template_id = t.id;
    if (!(seed.flow = json_copy(a, t.flow)))
        return err_nomem(e);
    if ((st = bot_flow_language(seed.flow, wanted->language, &seed.language, e)) != OK)
        return st;
    return bot_add(c, who, a, &seed, out, e);
}

/* ---- reading and changing ---- */

enum status bot_get(struct db *c, struct id tenant, struct id bot, struct arena *a, struct bot *out, struct err *e)
{
    return bot_store_get(c, a, tenant, bot, out, e);
}

enum status bot_list(struct db *c, struct id tenant, struct arena *a, struct bot **out, size_t *n, struct err *e)
{
    return bot_store_list(c, a, tenant, out, n, e);
}

enum status bot_room(struct db *c, struct id tenant, int64_t *out, struct err *e)
{
    struct entitlements x;
    struct arena a;
    arena_init(&a, TENANT_ARENA);
    enum status st = entitlement_load(c, tenant, clock_now_ms(), &a, &x, e);
    if (st == OK)
        *out = x.value[ENTITLEMENT_bots];
    arena_release(&a);
    return st;
}

enum status bot_owner(struct db *c, struct id bot, struct id *tenant, struct err *e)
{
    struct bot_pointer p;
    struct arena a;
    arena_init(&a, ROW_ARENA);
    enum status st = bot_store_pointer(c, &a, bot, &p, e);
    if (st == OK)
        *tenant = p.tenant;
    arena_release(&a);
    return st;
}

struct change_tx {
    const struct actor *who;
    struct arena *a;
    struct id bot;
    struct str text; /* new name, or new draft */
    uint8_t hash[CRYPTO_HASH];
    int revision;
};

static enum status audit_bot(struct db *c, const struct change_tx *tx, const char *what, struct err *e)
{
    char id[ID_TEXT_MAX];
    return account_audit(c, tx->who, what, str_from(id_text(ID_BOT, tx->bot, id)), NULL, e);
}

static enum status bot_rename_write(struct db *c, void *ctx, struct err *e)
{
    struct change_tx *tx = ctx;
    enum status st = bot_store_rename(c, tx->a, tx->who->tenant, tx->bot, tx->text, e);
    return st == OK ? audit_bot(c, tx, "bot.renamed", e) : st;
}

/* The name is part of what turns borrow from the cache, so renaming raises the generation too. */
enum status bot_rename(struct db *c, const struct actor *who, struct id bot, struct str name, struct err *e)
{
    struct arena a;
    struct change_tx tx = {.who = who, .a = &a, .bot = bot};
    enum status st = rules_name(name, "name", "The bot's name", &tx.text, e);
    if (st != OK)
        return st;
    arena_init(&a, ROW_ARENA);
    st = db_transaction(c, bot_rename_write, &tx, e);
    if (st == OK)
        shared_bump("bot", bot);
    arena_release(&a);
    return st;
}

/* Only a mark: conversations refer to the bot, and billing to the conversations. */
static enum status bot_delete_write(struct db *c, void *ctx, struct err *e)
{
    struct change_tx *tx = ctx;
    enum status st = bot_store_delete(c, tx->who->tenant, tx->bot, e);
    return st == OK ? audit_bot(c, tx, "bot.deleted", e) : st;
}

enum status bot_delete(struct db *c, const struct actor *who, struct id bot, struct err *e)
{
    struct change_tx tx = {.who = who, .bot = bot};
    enum status st = db_transaction(c, bot_delete_write, &tx, e);
    if (st == OK)
        shared_bump("bot", bot);
    return st;
}

/* ---- drafts ---- */

enum status bot_draft(struct db *c, struct id tenant, struct id bot, struct arena *a, struct json **flow, int *revision,
                      struct err *e)
{
    struct bot_draft_row d;
    enum status st = bot_store_draft(c, a, tenant, bot, false, &d, e);
    if (st != OK)
        return st;
    *revision = d.revision;
    return json_parse(a, d.text, MAX_JSON_DEPTH, flow, e);
}

/* The revision is the optimistic lock of editors: the UPDATE changes the row only where the revision is still the one
 * that was edited. A lock held while a person types would be forgotten in an open tab. When another save came first,
 * the newest revision is read for the message. */
static enum status bot_draft_write(struct db *c, void *ctx, struct err *e)
{
    struct change_tx *tx = ctx;
    struct bot b;
    bool saved = false;
    enum status st = bot_store_draft_save(c, tx->who->tenant, tx->bot, tx->text, tx->hash, tx->revision, &saved, e);
    if (st != OK)
        return st;
    if (saved)
        return audit_bot(c, tx, "bot.draft_saved", e);
    if ((st = bot_store_get(c, tx->a, tx->who->tenant, tx->bot, &b, e)) != OK)
        return st;
    return err_set(e, E_draft_changed, "Another user has saved this flow (revision %d). Load it again.",
                   b.draft_revision);
}

enum status bot_draft_save(struct db *c, const struct actor *who, struct id bot, const struct json *flow, int revision,
                           struct err *e)
{
    struct arena a;
    struct change_tx tx = {.who = who, .a = &a, .bot = bot, .revision = revision};
    enum status st = bot_flow_must_parse(flow, e);
    if (st != OK)
        return st;
    arena_init(&a, DRAFT_ARENA);
    st = bot_flow_text(&a, flow, &tx.text, tx.hash, e);
    if (st == OK)
        st = db_transaction(c, bot_draft_write, &tx, e);
    arena_release(&a);
    return st;
}
