/* err.h: what went wrong, in one form for every layer.
 *
 * A function that can fail returns a status (enum status, OK = 0) and fills in the caller's struct err; on OK the err
 * is unchanged. The message is fit to show: it contains no SQL and no secret. A caller that adds context uses err_wrap.
 * Thread rule: a struct err belongs to its caller; nothing here is shared. */
#ifndef PARLEY_BASE_ERR_H
#define PARLEY_BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/bug.h"

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

/* A code of errors.def, or E_none. */
enum error_code {
    E_none,
#define ERROR(code, status, http, audience, text) E_##code,
#include "base/errors.def"
#undef ERROR
    ERROR_CODES
};

enum error_audience { AUDIENCE_VISITOR, AUDIENCE_MEMBER, AUDIENCE_PAYER, AUDIENCE_OPERATOR, AUDIENCE_DEVELOPER };

struct err {
    enum status status;
    enum error_code code;
    char name[48];     /* a more specific name of the code (err_rename), or "" */
    char message[512]; /* one sentence, UTF-8, without a final newline */
    char pointer[160]; /* JSON pointer or form field of the wrong input, "" if none */
    int retry_after_s; /* with ERR_RATE and ERR_UNAVAILABLE; 0 = unknown */
};

#define ERR_INIT ((struct err){.status = OK})

/* Fill *e with `code` and a sentence of the caller's. Returns the status of the code. e may be NULL. */
enum status err_set(struct err *e, enum error_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same with another status than the code's own. */
enum status err_set_as(struct err *e, enum status status, enum error_code code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* The same with the place of the wrong input ("/nodes/ask/next", or the name of a form field). */
enum status err_at(struct err *e, enum error_code code, const char *pointer, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
enum status err_at_as(struct err *e, enum status status, enum error_code code, const char *pointer, const char *fmt,
                      ...) __attribute__((format(printf, 5, 6)));
/* The same with the sentence of errors.def. */
enum status err_raise(struct err *e, enum error_code code);
enum status err_raise_at(struct err *e, enum error_code code, const char *pointer);
/* Put "context: " before the message; status, code and pointer stay. Returns e's status. */
enum status err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Give the code a more specific name in answers and logs: "plan_limit_bots" for E_plan_limit. e may be NULL. */
void err_rename(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
enum status err_nomem(struct err *e);

bool err_is(const struct err *e, enum error_code code);
const char *err_code(const struct err *e);           /* the code as text; without one, the default of the status */
enum error_code status_default_code(enum status st); /* E_invalid, E_not_found, ... */

/* Columns of errors.def. E_none has the status ERR_INTERNAL and the text of E_internal. */
const char *error_name(enum error_code code);
const char *error_text(enum error_code code);
enum status error_status(enum error_code code);
int error_http(enum error_code code);
enum error_audience error_audience(enum error_code code);

#endif
