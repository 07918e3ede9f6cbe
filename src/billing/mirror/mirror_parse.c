/* mirror_parse.c: Stripe's JSON to structs, without the database. The shapes follow the types of Stripe's official
 * client at STRIPE_API_VERSION. Every field may be missing or of another type than expected: it then counts as
 * unset, because a mirror that refuses an object would hide it from the operator. */
#include "base/utf8.h"
#include "billing/mirror/mirror_internal.h"
#include "stripe/client.h"
#include "stripe/object.h"

#include "base/banned.h"

static int64_t parse_time_at(const struct json *obj, const char *key)
{
    return stripe_time_ms(json_get(obj, key));
}

static enum status parse_no_object(const char *what, struct err *e)
{
    return err_set(e, E_stripe_object, "Stripe's answer is not %s.", what);
}

static bool parse_fits(struct str id)
{
    return id.n < STRIPE_ID_MAX;
}

/* States and reasons of Stripe are plain ASCII words. Anything else becomes "", which counts as unknown. */
static struct str parse_word_at(const struct json *j, const char *key, size_t max)
{
    struct str s = json_get_str(j, key);
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return STR_EMPTY;
    return str_sub(s, 0, max);
}

/* Is it an object of this kind with an id? Stripe always sends the field "object". */
static bool parse_is_object(const struct json *j, enum stripe_object kind)
{
    struct str id = json_get_str(j, "id");
    return stripe_object_parse(json_get_str(j, "object")) == kind && id.n > 0 && parse_fits(id) && !stripe_deleted(j);
}

/* ---- the lines of a subscription ---- */

/* The role in the metadata of the price decides. A price made by hand has none; then "metered" is the best evidence. */
static struct mirror_item parse_item_of(const struct json *j)
{
    const struct json *price = json_get(j, "price"), *meta = json_get(price, "metadata");
    enum price_role role = price_role_parse(json_get_str(meta, "role"));
    bool metered = str_eqz(json_get_str(json_get(price, "recurring"), "usage_type"), "metered");
    struct mirror_item it = {.id = json_get_str(j, "id"),
                             .price = stripe_id_of(price),
                             .role = role != PRICE_ROLE_NONE ? role
                                     : metered               ? PRICE_USAGE
                                                             : PRICE_BASE,
                             .period_start_ms = parse_time_at(j, "current_period_start"),
                             .period_end_ms = parse_time_at(j, "current_period_end")};
    if (!id_parse(ID_TERMS, json_get_str(meta, "plan_terms"), &it.terms))
        it.terms = ID_NONE;
    return it;
}

/* Ids that no column can hold are skipped: a cut id would name another object. */
enum status mirror_items(struct arena *a, const struct json *subscription, struct mirror_item **out, size_t *n,
                         struct err *e)
{
    const struct json *data = json_get(json_get(subscription, "items"), "data");
    *n = 0;
    if (!(*out = arena_array(a, json_len(data), sizeof(**out))))
        return err_nomem(e);
    for (size_t i = 0; json_is(data, JSON_ARRAY) && i < json_len(data); i++) {
        struct mirror_item it = parse_item_of(json_at(data, i));
        if (!stripe_deleted(json_at(data, i)) && parse_fits(it.id) && parse_fits(it.price))
            (*out)[(*n)++] = it;
    }
    return OK;
}

/* The first of several wins only where none has a row, so an item that was added in the dashboard never displaces
 * ours. */
static const struct mirror_item *parse_pick(const struct mirror_item *items, size_t n, enum price_role role)
{
    const struct mirror_item *first = NULL;
    for (size_t i = 0; i < n; i++) {
        if (items[i].role != role)
            continue;
        if (items[i].known)
            return &items[i];
        if (!first)
            first = &items[i];
    }
    return first;
}

