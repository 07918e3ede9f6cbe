/* import_job.c: an uploaded CSV file becomes a job of the worker. Files wait in the database, so a workspace may have
 * only a few there at a time; the count and the insert are in one transaction. */
#include "base/limits.h"
#include "base/utf8.h"
#include "knowledge/answers.h"
#include "plan/entitlement.h"
#include "queue/queue.h"

#include "base/banned.h"

#define WAITING_MAX 4 /* imports of one workspace that wait or run */
#define IMPORT_ATTEMPTS 5
#define FILENAME_MAX_SHOWN 200

struct import_job_adding {
    struct job_new job;
    struct id id;
};

/* The plan is asked first: a workspace that may make nothing new need not wait for the end of other imports to learn
 * that. */
static enum status import_job_add(struct db *c, void *ctx, struct err *e)
{
    struct import_job_adding *a = ctx;
    int64_t waiting = 0;
    enum status st = entitlement_may_make(c, a->job.tenant, e);
    if (st == OK)
        st = queue_waiting(c, a->job.tenant, a->job.kind, &waiting, e);
    if (st == OK && waiting >= WAITING_MAX)
        st = err_set(e, E_imports_waiting,
                     "%d imports of this workspace are in progress. Wait until one of them has finished.", WAITING_MAX);
    return st == OK ? queue_add(c, &a->job, &a->id, e) : st;
}

/* The file name is only shown, so one that is not valid UTF-8 is dropped and not refused. Several attempts, because an
 * import that a restart has interrupted may simply run again: the rows that it has written are then unchanged. */
enum status answers_import_later(struct db *c, struct id tenant, struct id bot, const struct import_file *f,
                                 struct arena *a, struct id *job, struct err *e)
{
    struct json *payload = json_new_object(a);
    char id[ID_TEXT_MAX];
    if (!f->csv.n)
        return err_raise_at(e, E_file_missing, "file");
    if (!payload || json_set_str(payload, "bot", str_from(id_text(ID_BOT, bot, id))) != 0 ||
        json_set_bool(payload, "replace", f->replace) != 0 ||
        json_set_str(payload, "filename", utf8_valid(f->name) ? utf8_cut(f->name, FILENAME_MAX_SHOWN) : STR_EMPTY) != 0)
        return err_nomem(e);
    struct import_job_adding adding = {.job = {.kind = JOB_KIND_answers_import,
                                               .tenant = tenant,
                                               .payload = payload,
                                               .max_attempts = IMPORT_ATTEMPTS,
                                               .file = f->csv}};
    enum status st = db_transaction(c, import_job_add, &adding, e);
    *job = adding.id;
    return st;
}
