/* secrets.c: the secrets of a workspace as its bots use them: which flow names which, and what is refused because of
 * it.
 *
 * Uses are read from the flows when they are asked for and stored nowhere, so they cannot be out of date. Only flows in
 * which the word occurs are parsed. */
#include "base/utf8.h"
#include "base/vec.h"
#include "bot/bot_internal.h"
#include "bot/bot_store.h"
#include "vault/vault.h"

#include "base/banned.h"

/* ---- the check of a flow ---- */

static bool secret_among(const struct vault_secret *all, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(all[i].name, name))
            return true;
    return false;
}

/* The places of secrets that the workspace does not have are moved to the front of `used`. Like lint, the check stops
 * at MAX_FLOW_FINDINGS of them. */
static size_t secrets_missing(struct flow_secret *used, size_t n, const struct vault_secret *all, size_t all_n)
{
    size_t missing = 0;
    for (size_t i = 0; i < n && missing < MAX_FLOW_FINDINGS; i++)
        if (!secret_among(all, all_n, used[i].name))
            used[missing++] = used[i];
    return missing;
}

static enum status secret_finding(struct flow_finding *out, const struct flow_secret *s, struct arena *a, struct err *e)
{
    bool ok = true;
    const char *pointer = arena_printf(a, "/nodes/%.*s/headers/%.*s", STR_F(s->node), STR_F(s->header));
    const char *message = arena_printf(a,
                                       "The workspace has no secret \"%.*s\". Add it on the page Secrets or with "
                                       "\"parley secret set\".",
                                       STR_F(s->name));
    *out = (struct flow_finding){.severity = FLOW_ERROR,
                                 .code = "unknown_secret",
                                 .node = arena_str(a, s->node, &ok),
                                 .pointer = str_from(pointer),
                                 .message = str_from(message)};
    return ok && pointer && message ? OK : err_nomem(e);
}

enum status bot_check(struct db *c, struct id tenant, const struct flow *f, struct arena *a, struct flow_finding **out,
                      size_t *n, struct err *e)
{
    struct flow_secret *used;
    struct vault_secret *all;
    struct flow_finding *lint;
    size_t used_n, all_n, lint_n, missing;
    enum status st = flow_secrets(f, a, &used, &used_n, e);
    if (st == OK)
        st = flow_lint(f, a, &lint, &lint_n, e);
    if (st == OK)
        st = vault_list(c, tenant, a, &all, &all_n, e);
    if (st != OK)
        return st;
    missing = secrets_missing(used, used_n, all, all_n);
    struct flow_finding *both = arena_array(a, missing + lint_n + 1, sizeof(*both));
    if (!both)
        return err_nomem(e);
    for (size_t i = 0; i < missing && st == OK; i++)
        st = secret_finding(&both[i], &used[i], a, e);
    for (size_t i = 0; i < lint_n; i++)
        both[missing + i] = lint[i];
    *out = both;
    *n = missing + lint_n;
    return st;
}

/* ---- who uses a secret ---- */

struct secret_search {
    struct arena *a;
    VEC(struct bot_secret_use) found;
    size_t of_bot; /* where the rows of the present bot begin */
};

/* Each secret once for its bot. A flow names at most MAX_SECRETS, so the rows of a bot are few. */
static enum status secret_add_use(struct secret_search *s, const struct bot_flow_row *b, struct str name,
                                  bool published, struct err *e)
{
    bool ok = true;
    for (size_t i = s->of_bot; i < s->found.n; i++)
        if (str_eq(s->found.p[i].secret, name))
            return OK;
    struct bot_secret_use use = {.secret = arena_str(s->a, name, &ok),
                                 .bot = b->id,
                                 .bot_name = arena_str(s->a, b->name, &ok),
                                 .published = published};
    return ok && VEC_PUSH(&s->found, use) == 0 ? OK : err_nomem(e);
}

/* A flow that this release cannot parse cannot run either, so it uses nothing. */
static enum status secrets_of_flow(struct secret_search *s, const struct bot_flow_row *b, struct str text,
                                   bool published, struct err *e)
{
    struct arena scratch;
    struct json *doc;
    struct flow *f = NULL;
    struct flow_secret *used;
    struct err why = ERR_INIT;
    size_t n = 0;
    arena_init(&scratch, BOT_FLOW_ARENA);
    enum status st = json_parse(&scratch, text, MAX_JSON_DEPTH, &doc, &why);
    if (st == OK)
        st = flow_parse(doc, &f, &why);
    if (st == OK)
        st = flow_secrets(f, &scratch, &used, &n, &why);
    for (size_t i = 0; st == OK && i < n; i++)
        st = secret_add_use(s, b, used[i].name, published, e);
    flow_drop(f);
    arena_release(&scratch);
    return st == ERR_NOMEM ? err_nomem(e) : OK;
}

/* The published flow comes first: a secret that both flows name counts as published. */
static enum status secrets_of_bot(void *ctx, const struct bot_flow_row *b, struct err *e)
{
    struct secret_search *s = ctx;
    s->of_bot = s->found.n;
    enum status st = b->live.n ? secrets_of_flow(s, b, b->live, true, e) : OK;
    return st == OK && b->draft.n ? secrets_of_flow(s, b, b->draft, false, e) : st;
}

enum status bot_secret_uses(struct db *c, struct id tenant, struct arena *a, struct bot_secret_use **out, size_t *n,
                            struct err *e)
{
    struct secret_search s = {.a = a};
    enum status st = bot_store_each_flow(c, tenant, STR("secret."), secrets_of_bot, &s, e);
    *n = st == OK ? s.found.n : 0;
    *out = arena_array(a, *n + 1, sizeof(**out));
    if (!*out && st == OK)
        st = err_nomem(e);
    if (st == OK && *n)
        memcpy(*out, s.found.p, *n * sizeof(**out));
    VEC_RELEASE(&s.found);
    return st;
}

/* A published bot may name a secret that is already gone: such a secret is unknown and not in use. */
static enum status secret_check_unused(struct db *c, struct id tenant, struct str name, struct arena *a, struct err *e)
{
    struct vault_secret *all;
    struct bot_secret_use *uses;
    size_t all_n, n, used = 0;
    struct str first = STR_EMPTY;
    enum status st = vault_list(c, tenant, a, &all, &all_n, e);
    if (st != OK || !secret_among(all, all_n, name))
        return st;
    st = bot_secret_uses(c, tenant, a, &uses, &n, e);
    for (size_t i = 0; st == OK && i < n; i++)
        if (uses[i].published && str_eq(uses[i].secret, name) && !used++)
            first = uses[i].bot_name;
    if (st != OK || !used)
        return st;
    if (used == 1)
        return err_set(e, E_secret_in_use,
                       "The published bot \"%.*s\" uses this secret. Without it, the calls that need it fail.",
                       STR_F(utf8_cut(first, 80)));
    return err_set(e, E_secret_in_use,
                   "The published bot \"%.*s\" and %zu more use this secret. Without it, the calls that need it fail.",
                   STR_F(utf8_cut(first, 80)), used - 1);
}

/* The bots are read before the removal and not in its transaction: a bot that is published in between finds the secret
 * missing, which its `error` way handles. */
enum status bot_secret_remove(struct db *c, const struct actor *who, struct str name, bool force, struct arena *a,
                              struct err *e)
{
    enum status st = force ? OK : secret_check_unused(c, who->tenant, name, a, e);
    return st == OK ? vault_remove(c, who, name, e) : st;
}
