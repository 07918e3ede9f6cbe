/* journal.c: turns are written in batches, without a thread of its own, and no turn holds a thread while it waits.
 *
 * A turn that finds a free connection leads: its step takes all turns that wait into one transaction, wakes those that
 * it wrote, and passes the lead to the first that arrived meanwhile. So one commit, the expensive part, serves many
 * turns exactly when there are many, and a single turn does not wait.
 *
 * Invariant: a turn is reported as recorded only if it is durable, and as refused only if it is not. The difficult
 * case is a COMMIT whose reply is lost: the outcome is read back from the rows (journal_find_outcome), and from then
 * on a conflict may be with the turn's own rows (`again`). */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "talk/journal_internal.h"
#include "talk/journal_store.h"

#include "base/banned.h"

#define JOURNAL_ARENA (64 * MB)     /* arena of one batch: a thousand turns of large messages */
#define LOOK_FOR_US (4 * 1000000LL) /* how long a leader looks for the outcome of an unknown commit */
#define LOOK_PAUSE_MS 100
/* While one connection writes, the next batch gathers: few large transactions cost less than many small ones. A
 * second connection joins in when this many turns wait. */
#define WORTH_A_SECOND 16

struct journal {
    struct db_pool *writers; /* journal_writers connections of its own: readers never make a turn wait */
    int free, all;           /* how many more may lead, of how many */
    size_t batch_max;
    pthread_mutex_t lock;
    struct journal_wait *head, **tail; /* empty while no caller leads */
    size_t waiting;
};

/* A pool of its own, as large as the number of leaders: a leader never waits for a connection, and readers cannot keep
 * a turn from being recorded. */
enum status journal_open(const struct config *c, struct journal **out, struct err *e)
{
    struct journal *j = calloc(1, sizeof(*j));
    if (!j)
        return err_nomem(e);
    j->all = (int)config_int(c, CONFIG_journal_writers);
    j->free = j->all;
    j->batch_max = (size_t)config_int(c, CONFIG_journal_batch);
    j->tail = &j->head;
    enum status st = db_pool_open(c, j->all, &j->writers, e);
    if (st != OK) {
        free(j);
        return st;
    }
    pthread_mutex_init(&j->lock, NULL);
    *out = j;
    return OK;
}

static void journal_pause_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* Waits until everything that was handed in is written. Turns that are still thinking are not waited for: the server
 * has ended them before. */
void journal_close(struct journal *j)
{
    bool busy = true;
    if (!j)
        return;
    while (busy) {
        pthread_mutex_lock(&j->lock);
        busy = j->head || j->free < j->all;
        pthread_mutex_unlock(&j->lock);
        if (busy)
            journal_pause_ms(5);
    }
    db_pool_close(j->writers);
    pthread_mutex_destroy(&j->lock);
    free(j);
}

/* ---- one transaction ---- */

struct batch {
    struct journal_wait **w;
    size_t n;
    struct arena *scratch;
};

static enum status journal_write_batch(struct db *c, void *ctx, struct err *e)
{
    struct batch *b = ctx;
    const struct journal_turn **turns = arena_array(b->scratch, b->n, sizeof(*turns));
    if (!turns)
        return err_nomem(e);
    for (size_t i = 0; i < b->n; i++)
        turns[i] = b->w[i]->turn;
    return journal_store_write(c, turns, b->n, b->scratch, e);
}

/* The arena is reset whatever happens, because the same batch may be tried again, smaller. db_transaction has already
 * repeated what a deadlock rolled back, so a failure here usually has another cause. */
static enum status journal_commit(struct journal *j, struct batch *b, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(j->writers, &c, e);
    if (st == OK) {
        st = db_transaction(c, journal_write_batch, b, e);
        db_put(c);
    }
    arena_reset(b->scratch);
    return st;
}

static void journal_settle_batch(struct batch *b, enum status st, const struct err *e)
{
    for (size_t i = 0; i < b->n; i++) {
        b->w[i]->status = st;
        if (st != OK)
            b->w[i]->err = *e;
    }
}

/* ---- looking ---- */

static enum status journal_trace_turn(struct journal *j, struct batch *b, struct journal_wait *w,
                                      enum journal_trace *out, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(j->writers, &c, e);
    if (st == OK) {
        st = journal_store_trace(c, w->turn, b->scratch, out, e);
        db_put(c);
    }
    arena_reset(b->scratch);
    return st;
}

