/* workspace.c: which workspace and bot a command means, and how running programs learn of a change.
 *
 * An install has many tenants, so a command never guesses: it works in the one workspace there is, or asks for a name.
 * A bot's id says which workspace it belongs to; nothing else is needed. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/settings.h"
#include "base/utf8.h"
#include "cli/cli.h"

#include "base/banned.h"

/* A user who can read the secrets of the install can change any row, so refusing a permission here would protect
 * nothing. The actor has the rights of an owner, and the audit log marks its entries as made on the command line. */
struct actor cli_actor(struct id tenant)
{
    return (struct actor){.tenant = tenant, .role = ROLE_OWNER, .perms = account_role_perms(ROLE_OWNER), .cli = true};
}

enum status cli_db_change(struct cli *cl, struct db **out, struct err *e)
{
    enum status st = cli_db(cl, out, e);
    if (st == OK)
        settings_share(cl->config, LOG_DEBUG); /* fails if nothing runs here, and then no program has to be notified */
    return st;
}

/* Lists a few ids in the message itself, so that the next command can be typed without another call. The list is cut to
 * fit the error. */
static enum status workspace_ambiguous(const struct tenant *all, size_t n, struct err *e)
{
    char list[360] = "";
    size_t used = 0;
    for (size_t i = 0; i < n && used < sizeof(list) - 120; i++) {
        char id[ID_TEXT_MAX];
        int k = snprintf(list + used, sizeof(list) - used, "%s%s (%.*s)", used ? ", " : "",
                         id_text(ID_TENANT, all[i].id, id), STR_F(utf8_cut(all[i].name, 40)));
        used += k > 0 ? (size_t)k : 0;
    }
    return err_set(e, E_tenant_ambiguous, "There are %zu workspaces. Choose one with --tenant or PARLEY_TENANT: %s%s",
                   n, list, n > 4 ? ", ..." : "");
}

/* Does `text` mean this workspace? Without text, every active one. */
static bool workspace_means(const struct tenant *t, const char *text)
{
    struct id id;
    if (!text)
        return t->state == ACCOUNT_ACTIVE;
    return id_parse(ID_TENANT, str_from(text), &id) ? id_eq(id, t->id) : str_eqz(t->name, text);
}

/* All rows are compared here and not in SQL: names are not unique, and a name that two workspaces share has to be
 * reported as ambiguous. Matches are moved to the front of the list in place. An empty PARLEY_TENANT is the same as
 * none, as scripts often export it so. */
enum status cli_tenant(struct cli *cl, struct db *c, const char *text, struct id *out, struct err *e)
{
    const char *wanted = text ? text : getenv("PARLEY_TENANT");
    struct tenant *all;
    size_t n, found = 0;
    enum status st = account_tenants(c, &cl->arena, &all, &n, e);
    if (st != OK)
        return st;
    if (wanted && !*wanted)
        wanted = NULL;
    for (size_t i = 0; i < n; i++)
        if (workspace_means(&all[i], wanted))
            all[found++] = all[i];
    if (found > 1)
        return workspace_ambiguous(all, found, e);
    if (!found && wanted)
        return err_set(e, E_workspace_unknown, "There is no workspace \"%.80s\".", wanted);
    if (!found)
        return err_set(e, E_workspace_unknown, "There is no workspace yet. Create one: parley tenant create NAME");
    *out = all[0].id;
    return OK;
}

enum status cli_bot(struct cli *cl, struct db *c, const char *text, struct id *bot, struct actor *who, struct err *e)
{
    struct id tenant;
    enum status st = text ? cli_id_arg(text, ID_BOT, "bot", bot, e) : cli_usage(e, "--bot is missing.");
    (void)cl;
    if (st == OK)
        st = bot_owner(c, *bot, &tenant, e);
    if (st == OK)
        *who = cli_actor(tenant);
    return st;
}
