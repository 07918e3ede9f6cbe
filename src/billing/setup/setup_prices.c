/* setup_prices.c: products and prices. The current terms of a plan are sold; prices of older terms stay active while
 * a subscription or an open checkout needs them. Stripe does not allow a price to change its amount, so a price that
 * differs is replaced and never edited. */
#include "base/clock.h"
#include "billing/setup/setup_internal.h"
#include "plan/money.h"
#include "stripe/held.h"

#include "base/banned.h"

/* What is sold of a plan, in the order in which it is made. */
static const enum price_role prices_sold[] = {PRICE_BASE, PRICE_USAGE};
_Static_assert(COUNT_OF(prices_sold) == 2, "prices_collect compares two");

/* ---- what a price must look like ---- */

/* Terms hold currencies in capital letters, as people write them. Stripe answers in small letters. */
static void prices_lower(const char currency[4], char out[4])
{
    for (int i = 0; i < 4; i++)
        out[i] = currency[i] >= 'A' && currency[i] <= 'Z' ? (char)(currency[i] + 32) : currency[i];
}

/* Terms with included conversations and overage have two tiers. Unlimited terms, and terms without overage, have one
 * free tier. */
static bool prices_has_overage(const struct plan_terms *t)
{
    return t->conversations != UNLIMITED && t->overage > 0;
}

/* Overage may be a fraction of a cent. unit_amount_decimal takes it as text with up to twelve decimals, so no binary
 * fraction is ever involved. */
static void prices_unit_text(const struct plan_terms *t, char *out, size_t size)
{
    struct buf b;
    buf_fixed(&b, out, size);
    decimal_print(&b, decimal_of_pico(t->overage));
}

/* unit_amount is null for a fraction of the smallest unit and unit_amount_decimal may be missing, so either may hold
 * the amount. A flat amount would be billed on top and makes the tier a different one. */
static bool prices_unit_is(const struct json *tier, const struct plan_terms *t)
{
    struct decimal want = decimal_of_pico(t ? t->overage : 0), has;
    if (!decimal_parse(json_get_str(tier, "unit_amount_decimal"), &has))
        has = decimal_of(json_int(json_get(tier, "unit_amount"), -1));
    return decimal_cmp(has, want) == 0 && json_int(json_get(tier, "flat_amount"), 0) == 0;
}

/* The last tier is unlimited and has a null `up_to`, so only the first one's limit is compared. With no included
 * conversations there is nothing to give free, so there is one tier. */
static bool prices_tiers_fit(const struct json *tiers, const struct plan_terms *t)
{
    size_t n = json_len(tiers), free_tiers = !prices_has_overage(t) || t->conversations > 0 ? 1 : 0;
    if (n != free_tiers + (prices_has_overage(t) ? 1 : 0))
        return false;
    if (free_tiers && !prices_unit_is(json_at(tiers, 0), NULL))
        return false;
    if (free_tiers && prices_has_overage(t) && json_int(json_get(json_at(tiers, 0), "up_to"), -1) != t->conversations)
        return false;
    return !prices_has_overage(t) || prices_unit_is(json_at(tiers, n - 1), t);
}

/* Stripe never changes an amount. A price with another amount was therefore not created by Parley, whatever its
 * metadata says. */
static bool prices_fits(const struct setup *s, const struct json *p, const struct plan_terms *t, enum price_role role)
{
    const struct json *r = json_get(p, "recurring");
    char currency[4];
    prices_lower(t->currency, currency);
    if (!str_eqz(json_get_str(p, "currency"), currency) || !str_eqz(json_get_str(r, "interval"), "month") ||
        json_int(json_get(r, "interval_count"), 1) != 1)
        return false;
    if (role == PRICE_BASE)
        return str_eqz(json_get_str(p, "billing_scheme"), "per_unit") &&
               str_eqz(json_get_str(r, "usage_type"), "licensed") &&
               json_int(json_get(p, "unit_amount"), -1) == t->price;
    return str_eqz(json_get_str(p, "tiers_mode"), "graduated") && str_eqz(json_get_str(r, "usage_type"), "metered") &&
           str_eq(stripe_id_of(json_get(r, "meter")), s->meter) && prices_tiers_fit(json_get(p, "tiers"), t);
}

/* The metadata decides which terms a price belongs to. The lookup key does not: transfer_lookup_key takes it away from
 * a price as soon as newer terms are sold. */