/* Since 2025-03-31 Stripe keeps the period in the items. The base item's is used: it is the month that was paid for. */
void mirror_choose(struct subscription *s, const struct mirror_item *items, size_t n)
{
    const struct mirror_item *base = parse_pick(items, n, PRICE_BASE), *usage = parse_pick(items, n, PRICE_USAGE);
    const struct mirror_item *clock = base ? base : usage;
    s->base_item = base ? base->id : STR_EMPTY;
    s->base_price = base ? base->price : STR_EMPTY;
    s->terms = base ? base->terms : ID_NONE;
    s->usage_item = usage ? usage->id : STR_EMPTY;
    s->usage_price = usage ? usage->price : STR_EMPTY;
    s->period_start_ms = clock ? clock->period_start_ms : 0;
    s->period_end_ms = clock ? clock->period_end_ms : 0;
}

/* ---- subscription ---- */

/* Items beyond the first page count as one more, which is enough for the alarm about items that are not ours. */
static int parse_item_count(const struct json *j)
{
    const struct json *items = json_get(j, "items");
    size_t n = json_len(json_get(items, "data"));
    return (int)(n < 1000 ? n : 1000) + (json_bool(json_get(items, "has_more")) ? 1 : 0);
}

static struct str parse_short_id(const struct json *j)
{
    struct str id = stripe_id_of(j);
    return parse_fits(id) ? id : STR_EMPTY;
}

enum status subscription_parse(struct arena *a, const struct json *j, struct subscription *out, struct err *e)
{
    struct mirror_item *items;
    size_t n;
    *out = (struct subscription){.id = json_get_str(j, "id"), .customer = parse_short_id(json_get(j, "customer"))};
    if (!parse_is_object(j, STRIPE_OBJECT_SUBSCRIPTION) || !out->customer.n)
        return parse_no_object("a subscription", e);
    if (mirror_items(a, j, &items, &n, e) != OK)
        return e->status;
    mirror_choose(out, items, n);
    out->items = parse_item_count(j);
    out->livemode = json_bool(json_get(j, "livemode"));
    out->status_text = parse_word_at(j, "status", 40);
    out->status = stripe_status_parse(out->status_text);
    out->known_status = out->status;
    out->anchor_ms = parse_time_at(j, "billing_cycle_anchor");
    out->cancel_at_ms = parse_time_at(j, "cancel_at");
    out->cancel_at_period_end = json_bool(json_get(j, "cancel_at_period_end"));
    out->canceled_ms = parse_time_at(j, "canceled_at");
    out->ended_ms = parse_time_at(j, "ended_at");
    out->trial_end_ms = parse_time_at(j, "trial_end");
    out->collection_paused = json_get(j, "pause_collection");
    out->pending_update_expires_ms = parse_time_at(json_get(j, "pending_update"), "expires_at");
    out->schedule = parse_short_id(json_get(j, "schedule"));
    out->latest_invoice = parse_short_id(json_get(j, "latest_invoice"));
    out->created_ms = parse_time_at(j, "created");
    return OK;
}

/* ---- schedule ---- */

/* A schedule that was released or canceled keeps its phases, so its status is checked first. The phases need not be in
 * order; the earliest later one is taken. */
bool mirror_next_phase(const struct json *schedule, int64_t now_ms, const struct json **items, int64_t *start_ms)
{
    const struct json *phases = json_get(schedule, "phases");
    enum stripe_schedule status = stripe_schedule_of(schedule);
    int64_t after = parse_time_at(json_get(schedule, "current_phase"), "end_date");
    *items = NULL;
    if (status != STRIPE_SCHEDULE_ACTIVE && status != STRIPE_SCHEDULE_NOT_STARTED)
        return false;
    for (size_t i = 0; json_is(phases, JSON_ARRAY) && i < json_len(phases); i++) {
        int64_t start = parse_time_at(json_at(phases, i), "start_date");
        if (start <= 0 || (after ? start < after : start <= now_ms) || (*items && start >= *start_ms))
            continue;
        *items = json_get(json_at(phases, i), "items");
        *start_ms = start;
    }
    return *items;
}

