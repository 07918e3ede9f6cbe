/* cmd_transfer.c: bot export, bot import: a bot as one JSON file.
 *
 * Export streams, because the answers may be 100 MB. Import reads the whole file and checks it before the first row is
 * written, so a damaged file changes nothing. */
#include <stdio.h>

#include "base/limits.h"
#include "cli/cli.h"

#include "base/banned.h"

#define BOT_FILE_MAX (128 * MB) /* a flow and 200,000 answers */

static enum status transfer_to_stdout(void *ctx, struct str part, struct err *e)
{
    (void)ctx;
    return fwrite(part.p, 1, part.n, stdout) == part.n ? OK
                                                       : err_set(e, E_unavailable, "The file could not be written.");
}

enum status cmd_bot_export(struct cli *cl, struct err *e)
{
    struct db *c;
    struct id id;
    struct actor who;
    const struct bot_file_sink out = {NULL, transfer_to_stdout};
    enum status st = cli_options(cl, NULL, 0, 1, 1, e);
    if (st != OK || (st = cli_db(cl, &c, e)) != OK || (st = cli_bot(cl, c, cl->argv[0], &id, &who, e)) != OK)
        return st;
    return bot_export(c, who.tenant, id, &out, e);
}

/* The file is read and parsed before the database is opened, for the same reason. Two more levels than other JSON may
 * have: the flow, which may use all of them, is nested in the file. */
enum status cmd_bot_import(struct cli *cl, struct err *e)
{
    const char *name = "", *tenant_text = NULL;
    struct db *c;
    struct id tenant;
    struct str text;
    struct json *file;
    struct bot b;
    enum status st = cli_options(cl, CLI_OPTIONS({"name", &name, NULL}, {"tenant", &tenant_text, NULL}), 1, 1, e);
    if (st != OK || (st = cli_read_file(cl, cl->argv[0], BOT_FILE_MAX, &text, e)) != OK)
        return st;
    if ((st = json_parse_tolerant(&cl->arena, text, MAX_JSON_DEPTH + 2, &file, e)) != OK)
        return err_wrap(e, "%s", cl->argv[0]);
    if ((st = cli_db_change(cl, &c, e)) != OK || (st = cli_tenant(cl, c, tenant_text, &tenant, e)) != OK)
        return st;
    struct actor who = cli_actor(tenant);
    st = bot_import(c, &who, &cl->arena, file, str_from(name), &b, e);
    if (st == OK)
        cli_id(cl, ID_BOT, b.id);
    return st;
}
