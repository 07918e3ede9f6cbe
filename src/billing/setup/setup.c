/* setup.c: the steps of `parley billing setup` in order, the meter and the card page's configuration, and reading
 * the result later.
 *
 * Each step searches for its object first, by the stored id and then by the object's own marks (metadata, event
 * name, address), and creates it only if the search fails. Therefore a run that was killed can be repeated, and lost
 * rows are restored. */
#include <stdarg.h>

#include "base/clock.h"
#include "billing/setup/setup_internal.h"
#include "stripe/held.h"

#include "base/banned.h"

const char *setup_how_name(enum setup_how how)
{
    static const char *const names[] = {"found", "made", "changed", "retired"};
    return names[how];
}

/* ---- shared by the steps ---- */

const char *setup_text(struct setup *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(s->a, fmt, ap);
    va_end(ap);
    if (!text)
        s->nomem = true;
    return text ? text : "";
}

static enum status setup_send(struct setup *s, const char *path, const struct stripe_form *f, const struct json *body,
                              struct json **out, struct err *e)
{
    char id[ID_TEXT_MAX];
    const char *key = setup_text(s, "setup:%s", id_text(ID_LOG, id_new(), id));
    struct stripe_post p = {.path = path, .form = f, .idem_key = str_from(key), .deadline_ms = STRIPE_WORK_MS};
    struct stripe_reply r;
    if (s->nomem || !path)
        return err_nomem(e);
    enum status st = body ? stripe_post_json(s->stripe, s->a, &p, body, &r, e)
                          : stripe_post(s->stripe, s->a, &p, &r, e);
    if (st == OK)
        *out = r.body;
    return st;
}

enum status setup_post(struct setup *s, const char *path, const struct stripe_form *f, struct json **out, struct err *e)
{
    return setup_send(s, path, f, NULL, out, e);
}

enum status setup_post_json(struct setup *s, const char *path, const struct json *body, struct json **out,
                            struct err *e)
{
    return body ? setup_send(s, path, NULL, body, out, e) : err_nomem(e);
}

enum status setup_say(struct setup *s, const char *what, struct str name, struct str id, enum setup_how how,
                      const char *note, struct err *e)
{
    struct setup_report *r = s->out;
    bool ok = true;
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 32;
        struct setup_line *more = arena_array(s->a, cap, sizeof(*more));
        if (!more)
            return err_nomem(e);
        if (r->n)
            memcpy(more, r->lines, r->n * sizeof(*more));
        r->lines = more;
        r->cap = cap;
    }
    r->lines[r->n] = (struct setup_line){.what = what,
                                         .name = arena_str(s->a, name, &ok),
                                         .stripe_id = arena_str(s->a, id, &ok),
                                         .how = how,
                                         .note = note};
    if (!ok)
        return err_nomem(e);
    r->n++;
    return OK;
}

struct remembering {
    bool livemode;
    const char *name;
    struct str id;
    struct arena *a;
};

static enum status setup_put_id(struct db *c, void *ctx, struct err *e)
{
    const struct remembering *x = ctx;
    return setup_store_put(c, x->livemode, x->name, x->id, clock_now_ms(), e);
}

enum status setup_remember(struct setup *s, const char *name, struct str id, struct err *e)
{
    struct remembering x = {.livemode = s->stripe->livemode, .name = name, .id = id};
    return held_db(s->p, setup_put_id, &x, e);
}

static enum status setup_get_id(struct db *c, void *ctx, struct err *e)
{
    struct remembering *x = ctx;
    return setup_store_id(c, x->a, x->livemode, x->name, &x->id, e);
}

enum status setup_known(struct setup *s, const char *name, struct str *id, struct err *e)
{
    struct remembering x = {.livemode = s->stripe->livemode, .name = name, .a = s->a};
    enum status st = held_db(s->p, setup_get_id, &x, e);
    if (st == OK)
        *id = x.id;
    return st;
}

