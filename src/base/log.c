/* log.c: one JSON object per line.
 *
 * A line is built on the stack and written with one write(2), so lines of several threads and programs never mix in one
 * file, and logging needs no memory and no lock. A line that is too long loses text, never its form. */
#define _GNU_SOURCE /* dup3 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/num.h"

#include "base/banned.h"

#define LINE_MAX_BYTES 8192
#define TAIL 32 /* room that is kept for the end of a line */

static _Atomic int log_fd = STDERR_FILENO;
static _Atomic int log_min = LOG_INFO;
static const char *_Atomic program_name = "parley";
static pthread_mutex_t path_lock = PTHREAD_MUTEX_INITIALIZER;
static char log_path[1024];
static _Thread_local const char *request;

static int open_path(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

/* A program that logs to a file keeps the number of the descriptor when it opens another one (dup3), also when that is
 * standard error: threads may be writing to it, and a number that was closed could become any other file. */
enum status log_open(const char *program, const char *path, enum log_level min, struct err *e)
{
    enum status st = OK;
    int fd, old;
    pthread_mutex_lock(&path_lock);
    if (path && strlen(path) >= sizeof(log_path)) {
        st = err_set(e, E_invalid, "The path of the log file is too long.");
        goto out;
    }
    fd = path ? open_path(path) : STDERR_FILENO;
    if (fd < 0) {
        st = err_set(e, E_unavailable, "The log file %s cannot be opened: %s.", path, strerror(errno));
        goto out;
    }
    snprintf(log_path, sizeof(log_path), "%s", path ? path : "");
    old = atomic_load(&log_fd);
    if (old == STDERR_FILENO || dup3(fd, old, O_CLOEXEC) != old)
        atomic_store(&log_fd, fd);
    else if (path)
        close(fd); /* `old` leads there now */
    atomic_store(&program_name, program);
    atomic_store(&log_min, (int)min);
out:
    pthread_mutex_unlock(&path_lock);
    return st;
}

/* For logrotate: the old file was renamed, and its descriptor still leads there. If the new one cannot be opened,
 * writing continues in the old file. */
void log_reopen(void)
{
    pthread_mutex_lock(&path_lock);
    int fd = log_path[0] ? open_path(log_path) : -1;
    if (fd >= 0) {
        if (dup3(fd, atomic_load(&log_fd), O_CLOEXEC) < 0)
            atomic_store(&log_fd, fd);
        else
            close(fd);
    }
    pthread_mutex_unlock(&path_lock);
}

void log_set_request(const char *request_id)
{
    request = request_id;
}

static const char *level_name(enum log_level level)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    return names[level];
}

static void put_key(struct buf *b, const char *key)
{
    buf_putc(b, ',');
    buf_json(b, str_from(key));
    buf_putc(b, ':');
}

static void put_text(struct buf *b, const char *key, struct str s)
{
    put_key(b, key);
    buf_json(b, s);
}

static void put_value(struct buf *b, const struct log_field *f)
{
    char text[32];
    switch (f->type) {
    case LOG_F_STR:
        buf_json(b, f->s);
        break;
    case LOG_F_INT:
        buf_i64(b, f->i);
        break;
    case LOG_F_DBL:
        buf_puts(b, isfinite(f->d) ? num_double_text(f->d, text) : "null");
        break;
    }
}

/* A field that does not fit is shortened if it is text, and left out otherwise. */
static void put_field(struct buf *b, const struct log_field *f)
{
    size_t before = b->n;
    put_key(b, f->key);
    put_value(b, f);
    for (size_t keep = LINE_MAX_BYTES / 8; b->failed; keep /= 4) {
        b->failed = false;
        b->n = before;
        b->p[before] = '\0';
        if (f->type != LOG_F_STR || keep < 16)
            return;
        put_text(b, f->key, str_sub(f->s, 0, keep));
    }
}

/* A short write is continued, at the price that another program's line may come in between. It happens only on a full
 * disk or pipe. */
static void write_line(const char *p, size_t n)
{
    int fd = atomic_load(&log_fd);
    while (n) {
        ssize_t w = write(fd, p, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return; /* a full disk must not stop the service, and there is nowhere else to report it */
        p += w;
        n -= (size_t)w;
    }
}

/* errno is kept, so that a caller may log before it looks at errno. The end of the line has reserved room: a cut line
 * is still JSON. */
void log_fields(enum log_level level, const char *event, const struct log_field *fields, size_t count)
{
    if ((int)level < atomic_load_explicit(&log_min, memory_order_relaxed))
        return;
    int saved = errno;
    char memory[LINE_MAX_BYTES];
    struct buf b;
    buf_fixed(&b, memory, sizeof(memory) - TAIL);
    buf_puts(&b, "{\"time\":\"");
    clock_iso(&b, clock_now_ms());
    buf_puts(&b, "\",\"level\":\"");
    buf_puts(&b, level_name(level));
    buf_putc(&b, '"');
    put_field(&b, &LOG_S("program", atomic_load(&program_name)));
    put_field(&b, &LOG_S("event", event));
    if (request)
        put_field(&b, &LOG_S("request", request));
    for (size_t i = 0; i < count; i++)
        put_field(&b, &fields[i]);
    buf_fixed(&b, memory + b.n, TAIL);
    buf_puts(&b, "}\n");
    write_line(memory, (size_t)(b.p - memory) + b.n);
    errno = saved;
}

/* Of many threads, exactly the one that moves next_us forward writes the line. */
static bool limit_passes(struct log_limit *l, int64_t *left_out)
{
    int64_t now = clock_mono_us(), next = atomic_load(&l->next_us);
    if (now < next || !atomic_compare_exchange_strong(&l->next_us, &next, now + 1000000)) {
        atomic_fetch_add(&l->left_out, 1);
        return false;
    }
    *left_out = atomic_exchange(&l->left_out, 0);
    return true;
}

/* The caller's fields are copied, because one more is added. */
void log_fields_limited(struct log_limit *limit, enum log_level level, const char *event,
                        const struct log_field *fields, size_t count)
{
    struct log_field all[LOG_LIMITED_FIELDS + 1];
    int64_t left_out;
    if ((int)level < atomic_load_explicit(&log_min, memory_order_relaxed) || !limit_passes(limit, &left_out))
        return;
    if (count > LOG_LIMITED_FIELDS)
        count = LOG_LIMITED_FIELDS;
    memcpy(all, fields, count * sizeof(*fields));
    if (left_out > 0)
        all[count++] = LOG_I("left_out", left_out);
    log_fields(level, event, all, count);
}
