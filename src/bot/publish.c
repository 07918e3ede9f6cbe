/* publish.c: a draft becomes an immutable version. Lint and the flow's own scripted tests decide. Both run before the
 * transaction, because they may take a second, and a transaction that long would keep editors waiting for the row.
 * Invariant: what becomes live is byte for byte what was checked, which the hash of the draft proves. */
#include <stdio.h>

#include "base/limits.h"
#include "base/shared.h"
#include "base/utf8.h"
#include "bot/bot_internal.h"
#include "bot/bot_store.h"

#include "base/banned.h"

/* The first error decides; the message names its node, and says when there are more. */
static enum status publish_lint(struct db *c, struct id tenant, const struct flow *f, struct arena *a, struct err *e)
{
    struct flow_finding *found;
    size_t n, errors = 0;
    const struct flow_finding *first = NULL;
    char pointer[sizeof(e->pointer)];
    enum status st = bot_check(c, tenant, f, a, &found, &n, e);
    if (st != OK)
        return st;
    for (size_t i = 0; i < n; i++) {
        if (found[i].severity != FLOW_ERROR)
            continue;
        if (!first)
            first = &found[i];
        errors++;
    }
    if (!first)
        return OK;
    snprintf(pointer, sizeof(pointer), "%.*s", STR_F(first->pointer));
    return err_at(e, E_flow_lint, pointer, "The flow cannot be published: %s%.*s%s%.*s%s",
                  first->node.n ? "node \"" : "", STR_F(first->node), first->node.n ? "\": " : "",
                  STR_F(utf8_cut(first->message, 300)), errors > 1 ? " (and more findings)" : "");
}

/* The first test that fails is enough for the message: one changed text often breaks many tests. */
static enum status publish_run_tests(const struct flow *f, struct arena *a, struct err *e)
{
    struct flow_test_result *r;
    size_t n;
    enum status st = flow_test(f, a, &r, &n, e);
    if (st != OK)
        return st;
    for (size_t i = 0; i < n; i++)
        if (!r[i].passed)
            return err_set(e, E_flow_test, "The flow cannot be published: %.*s", STR_F(utf8_cut(r[i].message, 400)));
    return OK;
}

/* From cheap to expensive. A draft was parsed when it was saved, but by the Parley of that day, so it is parsed
 * again. */
static enum status publish_check_draft(struct db *c, struct id tenant, struct str text, struct arena *a, struct err *e)
{
    struct json *doc;
    struct flow *f = NULL;
    enum status st = json_parse(a, text, MAX_JSON_DEPTH, &doc, e);
    if (st == OK)
        st = flow_parse(doc, &f, e);
    if (st == OK)
        st = publish_lint(c, tenant, f, a, e);
    if (st == OK)
        st = publish_run_tests(f, a, e);
    flow_drop(f);
    return st;
}

struct publish_tx {
    const struct actor *who;
    struct arena *a;
    struct id bot;
    struct str note;
    const struct bot_draft_row *checked;
    int version;
    bool fresh; /* a new version, not the live one again */
};

static enum status audit_version(struct db *c, const struct actor *who, const char *what, struct id bot, int version,
                                 struct arena *a, struct err *e)
{
    char id[ID_TEXT_MAX];
    struct json *detail = json_new_object(a);
    if (!detail || json_set_int(detail, "version", version) != 0)
        return err_nomem(e);
    return account_audit(c, who, what, str_from(id_text(ID_BOT, bot, id)), detail, e);
}

/* The same draft as the live version publishes nothing, so that version numbers stay meaningful. Numbers continue from
 * the last version and not from the live one: after a rollback, 5 must not be given out twice. */
