/* c_transfer.c: a bot as one JSON file. */
#include <stdio.h>

#include "base/limits.h"
#include "cli/cli.h"

#include "base/banned.h"

#define BOT_FILE_MAX (128 * MB) /* a flow and 200,000 answers */

enum status cmd_bot_export(struct cli *cl, struct err *e)
{
    struct db *c;
    struct id id;
    struct actor who;
    struct json *file;
    struct buf b;
    enum status s = cli_options(cl, NULL, 0, 1, 1, e);

    if (s != OK || (s = cli_db(cl, &c, e)) != OK || (s = cli_bot(cl, c, cl->argv[0], &id, &who, e)) != OK ||
        (s = bot_export(c, who.tenant, id, &cl->arena, &file, e)) != OK)
        return s;
    buf_init(&b, BOT_FILE_MAX);
    json_write_pretty(&b, file);
    if (buf_ok(&b))
        fwrite(b.p, 1, b.n, stdout);
    else
        s = err_nomem(e);
    buf_release(&b);
    return s;
}

enum status cmd_bot_import(struct cli *cl, struct err *e)
{
    const char *name = "", *tenant_text = NULL;
    struct db *c;
    struct id tenant;
    struct str text;
    struct json *file;
    struct bot b;
    enum status s = cli_options(cl, CLI_OPTIONS({"name", &name, NULL}, {"tenant", &tenant_text, NULL}), 1, 1, e);

    if (s != OK || (s = cli_read_file(cl, cl->argv[0], BOT_FILE_MAX, &text, e)) != OK)
        return s;
    if ((s = json_parse(&cl->arena, text, MAX_JSON_DEPTH + 2, &file, e)) != OK)
        return err_wrap(e, "%s", cl->argv[0]);
    if ((s = cli_db_change(cl, &c, e)) != OK || (s = cli_tenant(cl, c, tenant_text, &tenant, e)) != OK)
        return s;
    struct actor who = cli_actor(tenant);
    s = bot_import(c, &who, &cl->arena, file, str_from(name), &b, e);
    if (s == OK)
        cli_id(cl, ID_BOT, b.id);
    return s;
}
