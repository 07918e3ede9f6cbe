/* price.c: the operator's price list of engines. Each change is one transaction with its entry in the operators' log,
 * which holds the price before and after: costs that were recorded are explained by it later. Amounts are integers;
 * decimals exist only where people read or type them. */
#include "engine/workspace/price.h"

#include <string.h>

#include "account/operator_log.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "engine/type.h"
#include "engine/workspace/price_store.h"
#include "plan/money.h"
#include "plan/plan.h"

#include "base/banned.h"

#define PRICE_MODEL_MAX 127 /* bytes: as many of a model's name are compared (struct engine_try) */
#define PRICE_PICO_OF_UNIT (PICO / ENGINE_PRICE_UNIT)
#define PRICE_ARENA (64 * KB)

/* ---- amounts as text ---- */

bool engine_price_parse(struct str text, int64_t *out)
{
    struct decimal d;
    if (!decimal_parse(text, &d) || text.p[0] == '-' || d.pico % PRICE_PICO_OF_UNIT)
        return false;
    if (d.whole > ENGINE_PRICE_MAX / ENGINE_PRICE_UNIT ||
        (d.whole == ENGINE_PRICE_MAX / ENGINE_PRICE_UNIT && d.pico > 0))
        return false;
    *out = d.whole * ENGINE_PRICE_UNIT + d.pico / PRICE_PICO_OF_UNIT;
    return true;
}

void engine_price_print(struct buf *b, int64_t amount)
{
    long long rest = amount % ENGINE_PRICE_UNIT;
    int places = 9;
    for (; places > 2 && rest % 10 == 0; places--)
        rest /= 10;
    buf_printf(b, "%lld.%0*lld", (long long)(amount / ENGINE_PRICE_UNIT), places, rest);
}

enum status engine_price_currency(struct db *c, struct arena *a, char out[4], struct err *e)
{
    struct plans all;
    enum status st = plans_read(c, a, &all, e);
    memcpy(out, "USD", 4);
    for (size_t i = 0; st == OK && i < all.n; i++)
        if (all.list[i].terms->price > 0) {
            memcpy(out, all.list[i].terms->currency, 4);
            break;
        }
    return st;
}

/* ---- the list ---- */

enum status engine_price_list(struct db *c, struct arena *a, struct engine_price **out, size_t *n, struct err *e)
{
    return price_store_list(c, a, out, n, e);
}

struct price_change {
    const struct actor *who;
    const struct engine_price *price;
    struct arena a;
};

static int price_log_amounts(struct json *to, const struct engine_price *p)
{
    struct buf b;
    buf_init(&b, 64);
    engine_price_print(&b, p->input);
    int bad = !buf_ok(&b) || json_set_str(to, "input", buf_str(&b)) != 0;
    buf_clear(&b);
    engine_price_print(&b, p->output);
    bad = bad || !buf_ok(&b) || json_set_str(to, "output", buf_str(&b)) != 0;
    buf_release(&b);
    return bad ? -1 : 0;
}

/* A change has the price before and after, anything else the price alone. */
static int price_log_detail(struct json *detail, const struct engine_price *before, const struct engine_price *after)
{
    struct json *was, *is;
    if (!before || !after)
        return price_log_amounts(detail, before ? before : after);
    if (json_set_object(detail, "before", &was) != 0 || json_set_object(detail, "after", &is) != 0)
        return -1;
    return price_log_amounts(was, before) != 0 || price_log_amounts(is, after) != 0 ? -1 : 0;
}

/* The object of the entry is the row: "openai gpt-5*". */
static enum status price_log(struct db *c, struct price_change *tx, enum operator_action action,
                             const struct engine_price *before, const struct engine_price *after, struct err *e)
{
    struct json *detail = json_new_object(&tx->a);
    const char *object = arena_printf(&tx->a, "%.*s %.*s", STR_F(tx->price->type), STR_F(tx->price->model));
    if (!detail || !object || price_log_detail(detail, before, after) != 0)
        return err_nomem(e);
    return operator_log(c, tx->who, action, str_from(object), detail, e);
}

static enum status price_set_tx(struct db *c, void *ctx, struct err *e)
{
    struct price_change *tx = ctx;
    struct engine_price before;
    bool there;
    enum status st = price_store_lock(c, tx->price->type, tx->price->model, &tx->a, &before, &there, e);
    if (st == OK)
        st = price_store_set(c, tx->price, e);
    return st == OK ? price_log(c, tx, OPERATOR_engine_price_set, there ? &before : NULL, tx->price, e) : st;
}

static enum status price_remove_tx(struct db *c, void *ctx, struct err *e)
{
    struct price_change *tx = ctx;
    struct engine_price before;
    bool there;
    enum status st = price_store_lock(c, tx->price->type, tx->price->model, &tx->a, &before, &there, e);
    if (st == OK && !there)
        st = err_raise(e, E_price_unknown);
    if (st == OK)
        st = price_store_delete(c, tx->price->type, tx->price->model, e);
    return st == OK ? price_log(c, tx, OPERATOR_engine_price_removed, &before, NULL, e) : st;
}

/* An asterisk in the middle would look like a pattern and never match. */
static bool price_model_is_good(struct str model)
{
    return model.n && model.n <= PRICE_MODEL_MAX && utf8_text(model) && str_eq(str_trim(model), model) &&
           !memchr(model.p, '*', model.n - 1) && !str_has(model, STR("\n"));
}

static enum status price_check(const struct engine_price *p, struct err *e)
{
    if (!engine_type_find(p->type))
        return err_raise(e, E_engine_type_unknown);
    if (!price_model_is_good(p->model))
        return err_raise(e, E_price_model_invalid);
    if (p->input < 0 || p->input > ENGINE_PRICE_MAX || p->output < 0 || p->output > ENGINE_PRICE_MAX)
        return err_raise(e, E_price_invalid);
    return OK;
}

static enum status price_run(struct db *c, struct price_change *tx,
                             enum status (*fn)(struct db *c, void *ctx, struct err *e), struct err *e)
{
    arena_init(&tx->a, PRICE_ARENA);
    enum status st = db_transaction(c, fn, tx, e);
    arena_release(&tx->a);
    return st;
}

enum status engine_price_set(struct db *c, const struct actor *who, const struct engine_price *p, struct err *e)
{
    struct price_change tx = {.who = who, .price = p};
    enum status st = price_check(p, e);
    return st == OK ? price_run(c, &tx, price_set_tx, e) : st;
}

enum status engine_price_remove(struct db *c, const struct actor *who, struct str type, struct str model, struct err *e)
{
    const struct engine_price p = {.type = type, .model = model};
    struct price_change tx = {.who = who, .price = &p};
    return price_run(c, &tx, price_remove_tx, e);
}
