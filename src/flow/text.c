/* text.c: folding texts for comparison, and templates with {{variables}}. Escaping depends on where a template is used
 * (part_mode) and is done when a variable is put in, so one variable is safe in an address, in JSON and in a message.
 * What a visitor typed is never read as a template again: "{{secret}}" in a message stays these ten characters. */
#include "base/num.h"
#include "base/utf8.h"
#include "flow/text_internal.h"
#include "flow/value_internal.h"

#include "base/banned.h"

/* Node names may also begin with a digit and hold hyphens; names of variables may not: {{a-b}} would read as a
 * subtraction. */
static bool name_char_ok(char c, bool first, bool dash)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_')
        return true;
    return text_is_digit(c) ? !first || dash : c == '-' && dash && !first;
}

bool name_ok(struct str s, bool dash)
{
    for (size_t i = 0; i < s.n; i++)
        if (!name_char_ok(s.p[i], i == 0, dash))
            return false;
    return s.n > 0 && s.n <= MAX_FLOW_NAME;
}

static bool text_is_space(uint32_t cp)
{
    return cp == ' ' || (cp >= '\t' && cp <= '\r') || cp == 0xA0 || cp == 0x3000 || (cp >= 0x2000 && cp <= 0x200B);
}

/* Characters that carry no meaning at the ends of an answer: "Yes!", "¿hours?" */
static bool text_is_edge(uint32_t cp)
{
    return (cp < 0x80 && !utf8_is_letter(cp)) || cp == 0xA1 || cp == 0xBF || cp == 0x3002 || cp == 0xAB || cp == 0xBB ||
           (cp >= 0x2010 && cp <= 0x201F) || cp == 0x2026;
}

struct folded {
    char *p;
    size_t n, first, last;
};

/* Folds and remembers the range from the first to the last character that is not an edge. If there are only edges
 * ("?!"), they are the text, so that an answer is never folded to nothing. One pass, because every message and every
 * text that it is compared with goes through here. */
static void text_fold_into(struct str s, struct folded *f)
{
    bool space = false, any = false;
    while (s.n) {
        uint32_t cp = utf8_plain(utf8_lower(utf8_next(&s)));
        if (cp >= 0x300 && cp <= 0x36F)
            continue; /* a separate accent: é written as e and a mark */
        if (text_is_space(cp)) {
            space = f->n > 0;
            continue;
        }
        if (space)
            f->p[f->n++] = ' ';
        space = false;
        if (!text_is_edge(cp) && !any) {
            any = true;
            f->first = f->n;
        }
        f->n += utf8_encode(cp, f->p + f->n);
        if (!text_is_edge(cp))
            f->last = f->n;
    }
    if (!any) {
        f->first = 0;
        f->last = f->n;
    }
}

struct str text_fold(struct arena *a, struct str s, bool *ok)
{
    if (s.n == 0)
        return STR_EMPTY;
    /* folding makes no character longer than 4 bytes, a bad byte becomes 3 */
    struct folded f = {.p = arena_array(a, s.n + 1, 4)};
    if (!f.p) {
        *ok = false;
        return STR_EMPTY;
    }
    text_fold_into(s, &f);
    return str_n(f.p + f.first, f.last - f.first);
}

static ptrdiff_t text_find_pair(struct str s, const char *two)
{
    for (size_t i = 0; i + 1 < s.n; i++)
        if (s.p[i] == two[0] && s.p[i + 1] == two[1])
            return (ptrdiff_t)i;
    return -1;
}

/* A name is not searched for nesting: what is between "{{" and the next "}}" is a name or wrong. `bad` is for the
 * reader to report; a flow that has been read holds no bad template, so rendering does not check again. */
bool tpl_next(struct tpl_scan *s)
{
    s->has_name = s->is_secret = s->bad = false;
    if (s->rest.n == 0)
        return false;
    ptrdiff_t open = text_find_pair(s->rest, "{{");
    if (open < 0) {
        s->lit = s->rest;
        s->rest = STR_EMPTY;
        return true;
    }
    s->lit = str_sub(s->rest, 0, (size_t)open);
    struct str inner = str_sub(s->rest, (size_t)open + 2, s->rest.n);
    ptrdiff_t close = text_find_pair(inner, "}}");
    s->name = close < 0 ? STR_EMPTY : str_trim(str_sub(inner, 0, (size_t)close));
    s->has_name = true;
    s->is_secret = str_starts(s->name, STR("secret."));
    if (s->is_secret)
        s->name = str_sub(s->name, 7, s->name.n);
    s->bad = close < 0 || !name_ok(s->name, false);
    s->rest = close < 0 ? STR_EMPTY : str_sub(inner, (size_t)close + 2, inner.n);
    return true;
}

