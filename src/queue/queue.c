/* queue.c: the life of a job: added, claimed under a lease, extended, and ended as done, due again or dead.
 *
 * Every change of a running job first locks its row and checks that this worker still has it. A worker that lost its
 * lease therefore cannot overwrite what the next worker does. Invariant: a job whose row says "running" has a lease
 * that ends, so a dead worker blocks nothing for longer than that. */
#include "queue/queue.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/utf8.h"
#include "queue/queue_store.h"

#include "base/banned.h"

#define FILE_PART (1 * MB)
#define PAYLOAD_MAX (1 * MB)
/* With the backoff below, five attempts span about an hour and twelve (mail) almost two days. A periodic job needs
 * fewer: the next period makes a new one. */
#define JOB_ATTEMPTS 5
#define PERIODIC_ATTEMPTS 3

static const int64_t backoff_s[] = {10, 60, 600, 3600, 21600};

/* ---- adding ---- */

struct job_addition {
    const struct job_new *n;
    struct job_insert row;
};

/* The file is split into parts, because one row must stay below max_allowed_packet, which is 16 MB by default. Parts
 * and row are one transaction: a job is never seen without its file. */
static enum status job_add_write(struct db *c, void *ctx, struct err *e)
{
    struct job_addition *a = ctx;
    struct str rest = a->n->file;
    enum status st = job_store_insert(c, &a->row, e);
    for (int64_t part = 0; st == OK && rest.n; part++) {
        st = job_store_insert_file(c, a->row.id, part, str_sub(rest, 0, FILE_PART), e);
        rest = str_sub(rest, FILE_PART, rest.n);
    }
    return st;
}

/* Runs in the caller's transaction if there is one (db_transaction joins it), so a job exists exactly when the change
 * that needs it does. */
enum status queue_add(struct db *c, const struct job_new *n, struct id *out, struct err *e)
{
    int64_t now = clock_now_ms();
    struct job_addition a = {n,
                             {.id = id_new(),
                              .tenant = n->tenant,
                              .kind = n->kind,
                              .due_ms = n->due_ms ? n->due_ms : now,
                              .now_ms = now,
                              .max_attempts = n->max_attempts > 0 ? n->max_attempts : JOB_ATTEMPTS}};
    struct buf payload;
    if (n->file.n > MAX_CSV)
        return err_set(e, E_file_too_large, "The file is larger than %zu MB.", MAX_CSV / MB);
    buf_init(&payload, PAYLOAD_MAX);
    if (n->payload)
        json_write(&payload, n->payload);
    else
        buf_puts(&payload, "{}");
    a.row.payload = buf_str(&payload);
    enum status st = buf_ok(&payload) ? db_transaction(c, job_add_write, &a, e) : err_raise(e, E_job_too_large);
    buf_release(&payload);
    if (st == OK && out)
        *out = a.row.id;
    return st;
}

/* Any number of workers may ask for the same period; INSERT IGNORE lets the first one win, with no lock and no leader
 * among them. */
enum status queue_add_periodic(struct db *c, enum job_kind kind, int64_t period_ms, struct err *e)
{
    int64_t now = clock_now_ms(), period = now / period_ms * period_ms;
    struct job_insert row = {.kind = kind,
                             .payload = STR("{}"),
                             .due_ms = now,
                             .now_ms = now,
                             .max_attempts = PERIODIC_ATTEMPTS,
                             .once = true};
    uint8_t hash[CRYPTO_HASH];
    char name[96];
    /* The id is derived from kind and period, so a second row for the same period violates the primary key. */
    int n = snprintf(name, sizeof(name), "%s:%lld:%lld", job_kind_name(kind), (long long)period_ms, (long long)period);
    crypto_digest(str_n(name, (size_t)n), hash);
    memcpy(row.id.b, hash, sizeof(row.id.b));
    return job_store_insert(c, &row, e);
}

/* ---- claiming ---- */

struct job_claim {
    struct arena *a;
    const char *worker;
    int64_t lease_ms;
    struct id id;
    bool found;
};

/* No attempts are left, and running the job again might kill the next worker too. The sentence is what the operator
 * reads in parley job list. */
static enum status job_bury(struct db *c, struct id id, struct err *e)
{
    int64_t now = clock_now_ms();
    struct job_end end = {.state = JOB_DEAD,
                          .due_ms = now,
                          .error = STR("The worker died while it ran this job."),
                          .result = db_null(),
                          .finished = true,
                          .now_ms = now};
    log_line(LOG_WARN, "job_dead", LOG_S("error", "lease ended"));
    return job_store_end(c, id, &end, e);
}

