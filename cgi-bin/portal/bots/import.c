/* import.c: /app/bots/{bot}/import: answers from a CSV file: upload, progress and report. The request only stores the
 * file: reading 200,000 rows may take longer than a web server waits. parley-worker reads it and writes its progress
 * into the job, which these pages show. */
#include <stdio.h>

#include "base/utf8.h"
#include "knowledge/answers.h"
#include "portal/bots/bots.h"
#include "queue/queue.h"

#include "base/banned.h"

#define REPORT_SHOWN 100 /* rows; report.csv has all of them */

/* ---- upload ---- */

void bots_import_get(struct request *rq)
{
    struct page pg;
    struct bot b;
    if (bots_begin(rq, &pg, "answers", &b))
        page_send(&pg, "portal/bots/import.cs", NULL);
}

static enum status import_queue(struct page *pg, const struct bot *b, struct id *job)
{
    struct import_file f = {.replace = str_eq(request_form(pg->rq, "mode"), STR("replace"))};
    f.csv = request_file(pg->rq, "file", &f.name);
    return answers_import_later(pg->db, pg->who.tenant, b->id, &f, pg->rq->arena, job, &pg->e);
}

void bots_import_post(struct request *rq)
{
    struct page pg;
    struct bot b;
    struct id job;
    if (!bots_begin(rq, &pg, "answers", &b))
        return;
    if (import_queue(&pg, &b, &job) == OK)
        page_redirect(&pg, "/app/bots/%s/import/%s", TEXT_ID(ID_BOT, b.id), TEXT_ID(ID_JOB, job));
    else if (page_form_again(&pg))
        page_send_status(&pg, 422, "portal/bots/import.cs", NULL);
}

/* ---- progress ---- */

/* Loads the job if it is an import into this bot. Any other job id is 404. */
static bool import_job_load(struct page *pg, const struct bot *b, struct job *out)
{
    struct id id, of;
    if (!page_id(pg, ID_JOB, "job", &id))
        return false;
    enum status st = queue_get(pg->db, &pg->who.tenant, pg->rq->arena, id, out, &pg->e);
    if (st == OK && (out->kind != JOB_KIND_answers_import ||
                     !id_parse(ID_BOT, json_get_str(out->payload, "bot"), &of) || !id_eq(of, b->id)))
        st = err_set(&pg->e, E_not_found, "There is no such import.");
    if (st != OK)
        page_fail(pg);
    return st == OK;
}

static bool import_job_over(const struct job *j)
{
    return j->state == JOB_DONE || j->state == JOB_DEAD;
}

/* By bytes and not by rows, because the number of rows is known only at the end. A job that was retried may have
 * progress of its first attempt, hence the bounds. */
static int64_t import_job_percent(const struct job *j)
{
    int64_t all = json_int(json_get(j->progress, "all_bytes"), 0),
            done = json_int(json_get(j->progress, "done_bytes"), 0);
    if (import_job_over(j))
        return 100;
    return all > 0 && done > 0 && done <= all ? done * 100 / all : 0;
}

/* The report so far, or the final one. */
static const struct json *import_job_report(const struct job *j)
{
    return j->state == JOB_DONE ? j->result : j->progress;
}

static void import_fill_report(struct page *pg, const struct json *report)
{
    static const struct {
        const char *field, *key;
    } counts[] = {{"rows", "Report.Rows"},
                  {"added", "Report.Added"},
                  {"updated", "Report.Updated"},
                  {"unchanged", "Report.Unchanged"},
                  {"skipped", "Report.Skipped"}};
    struct view *v = pg->v;
    for (size_t i = 0; i < COUNT_OF(counts); i++)
        view_number(v, counts[i].key, json_int(json_get(report, counts[i].field), 0));
    const struct json *bad = json_get(report, "bad");
    size_t n = json_len(bad), shown = n < REPORT_SHOWN ? n : REPORT_SHOWN;
    for (size_t i = 0; i < shown; i++) {
        const struct json *row = json_at(bad, i);
        view_number(v, view_at(v, "Report.Bad", i, "Row"), json_int(json_get(row, "row"), 0));
        view_str(v, view_at(v, "Report.Bad", i, "Message"), json_get_str(row, "message"));
    }
    view_bool(v, "Report.AnyBad", n > 0);
    view_bool(v, "Report.More", n > shown);
}

