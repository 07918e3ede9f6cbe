/* usage.c: /v1/usage: what is used in the period, which conversations count, and what engines were used for. The list
 * is the ledger that is billed, row by row, so a customer can check an invoice with it. */
#include "plan/usage.h"

#include "api/api.h"
#include "base/clock.h"
#include "engine/workspace/price.h"
#include "engine/workspace/tally.h"
#include "plan/pricing.h"

#include "base/banned.h"

#define WEEK_MS (7 * DAY_MS)

static int api_usage_fill_forecast(struct json *o, const struct usage_forecast *f, const char *currency)
{
    struct json *j;
    return json_set_object(o, "forecast", &j) || json_set_int(j, "used", f->used_at_end) ||
           json_set_time(j, "full_at", f->full_at_ms) || api_set_amount(j, "overage", f->overage, currency);
}

/* A period that is not billable costs nothing beyond the plan, whatever the terms say: the customer may have chosen to
 * stop at the limit. */
static int api_usage_fill(struct json *o, const struct usage *u, const struct plan_terms *terms,
                          const struct usage_forecast *f)
{
    int64_t overage = u->billable ? pricing_overage(terms, u->used) : 0;
    return api_set_period(o, "period", u->period_start_ms, u->period_end_ms) || json_set_int(o, "used", u->used) ||
           api_set_limit(o, "included", u->included) || api_set_limit(o, "limit", u->limit) ||
           json_set_bool(o, "billable", u->billable) || api_set_amount(o, "overage", overage, terms->currency) ||
           api_usage_fill_forecast(o, f, terms->currency);
}

/* The forecast extrapolates the last week: a whole week contains each weekday once. */
void api_usage_get(struct request *rq)
{
    struct api_call call;
    struct entitlements x;
    struct usage u;
    struct usage_day *days;
    struct json *o = NULL;
    int64_t now = clock_now_ms();
    size_t n;
    if (!api_begin(rq, &call))
        return;
    enum status st = entitlement_load(call.c, call.who.tenant, now, call.a, &x, &call.e);
    if (st == OK)
        st = usage_in(call.c, call.who.tenant, &x.period, &u, &call.e);
    if (st == OK)
        st = usage_days(call.c, call.who.tenant, call.a, now - WEEK_MS, now + 1, &days, &n, &call.e);
    if (st == OK) {
        struct usage_forecast f = usage_forecast(&u, x.terms, days, n, now);
        if (!(o = json_new_object(call.a)) || api_usage_fill(o, &u, x.terms, &f))
            st = err_nomem(&call.e);
    }
    api_end(&call, st, 200, o);
}

/* A deleted conversation still counts. Its bot may be gone, so it is left out. */
static int api_usage_fill_row(struct json *o, const struct usage_row *r)
{
    return json_set_id(o, "conversation", ID_CONVERSATION, r->conversation) ||
           (r->deleted ? json_set_null(o, "bot") : json_set_id(o, "bot", ID_BOT, r->bot)) ||
           json_set_time(o, "counted_at", r->counted_ms) || json_set_time(o, "period_start", r->period_start_ms) ||
           json_set_bool(o, "billable", r->billable) || json_set_bool(o, "deleted", r->deleted);
}

/* One row more than asked for is read, to learn whether there are more. Deleted conversations stay in the list, because
 * deleting gives nothing back. */
void api_usage_conversations_get(struct request *rq)
{
    struct api_call call;
    struct usage_row *rows;
    struct json *out = NULL, *data, *o;
    struct id before;
    size_t n = 0;
    int limit = 0;
    if (!api_begin(rq, &call))
        return;
    enum status st = api_limit(&call, &limit);
    if (st == OK)
        st = api_after(&call, ID_CONVERSATION, &before); /* the list is newest first, so the next page is older */
    if (st == OK)
        st = usage_rows(call.c, call.who.tenant, call.a, before, limit + 1, &rows, &n, &call.e);
    bool more = n > (size_t)limit;
    if (st == OK)
        out = api_list(call.a, more, &data);
    for (size_t i = 0; out && i < n - more; i++)
        if (json_push_object(data, &o) != 0 || api_usage_fill_row(o, &rows[i]))
            out = NULL;
    if (st == OK && !out)
        st = err_nomem(&call.e);
    api_end(&call, st, 200, out);
}

/* ---- engines ---- */

static int api_usage_fill_tally(struct json *o, const struct engine_tally *t)
{
    return json_set_int(o, "calls", t->calls) || json_set_int(o, "tokens_in", t->tokens_in) ||
           json_set_int(o, "tokens_out", t->tokens_out) || json_set_int(o, "cost", t->cost);
}

/* Costs are in 10^-9 of the currency, like the caps of a bot: a call often costs less than the smallest unit. */
static int api_usage_fill_engines(struct json *o, const struct engine_tally_month *m, const char *currency)
{
    struct json *list, *row;
    int bad = api_set_period(o, "period", m->start_ms, m->end_ms) || json_set_str(o, "currency", str_from(currency)) ||
              api_usage_fill_tally(o, &m->month) || json_set_array(o, "engines", &list);
    for (size_t i = 0; !bad && i < m->engine_count; i++) {
        const struct engine_tally_engine *g = &m->engines[i];
        bad = json_push_object(list, &row) || json_set_id(row, "engine", ID_ENGINE, g->engine) ||
              (g->name.n ? json_set_str(row, "name", g->name) : json_set_null(row, "name")) ||
              api_usage_fill_tally(row, &g->month);
    }
    bad = bad || json_set_array(o, "days", &list);
    for (size_t i = 0; !bad && i < m->day_count; i++)
        bad = json_push_object(list, &row) || json_set_time(row, "day", m->days[i].day_ms) ||
              api_usage_fill_tally(row, &m->days[i].used);
    return bad;
}

/* The query parameter `month`, such as 2026-11; this month if it is missing. */
static enum status api_usage_month(struct api_call *call, int64_t *at_ms)
{
    struct str s = request_query(call->rq, "month");
    *at_ms = clock_now_ms();
    const char *first = arena_printf(call->a, "%.*s-01", STR_F(str_sub(s, 0, 8)));
    if (!first)
        return err_nomem(&call->e);
    return !s.n || (s.n == 7 && clock_day(str_from(first), at_ms)) ? OK
                                                                   : err_raise_at(&call->e, E_month_invalid, "month");
}

static enum status api_usage_bot(struct api_call *call, struct id *bot)
{
    struct str s = request_query(call->rq, "bot");
    *bot = ID_NONE;
    return !s.n || id_parse(ID_BOT, s, bot) ? OK : err_raise(&call->e, E_bot_unknown);
}

void api_usage_engines_get(struct request *rq)
{
    struct api_call call;
    struct engine_tally_month m;
    struct id bot;
    struct json *o = NULL;
    int64_t at_ms;
    char currency[4];
    if (!api_begin(rq, &call))
        return;
    enum status st = api_usage_month(&call, &at_ms);
    if (st == OK)
        st = api_usage_bot(&call, &bot);
    if (st == OK)
        st = engine_tally_read(call.c, call.who.tenant, bot, at_ms, call.a, &m, &call.e);
    if (st == OK)
        st = engine_price_currency(call.c, call.a, currency, &call.e);
    if (st == OK && (!(o = json_new_object(call.a)) || api_usage_fill_engines(o, &m, currency)))
        st = err_nomem(&call.e);
    api_end(&call, st, 200, o);
}
