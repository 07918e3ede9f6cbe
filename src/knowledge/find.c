/* find.c: matching a question: the indexes in memory, and the answers they point at.
 *
 * One table under one lock, which is held to look up and to count references, never while an index is built or searched. While a changed
 * set is indexed anew by one thread, the others answer from the index that is there. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/shared.h"
#include "knowledge/answer_store.h"
#include "knowledge/index.h"

#include "base/banned.h"

#define SETS 128 /* places are found by the bot's id: a set of WAYS each */
#define WAYS 8
#define BYTES_MAX (24 * MB)

struct held {
    atomic_int refs;
    struct index *index;
};
struct entry {
    struct id tenant, bot;
    struct held *held; /* NULL while the first index is built */
    uint64_t generation;
    int64_t used_us;
    bool stale, building;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t built;
    struct entry e[SETS][WAYS];
    size_t bytes;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER, .built = PTHREAD_COND_INITIALIZER};

static void held_drop(struct held *h)
{
    if (!h || atomic_fetch_sub_explicit(&h->refs, 1, memory_order_acq_rel) != 1)
        return;
    index_free(h->index);
    free(h);
}

static struct held *held_retain(struct held *h)
{
    atomic_fetch_add_explicit(&h->refs, 1, memory_order_relaxed);
    return h;
}

/* ---- the table; with the lock held ---- */

/* The last bytes of a UUIDv7 are random. */
static struct entry *set_of(struct id bot)
{
    return cache.e[bot.b[15] % SETS];
}

static struct entry *entry_of(struct id tenant, struct id bot)
{
    struct entry *set = set_of(bot);
    for (size_t i = 0; i < WAYS; i++)
        if (id_eq(set[i].bot, bot) && id_eq(set[i].tenant, tenant))
            return &set[i];
    return NULL;
}

static void let_go(struct entry *y)
{
    if (y->held)
        cache.bytes -= index_bytes(y->held->index);
    held_drop(y->held);
    y->held = NULL;
}

/* Least recently used first; one that is being built stays. */
static bool evict_one(const struct entry *keep)
{
    struct entry *oldest = NULL;
    for (size_t i = 0; i < SETS * WAYS; i++) {
        struct entry *y = &cache.e[i / WAYS][i % WAYS];
        if (y != keep && y->held && !y->building && (!oldest || y->used_us < oldest->used_us))
            oldest = y;
    }
    if (!oldest)
        return false;
    let_go(oldest);
    *oldest = (struct entry){0};
    return true;
}

/* A free place in the bot's set, or its least recently used one; NULL when all are being built. */
static struct entry *place_for(struct id tenant, struct id bot)
{
    struct entry *set = set_of(bot), *best = NULL;
    for (size_t i = 0; i < WAYS; i++)
        if (!set[i].building && (!best || set[i].used_us < best->used_us))
            best = &set[i];
    if (!best)
        return NULL;
    let_go(best);
    *best = (struct entry){.tenant = tenant, .bot = bot};
    return best;
}

/* ---- building ---- */

static enum status add_row(void *ctx, const struct answer_row *row, struct err *e)
{
    return index_add(ctx, &row->answer, e);
}

static enum status build(struct db *c, struct id tenant, struct id bot, struct held **out, struct err *e)
{
    struct index_builder *b = NULL;
    struct held *h = calloc(1, sizeof(*h));
    struct str language;
    struct arena a;
    enum status st;
    arena_init(&a, 64 * KB);
    if (!h) {
        st = err_nomem(e);
        goto out;
    }
    if ((st = store_answer_bot(c, &a, tenant, bot, &language, e)) != OK)
        goto out;
    if (!(b = index_builder_new(language))) {
        st = err_nomem(e);
        goto out;
    }
    if ((st = store_answers_each(c, tenant, bot, add_row, b, e)) != OK)
        goto out;
    st = index_finish(b, &h->index, e);
    b = NULL;
    if (st != OK)
        goto out;
    atomic_init(&h->refs, 1);
    *out = h;
    h = NULL;
out:
    index_builder_free(b);
    free(h);
    arena_release(&a);
    return st;
}

static enum status build_timed(struct db_pool *p, struct id tenant, struct id bot, struct held **out, struct err *e)
{
    int64_t from = clock_mono_us();
    struct db *c;
    enum status st = db_get(p, &c, e);
    if (st != OK)
        return st;
    st = build(c, tenant, bot, out, e);
    db_put(c);
    if (st == OK)
        log_line(LOG_DEBUG, "answers_indexed", LOG_I("answers", index_count((*out)->index)),
                 LOG_I("bytes", index_bytes((*out)->index)), LOG_I("ms", (clock_mono_us() - from) / 1000));
    return st;
}