static enum status publish_write(struct db *c, void *ctx, struct err *e)
{
    struct publish_tx *tx = ctx;
    struct bot_draft_row now;
    struct bot_version_new v = {.bot = tx->bot, .user = tx->who->user, .note = tx->note};
    enum status st = bot_store_draft(c, tx->a, tx->who->tenant, tx->bot, true, &now, e);
    if (st != OK)
        return st;
    /* The row is locked from here to the commit, so after this comparison no editor can save between check and
     * publication. */
    if (!crypto_equal(now.hash, tx->checked->hash, CRYPTO_HASH))
        return err_set(e, E_draft_changed, "The draft was changed while it was being published. Publish it again.");
    tx->version = now.live_version;
    tx->fresh = !now.live_version || !crypto_equal(now.hash, now.live_hash, CRYPTO_HASH);
    if (!tx->fresh)
        return OK;
    v.version = tx->version = now.last_version + 1;
    v.flow = now.text;
    memcpy(v.hash, now.hash, CRYPTO_HASH);
    if ((st = version_store_add(c, tx->who->tenant, &v, e)) != OK)
        return st;
    if ((st = bot_store_set_live(c, tx->who->tenant, tx->bot, v.version, v.version, e)) != OK)
        return st;
    return audit_version(c, tx->who, "bot.published", tx->bot, v.version, tx->a, e);
}

/* The generation is raised after the commit. Before it, another process could read the old version and keep it under
 * the new number. */
enum status bot_publish(struct db *c, const struct actor *who, const struct bot_publishing *what, struct arena *a,
                        int *version, struct err *e)
{
    struct bot_draft_row draft;
    struct id bot = what->bot;
    struct publish_tx tx = {
        .who = who, .a = a, .bot = bot, .note = what->note.n ? str_trim(what->note) : STR_EMPTY, .checked = &draft};
    enum status st;
    if (!utf8_text(what->note) || utf8_length(tx.note) > 500)
        return err_at(e, E_note_invalid, "note", "A note can have at most 500 characters.");
    if ((st = bot_store_draft(c, a, who->tenant, bot, false, &draft, e)) != OK)
        return st;
    if (what->revision && what->revision != draft.revision)
        return err_raise(e, E_draft_changed);
    if ((st = publish_check_draft(c, who->tenant, draft.text, a, e)) != OK)
        return st;
    if ((st = db_transaction(c, publish_write, &tx, e)) != OK)
        return st;
    *version = tx.version;
    if (tx.fresh)
        shared_bump("bot", bot);
    return OK;
}

struct rollback_tx {
    const struct actor *who;
    struct arena *a;
    struct id bot;
    int version;
};

/* Locking the draft's row also serialises this with a publication, which sets the same pointer. The newest number is
 * written back unchanged, so the next publication continues from it. */
static enum status rollback_write(struct db *c, void *ctx, struct err *e)
{
    struct rollback_tx *tx = ctx;
    struct bot_draft_row now;
    enum status st = bot_store_draft(c, tx->a, tx->who->tenant, tx->bot, true, &now, e);
    if (st == OK)
        st = version_store_exists(c, tx->a, tx->who->tenant, tx->bot, tx->version, e);
    if (st != OK || now.live_version == tx->version)
        return st;
    if ((st = bot_store_set_live(c, tx->who->tenant, tx->bot, tx->version, now.last_version, e)) != OK)
        return st;
    return audit_version(c, tx->who, "bot.rolled_back", tx->bot, tx->version, tx->a, e);
}

/* The arena is that large because locking reads the draft with the row. */
enum status bot_rollback(struct db *c, const struct actor *who, struct id bot, int version, struct err *e)
{
    struct arena a;
    struct rollback_tx tx = {.who = who, .a = &a, .bot = bot, .version = version};
    arena_init(&a, BOT_FLOW_ARENA);
    enum status st = db_transaction(c, rollback_write, &tx, e);
    if (st == OK)
        shared_bump("bot", bot);
    arena_release(&a);
    return st;
}

/* The bot is read first: an unknown bot would otherwise look like one without versions. */
enum status bot_versions(struct db *c, struct id tenant, struct id bot, struct arena *a, struct bot_version **out,
                         size_t *n, struct err *e)
{
    struct bot b;
    enum status st = bot_store_get(c, a, tenant, bot, &b, e);
    return st == OK ? version_store_list(c, a, tenant, bot, out, n, e) : st;
}

/* The flow is handed out as JSON and not parsed as a flow, so that versions of an older format can still be shown and
 * compared. */
enum status bot_version_flow(struct db *c, struct id tenant, struct id bot, int version, struct arena *a,
                             struct json **flow, struct err *e)
{
    struct str text;
    enum status st = version_store_flow(c, a, tenant, bot, version, &text, e);
    return st == OK ? json_parse(a, text, MAX_JSON_DEPTH, flow, e) : st;
}
