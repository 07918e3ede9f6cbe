/* event_parse.c: the envelope of an event. Pure. Everything that goes into a column or a path is checked for its
 * characters and length here, so that no later code has to. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/num.h"
#include "billing/sync/event.h"
#include "stripe/client.h"
#include "stripe/object.h"

#include "base/banned.h"

#define ID_BYTES 255
#define TYPE_BYTES 120
#define OBJECT_BYTES 60
#define VERSION_BYTES 60

/* Stripe's names and ids are printable ASCII. */
static bool envelope_is_word(struct str s, size_t max)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    return s.n <= max;
}

static bool iso_digits(struct str s, size_t at, size_t n, int *out)
{
    uint64_t v = 0;
    if (s.n < at + n || !num_u64(str_sub(s, at, n), 9999, &v))
        return false;
    *out = (int)v;
    return true;
}

/* The fields of "2026-11-23T05:52:20": false unless it has that shape. */
static bool iso_read(struct str s, int64_t *day_ms, int *h, int *mi, int *sec)
{
    int y, mo, d;
    if (s.n < 20 || s.p[4] != '-' || s.p[7] != '-' || s.p[10] != 'T' || s.p[13] != ':' || s.p[16] != ':')
        return false;
    if (!iso_digits(s, 0, 4, &y) || !iso_digits(s, 5, 2, &mo) || !iso_digits(s, 8, 2, &d))
        return false;
    *day_ms = clock_date_ms(y, mo, d);
    return iso_digits(s, 11, 2, h) && iso_digits(s, 14, 2, mi) && iso_digits(s, 17, 2, sec);
}

/* Reads 2026-11-23T05:52:20Z, with or without a fraction, as v2 objects have it. 0 for anything else. */
static int64_t iso_ms(struct str s)
{
    int64_t day_ms;
    int h, mi, sec, ms = 0;
    if (!iso_read(s, &day_ms, &h, &mi, &sec) || s.p[s.n - 1] != 'Z' || h > 23 || mi > 59 || sec > 60)
        return 0;
    if (s.p[19] == '.' && s.n >= 24 && !iso_digits(s, 20, 3, &ms))
        return 0;
    if (sec == 60) /* a leap second counts as the one before it, so that the last of the year 9999 fits a column */
        sec = 59;
    return day_ms > 0 ? day_ms + ((h * 60 + mi) * 60 + sec) * INT64_C(1000) + ms : 0;
}

struct str event_type_plain(struct str type)
{
    return str_starts(type, STR("v1.")) ? str_sub(type, 3, type.n) : type;
}

/* The two of the meter exist only as thin events, and only of those can the report be fetched, so their names keep the
 * prefix. */
enum event_type event_type_parse(struct str type)
{
    static const struct {
        const char *name;
        enum event_type type;
    } types[] = {{"v1.billing.meter.error_report_triggered", EVENT_TYPE_METER_ERROR},
                 {"v1.billing.meter.no_meter_found", EVENT_TYPE_METER_ERROR},
                 {"checkout.session.async_payment_failed", EVENT_TYPE_PAYMENT_FAILED}};
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (str_eqz(type, types[i].name) || str_eqz(event_type_plain(type), types[i].name))
            return types[i].type;
    return EVENT_TYPE_OTHER;
}

/* A thin event has no API version: it carries no object that could be written in one. */
static void envelope_read_thin(const struct json *j, struct event_envelope *out)
{
    const struct json *about = json_get(j, "related_object");
    out->thin = true;
    out->created_ms = iso_ms(json_get_str(j, "created"));
    out->object_type = json_get_str(about, "type");
    out->object_id = json_get_str(about, "id");
}

/* invoice.upcoming describes an invoice that does not exist yet and has no id. The subscription is what can be
 * fetched. */
static void envelope_read_snapshot(const struct json *j, struct event_envelope *out)
{
    const struct json *about = json_get(json_get(j, "data"), "object");
    out->created_ms = stripe_time_ms(json_get(j, "created"));
    out->api_version = json_get_str(j, "api_version");
    out->object_type = json_get_str(about, "object");
    out->object_id = json_get_str(about, "id");
    if (!out->object_id.n && stripe_object_parse(out->object_type) == STRIPE_OBJECT_INVOICE) {
        out->object_id = stripe_id_of(
            json_get(json_get(json_get(about, "parent"), "subscription_details"), "subscription"));
        if (out->object_id.n)
            out->object_type = str_from(stripe_object_name(STRIPE_OBJECT_SUBSCRIPTION));
    }
}

enum status event_envelope_of(const struct json *j, struct event_envelope *out, struct err *e)
{
    struct str object = json_get_str(j, "object");
    *out = (struct event_envelope){
        .id = json_get_str(j, "id"), .type = json_get_str(j, "type"), .api_version = STR_EMPTY};
    if (str_eqz(object, "v2.core.event"))
        envelope_read_thin(j, out);
    else if (str_eqz(object, "event"))
        envelope_read_snapshot(j, out);
    else
        return err_set(e, E_event_invalid, "This is not an event.");
    out->livemode = json_bool(json_get(j, "livemode"));
    /* Events of connected accounts name them in "account", thin ones in "context". */
    out->account = json_get_str(j, json_get_str(j, "account").n ? "account" : "context");
    if (!out->id.n || !envelope_is_word(out->id, ID_BYTES) || !out->type.n ||
        !envelope_is_word(out->type, TYPE_BYTES) || !envelope_is_word(out->object_type, OBJECT_BYTES) ||
        !envelope_is_word(out->object_id, ID_BYTES) || !envelope_is_word(out->api_version, VERSION_BYTES) ||
        !envelope_is_word(out->account, ID_BYTES))
        return err_set(e, E_event_invalid, "The id, type or object of the event is not valid.");
    return OK;
}

enum status event_envelope_parse(struct arena *a, struct str body, struct event_envelope *out, struct err *e)
{
    struct json *j;
    enum status st = json_parse_tolerant(a, body, MAX_JSON_DEPTH, &j, e);
    return st == OK ? event_envelope_of(j, out, e) : st;
}