/* True: the trace decides what becomes of the turn, and its status is set. */
static bool journal_settled_by_trace(struct journal_wait *w, enum journal_trace t)
{
    switch (t) {
    case JOURNAL_MINE:
        /* Unless a commit of this turn was lost before, these rows are the same message recorded by another process. */
        w->status = w->again ? OK
                             : err_set(&w->err, w->turn->has_key ? E_turn_key : E_sequence,
                                       "This message has already been recorded.");
        return true;
    case JOURNAL_KEY_TAKEN:
        w->status = err_raise(&w->err, E_turn_key);
        return true;
    case JOURNAL_SEQ_TAKEN:
        w->status = err_raise(&w->err, E_sequence);
        return true;
    case JOURNAL_ABSENT:
        break;
    }
    return false;
}

/* ---- recording, from the easy way to the careful one ---- */

/* One turn in a transaction of its own. A conflict after a lost commit may be with the rows of that commit, which
 * arrived later than we looked. */
static void journal_write_single(struct journal *j, struct arena *scratch, struct journal_wait *w)
{
    struct batch one = {&w, 1, scratch};
    enum journal_trace t = JOURNAL_ABSENT;
    struct err ignored = ERR_INIT;
    w->err = ERR_INIT;
    w->status = journal_commit(j, &one, &w->err);
    if (w->status == ERR_CONFLICT && w->again && journal_trace_turn(j, &one, w, &t, &ignored) == OK &&
        t == JOURNAL_MINE)
        w->status = OK;
}

/* Turns that are known to be refused without writing leave the batch, so that the rest has a good chance as a
 * batch. */
static void journal_sift(struct journal *j, struct batch *b)
{
    size_t kept = 0;
    for (size_t i = 0; i < b->n; i++) {
        struct journal_wait *w = b->w[i];
        enum journal_trace t = JOURNAL_ABSENT;
        struct err e = ERR_INIT;

        if (journal_trace_turn(j, b, w, &t, &e) != OK || !journal_settled_by_trace(w, t))
            b->w[kept++] = w;
    }
    b->n = kept;
}

/* Turns under a finite limit are written one by one, so that the last places of a plan are given out exactly. */
static void journal_write_limited(struct journal *j, struct batch *b)
{
    size_t kept = 0;
    for (size_t i = 0; i < b->n; i++) {
        struct journal_wait *w = b->w[i];

        if (w->turn->counts && w->turn->quota.limit != USAGE_UNLIMITED)
            journal_write_single(j, b->scratch, w);
        else
            b->w[kept++] = w;
    }
    b->n = kept;
}

/* The outcome of the last commit is unknown. Reads it back, for as long as the database may take to come back; the
 * time is shared by the whole batch, because visitors wait meanwhile. Turns that are surely not recorded stay in the
 * batch; those whose outcome cannot be read are refused with the unknown commit, and their clients ask again with
 * the same id. */
static void journal_find_outcome(struct journal *j, struct batch *b, const struct err *unknown)
{
    int64_t until = clock_mono_us() + LOOK_FOR_US;
    enum journal_trace t = JOURNAL_ABSENT;
    struct err e = ERR_INIT;
    size_t kept = 0;
    for (size_t i = 0; i < b->n; i++) {
        struct journal_wait *w = b->w[i];
        enum status st;

        w->again = true;
        while ((st = journal_trace_turn(j, b, w, &t, &e)) != OK && clock_mono_us() < until)
            journal_pause_ms(LOOK_PAUSE_MS);
        if (st != OK) {
            w->status = unknown->status;
            w->err = *unknown;
        } else if (!journal_settled_by_trace(w, t)) {
            b->w[kept++] = w;
        }
    }
    b->n = kept;
}

static bool journal_is_unknown(enum status st, const struct err *e)
{
    return st == ERR_UNAVAILABLE && err_is(e, E_commit_unknown);
}

static void journal_write_singly(struct journal *j, struct batch *b)
{
    for (size_t i = 0; i < b->n; i++)
        journal_write_single(j, b->scratch, b->w[i]);
}

/* The batch as a whole failed with st. From the likely cause to the careful way: find out about a lost commit, refuse
 * all when the database is away, take out the turns that cause the failure, write the rest again, and at last each turn
 * on its own. Each step shrinks the batch or ends, so recovery is bounded even if the database keeps failing. After a
 * second lost commit the turns that are left are refused as unknown. */
static void journal_recover(struct journal *j, struct batch *b, enum status st, const struct err *e)
{
    struct err again = ERR_INIT;
    log_line(LOG_DEBUG, "journal_sift", LOG_I("turns", b->n), LOG_S("code", err_code(e)), LOG_S("message", e->message));
    if (journal_is_unknown(st, e)) {
        journal_find_outcome(j, b, e);
    } else if (st == ERR_UNAVAILABLE || st == ERR_NOMEM || b->n == 1) {
        journal_settle_batch(b, st, e);
        return;
    } else if (st == ERR_PLAN) {
        journal_write_limited(j, b);
    } else {
        journal_sift(j, b);
    }
    if (b->n == 0)
        return;
    st = journal_commit(j, b, &again);
    if (st == OK || (st == ERR_UNAVAILABLE && !journal_is_unknown(st, &again))) {
        journal_settle_batch(b, st, &again);
    } else if (journal_is_unknown(st, &again)) {
        journal_find_outcome(j, b, &again);
        journal_settle_batch(b, ERR_UNAVAILABLE, &again);
    } else {
        journal_write_singly(j, b);
    }
}

