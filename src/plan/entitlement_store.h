/* entitlement_store.h: SQL of entitlement_load.c: the tenant's row, its members, its choice of overage. */
#ifndef PARLEY_PLAN_ENTITLEMENT_STORE_H
#define PARLEY_PLAN_ENTITLEMENT_STORE_H

#include "plan/entitlement.h"

/* Fills the fields that come from tenant and overage_choice; leaves the rest. ERR_NOT_FOUND workspace_unknown. */
enum status entitlement_store_tenant(struct db *c, struct id tenant, struct arena *a, struct entitlement_facts *out,
                                     struct err *e);
/* Locks the tenant's row until the transaction ends. ERR_NOT_FOUND workspace_unknown. */
enum status entitlement_store_lock(struct db *c, struct id tenant, struct err *e);
/* The number of members, and whether the user is one of them. */
enum status entitlement_store_members(struct db *c, struct id tenant, struct id user, int64_t *n, bool *known,
                                      struct err *e);
enum status overage_store_set(struct db *c, struct id tenant, bool bill, int64_t cap, struct err *e);

#endif
