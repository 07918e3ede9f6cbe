/* form.c: parameters are encoded as they are added, so a form is one growing buffer and a failed append is remembered
 * by it. Callers check once, before they send, and half a form is never sent. */
#include "stripe/form.h"

#include <string.h>

#include "base/err.h"

#include "base/banned.h"

void stripe_form_init(struct stripe_form *f)
{
    buf_init(&f->b, STRIPE_FORM_MAX);
    f->name[0] = '\0';
}

void stripe_form_release(struct stripe_form *f)
{
    buf_release(&f->b);
}

bool stripe_form_ok(const struct stripe_form *f)
{
    return buf_ok(&f->b);
}

struct str stripe_form_text(const struct stripe_form *f)
{
    return buf_str(&f->b);
}

static void form_add_name(struct stripe_form *f, const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.[]");
    if (!n || name[n])
        BUG("not a parameter name: %s", name);
    if (f->b.n)
        buf_putc(&f->b, '&');
    buf_add(&f->b, name, n);
    buf_putc(&f->b, '=');
}

void stripe_param_str(struct stripe_form *f, const char *name, struct str v)
{
    form_add_name(f, name);
    buf_url(&f->b, v);
}

void stripe_param_text(struct stripe_form *f, const char *name, const char *z)
{
    stripe_param_str(f, name, str_from(z));
}

void stripe_param_int(struct stripe_form *f, const char *name, int64_t v)
{
    form_add_name(f, name);
    buf_i64(&f->b, v);
}

void stripe_param_bool(struct stripe_form *f, const char *name, bool v)
{
    stripe_param_text(f, name, v ? "true" : "false");
}

void stripe_param_unset(struct stripe_form *f, const char *name)
{
    form_add_name(f, name);
}

const char *stripe_name(struct stripe_form *f, const char *fmt, ...)
{
    struct buf b;
    va_list ap;
    buf_fixed(&b, f->name, sizeof(f->name));
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    if (!buf_ok(&b))
        BUG("the name of a parameter is too long: %s", fmt);
    return f->name;
}
