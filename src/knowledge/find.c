/* find.c: matching a question: the indexes in memory, and the answers they point at.
 *
 * One table under one lock, which is held to find entries and to count references, never while an index is built or
 * searched. When the answers of a bot have changed, one thread builds the new index while the others still answer
 * from the old one; only when there is none yet do they wait. Invariant: an index that is being searched is held by a
 * reference, so eviction never frees it. */
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

#define CACHE_SETS 128 /* places are found by the bot's id: a set of CACHE_WAYS each */
#define CACHE_WAYS 8
#define BYTES_MAX (24 * MB)

struct index_held {
    atomic_int refs;
    struct index *index;
};
struct index_slot {
    struct id tenant, bot;
    struct index_held *held; /* NULL while the first index is built */
    uint64_t generation;
    int64_t used_us;
    bool stale, building;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t built;
    struct index_slot e[CACHE_SETS][CACHE_WAYS];
    size_t bytes;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER, .built = PTHREAD_COND_INITIALIZER};

/* The index is freed by its last user, also when it was evicted while a search was still reading it. */
static void index_held_drop(struct index_held *h)
{
    if (!h || atomic_fetch_sub_explicit(&h->refs, 1, memory_order_acq_rel) != 1)
        return;
    index_free(h->index);
    free(h);
}

static struct index_held *index_held_retain(struct index_held *h)
{
    atomic_fetch_add_explicit(&h->refs, 1, memory_order_relaxed);
    return h;
}

/* ---- the table; with the lock held ---- */

/* The last bytes of a UUIDv7 are random, so they choose the set. */
static struct index_slot *find_set_of(struct id bot)
{
    return cache.e[bot.b[15] % CACHE_SETS];
}

static struct index_slot *find_slot_of(struct id tenant, struct id bot)
{
    struct index_slot *set = find_set_of(bot);
    for (size_t i = 0; i < CACHE_WAYS; i++)
        if (id_eq(set[i].bot, bot) && id_eq(set[i].tenant, tenant))
            return &set[i];
    return NULL;
}

/* The bytes of an evicted index are no longer counted, although a search may still hold it: such a search ends within
 * milliseconds. */
static void find_release_slot(struct index_slot *y)
{
    if (y->held)
        cache.bytes -= index_bytes(y->held->index);
    index_held_drop(y->held);
    y->held = NULL;
}

/* The least recently used index goes first; one that is being built stays. */
static bool find_evict_one(const struct index_slot *keep)
{
    struct index_slot *oldest = NULL;
    for (size_t i = 0; i < (size_t)CACHE_SETS * CACHE_WAYS; i++) {
        struct index_slot *y = &cache.e[i / CACHE_WAYS][i % CACHE_WAYS];
        if (y != keep && y->held && !y->building && (!oldest || y->used_us < oldest->used_us))
            oldest = y;
    }
    if (!oldest)
        return false;
    find_release_slot(oldest);
    *oldest = (struct index_slot){0};
    return true;
}

/* A free place in the set of the bot, or its least recently used one; NULL when all are being built. Then the index
 * is built for this question only. */
static struct index_slot *find_place_for(struct id tenant, struct id bot)
{
    struct index_slot *set = find_set_of(bot), *best = NULL;
    for (size_t i = 0; i < CACHE_WAYS; i++)
        if (!set[i].building && (!best || set[i].used_us < best->used_us))
            best = &set[i];
    if (!best)
        return NULL;
    find_release_slot(best);
    *best = (struct index_slot){.tenant = tenant, .bot = bot};
    return best;
}

/* ---- building ---- */

static enum status find_add_row(void *ctx, const struct answer_row *row, struct err *e)
{
    return index_add(ctx, &row->answer, e);
}

/* Rows are added while they arrive, so a large bot is never in memory as rows. index_finish takes the builder in any
 * case, hence the NULL after it. */
