/* cmd_bot.c: bot create, templates, list, show, publish, versions, rollback, delete.
 *
 * All of it is the domain's work; a command only names the bot and prints. The id of a bot is unique in the install,
 * so no command on an existing bot asks for its workspace. */
#include <stdio.h>

#include "base/num.h"
#include "cli/cli.h"

#include "base/banned.h"

/* The workspace is found after the options are complete, so that a missing option is reported without a database. */
enum status cmd_bot_create(struct cli *cl, struct err *e)
{
    const char *template_id = NULL, *name = NULL, *tenant_text = NULL, *language = "";
    struct db *c;
    struct id tenant;
    struct bot b;
    enum status st = cli_options(cl,
                                 CLI_OPTIONS({"template", &template_id, NULL}, {"name", &name, NULL},
                                             {"tenant", &tenant_text, NULL}, {"language", &language, NULL}),
                                 0, 0, e);
    if (st != OK)
        return st;
    if (!template_id || !name)
        return cli_usage(e, "--template and --name are required.");
    if ((st = cli_db_change(cl, &c, e)) != OK || (st = cli_tenant(cl, c, tenant_text, &tenant, e)) != OK)
        return st;
    struct actor who = cli_actor(tenant);
    st = bot_create(c, cl->config, &who,
                    &(struct bot_wanted){str_from(template_id), str_from(name), str_from(language)}, &cl->arena, &b, e);
    if (st == OK)
        cli_id(cl, ID_BOT, b.id);
    return st;
}

enum status cmd_bot_templates(struct cli *cl, struct err *e)
{
    const char *language = "en";
    struct bot_template *all;
    size_t n;
    enum status st = cli_options(cl, CLI_OPTIONS({"language", &language, NULL}), 0, 0, e);
    if (st != OK || (st = bot_templates(cl->config, &cl->arena, str_from(language), &all, &n, e)) != OK)
        return st;
    struct json *out = json_new_array(&cl->arena), *o;
    for (size_t i = 0; out && i < n; i++)
        if (json_push_object(out, &o) != 0 || json_set_str(o, "id", all[i].id) != 0 ||
            json_set_str(o, "name", all[i].name) != 0 || json_set_str(o, "category", all[i].category) != 0 ||
            json_set_str(o, "summary", all[i].summary) != 0)
            out = NULL;
    if (!out)
        return err_nomem(e);
    cli_out(cl, out);
    return OK;
}

/* One form for list and show, so that a script reads both in the same way. published_at is null for a draft that was
 * never live. */
static struct json *bot_json(struct cli *cl, const struct bot *b)
{
    struct json *o = json_new_object(&cl->arena);
    if (!o || json_set_id(o, "id", ID_BOT, b->id) != 0 || json_set_str(o, "name", b->name) != 0 ||
        json_set_str(o, "language", b->language) != 0 || json_set_int(o, "live_version", b->live_version) != 0 ||
        json_set_bool(o, "draft_differs", b->draft_differs) != 0 ||
        json_set_time(o, "created_at", b->created_ms) != 0 || json_set_time(o, "published_at", b->published_ms) != 0)
        return NULL;
    return o;
}

enum status cmd_bot_list(struct cli *cl, struct err *e)
{
    const char *tenant_text = NULL;
    struct db *c;
    struct id tenant;
    struct bot *all;
    size_t n;
    enum status st = cli_options(cl, CLI_OPTIONS({"tenant", &tenant_text, NULL}), 0, 0, e);
    if (st != OK || (st = cli_db(cl, &c, e)) != OK || (st = cli_tenant(cl, c, tenant_text, &tenant, e)) != OK ||
        (st = bot_list(c, tenant, &cl->arena, &all, &n, e)) != OK)
        return st;
    struct json *out = json_new_array(&cl->arena);
    for (size_t i = 0; out && i < n; i++) {
        struct json *o = bot_json(cl, &all[i]);
        if (!o || json_push_copy(out, o) != 0)
            out = NULL;
    }
    if (!out)
        return err_nomem(e);
    cli_out(cl, out);
    return OK;
}

/* Every command on one bot begins like this: the first argument is its id. Only a command that changes something opens
 * the shared file, so that reading commands also work for a user who may not write there. */
static enum status bot_open(struct cli *cl, int args, bool change, struct db **c, struct id *bot, struct actor *who,
                            struct err *e)
{
    enum status st = cli_options(cl, NULL, 0, args, args, e);
    if (st == OK)
        st = change ? cli_db_change(cl, c, e) : cli_db(cl, c, e);
    return st == OK ? cli_bot(cl, *c, cl->argv[0], bot, who, e) : st;
}