static bool prices_belongs_to(const struct json *p, struct id *terms, enum price_role *role)
{
    const struct json *m = json_get(p, "metadata");
    *role = price_role_parse(json_get_str(m, "role"));
    return *role != PRICE_ROLE_NONE && id_parse(ID_TERMS, json_get_str(m, "plan_terms"), terms);
}

/* ---- creating a price ---- */

static void prices_tier_params(struct stripe_form *f, const struct plan_terms *t)
{
    char unit[40];
    size_t i = 0;
    stripe_param_text(f, "billing_scheme", "tiered");
    stripe_param_text(f, "tiers_mode", "graduated");
    if (prices_has_overage(t) && t->conversations > 0) {
        stripe_param_int(f, "tiers[0][up_to]", t->conversations);
        stripe_param_int(f, "tiers[0][unit_amount]", 0);
        i = 1;
    }
    stripe_param_text(f, stripe_name(f, "tiers[%zu][up_to]", i), "inf");
    if (prices_has_overage(t)) {
        prices_unit_text(t, unit, sizeof(unit));
        stripe_param_text(f, stripe_name(f, "tiers[%zu][unit_amount_decimal]", i), unit);
    } else
        stripe_param_int(f, stripe_name(f, "tiers[%zu][unit_amount]", i), 0);
}

/* transfer_lookup_key moves the key from the older price within this call, so that at every moment one price has it. */
static void prices_params(struct stripe_form *f, struct setup *s, const struct plan *plan, enum price_role role,
                          const char *product)
{
    const struct plan_terms *t = plan->terms;
    char currency[4], id[ID_TEXT_MAX];
    prices_lower(t->currency, currency);
    stripe_param_text(f, "product", product);
    stripe_param_text(f, "currency", currency);
    stripe_param_text(f, "recurring[interval]", "month");
    if (role == PRICE_BASE)
        stripe_param_int(f, "unit_amount", t->price);
    else {
        stripe_param_text(f, "recurring[usage_type]", "metered");
        stripe_param_str(f, "recurring[meter]", s->meter);
        prices_tier_params(f, t);
    }
    /* This cannot be changed once it is set, so it stays unset while Parley adds no taxes. */
    if (config_bool(s->stripe->config, CONFIG_stripe_automatic_tax))
        stripe_param_text(f, "tax_behavior", "exclusive");
    stripe_param_text(f, "nickname",
                      setup_text(s, "%.*s %s", STR_F(plan->name), role == PRICE_BASE ? "month" : "conversations"));
    stripe_param_text(f, "lookup_key", setup_text(s, "parley_%.*s_%s", STR_F(plan->plan), price_role_name(role)));
    stripe_param_bool(f, "transfer_lookup_key", true);
    stripe_param_text(f, "metadata[plan_terms]", id_text(ID_TERMS, t->id, id));
    stripe_param_text(f, "metadata[role]", price_role_name(role));
    stripe_param_str(f, "metadata[plan]", plan->plan);
}

/* ---- an existing price ---- */

/* Changes made in the dashboard that must be reverted. A nickname may stay. */
static const char *prices_difference(const struct setup *s, const struct json *p, struct str lookup_key,
                                     struct stripe_form *f)
{
    const char *note = "";
    if (!json_bool(json_get(p, "active"))) {
        stripe_param_bool(f, "active", true);
        note = "it was switched off";
    }
    if (lookup_key.n && !str_eq(json_get_str(p, "lookup_key"), lookup_key)) {
        stripe_param_str(f, "lookup_key", lookup_key);
        stripe_param_bool(f, "transfer_lookup_key", true);
        note = "its lookup key differed";
    }
    if (config_bool(s->stripe->config, CONFIG_stripe_automatic_tax) &&
        str_eqz(json_get_str(p, "tax_behavior"), "unspecified")) {
        stripe_param_text(f, "tax_behavior", "exclusive");
        note = "its tax behaviour was not set";
    }
    return note;
}

static enum status prices_update_one(struct setup *s, struct str name, const struct json *p, struct str lookup_key,
                                     struct err *e)
{
    struct str id = json_get_str(p, "id");
    struct json *changed;
    struct stripe_form f;
    enum status st = OK;
    stripe_form_init(&f);
    const char *note = prices_difference(s, p, lookup_key, &f);
    if (note[0])
        st = setup_post(s, stripe_path(s->a, "/v1/prices/%", id.p, (char *)NULL), &f, &changed, e);
    stripe_form_release(&f);
    if (st != OK)
        return st;
    return setup_say(s, "price", name, id, note[0] ? SETUP_CHANGED : SETUP_FOUND, note, e);
}

