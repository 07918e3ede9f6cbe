/* live.c: the live bot of a public id, and the flows of published versions, kept in memory for turns.
 *
 * Two tables under one lock. `pointers` says which version of a bot is live; an entry is trusted while the shared
 * generation "bot" stays the same, and for at most RECHECK_US, because other hosts do not bump our generation.
 * `flows` holds parsed flows by bot and version, which are immutable. Both hand out counted references, so eviction
 * never frees a flow that a turn is using. Invariant: a flow that is in memory is in `flows` and counted there;
 * evicting it also removes the pointer that holds it. When a bot is missing from the cache, one thread loads it while
 * others wait for it. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/shared.h"
#include "bot/bot_internal.h"
#include "bot/bot_store.h"
#include "plan/entitlement.h"

#include "base/banned.h"

#define POINTERS_MAX 2048
#define FLOWS_MAX 2048
#define FLOW_BYTES_MAX (32 * MB) /* as flow_bytes counts; one larger flow is kept, alone */
#define LIVE_BUCKETS 1024
#define UNKNOWN_MAX 256
#define RECHECK_US 2000000
#define UNKNOWN_US 1000000
#define LOADERS 16

/* What a turn borrows. Immutable but for refs. */
struct bot_held {
    atomic_int refs;
    struct id id, tenant;
    int version;
    struct str name, language;
    struct bot_brand brand;
    struct flow *flow;
    struct bot_canary canary;
    int64_t before;
    char text[];
};

struct pointer {
    struct id id;
    struct bot_held *held;
    uint64_t generation;
    int64_t checked_us, used_us;
    int next;
};
struct flow_slot {
    struct id id;
    int version;
    struct flow *flow;
    size_t bytes;
    int64_t used_us;
    int next;
};
struct unknown {
    struct id id;
    uint64_t generation;
    int64_t until_us;
};

static struct {
    pthread_mutex_t lock;
    pthread_mutex_t loading[LOADERS];
    struct pointer pointers[POINTERS_MAX];
    struct flow_slot flows[FLOWS_MAX];
    struct unknown unknown[UNKNOWN_MAX];
    int pointer_bucket[LIVE_BUCKETS], flow_bucket[LIVE_BUCKETS]; /* index + 1 of the first slot; 0 = none */
    int pointer_n, flow_n;
    size_t flow_bytes;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER,
           .loading = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
                       PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
                       PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
                       PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
                       PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
                       PTHREAD_MUTEX_INITIALIZER}};

/* The last bytes of a UUIDv7 are random: they are a good enough hash. */
static uint32_t id_hash(struct id id)
{
    uint32_t h;
    memcpy(&h, id.b + 12, sizeof(h));
    return h;
}

/* The last reference may be dropped under the cache's lock or without it; both are safe, because freeing a flow takes
 * no lock. */
static void bot_held_drop(struct bot_held *h)
{
    if (!h || atomic_fetch_sub_explicit(&h->refs, 1, memory_order_acq_rel) != 1)
        return;
    flow_drop(h->flow);
    free(h);
}

static struct bot_held *bot_held_retain(struct bot_held *h)
{
    atomic_fetch_add_explicit(&h->refs, 1, memory_order_relaxed);
    return h;
}

static struct str live_keep_text(char **at, struct str s)
{
    char *p = *at;
    if (s.n)
        memcpy(p, s.p, s.n);
    *at += s.n;
    return str_n(p, s.n);
}

/* One allocation for the struct and its texts, so a turn borrows everything with one count. Takes over the reference to
 * `flow`, also when there is no memory. */
static struct bot_held *bot_held_new(struct id bot, const struct bot_pointer *p, int version, struct flow *flow)
{
    struct bot_held *h = malloc(sizeof(*h) + p->name.n + p->language.n + p->brand.name.n + p->brand.link.n);
    if (!h) {
        flow_drop(flow);
        return NULL;
    }
    *h = (struct bot_held){
        .id = bot, .tenant = p->tenant, .version = version, .flow = flow, .before = p->before, .canary = p->canary};
    atomic_init(&h->refs, 1);
    char *at = h->text;
    h->name = live_keep_text(&at, p->name);
    h->language = live_keep_text(&at, p->language);
    h->brand = (struct bot_brand){live_keep_text(&at, p->brand.name), live_keep_text(&at, p->brand.link)};
    return h;
}

