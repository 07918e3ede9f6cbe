/* csv.c: a CSV file in memory, row by row, as spreadsheets and people really write it. Fields are borrowed from the
 * file where they need no change. After a row that cannot be read, reading continues at the line after the one where it
 * began: a forgotten quotation mark costs its row, not the rest of the file. */
#include "knowledge/csv.h"

#include "base/utf8.h"

#include "base/banned.h"

enum bad { GOOD, QUOTE_UNCLOSED, QUOTE_MISPLACED, FIELD_TOO_LONG, TOO_MANY_FIELDS, NUL_BYTE, ENCODING, NO_MEMORY };
static const struct {
    const char *code, *words;
} bad_words[] = {
    [QUOTE_UNCLOSED] = {"quote_unclosed", "A quotation mark is not closed."},
    [QUOTE_MISPLACED] = {"quote_misplaced", "Text follows a closing quotation mark."},
    [FIELD_TOO_LONG] = {"field_too_long", "A field is longer than 64 KB."},
    [TOO_MANY_FIELDS] = {"too_many_fields", "The row has too many fields."},
    [NUL_BYTE] = {"nul", "The row contains a NUL byte."},
    [ENCODING] = {"encoding", "The row is not valid UTF-8."},
};

/* ---- encoding ---- */

static int sequence_length(struct str s)
{
    unsigned char c = (unsigned char)s.p[0];
    int n = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    return c >= 0xC2 && (size_t)n <= s.n && utf8_valid(str_sub(s, 0, (size_t)n)) ? n : 0;
}

/* Windows-1252 when more bytes are wrong as UTF-8 than characters are right, so one broken row does not change how
 * the others are read. */
static bool looks_windows1252(struct str s)
{
    size_t right = 0, wrong = 0;
    if (utf8_valid(s))
        return false;
    while (s.n) {
        int n = 1;
        if ((unsigned char)s.p[0] >= 0x80) {
            n = sequence_length(s);
            *(n ? &right : &wrong) += 1;
        }
        s = str_sub(s, (size_t)(n ? n : 1), s.n);
    }
    return wrong > right;
}

/* 0x80 to 0x9F of Windows-1252; the five unassigned ones become U+FFFD. */
static const uint16_t windows1252_high[32] = {0x20AC, 0xFFFD, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                              0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0xFFFD, 0x017D, 0xFFFD,
                                              0xFFFD, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                              0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0xFFFD, 0x017E, 0x0178};

/* NUL is refused before anything else: it would end a C string somewhere on its way. A field that is valid UTF-8 is
 * never converted, also in a file that looks like Windows-1252. */
static enum bad to_utf8(const struct csv *c, struct arena *a, struct str *field)
{
    char *out;
    size_t n = 0;
    if (memchr(field->p, 0, field->n))
        return NUL_BYTE;
    if (utf8_valid(*field))
        return GOOD;
    if (!c->windows1252)
        return ENCODING;
    if (!(out = arena_alloc(a, field->n * 3 + 1)))
        return NO_MEMORY;
    for (size_t i = 0; i < field->n; i++) {
        unsigned char b = (unsigned char)field->p[i];
        n += utf8_encode(b >= 0x80 && b < 0xA0 ? windows1252_high[b - 0x80] : b, out + n);
    }
    *field = str_n(out, n);
    return GOOD;
}

/* ---- one row ---- */

static bool at_line_end(const struct csv *c)
{
    return c->at >= c->in.n || c->in.p[c->at] == '\n' || c->in.p[c->at] == '\r';
}

/* CR, LF and CRLF, because all three exist: old Macs, Unix and RFC 4180. */
static void pass_line_end(struct csv *c)
{
    if (c->at < c->in.n && c->in.p[c->at] == '\r')
        c->at++;
    else if (c->at < c->in.n && c->in.p[c->at] == '\n') {
        c->at++;
        return;
    }
    if (c->at < c->in.n && c->in.p[c->at] == '\n')
        c->at++;
}

static enum bad plain_field(struct csv *c, struct str *out)
{
    size_t from = c->at;
    while (!at_line_end(c) && c->in.p[c->at] != c->separator)
        c->at++;
    *out = str_sub(c->in, from, c->at - from);
    return out->n > MAX_CSV_FIELD ? FIELD_TOO_LONG : GOOD;
}

