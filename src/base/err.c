/* err.c: filling in errors, and the table of error codes.
 *
 * A struct err has fixed arrays, so that reporting an error never needs memory: "out of memory" must be reportable,
 * too. Texts that do not fit are cut, always between two characters. The first error counts: a function that fails
 * after another failure must not overwrite it, which is why callers keep a second struct err for cleanup. */
#include "base/err.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

#include "base/banned.h"

struct error_row {
    const char *name, *text;
    enum status status;
    int http;
    enum error_audience audience;
};

static const struct error_row error_rows[ERROR_CODES] = {
    [E_none] = {"", "Something went wrong inside Parley.", ERR_INTERNAL, 500, AUDIENCE_OPERATOR},
#define ERROR(code, status, http, audience, text) [E_##code] = {#code, text, ERR_##status, http, AUDIENCE_##audience},
#include "base/errors.def"
#undef ERROR
};

/* For errors that have a status and no code of their own. Every status has one, so a reply never lacks the member that
 * clients decide by. */
static const enum error_code default_codes[] = {
    [OK] = E_none,
    [ERR_INVALID] = E_invalid,
    [ERR_AUTH] = E_not_authenticated,
    [ERR_PLAN] = E_plan_limit,
    [ERR_DENIED] = E_denied,
    [ERR_NOT_FOUND] = E_not_found,
    [ERR_CONFLICT] = E_conflict,
    [ERR_TOO_LARGE] = E_too_large,
    [ERR_RATE] = E_rate_limited,
    [ERR_UNAVAILABLE] = E_unavailable,
    [ERR_TIMEOUT] = E_timeout,
    [ERR_GONE] = E_gone,
    [ERR_NOMEM] = E_out_of_memory,
    [ERR_INTERNAL] = E_internal,
};

/* A code outside the table is answered as an internal error and does not read beyond it. */
static const struct error_row *error_row(enum error_code code)
{
    return &error_rows[(size_t)code < ERROR_CODES ? code : E_none];
}

/* A message cut by its maximum must not end in half a character, or the JSON that contains it would not be valid UTF-8.
 * Only a text that fills its array can have been cut. */
static void err_cut_clean(char *text, size_t size)
{
    size_t n = strlen(text);
    if (n + 1 < size)
        return;
    size_t start = n;
    while (start > 0 && n - start < 4 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0 || (unsigned char)text[start - 1] < 0xC0)
        return; /* ends in ASCII, or is not UTF-8 */
    unsigned char lead = (unsigned char)text[start - 1];
    size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (n - (start - 1) < need)
        text[start - 1] = '\0';
}

static void err_copy_text(char *out, size_t size, const char *z)
{
    size_t n = z ? strnlen(z, size - 1) : 0;
    if (n)
        memcpy(out, z, n);
    out[n] = '\0';
    err_cut_clean(out, size);
}

static enum status err_fill(struct err *e, enum status status, enum error_code code, const char *pointer,
                            const char *fmt, va_list ap) __attribute__((format(printf, 5, 0)));

/* A NULL error is allowed: a caller that needs only the status passes it. The text is formatted apart from *e, because
 * an argument may point into *e itself (a message that quotes the one before). */
static enum status err_fill(struct err *e, enum status status, enum error_code code, const char *pointer,
                            const char *fmt, va_list ap)
{
    if (!e)
        return status;
    char text[sizeof(e->message)], pointer_copy[sizeof(e->pointer)];
    if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
        text[0] = '\0';
    err_cut_clean(text, sizeof(text));
    err_copy_text(pointer_copy, sizeof(pointer_copy), pointer);
    e->status = status;
    e->code = code;
    e->name[0] = '\0';
    e->retry_after_s = 0;
    memcpy(e->pointer, pointer_copy, sizeof(pointer_copy));
    memcpy(e->message, text, sizeof(text));
    return status;
}

enum status err_set(struct err *e, enum error_code code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    enum status st = err_fill(e, error_status(code), code, NULL, fmt, ap);
    va_end(ap);
    return st;
}

/* The status of the code is overridden: the same thing can be wrong for different reasons (a file that cannot be
 * written because of its mode, or of the argument that names it). */
enum status err_set_as(struct err *e, enum status status, enum error_code code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)err_fill(e, status, code, NULL, fmt, ap);
    va_end(ap);
    return status;
}

enum status err_at(struct err *e, enum error_code code, const char *pointer, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    enum status st = err_fill(e, error_status(code), code, pointer, fmt, ap);
    va_end(ap);
    return st;
}

enum status err_at_as(struct err *e, enum status status, enum error_code code, const char *pointer, const char *fmt,
                      ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)err_fill(e, status, code, pointer, fmt, ap);
    va_end(ap);
    return status;
}

enum status err_raise(struct err *e, enum error_code code)
{
    return err_set(e, code, "%s", error_text(code));
}

enum status err_raise_at(struct err *e, enum error_code code, const char *pointer)
{
    return err_at(e, code, pointer, "%s", error_text(code));
}

/* For codes of outside services, which the table cannot know. The status stays, so callers still decide by it. */
void err_rename(struct err *e, const char *fmt, ...)
{
    if (!e)
        return;
    va_list ap;
    va_start(ap, fmt);
    if (vsnprintf(e->name, sizeof(e->name), fmt, ap) < 0)
        e->name[0] = '\0';
    va_end(ap);
    err_cut_clean(e->name, sizeof(e->name));
}

/* When both do not fit, the context gets at most half of the space: the cause matters more. */
enum status err_wrap(struct err *e, const char *fmt, ...)
{
    if (!e)
        return ERR_INTERNAL;
    char context[sizeof(e->message)], text[sizeof(e->message)];
    va_list ap;
    va_start(ap, fmt);
    if (vsnprintf(context, sizeof(context), fmt, ap) < 0)
        context[0] = '\0';
    va_end(ap);
    size_t n = strlen(context);
    size_t space = sizeof(text) - 1;
    size_t m = strlen(e->message);
    if (n > space / 2)
        n = space / 2;
    if (n + 2 + m > space)
        m = space - n - 2;
    memcpy(text, context, n);
    memcpy(text + n, ": ", 2);
    memcpy(text + n + 2, e->message, m);
    text[n + 2 + m] = '\0';
    err_cut_clean(text, sizeof(text));
    memcpy(e->message, text, n + 2 + m + 1);
    return e->status;
}

/* The text is constant, because formatting one could need the memory that is missing. */
enum status err_nomem(struct err *e)
{
    return err_raise(e, E_out_of_memory);
}

bool err_is(const struct err *e, enum error_code code)
{
    return e->code == code;
}

enum error_code status_default_code(enum status st)
{
    size_t i = (size_t)st;
    return i < COUNT_OF(default_codes) ? default_codes[i] : E_internal;
}

/* A name that was given at run time (an error code of an outside service) comes before the table. Without either, the
 * status decides, so a client always gets a code. */
const char *err_code(const struct err *e)
{
    if (e->name[0])
        return e->name;
    return error_name(e->code != E_none ? e->code : status_default_code(e->status));
}

const char *error_name(enum error_code code)
{
    return error_row(code)->name;
}

const char *error_text(enum error_code code)
{
    return error_row(code)->text;
}

enum status error_status(enum error_code code)
{
    return error_row(code)->status;
}

int error_http(enum error_code code)
{
    return error_row(code)->http;
}

enum error_audience error_audience(enum error_code code)
{
    return error_row(code)->audience;
}