static void live_lend(struct bot_held *h, struct bot_live *out)
{
    *out = (struct bot_live){.id = h->id,
                             .tenant = h->tenant,
                             .version = h->version,
                             .name = h->name,
                             .language = h->language,
                             .brand = h->brand,
                             .canary = h->canary,
                             .flow = h->flow,
                             .before = h->before,
                             .held = h};
}

/* ---- flows by version; call with the lock held ---- */

static struct pointer *pointer_of(struct id bot);
static void pointer_remove(int gone);

/* All versions of a bot are in one bucket: the hash is that of the bot alone. */
static struct flow_slot *flow_slot_of(struct id bot, int version)
{
    for (int i = cache.flow_bucket[id_hash(bot) % LIVE_BUCKETS]; i; i = cache.flows[i - 1].next) {
        struct flow_slot *s = &cache.flows[i - 1];
        if (s->version == version && id_eq(s->id, bot))
            return s;
    }
    return NULL;
}

/* The bot's pointer, if this is the flow that it holds. Comparing the address suffices, because a flow is cached
 * once. */
static struct pointer *holder_of(const struct flow_slot *s)
{
    struct pointer *p = pointer_of(s->id);
    return p && p->held->flow == s->flow ? p : NULL;
}

/* A turn on the live version touches only the pointer, so the use of its flow is that of the pointer. */
static int64_t last_use(const struct flow_slot *s)
{
    const struct pointer *p = holder_of(s);
    return p && p->used_us > s->used_us ? p->used_us : s->used_us;
}

/* Unlinks slot `gone` and moves the last slot into its place, so that the array stays dense. */
static void flow_slot_remove(int gone)
{
    int last = cache.flow_n - 1;
    struct pointer *p = holder_of(&cache.flows[gone]);
    if (p)
        pointer_remove((int)(p - cache.pointers));
    int *link = &cache.flow_bucket[id_hash(cache.flows[gone].id) % LIVE_BUCKETS];
    while (*link != gone + 1)
        link = &cache.flows[*link - 1].next;
    *link = cache.flows[gone].next;
    cache.flow_bytes -= cache.flows[gone].bytes;
    flow_drop(cache.flows[gone].flow);
    if (gone != last) {
        link = &cache.flow_bucket[id_hash(cache.flows[last].id) % LIVE_BUCKETS];
        while (*link != last + 1)
            link = &cache.flows[*link - 1].next;
        *link = gone + 1;
        cache.flows[gone] = cache.flows[last];
    }
    cache.flows[last] = (struct flow_slot){.flow = NULL}; /* or a leak checker would still find what it held */
    cache.flow_n--;
}

/* Evicts the least recently used flows. A linear search is fine: there are few slots, and it runs only when a flow is
 * added. */
static void flow_make_room(size_t bytes)
{
    while (cache.flow_n && (cache.flow_n == FLOWS_MAX || cache.flow_bytes + bytes > FLOW_BYTES_MAX)) {
        int oldest = 0;
        int64_t oldest_us = last_use(&cache.flows[0]);
        for (int i = 1; i < cache.flow_n; i++) {
            int64_t us = last_use(&cache.flows[i]);
            oldest = us < oldest_us ? i : oldest;
            oldest_us = us < oldest_us ? us : oldest_us;
        }
        flow_slot_remove(oldest);
    }
}

/* Another thread may have parsed the same version meanwhile: then that one is handed out, and kept once. */
static struct flow *flow_slot_add(struct id bot, int version, struct flow *flow)
{
    int *bucket = &cache.flow_bucket[id_hash(bot) % LIVE_BUCKETS];
    size_t bytes = flow_bytes(flow);
    struct flow_slot *there = flow_slot_of(bot, version);
    if (there) {
        flow_drop(flow);
        return flow_retain(there->flow);
    }
    flow_make_room(bytes);
    cache.flows[cache.flow_n] = (struct flow_slot){.id = bot,
                                                   .version = version,
                                                   .flow = flow_retain(flow),
                                                   .bytes = bytes,
                                                   .used_us = clock_mono_us(),
                                                   .next = *bucket};
    *bucket = ++cache.flow_n;
    cache.flow_bytes += bytes;
    return flow;
}