/* ---- rows ---- */

struct price_row {
    bool livemode;
    struct id terms;
    struct setup_price price;
    bool offered;
};

/* A transaction, because taking the former price off sale and offering this one belong together: a checkout that began
 * in between would find no price. */
static enum status prices_write(struct db *c, void *ctx, struct err *e)
{
    const struct price_row *x = ctx;
    return x->offered ? setup_store_price_put(c, x->livemode, x->terms, x->price, e)
                      : setup_store_price_keep(c, x->livemode, x->terms, x->price, e);
}

static enum status prices_remember(struct setup *s, struct id terms, struct str id, enum price_role role, bool offered,
                                   struct err *e)
{
    struct price_row x = {
        .livemode = s->stripe->livemode, .terms = terms, .price = {.id = id, .role = role}, .offered = offered};
    return held_transaction(s->p, prices_write, &x, e);
}

static enum status prices_in_use(struct setup *s, struct id terms, bool *used, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(s->p, &c, e);
    if (st == OK)
        st = setup_store_terms_used(c, s->stripe->livemode, terms, clock_now_ms(), used, e);
    db_put(c);
    return st;
}

/* ---- the prices of one plan ---- */

static struct json *prices_find_one(const struct setup *s, const struct json *all, const struct plan_terms *t,
                                    enum price_role role)
{
    struct json *best = NULL;
    for (size_t i = 0; i < json_len(all); i++) {
        struct json *p = json_at(all, i);
        struct id terms;
        enum price_role its_role;
        if (!prices_belongs_to(p, &terms, &its_role) || !id_eq(terms, t->id) || its_role != role ||
            !prices_fits(s, p, t, role))
            continue;
        if (!best || json_get_str(p, "lookup_key").n) /* if two exist, the one that is sold */
            best = p;
    }
    return best;
}

/* The row is stored before the price is repaired. If the repair fails, subscriptions to the price are still
 * recognised. */
static enum status prices_ensure_one(struct setup *s, const struct plan *plan, const struct json *all,
                                     enum price_role role, const char *product, struct str *id, struct err *e)
{
    const char *name = setup_text(s, "%.*s %s", STR_F(plan->plan), price_role_name(role));
    const char *key = setup_text(s, "parley_%.*s_%s", STR_F(plan->plan), price_role_name(role));
    struct json *p = prices_find_one(s, all, plan->terms, role);
    struct stripe_form f;
    enum status st;
    if (s->nomem)
        return err_nomem(e);
    if (p) {
        *id = json_get_str(p, "id");
        st = prices_remember(s, plan->terms->id, *id, role, true, e);
        return st == OK ? prices_update_one(s, str_from(name), p, str_from(key), e) : st;
    }
    stripe_form_init(&f);
    prices_params(&f, s, plan, role, product);
    st = setup_post(s, "/v1/prices", &f, &p, e);
    stripe_form_release(&f);
    if (st != OK)
        return st;
    *id = json_get_str(p, "id");
    if ((st = prices_remember(s, plan->terms->id, *id, role, true, e)) != OK)
        return st;
    return setup_say(s, "price", str_from(name), *id, SETUP_MADE, "", e);
}

/* A price of terms that are no longer sold stays active, or becomes active again, as long as it is needed: Stripe
 * refuses an inactive price in a new subscription and in a new phase of a schedule. Its row is stored first and in
 * every case, so that a subscription to it leads to its terms even when its metadata was edited. */
static enum status prices_collect_one(struct setup *s, const struct plan *plan, const struct json *p, struct id terms,
                                      enum price_role role, struct err *e)
{
    bool used = false;
    struct str id = json_get_str(p, "id");
    const char *name = setup_text(s, "%.*s %s (older terms)", STR_F(plan->plan), price_role_name(role));
    bool active = json_bool(json_get(p, "active"));
    struct json *changed;
    struct stripe_form f;
    enum status st = prices_remember(s, terms, id, role, false, e);
    if (s->nomem)
        return err_nomem(e);
    if (st == OK)
        st = prices_in_use(s, terms, &used, e);
    if (st != OK)
        return st;
    if (used)
        return prices_update_one(s, str_from(name), p, STR_EMPTY, e);
    if (!active)
        return OK;
    stripe_form_init(&f);
    stripe_param_bool(&f, "active", false);
    st = setup_post(s, stripe_path(s->a, "/v1/prices/%", id.p, (char *)NULL), &f, &changed, e);
    stripe_form_release(&f);
    return st == OK ? setup_say(s, "price", str_from(name), id, SETUP_RETIRED, "", e) : st;
}

