#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#include "base/banned.h"

static const char *const default_codes[] = {
    [OK] = "ok",
    [ERR_INVALID] = "invalid",
    [ERR_AUTH] = "not_authenticated",
    [ERR_PLAN] = "plan_limit",
    [ERR_DENIED] = "denied",
    [ERR_NOT_FOUND] = "not_found",
    [ERR_CONFLICT] = "conflict",
    [ERR_TOO_LARGE] = "too_large",
    [ERR_RATE] = "rate_limited",
    [ERR_UNAVAILABLE] = "unavailable",
    [ERR_TIMEOUT] = "timeout",
    [ERR_GONE] = "gone",
    [ERR_NOMEM] = "out_of_memory",
    [ERR_INTERNAL] = "internal",
};

/* A message cut by its maximum must not end in half a character. */
static void cut_clean(char *text, size_t size)
{
    size_t n = strlen(text);
    if (n + 1 < size)
        return;
    size_t start = n;
    while (start > 0 && n - start < 4 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0 || (unsigned char)text[start - 1] < 0xC0)
        return; /* ends in ASCII, or is no UTF-8 at all */
    unsigned char lead = (unsigned char)text[start - 1];
    size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (n - (start - 1) < need)
        text[start - 1] = '\0';
}

static void copy_text(char *out, size_t size, const char *z)
{
    size_t n = z ? strnlen(z, size - 1) : 0;
    if (n)
        memcpy(out, z, n);
    out[n] = '\0';
    cut_clean(out, size);
}

static enum status fill(struct err *e, enum status status, const char *code, const char *pointer, const char *fmt,
                        va_list ap) __attribute__((format(printf, 5, 0)));

static enum status fill(struct err *e, enum status status, const char *code, const char *pointer, const char *fmt,
                        va_list ap)
{
    if (!e)
        return status;
    char text[sizeof(e->message)]; /* an argument may be e->message itself */
    if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
        text[0] = '\0';
    cut_clean(text, sizeof(text));
    char code_copy[sizeof(e->code)], pointer_copy[sizeof(e->pointer)];
    copy_text(code_copy, sizeof(code_copy), code);
    copy_text(pointer_copy, sizeof(pointer_copy), pointer);
    e->status = status;
    e->retry_after_s = 0;
    memcpy(e->code, code_copy, sizeof(code_copy));
    memcpy(e->pointer, pointer_copy, sizeof(pointer_copy));
    memcpy(e->message, text, sizeof(text));
    return status;
}

enum status err_set(struct err *e, enum status status, const char *code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)fill(e, status, code, NULL, fmt, ap);
    va_end(ap);
    return status;
}

enum status err_at(struct err *e, enum status status, const char *code, const char *pointer, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)fill(e, status, code, pointer, fmt, ap);
    va_end(ap);
    return status;
}

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
    size_t room = sizeof(text) - 1;
    size_t m = strlen(e->message);
    if (n > room / 2) /* the cause matters more than its context */
        n = room / 2;
    if (n + 2 + m > room)
        m = room - n - 2;
    memcpy(text, context, n);
    memcpy(text + n, ": ", 2);
    memcpy(text + n + 2, e->message, m);
    text[n + 2 + m] = '\0';
    cut_clean(text, sizeof(text));
    memcpy(e->message, text, n + 2 + m + 1);
    return e->status;
}

enum status err_nomem(struct err *e)
{
    return err_set(e, ERR_NOMEM, NULL, "There is not enough memory.");
}

const char *status_default_code(enum status st)
{
    size_t i = (size_t)st;
    return i < COUNT_OF(default_codes) ? default_codes[i] : "internal";
}

const char *err_code(const struct err *e)
{
    return e->code[0] ? e->code : status_default_code(e->status);
}

void bug_at(const char *file, int line, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
        text[0] = '\0';
    va_end(ap);
    log_line(LOG_ERROR, "bug", LOG_S("message", text), LOG_S("file", file), LOG_I("line", line));
    abort();
}
