/* cmd_secret.c: secret list, set and remove. A value is read from standard input and never taken from the command line,
 * where the shell's history and the list of processes would show it. No command prints one. */
#include "base/limits.h"
#include "cli/cli.h"
#include "vault/vault.h"

#include "base/banned.h"

/* The bots that use a secret, as one text: "Shop, Support (draft)". */
static int secret_set_uses(struct json *o, struct str name, const struct bot_secret_use *uses, size_t n)
{
    struct buf b;
    buf_init(&b, 64 * KB);
    for (size_t i = 0; i < n; i++) {
        if (!str_eq(uses[i].secret, name))
            continue;
        buf_printf(&b, "%s%.*s%s", b.n ? ", " : "", STR_F(uses[i].bot_name), uses[i].published ? "" : " (draft)");
    }
    int bad = buf_ok(&b) || b.full ? json_set_str(o, "used_by", buf_str(&b)) : -1;
    buf_release(&b);
    return bad;
}

enum status cmd_secret_list(struct cli *cl, struct err *e)
{
    const char *tenant_text = NULL;
    struct db *c;
    struct id tenant;
    struct vault_secret *all;
    struct bot_secret_use *uses;
    size_t n, use_n;
    enum status st = cli_options(cl, CLI_OPTIONS({"tenant", &tenant_text, NULL}), 0, 0, e);
    if (st != OK || (st = cli_db(cl, &c, e)) != OK || (st = cli_tenant(cl, c, tenant_text, &tenant, e)) != OK ||
        (st = vault_list(c, tenant, &cl->arena, &all, &n, e)) != OK ||
        (st = bot_secret_uses(c, tenant, &cl->arena, &uses, &use_n, e)) != OK)
        return st;
    struct json *out = json_new_array(&cl->arena), *o;
    for (size_t i = 0; out && i < n; i++)
        if (json_push_object(out, &o) != 0 || json_set_str(o, "name", all[i].name) != 0 ||
            json_set_time(o, "created_at", all[i].created_ms) != 0 ||
            json_set_time(o, "changed_at", all[i].changed_ms) != 0 || secret_set_uses(o, all[i].name, uses, use_n) != 0)
            out = NULL;
    if (!out)
        return err_nomem(e);
    cli_out(cl, out);
    return OK;
}

/* One line end is taken off, because `echo` and editors add one. Anything else that is not part of a key is refused. */
static enum status secret_read_value(struct cli *cl, struct str *out, struct err *e)
{
    enum status st = cli_read_file(cl, "-", MAX_SECRET + 2, out, e);
    if (st == OK && out->n && out->p[out->n - 1] == '\n')
        out->n--;
    if (st == OK && out->n && out->p[out->n - 1] == '\r')
        out->n--;
    return st;
}

enum status cmd_secret_set(struct cli *cl, struct err *e)
{
    const char *tenant_text = NULL;
    bool created = false;
    struct db *c;
    struct str value;
    struct actor who = cli_actor(ID_NONE);
    enum status st = cli_options(cl, CLI_OPTIONS({"tenant", &tenant_text, NULL}), 1, 1, e);
    if (st != OK || (st = cli_db(cl, &c, e)) != OK || (st = cli_tenant(cl, c, tenant_text, &who.tenant, e)) != OK ||
        (st = secret_read_value(cl, &value, e)) != OK)
        return st;
    st = vault_set(c, cl->config, &who, str_from(cl->argv[0]), value, &created, e);
    if (st == OK)
        cli_say(cl, "%s {{secret.%s}}.", created ? "Added" : "Replaced the value of", cl->argv[0]);
    return st;
}

enum status cmd_secret_remove(struct cli *cl, struct err *e)
{
    const char *tenant_text = NULL;
    bool force = false;
    struct db *c;
    struct actor who = cli_actor(ID_NONE);
    enum status st = cli_options(cl, CLI_OPTIONS({"tenant", &tenant_text, NULL}, {"force", NULL, &force}), 1, 1, e);
    if (st != OK || (st = cli_db(cl, &c, e)) != OK || (st = cli_tenant(cl, c, tenant_text, &who.tenant, e)) != OK)
        return st;
    st = bot_secret_remove(c, &who, str_from(cl->argv[0]), force, &cl->arena, e);
    if (st != OK && err_is(e, E_secret_in_use)) {
        struct err why = *e;
        return err_set(e, E_secret_in_use, "%s Add --force to remove it anyway.", why.message);
    }
    return st;
}
