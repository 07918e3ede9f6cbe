/* mirror_store.h: the rows of invoice_mirror, and the queries that find the tenant of an object. */
#ifndef PARLEY_BILLING_MIRROR_MIRROR_STORE_H
#define PARLEY_BILLING_MIRROR_MIRROR_STORE_H

#include "billing/mirror/mirror.h"
#include "plan/plan.h"

/* *terms is ID_NONE if Parley did not create this price. */
enum status mirror_store_price(struct db *c, struct arena *a, struct str price, struct id *terms, enum price_role *role,
                               struct err *e);
enum status mirror_store_terms_exist(struct db *c, struct arena *a, struct id terms, bool *out, struct err *e);
/* *tenant is ID_NONE if the customer is unknown. A customer that was deleted at Stripe still names its tenant. */
enum status mirror_store_customer(struct db *c, struct arena *a, struct str customer, struct id *tenant, struct err *e);
enum status mirror_store_tenant(struct db *c, struct arena *a, struct id tenant, bool *known, bool *deleted,
                                struct err *e);

/* When the oldest unpaid invoice was finalised; 0 if there is none. */
enum status mirror_store_open_since(struct db *c, struct arena *a, struct str subscription, int64_t *ms, struct err *e);

/* Assign the tenant to invoices that arrived before their subscription. */
enum status mirror_store_adopt(struct db *c, struct id tenant, struct str subscription, struct err *e);
enum status mirror_store_invoice_put(struct db *c, const struct invoice *v, struct err *e);
/* Lock the row until the transaction ends. ERR_NOT_FOUND. */
enum status mirror_store_invoice_lock(struct db *c, struct arena *a, struct str id, struct invoice *out, struct err *e);
enum status mirror_store_invoice_get(struct db *c, struct arena *a, struct id tenant, struct str id,
                                     struct invoice *out, struct err *e);
enum status mirror_store_invoices(struct db *c, struct arena *a, struct id tenant, int64_t before_ms, int limit,
                                  struct invoice **out, size_t *n, struct err *e);

#endif
