/* caps.c: compares what was used with the caps of a bot, and notifies the owners of a workspace when one is reached.
 *
 * There is a counter for each scope and each day and month (UTC), so a check reads at most six rows by primary key. The
 * row of engine_cap is inserted in the transaction that queues the mails, so each cap is mailed once in its period, no
 * matter how many turns meet it at once. Its amount is a part of the key: a cap that was raised and is reached again is
 * news. */
#include "engine/workspace/caps.h"

#include <stdio.h>
#include <string.h>

#include "account/account.h"
#include "base/crypto.h"
#include "base/log.h"
#include "engine/workspace/caps_internal.h"
#include "engine/workspace/caps_store.h"
#include "queue/mail.h"

#include "base/banned.h"

#define CAPS_KINDS 3
#define CAPS_UNIT 1000000000 /* of money: a cost is in 10^-9 */

static const char *const caps_kinds[CAPS_KINDS] = {"calls", "tokens", "cost"};

/* ---- counters ---- */

/* The visitor's id contains the bot, because the cap is one of the bot. */
static struct id caps_visitor_id(const struct engine_account *who)
{
    uint8_t hash[CRYPTO_HASH], both[sizeof(who->bot.b) + CRYPTO_HASH];
    struct id id;
    crypto_digest(who->visitor, hash);
    memcpy(both, who->bot.b, sizeof(who->bot.b));
    memcpy(both + sizeof(who->bot.b), hash, sizeof(hash));
    crypto_digest(str_n((const char *)both, sizeof(both)), hash);
    memcpy(id.b, hash, sizeof(id.b));
    return id;
}

static int64_t caps_period_start(bool monthly, int64_t now_ms)
{
    return monthly ? clock_month_start(now_ms) : now_ms - now_ms % DAY_MS;
}

static int64_t caps_period_end(const struct account_period *p)
{
    return p->monthly ? clock_month_start(p->starts_ms + 32 * DAY_MS) : p->starts_ms + DAY_MS;
}

size_t caps_periods(const struct engine_account *who, int64_t now_ms, struct account_period out[CAPS_PERIODS])
{
    const struct account_period scopes[] = {{.scope = "visitor", .id = who->visitor.n ? caps_visitor_id(who) : ID_NONE},
                                            {.scope = "bot", .id = who->bot},
                                            {.scope = "workspace", .id = who->tenant}};
    size_t n = 0;
    for (size_t i = 0; i < COUNT_OF(scopes); i++)
        for (int monthly = 0; monthly < 2 && !id_is_none(scopes[i].id); monthly++) {
            out[n] = scopes[i];
            out[n].monthly = monthly;
            out[n++].starts_ms = caps_period_start(monthly, now_ms);
        }
    return n;
}

/* The cap of a period; -1: there is none. */
static int64_t caps_amount(const struct json *limits, const struct account_period *p, size_t kind)
{
    char name[20];
    const struct json *caps = limits ? json_get(limits, p->scope) : NULL;
    snprintf(name, sizeof(name), "%s_%s", caps_kinds[kind], p->monthly ? "month" : "day");
    const struct json *v = caps ? json_get(caps, name) : NULL;
    return v ? json_int(v, -1) : -1;
}

static bool caps_any(const struct json *limits, const struct account_period *p)
{
    for (size_t i = 0; i < CAPS_KINDS; i++)
        if (caps_amount(limits, p, i) >= 0)
            return true;
    return false;
}

static int64_t caps_used(const struct account_usage *u, size_t kind)
{
    return kind == 0 ? u->calls : kind == 1 ? u->tokens : u->cost;
}

/* ---- the notice ---- */

/* One cap that is reached at this moment. */
struct caps_event {
    const struct engine_account *who;
    const struct account_period *period;
    size_t kind;
    int64_t amount, now_ms;
    struct arena *a;
};

static bool caps_is_visitor(const struct caps_event *r)
{
    return strcmp(r->period->scope, "visitor") == 0;
}

static struct cap_row caps_row(const struct caps_event *r)
{
    return (struct cap_row){.scope = r->period->scope,
                            .scope_id = caps_is_visitor(r) ? r->who->bot : r->period->id,
                            .monthly = r->period->monthly,
                            .starts_ms = r->period->starts_ms,
                            .cap = str_from(caps_kinds[r->kind]),
                            .amount = r->amount,
                            .bot = r->who->bot,
                            .visitors = caps_is_visitor(r),
                            .reached_ms = r->now_ms};
}

