/* shared.c: rate limits and generation counters in memory that all programs of a host share.
 *
 * Buckets are in sets of eight, as in a processor's cache: a key hashes to one set and may use any bucket in it. There
 * are no locks, so a killed program leaves none behind; every change is one compare-and-swap. */
#include "base/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"

#include "base/banned.h"

/* 32,768 buckets of 16 bytes: half a megabyte. */
#define BUCKET_WAYS 8
#define BUCKET_SETS 4096
#define COUNTERS 8192
#define MAGIC UINT64_C(0x5041524c45590001) /* the last digits are the layout's version */
#define REBOOT_US INT64_C(60000000)        /* a time this much too late is of a clock that has started again */

/* A token bucket as one number: the time at which it will be full again (the "theoretical arrival time" of the generic
 * cell rate algorithm, GCRA). Taking a token moves that time by one step. A bucket whose time has passed is full; since
 * a full bucket limits no one, it is also free for another key. */
struct bucket {
    _Atomic uint64_t owner;  /* hash of name and key; 0 = never used */
    _Atomic int64_t full_at; /* monotonic microseconds */
};

struct layout {
    _Atomic uint64_t magic; /* written last */
    uint8_t hash_key[16];
    struct bucket buckets[BUCKET_SETS][BUCKET_WAYS];
    _Atomic uint64_t counters[COUNTERS];
};

static struct layout *_Atomic shared;
static atomic_bool limits_on = true;

/* ---- the file ---- */

static enum status file_failed(const char *path, struct err *e)
{
    return err_set(e, E_unavailable, "The shared file %s cannot be used: %s.", path, strerror(errno));
}

/* Open and lock the file. Afterwards the path must still name this file, so that two programs never map two different
 * ones. */
static int open_locked(const char *path)
{
    for (;;) {
        struct stat opened, named;
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0660);
        if (fd < 0)
            return -1;
        if (flock(fd, LOCK_EX) == 0 && fstat(fd, &opened) == 0 && stat(path, &named) == 0 &&
            opened.st_ino == named.st_ino && opened.st_dev == named.st_dev)
            return fd;
        int why = errno;
        close(fd);
        if (why != ENOENT && why != EINTR && why != 0)
            return errno = why, -1;
    }
}

