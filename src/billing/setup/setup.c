/* setup.c: the steps of `parley billing setup` in order, the meter, and the card page's configuration.
 *
 * Each step searches for its object first, by the stored id and then by the object's own marks (metadata, event
 * name, address), and creates it only if the search fails. Therefore a run that was killed can be repeated, and lost
 * rows are restored. */
#include "billing/setup/setup_internal.h"
#include "stripe/held.h"

#include "base/banned.h"

/* ---- the meter ---- */

/* Stripe's meters cannot be edited except for their display name. One that does not add up our values by customer would
 * bill wrong numbers for ever, so it is reported and never adopted. */
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

/* Only the operator can resolve a meter that differs: Stripe allows one active meter for an event name, and switching
 * off a meter that another program uses is not a decision for this command. */
static enum status setup_meter(struct setup *s, struct err *e)
{
    enum setup_how how = SETUP_FOUND;
    const char *note = "";
    struct json *m;
    enum status st = setup_meter_find(s, &m, e);
    if (st == OK && m && !setup_meter_fits(m))
        return err_set(e, E_meter_differs,
                       "Stripe has a meter for events \"%s\" that does not add up values by customer. Deactivate that "
                       "meter at Stripe first.",
                       METER_EVENT_NAME);
    if (st == OK && !m) {
        st = setup_meter_make(s, &m, e);
        how = SETUP_MADE;
    } else if (st == OK && stripe_switch_of(m) != STRIPE_SWITCH_ON) {
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

/* A new configuration is active and gets its mark. An update switches it on again and reverts the features, but leaves
 * the return address as the seller has it. */
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

/* Stripe cannot delete a configuration. After the database was lost, the mark in the metadata keeps setup from adding
 * one more at each run. */
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
                     how == SETUP_CHANGED ? "it offered other features" : "", e);
}

/* ---- all steps ---- */

static enum status setup_read_plans(struct setup *s, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(s->p, &c, e);
    if (st == OK)
        st = plans_read(c, s->a, &s->plans, e);
    db_put(c);
    return st;
}

/* The meter comes before the products, because a usage price names its meter. The first failure ends the run: the
 * report then shows how far it came, and a second run continues there. */
static enum status setup_run_parts(struct setup *s, struct err *e)
{
    static enum status (*const parts[])(struct setup *, struct err *) = {setup_meter, setup_products, setup_portal,
                                                                         setup_endpoint, setup_thin};
    enum status st = setup_read_plans(s, e);
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
    /* Two runs would both search, find nothing, and create everything twice. Nothing else prevents that, because the
     * idempotency keys of setup are fresh. A second run is refused at once and does not wait. */
    enum status st = held_begin(&w, p, STR("setup"), 0, e);
    if (st != OK)
        return st;
    st = setup_run_parts(&s, e);
    held_end(&w);
    return st;
}