/* A cost is shown in whole units of the currency: 12.5. */
static struct mail_value caps_mail_amount(const struct caps_event *r)
{
    const char *name = caps_kinds[r->kind];
    if (r->kind < 2)
        return MAIL_NUMBER(name, r->amount);
    char text[40];
    int n = snprintf(text, sizeof(text), "%lld.%09lld", (long long)(r->amount / CAPS_UNIT),
                     (long long)(r->amount % CAPS_UNIT));
    while (n > 2 && text[n - 1] == '0' && text[n - 2] != '.')
        n--;
    const char *kept = arena_strdup(r->a, str_n(text, (size_t)n));
    return MAIL_TEXT(name, str_from(kept));
}

static enum status caps_mail_one(struct db *c, const struct caps_event *r, const struct account_reader *to,
                                 const struct mail_value *values, size_t n, struct err *e)
{
    const struct mail_new m = {.tenant = r->who->tenant,
                               .to = to->email,
                               .template = strcmp(r->period->scope, "bot") == 0 ? "engine_cap_bot"
                                                                                : "engine_cap_workspace",
                               .language = to->language,
                               .values = values,
                               .value_count = n};
    enum status st = mail_queue(c, &m, e);
    if (st != ERR_INVALID) /* an address that is not valid must not keep the others from their mail */
        return st;
    log_line(LOG_WARN, "notice_not_mailed", LOG_S("mail", m.template), LOG_S("error", e->message));
    return OK;
}

static enum status caps_mail_owners(struct db *c, const struct caps_event *r, struct err *e)
{
    struct tenant workspace;
    struct str bot;
    struct account_reader *owners;
    size_t n = 0;
    char id[ID_TEXT_MAX];
    enum status st = account_tenant_get(c, r->a, r->who->tenant, &workspace, e);
    if (st == OK)
        st = caps_store_bot_name(c, r->who->tenant, r->who->bot, r->a, &bot, e);
    if (st == OK)
        st = account_owners(c, r->a, r->who->tenant, &owners, &n, e);
    if (st != OK)
        return st;
    const char *url = arena_printf(r->a, "/app/bots/%s/engines", id_text(ID_BOT, r->who->bot, id));
    const struct mail_value values[] = {MAIL_TEXT("workspace", workspace.name),
                                        MAIL_TEXT("bot", bot),
                                        caps_mail_amount(r),
                                        MAIL_TIME("reached", r->now_ms),
                                        MAIL_TIME("until", caps_period_end(r->period)),
                                        MAIL_TEXT("url", str_from(url))};
    if (!url)
        return err_nomem(e);
    for (size_t i = 0; st == OK && i < n; i++)
        st = caps_mail_one(c, r, &owners[i], values, COUNT_OF(values), e);
    return st;
}

/* A cap of 0 is what its owner wants, and not news. */
static enum status caps_report_write(struct db *c, void *ctx, struct err *e)
{
    const struct caps_event *r = ctx;
    const struct cap_row row = caps_row(r);
    bool fresh = false;
    if (r->amount == 0)
        return OK;
    if (caps_is_visitor(r))
        return caps_store_count_visitor(c, r->who->tenant, &row, e);
    enum status st = caps_store_add(c, r->who->tenant, &row, &fresh, e);
    return st == OK && fresh ? caps_mail_owners(c, r, e) : st;
}

static void caps_log(const struct caps_event *r, int64_t used)
{
    char tenant[ID_TEXT_MAX], bot[ID_TEXT_MAX];
    log_line(LOG_WARN, "engine_cap_reached", LOG_S("tenant", id_text(ID_TENANT, r->who->tenant, tenant)),
             LOG_S("bot", id_text(ID_BOT, r->who->bot, bot)), LOG_S("scope", r->period->scope),
             LOG_S("cap", caps_kinds[r->kind]), LOG_S("period", r->period->monthly ? "month" : "day"),
             LOG_I("used", used));
}

/* The row is locked by the addition before, so exactly one call sees a counter pass its cap. */
enum status caps_report_crossed(struct db *c, const struct engine_account *who, const struct account_period *p,
                                const struct account_usage *added, int64_t now_ms, struct arena *a, struct err *e)
{
    struct account_usage now;
    if (!caps_any(who->limits, p))
        return OK;
    enum status st = account_store_usage_get(c, who->tenant, p, a, &now, e);
    for (size_t k = 0; st == OK && k < CAPS_KINDS; k++) {
        struct caps_event r = {who, p, k, caps_amount(who->limits, p, k), now_ms, a};
        int64_t used = caps_used(&now, k);
        if (r.amount < 0 || used < r.amount || used - caps_used(added, k) >= r.amount)
            continue;
        caps_log(&r, used);
        st = caps_report_write(c, &r, e);
    }
    return st;
}

/* A question that is refused reports a cap which no call has passed: one that was set below what was used already, or
 * one of the workspace that only another bot has reached. A notice that cannot be written does not end the turn: the
 * next question that is refused tries again. */
