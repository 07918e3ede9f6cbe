/* console.h: what the operator's console reads across all tenants, and the actions that no other module offers.
 * Every action writes a row to operator_log in the same transaction. */
#ifndef PARLEY_BILLING_CONSOLE_CONSOLE_H
#define PARLEY_BILLING_CONSOLE_CONSOLE_H

#include "account/operator_log.h"
#include "billing/sync/event.h"
#include "plan/plan.h"
#include "queue/queue.h"

struct console_tenant {
    struct id id;
    struct str name, owner, plan;
    enum account_state state;
    int64_t created_ms;
}; /* owner: the e-mail address of the first owner, "" if none */
/* Newest first; `before` ID_NONE = from the newest. `search` "" = all; else a part of the name or of a member's
 * e-mail address, or a complete Stripe id (cus_..., sub_...). Deleted workspaces are left out. */
enum status console_tenants(struct db *c, struct arena *a, struct str search, struct id before, int limit,
                            struct console_tenant **out, size_t *n, struct err *e);

struct console_counts {
    int64_t tenants;
    int64_t paying;         /* live subscriptions of this mode */
    int64_t failing;        /* those of them with a missing payment */
    int64_t customers_lost; /* live subscriptions that belong to no tenant */
};
enum status console_counts(struct db *c, bool livemode, struct console_counts *out, struct err *e);

struct console_terms {
    struct id terms;
    int64_t n;
}; /* live subscriptions on these terms */
enum status console_terms(struct db *c, struct arena *a, bool livemode, struct console_terms **out, size_t *n,
                          struct err *e);
struct console_plan {
    struct str plan;
    int64_t n;
}; /* workspaces that have it assigned */
enum status console_plans(struct db *c, struct arena *a, struct console_plan **out, size_t *n, struct err *e);

/* The last finished run of each periodic billing job. */
enum status console_jobs(struct db *c, struct arena *a, struct job_last **out, size_t *n, struct err *e);

struct console_notice {
    struct str key; /* notice_key_parse reads it */
    int64_t about_ms, at_ms;
};
enum status console_notices(struct db *c, struct arena *a, struct id tenant, int limit, struct console_notice **out,
                            size_t *n, struct err *e);
struct console_customer {
    struct str id;
    bool livemode;
    int64_t created_ms, deleted_ms;
};
enum status console_customers(struct db *c, struct arena *a, struct id tenant, struct console_customer **out, size_t *n,
                              struct err *e);
struct console_meter {
    int64_t pending, sent, unknown, rejected;
}; /* conversations in rows of meter_outbox, by state */
enum status console_meter(struct db *c, struct id tenant, struct console_meter *out, struct err *e);

enum status console_replay(struct db *c, const struct actor *who, struct str event, struct err *e);
enum status console_alarm_close(struct db *c, const struct actor *who, struct id alarm, struct err *e);
/* Record that the operator refreshed an object of a tenant, or moved it. */
enum status console_note(struct db *c, const struct actor *who, enum operator_action action, struct id tenant,
                         struct str object, struct err *e);

#endif