struct str mirror_phase_price(const struct json *item)
{
    return parse_short_id(json_get(item, "price"));
}

/* ---- invoice ---- */

/* The address of a page. Only http and https may become a link. Pages show it as a link, and "javascript:" in a field
 * of an edited account must not run there. */
static struct str parse_link_of(const struct json *j, const char *key)
{
    struct str s = json_get_str(j, key);
    bool good = str_starts(s, STR("https://")) || str_starts(s, STR("http://"));
    return good && s.n <= 2000 ? s : STR_EMPTY;
}

static bool parse_currency_of(struct str s, char out[4])
{
    if (s.n != 3)
        return false;
    for (size_t i = 0; i < 3; i++) {
        char c = s.p[i] >= 'a' && s.p[i] <= 'z' ? (char)(s.p[i] - 32) : s.p[i];
        if (c < 'A' || c > 'Z')
            return false;
        out[i] = c;
    }
    out[3] = '\0';
    return true;
}

/* Since 2025-03-31 an invoice names its subscription in "parent" only. */
static struct str parse_subscription_of(const struct json *invoice)
{
    return parse_short_id(json_get(json_get(json_get(invoice, "parent"), "subscription_details"), "subscription"));
}

static enum invoice_status parse_invoice_status(struct str name)
{
    static const char *const names[] = {
        [INVOICE_UNKNOWN] = "unknown", [INVOICE_DRAFT] = "draft", [INVOICE_OPEN] = "open",
        [INVOICE_PAID] = "paid",       [INVOICE_VOID] = "void",   [INVOICE_UNCOLLECTIBLE] = "uncollectible",
        [INVOICE_DELETED] = "deleted"};
    return (enum invoice_status)str_among_or(name, names, COUNT_OF(names), INVOICE_UNKNOWN);
}

void mirror_set_status(struct invoice *v, struct str status, struct str billing_reason)
{
    v->status_text = status;
    v->status = parse_invoice_status(status);
    v->billing_reason = billing_reason;
    v->for_change = str_eqz(billing_reason, "subscription_update");
}

static int parse_attempts_of(const struct json *j)
{
    int64_t n = json_int(json_get(j, "attempt_count"), 0);
    return n < 0 ? 0 : n > 1000000 ? 1000000 : (int)n;
}

enum status invoice_parse(struct arena *a, const struct json *j, struct invoice *out, struct err *e)
{
    (void)a;
    *out = (struct invoice){.id = json_get_str(j, "id"), .customer = parse_short_id(json_get(j, "customer"))};
    if (!parse_is_object(j, STRIPE_OBJECT_INVOICE) || !parse_currency_of(json_get_str(j, "currency"), out->currency))
        return parse_no_object("an invoice", e);
    out->subscription = parse_subscription_of(j);
    out->number = utf8_cut(json_get_str(j, "number"), 60);
    mirror_set_status(out, parse_word_at(j, "status", 24), parse_word_at(j, "billing_reason", 48));
    out->livemode = json_bool(json_get(j, "livemode"));
    out->total = json_int(json_get(j, "total"), 0);
    out->amount_due = json_int(json_get(j, "amount_due"), 0);
    out->amount_paid = json_int(json_get(j, "amount_paid"), 0);
    out->amount_remaining = json_int(json_get(j, "amount_remaining"), 0);
    out->attempt_count = parse_attempts_of(j);
    out->next_attempt_ms = parse_time_at(j, "next_payment_attempt");
    out->finalized_ms = parse_time_at(json_get(j, "status_transitions"), "finalized_at");
    out->finalization_failed = json_get(j, "last_finalization_error");
    out->hosted_url = parse_link_of(j, "hosted_invoice_url");
    out->pdf_url = parse_link_of(j, "invoice_pdf");
    out->created_ms = parse_time_at(j, "created");
    return OK;
}
