/* plan.c: plans and entitlements as they were read. */
#include "plan/plan_store.h"

#include "base/banned.h"

/* ---- entitlements by name ---- */

static const struct {
    const char *name;
    enum entitlement_kind kind;
} rows[ENTITLEMENT_COUNT] = {
#define ENTITLEMENT(name, kind) {#name, kind},
#include "plan/entitlements.def"
#undef ENTITLEMENT
};

const char *entitlement_name(enum entitlement x)
{
    return rows[x].name;
}

enum entitlement_kind entitlement_kind(enum entitlement x)
{
    return rows[x].kind;
}

bool entitlement_parse(struct str name, enum entitlement *out)
{
    for (int i = 0; i < ENTITLEMENT_COUNT; i++)
        if (str_eqz(name, rows[i].name)) {
            *out = (enum entitlement)i;
            return true;
        }
    return false;
}

/* ---- plans ---- */

enum status plans_read(struct db *c, struct arena *a, struct plans *out, struct err *e)
{
    return plan_store_read(c, a, out, e);
}

const struct plan *plans_find(const struct plans *p, struct str plan)
{
    for (size_t i = 0; i < p->n; i++)
        if (str_eq(p->list[i].plan, plan))
            return &p->list[i];
    return NULL;
}

const struct plan_terms *plans_terms(const struct plans *p, struct id terms)
{
    for (size_t i = 0; i < p->terms_n; i++)
        if (id_eq(p->terms[i].id, terms))
            return &p->terms[i];
    return NULL;
}

const struct plan *plans_free(const struct plans *p)
{
    return &p->list[0];
}
