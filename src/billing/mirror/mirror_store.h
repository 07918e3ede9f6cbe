/* mirror_store.h: the rows of invoice_mirror, and what tells whose a subscription or an invoice is. */
#ifndef PARLEY_BILLING_MIRROR_MIRROR_STORE_H
#define PARLEY_BILLING_MIRROR_MIRROR_STORE_H

#include "billing/mirror/mirror.h"

/* *terms ID_NONE: nobody here made this price. */
enum status mirror_store_price(struct db *c, struct arena *a, struct str price, struct id *terms, bool *is_base,
                               struct err *e);
enum status mirror_store_terms_exist(struct db *c, struct arena *a, struct id terms, bool *out, struct err *e);
/* *tenant ID_NONE: unknown. A customer that was deleted at Stripe still says whose it was. */
enum status mirror_store_customer(struct db *c, struct arena *a, struct str customer, struct id *tenant, struct err *e);
enum status mirror_store_tenant(struct db *c, struct arena *a, struct id tenant, bool *known, bool *deleted,
                                struct err *e);

/* When the oldest invoice that is still to be paid became final; 0: none is known. */
enum status mirror_store_open_since(struct db *c, struct arena *a, struct str subscription, int64_t *ms, struct err *e);

/* Invoices that came before their subscription become its workspace's. */
enum status mirror_store_adopt(struct db *c, struct id tenant, struct str subscription, struct err *e);
enum status mirror_store_invoice_put(struct db *c, const struct invoice *v, struct err *e);
enum status mirror_store_invoice_get(struct db *c, struct arena *a, struct id tenant, struct str id,
                                     struct invoice *out, struct err *e);
enum status mirror_store_invoices(struct db *c, struct arena *a, struct id tenant, int64_t before_ms, int limit,
                                  struct invoice **out, size_t *n, struct err *e);

#endif
