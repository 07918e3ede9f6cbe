/* print.c: the settings for readers: `parley config`, parley.conf(5) and the example file.
 *
 * All three come from the table in config.def, so they cannot disagree with the parser. Secrets are never printed. */
#include "base/clock.h"
#include "base/config/config_internal.h"

#include "base/banned.h"

/* The source of a value is printed beside it: when several files and the environment set the same key, the question is
 * always which one won. A secret shows whether it is set, because that is what one looks for. */
void config_print(const struct config *c, struct buf *out)
{
    for (size_t i = 0; i < CONFIG_COUNT; i++) {
        const struct config_row *r = config_row((enum config_key)i);
        const struct config_value *v = &c->values[i];
        const char *text = !r->secret ? v->text : v->text[0] ? "(set)" : "(not set)";
        buf_printf(out, "%s = %s%*s# %s\n", r->name, text,
                   (int)(strlen(r->name) + strlen(text) < 52 ? 53 - strlen(r->name) - strlen(text) : 2), "", v->from);
    }
}

static const char *type_text(enum config_key k)
{
    switch (config_type_of(k)) {
    case STRING:
        return "text";
    case PATH:
        return "absolute path";
    case BOOL:
        return "on or off";
    case INT:
        return "whole number";
    case BYTES:
        return "bytes, such as 512, 64K, 8M or 1G";
    case MS:
        return "duration, such as 500ms, 5s, 2m, 1h or 1d";
    case URL:
        return "http or https address";
    case MAILURL:
        return "smtp or smtps address, or empty";
    case LIST:
        return "words separated by spaces";
    case HOSTPORTS:
        return "host:port words separated by spaces";
    case ENUM:
        return "one of the words above";
    }
    return "";
}

/* A bound in its largest unit that needs no fraction: 86400000 is "1d". Zero is divisible by every unit and is written
 * in the smallest one. */
static void put_bound(struct buf *out, enum config_type type, int64_t v)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"d", DAY_MS}, {"h", HOUR_MS}, {"m", MINUTE_MS}, {"s", 1000}, {"ms", 1}};
    if (type != MS) {
        buf_i64(out, v);
        return;
    }
    size_t i = 0;
    while (v == 0 ? units[i].ms != 1 : v % units[i].ms != 0)
        i++;
    buf_i64(out, v / units[i].ms);
    buf_puts(out, units[i].name);
}

static void put_bounds(struct buf *out, enum config_key k)
{
    const struct config_row *r = config_row(k);
    enum config_type type = config_type_of(k);
    if (type != INT && type != BYTES && type != MS)
        return;
    buf_puts(out, ", from ");
    put_bound(out, type, r->min);
    buf_puts(out, " to ");
    put_bound(out, type, r->max);
}

/* A line of roff: a leading dot or quote is not a request, a backslash is literal, and hyphens can be copied as such.
 * Without the last, a default that is copied from the manual into a file would contain a typographic hyphen. */
static void put_roff(struct buf *out, const char *z)
{
    if (*z == '.' || *z == '\'')
        buf_puts(out, "\\&");
    for (; *z; z++)
        if (*z == '\\')
            buf_puts(out, "\\e");
        else if (*z == '-')
            buf_puts(out, "\\-");
        else
            buf_putc(out, *z);
}

void config_print_manual(struct buf *out)
{
    buf_puts(out, ".SH OPTIONS\n");
    for (size_t i = 0; i < CONFIG_COUNT; i++) {
        const struct config_row *r = config_row((enum config_key)i);
        buf_printf(out, ".TP\n.B %s\n", r->name);
        put_roff(out, r->help);
        buf_printf(out, "\nType: %s", type_text((enum config_key)i));
        put_bounds(out, (enum config_key)i);
        buf_puts(out, ". Default: ");
        put_roff(out, r->default_text[0] ? r->default_text : "empty");
        buf_printf(out, ".%s A change needs a %s.\n", r->secret ? " Secret: never printed." : "",
                   r->reload ? "reload" : "restart");
    }
}

void config_print_example(struct buf *out)
{
    buf_puts(out, "# Settings of Parley: see parley.conf(5). Each line shows a default; remove the # to change it.\n"
                  "# Secrets belong in a separate file that only the user of Parley can read:\n"
                  "# include secrets.conf\n");
    for (size_t i = 0; i < CONFIG_COUNT; i++) {
        const struct config_row *r = config_row((enum config_key)i);
        buf_printf(out, "\n# %s\n#%s =%s%s\n", r->help, r->name, r->default_text[0] ? " " : "", r->default_text);
    }
}
