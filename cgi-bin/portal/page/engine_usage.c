/* engine_usage.c: what engines were used for, as numbers beside their caps. The numbers of a bot are the counters that
 * its caps are compared with, so a page never says that there is room where an engine is not asked. Costs appear only
 * where the operator keeps prices or a cap is an amount of money: elsewhere a zero would read as "free". */
#include "portal/page/engine_usage.h"

#include <stdio.h>

#include "base/clock.h"
#include "engine/workspace/price.h"
#include "plan/money.h"
#include "portal/page/words.h"

#include "base/banned.h"

#define USAGE_NO_CAP INT64_C(-1)

struct usage_rows {
    struct page *pg;
    size_t n;
    char currency[4];
};
enum usage_kind { USAGE_CALLS, USAGE_TOKENS, USAGE_COST, USAGE_KINDS };

/* Less than the smallest unit is said to be so: rounded it would be nothing. */
static struct str usage_cost(struct page *pg, int64_t nano, const char *currency)
{
    int64_t unit = ENGINE_PRICE_UNIT;
    for (int i = 0; i < money_places(str_from(currency)); i++)
        unit /= 10;
    if (nano > 0 && nano < unit)
        return view_fill(pg->v, "EngineUsage.Less", {"sum", words_money(pg, 1, currency)});
    return words_money(pg, nano / unit + (nano % unit >= (unit + 1) / 2), currency);
}

static struct str usage_amount(struct usage_rows *u, enum usage_kind kind, int64_t used)
{
    return kind == USAGE_COST ? usage_cost(u->pg, used, u->currency) : words_number(u->pg, used);
}

static struct str usage_cell(struct usage_rows *u, enum usage_kind kind, int64_t used, int64_t cap)
{
    struct str n = usage_amount(u, kind, used);
    return cap == USAGE_NO_CAP ? n
                               : view_fill(u->pg->v, "EngineUsage.Of", {"n", n}, {"cap", usage_amount(u, kind, cap)});
}

static void usage_add_row(struct usage_rows *u, const char *label, struct str day, struct str month)
{
    struct view *v = u->pg->v;
    char key[VIEW_KEY_MAX];
    snprintf(key, sizeof(key), "EngineUsage.%s", label);
    view_text(v, view_at(v, "Usage", u->n, "Label"), view_t(v, key));
    view_str(v, view_at(v, "Usage", u->n, "Day"), day);
    view_str(v, view_at(v, "Usage", u->n++, "Month"), month);
}

/* ---- the workspace ---- */

enum status page_engine_usage(struct page *pg, struct engine_tally_month *out)
{
    struct usage_rows u = {.pg = pg};
    enum status st = engine_tally_read(pg->db, pg->who.tenant, ID_NONE, clock_now_ms(), pg->rq->arena, out, &pg->e);
    if (st == OK)
        st = engine_price_currency(pg->db, pg->rq->arena, u.currency, &pg->e);
    if (st != OK)
        return st;
    const struct engine_tally *day = &out->today, *month = &out->month;
    usage_add_row(&u, "Calls", words_number(pg, day->calls), words_number(pg, month->calls));
    usage_add_row(&u, "TokensIn", words_number(pg, day->tokens_in), words_number(pg, month->tokens_in));
    usage_add_row(&u, "TokensOut", words_number(pg, day->tokens_out), words_number(pg, month->tokens_out));
    if (month->cost > 0)
        usage_add_row(&u, "Cost", usage_cost(pg, day->cost, u.currency), usage_cost(pg, month->cost, u.currency));
    return OK;
}

/* ---- a bot ---- */

static int64_t usage_cap(const struct json *caps, enum usage_kind kind, bool monthly)
{
    static const char *const names[USAGE_KINDS][2] = {[USAGE_CALLS] = {"calls_day", "calls_month"},
                                                      [USAGE_TOKENS] = {"tokens_day", "tokens_month"},
                                                      [USAGE_COST] = {"cost_day", "cost_month"}};
    const struct json *v = caps ? json_get(caps, names[kind][monthly]) : NULL;
    return v ? json_int(v, USAGE_NO_CAP) : USAGE_NO_CAP;
}

static int64_t usage_of(const struct engine_used *used, enum usage_kind kind)
{
    return kind == USAGE_CALLS ? used->calls : kind == USAGE_TOKENS ? used->tokens : used->cost;
}

/* Of a bot, or with ID_NONE of the workspace: then only the rows that have a cap. */
static enum status usage_add_scope(struct usage_rows *u, struct id bot, const struct json *caps)
{
    static const char *const labels[2][USAGE_KINDS] = {{"Calls", "Tokens", "Cost"},
                                                       {"WorkspaceCalls", "WorkspaceTokens", "WorkspaceCost"}};
    struct page *pg = u->pg;
    struct engine_used day, month;
    bool workspace = id_is_none(bot);
    int64_t now = clock_now_ms();
    enum status st = engine_used_now(pg->db, pg->who.tenant, bot, false, now, pg->rq->arena, &day, &pg->e);
    if (st == OK)
        st = engine_used_now(pg->db, pg->who.tenant, bot, true, now, pg->rq->arena, &month, &pg->e);
    for (int k = 0; st == OK && k < USAGE_KINDS; k++) {
        enum usage_kind kind = (enum usage_kind)k;
        int64_t day_cap = usage_cap(caps, kind, false), month_cap = usage_cap(caps, kind, true);
        bool capped = day_cap != USAGE_NO_CAP || month_cap != USAGE_NO_CAP;
        if (capped || (!workspace && (kind != USAGE_COST || month.cost > 0)))
            usage_add_row(u, labels[workspace][kind], usage_cell(u, kind, usage_of(&day, kind), day_cap),
                          usage_cell(u, kind, usage_of(&month, kind), month_cap));
    }
    return st;
}

enum status page_engine_usage_bot(struct page *pg, struct id bot, const struct json *limits)
{
    struct usage_rows u = {.pg = pg};
    const struct json *workspace = json_get(limits, "workspace");
    enum status st = engine_price_currency(pg->db, pg->rq->arena, u.currency, &pg->e);
    if (st == OK)
        st = usage_add_scope(&u, bot, json_get(limits, "bot"));
    if (st == OK && json_len(workspace) > 0)
        st = usage_add_scope(&u, ID_NONE, workspace);
    return st;
}
