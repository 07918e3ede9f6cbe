/* form.h: parameters in Stripe's encoding: a[b]=c, a[0][b]=c, joined by '&'; of a POST its body, of a GET or DELETE its query.
 *
 * Values are percent-encoded but for A-Z a-z 0-9 - _ . ~ (so ! * ( ) ' too), brackets of a name stay raw, a boolean is true or false,
 * an unset value is empty ("metadata[a]=" removes it). This is what the official client sends, byte for byte.
 * Names come from the program, never from outside: one that is not made of letters, digits, _ - . and brackets is a BUG.
 * A failed append (too long, no memory) shows in stripe_form_ok. Not shared between threads. */
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

void stripe_form_init(struct stripe_form *f);
void stripe_form_release(struct stripe_form *f);
bool stripe_form_ok(const struct stripe_form *f);
struct str stripe_form_text(const struct stripe_form *f); /* "" when nothing was added */

void stripe_param_str(struct stripe_form *f, const char *name, struct str v);
void stripe_param_text(struct stripe_form *f, const char *name, const char *z); /* NULL as unset */
void stripe_param_int(struct stripe_form *f, const char *name, int64_t v);
void stripe_param_bool(struct stripe_form *f, const char *name, bool v);
void stripe_param_unset(struct stripe_form *f, const char *name);
/* A name with numbers in it, valid until the next one:
 * stripe_param_text(&f, stripe_name(&f, "line_items[%zu][price]", i), price). */
const char *stripe_name(struct stripe_form *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