static enum status setup_keep_item(void *ctx, struct json *item, struct err *e)
{
    return json_push_copy(ctx, item) == 0 ? OK : err_nomem(e);
}

enum status setup_list(struct setup *s, const char *path, const struct stripe_form *query, struct json **out,
                       struct err *e)
{
    *out = json_new_array(s->a);
    if (!*out)
        return err_nomem(e);
    return stripe_list_each(s->stripe, path, query, STRIPE_WORK_MS, setup_keep_item, *out, e);
}

enum status setup_look(struct setup *s, const char *path, const struct stripe_form *query, struct json **out,
                       struct err *e)
{
    struct err why = ERR_INIT;
    enum status st = stripe_get(s->stripe, s->a, path, query, STRIPE_WORK_MS, out, &why);
    if (st == ERR_NOT_FOUND || (st == OK && stripe_deleted(*out))) {
        *out = NULL;
        return OK;
    }
    if (st != OK && e)
        *e = why;
    return st;
}

/* ---- the meter ---- */

static bool setup_meter_fits(const struct json *m)
{
    return str_eqz(json_get_str(json_get(m, "default_aggregation"), "formula"), "sum") &&
           str_eqz(json_get_str(json_get(m, "customer_mapping"), "event_payload_key"), "stripe_customer_id") &&
           str_eqz(json_get_str(json_get(m, "value_settings"), "event_payload_key"), "value");
}

/* The stored meter, or else the active one of our event name. */
static enum status setup_meter_find(struct setup *s, struct json **out, struct err *e)
{
    struct json *all;
    struct str known;
    enum status st = setup_known(s, "meter", &known, e);
    *out = NULL;
    if (st == OK)
        st = setup_list(s, "/v1/billing/meters", NULL, &all, e);
    for (size_t i = 0; st == OK && i < json_len(all); i++) {
        struct json *m = json_at(all, i);
        if (!str_eqz(json_get_str(m, "event_name"), METER_EVENT_NAME))
            continue;
        if (!*out || str_eq(json_get_str(m, "id"), known))
            *out = m;
    }
    return st;
}

static enum status setup_meter_make(struct setup *s, struct json **out, struct err *e)
{
    struct stripe_form f;
    stripe_form_init(&f);
    stripe_param_text(&f, "display_name", "Parley conversations");
    stripe_param_text(&f, "event_name", METER_EVENT_NAME);
    stripe_param_text(&f, "default_aggregation[formula]", "sum");
    stripe_param_text(&f, "customer_mapping[type]", "by_id");
    stripe_param_text(&f, "customer_mapping[event_payload_key]", "stripe_customer_id");
    stripe_param_text(&f, "value_settings[event_payload_key]", "value");
    enum status st = setup_post(s, "/v1/billing/meters", &f, out, e);
    stripe_form_release(&f);
    return st;
}

static enum status setup_meter(struct setup *s, struct err *e)
{
    enum setup_how how = SETUP_FOUND;
    const char *note = "";
    struct json *m;
    enum status st = setup_meter_find(s, &m, e);
    if (st == OK && m && !setup_meter_fits(m))
        return err_set(
            e, E_meter_differs,
            "Stripe has a meter for events \"%s\" that does not add up values by customer: switch it off there first.",
            METER_EVENT_NAME);
    if (st == OK && !m) {
        st = setup_meter_make(s, &m, e);
        how = SETUP_MADE;
    } else if (st == OK && !str_eqz(json_get_str(m, "status"), "active")) {
        struct str id = json_get_str(m, "id");
        st = setup_post(s, stripe_path(s->a, "/v1/billing/meters/%/reactivate", id.p, (char *)NULL), NULL, &m, e);
        how = SETUP_CHANGED;
        note = "it was switched off";
    }
    if (st != OK)
        return st;
    s->meter = json_get_str(m, "id");
    if ((st = setup_remember(s, "meter", s->meter, e)) != OK)
        return st;
    return setup_say(s, "meter", STR(METER_EVENT_NAME), s->meter, how, note, e);
}

