/* cmd_engine_price.c: engine price list, set and remove. The price list belongs to the install: an operator keeps in it
 * what the providers charge, so that the caps of bots can be amounts of money. */
#include "cli/cli.h"
#include "engine/workspace/price.h"

#include "base/banned.h"

static int price_set_amount(struct json *o, const char *key, int64_t amount)
{
    struct buf b;
    buf_init(&b, 64);
    engine_price_print(&b, amount);
    int bad = buf_ok(&b) ? json_set_str(o, key, buf_str(&b)) : -1;
    buf_release(&b);
    return bad;
}

enum status cmd_engine_price_list(struct cli *cl, struct err *e)
{
    struct db *c;
    struct engine_price *all;
    size_t n;
    char currency[4];
    enum status st = cli_options(cl, NULL, 0, 0, 0, e);
    if (st != OK || (st = cli_db(cl, &c, e)) != OK || (st = engine_price_list(c, &cl->arena, &all, &n, e)) != OK ||
        (st = engine_price_currency(c, &cl->arena, currency, e)) != OK)
        return st;
    struct json *out = json_new_array(&cl->arena), *o;
    for (size_t i = 0; out && i < n; i++)
        if (json_push_object(out, &o) != 0 || json_set_str(o, "type", all[i].type) != 0 ||
            json_set_str(o, "model", all[i].model) != 0 || price_set_amount(o, "input", all[i].input) != 0 ||
            price_set_amount(o, "output", all[i].output) != 0 || json_set_str(o, "currency", str_from(currency)) != 0 ||
            json_set_time(o, "updated_at", all[i].updated_ms) != 0)
            out = NULL;
    if (!out)
        return err_nomem(e);
    cli_out(cl, out);
    return OK;
}

static enum status price_read_amount(const char *text, int64_t *out, struct err *e)
{
    if (engine_price_parse(str_from(text), out))
        return OK;
    return cli_usage(e,
                     "\"%.40s\" is not a price. Give an amount for a million tokens from 0 to %lld, such as 2.50, with "
                     "at most nine decimals.",
                     text, (long long)(ENGINE_PRICE_MAX / ENGINE_PRICE_UNIT));
}

enum status cmd_engine_price_set(struct cli *cl, struct err *e)
{
    struct db *c;
    struct actor who = cli_actor(ID_NONE);
    enum status st = cli_options(cl, NULL, 0, 4, 4, e);
    if (st != OK)
        return st;
    struct engine_price p = {.type = str_from(cl->argv[0]), .model = str_from(cl->argv[1])};
    if ((st = price_read_amount(cl->argv[2], &p.input, e)) != OK ||
        (st = price_read_amount(cl->argv[3], &p.output, e)) != OK || (st = cli_db(cl, &c, e)) != OK)
        return st;
    st = engine_price_set(c, &who, &p, e);
    if (st == OK)
        cli_say(cl, "Calls to %.*s of the type %.*s cost this from now on.", STR_F(p.model), STR_F(p.type));
    return st;
}

enum status cmd_engine_price_remove(struct cli *cl, struct err *e)
{
    struct db *c;
    struct actor who = cli_actor(ID_NONE);
    enum status st = cli_options(cl, NULL, 0, 2, 2, e);
    if (st != OK || (st = cli_db(cl, &c, e)) != OK)
        return st;
    return engine_price_remove(c, &who, str_from(cl->argv[0]), str_from(cl->argv[1]), e);
}
