/* multipart.c: multipart/form-data (RFC 7578, framing of RFC 2046).
 *
 * The body is never copied: names, values and files are slices of it. Every search is bounded by the body, and the
 * headers of a part by PART_HEADERS_MAX, so that a hostile body costs one pass. */
#define _GNU_SOURCE /* memmem */
#include <strings.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "web/params.h"

#include "base/banned.h"

#define PART_HEADERS_MAX (8 * KB)

static enum status multipart_broken(struct err *e)
{
    return err_raise(e, E_multipart_invalid);
}

/* The end of a quoted value that starts at s.p[0]; a backslash protects what follows. -1 if it is not closed. */
static ptrdiff_t quoted_end(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '\\' && i + 1 < s.n)
            i++;
        else if (s.p[i] == '"')
            return (ptrdiff_t)i;
    return -1;
}

/* Take one `name=value` or `name="value"` off *rest, which begins after a ';'. False at the end, or when it is
 * malformed. */
static bool next_param(struct str *rest, struct str *name, struct str *value)
{
    *rest = str_trim(*rest);
    ptrdiff_t eq = str_find(*rest, '=');
    if (eq <= 0)
        return false;
    *name = str_trim(str_n(rest->p, (size_t)eq));
    struct str s = str_trim(str_sub(*rest, (size_t)eq + 1, rest->n));
    if (s.n && s.p[0] == '"') {
        s = str_sub(s, 1, s.n);
        ptrdiff_t end = quoted_end(s);
        if (end < 0)
            return false;
        *value = str_n(s.p, (size_t)end);
        s = str_sub(s, (size_t)end + 1, s.n);
        ptrdiff_t semi = str_find(s, ';');
        *rest = semi < 0 ? STR_EMPTY : str_sub(s, (size_t)semi + 1, s.n);
        return true;
    }
    ptrdiff_t semi = str_find(s, ';');
    *value = str_trim(semi < 0 ? s : str_n(s.p, (size_t)semi));
    *rest = semi < 0 ? STR_EMPTY : str_sub(s, (size_t)semi + 1, s.n);
    return true;
}

bool header_param(struct str value, struct str name, struct str *out)
{
    ptrdiff_t semi = str_find(value, ';');
    if (semi < 0)
        return false;
    struct str rest = str_sub(value, (size_t)semi + 1, value.n), n, v;
    while (next_param(&rest, &n, &v)) {
        if (str_ieq(n, name)) {
            *out = v;
            return true;
        }
    }
    return false;
}

/* At most 70 characters, as RFC 2046 says: the boundary is searched for in the whole body. */
bool multipart_boundary(struct str content_type, struct str *boundary)
{
    struct str kind = STR("multipart/form-data");
    if (content_type.n < kind.n || strncasecmp(content_type.p, kind.p, kind.n) != 0)
        return false;
    if (!header_param(content_type, STR("boundary"), boundary))
        return false;
    return boundary->n >= 1 && boundary->n <= 70;
}

/* Read what follows a boundary: "--" sets *last; otherwise *rest moves past the end of the line. */
static bool boundary_line(struct str *rest, bool *last)
{
    *last = rest->n >= 2 && rest->p[0] == '-' && rest->p[1] == '-';
    if (*last)
        return true;
    size_t i = 0;
    while (i < rest->n && (rest->p[i] == ' ' || rest->p[i] == '\t'))
        i++;
    if (rest->n - i < 2 || rest->p[i] != '\r' || rest->p[i + 1] != '\n')
        return false;
    *rest = str_sub(*rest, i + 2, rest->n);
    return true;
}

/* Only Content-Disposition matters: the type of a file that a client states proves nothing. */
static enum status part_headers(struct str headers, struct param *out, struct err *e)
{
    struct str line, want = STR("content-disposition:");
    while (str_split(&headers, '\n', &line)) {
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        if (line.n < want.n || strncasecmp(line.p, want.p, want.n) != 0)
            continue;
        if (!utf8_text(line))
            return err_set(e, E_bad_encoding, "The name of a form field is not valid UTF-8 text.");
        out->is_file = header_param(line, STR("filename"), &out->filename);
        return header_param(line, STR("name"), &out->name) && out->name.n ? OK : multipart_broken(e);
    }
    return multipart_broken(e);
}

/* *rest begins after the line of a boundary. Read the headers and the value of the part, and move *rest past the next
 * boundary. */
static enum status take_part(struct str *rest, struct str delimiter, struct param *out, struct err *e)
{
    *out = (struct param){STR_EMPTY, STR_EMPTY, STR_EMPTY, false};
    size_t window = rest->n < PART_HEADERS_MAX ? rest->n : PART_HEADERS_MAX;
    const char *end = memmem(rest->p, window, "\r\n\r\n", 4);
    if (!end)
        return multipart_broken(e);
    if (part_headers(str_n(rest->p, (size_t)(end - rest->p)), out, e))
        return e->status;
    /* When the value is empty, the CRLF of the blank line is also the one before the boundary: search from there. */
    struct str data = str_sub(*rest, (size_t)(end + 2 - rest->p), rest->n);
    const char *stop = memmem(data.p, data.n, delimiter.p, delimiter.n);
    if (!stop)
        return multipart_broken(e);
    size_t n = (size_t)(stop - data.p);
    out->value = n >= 2 ? str_sub(data, 2, n - 2) : STR_EMPTY;
    *rest = str_sub(data, n + delimiter.n, data.n);
    if (!out->is_file && !utf8_text(out->value))
        return err_set(e, E_bad_encoding, "A form field is not valid UTF-8 text.");
    return OK;
}

/* The first boundary is at the very start, or after a preamble and the end of a line. */
static bool first_boundary(struct str body, struct str delimiter, struct str *rest)
{
    struct str bare = str_sub(delimiter, 2, delimiter.n);
    if (str_starts(body, bare)) {
        *rest = str_sub(body, bare.n, body.n);
        return true;
    }
    const char *at = memmem(body.p, body.n, delimiter.p, delimiter.n);
    if (!at)
        return false;
    *rest = str_sub(body, (size_t)(at - body.p) + delimiter.n, body.n);
    return true;
}

/* The delimiter is searched with the line break before it, so that a boundary inside a line of data does not count. */
enum status multipart_parse(struct arena *a, struct str boundary, struct str body, struct params *out, struct err *e)
{
    *out = (struct params){0};
    char *z = arena_printf(a, "\r\n--%.*s", STR_F(boundary));
    out->p = arena_array(a, MAX_PARAMS, sizeof(*out->p));
    if (!z || !out->p)
        return err_nomem(e);
    struct str delimiter = str_from(z), rest;
    if (!first_boundary(body, delimiter, &rest))
        return multipart_broken(e);
    for (;;) {
        bool last;
        if (!boundary_line(&rest, &last))
            return multipart_broken(e);
        if (last)
            return OK;
        if (out->n == MAX_PARAMS)
            return err_set(e, E_too_many_fields, "The form has more than %d fields.", MAX_PARAMS);
        if (take_part(&rest, delimiter, &out->p[out->n], e))
            return e->status;
        out->n++;
    }
}
