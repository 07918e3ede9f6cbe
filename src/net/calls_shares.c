/* calls_shares.c: which call may begin next, and which may not begin at all.
 *
 * Everything is kept by tenant, and below it by host: waiting calls, the breaker, connections. So no tenant can
 * use up, open or break anything for another one. The share of a tenant is a dynamic threshold (Choudhury and Hahne
 * 1998): it may hold as many places as are free at that moment. One busy tenant then stops at half of all places, and a
 * newcomer finds the other half; no reservation is needed, and no count of tenants. A place that is free goes to the
 * waiting tenant with the fewest calls in flight.
 *
 * A name that is not known yet is looked up by one call of the tenant and host; the others wait for it. libcurl
 * occupies a thread for each lookup, and a silent name server would otherwise fill the process with them. */
#include <stdlib.h>

#include "net/calls_internal.h"

#include "base/banned.h"

#define SHARE_BUCKETS 256
#define SHARE_WAITING_MAX 4096 /* calls in the queues of one tenant */
#define SHARE_HOSTS_MAX 256    /* hosts of one tenant that are remembered, besides those that have calls */
#define SHARE_IDLE_US 60000000 /* a tenant or host without calls is forgotten after this time */
#define SHARE_LOOKUPS_MAX 16   /* names that are looked up at once, in threads of libcurl */
#define SHARE_NAME_US 50000000 /* shorter than the 60 s for which libcurl keeps the address of a name */
/* The breaker: so many failures in a row open it; it stays open for the first time, and after each failed try twice as
 * long, up to the last. */
#define BREAKER_FAILURES 5
#define BREAKER_FIRST_US 5000000
#define BREAKER_LAST_US 60000000

struct share_host {
    struct share_host *next; /* of the same tenant */
    struct call *first, *last;
    unsigned in_flight, waiting, failures;
    bool looking_up, trying; /* the name; a host whose breaker was open */
    int64_t known_until, open_until, open_us, used_at;
    char key[];
};

struct share_tenant {
    struct share_tenant *next;                        /* of the same bucket */
    struct share_tenant *next_waiting, *prev_waiting; /* of those with waiting calls */
    struct id id;
    unsigned in_flight, waiting, looking_up;
    struct share_host *hosts; /* the one that was served last comes last */
    unsigned host_count;
    CURLSH *pools[2]; /* of calls that may go to public addresses only, and of those that may go anywhere */
};

static struct {
    pthread_mutex_t lock; /* for the rest, and for the fields of a call that are its place among the others */
    struct share_tenant *buckets[SHARE_BUCKETS];
    struct share_tenant *first_waiting, *last_waiting;
    unsigned max, in_flight, waiting, looking_up;
    bool changed; /* since no call was found that may go: a call came, left or got its address, or max changed */
} shares = {.lock = PTHREAD_MUTEX_INITIALIZER, .max = 4096};

void share_set_max(int max)
{
    pthread_mutex_lock(&shares.lock);
    shares.changed = shares.changed || shares.max != (unsigned)max;
    shares.max = (unsigned)max;
    pthread_mutex_unlock(&shares.lock);
}

/* ---- tables ---- */

/* The random end of the id. */
static struct share_tenant **share_bucket(struct id id)
{
    uint32_t h;
    memcpy(&h, id.b + 12, sizeof(h));
    return &shares.buckets[h % SHARE_BUCKETS];
}

static struct share_tenant *share_find_tenant(struct id id)
{
    struct share_tenant *t = *share_bucket(id);
    while (t && !id_eq(t->id, id))
        t = t->next;
    return t;
}

static struct share_tenant *share_make_tenant(struct id id)
{
    struct share_tenant *t = share_find_tenant(id), **bucket = share_bucket(id);
    if (t || !(t = calloc(1, sizeof(*t))))
        return t;
    t->id = id;
    t->next = *bucket;
    *bucket = t;
    return t;
}

static void share_forget_host(struct share_tenant *t, struct share_host **at)
{
    struct share_host *h = *at;
    *at = h->next;
    t->host_count--;
    free(h);
}

