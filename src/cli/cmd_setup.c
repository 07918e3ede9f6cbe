/* cmd_setup.c: migrate, config, version: commands for an install that does not run yet.
 *
 * None of them may need a working database or a complete configuration, because they are what the operator uses to get
 * there. Secrets are never printed: the output of these commands ends up in tickets. */
#include <stdio.h>
#include <string.h>

#include "base/build.h"
#include "base/limits.h"
#include "cli/cli.h"
#include "db/migrate.h"

#include "base/banned.h"

/* An empty setting stands for the folder of this build, so that a copied configuration file does not pin the paths of
 * an older release. */
const char *cli_dir(struct cli *cl, enum config_key k, const char *standard)
{
    const char *set = config_string(cl->config, k);
    return set[0] ? set : standard;
}

/* Flushed at once, because a migration of a large table takes minutes. */
static void migrate_say_step(void *ctx, int version, const char *name)
{
    (void)version;
    cli_say(ctx, "%s", name);
    fflush(stdout);
}

static enum status migrate_print_report(struct cli *cl, const struct migrate_report *r, bool dry_run, struct err *e)
{
    struct json *j = json_new_object(&cl->arena);
    if (cl->json) {
        if (!j || json_set_int(j, "version", r->version) || json_set_int(j, "applied", r->applied) ||
            json_set_int(j, "pending", r->pending))
            return err_nomem(e);
        cli_out(cl, j);
    } else if (dry_run)
        cli_say(cl, "%d to apply; the schema is at %d.", r->pending, r->version);
    else
        cli_say(cl, "%d applied; the schema is at %d.", r->applied, r->version);
    return OK;
}

/* Opens the database itself: cli_db would refuse the schema that is to be changed. */
enum status cmd_migrate(struct cli *cl, struct err *e)
{
    bool dry_run = false;
    struct migrate_report r;
    enum status st = cli_options(cl, CLI_OPTIONS({"dry-run", NULL, &dry_run}), 0, 0, e);
    if (st != OK)
        return st;
    db_library_begin();
    st = migrate_run(cl->config, cli_dir(cl, CONFIG_sql_dir, PARLEY_PKGDATADIR "/sql"),
                     dry_run ? MIGRATE_DRY_RUN : MIGRATE_APPLY, migrate_say_step, cl, &r, e);
    db_library_end();
    return st == OK ? migrate_print_report(cl, &r, dry_run, e) : st;
}

/* Releases the buffer on every path, so that its callers have no cleanup of their own. */
static enum status config_print_buf(struct buf *b, struct err *e)
{
    bool ok = buf_ok(b);
    if (ok)
        fwrite(b->p, 1, b->n, stdout);
    buf_release(b);
    return ok ? OK : err_nomem(e);
}

/* A secret is never printed, not even as JSON: output ends up in tickets. */
static struct json *config_setting_json(struct cli *cl, enum config_key k)
{
    const struct config_row *row = config_row(k);
    const char *value = config_string(cl->config, k);
    struct json *j = json_new_object(&cl->arena);
    if (row->secret)
        value = value[0] ? "(set)" : "(not set)";
    if (!j || json_set_str(j, "key", str_from(row->name)) || json_set_str(j, "value", str_from(value)) ||
        json_set_str(j, "default", str_from(row->default_text)) || json_set_bool(j, "secret", row->secret))
        return NULL;
    return j;
}

static enum status config_print_json(struct cli *cl, struct err *e)
{
    struct json *all = json_new_array(&cl->arena);
    for (int k = 0; all && k < CONFIG_COUNT; k++) {
        struct json *j = config_setting_json(cl, (enum config_key)k);
        if (!j || json_push_copy(all, j))
            all = NULL;
    }
    if (!all)
        return err_nomem(e);
    cli_out(cl, all);
    return OK;
}

enum status cmd_config(struct cli *cl, struct err *e)
{
    struct buf b;
    enum status st = cli_options(cl, NULL, 0, 0, 0, e);
    if (st != OK || cl->json)
        return st != OK ? st : config_print_json(cl, e);
    buf_init(&b, 1 * MB);
    config_print(cl->config, &b);
    return config_print_buf(&b, e);
}

/* A name is compared with the table and not parsed, so every setting that exists can be printed. A secret prints
 * "(set)" here too: a script that needs the value has to read the file, and with it the file's permissions. */
enum status cmd_config_get(struct cli *cl, struct err *e)
{
    enum status st = cli_options(cl, NULL, 0, 1, 1, e);
    for (int k = 0; st == OK && k < CONFIG_COUNT; k++) {
        if (strcmp(config_row((enum config_key)k)->name, cl->argv[0]) != 0)
            continue;
        struct json *j = config_setting_json(cl, (enum config_key)k);
        if (!j)
            return err_nomem(e);
        if (cl->json)
            cli_out(cl, j);
        else
            puts(json_get_str(j, "value").p);
        return OK;
    }
    return st == OK ? err_set(e, E_setting, "There is no setting \"%s\".", cl->argv[0]) : st;
}

enum status cmd_config_manual(struct cli *cl, struct err *e)
{
    struct buf b;
    enum status st = cli_options(cl, NULL, 0, 0, 0, e);
    if (st != OK)
        return st;
    buf_init(&b, 1 * MB);
    config_print_manual(&b);
    return config_print_buf(&b, e);
}

enum status cmd_config_example(struct cli *cl, struct err *e)
{
    struct buf b;
    enum status st = cli_options(cl, NULL, 0, 0, 0, e);
    if (st != OK)
        return st;
    buf_init(&b, 1 * MB);
    config_print_example(&b);
    return config_print_buf(&b, e);
}

/* The build id is that of the running file, by which a crash report is matched with its debug symbols. */
enum status cmd_version(struct cli *cl, struct err *e)
{
    struct json *j = json_new_object(&cl->arena);
    if (!j || json_set_str(j, "version", str_from(PARLEY_VERSION)) || json_set_str(j, "build", str_from(build_id())))
        return err_nomem(e);
    if (cl->json)
        cli_out(cl, j);
    else
        printf("parley %s (%s)\n", PARLEY_VERSION, build_id());
    return OK;
}
