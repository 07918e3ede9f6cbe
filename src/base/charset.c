/* charset.c: texts in other character sets, as UTF-8, by the C library's iconv.
 *
 * The name of the set comes from outside, so it is looked up in a table and never handed to iconv, which takes names as
 * instructions ("//TRANSLIT") and loads a library for each. The labels are those of the WHATWG Encoding Standard that
 * servers really send; like there, ISO-8859-1 and ASCII are read as Windows-1252. */
#include "base/charset.h"

#include <errno.h>
#include <iconv.h>

#include "base/buf.h"
#include "base/utf8.h"

#include "base/banned.h"

#define CHARSET_REPLACEMENT STR("\xEF\xBF\xBD")

struct charset_row {
    const char *label, *iconv_name;
    int unit; /* bytes that are skipped where a character cannot be read */
};

static const struct charset_row charset_rows[] = {
    {"utf-16", "UTF-16LE", 2},       {"utf-16le", "UTF-16LE", 2},     {"utf-16be", "UTF-16BE", 2},
    {"us-ascii", "CP1252", 1},       {"ascii", "CP1252", 1},          {"iso-8859-1", "CP1252", 1},
    {"iso8859-1", "CP1252", 1},      {"latin1", "CP1252", 1},         {"windows-1252", "CP1252", 1},
    {"cp1252", "CP1252", 1},         {"iso-8859-2", "ISO-8859-2", 1}, {"iso-8859-5", "ISO-8859-5", 1},
    {"iso-8859-7", "ISO-8859-7", 1}, {"iso-8859-9", "CP1254", 1},     {"iso-8859-15", "ISO-8859-15", 1},
    {"windows-1250", "CP1250", 1},   {"windows-1251", "CP1251", 1},   {"windows-1253", "CP1253", 1},
    {"windows-1254", "CP1254", 1},   {"windows-1255", "CP1255", 1},   {"windows-1256", "CP1256", 1},
    {"windows-1257", "CP1257", 1},   {"windows-1258", "CP1258", 1},   {"windows-874", "CP874", 1},
    {"koi8-r", "KOI8-R", 1},         {"koi8-u", "KOI8-U", 1},         {"shift_jis", "CP932", 1},
    {"shift-jis", "CP932", 1},       {"windows-31j", "CP932", 1},     {"euc-jp", "EUC-JP", 1},
    {"euc-kr", "CP949", 1},          {"ks_c_5601-1987", "CP949", 1},  {"gb2312", "GB18030", 1},
    {"gbk", "GB18030", 1},           {"gb18030", "GB18030", 1},       {"big5", "BIG5-HKSCS", 1}};

static const struct charset_row *charset_find(struct str label)
{
    for (size_t i = 0; i < COUNT_OF(charset_rows); i++)
        if (str_ieq(label, str_from(charset_rows[i].label)))
            return &charset_rows[i];
    return NULL;
}

/* The parameter of a Content-Type, without its quotes. */
static struct str charset_label(struct str content_type)
{
    struct str rest = content_type, part;
    while (str_split(&rest, ';', &part)) {
        ptrdiff_t eq = str_find(part, '=');
        if (eq < 0 || !str_ieq(str_trim(str_sub(part, 0, (size_t)eq)), STR("charset")))
            continue;
        struct str value = str_trim(str_sub(part, (size_t)eq + 1, part.n));
        bool quoted = value.n > 1 && value.p[0] == '"' && value.p[value.n - 1] == '"';
        return quoted ? str_sub(value, 1, value.n - 2) : value;
    }
    return STR_EMPTY;
}

/* The first character of a JSON text or of markup is ASCII, so one byte of the first two tells UTF-16. */
static const char *charset_wide_label(struct str body)
{
    if (body.n < 2)
        return NULL;
    if (body.p[0] && !body.p[1])
        return "utf-16le";
    return !body.p[0] && body.p[1] ? "utf-16be" : NULL;
}

/* NULL: the text is UTF-8, or is read as if it were. */
static const struct charset_row *charset_of(struct str content_type, struct str body)
{
    if (str_starts(body, STR("\xFF\xFE")))
        return charset_find(STR("utf-16le"));
    if (str_starts(body, STR("\xFE\xFF")))
        return charset_find(STR("utf-16be"));
    const char *wide = charset_wide_label(body);
    struct str label = charset_label(content_type);
    const struct charset_row *row = charset_find(label);
    if (wide && (!row || str_ieq(label, STR("utf-16"))))
        return charset_find(str_from(wide));
    return row && row->unit == 1 && utf8_valid(body) ? NULL : row;
}

/* Writes what iconv holds back, which is the last letter where the next one might combine with it. */
static void charset_flush(iconv_t cd, struct buf *out)
{
    char chunk[64], *to = chunk;
    size_t room = sizeof(chunk);
    (void)iconv(cd, NULL, NULL, &to, &room);
    buf_add(out, chunk, sizeof(chunk) - room);
}

/* iconv stops at what it cannot read; that becomes U+FFFD. Half a character at the end does, too. */
static void charset_convert(iconv_t cd, int unit, struct str from, struct buf *out)
{
    char *in = (char *)(uintptr_t)from.p, chunk[1024];
    size_t left = from.n;
    while (left) {
        char *to = chunk;
        size_t room = sizeof(chunk);
        size_t rc = iconv(cd, &in, &left, &to, &room);
        int why = errno;
        buf_add(out, chunk, sizeof(chunk) - room);
        if (rc != (size_t)-1 || why == E2BIG)
            continue;
        size_t skip = why == EINVAL || left < (size_t)unit ? left : (size_t)unit;
        charset_flush(cd, out);
        buf_str_add(out, CHARSET_REPLACEMENT);
        in += skip;
        left -= skip;
    }
    charset_flush(cd, out);
}

enum status charset_to_utf8(struct arena *a, struct str content_type, struct str *body, struct err *e)
{
    const struct charset_row *row = charset_of(content_type, *body);
    iconv_t cd = row ? iconv_open("UTF-8", row->iconv_name) : (iconv_t)-1;
    struct buf b;
    bool ok = true;
    if (cd == (iconv_t)-1) /* also where the C library has no such set */
        return OK;
    buf_init(&b, 3 * body->n + 3);
    charset_convert(cd, row->unit, *body, &b);
    iconv_close(cd);
    struct str text = buf_ok(&b) ? arena_str(a, buf_str(&b), &ok) : STR_EMPTY;
    ok = ok && buf_ok(&b);
    buf_release(&b);
    if (!ok)
        return err_nomem(e);
    *body = text;
    return OK;
}