/* Without JavaScript the browser loads the page again every two seconds; with it, the script asks for the status and
 * keeps the page. */
void bots_import_job_get(struct request *rq)
{
    struct page pg;
    struct bot b;
    struct job j;
    if (!bots_begin(rq, &pg, "answers", &b) || !import_job_load(&pg, &b, &j))
        return;
    view_id(pg.v, "Job.Id", TEXT_ID(ID_JOB, j.id));
    view_text(pg.v, "Job.State", job_state_name(j.state));
    view_bool(pg.v, "Job.Over", import_job_over(&j));
    view_bool(pg.v, "Job.Failed", j.state == JOB_DEAD);
    view_text(pg.v, "Job.Error", j.error);
    view_int(pg.v, "Job.Percent", import_job_percent(&j));
    view_str(pg.v, "Job.File", json_get_str(j.payload, "filename"));
    import_fill_report(&pg, import_job_report(&j));
    if (!import_job_over(&j))
        view_int(pg.v, "Page.Refresh", 2);
    page_send(&pg, "portal/bots/import_job.cs", NULL);
}

/* The connection is given back before the reply is built. The script asks often, so the route has no rate limit and the
 * reply is small. */
void bots_import_status_get(struct request *rq)
{
    struct page pg;
    struct bot b;
    struct job j;
    if (!bots_begin(rq, &pg, "answers", &b) || !import_job_load(&pg, &b, &j))
        return;
    struct json *out = json_new_object(rq->arena);
    int64_t rows = json_int(json_get(import_job_report(&j), "rows"), 0);
    page_release(&pg);
    if (!out || json_set_str(out, "state", str_from(job_state_name(j.state))) != 0 ||
        json_set_bool(out, "over", import_job_over(&j)) != 0 ||
        json_set_int(out, "percent", import_job_percent(&j)) != 0 || json_set_int(out, "rows", rows) != 0) {
        (void)err_nomem(&pg.e);
        page_fail(&pg);
        return;
    }
    reply_header(rq, "Cache-Control", STR("no-store"));
    reply_json(rq, 200, out);
}

/* ---- report ---- */

/* A spreadsheet would run a cell that begins with one of these characters as a formula; an apostrophe makes it text. */
static void import_csv_cell(struct buf *b, struct str s)
{
    buf_putc(b, '"');
    if (s.n && strchr("=+-@\t\r", s.p[0]))
        buf_putc(b, '\'');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            buf_putc(b, '"');
        buf_putc(b, s.p[i]);
    }
    buf_putc(b, '"');
}

/* The whole list of refused rows, which the page cuts. CRLF is what RFC 4180 and spreadsheets expect. */
void bots_import_report_csv_get(struct request *rq)
{
    struct page pg;
    struct bot b;
    struct job j;
    if (!bots_begin(rq, &pg, "answers", &b) || !import_job_load(&pg, &b, &j))
        return;
    page_release(&pg);
    struct buf *out = reply_body(rq);
    const struct json *bad = json_get(import_job_report(&j), "bad");
    reply_status(rq, 200);
    reply_type(rq, "text/csv; charset=utf-8");
    reply_header(rq, "Content-Disposition", STR("attachment; filename=\"import-report.csv\""));
    reply_header(rq, "Cache-Control", STR("no-store"));
    buf_puts(out, "row,code,message\r\n");
    for (size_t i = 0; i < json_len(bad); i++) {
        const struct json *row = json_at(bad, i);
        buf_i64(out, json_int(json_get(row, "row"), 0));
        buf_putc(out, ',');
        import_csv_cell(out, json_get_str(row, "code"));
        buf_putc(out, ',');
        import_csv_cell(out, json_get_str(row, "message"));
        buf_puts(out, "\r\n");
    }
}