/* Put what was built (NULL: it failed) into its place and wake those who wait. *fresh is borrowed still. */
static void settle(struct id tenant, struct id bot, uint64_t generation, struct held *fresh)
{
    pthread_mutex_lock(&cache.lock);
    struct entry *y = entry_of(tenant, bot);
    y->building = false;
    if (fresh) {
        let_go(y);
        y->held = held_retain(fresh);
        y->generation = generation;
        cache.bytes += index_bytes(fresh->index);
        while (cache.bytes > BYTES_MAX && evict_one(y))
            ;
    } else if (!y->held) {
        *y = (struct entry){0};
    }
    pthread_cond_broadcast(&cache.built);
    pthread_mutex_unlock(&cache.lock);
}

enum look { LOOK_FOUND, LOOK_BUILD, LOOK_FULL };

/* An index to search (a reference of the caller's), or the duty to build one. */
static enum look look(struct id tenant, struct id bot, uint64_t generation, struct held **out)
{
    enum look r;
    pthread_mutex_lock(&cache.lock);
    for (;;) {
        struct entry *y = entry_of(tenant, bot);
        if (!y)
            y = place_for(tenant, bot);
        r = LOOK_FULL;
        if (!y)
            break;
        y->used_us = clock_mono_us();
        r = LOOK_FOUND;
        if (y->held && ((y->generation == generation && !y->stale) || y->building)) {
            *out = held_retain(y->held);
            break;
        }
        if (!y->building) {
            y->building = true;
            y->stale = false;
            r = LOOK_BUILD;
            break;
        }
        pthread_cond_wait(&cache.built, &cache.lock);
    }
    pthread_mutex_unlock(&cache.lock);
    return r;
}

static enum status current(struct db_pool *p, struct id tenant, struct id bot, struct held **out, struct err *e)
{
    uint64_t generation = shared_generation("answers", bot); /* before the database is read */
    enum look r = look(tenant, bot, generation, out);
    if (r == LOOK_FOUND)
        return OK;
    enum status st = build_timed(p, tenant, bot, out, e);
    if (r == LOOK_BUILD)
        settle(tenant, bot, generation, st == OK ? *out : NULL);
    return st;
}

void answers_changed(struct id bot)
{
    shared_bump("answers", bot);
    pthread_mutex_lock(&cache.lock); /* where no shared file is open, this program at least knows */
    for (size_t i = 0; i < WAYS; i++)
        if (id_eq(set_of(bot)[i].bot, bot))
            set_of(bot)[i].stale = true;
    pthread_mutex_unlock(&cache.lock);
}

void answers_forget(void)
{
    pthread_mutex_lock(&cache.lock);
    while (evict_one(NULL))
        ;
    pthread_mutex_unlock(&cache.lock);
}

/* ---- finding ---- */

static bool copy_answer(struct arena *a, const struct answer *from, struct answer *to)
{
    bool ok = true;
    *to = (struct answer){.id = from->id, .updated_ms = from->updated_ms};
    to->question = arena_str(a, from->question, &ok);
    to->answer = arena_str(a, from->answer, &ok);
    to->link = arena_str(a, from->link, &ok);
    to->source = arena_str(a, from->source, &ok);
    to->language = arena_str(a, from->language, &ok);
    return ok;
}

/* Large sets keep no texts in memory: the few found are read. One deleted since then is left out. */
static enum status read_hits(struct db_pool *p, struct id tenant, struct id bot, const struct index_match *m,
                             struct arena *a, struct answers_match *out, struct err *e)
{
    struct db *c;
    enum status st = db_get(p, &c, e);
    if (st != OK)
        return st;
    for (size_t i = 0; i < m->n && st == OK; i++) {
        st = store_answer_get(c, a, tenant, bot, m->hits[i].id, &out->hits[out->n].answer, e);
        if (st == OK)
            out->hits[out->n++].score = m->hits[i].score;
        else if (st == ERR_NOT_FOUND)
            st = OK;
    }
    db_put(c);
    return st;
}

static enum status collect(struct db_pool *p, struct id tenant, struct id bot, const struct index *x,
                           const struct index_match *m, struct arena *a, struct answers_match *out, struct err *e)
{
    struct answer w;
    enum status st;
    *out = (struct answers_match){.verdict = m->verdict};
    if (m->n && !index_answer(x, m->hits[0].doc, &w)) {
        st = read_hits(p, tenant, bot, m, a, out, e);
        if (st == OK && !out->n)
            out->verdict = ANSWERS_NONE;
        return st;
    }
    for (size_t i = 0; i < m->n; i++) {
        if (!index_answer(x, m->hits[i].doc, &w) || !copy_answer(a, &w, &out->hits[i].answer))
            return err_nomem(e);
        out->hits[i].score = m->hits[i].score;
        out->n++;
    }
    return OK;
}

enum status answers_find(struct db_pool *p, struct id tenant, struct id bot, struct str language, struct str question,
                         struct arena *a, struct answers_match *out, struct err *e)
{
    struct held *h = NULL;
    struct index_match m;
    enum status st = current(p, tenant, bot, &h, e);
    if (st != OK)
        return st;
    st = index_find(h->index, language, question, &m, e);
    if (st == OK)
        st = collect(p, tenant, bot, h->index, &m, a, out, e);
    held_drop(h);
    return st;
}