static enum status find_build(struct db *c, struct id tenant, struct id bot, struct index_held **out, struct err *e)
{
    struct index_builder *b = NULL;
    struct index_held *h = calloc(1, sizeof(*h));
    struct str language;
    struct arena a;
    enum status st;
    arena_init(&a, ROW_ARENA);
    if (!h) {
        st = err_nomem(e);
        goto out;
    }
    if ((st = answer_store_bot(c, &a, tenant, bot, &language, e)) != OK)
        goto out;
    if (!(b = index_builder_new(language))) {
        st = err_nomem(e);
        goto out;
    }
    if ((st = answer_store_each(c, tenant, bot, find_add_row, b, e)) != OK)
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

static enum status find_build_timed(struct db_pool *p, struct id tenant, struct id bot, struct index_held **out,
                                    struct err *e)
{
    int64_t from = clock_mono_us();
    struct db *c;
    enum status st = db_get(p, &c, e);
    if (st != OK)
        return st;
    st = find_build(c, tenant, bot, out, e);
    db_put(c);
    if (st == OK)
        log_line(LOG_DEBUG, "answers_indexed", LOG_I("answers", index_count((*out)->index)),
                 LOG_I("bytes", index_bytes((*out)->index)), LOG_I("ms", (clock_mono_us() - from) / 1000));
    return st;
}

/* Puts what was built (NULL: it failed) into its place and wakes those that wait. *fresh stays the caller's. A slot
 * that is being built is never evicted, so it is still there. After a failure an older index stays in use, and the next
 * question tries again. */
static void find_settle(struct id tenant, struct id bot, uint64_t generation, struct index_held *fresh)
{
    pthread_mutex_lock(&cache.lock);
    struct index_slot *y = find_slot_of(tenant, bot);
    y->building = false;
    if (fresh) {
        find_release_slot(y);
        y->held = index_held_retain(fresh);
        y->generation = generation;
        cache.bytes += index_bytes(fresh->index);
        while (cache.bytes > BYTES_MAX && find_evict_one(y))
            ;
    } else if (!y->held) {
        *y = (struct index_slot){0};
    }
    pthread_cond_broadcast(&cache.built);
    pthread_mutex_unlock(&cache.lock);
}

enum find_outcome { FIND_FOUND, FIND_BUILD, FIND_FULL };

/* An index to search (a reference for the caller), or the duty to build one. While one thread builds, the others take
 * the old index if there is one: an answer that is slightly old is better than a wait. The loop is needed because an
 * entry may be evicted while this thread waits for it. */
static enum find_outcome find_acquire(struct id tenant, struct id bot, uint64_t generation, struct index_held **out)
{
    enum find_outcome r;
    pthread_mutex_lock(&cache.lock);
    for (;;) {
        struct index_slot *y = find_slot_of(tenant, bot);
        if (!y)
            y = find_place_for(tenant, bot);
        r = FIND_FULL;
        if (!y)
            break;
        y->used_us = clock_mono_us();
        r = FIND_FOUND;
        if (y->held && ((y->generation == generation && !y->stale) || y->building)) {
            *out = index_held_retain(y->held);
            break;
        }
        if (!y->building) {
            y->building = true;
            y->stale = false;
            r = FIND_BUILD;
            break;
        }
        pthread_cond_wait(&cache.built, &cache.lock);
    }
    pthread_mutex_unlock(&cache.lock);
    return r;
}

/* The generation is read before the database: a change in between leaves an index that counts as old at once. */
static enum status find_index(struct db_pool *p, struct id tenant, struct id bot, struct index_held **out,
                              struct err *e)
{
    uint64_t generation = shared_generation("answers", bot); /* before the database is read */
    enum find_outcome r = find_acquire(tenant, bot, generation, out);
    if (r == FIND_FOUND)
        return OK;
    enum status st = find_build_timed(p, tenant, bot, out, e);
    if (r == FIND_BUILD)
        find_settle(tenant, bot, generation, st == OK ? *out : NULL);
    return st;
}

/* The generation reaches the other processes of the host; the mark is for this one. */
void answers_changed(struct id bot)
{
    shared_bump("answers", bot);
    pthread_mutex_lock(&cache.lock); /* where no shared file is open, this program at least knows */
    for (size_t i = 0; i < CACHE_WAYS; i++)
        if (id_eq(find_set_of(bot)[i].bot, bot))
            find_set_of(bot)[i].stale = true;
    pthread_mutex_unlock(&cache.lock);
}

void answers_forget(void)
{
    pthread_mutex_lock(&cache.lock);
    while (find_evict_one(NULL))
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

/* Large sets keep no texts in memory: the few hits are read. One that was deleted meanwhile is left out. */
static enum status find_read_hits(struct db_pool *p, const struct answers_question *q, const struct index_match *m,
                                  struct arena *a, struct answers_match *out, struct err *e)
{
    struct db *c;
    enum status st = db_get(p, &c, e);
    if (st != OK)
        return st;
    for (size_t i = 0; i < m->n && st == OK; i++) {
        st = answer_store_get(c, a, q->tenant, q->bot, m->hits[i].id, &out->hits[out->n].answer, e);
        if (st == OK)
            out->hits[out->n++].score = m->hits[i].score;
        else if (st == ERR_NOT_FOUND)
            st = OK;
    }
    db_put(c);
    return st;
}

/* The texts are copied because the index is given back at the end of the search. Either all texts are kept or none, so
 * looking at the first hit suffices. */
static enum status find_collect(struct db_pool *p, const struct answers_question *q, const struct index *x,
                                const struct index_match *m, struct arena *a, struct answers_match *out, struct err *e)
{
    struct answer w;
    enum status st;
    *out = (struct answers_match){.verdict = m->verdict};
    if (m->n && !index_answer(x, m->hits[0].doc, &w)) {
        st = find_read_hits(p, q, m, a, out, e);
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

/* No connection is held while the index is searched; with texts in memory a question needs none at all. */
enum status answers_find(struct db_pool *p, const struct answers_question *q, struct arena *a,
                         struct answers_match *out, struct err *e)
{
    struct index_held *h = NULL;
    struct index_match m;
    enum status st = find_index(p, q->tenant, q->bot, &h, e);
    if (st != OK)
        return st;
    st = index_find(h->index, q->language, q->text, &m, e);
    if (st == OK)
        st = find_collect(p, q, h->index, &m, a, out, e);
    index_held_drop(h);
    return st;
}
