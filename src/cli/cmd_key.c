/* cmd_key.c: key create. The key is printed once; the database has only its hash. */
#include <stdio.h>

#include "cli/cli.h"

#include "base/banned.h"

static const struct {
    const char *name;
    uint32_t bit;
} scopes[] = {{"read", SCOPE_READ}, {"write", SCOPE_WRITE}, {"chat", SCOPE_CHAT}, {"admin", SCOPE_ADMIN}};

/* An unknown scope is an error and not left out: a key that silently lacks a right fails later, in a program far
 * away. */
static enum status key_read_scopes(const char *text, uint32_t *out, struct err *e)
{
    struct str rest = str_from(text), part;
    *out = 0;
    while (str_split(&rest, ',', &part)) {
        size_t i = 0;
        while (i < COUNT_OF(scopes) && !str_eqz(str_trim(part), scopes[i].name))
            i++;
        if (i == COUNT_OF(scopes))
            return cli_usage(e, "There is no scope \"%.*s\".", STR_F(part));
        *out |= scopes[i].bit;
    }
    return OK;
}

enum status cmd_key_create(struct cli *cl, struct err *e)
{
    /* The admin scope has to be asked for: a key with it can do everything in the workspace, and most integrations only
     * read and chat. */
    const char *tenant_text = NULL, *name = "command line", *scope_text = "read,write,chat";
    char key[API_KEY_MAX];
    uint32_t bits;
    struct db *c;
    struct id tenant, id;
    enum status st = cli_options(
        cl, CLI_OPTIONS({"tenant", &tenant_text, NULL}, {"name", &name, NULL}, {"scopes", &scope_text, NULL}), 0, 0, e);
    if (st != OK || (st = key_read_scopes(scope_text, &bits, e)) != OK || (st = cli_db(cl, &c, e)) != OK ||
        (st = cli_tenant(cl, c, tenant_text, &tenant, e)) != OK)
        return st;
    if ((st = account_key_create(c, tenant, str_from(name), bits, key, &id, e)) != OK)
        return st;
    struct json *o = json_new_object(&cl->arena);
    if (!o || json_set_id(o, "id", ID_KEY, id) != 0 || json_set_str(o, "key", str_from(key)) != 0)
        return err_nomem(e);
    if (cl->json)
        cli_out(cl, o);
    else
        puts(key);
    return OK;
}
