/* form.h: parameters in Stripe's encoding (a[b]=c, a[0][b]=c, joined by '&'): the body of a POST, the query of a GET
 * or DELETE.
 *
 * Values are percent-encoded except A-Z a-z 0-9 - _ . ~ (so ! * ( ) ' are encoded), the brackets of a name are not,
 * a boolean is true or false, and an unset value is empty ("metadata[a]=" removes the entry). The bytes equal those
 * of the official client (tests/stripe/sdk.test.mjs). Names come from the program, never from outside: a name with
 * anything but letters, digits, _ - . and brackets is a BUG. A failed append (too long, out of memory) shows in
 * stripe_form_ok. A form belongs to one thread. */
#ifndef PARLEY_STRIPE_FORM_H
#define PARLEY_STRIPE_FORM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

#define STRIPE_FORM_MAX ((size_t)64 << 10) /* bytes */
struct stripe_form {
    struct buf b;
    char name[160]; /* of stripe_name */
};

/* Starts an empty form; release it. */
void stripe_form_init(struct stripe_form *f);
void stripe_form_release(struct stripe_form *f);
/* Whether every append succeeded. */
bool stripe_form_ok(const struct stripe_form *f);
/* The encoded parameters, borrowed until the next append; "" when nothing was added. */
struct str stripe_form_text(const struct stripe_form *f);

/* Each appends one parameter. stripe_param_text takes NULL as unset. */
void stripe_param_str(struct stripe_form *f, const char *name, struct str v);
void stripe_param_text(struct stripe_form *f, const char *name, const char *z);
void stripe_param_int(struct stripe_form *f, const char *name, int64_t v);
void stripe_param_bool(struct stripe_form *f, const char *name, bool v);
void stripe_param_unset(struct stripe_form *f, const char *name);
/* Formats a name that contains numbers; it is valid until the next call:
 * stripe_param_text(&f, stripe_name(&f, "line_items[%zu][price]", i), price). */
const char *stripe_name(struct stripe_form *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