static struct layout *map_file(int fd)
{
    void *p = mmap(NULL, sizeof(struct layout), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* Allocate all the space now: a full disk is then an error here, never a SIGBUS later. The magic number is written
 * last. */
static struct layout *fill_file(int fd)
{
    int failed = posix_fallocate(fd, 0, sizeof(struct layout));
    if (failed)
        return errno = failed, NULL;
    struct layout *l = map_file(fd);
    if (l && getrandom(l->hash_key, sizeof(l->hash_key), 0) == sizeof(l->hash_key))
        atomic_store(&l->magic, MAGIC);
    return l;
}

/* Under the lock of the file: create it, or map it, or replace one of another layout and start again. */
enum status shared_open(const char *path, struct err *e)
{
    struct layout *l = NULL;
    struct stat info;
    int fd;
    do {
        fd = open_locked(path);
        if (fd < 0 || fstat(fd, &info) != 0)
            break;
        if (info.st_size == 0) {
            l = fill_file(fd);
        } else if (info.st_size == (off_t)sizeof(*l) && (l = map_file(fd)) && atomic_load(&l->magic) != MAGIC) {
            munmap(l, sizeof(*l));
            l = NULL;
        }
        if (l || info.st_size == 0)
            break;
        /* The file has another layout. Programs that map it keep it; a new file takes its name. */
        if (unlink(path) != 0)
            break;
        close(fd);
    } while (true);
    enum status result = l ? OK : file_failed(path, e);
    if (fd >= 0) {
        flock(fd, LOCK_UN); /* the mapping holds the file open, so closing alone would keep the lock */
        close(fd);
    }
    if (l) {
        shared_close();
        atomic_store(&shared, l);
    }
    return result;
}

void shared_close(void)
{
    struct layout *l = atomic_exchange(&shared, NULL);
    if (l)
        munmap(l, sizeof(*l));
}

/* ---- limits ---- */

void shared_limits_enable(bool on)
{
    atomic_store(&limits_on, on);
}

/* A NUL separates name and key, so that ("a", "bc") is not ("ab", "c"). A long key is hashed on its own first, so
 * that its end counts, too. */
static uint64_t shared_hash(const struct layout *l, const char *name, struct str key)
{
    char text[320];
    size_t n = strnlen(name, 63);
    memcpy(text, name, n);
    text[n++] = '\0';
    if (key.n > sizeof(text) - n - 8) {
        uint64_t long_key = hash_sip(l->hash_key, key);
        memcpy(text + n, &long_key, 8);
        n += 8;
    } else {
        memcpy(text + n, key.p, key.n);
        n += key.n;
    }
    return hash_sip(l->hash_key, str_n(text, n));
}

struct bucket_seen {
    struct bucket *bucket;
    uint64_t owner;
    int64_t full_at;
};

/* The bucket of this owner in its set: the owner's own; else the first one that is full, where no limit is lost; else,
 * when all are in use, the one that will be full soonest. Each bucket is read once and the decision rests on those
 * values, so two threads that look for the same owner choose the same bucket. The compare-and-swap fails if another
 * thread took it first; then start again. A bucket that is taken over before it was full loses its fill, or the new
 * owner would inherit it. */
static struct bucket *find_bucket(struct layout *l, uint64_t owner, int64_t now)
{
    struct bucket *set = l->buckets[owner % BUCKET_SETS];
    for (;;) {
        struct bucket_seen spare = {0};
        for (int i = 0; i < BUCKET_WAYS; i++) {
            struct bucket_seen s = {&set[i], atomic_load(&set[i].owner), atomic_load(&set[i].full_at)};
            if (s.owner == owner)
                return s.bucket;
            if (!spare.bucket || (spare.full_at > now && s.full_at < spare.full_at))
                spare = s;
        }
        if (!atomic_compare_exchange_strong(&spare.bucket->owner, &spare.owner, owner))
            continue; /* another thread took it, perhaps for this very owner */
        if (spare.full_at > now)
            atomic_compare_exchange_strong(&spare.bucket->full_at, &spare.full_at, 0);
        return spare.bucket;
    }
}

static int whole_seconds(int64_t us)
{
    return us > 0 ? (int)((us + 999999) / 1000000) : 0;
}

/* `step` is the time in which one token comes back, `whole` the time from empty to full. A token is available if the
 * bucket, one step later, would be full within `whole` from now. */
bool shared_take_left(const char *name, struct str key, int per_minute, int burst, int *left, int *full_s,
                      int *retry_after_s)
{
    struct layout *l = atomic_load_explicit(&shared, memory_order_acquire);
    *left = -1;
    *full_s = *retry_after_s = 0;
    if (!l || per_minute <= 0 || burst <= 0 || !atomic_load_explicit(&limits_on, memory_order_relaxed))
        return true;
    int64_t now = clock_mono_us(), step = INT64_C(60000000) / per_minute;
    int64_t whole = step * burst; /* from empty to full */
    uint64_t owner = shared_hash(l, name, key);
    struct bucket *b = find_bucket(l, owner ? owner : 1, now);
    int64_t was = atomic_load(&b->full_at), next;
    do {
        /* Another thread may have used the bucket after this one read its clock. A clock that is read after the bucket
         * is not behind the clock of that thread, but for the difference of two processors' clocks. A time that is much
         * too late even then is from before a reboot: the bucket counts as full. */
        if (was > now + whole)
            now = clock_mono_us();
        int64_t from = was < now || was > now + whole + REBOOT_US ? now : was;
        next = from + step;
        if (next > now + whole) {
            *left = 0;
            *full_s = whole_seconds(from - now);
            *retry_after_s = whole_seconds(next - now - whole);
            return false;
        }
    } while (!atomic_compare_exchange_weak(&b->full_at, &was, next));
    *left = (int)((now + whole - next) / step);
    *full_s = whole_seconds(next - now);
    return true;
}

bool shared_take(const char *name, struct str key, int per_minute, int burst, int *retry_after_s)
{
    int left, full_s, retry;
    bool go = shared_take_left(name, key, per_minute, burst, &left, &full_s, &retry);
    if (retry_after_s)
        *retry_after_s = retry;
    return go;
}

/* ---- generations ---- */

/* Several objects may share a counter. A cache then reads again more often than needed, never too rarely. */
static _Atomic uint64_t *shared_counter(struct layout *l, const char *name, struct id id)
{
    return &l->counters[shared_hash(l, name, str_n((const char *)id.b, sizeof(id.b))) % COUNTERS];
}

uint64_t shared_generation(const char *name, struct id id)
{
    struct layout *l = atomic_load_explicit(&shared, memory_order_acquire);
    return l ? atomic_load(shared_counter(l, name, id)) : 0;
}

void shared_bump(const char *name, struct id id)
{
    struct layout *l = atomic_load_explicit(&shared, memory_order_acquire);
    if (l)
        atomic_fetch_add(shared_counter(l, name, id), 1);
}