static void journal_write(struct journal *j, struct journal_wait **w, size_t n)
{
    struct arena scratch;
    struct err e = ERR_INIT;
    struct batch b = {w, n, &scratch};
    arena_init(&scratch, JOURNAL_ARENA);
    enum status st = journal_commit(j, &b, &e);
    if (st == OK)
        journal_settle_batch(&b, OK, NULL);
    else
        journal_recover(j, &b, st, &e);
    arena_release(&scratch);
}

/* ---- leading ---- */

/* Called with the lock held: takes up to `max` turns from the head. */
static size_t journal_take_waiting(struct journal *j, struct journal_wait **all, size_t max)
{
    size_t n = 0;
    while (j->head && n < max) {
        all[n++] = j->head;
        j->head = j->head->next;
    }
    j->waiting -= n;
    if (!j->head)
        j->tail = &j->head;
    return n;
}

/* Called with the lock held: should one more connection write? Always if none does. Otherwise only for a batch that is
 * worth it, because a turn that waits shares the next commit, while one that leads costs a commit of its own. */
static bool journal_worth_leading(const struct journal *j, size_t waiting)
{
    return j->free == j->all || (j->free > 0 && waiting >= WORTH_A_SECOND);
}

/* The last access to a turn that waits: as soon as its state is set, its step may end it and its memory. */
static void journal_tell(struct journal_wait *w, enum journal_progress progress)
{
    struct waker waker = w->waker;
    atomic_store_explicit(&w->progress, progress, memory_order_release);
    waker_wake(&waker);
}

/* This connection is free again. The turn that has waited longest takes it and leaves the queue at once, so that it is
 * not woken twice. Without this hand-over a turn that queued up while all connections were busy would wait until
 * another turn arrives. */
static void journal_pass_lead(struct journal *j)
{
    struct journal_wait *next = NULL;
    pthread_mutex_lock(&j->lock);
    j->free++;
    if (journal_worth_leading(j, j->waiting) && journal_take_waiting(j, &next, 1) == 1)
        j->free--;
    pthread_mutex_unlock(&j->lock);
    if (next)
        journal_tell(next, JOURNAL_LEADS);
}

/* `order` is a copy that recovery may shorten and reorder; `all` keeps everyone who has to be told. The leader's own
 * turn is the first and needs no waking. The lead is passed on before the followers are woken: the next batch is
 * already being written while they reply. */
static void journal_lead(struct journal *j, struct journal_wait *self)
{
    struct journal_wait **all = calloc(2 * j->batch_max, sizeof(*all)), **order;
    size_t n = 1;
    atomic_store_explicit(&self->progress, JOURNAL_SETTLED, memory_order_relaxed);
    if (!all) {
        self->status = err_nomem(&self->err);
        journal_pass_lead(j);
        return;
    }
    all[0] = self;
    pthread_mutex_lock(&j->lock);
    n += journal_take_waiting(j, all + 1, j->batch_max - 1);
    pthread_mutex_unlock(&j->lock);
    order = all + j->batch_max;
    memcpy(order, all, n * sizeof(*all));
    journal_write(j, order, n);
    journal_pass_lead(j);
    for (size_t i = 1; i < n; i++)
        journal_tell(all[i], JOURNAL_SETTLED);
    free(all);
}

void journal_submit(struct journal *j, struct journal_wait *w)
{
    atomic_init(&w->progress, JOURNAL_QUEUED);
    w->status = OK;
    w->err = ERR_INIT;
    w->again = false;
    w->next = NULL;
    pthread_mutex_lock(&j->lock);
    bool leads = journal_worth_leading(j, j->waiting + 1);
    if (leads) {
        j->free--;
    } else {
        *j->tail = w;
        j->tail = &w->next;
        j->waiting++;
    }
    pthread_mutex_unlock(&j->lock);
    if (leads)
        journal_lead(j, w);
}

bool journal_settled(struct journal *j, struct journal_wait *w)
{
    if (atomic_load_explicit(&w->progress, memory_order_acquire) == JOURNAL_LEADS)
        journal_lead(j, w);
    return atomic_load_explicit(&w->progress, memory_order_acquire) == JOURNAL_SETTLED;
}
