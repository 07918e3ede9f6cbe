/* job_import.c: answers_import {bot, replace, filename}: the uploaded CSV file, kept beside the job, becomes the bot's
 * answers.
 *
 * The result is the report that the page shows. A second run after a crash gives the same answers: they are matched by
 * their question, not appended. */
#include "base/id.h"
#include "base/limits.h"
#include "knowledge/answers.h"
#include "worker/worker_internal.h"

#include "base/banned.h"

/* The counts so far; the rejected rows come with the result. */
static int import_fill_progress(struct json *j, int64_t done_bytes, int64_t all_bytes, const struct import_report *r)
{
    return json_set_int(j, "done_bytes", done_bytes) || json_set_int(j, "all_bytes", all_bytes) ||
           json_set_int(j, "rows", r->rows) || json_set_int(j, "added", r->added) ||
           json_set_int(j, "updated", r->updated) || json_set_int(j, "unchanged", r->unchanged) ||
           json_set_int(j, "skipped", r->skipped);
}

/* Called every few rows. The progress has an arena of its own, so that a long import does not fill the job's. */
static void import_progress(void *ctx, int64_t done_bytes, int64_t all_bytes, const struct import_report *r)
{
    struct worker_job *w = ctx;
    struct arena a;
    arena_init(&a, ROW_ARENA);
    struct json *j = json_new_object(&a);
    worker_progress(w, j && import_fill_progress(j, done_bytes, all_bytes, r) == 0 ? j : NULL);
    arena_release(&a);
}

enum status job_import_answers(struct worker_job *w, struct json **result, struct err *e)
{
    struct import_request rq = {.tenant = w->job->tenant,
                                .replace = json_bool(json_get(w->job->payload, "replace")),
                                .progress = import_progress,
                                .progress_ctx = w};
    struct import_report report;
    if (!id_parse(ID_BOT, json_get_str(w->job->payload, "bot"), &rq.bot) || id_is_none(w->job->tenant))
        return err_set(e, E_invalid, "The job does not name a bot.");
    enum status st = queue_file(w->db, w->arena, w->job->id, &rq.csv, e);
    if (st == OK)
        st = answers_import(w->db, &rq, w->arena, &report, e);
    if (st == OK && !(*result = answers_report_json(w->arena, &report)))
        st = err_nomem(e);
    return st;
}