/* Due jobs come first: a job whose lease has ended waits until nothing else is due, since it may be the one that killed
 * its worker. The row is locked by the query and taken in the same transaction, so two workers can never take the same
 * job. */
static enum status job_claim_write(struct db *c, void *ctx, struct err *e)
{
    struct job_claim *k = ctx;
    int64_t now = clock_now_ms();
    int attempts = 0, max = 0;
    bool expired = false;
    enum status st = job_store_lock_due(c, k->a, JOB_READY, now, &k->id, &attempts, &max, &k->found, e);
    if (st == OK && !k->found) {
        expired = true;
        st = job_store_lock_due(c, k->a, JOB_RUNNING, now, &k->id, &attempts, &max, &k->found, e);
    }
    if (st != OK || !k->found)
        return st;
    if (expired && attempts >= max) {
        k->found = false;
        return job_bury(c, k->id, e);
    }
    return job_store_take(c, k->id, k->worker, now + k->lease_ms, e);
}

/* The row is read after the commit, without the lock: it is ours now, and parsing a large payload inside the
 * transaction would hold the lock for longer. */
enum status queue_claim(struct db *c, struct arena *a, const char *worker, int64_t lease_ms, struct job *out,
                        bool *found, struct err *e)
{
    struct job_claim k = {.a = a, .worker = worker, .lease_ms = lease_ms};
    enum status st = db_transaction(c, job_claim_write, &k, e);
    *found = st == OK && k.found;
    return *found ? job_store_get(c, DB_GLOBAL, a, k.id, out, e) : st;
}

/* ---- the file ---- */

struct job_file_copy {
    char *at, *end;
};

/* The size was read by another statement. A part that does not fit means that the file changed in between, which must
 * not become an overflow. */
static enum status job_file_copy_part(void *ctx, struct db_row part, struct err *e)
{
    struct job_file_copy *g = ctx;
    struct str data = db_row_str(part, 0);
    if (data.n > (size_t)(g->end - g->at))
        return err_set(e, E_internal, "The file of the job changed while it was being read.");
    memcpy(g->at, data.p, data.n);
    g->at += data.n;
    return OK;
}

/* The size is asked for first, so that the parts are copied once, into memory of the right size. */
enum status queue_file(struct db *c, struct arena *a, struct id job, struct str *out, struct err *e)
{
    int64_t bytes;
    enum status st = job_store_file_size(c, a, job, &bytes, e);
    *out = STR_EMPTY;
    if (st != OK || bytes == 0)
        return st;
    char *p = arena_alloc(a, (size_t)bytes + 1);
    if (!p)
        return err_nomem(e);
    struct job_file_copy g = (struct job_file_copy){p, p + bytes};
    if ((st = job_store_file(c, job, job_file_copy_part, &g, e)) == OK)
        *out = str_n(p, (size_t)(g.at - p));
    return st;
}

/* ---- a running job ---- */

struct job_change {
    struct id id;
    const char *worker;
    int64_t lease_ms;
    struct db_val text; /* progress or result, as JSON */
    const char *error;
    bool final;
};

/* Runs fn in a transaction; it locks the row with job_lock_held(). JSON in `j` (or NULL) becomes k->text. */
static enum status job_change_run(struct db *c, struct job_change *k, const struct json *j,
                                  enum status (*fn)(struct db *, void *, struct err *), struct err *e)
{
    struct buf b;
    buf_init(&b, PAYLOAD_MAX);
    if (j)
        json_write(&b, j);
    k->text = db_opt(j, db_str(buf_str(&b)));
    enum status st = buf_ok(&b) ? db_transaction(c, fn, k, e)
                                : err_set(e, E_job_too_large, "The job's result is too large.");
    buf_release(&b);
    return st;
}

/* The worker's name and the state are part of the condition. A worker whose job was taken over, or buried, gets a
 * conflict here and not a chance to write. */
static enum status job_lock_held(struct db *c, const struct job_change *k, int *attempts, int *max, struct err *e)
{
    struct arena a;
    arena_init(&a, ROW_ARENA);
    enum status st = job_store_lock_mine(c, &a, k->id, k->worker, attempts, max, e);
    arena_release(&a);
    return st;
}