enum status cmd_bot_show(struct cli *cl, struct err *e)
{
    struct db *c;
    struct id id;
    struct actor who;
    struct bot b;
    enum status st = bot_open(cl, 1, false, &c, &id, &who, e);
    if (st != OK || (st = bot_get(c, who.tenant, id, &cl->arena, &b, e)) != OK)
        return st;
    struct json *o = bot_json(cl, &b);
    if (!o || json_set_id(o, "workspace", ID_TENANT, who.tenant) != 0)
        return err_nomem(e);
    cli_out(cl, o);
    return OK;
}

/* Publish and rollback both end with the version that is live now. */
static enum status bot_print_version(struct cli *cl, struct id bot, int version, struct err *e)
{
    struct json *o = json_new_object(&cl->arena);
    if (!o || json_set_id(o, "bot", ID_BOT, bot) != 0 || json_set_int(o, "version", version) != 0)
        return err_nomem(e);
    cli_out(cl, o);
    return OK;
}

/* Has an option, so it cannot begin with bot_open. Tests of the flow run inside bot_publish: a bot that fails them
 * stays as it is. */
/* Keys that are written out do not keep a bot from being published, so the command warns about them: with a flow in a
 * database there is no file for flow lint. A failure here is no failure of the publication. */
static void bot_warn_keys(struct cli *cl, struct db *c, struct id tenant, struct id bot)
{
    struct json *doc;
    struct flow *f = NULL;
    struct flow_finding *all = NULL;
    struct err e = ERR_INIT;
    size_t n = 0;
    int revision;
    enum status st = bot_draft(c, tenant, bot, &cl->arena, &doc, &revision, &e);
    if (st == OK)
        st = flow_parse(doc, &f, &e);
    if (st == OK)
        st = bot_check(c, tenant, f, &cl->arena, &all, &n, &e);
    for (size_t i = 0; st == OK && i < n; i++)
        if (strcmp(all[i].code, "literal_key") == 0)
            fprintf(stderr, "Warning: node \"%.*s\": %.*s\n", STR_F(all[i].node), STR_F(all[i].message));
    flow_drop(f);
}

enum status cmd_bot_publish(struct cli *cl, struct err *e)
{
    const char *note = "";
    struct db *c;
    struct id id;
    struct actor who;
    int version;
    enum status st = cli_options(cl, CLI_OPTIONS({"note", &note, NULL}), 1, 1, e);
    if (st != OK || (st = cli_db_change(cl, &c, e)) != OK || (st = cli_bot(cl, c, cl->argv[0], &id, &who, e)) != OK)
        return st;
    st = bot_publish(c, &who, &(struct bot_publishing){.bot = id, .note = str_from(note)}, &cl->arena, &version, e);
    if (st == OK)
        bot_warn_keys(cl, c, who.tenant, id);
    return st == OK ? bot_print_version(cl, id, version, e) : st;
}

/* The live version is marked in the list: after a rollback it is not the newest one. */
enum status cmd_bot_versions(struct cli *cl, struct err *e)
{
    struct db *c;
    struct id id;
    struct actor who;
    struct bot_version *all;
    size_t n;
    enum status st = bot_open(cl, 1, false, &c, &id, &who, e);
    if (st != OK || (st = bot_versions(c, who.tenant, id, &cl->arena, &all, &n, e)) != OK)
        return st;
    struct json *out = json_new_array(&cl->arena), *o;
    for (size_t i = 0; out && i < n; i++)
        if (json_push_object(out, &o) != 0 || json_set_int(o, "version", all[i].version) != 0 ||
            json_set_bool(o, "live", all[i].live) != 0 || json_set_time(o, "created_at", all[i].created_ms) != 0 ||
            json_set_str(o, "created_by", all[i].created_by) != 0 || json_set_str(o, "note", all[i].note) != 0)
            out = NULL;
    if (!out)
        return err_nomem(e);
    cli_out(cl, out);
    return OK;
}

/* Anything but a number is wrong usage; a number that the bot has no version of is an error of bot_rollback(). */
enum status cmd_bot_rollback(struct cli *cl, struct err *e)
{
    struct db *c;
    struct id id;
    struct actor who;
    uint64_t version;
    enum status st = bot_open(cl, 2, true, &c, &id, &who, e);
    if (st != OK)
        return st;
    if (!num_u64(str_from(cl->argv[1]), INT32_MAX, &version) || !version)
        return cli_usage(e, "\"%s\" is not a version. Versions are numbered from 1.", cl->argv[1]);
    st = bot_rollback(c, &who, id, (int)version, e);
    return st == OK ? bot_print_version(cl, id, (int)version, e) : st;
}

/* No question is asked, because scripts call this. Conversations stay, so a mistake loses the bot's texts only, and bot
 * export keeps those. */
enum status cmd_bot_delete(struct cli *cl, struct err *e)
{
    struct db *c;
    struct id id;
    struct actor who;
    enum status st = bot_open(cl, 1, true, &c, &id, &who, e);
    if (st == OK)
        st = bot_delete(c, &who, id, e);
    if (st == OK)
        cli_id(cl, ID_BOT, id);
    return st;
}