/* ---- the card page ---- */

#define PORTAL_MARK "portal"

static bool setup_flag(const struct json *features, const char *name)
{
    return json_bool(json_get(json_get(features, name), "enabled"));
}

/* Plans are changed in Parley only: Stripe's page would swap one of the two items and keep the other. */
static bool setup_portal_fits(const struct json *c)
{
    const struct json *f = json_get(c, "features");
    return json_bool(json_get(c, "active")) && setup_flag(f, "invoice_history") &&
           setup_flag(f, "payment_method_update") && setup_flag(f, "customer_update") &&
           !setup_flag(f, "subscription_cancel") && !setup_flag(f, "subscription_update") &&
           !setup_flag(f, "subscription_pause");
}

static void setup_portal_params(struct stripe_form *f, struct setup *s, bool update)
{
    static const char *const updates[] = {"name", "email", "address", "tax_id"};
    if (update)
        stripe_param_bool(f, "active", true);
    else {
        stripe_param_text(f, "default_return_url",
                          setup_text(s, "%s/app/billing", config_string(s->stripe->config, CONFIG_base_url)));
        stripe_param_text(f, "metadata[parley]", PORTAL_MARK);
    }
    stripe_param_bool(f, "features[invoice_history][enabled]", true);
    stripe_param_bool(f, "features[payment_method_update][enabled]", true);
    stripe_param_bool(f, "features[customer_update][enabled]", true);
    for (size_t i = 0; i < COUNT_OF(updates); i++)
        stripe_param_text(f, stripe_name(f, "features[customer_update][allowed_updates][%zu]", i), updates[i]);
    stripe_param_bool(f, "features[subscription_cancel][enabled]", false);
    stripe_param_bool(f, "features[subscription_update][enabled]", false);
    if (update)
        stripe_param_bool(f, "features[subscription_pause][enabled]", false);
}

static enum status setup_portal_find(struct setup *s, struct json **out, struct err *e)
{
    struct json *all;
    struct str known;
    enum status st = setup_known(s, "portal", &known, e);
    *out = NULL;
    if (st == OK)
        st = setup_list(s, "/v1/billing_portal/configurations", NULL, &all, e);
    for (size_t i = 0; st == OK && i < json_len(all); i++) {
        struct json *c = json_at(all, i);
        bool ours = str_eqz(json_get_str(json_get(c, "metadata"), "parley"), PORTAL_MARK);
        if (str_eq(json_get_str(c, "id"), known) || (ours && !*out))
            *out = c;
    }
    return st;
}

static enum status setup_portal(struct setup *s, struct err *e)
{
    enum setup_how how = SETUP_FOUND;
    struct json *c;
    struct stripe_form f;
    enum status st = setup_portal_find(s, &c, e);
    if (st != OK)
        return st;
    stripe_form_init(&f);
    if (!c) {
        setup_portal_params(&f, s, false);
        st = setup_post(s, "/v1/billing_portal/configurations", &f, &c, e);
        how = SETUP_MADE;
    } else if (!setup_portal_fits(c)) {
        struct str id = json_get_str(c, "id");
        setup_portal_params(&f, s, true);
        st = setup_post(s, stripe_path(s->a, "/v1/billing_portal/configurations/%", id.p, (char *)NULL), &f, &c, e);
        how = SETUP_CHANGED;
    }
    stripe_form_release(&f);
    if (st == OK)
        st = setup_remember(s, "portal", json_get_str(c, "id"), e);
    if (st != OK)
        return st;
    return setup_say(s, "portal", STR("cards and invoices"), json_get_str(c, "id"), how,
                     how == SETUP_CHANGED ? "it offered something else" : "", e);
}

/* ---- all steps ---- */

static enum status setup_read_plans(struct db *c, void *ctx, struct err *e)
{
    struct setup *s = ctx;
    return plans_read(c, s->a, &s->plans, e);
}

