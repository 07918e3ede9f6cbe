/* turn_cache.c: recently used conversations in memory, as this process last read or recorded them. A hash table finds
 * an entry, a doubly linked list orders the entries by use. Entries are dropped from the old end when the whole takes
 * more than its bytes. An entry may be out of date: the journal finds that out. */
#include <pthread.h>
#include <stdlib.h>

#include "talk/turn_internal.h"

#include "base/banned.h"

#define CACHE_BUCKETS 1024
/* One bot that keeps a lot of state must not push out the conversations of all others. */
#define ENTRY_MAX (16 << 10)

/* One allocation for an entry: its two texts follow the struct. */
struct conv_entry {
    struct conv conv;
    size_t bytes;
    struct conv_entry *chain, *newer, *older;
};

struct conv_cache {
    pthread_mutex_t lock;
    size_t bytes, max;
    struct conv_entry *newest, *oldest;
    struct conv_entry *buckets[CACHE_BUCKETS];
};

enum status conv_cache_new(size_t max_bytes, struct conv_cache **out, struct err *e)
{
    struct conv_cache *k = calloc(1, sizeof(*k));
    if (!k)
        return err_nomem(e);
    k->max = max_bytes;
    pthread_mutex_init(&k->lock, NULL);
    *out = k;
    return OK;
}

void conv_cache_free(struct conv_cache *k)
{
    if (!k)
        return;
    for (struct conv_entry *x = k->newest, *older; x; x = older) {
        older = x->older;
        free(x);
    }
    pthread_mutex_destroy(&k->lock);
    free(k);
}

/* The last bytes of a UUIDv7 are random, so they are a hash already. */
static struct conv_entry **conv_cache_bucket(struct conv_cache *k, struct id id)
{
    uint32_t h;
    memcpy(&h, id.b + 12, sizeof(h));
    return &k->buckets[h % CACHE_BUCKETS];
}

static struct conv_entry *conv_cache_find(struct conv_cache *k, struct id id)
{
    struct conv_entry *x = *conv_cache_bucket(k, id);
    while (x && !id_eq(x->conv.id, id))
        x = x->chain;
    return x;
}

static void conv_cache_unlink_age(struct conv_cache *k, struct conv_entry *x)
{
    *(x->newer ? &x->newer->older : &k->newest) = x->older;
    *(x->older ? &x->older->newer : &k->oldest) = x->newer;
}

static void conv_cache_link_newest(struct conv_cache *k, struct conv_entry *x)
{
    x->newer = NULL;
    x->older = k->newest;
    *(k->newest ? &k->newest->newer : &k->oldest) = x;
    k->newest = x;
}

static void conv_cache_remove(struct conv_cache *k, struct conv_entry *x)
{
    struct conv_entry **at = conv_cache_bucket(k, x->conv.id);
    while (*at != x)
        at = &(*at)->chain;
    *at = x->chain;
    conv_cache_unlink_age(k, x);
    k->bytes -= x->bytes;
    free(x);
}

/* The texts are copied into the arena of the turn: the entry may be dropped at any moment after the lock is released.
 * Without memory for the copies it counts as not cached, and the database is asked. */
bool conv_cache_get(struct conv_cache *k, struct id conversation, struct arena *a, struct conv *out)
{
    bool ok = false;
    pthread_mutex_lock(&k->lock);
    struct conv_entry *x = conv_cache_find(k, conversation);
    if (x) {
        ok = true;
        *out = x->conv;
        out->locale = arena_str(a, x->conv.locale, &ok);
        out->flow_state = ok ? arena_str(a, x->conv.flow_state, &ok) : STR_EMPTY;
        conv_cache_unlink_age(k, x);
        conv_cache_link_newest(k, x);
    }
    pthread_mutex_unlock(&k->lock);
    return ok;
}

static struct conv_entry *conv_entry_new(const struct conv *c)
{
    size_t bytes = sizeof(struct conv_entry) + c->locale.n + c->flow_state.n;
    struct conv_entry *x = bytes > ENTRY_MAX ? NULL : malloc(bytes);
    char *text;
    if (x) {
        text = (char *)(x + 1);
        memcpy(text, c->locale.p, c->locale.n);
        memcpy(text + c->locale.n, c->flow_state.p, c->flow_state.n);
        *x = (struct conv_entry){.conv = *c, .bytes = bytes};
        x->conv.locale = str_n(text, c->locale.n);
        x->conv.flow_state = str_n(text + c->locale.n, c->flow_state.n);
    }
    return x;
}

/* A conversation that is too large to keep must still remove the older copy of it, or a later turn would read an old
 * state. */
void conv_cache_put(struct conv_cache *k, const struct conv *c)
{
    struct conv_entry *x = conv_entry_new(c), *old;
    pthread_mutex_lock(&k->lock);
    old = conv_cache_find(k, c->id);
    if (old)
        conv_cache_remove(k, old);
    if (x) {
        struct conv_entry **b = conv_cache_bucket(k, c->id);

        x->chain = *b;
        *b = x;
        conv_cache_link_newest(k, x);
        k->bytes += x->bytes;
    }
    while (k->bytes > k->max)
        conv_cache_remove(k, k->oldest);
    pthread_mutex_unlock(&k->lock);
}

void conv_cache_drop(struct conv_cache *k, struct id conversation)
{
    pthread_mutex_lock(&k->lock);
    struct conv_entry *x = conv_cache_find(k, conversation);
    if (x)
        conv_cache_remove(k, x);
    pthread_mutex_unlock(&k->lock);
}
