/* event_parse.c: the envelope of an event. Pure. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/num.h"
#include "billing/sync/receive.h"
#include "stripe/client.h"

#include "base/banned.h"

#define ID_BYTES 255
#define TYPE_BYTES 120
#define OBJECT_BYTES 60
#define VERSION_BYTES 60
#define LAST_SECOND 253402300799LL /* of the year 9999 */

/* Names and ids of Stripe's are printable ASCII; nothing else goes into a column or a path. */
static bool is_word(struct str s, size_t max)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    return s.n <= max;
}

static bool digits(struct str s, size_t at, size_t n, int *out)
{
    uint64_t v = 0;
    if (s.n < at + n || !num_u64(str_sub(s, at, n), 9999, &v))
        return false;
    *out = (int)v;
    return true;
}

/* 2026-11-23T05:52:20Z, with or without a fraction: what v2 objects have. 0 for anything else. */
static int64_t iso_ms(struct str s)
{
    int y, mo, d, h, mi, sec, ms = 0;
    if (s.n < 20 || s.p[4] != '-' || s.p[7] != '-' || s.p[10] != 'T' || s.p[13] != ':' || s.p[16] != ':' ||
        s.p[s.n - 1] != 'Z' || !digits(s, 0, 4, &y) || !digits(s, 5, 2, &mo) || !digits(s, 8, 2, &d) ||
        !digits(s, 11, 2, &h) || !digits(s, 14, 2, &mi) || !digits(s, 17, 2, &sec) || h > 23 || mi > 59 || sec > 60)
        return 0;
    if (s.p[19] == '.' && s.n >= 24 && !digits(s, 20, 3, &ms))
        return 0;
    if (sec == 60) /* a leap second is the one before it: the last of the year 9999 still fits a column */
        sec = 59;
    int64_t day = clock_date_ms(y, mo, d);
    return day > 0 ? day + ((h * 60 + mi) * 60 + sec) * INT64_C(1000) + ms : 0;
}

static int64_t unix_ms(const struct json *j)
{
    int64_t s = json_int(j, 0);
    return s > 0 && s <= LAST_SECOND ? s * 1000 : 0;
}

static void read_thin(const struct json *j, struct event_envelope *out)
{
    const struct json *about = json_get(j, "related_object");
    out->thin = true;
    out->created_ms = iso_ms(json_get_str(j, "created"));
    out->object_type = json_get_str(about, "type");
    out->object_id = json_get_str(about, "id");
}

static void read_snapshot(const struct json *j, struct event_envelope *out)
{
    const struct json *about = json_get(json_get(j, "data"), "object");
    out->created_ms = unix_ms(json_get(j, "created"));
    out->api_version = json_get_str(j, "api_version");
    out->object_type = json_get_str(about, "object");
    out->object_id = json_get_str(about, "id");
    if (!out->object_id.n && str_eqz(out->object_type, "invoice")) {
        out->object_id = stripe_id_of(
            json_get(json_get(json_get(about, "parent"), "subscription_details"), "subscription"));
        out->object_type = out->object_id.n ? STR("subscription") : STR("invoice");
    }
}

enum status event_envelope_of(const struct json *j, struct event_envelope *out, struct err *e)
{
    struct str object = json_get_str(j, "object");
    *out = (struct event_envelope){
        .id = json_get_str(j, "id"), .type = json_get_str(j, "type"), .api_version = STR_EMPTY};
    if (str_eqz(object, "v2.core.event"))
        read_thin(j, out);
    else if (str_eqz(object, "event"))
        read_snapshot(j, out);
    else
        return err_set(e, E_event_invalid, "This is no event.");
    out->livemode = json_bool(json_get(j, "livemode"));
    out->account = json_get_str(j, json_get_str(j, "account").n ? "account" : "context");
    if (!out->id.n || !is_word(out->id, ID_BYTES) || !out->type.n || !is_word(out->type, TYPE_BYTES) ||
        !is_word(out->object_type, OBJECT_BYTES) || !is_word(out->object_id, ID_BYTES) ||
        !is_word(out->api_version, VERSION_BYTES) || !is_word(out->account, ID_BYTES))
        return err_set(e, E_event_invalid, "The event's id, type or object are none.");
    return OK;
}

enum status event_envelope_parse(struct arena *a, struct str body, struct event_envelope *out, struct err *e)
{
    struct json *j;
    enum status st = json_parse(a, body, MAX_JSON_DEPTH, &j, e);
    return st == OK ? event_envelope_of(j, out, e) : st;
}
