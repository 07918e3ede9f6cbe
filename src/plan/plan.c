/* plan.c: the names of entitlements and of the roles of prices, and look-ups in plans that were read. Pure;
 * plan_store.c depends on it, not the reverse. */
#include "plan/plan.h"

#include "base/banned.h"

/* ---- prices ---- */

static const char *const role_names[] = {[PRICE_ROLE_NONE] = "", [PRICE_BASE] = "base", [PRICE_USAGE] = "usage"};

enum price_role price_role_parse(struct str word)
{
    return (enum price_role)str_among_or(word, role_names, COUNT_OF(role_names), PRICE_ROLE_NONE);
}

const char *price_role_name(enum price_role role)
{
    CHECK((size_t)role < COUNT_OF(role_names));
    return role_names[role];
}

/* ---- entitlements by name ---- */

static const struct {
    const char *name, *label;
    enum entitlement_kind kind;
} entitlement_rows[ENTITLEMENT_COUNT] = {
#define ENTITLEMENT(name, kind, label) {#name, label, kind},
#include "plan/entitlements.def"
#undef ENTITLEMENT
};

const char *entitlement_name(enum entitlement x)
{
    return entitlement_rows[x].name;
}

const char *entitlement_label(enum entitlement x)
{
    return entitlement_rows[x].label;
}

enum entitlement_kind entitlement_kind(enum entitlement x)
{
    return entitlement_rows[x].kind;
}

bool entitlement_parse(struct str name, enum entitlement *out)
{
    for (int i = 0; i < ENTITLEMENT_COUNT; i++)
        if (str_eqz(name, entitlement_rows[i].name)) {
            *out = (enum entitlement)i;
            return true;
        }
    return false;
}

/* ---- plans ---- */

/* There are a handful of plans and some dozen terms, so a scan beats an index. */
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
