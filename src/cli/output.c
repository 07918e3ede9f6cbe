/* output.c: how a command prints: as JSON for scripts, as a table or as "key value" lines for people.
 *
 * Commands build JSON only, so both forms always show the same data. The text is built in memory and written at once;
 * a result that does not fit is reported and not cut, because a script would take half a list for all of it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/utf8.h"
#include "cli/cli.h"

#include "base/banned.h"

#define TABLE_COLUMNS 16
#define OUTPUT_MAX (256 * MB)

void cli_say(struct cli *cl, const char *fmt, ...)
{
    va_list ap;
    if (cl->json)
        return;
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}

void cli_id(struct cli *cl, enum id_kind kind, struct id id)
{
    char text[ID_TEXT_MAX];
    printf(cl->json ? "{\"id\":\"%s\"}\n" : "%s\n", id_text(kind, id, text));
}

/* A value as people read it: text as it is, nested values as JSON. Control characters become spaces: names come from
 * tenants and visitors, and an escape sequence in one of them could rewrite the operator's terminal. A line break would
 * break the table. */
static void output_cell(struct buf *b, const struct json *v)
{
    size_t from = b->n;
    if (json_is(v, JSON_STRING))
        buf_str_add(b, json_str(v));
    else if (v)
        json_write(b, v);
    for (size_t i = from; buf_ok(b) && i < b->n; i++)
        if ((unsigned char)b->p[i] < 0x20)
            b->p[i] = ' ';
}

/* Counted in characters, not bytes, or umlauts would shift the columns. */
static size_t output_cell_width(const struct json *v)
{
    struct buf b;
    buf_init(&b, OUTPUT_MAX);
    output_cell(&b, v);
    size_t n = buf_ok(&b) && utf8_valid(buf_str(&b)) ? utf8_length(buf_str(&b)) : b.n;
    buf_release(&b);
    return n;
}

static void output_pad(struct buf *b, size_t have, size_t want)
{
    for (; have < want; have++)
        buf_putc(b, ' ');
}

static void output_lines(struct buf *b, const struct json *obj)
{
    size_t width = 0;
    for (struct json_iter it = {0}; json_each(obj, &it);)
        width = it.key.n > width ? it.key.n : width;
    for (struct json_iter it = {0}; json_each(obj, &it);) {
        buf_str_add(b, it.key);
        output_pad(b, it.key.n, width + 2);
        output_cell(b, it.value);
        buf_putc(b, '\n');
    }
}

/* The keys of the first object are the heads, and every row is printed by them; commands give all rows the same keys.
 * There are two passes, because a column is as wide as its widest cell. The last column is not padded, so that a long
 * message does not leave trailing blanks that wrap on a narrow terminal. */
static void output_table(struct buf *b, const struct json *rows)
{
    struct str head[TABLE_COLUMNS];
    size_t width[TABLE_COLUMNS], n = 0;
    for (struct json_iter it = {0}; n < TABLE_COLUMNS && json_each(json_at(rows, 0), &it); n++) {
        head[n] = it.key;
        width[n] = it.key.n;
    }
    for (size_t r = 0; r < json_len(rows); r++)
        for (size_t i = 0; i < n; i++) {
            size_t w = output_cell_width(json_get_n(json_at(rows, r), head[i]));
            width[i] = w > width[i] ? w : width[i];
        }
    for (size_t i = 0; i < n; i++) {
        buf_str_add(b, head[i]);
        if (i + 1 < n)
            output_pad(b, head[i].n, width[i] + 2);
    }
    buf_putc(b, '\n');
    for (size_t r = 0; r < json_len(rows); r++) {
        for (size_t i = 0; i < n; i++) {
            const struct json *v = json_get_n(json_at(rows, r), head[i]);
            output_cell(b, v);
            if (i + 1 < n)
                output_pad(b, output_cell_width(v), width[i] + 2);
        }
        buf_putc(b, '\n');
    }
}

/* An empty list prints nothing for people and "[]" for scripts, which have to be able to parse every result. */
void cli_out(struct cli *cl, const struct json *j)
{
    struct buf b;
    buf_init(&b, OUTPUT_MAX);
    if (cl->json)
        json_write_pretty(&b, j);
    else if (json_is(j, JSON_OBJECT))
        output_lines(&b, j);
    else if (json_is(j, JSON_ARRAY) && json_is(json_at(j, 0), JSON_OBJECT))
        output_table(&b, j);
    else if (!json_is(j, JSON_ARRAY) || json_len(j)) {
        output_cell(&b, j);
        buf_putc(&b, '\n');
    }
    if (buf_ok(&b))
        fwrite(b.p, 1, b.n, stdout);
    else
        fputs("parley: the result is too large to print.\n", stderr);
    buf_release(&b);
}

/* Drawn only on a terminal, so that it is not in the log of a script, and at most ten times a second, because a fast
 * import would otherwise spend its time on drawing. The last call always draws, or the bar would end below 100 %. */
void cli_progress(const char *what, int64_t done, int64_t all)
{
    static int64_t last_us;
    int64_t now = clock_mono_us();
    int part = all > 0 ? (int)(done * 30 / all) : 30;
    if (!isatty(STDERR_FILENO) || (done < all && now - last_us < 100000))
        return;
    last_us = now;
    fprintf(stderr, "\r%s [%.*s%.*s] %3d %%", what, part, "##############################", 30 - part,
            "..............................", all > 0 ? (int)(done * 100 / all) : 100);
    if (done >= all)
        fputc('\n', stderr);
    fflush(stderr);
}
