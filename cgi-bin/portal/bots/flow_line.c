/* flow_line.c: finds the line of a text that a JSON pointer refers to.
 *
 * json-c keeps no positions, so the text is scanned a second time. It has been parsed before: the scanner only has to
 * find its way through valid JSON, and stays within bounds on anything else. */
#include "base/num.h"
#include "portal/bots/flow_view.h"

#include "base/banned.h"

struct line_scan {
    struct str text;
    size_t at;
};

static void line_skip_space(struct line_scan *s)
{
    while (s->at < s->text.n && strchr(" \t\r\n", s->text.p[s->at]))
        s->at++;
}

static char line_peek(struct line_scan *s)
{
    line_skip_space(s);
    return s->at < s->text.n ? s->text.p[s->at] : 0;
}

/* Takes a string, without decoding it; s is at the opening quote. A key with escapes is then not found, which costs
 * only the exactness of the line. The last byte may be a backslash, so the place is cut to the end. */
static struct str line_take_string(struct line_scan *s)
{
    size_t from = ++s->at;
    while (s->at < s->text.n && s->text.p[s->at] != '"')
        s->at += s->text.p[s->at] == '\\' ? 2 : 1;
    if (s->at > s->text.n)
        s->at = s->text.n;
    struct str inside = str_sub(s->text, from, s->at - from);
    s->at++;
    return inside;
}

/* Moves past one value with all that is nested in it. */
static void line_skip_value(struct line_scan *s)
{
    int depth = 0;
    do {
        char c = line_peek(s);
        if (c == 0)
            return;
        if (c == '"') {
            line_take_string(s);
            continue;
        }
        depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
        s->at++;
        if (depth == 0 && !strchr("{}[],:", c))
            while (s->at < s->text.n && !strchr(" \t\r\n,]}", s->text.p[s->at]))
                s->at++;
    } while (depth > 0);
}

/* Of two members with the same key the first is found, although a parser takes the last: the author has to see one of
 * them. */
static bool line_enter_member(struct line_scan *s, struct str key)
{
    s->at++;
    while (line_peek(s) == '"') {
        struct str name = line_take_string(s);
        if (line_peek(s) == ':')
            s->at++;
        line_skip_space(s);
        if (str_eq(name, key))
            return true;
        line_skip_value(s);
        if (line_peek(s) == ',')
            s->at++;
    }
    return false;
}

/* The index is bounded because it comes from a pointer, not from this text. */
static bool line_enter_item(struct line_scan *s, struct str index)
{
    uint64_t n = 0;
    if (!num_u64(index, 1000000, &n))
        return false;
    s->at++;
    for (uint64_t i = 0; i < n; i++) {
        line_skip_value(s);
        if (line_peek(s) != ',')
            return false;
        s->at++;
    }
    line_skip_space(s);
    return true;
}

static size_t line_number(struct str text, size_t at)
{
    size_t line = 1;
    for (size_t i = 0; i < at && i < text.n; i++)
        line += text.p[i] == '\n';
    return line;
}

/* `best` is the last place that was found. A pointer to a missing member leads to the object that lacks it. */
size_t flow_view_line(struct str text, struct str pointer)
{
    struct line_scan s = {.text = text};
    struct str part;
    if (pointer.n < 2 || pointer.p[0] != '/' || line_peek(&s) != '{')
        return 0;
    struct str rest = str_sub(pointer, 1, pointer.n - 1);
    size_t best = s.at;
    while (str_split(&rest, '/', &part)) {
        char c = line_peek(&s);
        bool found = c == '{' ? line_enter_member(&s, part) : c == '[' ? line_enter_item(&s, part) : false;
        if (!found)
            break;
        best = s.at;
    }
    return line_number(text, best);
}
