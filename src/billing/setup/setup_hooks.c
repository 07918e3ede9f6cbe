/* setup_hooks.c: the webhook endpoint for snapshot events, and the destination of thin events (errors of the meter).
 * Both lead to /hooks/stripe. Stripe shows a secret only once, when the endpoint is created. An endpoint whose secret
 * is lost is therefore created again and the old one disabled; Stripe repeats the events in between for three days. */
#include "billing/setup/setup_internal.h"

#include "base/banned.h"

/* invoice.created is left out: while an endpoint fails, Stripe would hold invoices back for three days.
 * invoice.payment_succeeded is left out because invoice.paid also covers invoices that are paid outside Stripe. */
static const char *const snapshot_events[] = {"checkout.session.completed",
                                              "checkout.session.async_payment_succeeded",
                                              "checkout.session.async_payment_failed",
                                              "checkout.session.expired",
                                              "customer.subscription.created",
                                              "customer.subscription.updated",
                                              "customer.subscription.deleted",
                                              "customer.subscription.paused",
                                              "customer.subscription.resumed",
                                              "customer.subscription.trial_will_end",
                                              "customer.subscription.pending_update_applied",
                                              "customer.subscription.pending_update_expired",
                                              "invoice.paid",
                                              "invoice.payment_failed",
                                              "invoice.payment_action_required",
                                              "invoice.finalized",
                                              "invoice.finalization_failed",
                                              "invoice.upcoming",
                                              "invoice.voided",
                                              "invoice.marked_uncollectible",
                                              "customer.deleted",
                                              "charge.refunded",
                                              "charge.dispute.created",
                                              "charge.dispute.closed",
                                              "subscription_schedule.updated",
                                              "subscription_schedule.released",
                                              "subscription_schedule.canceled",
                                              "price.updated",
                                              "product.updated"};
/* Stripe validates meter events after it has accepted them, and reports errors only as thin events. */
static const char *const thin_events[] = {"v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found"};

static const char *hooks_url(struct setup *s)
{
    return setup_text(s, "%s/hooks/stripe", config_string(s->stripe->config, CONFIG_base_url));
}

/* Whether the operator has stored any secret, of whichever endpoint. Stripe shows no secret twice, so this is all that
 * can be known about an endpoint whose id is not stored. */
static bool hooks_has_secret(const struct setup *s)
{
    return str_trim(str_from(config_string(s->stripe->config, CONFIG_stripe_webhook_secrets))).n > 0;
}

/* The order in which Stripe lists events is not promised. Neither list has duplicates, so equal numbers complete the
 * proof. */
static bool hooks_same_events(const struct json *has, const char *const *want, size_t n)
{
    size_t found = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < json_len(has); j++)
            if (str_eqz(json_str(json_at(has, j)), want[i])) {
                found++;
                break;
            }
    return found == n && json_len(has) == n;
}

/* ---- snapshot events ---- */

/* Events are written in the version that the endpoint was created with, and Stripe does not let that change. After an
 * upgrade of Parley the endpoint is therefore replaced. */
static bool hooks_has_version(const struct json *h)
{
    return str_eqz(json_get_str(h, "api_version"), STRIPE_API_VERSION);
}

/* The stored endpoint, or else an enabled one with our address. The stored one wins even when it is disabled or has an
 * earlier base_url, because its secret is the one that the operator has configured. */
static enum status hooks_endpoint_find(struct setup *s, const char *url, struct json **out, bool *known, struct err *e)
{
    struct json *all;
    struct str id;
    enum status st = setup_known(s, "webhook", &id, e);
    *out = NULL;
    *known = false;
    if (st == OK)
        st = setup_list(s, "/v1/webhook_endpoints", NULL, &all, e);
    for (size_t i = 0; st == OK && i < json_len(all); i++) {
        struct json *h = json_at(all, i);
        if (str_eq(json_get_str(h, "id"), id)) {
            *known = true;
            *out = h;
        } else if (!*known && str_eqz(json_get_str(h, "url"), url) && stripe_switch_of(h) == STRIPE_SWITCH_ON)
            *out = h;
    }
    return st;
}

static void hooks_event_params(struct stripe_form *f, const char *url)
{
    stripe_param_text(f, "url", url);
    for (size_t i = 0; i < COUNT_OF(snapshot_events); i++)
        stripe_param_text(f, stripe_name(f, "enabled_events[%zu]", i), snapshot_events[i]);
}

static enum status hooks_endpoint_create(struct setup *s, const char *url, struct str *id, struct err *e)
{
    struct stripe_form f;
    struct json *h;
    stripe_form_init(&f);
    hooks_event_params(&f, url);
    stripe_param_text(&f, "api_version", STRIPE_API_VERSION);
    stripe_param_text(&f, "description", "Parley: subscriptions, invoices, checkouts");
    enum status st = setup_post(s, "/v1/webhook_endpoints", &f, &h, e);
    stripe_form_release(&f);
    if (st != OK)
        return st;
    *id = json_get_str(h, "id");
    s->out->webhook_secret = json_get_str(h, "secret");
    return setup_say(s, "webhook", str_from(url), *id, SETUP_MADE, "", e);
}

