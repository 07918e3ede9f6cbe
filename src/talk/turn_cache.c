/* turn_cache.c: recently used conversations, in memory. */
#include <pthread.h>
#include <stdlib.h>

#include "talk/turn.h"

#include "base/banned.h"

#define BUCKETS 1024
#define ENTRY_MAX (16 * 1024)

/* One allocation an entry: the two texts stand behind it. */
struct entry {
    struct conv conv;
    size_t bytes;
    struct entry *chain, *newer, *older;
};

struct conv_cache {
    pthread_mutex_t lock;
    size_t bytes, max;
    struct entry *newest, *oldest;
    struct entry *buckets[BUCKETS];
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
    for (struct entry *x = k->newest, *older; x; x = older) {
        older = x->older;
        free(x);
    }
    pthread_mutex_destroy(&k->lock);
    free(k);
}

static struct entry **bucket_of(struct conv_cache *k, struct id id)
{
    uint32_t h;
    memcpy(&h, id.b + 12, sizeof(h));
    return &k->buckets[h % BUCKETS];
}

static struct entry *find(struct conv_cache *k, struct id id)
{
    struct entry *x = *bucket_of(k, id);
    while (x && !id_eq(x->conv.id, id))
        x = x->chain;
    return x;
}

static void unlink_age(struct conv_cache *k, struct entry *x)
{
    *(x->newer ? &x->newer->older : &k->newest) = x->older;
    *(x->older ? &x->older->newer : &k->oldest) = x->newer;
}

static void link_newest(struct conv_cache *k, struct entry *x)
{
    x->newer = NULL;
    x->older = k->newest;
    *(k->newest ? &k->newest->newer : &k->oldest) = x;
    k->newest = x;
}

static void drop(struct conv_cache *k, struct entry *x)
{
    struct entry **at = bucket_of(k, x->conv.id);
    while (*at != x)
        at = &(*at)->chain;
    *at = x->chain;
    unlink_age(k, x);
    k->bytes -= x->bytes;
    free(x);
}

bool conv_cache_get(struct conv_cache *k, struct id conversation, struct arena *a, struct conv *out)
{
    bool ok = false;
    pthread_mutex_lock(&k->lock);
    struct entry *x = find(k, conversation);
    if (x) {
        ok = true;
        *out = x->conv;
        out->locale = arena_str(a, x->conv.locale, &ok);
        out->flow_state = ok ? arena_str(a, x->conv.flow_state, &ok) : STR_EMPTY;
        unlink_age(k, x);
        link_newest(k, x);
    }
    pthread_mutex_unlock(&k->lock);
    return ok;
}

static struct entry *entry_new(const struct conv *c)
{
    size_t bytes = sizeof(struct entry) + c->locale.n + c->flow_state.n;
    struct entry *x = bytes > ENTRY_MAX ? NULL : malloc(bytes);
    char *text;
    if (x) {
        text = (char *)(x + 1);
        memcpy(text, c->locale.p, c->locale.n);
        memcpy(text + c->locale.n, c->flow_state.p, c->flow_state.n);
        *x = (struct entry){.conv = *c, .bytes = bytes};
        x->conv.locale = str_n(text, c->locale.n);
        x->conv.flow_state = str_n(text + c->locale.n, c->flow_state.n);
    }
    return x;
}

void conv_cache_put(struct conv_cache *k, const struct conv *c)
{
    struct entry *x = entry_new(c), *old;
    pthread_mutex_lock(&k->lock);
    old = find(k, c->id);
    if (old)
        drop(k, old);
    if (x) {
        struct entry **b = bucket_of(k, c->id);

        x->chain = *b;
        *b = x;
        link_newest(k, x);
        k->bytes += x->bytes;
    }
    while (k->bytes > k->max)
        drop(k, k->oldest);
    pthread_mutex_unlock(&k->lock);
}

void conv_cache_drop(struct conv_cache *k, struct id conversation)
{
    pthread_mutex_lock(&k->lock);
    struct entry *x = find(k, conversation);
    if (x)
        drop(k, x);
    pthread_mutex_unlock(&k->lock);
}
