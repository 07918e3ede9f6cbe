/* log.h: one JSON object per line, to standard error or to the file of log_open(). Thread safe: each line is one
 * write(2). */
#ifndef PARLEY_BASE_LOG_H
#define PARLEY_BASE_LOG_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Where lines go; path NULL means standard error. `program` is part of every line and must be static. ERR_INVALID,
 * ERR_UNAVAILABLE. */
enum status log_open(const char *program, const char *path, enum log_level min, struct err *e);
/* Open the file again, after it was rotated (SIGHUP). */
void log_reopen(void);

/* The id of the request that this thread serves, which becomes part of each of its lines; NULL clears it. The text is
 * borrowed until then. */
void log_set_request(const char *request_id);

/* log_line(LOG_INFO, "job_done", LOG_S("kind", kind), LOG_I("ms", ms)): `event` is a stable name, fields are typed. */
struct log_field {
    const char *key;
    enum { LOG_F_STR, LOG_F_INT, LOG_F_DBL } type;
    struct str s;
    int64_t i;
    double d;
};
#define LOG_S(k, z) ((struct log_field){.key = (k), .type = LOG_F_STR, .s = str_from(z)})
#define LOG_T(k, str_) ((struct log_field){.key = (k), .type = LOG_F_STR, .s = (str_)})
#define LOG_I(k, v) ((struct log_field){.key = (k), .type = LOG_F_INT, .i = (int64_t)(v)})
#define LOG_D(k, v) ((struct log_field){.key = (k), .type = LOG_F_DBL, .d = (v)})
void log_fields(enum log_level level, const char *event, const struct log_field *fields, size_t count);
#define log_line(level, event, ...)                                       \
    log_fields((level), (event), (const struct log_field[]){__VA_ARGS__}, \
               COUNT_OF(((const struct log_field[]){__VA_ARGS__})))

/* The same for lines that an outage repeats with every request: at most one a second from one place of the code. The
 * next line that is written has a field "left_out", the number of lines that were not. At most LOG_LIMITED_FIELDS
 * fields. */
#define LOG_LIMITED_FIELDS 6
struct log_limit {
    _Atomic int64_t next_us, left_out;
};
void log_fields_limited(struct log_limit *limit, enum log_level level, const char *event,
                        const struct log_field *fields, size_t count);
#define log_line_limited(level, event, ...)                                                                           \
    do {                                                                                                              \
        _Static_assert(COUNT_OF(((const struct log_field[]){__VA_ARGS__})) <= LOG_LIMITED_FIELDS, "too many fields"); \
        static struct log_limit log_limit_;                                                                           \
        log_fields_limited(&log_limit_, (level), (event), (const struct log_field[]){__VA_ARGS__},                    \
                           COUNT_OF(((const struct log_field[]){__VA_ARGS__})));                                      \
    } while (0)

#endif