/* ---- live pointers; call with the lock held ---- */

static struct pointer *pointer_of(struct id bot)
{
    for (int i = cache.pointer_bucket[id_hash(bot) % LIVE_BUCKETS]; i; i = cache.pointers[i - 1].next)
        if (id_eq(cache.pointers[i - 1].id, bot))
            return &cache.pointers[i - 1];
    return NULL;
}

static void pointer_remove(int gone)
{
    int last = cache.pointer_n - 1;
    int *link = &cache.pointer_bucket[id_hash(cache.pointers[gone].id) % LIVE_BUCKETS];
    while (*link != gone + 1)
        link = &cache.pointers[*link - 1].next;
    *link = cache.pointers[gone].next;
    bot_held_drop(cache.pointers[gone].held);
    if (gone != last) {
        link = &cache.pointer_bucket[id_hash(cache.pointers[last].id) % LIVE_BUCKETS];
        while (*link != last + 1)
            link = &cache.pointers[*link - 1].next;
        *link = gone + 1;
        cache.pointers[gone] = cache.pointers[last];
    }
    cache.pointers[last] = (struct pointer){.held = NULL};
    cache.pointer_n--;
}

/* Puts or replaces the pointer of a bot. Replacing keeps its slot and its place in the chain. */
static void pointer_put(struct bot_held *h, uint64_t generation)
{
    const struct flow_slot *s = flow_slot_of(h->id, h->version);
    if (!s || s->flow != h->flow)
        return; /* pushed out already: it would be kept uncounted */
    struct pointer *p = pointer_of(h->id);
    int *bucket = &cache.pointer_bucket[id_hash(h->id) % LIVE_BUCKETS];
    int64_t now = clock_mono_us();
    if (p) {
        bot_held_drop(p->held);
    } else {
        if (cache.pointer_n == POINTERS_MAX) {
            int oldest = 0;
            for (int i = 1; i < cache.pointer_n; i++)
                if (cache.pointers[i].used_us < cache.pointers[oldest].used_us)
                    oldest = i;
            pointer_remove(oldest);
        }
        p = &cache.pointers[cache.pointer_n];
        *p = (struct pointer){.id = h->id, .next = *bucket};
        *bucket = ++cache.pointer_n;
    }
    p->held = bot_held_retain(h);
    p->generation = generation;
    p->checked_us = p->used_us = now;
}

static void pointer_forget(struct id bot)
{
    struct pointer *p = pointer_of(bot);
    if (p)
        pointer_remove((int)(p - cache.pointers));
}

/* ---- the hot path ---- */

enum live_found { FOUND, FOUND_RECHECK, FOUND_UNKNOWN, FOUND_NOTHING };

/* With FOUND and FOUND_RECHECK *held is a reference for the caller. Only one of all threads is asked to check again;
 * the others continue with what is there. */
static enum live_found live_look(struct id bot, struct bot_held **held)
{
    uint64_t generation = shared_generation("bot", bot);
    int64_t now = clock_mono_us();
    enum live_found f = FOUND_NOTHING;
    pthread_mutex_lock(&cache.lock);
    struct pointer *p = pointer_of(bot);
    const struct unknown *u = &cache.unknown[id_hash(bot) % UNKNOWN_MAX];
    if (p && p->generation == generation) {
        f = now - p->checked_us < RECHECK_US ? FOUND : FOUND_RECHECK;
        if (f == FOUND_RECHECK)
            p->checked_us = now;
        p->used_us = now;
        *held = bot_held_retain(p->held);
    } else if (!p && now < u->until_us && u->generation == generation && id_eq(u->id, bot)) {
        f = FOUND_UNKNOWN;
    }
    pthread_mutex_unlock(&cache.lock);
    return f;
}

/* A reference is taken before the lock is released: the flow may be evicted the moment after. */
static struct flow *flow_of(struct id bot, int version)
{
    struct flow *f = NULL;
    pthread_mutex_lock(&cache.lock);
    struct flow_slot *s = flow_slot_of(bot, version);
    if (s) {
        s->used_us = clock_mono_us();
        f = flow_retain(s->flow);
    }
    pthread_mutex_unlock(&cache.lock);
    return f;
}

