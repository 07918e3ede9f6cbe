/* log.h: one JSON object per line, to stderr or to the file of log_open(). Thread safe: one write(2) per line. */
#ifndef PARLEY_BASE_LOG_H
#define PARLEY_BASE_LOG_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Where lines go: path NULL = stderr. `program` is put in every line and must live as long as the program. */
enum status log_open(const char *program, const char *path, enum log_level min, struct err *e);
void log_reopen(void); /* after rotation (SIGHUP) */

/* The thread's current request id, put in each of its lines; NULL to clear. The text is borrowed until cleared. */
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
               sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

/* The same for what an outage repeats with every request: at most one line a second from one place of the code. The next
 * line that is written has a field "left_out" with the number of those that were not. At most LOG_LIMITED_FIELDS fields. */
#define LOG_LIMITED_FIELDS 6
struct log_limit {
    _Atomic int64_t next_us, left_out;
};
void log_fields_limited(struct log_limit *limit, enum log_level level, const char *event,
                        const struct log_field *fields, size_t count);
#define log_line_limited(level, event, ...)                                                             \
    do {                                                                                                \
        static struct log_limit log_limit_;                                                             \
        log_fields_limited(&log_limit_, (level), (event), (const struct log_field[]){__VA_ARGS__},      \
                           sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field)); \
    } while (0)

#endif