static enum status hooks_endpoint_disable(struct setup *s, const char *url, const struct json *h, struct err *e)
{
    struct str id = json_get_str(h, "id");
    struct stripe_form f;
    struct json *changed;
    stripe_form_init(&f);
    stripe_param_bool(&f, "disabled", true);
    enum status st = setup_post(s, stripe_path(s->a, "/v1/webhook_endpoints/%", id.p, (char *)NULL), &f, &changed, e);
    stripe_form_release(&f);
    return st == OK ? setup_say(s, "webhook", str_from(url), id, SETUP_RETIRED, "", e) : st;
}

/* The update sends the whole list of events: Stripe replaces the list and has no way to add to it. */
static enum status hooks_endpoint_update(struct setup *s, const char *url, const struct json *h, struct err *e)
{
    struct str id = json_get_str(h, "id");
    bool enabled = stripe_switch_of(h) == STRIPE_SWITCH_ON, here = str_eqz(json_get_str(h, "url"), url);
    bool events = hooks_same_events(json_get(h, "enabled_events"), snapshot_events, COUNT_OF(snapshot_events));
    const char *note = !enabled  ? "it was switched off"
                       : !here   ? "it had another address"
                       : !events ? "it was subscribed to other events"
                                 : "";
    struct stripe_form f;
    struct json *changed;
    if (!note[0])
        return setup_say(s, "webhook", str_from(url), id, SETUP_FOUND, "", e);
    stripe_form_init(&f);
    hooks_event_params(&f, url);
    if (!enabled)
        stripe_param_bool(&f, "disabled", false);
    enum status st = setup_post(s, stripe_path(s->a, "/v1/webhook_endpoints/%", id.p, (char *)NULL), &f, &changed, e);
    stripe_form_release(&f);
    return st == OK ? setup_say(s, "webhook", str_from(url), id, SETUP_CHANGED, note, e) : st;
}

/* The new endpoint is created and stored before the old one is disabled. For a moment both deliver, which is harmless:
 * an event has one id on all endpoints and is processed once. The other order would leave a gap if the run were
 * killed.
 *
 * A stored endpoint without a configured secret is kept. The operator may not have copied the secret yet, and creating
 * another would make the one just shown useless. */
enum status setup_endpoint(struct setup *s, struct err *e)
{
    const char *url = hooks_url(s);
    struct json *h;
    struct str id;
    bool known;
    enum status st = hooks_endpoint_find(s, url, &h, &known, e);
    if (st != OK)
        return st;
    if (h && !s->options->new_endpoint && hooks_has_version(h) && (known || hooks_has_secret(s))) {
        st = hooks_endpoint_update(s, url, h, e);
        return st == OK ? setup_remember(s, "webhook", json_get_str(h, "id"), e) : st;
    }
    st = hooks_endpoint_create(s, url, &id, e);
    if (st == OK)
        st = setup_remember(s, "webhook", id, e);
    if (st == OK && h && stripe_switch_of(h) == STRIPE_SWITCH_ON)
        st = hooks_endpoint_disable(s, url, h, e);
    return st;
}

/* ---- thin events (v2: JSON, pages by an address) ---- */

/* Far more pages than an account can fill. The limit ends a list whose pages lead back to each other. */
#define PAGES_MAX 20
#define THIN_PATH "/v2/core/event_destinations"

/* Pages of /v2 are linked by address. Only the query of an address within the same list is used, so the answer cannot
 * direct the next request anywhere else. */
static enum status hooks_thin_page(struct setup *s, struct str *query, struct json **out, struct err *e)
{
    struct stripe_form f;
    stripe_form_init(&f);
    buf_str_add(&f.b, *query);
    enum status st = stripe_form_ok(&f) ? stripe_get(s->stripe, s->a, THIN_PATH, &f, STRIPE_WORK_MS, out, e)
                                        : err_nomem(e);
    stripe_form_release(&f);
    if (st != OK)
        return st;
    struct str next = json_get_str(*out, "next_page_url");
    *query = str_starts(next, STR(THIN_PATH "?")) ? str_sub(next, sizeof(THIN_PATH), next.n) : STR_EMPTY;
    return OK;
}

/* /v2 leaves the address out of its answers unless "include" asks for it. Other programs may have destinations with the
 * same address for snapshot events, so the payload kind is compared too. */
static enum status hooks_thin_find(struct setup *s, const char *url, struct json **out, bool *known, struct err *e)
{
    struct str query = STR("include[0]=webhook_endpoint.url&limit=100"), id;
    struct json *page;
    enum status st = setup_known(s, "thin_events", &id, e);
    *out = NULL;
    *known = false;
    for (int n = 0; st == OK && query.n && n < PAGES_MAX; n++) {
        st = hooks_thin_page(s, &query, &page, e);
        for (size_t i = 0; st == OK && i < json_len(json_get(page, "data")); i++) {
            struct json *d = json_at(json_get(page, "data"), i);
            bool here = str_eqz(json_get_str(json_get(d, "webhook_endpoint"), "url"), url);
            if (str_eq(json_get_str(d, "id"), id)) {
                *known = true;
                *out = d;
            } else if (!*known && here && str_eqz(json_get_str(d, "event_payload"), "thin") &&
                       stripe_switch_of(d) == STRIPE_SWITCH_ON)
                *out = d;
        }
    }
    return st;
}

