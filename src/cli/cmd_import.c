/* cmd_import.c: import faq: imports a CSV file here and now, without a job, so that its report can be printed.
 *
 * The portal queues a job instead (worker/job_import.c), because a request must not wait for minutes. Both call
 * answers_import, so a file gives the same result either way. */
#include <stdio.h>

#include "base/limits.h"
#include "cli/cli.h"
#include "knowledge/answers.h"

#include "base/banned.h"

static void import_show_progress(void *ctx, int64_t done_bytes, int64_t all_bytes, const struct import_report *so_far)
{
    (void)ctx;
    (void)so_far;
    cli_progress("importing", done_bytes, all_bytes);
}

/* Written without cli_out, because the report is JSON in both modes: it nests rows and reasons too deep for a table. */
static enum status import_print_report(struct cli *cl, const struct import_report *r, struct err *e)
{
    struct json *report = answers_report_json(&cl->arena, r);
    struct buf b;
    if (!report)
        return err_nomem(e);
    buf_init(&b, 1 * MB);
    json_write_pretty(&b, report);
    if (buf_ok(&b))
        fwrite(b.p, 1, b.n, stdout);
    buf_release(&b);
    return OK;
}

enum status cmd_import_faq(struct cli *cl, struct err *e)
{
    const char *bot_text = NULL;
    struct import_request rq = {.progress = import_show_progress};
    struct import_report report = {0};
    struct db *c;
    struct actor who;
    enum status st = cli_options(
        cl, CLI_OPTIONS({"bot", &bot_text, NULL}, {"replace", NULL, &rq.replace}, {"dry-run", NULL, &rq.dry_run}), 1, 1,
        e);
    if (st != OK || (st = cli_read_file(cl, cl->argv[0], MAX_CSV, &rq.csv, e)) != OK ||
        (st = cli_db_change(cl, &c, e)) != OK || (st = cli_bot(cl, c, bot_text, &rq.bot, &who, e)) != OK)
        return st;
    rq.tenant = who.tenant;
    st = answers_import(c, &rq, &cl->arena, &report, e);
    if (st == OK && report.skipped)
        fprintf(stderr, "parley: %lld of %lld rows were skipped; the report says why.\n", (long long)report.skipped,
                (long long)report.rows);
    return st == OK ? import_print_report(cl, &report, e) : st;
}
