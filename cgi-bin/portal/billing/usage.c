/* usage.c: /app/billing/usage: the conversations that count, by day and one by one; usage.csv has all of them.
 *
 * The chart is an SVG whose columns are computed here, so that the page needs no script. */
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "portal/billing/billing.h"

#include "base/banned.h"

#define ROWS_PAGE 50
#define ROWS_FILE 1000    /* rows read at a time for the file */
#define CHART_DAYS_MAX 62 /* columns of the chart: more than any period has */
#define COLUMN 20         /* width of one day in the drawing */
#define HEIGHT 120

/* ---- days ---- */

static int64_t usage_counted_on(const struct usage_day *days, size_t n, int64_t day_ms)
{
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        if (days[i].day_ms >= day_ms && days[i].day_ms < day_ms + DAY_MS)
            sum += days[i].counted;
    return sum;
}

static void usage_fill_column(struct page *pg, size_t i, int64_t day_ms, int64_t counted, int64_t most)
{
    struct view *v = pg->v;
    int64_t tall = most > 0 ? counted * HEIGHT / most : 0;
    if (counted > 0 && tall < 2)
        tall = 2; /* a small number is still visible */
    view_date(v, view_at(v, "Days", i, "Day"), day_ms);
    view_number(v, view_at(v, "Days", i, "Counted"), counted);
    view_int(v, view_at(v, "Days", i, "X"), (int64_t)i * COLUMN + 3);
    view_int(v, view_at(v, "Days", i, "Y"), HEIGHT - tall);
    view_int(v, view_at(v, "Days", i, "Tall"), tall);
}

/* The chart has a column for each day of the period, also for those to come, so that its width does not change from day
 * to day. */
static enum status usage_fill_days(struct page *pg, const struct usage *u)
{
    struct usage_day *days = NULL;
    size_t n = 0;
    int64_t now = clock_now_ms(), most = 0, first = u->period_start_ms - u->period_start_ms % DAY_MS;
    int64_t last = u->period_end_ms > now ? now : u->period_end_ms - 1;
    enum status st = usage_days(pg->db, pg->who.tenant, pg->rq->arena, u->period_start_ms, last + 1, &days, &n, &pg->e);
    if (st != OK)
        return st;
    for (int64_t day = first; day <= last; day += DAY_MS)
        most = usage_counted_on(days, n, day) > most ? usage_counted_on(days, n, day) : most;
    size_t columns = 0;
    for (int64_t day = first; day < u->period_end_ms && columns < CHART_DAYS_MAX; day += DAY_MS)
        columns++;
    for (size_t i = 0; i < columns && first + (int64_t)i * DAY_MS <= last; i++)
        usage_fill_column(pg, i, first + (int64_t)i * DAY_MS, usage_counted_on(days, n, first + (int64_t)i * DAY_MS),
                          most);
    view_int(pg->v, "Chart.Wide", (int64_t)columns * COLUMN);
    view_number(pg->v, "Chart.Most", most);
    view_bool(pg->v, "Chart.Any", most > 0);
    return OK;
}

/* ---- rows ---- */

/* A deleted bot is not in the list; its rows are shown without a name, because they still count. */
static const struct bot *usage_bot_of(const struct bot *bots, size_t n, struct id id)
{
    for (size_t i = 0; i < n; i++)
        if (id_eq(bots[i].id, id))
            return &bots[i];
    return NULL;
}