/* ---- misses ---- */

/* Parsed outside the lock, because a large flow takes milliseconds in which no turn could look up its bot. */
static enum status load_flow(struct db *c, struct arena *a, struct id tenant, struct id bot, int version,
                             struct flow **out, struct err *e)
{
    struct str text;
    struct json *doc;
    enum status st;
    if ((*out = flow_of(bot, version)))
        return OK;
    if ((st = version_store_flow(c, a, tenant, bot, version, &text, e)) != OK)
        return st;
    if ((st = json_parse(a, text, MAX_JSON_DEPTH, &doc, e)) != OK)
        return st;
    if ((st = flow_parse(doc, out, e)) != OK)
        return err_wrap(e, "Published version %d", version);
    pthread_mutex_lock(&cache.lock);
    *out = flow_slot_add(bot, version, *out);
    pthread_mutex_unlock(&cache.lock);
    return OK;
}

/* An id that does not exist, or a deleted bot that is still embedded in a page, must not cost a query for each request.
 * One slot for each hash value, so guessed ids cannot fill memory. A second later it is asked again. */
static void remember_unknown(struct id bot, uint64_t generation)
{
    pthread_mutex_lock(&cache.lock);
    pointer_forget(bot);
    cache.unknown[id_hash(bot) % UNKNOWN_MAX] = (struct unknown){
        .id = bot, .generation = generation, .until_us = clock_mono_us() + UNKNOWN_US};
    pthread_mutex_unlock(&cache.lock);
}

/* The generation is read before the database: a publish in between leaves an entry that counts as old at once. */
static enum status load_pointer(struct db *c, struct arena *a, struct id bot, struct bot_held **out, struct err *e)
{
    uint64_t generation = shared_generation("bot", bot);
    struct bot_pointer p;
    struct flow *flow = NULL;
    enum status st = bot_store_pointer(c, a, bot, &p, e);
    if (st == OK && p.live_version == 0)
        st = bot_unknown(e);
    if (st == OK)
        st = load_flow(c, a, p.tenant, bot, p.live_version, &flow, e);
    if (st == ERR_NOT_FOUND)
        remember_unknown(bot, generation);
    if (st != OK)
        return st;
    if (!(*out = bot_held_new(bot, &p, p.live_version, flow)))
        return err_nomem(e);
    pthread_mutex_lock(&cache.lock);
    pointer_put(*out, generation);
    pthread_mutex_unlock(&cache.lock);
    return OK;
}

/* The arena has to hold the text of the flow, its JSON and what parsing needs meanwhile. */
static enum status live_load(struct db_pool *pool, struct id bot, struct bot_held **out, struct err *e)
{
    struct db *c = NULL;
    struct arena a;
    enum status st = db_get(pool, &c, e);
    if (st != OK)
        return st;
    arena_init(&a, BOT_FLOW_ARENA);
    st = load_pointer(c, &a, bot, out, e);
    db_put(c);
    arena_release(&a);
    return st;
}

/* Misses of one bot are loaded by one thread at a time: a bot that becomes popular must not be parsed by all threads
 * at once. */
static enum status load_once(struct db_pool *pool, struct id bot, struct bot_held **out, struct err *e)
{
    pthread_mutex_t *one = &cache.loading[id_hash(bot) % LOADERS];
    enum status st = OK;
    pthread_mutex_lock(one);
    switch (live_look(bot, out)) { /* another thread may have loaded it while this one waited */
    case FOUND:
    case FOUND_RECHECK:
        break;
    case FOUND_UNKNOWN:
        st = bot_unknown(e);
        break;
    default:
        st = live_load(pool, bot, out, e);
    }
    pthread_mutex_unlock(one);
    return st;
}

/* A bot that cannot be checked again, because the database is away, stays as it was. */
static enum status live_current(struct db_pool *pool, struct id bot, struct bot_held **out, struct err *e)
{
    struct bot_held *old = NULL;
    switch (live_look(bot, &old)) {
    case FOUND:
        *out = old;
        return OK;
    case FOUND_UNKNOWN:
        return bot_unknown(e);
    case FOUND_NOTHING:
        return load_once(pool, bot, out, e);
    default:
        break;
    }
    enum status st = live_load(pool, bot, out, e);
    if (st == ERR_UNAVAILABLE) { /* a bot that cannot be checked again stays as it was */
        *out = old;
        return OK;
    }
    bot_held_drop(old);
    return st;
}

