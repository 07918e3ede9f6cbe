/* plan.h: plans as rows that the operator edits: what each includes, and on what terms it is sold.
 *
 * Terms (price, currency, included conversations, overage) never change. An edit creates new terms for new
 * customers; a subscription keeps the terms of its Stripe price until it is moved. Every edit is logged in
 * operator_log in the same transaction. Plans are few, so they are always read all at once. */
#ifndef PARLEY_PLAN_PLAN_H
#define PARLEY_PLAN_PLAN_H

#include "account/account.h"
#include "db/db.h"

#define UNLIMITED INT64_MAX
enum entitlement {
#define ENTITLEMENT(name, kind, label) ENTITLEMENT_##name,
#include "plan/entitlements.def"
#undef ENTITLEMENT
    ENTITLEMENT_COUNT
};
/* An entitlement as the last column of a route table (web/route.h): the plan must give it. 0 is FEATURE_NONE there. */
enum feature {
#define ENTITLEMENT(name, kind, label) FEATURE_##name = ENTITLEMENT_##name + 1,
#include "plan/entitlements.def"
#undef ENTITLEMENT
    FEATURE_COUNT
};
/* The entitlement that a route with this feature needs. Not for FEATURE_NONE, which is 0. */
static inline enum entitlement feature_entitlement(int feature)
{
    return (enum entitlement)(feature - 1);
}
enum entitlement_kind { LIMIT, SWITCH, LEVEL };
/* The name, label and kind of an entitlement; and the entitlement of a name, false if there is none. */
const char *entitlement_name(enum entitlement x);
const char *entitlement_label(enum entitlement x);
enum entitlement_kind entitlement_kind(enum entitlement x);
bool entitlement_parse(struct str name, enum entitlement *out);

/* What a price at Stripe is for, as its metadata[role] and its row in stripe_price say. PRICE_ROLE_NONE: it was made by
 * hand. */
enum price_role { PRICE_ROLE_NONE, PRICE_BASE, PRICE_USAGE };
enum price_role price_role_parse(struct str word);
const char *price_role_name(enum price_role role); /* "base", "usage"; "" for PRICE_ROLE_NONE */

struct plan_terms {
    struct id id;
    struct str plan;       /* "starter" */
    int64_t price;         /* smallest unit of the currency, a month */
    char currency[4];      /* "USD" */
    int64_t conversations; /* included in a period, or UNLIMITED */
    int64_t overage;       /* 10^-12 of the smallest unit for each beyond; -1: stops there */
    int64_t created_ms;
};
struct plan {
    struct str plan, name; /* "starter", "STARTER" */
    int position;          /* higher is more */
    bool is_public;
    int revision;
    const struct plan_terms *terms;   /* what a new customer gets */
    int64_t value[ENTITLEMENT_COUNT]; /* UNLIMITED, or the number; conversations as in terms */
};
struct plans { /* by position; all memory in the arena that it was read into */
    struct plan *list;
    size_t n;
    struct plan_terms *terms; /* all of them, old ones too */
    size_t terms_n;
};
/* Reads all plans. ERR_INTERNAL no_plans, plan_without_terms: the database is not complete. */
enum status plans_read(struct db *c, struct arena *a, struct plans *out, struct err *e);
/* NULL if unknown. */
const struct plan *plans_find(const struct plans *p, struct str plan);
const struct plan_terms *plans_terms(const struct plans *p, struct id terms);
/* The lowest plan: what a tenant has without paying. */
const struct plan *plans_free(const struct plans *p);

/* ---- what the operator edits; the actor is named in the log ---- */

struct plan_edit {
    struct str plan, name;
    bool is_public;
    int revision;                 /* as read; ERR_CONFLICT plan_changed when another edit came first */
    int64_t price, conversations; /* different from the current terms: new terms are made */
    char currency[4];
    bool bills_overage; /* overage per conversation = price / included conversations, as exact as 12 decimals hold */
    int64_t value[ENTITLEMENT_COUNT];
};
/* Saves an edit. ERR_INVALID with the form field as pointer. Raises the shared generation "plans". */
enum status plan_save(struct db *c, const struct actor *who, const struct plan_edit *in, struct err *e);

struct override {
    struct id tenant;
    enum entitlement entitlement;
    int64_t value;
    struct str reason;  /* required */
    int64_t expires_ms; /* 0: never */
    int64_t created_ms;
};
/* When an override expires that holds through this day, UTC ("2027-06-30"); "" = never (0). False if it is not a
 * day. */
bool override_until(struct str day, int64_t *expires_ms);
/* Sets, ends and lists overrides of a tenant; each change raises the tenant's generation "plan". override_set:
 * ERR_INVALID value_invalid, reason_invalid, expires_invalid. override_end: ERR_NOT_FOUND override_unknown. */
enum status override_set(struct db *c, const struct actor *who, const struct override *o, struct err *e);
enum status override_end(struct db *c, const struct actor *who, struct id tenant, enum entitlement x, struct err *e);
enum status override_list(struct db *c, struct id tenant, struct arena *a, struct override **out, size_t *n,
                          struct err *e);
/* Assigns a plan to a tenant that does not pay through Stripe. Logged. ERR_INVALID plan_unknown. */
enum status plan_assign(struct db *c, const struct actor *who, struct id tenant, struct str plan, struct err *e);

#endif