/* The one that was used longest ago, if it has no calls. */
static void share_forget_a_host(struct share_tenant *t)
{
    struct share_host **oldest = NULL;
    for (struct share_host **at = &t->hosts; *at; at = &(*at)->next)
        if (!(*at)->in_flight && !(*at)->waiting && (!oldest || (*at)->used_at < (*oldest)->used_at))
            oldest = at;
    if (oldest)
        share_forget_host(t, oldest);
}

/* The hosts that a tenant calls may come from its visitors, so there could be a new one for each call. */
static struct share_host *share_make_host(struct share_tenant *t, const char *key)
{
    size_t n = strlen(key) + 1;
    struct share_host *h = t->hosts;
    while (h && strcmp(h->key, key) != 0)
        h = h->next;
    if (h || !(h = calloc(1, sizeof(*h) + n)))
        return h;
    if (t->host_count >= SHARE_HOSTS_MAX)
        share_forget_a_host(t);
    memcpy(h->key, key, n);
    h->open_us = BREAKER_FIRST_US;
    h->next = t->hosts;
    t->hosts = h;
    t->host_count++;
    return h;
}

static void share_list_tenant(struct share_tenant *t)
{
    t->prev_waiting = shares.last_waiting;
    t->next_waiting = NULL;
    *(shares.last_waiting ? &shares.last_waiting->next_waiting : &shares.first_waiting) = t;
    shares.last_waiting = t;
}

static void share_unlist_tenant(struct share_tenant *t)
{
    *(t->prev_waiting ? &t->prev_waiting->next_waiting : &shares.first_waiting) = t->next_waiting;
    *(t->next_waiting ? &t->next_waiting->prev_waiting : &shares.last_waiting) = t->prev_waiting;
}

/* ---- the queue ---- */

static void share_queue(struct call *c)
{
    struct share_host *h = c->at;
    c->prev_waiting = h->last;
    c->next_waiting = NULL;
    *(h->last ? &h->last->next_waiting : &h->first) = c;
    h->last = c;
    c->waiting = true;
    h->waiting++;
    shares.waiting++;
    if (c->tenant->waiting++ == 0)
        share_list_tenant(c->tenant);
}

static void share_unqueue(struct call *c)
{
    struct share_host *h = c->at;
    *(c->prev_waiting ? &c->prev_waiting->next_waiting : &h->first) = c->next_waiting;
    *(c->next_waiting ? &c->next_waiting->prev_waiting : &h->last) = c->prev_waiting;
    c->waiting = false;
    h->waiting--;
    shares.waiting--;
    if (--c->tenant->waiting == 0)
        share_unlist_tenant(c->tenant);
}

/* An open breaker refuses; when its time is over, one call tries the host and the others are refused until that call
 * has ended. Calls of the install have none: their callers know best when to try again. */
static bool share_is_down(const struct call *c, int64_t now)
{
    const struct share_host *h = c->at;
    if (id_is_none(c->tenant_id) || h->failures < BREAKER_FAILURES || c->probe)
        return false;
    return now < h->open_until || h->trying;
}

static enum call_class share_place(struct call *c, int64_t now)
{
    struct share_tenant *t = share_make_tenant(c->tenant_id);
    struct share_host *h = t ? share_make_host(t, c->host_key) : NULL;
    if (!h)
        return CALL_NO_MEMORY;
    if (t->waiting >= SHARE_WAITING_MAX)
        return CALL_QUEUE_FULL;
    c->tenant = t;
    c->at = h;
    if (share_is_down(c, now))
        return CALL_HOST_DOWN;
    if (h->failures >= BREAKER_FAILURES && !id_is_none(t->id))
        c->probe = h->trying = true;
    share_queue(c);
    return CALL_REPLIED;
}

enum call_class share_enter(struct call *c, int64_t now)
{
    pthread_mutex_lock(&shares.lock);
    enum call_class class = share_place(c, now);
    shares.changed = true;
    pthread_mutex_unlock(&shares.lock);
    return class;
}

