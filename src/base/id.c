/* id.c: UUIDv7 with a counter, and its text form.
 *
 * 48 bits of milliseconds, then 12 bits that count within the millisecond, then 62 random bits. The clock part never
 * repeats or goes back within a process, even if the wall clock does. Random bytes are drawn 256 at a time, because
 * getrandom is a system call. */
#include "base/id.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/err.h"

#include "base/banned.h"

#define POOL 256
#define DIGITS 26

static _Atomic uint64_t last_tick;  /* milliseconds << 12 | counter; it grows with every id */
static _Atomic unsigned fork_count; /* a child must not use the random bytes of its parent's pool */

static const char *const prefixes[] = {
    [ID_TENANT] = "ws_",   [ID_USER] = "usr_",    [ID_BOT] = "bot_",     [ID_CONVERSATION] = "conv_",
    [ID_MESSAGE] = "msg_", [ID_SOURCE] = "src_",  [ID_ANSWER] = "ans_",  [ID_KEY] = "key_",
    [ID_JOB] = "job_",     [ID_SESSION] = "ses_", [ID_REQUEST] = "req_", [ID_AUDIT] = "aud_",
    [ID_TERMS] = "terms_", [ID_CHECKOUT] = "co_", [ID_ALARM] = "alarm_", [ID_METER] = "use_",
    [ID_LOG] = "log_",     [ID_CHANGE] = "chg_",  [ID_ENGINE] = "eng_",
};

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

static void after_fork(void)
{
    atomic_fetch_add(&fork_count, 1);
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, after_fork);
}

/* Each thread has its own pool, so no lock is needed. After a fork the child draws new bytes, or both would hand out
 * the same ids. */
static uint64_t id_random(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static _Thread_local struct {
        uint64_t words[POOL / 8];
        size_t left;
        unsigned forks;
    } pool;
    unsigned forks = atomic_load_explicit(&fork_count, memory_order_relaxed);
    if (pool.left == 0 || pool.forks != forks) {
        pthread_once(&once, watch_forks);
        while (getrandom(pool.words, sizeof(pool.words), 0) != sizeof(pool.words))
            ; /* up to 256 bytes come at once; only a signal before the machine has entropy needs another try */
        pool.left = POOL / 8;
        pool.forks = forks;
    }
    return pool.words[--pool.left];
}

/* The time, or the last tick plus one if the clock has not moved on (or went back). More than 4,096 ids in a
 * millisecond borrow from the next one. Only the number itself matters, so relaxed order is enough. */
static uint64_t next_tick(void)
{
    uint64_t now = (uint64_t)clock_now_ms() << 12;
    uint64_t was = atomic_load_explicit(&last_tick, memory_order_relaxed), next;
    do {
        next = now > was ? now : was + 1;
    } while (
        !atomic_compare_exchange_weak_explicit(&last_tick, &was, next, memory_order_relaxed, memory_order_relaxed));
    return next;
}

static void store_be(uint8_t *out, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(v >> (56 - 8 * i));
}

static uint64_t load_be(const uint8_t *p)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v = v << 8 | p[i];
    return v;
}

struct id id_new(void)
{
    uint64_t tick = next_tick();
    struct id id;
    store_be(id.b, (tick >> 12) << 16 | 0x7000 | (tick & 0xFFF));
    store_be(id.b + 8, (id_random() >> 2) | (uint64_t)1 << 63);
    return id;
}

bool id_is_none(struct id id)
{
    return id_eq(id, ID_NONE);
}

bool id_eq(struct id a, struct id b)
{
    return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}

int64_t id_time_ms(struct id id)
{
    return (int64_t)(load_be(id.b) >> 16);
}

struct id id_least(int64_t ms)
{
    struct id id = ID_NONE;
    for (int i = 0; ms > 0 && i < 6; i++)
        id.b[i] = (uint8_t)(ms >> (8 * (5 - i)));
    return id;
}

static struct str prefix_of(enum id_kind kind)
{
    CHECK((size_t)kind < COUNT_OF(prefixes));
    return str_from(prefixes[kind]);
}

char *id_text(enum id_kind kind, struct id id, char *out)
{
    struct str prefix = prefix_of(kind);
    memcpy(out, prefix.p, prefix.n);
    char *p = out + prefix.n;
    uint64_t high = load_be(id.b), low = load_be(id.b + 8);
    for (int i = DIGITS - 1; i >= 0; i--) {
        p[i] = alphabet[low & 31];
        low = low >> 5 | high << 59;
        high >>= 5;
    }
    p[DIGITS] = '\0';
    return out;
}

/* 0 to 31, or 32 if c is not a digit. The letters i, l, o and u are not used, because they are easily misread. */
static unsigned id_digit(char c)
{
    const char *at = c ? memchr(alphabet, c, 32) : NULL;
    return at ? (unsigned)(at - alphabet) : 32;
}

/* Exactly the texts that id_text writes are accepted: each id then has one text, and texts can be compared. */
bool id_parse(enum id_kind kind, struct str s, struct id *out)
{
    struct str prefix = prefix_of(kind);
    if (s.n != prefix.n + DIGITS || !str_starts(s, prefix))
        return false;
    const char *p = s.p + prefix.n;
    if (id_digit(p[0]) > 7) /* 26 digits have 130 bits, an id 128 */
        return false;
    uint64_t high = 0, low = 0;
    for (int i = 0; i < DIGITS; i++) {
        unsigned d = id_digit(p[i]);
        if (d > 31)
            return false;
        high = high << 5 | low >> 59;
        low = low << 5 | d;
    }
    store_be(out->b, high);
    store_be(out->b + 8, low);
    return true;
}