static enum status setup_run_parts(struct setup *s, struct err *e)
{
    static enum status (*const parts[])(struct setup *, struct err *) = {setup_meter, setup_products, setup_portal,
                                                                         setup_endpoint, setup_thin};
    enum status st = held_db(s->p, setup_read_plans, s, e);
    for (size_t i = 0; st == OK && i < COUNT_OF(parts); i++)
        st = parts[i](s, e);
    return st;
}

enum status setup_run(struct stripe *stripe, struct db_pool *p, struct arena *a, const struct setup_options *o,
                      struct setup_report *out, struct err *e)
{
    struct setup s = {.stripe = stripe, .p = p, .a = a, .options = o, .out = out};
    struct held w;
    *out = (struct setup_report){.webhook_secret = STR_EMPTY, .thin_secret = STR_EMPTY};
    enum status status = held_begin(&w, p, STR("setup"), 0, e);
    if (status != OK)
        return status;
    status = setup_run_parts(&s, e);
    held_end(&w);
    return status;
}

/* ---- reading the result ---- */

enum status setup_id(struct db *c, struct arena *a, bool livemode, const char *name, struct str *out, struct err *e)
{
    return setup_store_id(c, a, livemode, name, out, e);
}

enum status setup_prices(struct db *c, struct arena *a, bool livemode, struct id terms, struct str *base,
                         struct str *usage, struct err *e)
{
    struct setup_price *list;
    size_t n;
    enum status st = setup_store_prices(c, a, livemode, terms, &list, &n, e);
    if (st != OK)
        return st;
    *base = *usage = STR_EMPTY;
    for (size_t i = 0; i < n; i++)
        *(list[i].base ? base : usage) = list[i].id;
    if (base->n && usage->n)
        return OK;
    return err_set(e, E_not_set_up, "This plan has no prices at Stripe yet: parley billing setup makes them.");
}

static void setup_missing(struct buf *b, const char *what, struct str name)
{
    buf_printf(b, "%s%s%.*s", b->n ? ", " : "", what, STR_F(name));
}

static enum status setup_check_ids(struct db *c, struct arena *a, bool livemode, struct buf *b, struct err *e)
{
    static const char *const names[] = {"meter", "portal", "webhook", "thin_events"};
    struct str id;
    enum status st = OK;
    for (size_t i = 0; st == OK && i < COUNT_OF(names); i++) {
        st = setup_store_id(c, a, livemode, names[i], &id, e);
        if (st == OK && !id.n)
            setup_missing(b, "no ", str_from(names[i]));
    }
    return st;
}

static enum status setup_check_prices(struct db *c, struct arena *a, bool livemode, struct buf *b, struct err *e)
{
    struct plans plans;
    struct str base, usage;
    struct err why = ERR_INIT;
    enum status st = plans_read(c, a, &plans, e);
    for (size_t i = 0; st == OK && i < plans.n; i++) {
        const struct plan *p = &plans.list[i];
        if (!p->is_public || !setup_is_sold(p))
            continue;
        st = setup_prices(c, a, livemode, p->terms->id, &base, &usage, &why);
        if (st == ERR_NOT_FOUND) {
            setup_missing(b, "no prices for today's terms of ", p->plan);
            st = OK;
        } else if (st != OK && e)
            *e = why;
    }
    return st;
}

enum status setup_check(struct stripe *stripe, struct db *c, struct arena *a, bool *ready, struct str *words,
                        struct err *e)
{
    struct buf b;
    bool ok = true;
    buf_init(&b, 4096);
    enum status st = setup_check_ids(c, a, stripe->livemode, &b, e);
    if (st == OK)
        st = setup_check_prices(c, a, stripe->livemode, &b, e);
    if (st == OK && !buf_ok(&b))
        st = err_nomem(e);
    if (st == OK) {
        *ready = b.n == 0;
        *words = arena_str(a, buf_str(&b), &ok);
        st = ok ? OK : err_nomem(e);
    }
    buf_release(&b);
    return st;
}
