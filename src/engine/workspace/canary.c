/* canary.c: which conversations are the canary, and what it is.
 *
 * The choice depends on nothing but the id of the conversation and the run, so a turn that is tried again and a process
 * that has an older copy of the bot cannot disagree for long, and no state is kept for it. The id of the run is hashed
 * together with that of the conversation: in the next run it is another share of the visitors. */
#include "engine/workspace/canary.h"

#include "base/crypto.h"
#include "base/shared.h"
#include "engine/workspace/canary_store.h"
#include "engine/workspace/engine_store.h"

#include "base/banned.h"

int engine_canary_choose(struct id conversation, int run, int percent)
{
    char text[sizeof(conversation.b) + sizeof(run)];
    uint8_t hash[CRYPTO_HASH];
    memcpy(text, conversation.b, sizeof(conversation.b));
    memcpy(text + sizeof(conversation.b), &run, sizeof(run));
    crypto_digest(str_n(text, sizeof(text)), hash);
    unsigned place = ((unsigned)hash[0] << 16 | (unsigned)hash[1] << 8 | hash[2]) % 100;
    return percent > 0 ? 2 * run + (place < (unsigned)percent) : 0;
}

enum status engine_canary_get(struct db *c, struct id tenant, struct id bot, struct arena *a, struct engine_canary *out,
                              struct err *e)
{
    enum status st = engine_store_bot(c, tenant, bot, a, e);
    return st == OK ? canary_store_get(c, tenant, bot, false, a, out, e) : st;
}

enum status engine_canary_chain(struct db *c, struct id tenant, struct id bot, int canary, struct arena *a,
                                struct bot_engines *b, struct err *e)
{
    struct engine_canary k;
    if (canary % 2 == 0)
        return OK;
    enum status st = canary_store_get(c, tenant, bot, false, a, &k, e);
    if (st != OK || k.run != canary / 2 || k.n == 0)
        return st;
    memcpy(b->chain, k.chain, k.n * sizeof(*k.chain));
    b->n = k.n;
    return OK;
}

/* ---- changes ---- */

struct canary_tx {
    const struct actor *who;
    struct arena *a;
    struct id bot;
    const struct engine_canary *wanted;
};

static enum status canary_check_chain(struct db *c, const struct canary_tx *tx, struct err *e)
{
    const struct engine_canary *w = tx->wanted;
    enum status st = OK;
    for (size_t i = 0; st == OK && i < w->n; i++) {
        struct engine_row unused;
        for (size_t k = 0; k < i; k++)
            if (id_eq(w->chain[i], w->chain[k]))
                return err_raise_at(e, E_engine_twice, "/chain");
        st = engine_store_get(c, tx->who->tenant, w->chain[i], false, tx->a, &unused, e);
        if (st == ERR_NOT_FOUND)
            st = err_raise_at(e, E_engine_unknown, "/chain");
    }
    return st;
}

static enum status canary_check(struct db *c, const struct canary_tx *tx, struct err *e)
{
    const struct engine_canary *w = tx->wanted;
    bool live = false;
    enum status st = OK;
    if (w->percent < 1 || w->percent > CANARY_PERCENT_MAX)
        return err_at(e, E_canary_invalid, "/percent", "The share must be 1 to %d percent, or 0 to end the comparison.",
                      CANARY_PERCENT_MAX);
    if (!w->version == !w->n)
        return err_at(e, E_canary_invalid, "/version", "Give either another published version or other engines.");
    if (w->version)
        st = canary_store_version(c, tx->who->tenant, tx->bot, w->version, tx->a, &live, e);
    if (live)
        return err_at(e, E_canary_invalid, "/version", "This version is live: the other conversations run on it, too.");
    return st == OK ? canary_check_chain(c, tx, e) : st;
}

static enum status canary_write(struct db *c, void *ctx, struct err *e)
{
    struct canary_tx *tx = ctx;
    struct engine_canary now, next = *tx->wanted;
    char id[ID_TEXT_MAX];
    enum status st = engine_store_bot(c, tx->who->tenant, tx->bot, tx->a, e);
    if (st == OK && next.percent)
        st = canary_check(c, tx, e);
    if (st == OK)
        st = canary_store_get(c, tx->who->tenant, tx->bot, true, tx->a, &now, e);
    if (st != OK || (next.percent == 0 && now.run == 0))
        return st;
    if (next.percent) {
        next.run = now.run + 1;
        next.started_ms = clock_now_ms();
    } else {
        next = now;
        next.percent = 0;
    }
    st = canary_store_put(c, tx->who->tenant, tx->bot, &next, tx->a, e);
    return st == OK ? account_audit(c, tx->who, "bot.canary", str_from(id_text(ID_BOT, tx->bot, id)), NULL, e) : st;
}

enum status engine_canary_save(struct db *c, const struct actor *who, struct id bot, const struct engine_canary *wanted,
                               struct arena *a, struct engine_canary *out, struct err *e)
{
    struct canary_tx tx = {who, a, bot, wanted};
    enum status st = db_transaction(c, canary_write, &tx, e);
    if (st != OK)
        return st;
    shared_bump("bot", bot);
    return engine_canary_get(c, who->tenant, bot, a, out, e);
}

/* ---- what came of it ---- */

enum status engine_canary_compare(struct db *c, struct id tenant, struct id bot, int run, struct arena *a,
                                  struct canary_counts out[2], struct err *e)
{
    enum status st = OK;
    for (int arm = 0; st == OK && arm < 2; arm++)
        st = canary_store_counts(c, tenant, bot, 2 * run + arm, a, &out[arm], e);
    return st;
}

enum status engine_canary_add(struct db *c, struct id tenant, struct id bot, int canary, const struct canary_counts *n,
                              struct err *e)
{
    return canary ? canary_store_count(c, tenant, bot, canary, n, e) : OK;
}