/* Copy without the second of each doubled quotation mark. */
static enum bad csv_undouble(struct arena *a, struct str *field)
{
    char *out = arena_alloc(a, field->n + 1);
    size_t n = 0;
    if (!out)
        return NO_MEMORY;
    for (size_t i = 0; i < field->n; i++) {
        out[n++] = field->p[i];
        if (field->p[i] == '"')
            i++;
    }
    *field = str_n(out, n);
    return GOOD;
}

/* A field in quotation marks may hold separators and line ends; a doubled mark inside is one mark. Spaces after the
 * closing mark are forgiven. */
static enum bad quoted_field(struct csv *c, struct arena *a, struct str *out)
{
    size_t from = ++c->at;
    bool doubled = false;
    for (;; c->at++) {
        if (c->at - from > MAX_CSV_FIELD)
            return FIELD_TOO_LONG;
        if (c->at >= c->in.n)
            return QUOTE_UNCLOSED;
        if (c->in.p[c->at] != '"')
            continue;
        if (c->at + 1 >= c->in.n || c->in.p[c->at + 1] != '"')
            break;
        doubled = true;
        c->at++;
    }
    *out = str_sub(c->in, from, c->at - from);
    c->at++;
    while (c->at < c->in.n && c->in.p[c->at] == ' ')
        c->at++;
    if (!at_line_end(c) && c->in.p[c->at] != c->separator)
        return QUOTE_MISPLACED;
    return doubled ? csv_undouble(a, out) : GOOD;
}

/* A wrong character does not hide where the row ends, so it is reported only at the end of the row. */
static enum bad csv_read_row(struct csv *c, struct arena *a, struct csv_row *row)
{
    enum bad b, text = GOOD;
    row->n = 0;
    for (;;) {
        struct str field = STR_EMPTY;
        bool quoted = c->at < c->in.n && c->in.p[c->at] == '"';
        if (row->n == CSV_FIELDS_MAX)
            return TOO_MANY_FIELDS;
        b = quoted ? quoted_field(c, a, &field) : plain_field(c, &field);
        if (b != GOOD)
            return b;
        if (text == GOOD)
            text = to_utf8(c, a, &field);
        row->fields[row->n++] = field;
        if (at_line_end(c)) {
            pass_line_end(c);
            return text;
        }
        c->at++; /* the separator */
    }
}

/* Empty lines are passed over and not counted, because people leave them at the end. Every other row has a number, also
 * a bad one. */
enum csv_result csv_next(struct csv *c, struct arena *a, struct csv_row *row, const char **code, const char **words)
{
    while (c->at < c->in.n && at_line_end(c))
        pass_line_end(c);
    if (c->at >= c->in.n)
        return CSV_END;
    size_t from = c->at;
    c->row++;
    enum bad b = csv_read_row(c, a, row);
    if (b == GOOD)
        return CSV_ROW;
    if (b == NO_MEMORY)
        return CSV_NOMEM;
    if (b != NUL_BYTE && b != ENCODING) { /* it is not known where the row ends: continue after its first line */
        c->at = from;
        while (!at_line_end(c))
            c->at++;
        pass_line_end(c);
    }
    *code = bad_words[b].code;
    *words = bad_words[b].words;
    return CSV_BAD;
}

/* ---- opening ---- */

/* The separator that appears most often outside quotation marks in the first row. */
static char sniff_separator(struct str s)
{
    static const char candidates[] = ",;\t";
    size_t count[3] = {0}, best = 0;
    bool quoted = false;
    for (size_t i = 0; i < s.n && (quoted || (s.p[i] != '\n' && s.p[i] != '\r')); i++) {
        const char *hit;
        if (s.p[i] == '"')
            quoted = !quoted;
        else if (!quoted && s.p[i] && (hit = strchr(candidates, s.p[i])))
            count[hit - candidates]++;
    }
    for (size_t k = 1; k < 3; k++)
        if (count[k] > count[best])
            best = k;
    return candidates[best];
}

/* UTF-16 is what "Unicode text" of a spreadsheet is; it is refused by its mark, because it would be read as text full
 * of NUL bytes. */
enum status csv_open(struct csv *c, struct str file, struct err *e)
{
    *c = (struct csv){.in = file};
    if (file.n >= 2 && (memcmp(file.p, "\xFF\xFE", 2) == 0 || memcmp(file.p, "\xFE\xFF", 2) == 0))
        return err_raise(e, E_csv_encoding);
    if (file.n >= 3 && memcmp(file.p, "\xEF\xBB\xBF", 3) == 0)
        c->in = str_sub(file, 3, file.n - 3);
    c->windows1252 = looks_windows1252(c->in);
    c->separator = sniff_separator(c->in);
    return OK;
}