static enum status usage_fill_rows(struct page *pg)
{
    struct view *v = pg->v;
    struct usage_row *rows = NULL;
    struct bot *bots = NULL;
    size_t n = 0, bot_n = 0;
    struct id before = ID_NONE;
    if (!id_parse(ID_CONVERSATION, request_query(pg->rq, "before"), &before))
        before = ID_NONE;
    enum status st = usage_rows(pg->db, pg->who.tenant, pg->rq->arena, before, ROWS_PAGE + 1, &rows, &n, &pg->e);
    if (st == OK)
        st = bot_list(pg->db, pg->who.tenant, pg->rq->arena, &bots, &bot_n, &pg->e);
    for (size_t i = 0; st == OK && i < n && i < ROWS_PAGE; i++) {
        const struct bot *b = usage_bot_of(bots, bot_n, rows[i].bot);
        view_id(v, view_at(v, "Rows", i, "Id"), TEXT_ID(ID_CONVERSATION, rows[i].conversation));
        view_time(v, view_at(v, "Rows", i, "Time"), rows[i].counted_ms);
        view_bool(v, view_at(v, "Rows", i, "Deleted"), rows[i].deleted);
        if (b)
            view_str(v, view_at(v, "Rows", i, "Bot"), b->name);
    }
    view_bool(v, "List.Later", !id_is_none(before));
    if (st == OK && n > ROWS_PAGE)
        view_id(v, "List.Before", TEXT_ID(ID_CONVERSATION, rows[ROWS_PAGE - 1].conversation));
    return st;
}

void billing_usage_get(struct request *rq)
{
    struct page pg;
    struct billing b;
    if (!billing_begin(rq, &pg, "usage", &b))
        return;
    enum status st = usage_fill_days(&pg, &b.used);
    if (st == OK)
        st = usage_fill_rows(&pg);
    page_fill_usage(&pg, "Usage", &b.used);
    page_end(&pg, st, "portal/billing/usage.cs", "Billing.Usage.PageTitle");
}

/* ---- the file ---- */

static void usage_csv_rows(struct page *pg, const struct usage_row *rows, size_t n)
{
    struct buf *out = reply_body(pg->rq);
    for (size_t i = 0; i < n; i++) {
        clock_iso(out, rows[i].counted_ms);
        buf_printf(out, ",%s", TEXT_ID(ID_CONVERSATION, rows[i].conversation));
        buf_printf(out, ",%s,", id_is_none(rows[i].bot) ? "" : TEXT_ID(ID_BOT, rows[i].bot));
        clock_iso(out, rows[i].period_start_ms);
        buf_puts(out, rows[i].billable ? ",yes" : ",no");
        buf_puts(out, rows[i].deleted ? ",yes\r\n" : ",no\r\n");
    }
}

/* Writes the rows in parts, newest first. Each part reuses one arena, so that a long file needs no more memory than a
 * short one, and no connection is held while a part is sent: a slow reader does not keep one from others. */
static enum status usage_csv_write(struct page *pg)
{
    struct id before = ID_NONE;
    struct usage_row *rows = NULL;
    struct arena a;
    size_t n = 0;
    enum status st;
    arena_init(&a, LIST_ARENA);
    do {
        arena_reset(&a);
        st = pg->db ? OK : db_get(pg->app->guard.pool, &pg->db, &pg->e);
        if (st == OK)
            st = usage_rows(pg->db, pg->who.tenant, &a, before, ROWS_FILE, &rows, &n, &pg->e);
        page_release(pg);
        if (st == OK && n) {
            usage_csv_rows(pg, rows, n);
            before = rows[n - 1].conversation;
            st = reply_part(pg->rq, &pg->e);
        }
    } while (st == OK && n == ROWS_FILE);
    arena_release(&a);
    return st;
}

/* The cells are ids, times and fixed words. None of them can be a formula, so they need no quoting. */
void billing_usage_csv_get(struct request *rq)
{
    struct page pg;
    if (!page_begin(rq, &pg))
        return;
    reply_status(rq, 200);
    reply_type(rq, "text/csv; charset=utf-8");
    reply_header(rq, "Content-Disposition", STR("attachment; filename=\"usage.csv\""));
    buf_puts(reply_body(rq), "counted_at,conversation,bot,period_start,billed,deleted\r\n");
    if (usage_csv_write(&pg) != OK)
        page_fail(&pg);
}