/* A NULL text keeps the progress that was stored last. */
static enum status job_extend_write(struct db *c, void *ctx, struct err *e)
{
    struct job_change *k = ctx;
    int attempts, max;
    enum status st = job_lock_held(c, k, &attempts, &max, e);
    return st == OK ? job_store_extend(c, k->id, clock_now_ms() + k->lease_ms, k->text, e) : st;
}

enum status queue_extend(struct db *c, struct id job, const char *worker, int64_t lease_ms, const struct json *progress,
                         struct err *e)
{
    struct job_change k = {.id = job, .worker = worker, .lease_ms = lease_ms};
    return job_change_run(c, &k, progress, job_extend_write, e);
}

/* The file is deleted with the job's end, in one transaction: until then a repetition needs it. */
static enum status job_done_write(struct db *c, void *ctx, struct err *e)
{
    struct job_change *k = ctx;
    int attempts, max;
    int64_t now = clock_now_ms();
    struct job_end end = {
        .state = JOB_DONE, .due_ms = now, .error = STR_EMPTY, .result = k->text, .finished = true, .now_ms = now};
    enum status st = job_lock_held(c, k, &attempts, &max, e);
    if (st == OK)
        st = job_store_end(c, k->id, &end, e);
    return st == OK ? job_store_delete_file(c, k->id, e) : st;
}

enum status queue_done(struct db *c, struct id job, const char *worker, const struct json *result, struct err *e)
{
    struct job_change k = {.id = job, .worker = worker};
    return job_change_run(c, &k, result, job_done_write, e);
}

/* The row ends as dead, or is due again after the backoff of this attempt. The last step of the backoff repeats for
 * jobs with more attempts than steps. A final failure deletes the file, because a replay would fail in the same way;
 * after the last attempt the file stays for one. */
static enum status job_fail_write(struct db *c, void *ctx, struct err *e)
{
    struct job_change *k = ctx;
    int attempts, max;
    int64_t now = clock_now_ms();
    struct job_end end = {
        .state = JOB_READY, .error = utf8_cut(str_from(k->error), 500), .result = db_null(), .now_ms = now};
    enum status st = job_lock_held(c, k, &attempts, &max, e);
    if (st != OK)
        return st;
    size_t step = attempts > 0 ? (size_t)attempts - 1 : 0, last = COUNT_OF(backoff_s) - 1;
    end.due_ms = now + backoff_s[step < last ? step : last] * 1000;
    if (k->final || attempts >= max) {
        end.state = JOB_DEAD;
        end.finished = true;
        end.due_ms = now;
    }
    st = job_store_end(c, k->id, &end, e);
    return st == OK && k->final ? job_store_delete_file(c, k->id, e) : st;
}

enum status queue_fail(struct db *c, struct id job, const char *worker, const char *error, bool final, struct err *e)
{
    struct job_change k = {.id = job, .worker = worker, .error = error, .final = final};
    return job_change_run(c, &k, NULL, job_fail_write, e);
}

/* ---- lists and repair ---- */

enum status queue_get(struct db *c, const struct id *tenant, struct arena *a, struct id job, struct job *out,
                      struct err *e)
{
    return job_store_get(c, tenant, a, job, out, e);
}

enum status queue_waiting(struct db *c, struct id tenant, enum job_kind kind, int64_t *n, struct err *e)
{
    struct arena a;
    arena_init(&a, ROW_ARENA);
    enum status st = job_store_waiting(c, &a, tenant, kind, n, e);
    arena_release(&a);
    return st;
}

enum status queue_list(struct db *c, struct arena *a, enum job_state state, int limit, struct job **out, size_t *n,
                       struct err *e)
{
    return job_store_list(c, a, state, limit, out, n, e);
}

enum status queue_last_ended(struct db *c, struct arena *a, struct job_last **out, size_t *n, struct err *e)
{
    return job_store_last_ended(c, a, out, n, e);
}

enum status queue_replay(struct db *c, struct id job, struct err *e)
{
    int64_t n = 0;
    enum status st = job_store_replay(c, job, clock_now_ms(), &n, e);
    return st == OK && n == 0 ? err_set(e, E_not_found, "There is no dead job with this id.") : st;
}

enum status queue_depth(struct db *c, struct queue_depth *out, struct err *e)
{
    struct arena a;
    arena_init(&a, ROW_ARENA);
    enum status st = job_store_depth(c, &a, clock_now_ms(), out, e);
    arena_release(&a);
    return st;
}

enum status queue_forget(struct db *c, enum job_state state, int64_t before_ms, int limit, int64_t *n, struct err *e)
{
    return job_store_forget(c, state, before_ms, limit, n, e);
}