static bool hooks_add_events(struct json *body)
{
    struct json *list;
    if (json_set_array(body, "enabled_events", &list) != 0)
        return false;
    for (size_t i = 0; i < COUNT_OF(thin_events); i++)
        if (json_push_str(list, str_from(thin_events[i])) != 0)
            return false;
    return true;
}

static bool hooks_add_url(struct json *body, const char *url)
{
    struct json *target;
    return json_set_object(body, "webhook_endpoint", &target) == 0 && json_set_str(target, "url", str_from(url)) == 0;
}

/* The secret is included in the answer to this one call only. */
static enum status hooks_thin_create(struct setup *s, const char *url, struct str *id, struct err *e)
{
    struct json *body = json_new_object(s->a), *include, *d;
    if (!body || json_set_str(body, "name", STR("Parley meter errors")) != 0 ||
        json_set_str(body, "type", STR("webhook_endpoint")) != 0 ||
        json_set_str(body, "event_payload", STR("thin")) != 0 || json_set_array(body, "include", &include) != 0 ||
        json_push_str(include, STR("webhook_endpoint.signing_secret")) != 0 || !hooks_add_events(body) ||
        !hooks_add_url(body, url))
        return err_nomem(e);
    enum status st = setup_post_json(s, THIN_PATH, body, &d, e);
    if (st != OK)
        return st;
    *id = json_get_str(d, "id");
    s->out->thin_secret = json_get_str(json_get(d, "webhook_endpoint"), "signing_secret");
    return setup_say(s, "thin_events", str_from(url), *id, SETUP_MADE, "", e);
}

static enum status hooks_thin_switch(struct setup *s, struct str id, const char *path, struct err *e)
{
    struct json *body = json_new_object(s->a), *d;
    return setup_post_json(s, stripe_path(s->a, path, id.p, (char *)NULL), body, &d, e);
}

static enum status hooks_thin_post(struct setup *s, struct str id, const char *url, struct err *e)
{
    struct json *body = json_new_object(s->a), *d;
    if (!body || !hooks_add_events(body) || !hooks_add_url(body, url))
        return err_nomem(e);
    return setup_post_json(s, stripe_path(s->a, "/v2/core/event_destinations/%", id.p, (char *)NULL), body, &d, e);
}

/* Unlike in /v1, a destination is switched on by a call of its own. It comes last, so that the destination never
 * delivers to an old address. */
static enum status hooks_thin_update(struct setup *s, const char *url, const struct json *d, struct err *e)
{
    struct str id = json_get_str(d, "id");
    bool enabled = stripe_switch_of(d) == STRIPE_SWITCH_ON;
    bool here = str_eqz(json_get_str(json_get(d, "webhook_endpoint"), "url"), url);
    bool events = hooks_same_events(json_get(d, "enabled_events"), thin_events, COUNT_OF(thin_events));
    const char *note = !enabled  ? "it was switched off"
                       : !here   ? "it had another address"
                       : !events ? "it was subscribed to other events"
                                 : "";
    enum status st = OK;
    if (!here || !events)
        st = hooks_thin_post(s, id, url, e);
    if (st == OK && !enabled)
        st = hooks_thin_switch(s, id, "/v2/core/event_destinations/%/enable", e);
    return st == OK ? setup_say(s, "thin_events", str_from(url), id, note[0] ? SETUP_CHANGED : SETUP_FOUND, note, e)
                    : st;
}

/* The same order as in setup_endpoint, for the same reasons. Thin events carry no API version, so none is compared. */
enum status setup_thin(struct setup *s, struct err *e)
{
    const char *url = hooks_url(s);
    struct json *d;
    struct str id;
    bool known;
    enum status st = hooks_thin_find(s, url, &d, &known, e);
    if (st != OK)
        return st;
    if (d && !s->options->new_endpoint && (known || hooks_has_secret(s))) {
        st = hooks_thin_update(s, url, d, e);
        return st == OK ? setup_remember(s, "thin_events", json_get_str(d, "id"), e) : st;
    }
    st = hooks_thin_create(s, url, &id, e);
    if (st == OK)
        st = setup_remember(s, "thin_events", id, e);
    if (st == OK && d && stripe_switch_of(d) == STRIPE_SWITCH_ON) {
        st = hooks_thin_switch(s, json_get_str(d, "id"), "/v2/core/event_destinations/%/disable", e);
        if (st == OK)
            st = setup_say(s, "thin_events", str_from(url), json_get_str(d, "id"), SETUP_RETIRED, "", e);
    }
    return st;
}
