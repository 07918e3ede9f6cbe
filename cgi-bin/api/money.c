/* money.c: limits, periods and amounts as JSON. Amounts are integers of the smallest unit: a decimal would be read as a
 * floating point number by most clients. "Unlimited" is null, which no client mistakes for a number. */
#include "api/api.h"
#include "plan/entitlement.h"

#include "base/banned.h"

int api_set_limit(struct json *o, const char *name, int64_t v)
{
    return v == UNLIMITED ? json_set_null(o, name) : json_set_int(o, name, v);
}

int api_set_period(struct json *o, const char *name, int64_t start_ms, int64_t end_ms)
{
    struct json *p;
    return json_set_object(o, name, &p) || json_set_time(p, "start", start_ms) || json_set_time(p, "end", end_ms);
}

int api_set_amount(struct json *o, const char *name, int64_t amount, const char *currency)
{
    struct json *m;
    return json_set_object(o, name, &m) || json_set_int(m, "amount", amount) ||
           json_set_str(m, "currency", str_from(currency));
}