static void caps_report_refused(struct db *c, struct caps_event *r, int64_t used)
{
    const struct cap_row row = caps_row(r);
    struct err e = ERR_INIT;
    bool known = false;
    enum status st = OK;
    if (!caps_is_visitor(r) && r->amount > 0)
        st = caps_store_known(c, r->who->tenant, &row, r->a, &known, &e);
    else
        known = true;
    if (st == OK && !known) {
        st = db_transaction(c, caps_report_write, r, &e);
        if (st == OK)
            caps_log(r, used);
    }
    if (st != OK)
        log_line(LOG_ERROR, "engine_cap_not_reported", LOG_S("code", err_code(&e)), LOG_S("message", e.message));
}

enum status engine_account_check(struct db *c, const struct engine_account *who, int64_t now_ms, struct arena *a,
                                 const char **why, struct err *e)
{
    struct account_period periods[CAPS_PERIODS];
    size_t n = caps_periods(who, now_ms, periods);
    enum status st = OK;
    *why = NULL;
    for (size_t i = 0; st == OK && !*why && i < n; i++) {
        struct account_usage used;
        if (!caps_any(who->limits, &periods[i]))
            continue;
        st = account_store_usage_get(c, who->tenant, &periods[i], a, &used, e);
        for (size_t k = 0; st == OK && !*why && k < CAPS_KINDS; k++) {
            struct caps_event r = {who, &periods[i], k, caps_amount(who->limits, &periods[i], k), now_ms, a};
            if (r.amount < 0 || caps_used(&used, k) < r.amount)
                continue;
            caps_report_refused(c, &r, caps_used(&used, k));
            *why = arena_printf(a, "The %s has reached its cap of engine %s for this %s.", periods[i].scope,
                                caps_kinds[k], periods[i].monthly ? "month" : "day");
            st = *why ? OK : err_nomem(e);
        }
    }
    return st;
}

/* ---- what the portal shows ---- */

/* The caps of one counter. `rows` is what was reported of it; a visitor's cap has no single counter, so there the rows
 * are all that is known. */
static enum status caps_add_reached(struct db *c, struct id tenant, const struct json *limits,
                                    const struct account_period *p, struct arena *a, struct engine_cap *out, size_t *n,
                                    struct err *e)
{
    struct account_usage used = {0};
    struct cap_row *rows;
    size_t count = 0;
    bool visitor = strcmp(p->scope, "visitor") == 0;
    if (!caps_any(limits, p))
        return OK;
    enum status st = caps_store_of_period(c, tenant, p, a, &rows, &count, e);
    if (st == OK && !visitor)
        st = account_store_usage_get(c, tenant, p, a, &used, e);
    for (size_t k = 0; st == OK && k < CAPS_KINDS; k++) {
        struct engine_cap cap = {.scope = p->scope,
                                 .cap = caps_kinds[k],
                                 .monthly = p->monthly,
                                 .amount = caps_amount(limits, p, k),
                                 .used = caps_used(&used, k),
                                 .until_ms = caps_period_end(p)};
        for (size_t i = 0; i < count; i++)
            if (str_eqz(rows[i].cap, caps_kinds[k]) && rows[i].amount == cap.amount) {
                cap.visitors = rows[i].visitors;
                cap.reached_ms = rows[i].reached_ms;
            }
        if (cap.amount >= 0 && (visitor ? cap.visitors > 0 : cap.used >= cap.amount))
            out[(*n)++] = cap;
    }
    return st;
}

enum status engine_caps_reached(struct db *c, struct id tenant, struct id bot, const struct json *limits,
                                int64_t now_ms, struct arena *a, struct engine_cap **out, size_t *n, struct err *e)
{
    const struct engine_account who = {.tenant = tenant, .bot = bot};
    struct account_period periods[CAPS_PERIODS];
    size_t count = caps_periods(&who, now_ms, periods);
    enum status st = OK;
    for (int monthly = 0; monthly < 2; monthly++)
        periods[count++] = (struct account_period){"visitor", bot, monthly, caps_period_start(monthly, now_ms)};
    *n = 0;
    if (!(*out = arena_array(a, (size_t)CAPS_PERIODS * CAPS_KINDS, sizeof(**out))))
        return err_nomem(e);
    for (size_t i = 0; st == OK && i < count; i++)
        st = caps_add_reached(c, tenant, limits, &periods[i], a, *out, n, e);
    return st;
}

enum status engine_caps_bots(struct db *c, struct id tenant, int64_t now_ms, struct arena *a,
                             struct engine_cap_bot **out, size_t *n, struct err *e)
{
    return caps_store_bots(c, tenant, caps_period_start(false, now_ms), caps_period_start(true, now_ms), a, out, n, e);
}

enum status engine_caps_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e)
{
    return caps_store_forget(c, before_ms, limit, n, e);
}