/* May the first call in the queue of this host leave it? A call that has to end may always. */
static bool share_host_ready(const struct share_tenant *t, const struct share_host *h, int64_t now)
{
    const struct call *c = h->first;
    if (!c)
        return false;
    if (id_is_none(t->id) || share_is_down(c, now))
        return true;
    if (t->in_flight + shares.in_flight >= shares.max)
        return false;
    return c->literal || now < h->known_until ||
           (!h->looking_up && t->looking_up + shares.looking_up < SHARE_LOOKUPS_MAX);
}

static struct share_host **share_ready_host(struct share_tenant *t, int64_t now)
{
    struct share_host **at = &t->hosts;
    while (*at && !share_host_ready(t, *at, now))
        at = &(*at)->next;
    return *at ? at : NULL;
}

/* The host moves to the end, so that the hosts of one tenant take turns. */
static struct call *share_take(struct share_tenant *t, struct share_host **at)
{
    struct share_host *h = *at, **end = at;
    struct call *c = h->first;
    *at = h->next;
    while (*end)
        end = &(*end)->next;
    *end = h;
    h->next = NULL;
    share_unqueue(c);
    if (t->waiting) {
        share_unlist_tenant(t);
        share_list_tenant(t);
    }
    return c;
}

static void share_begin(struct call *c, int64_t now)
{
    c->in_flight = true;
    c->at->in_flight++;
    c->tenant->in_flight++;
    shares.in_flight++;
    c->resolving = !id_is_none(c->tenant_id) && !c->literal && now >= c->at->known_until;
    if (c->resolving) {
        c->at->looking_up = true;
        c->tenant->looking_up++;
        shares.looking_up++;
    }
}

/* Of tenants with equally many calls in flight, the one that was served least recently comes first in the list. One
 * without any ends the search. */
static struct call *share_choose(int64_t now, enum call_class *class)
{
    struct share_tenant *best = NULL;
    struct share_host **at = NULL;
    for (struct share_tenant *t = shares.first_waiting; t && !(best && !best->in_flight); t = t->next_waiting) {
        struct share_host **ready = best && t->in_flight >= best->in_flight ? NULL : share_ready_host(t, now);
        if (ready) {
            best = t;
            at = ready;
        }
    }
    if (!best)
        return NULL;
    struct call *c = share_take(best, at);
    *class = share_is_down(c, now) ? CALL_HOST_DOWN : CALL_REPLIED;
    if (*class == CALL_REPLIED)
        share_begin(c, now);
    return c;
}

/* No call becomes ready because time passes, so while nothing has changed the waiting tenants are not searched. */
struct call *share_next(int64_t now, enum call_class *class)
{
    pthread_mutex_lock(&shares.lock);
    struct call *c = shares.changed ? share_choose(now, class) : NULL;
    shares.changed = c;
    pthread_mutex_unlock(&shares.lock);
    return c;
}

/* ---- how it went ---- */

static void share_end_lookup(struct call *c)
{
    c->resolving = false;
    c->at->looking_up = false;
    c->tenant->looking_up--;
    shares.looking_up--;
}

void share_resolved(struct call *c, int64_t now)
{
    pthread_mutex_lock(&shares.lock);
    if (c->resolving) {
        share_end_lookup(c);
        c->at->known_until = now + SHARE_NAME_US;
        shares.changed = true;
    }
    pthread_mutex_unlock(&shares.lock);
}

/* What an end says about the host. Replies count as good, even "500": it is the answer of a program that works. A
 * gateway's "there is nothing behind me" does not. Ends that the caller chose say nothing. */
static int share_verdict(const struct call *c, enum call_class class)
{
    int status = c->result.head.status;
    switch (class) {
    case CALL_REPLIED:
        return status == 502 || status == 503 || status == 504 ? -1 : 1;
    case CALL_TOO_LARGE:
        return 1;
    case CALL_NAME_UNKNOWN:
    case CALL_NOT_CONNECTED:
    case CALL_TLS_FAILED:
    case CALL_CONNECT_TIMEOUT:
    case CALL_FIRST_BYTE_TIMEOUT:
        return -1;
    case CALL_TOTAL_TIMEOUT:
    case CALL_BROKEN:
        return c->phase == CALL_QUEUED || status ? 0 : -1;
    default:
        return 0;
    }
}