/* The inside of a JSON string: what buf_json writes, without its quotes. */
static void tpl_add_json_inside(struct buf *out, struct str s)
{
    size_t from = out->n;
    buf_json(out, s);
    if (!buf_ok(out) || out->n < from + 2)
        return;
    memmove(out->p + from, out->p + from + 1, out->n - from - 2);
    out->n -= 2;
    out->p[out->n] = 0;
}

/* XML 1.0 2.2 has no way to write other control characters, U+FFFE and U+FFFF: they are left out. A carriage return is
 * escaped, because a reader would turn it into a line feed. The result is safe in both kinds of quotes. */
static void tpl_add_xml(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool last_two = c == 0xEF && i + 2 < s.n && (unsigned char)s.p[i + 1] == 0xBF &&
                        (unsigned char)s.p[i + 2] >= 0xBE;
        if (last_two)
            i += 2;
        else if (c == '\r')
            buf_puts(out, "&#13;");
        else if (c >= 0x20 || c == '\t' || c == '\n')
            buf_html(out, str_n(s.p + i, 1));
    }
}

/* Nothing is an escape in a CDATA section, so it is closed for the characters that could close it. */
static void tpl_add_cdata(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '>' || c == ']' || c == '\r')
            buf_printf(out, "]]>&#%d;<![CDATA[", c);
        else if (c >= 0x20 || c == '\t' || c == '\n')
            buf_putc(out, (char)c);
    }
}

static bool text_is_json_number(struct str s)
{
    double d;
    struct str digits = str_starts(s, STR("-")) ? str_sub(s, 1, s.n) : s;
    bool zeros = digits.n > 1 && digits.p[0] == '0' && text_is_digit(digits.p[1]);
    return digits.n && text_is_digit(digits.p[0]) && !zeros && num_double(s, &d);
}

/* A text outside of a JSON string becomes one, or a visitor could write further values there. Texts that are a number,
 * a truth value or null stay what they are, since an answer that was asked for as a text is often meant as one. */
static void tpl_add_json_bare(struct buf *out, const struct value *v)
{
    struct str s = v->text;
    if (v->kind == KIND_TEXT &&
        (text_is_json_number(s) || str_eqz(s, "true") || str_eqz(s, "false") || str_eqz(s, "null")))
        buf_str_add(out, s);
    else
        value_write_json(out, v);
}

/* A date is written out only in texts for people; addresses, headers and JSON get it as YYYY-MM-DD. PART_JSON writes
 * null for an empty variable, where a text would write nothing and break the JSON. */
static void tpl_add_part(struct buf *out, const struct tpl_part *part, const struct tpl_values *v)
{
    char tmp[VALUE_TEXT];
    CHECK(part->var != VAR_SECRET);
    struct value pseudo = {.kind = KIND_TEXT, .text = part->var == VAR_INPUT ? v->input : v->language};
    const struct value *value = part->var >= 0 ? &v->vars[part->var] : &pseudo;
    if (part->mode == PART_JSON) {
        value_write_json(out, value);
        return;
    }
    struct str text = value_text(value, tmp);
    switch (part->mode) {
    case PART_SHOWN:
        if (value->kind == KIND_DATE)
            day_show(out, text, v->language);
        else
            buf_str_add(out, text);
        break;
    case PART_URL:
        buf_url(out, text);
        break;
    case PART_JSON_TEXT:
        tpl_add_json_inside(out, text);
        break;
    case PART_JSON_BARE:
        tpl_add_json_bare(out, value);
        break;
    case PART_XML:
        tpl_add_xml(out, text);
        break;
    case PART_CDATA:
        tpl_add_cdata(out, text);
        break;
    default:
        buf_str_add(out, text);
    }
}

/* Errors are not checked between parts: a buffer that is full or without memory stays so, and the caller looks once at
 * the end. */
void tpl_render(struct buf *out, const struct tpl *t, const struct tpl_values *v)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->parts[i].var == VAR_NONE)
            buf_str_add(out, t->parts[i].lit);
        else
            tpl_add_part(out, &t->parts[i], v);
}
