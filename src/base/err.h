/* err.h: what went wrong, in one form for every floor.
 *
 * A function that can fail returns a status (enum status, OK = 0) and fills the caller's struct err; on OK the err is
 * untouched. The message is fit to show: it names no file, no SQL, no secret. A caller that adds context uses err_wrap.
 * Thread rule: a struct err belongs to its caller; nothing here is shared. */
#ifndef PARLEY_BASE_ERR_H
#define PARLEY_BASE_ERR_H

#include <stdarg.h>
#include <stddef.h>

/* The compiler warns where a status is ignored: also that of a static function and of a call through a pointer. An
 * ignored status that is meant is cast to void. GCC takes this attribute on a type only under the name of C23. */
#if defined(__clang__)
#define MUST_CHECK __attribute__((warn_unused_result))
#elif defined(__GNUC__) && __GNUC__ >= 10
#define MUST_CHECK [[nodiscard]]
#else
#define MUST_CHECK
#endif

enum MUST_CHECK status {
    OK = 0,
    ERR_INVALID,     /* the input is wrong: 400, or 422 when `pointer` is set */
    ERR_AUTH,        /* who are you: 401 */
    ERR_PLAN,        /* the plan does not cover it: 402 */
    ERR_DENIED,      /* no right: 403 */
    ERR_NOT_FOUND,   /* 404, also for what belongs to another tenant */
    ERR_CONFLICT,    /* 409 */
    ERR_TOO_LARGE,   /* 413 */
    ERR_RATE,        /* 429, retry_after_s says when */
    ERR_UNAVAILABLE, /* 503, may work later */
    ERR_TIMEOUT,     /* 504 */
    ERR_GONE,        /* the other side left: nothing can be sent */
    ERR_NOMEM,       /* 503 */
    ERR_INTERNAL     /* 500: our fault */
};

struct err {
    enum status status;
    char code[48];     /* stable, machine readable: "flow_invalid", "token_expired"; "" = the status's default */
    char message[512]; /* one sentence, UTF-8, without a final newline */
    char pointer[160]; /* JSON pointer or form field of the wrong input, "" if none */
    int retry_after_s; /* with ERR_RATE and ERR_UNAVAILABLE; 0 = unknown */
};

#define ERR_INIT \
    {            \
        0        \
    }

/* Fill *e and return `status`. `code` NULL means the status's default. e may be NULL. */
enum status err_set(struct err *e, enum status status, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* The same with the place of the wrong input ("/nodes/ask/next"). */
enum status err_at(struct err *e, enum status status, const char *code, const char *pointer, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* Put "context: " before the message; status, code and pointer stay. Returns e's status. */
enum status err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
enum status err_nomem(struct err *e);

const char *err_code(const struct err *e);       /* e->code or the default of its status: never NULL */
const char *status_default_code(enum status st); /* "invalid", "not_found", ... */

/* An impossible state: log the text, abort. Not compiled out. */
void bug_at(const char *file, int line, const char *fmt, ...) __attribute__((noreturn, format(printf, 3, 4)));
#define BUG(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)
#define CHECK(cond) ((cond) ? (void)0 : BUG("impossible: %s", #cond))

#endif