enum status bot_live(struct db_pool *p, struct id bot, struct bot_live *out, struct err *e)
{
    struct bot_held *h;
    enum status st = live_current(p, bot, &h, e);
    if (st == OK)
        live_lend(h, out);
    return st;
}

/* A comparison of two numbers that are nearly always in memory: this is asked for each new conversation. */
enum status bot_may_begin(struct db_pool *p, const struct bot_live *b, int64_t now_ms, struct err *e)
{
    struct entitled x;
    enum status st = entitled_now(p, b->tenant, now_ms, &x, e);
    if (st == OK && b->before >= x.value[ENTITLEMENT_bots])
        return err_raise(e, E_bot_inactive);
    return st;
}

static enum status load_draft(struct db *c, struct arena *a, struct id tenant, struct id bot, struct flow **out,
                              struct err *e)
{
    struct bot_draft_row d;
    struct json *doc;
    enum status st = bot_store_draft(c, a, tenant, bot, false, &d, e);
    if (st == OK)
        st = json_parse(a, d.text, MAX_JSON_DEPTH, &doc, e);
    if (st == OK)
        st = flow_parse(doc, out, e);
    return st;
}

/* From the database: the draft (version 0), or a version whose flow is not cached. The bot's row is read first, because
 * a version of a deleted bot must not answer any more. */
static enum status load_version(struct db_pool *pool, struct id tenant, struct id bot, int version,
                                struct bot_live *out, struct err *e)
{
    struct bot b;
    struct flow *flow = NULL;
    struct bot_held *h;
    struct db *c = NULL;
    struct arena a;
    enum status st;
    arena_init(&a, BOT_FLOW_ARENA);
    if ((st = db_get(pool, &c, e)) != OK)
        goto out;
    if ((st = bot_store_get(c, &a, tenant, bot, &b, e)) != OK)
        goto out;
    st = version ? load_flow(c, &a, tenant, bot, version, &flow, e) : load_draft(c, &a, tenant, bot, &flow, e);
    if (st != OK)
        goto out;
    h = bot_held_new(bot, &(struct bot_pointer){.tenant = tenant, .name = b.name, .language = b.language}, version,
                     flow);
    if (h)
        live_lend(h, out);
    else
        st = err_nomem(e);
out:
    db_put(c);
    arena_release(&a);
    return st;
}

/* The live pointer is asked first even for another version. It says whether the bot still exists and whose it is,
 * and both are in memory. A pinned version gets no brand and no place in the order: those belong to the live one
 * (bot.h). */
enum status bot_live_version(struct db_pool *pool, struct id tenant, struct id bot, int version, struct bot_live *out,
                             struct err *e)
{
    struct bot_held *now, *pinned;
    struct flow *flow;
    enum status st;
    if (!version)
        return load_version(pool, tenant, bot, 0, out, e);
    if ((st = live_current(pool, bot, &now, e)) != OK)
        return st;
    if (!id_eq(now->tenant, tenant)) {
        st = bot_unknown(e);
    } else if (now->version == version) {
        live_lend(bot_held_retain(now), out);
    } else if ((flow = flow_of(bot, version))) {
        pinned = bot_held_new(
            bot, &(struct bot_pointer){.tenant = tenant, .name = now->name, .language = now->language}, version, flow);
        if (pinned)
            live_lend(pinned, out);
        else
            st = err_nomem(e);
    } else {
        st = load_version(pool, tenant, bot, version, out, e);
    }
    bot_held_drop(now);
    return st;
}

void bot_live_release(struct bot_live *b)
{
    bot_held_drop(b->held);
    b->held = NULL;
    b->flow = NULL;
}

void bot_live_forget(void)
{
    pthread_mutex_lock(&cache.lock);
    while (cache.pointer_n)
        pointer_remove(cache.pointer_n - 1);
    while (cache.flow_n)
        flow_slot_remove(cache.flow_n - 1);
    memset(cache.unknown, 0, sizeof(cache.unknown));
    pthread_mutex_unlock(&cache.lock);
}