/* Prices that other people created for the product, and prices of terms that this database does not know, are left
 * alone. */
static enum status prices_collect(struct setup *s, const struct plan *plan, const struct json *all,
                                  const struct str *sold, struct err *e)
{
    enum status st = OK;
    for (size_t i = 0; st == OK && i < json_len(all); i++) {
        const struct json *p = json_at(all, i);
        struct str id = json_get_str(p, "id");
        struct id terms;
        enum price_role role;
        if (prices_belongs_to(p, &terms, &role) && plans_terms(&s->plans, terms) && !str_eq(id, sold[0]) &&
            !str_eq(id, sold[1]))
            st = prices_collect_one(s, plan, p, terms, role, e);
    }
    return st;
}

/* The list includes inactive prices: one that was switched off in the dashboard is repaired and not created a second
 * time. Stripe leaves tiers out of a price unless they are expanded. */
static enum status setup_plan_prices(struct setup *s, const struct plan *plan, const char *product, struct err *e)
{
    struct str sold[COUNT_OF(prices_sold)] = {STR_EMPTY, STR_EMPTY};
    struct stripe_form f;
    struct json *all;
    stripe_form_init(&f);
    stripe_param_text(&f, "product", product);
    stripe_param_text(&f, "expand[0]", "data.tiers");
    enum status st = stripe_form_ok(&f) ? setup_list(s, "/v1/prices", &f, &all, e) : err_nomem(e);
    stripe_form_release(&f);
    for (size_t i = 0; st == OK && i < COUNT_OF(prices_sold); i++)
        st = prices_ensure_one(s, plan, all, prices_sold[i], product, &sold[i], e);
    return st == OK ? prices_collect(s, plan, all, sold, e) : st;
}

/* ---- products ---- */

/* Parley chooses the product's id. Therefore the product is found without a search, and two of them cannot exist. The
 * name is set once: it is printed on invoices, and the seller may have changed it. */
static enum status prices_product_ensure(struct setup *s, const struct plan *plan, const char *id, struct err *e)
{
    enum setup_how how = SETUP_FOUND;
    struct json *p;
    struct stripe_form f;
    const char *path = stripe_path(s->a, "/v1/products/%", id, (char *)NULL);
    enum status st = setup_fetch(s, path, NULL, &p, e);
    if (st != OK)
        return st;
    stripe_form_init(&f);
    if (!p) {
        stripe_param_text(&f, "id", id);
        stripe_param_text(
            &f, "name",
            setup_text(s, "%s %.*s", config_string(s->stripe->config, CONFIG_brand_name), STR_F(plan->name)));
        stripe_param_str(&f, "metadata[plan]", plan->plan);
        st = setup_post(s, "/v1/products", &f, &p, e);
        how = SETUP_MADE;
    } else if (!json_bool(json_get(p, "active"))) {
        stripe_param_bool(&f, "active", true);
        st = setup_post(s, path, &f, &p, e);
        how = SETUP_CHANGED;
    }
    stripe_form_release(&f);
    if (st != OK)
        return st;
    return setup_say(s, "product", plan->plan, str_from(id), how, how == SETUP_CHANGED ? "it was switched off" : "", e);
}

/* Plans that are hidden but cost something are included, because tenants may still be subscribed to them. */
enum status setup_products(struct setup *s, struct err *e)
{
    enum status st = OK;
    for (size_t i = 0; st == OK && i < s->plans.n; i++) {
        const struct plan *plan = &s->plans.list[i];
        const char *id = setup_text(s, "parley_%.*s", STR_F(plan->plan));
        const char *name = setup_text(s, "product:%.*s", STR_F(plan->plan));
        if (!setup_is_sold(plan))
            continue;
        if (s->nomem)
            return err_nomem(e);
        st = prices_product_ensure(s, plan, id, e);
        if (st == OK)
            st = setup_remember(s, name, str_from(id), e);
        if (st == OK)
            st = setup_plan_prices(s, plan, id, e);
    }
    return st;
}