static void share_judge(struct call *c, enum call_class class, int64_t now)
{
    struct share_host *h = c->at;
    int verdict = share_verdict(c, class);
    if (verdict > 0) {
        h->failures = 0;
        h->open_until = 0;
        h->open_us = BREAKER_FIRST_US;
    } else if (verdict < 0 && ++h->failures >= BREAKER_FAILURES && (c->probe || h->failures == BREAKER_FAILURES)) {
        h->open_until = now + h->open_us;
        h->open_us = h->open_us * 2 < BREAKER_LAST_US ? h->open_us * 2 : BREAKER_LAST_US;
    }
    if (c->probe)
        h->trying = false;
}

/* Refused calls never had a place; calls without memory for it neither. */
int share_leave(struct call *c, enum call_class class, int64_t now)
{
    struct share_host *h = c->at;
    if (!h)
        return 0;
    pthread_mutex_lock(&shares.lock);
    if (c->waiting)
        share_unqueue(c);
    if (c->resolving)
        share_end_lookup(c);
    if (c->in_flight) {
        c->in_flight = false;
        h->in_flight--;
        c->tenant->in_flight--;
        shares.in_flight--;
    }
    share_judge(c, class, now);
    h->used_at = now;
    int64_t us = h->open_until - now;
    c->tenant = NULL;
    c->at = NULL;
    shares.changed = true;
    pthread_mutex_unlock(&shares.lock);
    return us > 0 ? (int)((us + 999999) / 1000000) : 1;
}

struct calls_count share_count(struct id tenant)
{
    struct calls_count n = {0};
    pthread_mutex_lock(&shares.lock);
    const struct share_tenant *t = id_is_none(tenant) ? NULL : share_find_tenant(tenant);
    if (id_is_none(tenant))
        n = (struct calls_count){(int)shares.in_flight, (int)shares.waiting};
    else if (t)
        n = (struct calls_count){(int)t->in_flight, (int)t->waiting};
    pthread_mutex_unlock(&shares.lock);
    return n;
}

/* ---- connections ---- */

/* libcurl keeps the open connections of handles that have a share object there, and looks for one to reuse nowhere
 * else. The multi handle has a cache of its own, which is therefore used only by calls that reuse nothing. Calls that
 * may go to private addresses have their own pool: such a connection must not serve a call that may not go there. */
CURLSH *share_pool(struct call *c)
{
    CURLSH **pool = &c->tenant->pools[c->private_allowed], *known = *pool;
    if (known)
        return known;
    *pool = curl_share_init();
    if (*pool && curl_share_setopt(*pool, CURLSHOPT_SHARE, CURL_LOCK_DATA_CONNECT) != CURLSHE_OK) {
        curl_share_cleanup(*pool);
        *pool = NULL;
    }
    return *pool;
}

/* A host is remembered while its breaker may still matter. */
static void share_sweep_hosts(struct share_tenant *t, int64_t now, bool everything)
{
    for (struct share_host **at = &t->hosts; *at;) {
        struct share_host *h = *at;
        bool old = now - h->used_at > SHARE_IDLE_US && now - h->open_until > SHARE_IDLE_US;
        if (h->in_flight || h->waiting || (!old && !everything)) {
            at = &h->next;
            continue;
        }
        share_forget_host(t, at);
    }
}

/* Closing connections may take a moment, so the pools are closed after the lock is given back. */
bool share_sweep(int64_t now, bool everything)
{
    struct share_tenant *gone = NULL;
    bool any = false;
    pthread_mutex_lock(&shares.lock);
    for (size_t i = 0; i < SHARE_BUCKETS; i++)
        for (struct share_tenant **at = &shares.buckets[i]; *at;) {
            struct share_tenant *t = *at;
            share_sweep_hosts(t, now, everything);
            if (t->hosts) {
                any = true;
                at = &t->next;
                continue;
            }
            *at = t->next;
            t->next = gone;
            gone = t;
        }
    pthread_mutex_unlock(&shares.lock);
    while (gone) {
        struct share_tenant *t = gone;
        gone = t->next;
        curl_share_cleanup(t->pools[0]);
        curl_share_cleanup(t->pools[1]);
        free(t);
    }
    return any;
}
