/* setup_internal.h: state and helpers that the steps of `parley billing setup` share. */
#ifndef PARLEY_BILLING_SETUP_SETUP_INTERNAL_H
#define PARLEY_BILLING_SETUP_SETUP_INTERNAL_H

#include "billing/setup/setup.h"
#include "billing/setup/setup_store.h"
#include "stripe/object.h"

struct setup {
    struct stripe *stripe;
    struct db_pool *p;
    struct arena *a;
    const struct setup_options *options;
    struct setup_report *out;
    struct plans plans;
    struct str meter; /* its id */
    bool nomem;       /* an allocation failed: nothing more is sent */
};

/* A formatted text in the arena. A failed allocation is reported by the next setup_post. */
const char *setup_text(struct setup *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A POST with a fresh idempotency key. Every object is searched for before it is created, so a key need not outlive the
 * call. */
enum status setup_post(struct setup *s, const char *path, const struct stripe_form *f, struct json **out,
                       struct err *e);
enum status setup_post_json(struct setup *s, const char *path, const struct json *body, struct json **out,
                            struct err *e);
/* Adds a line to the report. */
enum status setup_say(struct setup *s, const char *what, struct str name, struct str id, enum setup_how how,
                      const char *note, struct err *e);
/* Store, and read, the id of an object of this mode under a name of ours. *id is empty if none is stored. */
enum status setup_remember(struct setup *s, const char *name, struct str id, struct err *e);
enum status setup_known(struct setup *s, const char *name, struct str *id, struct err *e);
/* All pages of a list as one array in the arena. */
enum status setup_list(struct setup *s, const char *path, const struct stripe_form *query, struct json **out,
                       struct err *e);
/* GET one object; *out is NULL if Stripe answers 404. */
enum status setup_fetch(struct setup *s, const char *path, const struct stripe_form *query, struct json **out,
                        struct err *e);

enum status setup_products(struct setup *s, struct err *e);
enum status setup_endpoint(struct setup *s, struct err *e);
enum status setup_thin(struct setup *s, struct err *e);

#endif
