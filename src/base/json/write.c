/* write.c: JSON as text, compact or indented.
 *
 * What is written reads back equal: a double keeps a decimal point or an exponent, and has as many digits as it needs.
 * Members are written in their own order, so the same tree always gives the same bytes; versions of a flow are
 * compared and hashed as text. */
#include "base/json/json_internal.h"
#include "base/num.h"

#include "base/banned.h"

static void write_double(struct buf *b, double v)
{
    char text[32];
    num_double_text(v, text);
    buf_puts(b, text);
    if (!strpbrk(text, ".en")) /* or it would be read back as an integer */
        buf_puts(b, ".0");
}

static void write_newline(struct buf *b, int indent)
{
    if (indent < 0)
        return;
    buf_putc(b, '\n');
    for (int i = 0; i < indent; i++)
        buf_add(b, "  ", 2);
}

static void write_value(struct buf *b, const struct json *j, int indent);

/* Stops at the first failure of the buffer, or a tree larger than the buffer's maximum would be walked to its end for
 * nothing. */
static void write_array(struct buf *b, const struct json *j, int inner)
{
    size_t n = json_len(j);
    buf_putc(b, '[');
    for (size_t i = 0; i < n && buf_ok(b); i++) {
        if (i)
            buf_putc(b, ',');
        write_newline(b, inner);
        write_value(b, json_at(j, i), inner);
    }
    if (n)
        write_newline(b, inner - 1);
    buf_putc(b, ']');
}

static void write_object(struct buf *b, const struct json *j, int inner)
{
    struct json_iter it = {0};
    bool any = false;
    buf_putc(b, '{');
    while (json_each(j, &it) && buf_ok(b)) {
        if (any)
            buf_putc(b, ',');
        any = true;
        write_newline(b, inner);
        buf_json(b, it.key);
        buf_putc(b, ':');
        if (inner >= 0)
            buf_putc(b, ' ');
        write_value(b, it.value, inner);
    }
    if (any)
        write_newline(b, inner - 1);
    buf_putc(b, '}');
}

/* indent -1 means compact. */
static void write_value(struct buf *b, const struct json *j, int indent)
{
    int inner = indent < 0 ? -1 : indent + 1;
    switch (json_kind(j)) {
    case JSON_NULL:
        buf_add(b, "null", 4);
        break;
    case JSON_BOOL:
        buf_puts(b, json_bool(j) ? "true" : "false");
        break;
    case JSON_INT:
        buf_i64(b, json_int(j, 0));
        break;
    case JSON_DOUBLE:
        write_double(b, json_double(j, 0));
        break;
    case JSON_STRING:
        buf_json(b, json_str(j));
        break;
    case JSON_ARRAY:
        write_array(b, j, inner);
        break;
    case JSON_OBJECT:
        write_object(b, j, inner);
        break;
    }
}

void json_write(struct buf *b, const struct json *j)
{
    write_value(b, j, -1);
}

void json_write_pretty(struct buf *b, const struct json *j)
{
    write_value(b, j, 0);
    buf_putc(b, '\n');
}
