/* tally.c: reports of what engines were used for. The rows of a month are few (a row for each day and engine), so they
 * are read once and added up here in every way that a report needs. */
#include "engine/workspace/tally.h"

#include <stdlib.h>

#include "base/clock.h"
#include "engine/workspace/account_store.h"
#include "engine/workspace/engine_store.h"
#include "engine/workspace/tally_store.h"

#include "base/banned.h"

static void tally_sum(struct engine_tally *to, const struct engine_tally *t)
{
    to->calls += t->calls;
    to->tokens_in += t->tokens_in;
    to->tokens_out += t->tokens_out;
    to->cost += t->cost;
}

/* Rows come by day, so a day's rows are together. */
static void tally_take_day(struct engine_tally_month *m, const struct tally_row *r)
{
    if (!m->day_count || m->days[m->day_count - 1].day_ms != r->day_ms)
        m->days[m->day_count++] = (struct engine_tally_day){.day_ms = r->day_ms};
    tally_sum(&m->days[m->day_count - 1].used, &r->used);
}

static void tally_take_engine(struct engine_tally_month *m, const struct tally_row *r, bool today)
{
    size_t i = 0;
    while (i < m->engine_count && !id_eq(m->engines[i].engine, r->engine))
        i++;
    if (i == m->engine_count)
        m->engines[m->engine_count++] = (struct engine_tally_engine){.engine = r->engine, .name = r->name};
    tally_sum(&m->engines[i].month, &r->used);
    if (today)
        tally_sum(&m->engines[i].today, &r->used);
}

static int tally_compare_engines(const void *a, const void *b)
{
    const struct engine_tally_engine *x = a, *y = b;
    if (!x->name.n != !y->name.n)
        return x->name.n ? -1 : 1;
    return str_cmp(x->name, y->name);
}

enum status engine_tally_read(struct db *c, struct id tenant, struct id bot, int64_t at_ms, struct arena *a,
                              struct engine_tally_month *out, struct err *e)
{
    struct tally_row *rows;
    size_t n = 0;
    int64_t today = at_ms - at_ms % DAY_MS;
    *out = (struct engine_tally_month){.start_ms = clock_month_start(at_ms)};
    out->end_ms = clock_month_start(out->start_ms + 32 * DAY_MS);
    enum status st = id_is_none(bot) ? OK : engine_store_bot(c, tenant, bot, a, e);
    if (st == OK)
        st = tally_store_list(c, tenant, bot, out->start_ms, out->end_ms, a, &rows, &n, e);
    if (st == OK && (!(out->engines = arena_array(a, n + 1, sizeof(*out->engines))) ||
                     !(out->days = arena_array(a, n + 1, sizeof(*out->days)))))
        return err_nomem(e);
    for (size_t i = 0; st == OK && i < n; i++) {
        tally_sum(&out->month, &rows[i].used);
        if (rows[i].day_ms == today)
            tally_sum(&out->today, &rows[i].used);
        tally_take_day(out, &rows[i]);
        tally_take_engine(out, &rows[i], rows[i].day_ms == today);
    }
    if (out->engine_count)
        qsort(out->engines, out->engine_count, sizeof(*out->engines), tally_compare_engines);
    return st;
}

enum status engine_used_now(struct db *c, struct id tenant, struct id bot, bool monthly, int64_t now_ms,
                            struct arena *a, struct engine_used *out, struct err *e)
{
    bool workspace = id_is_none(bot);
    const struct account_period p = {.scope = workspace ? "workspace" : "bot",
                                     .id = workspace ? tenant : bot,
                                     .monthly = monthly,
                                     .starts_ms = monthly ? clock_month_start(now_ms) : now_ms - now_ms % DAY_MS};
    struct account_usage used;
    enum status st = account_store_usage_get(c, tenant, &p, a, &used, e);
    *out = (struct engine_used){0};
    if (st == OK)
        *out = (struct engine_used){used.calls, used.tokens, used.cost};
    return st;
}
