/* From a JSON pointer to a line of the text it is about. The text has been parsed before: this only has to find its way. */
#include "base/num.h"
#include "portal/bots/flow_view.h"

#include "base/banned.h"

struct scan {
    struct str text;
    size_t at;
};

static void line_skip_space(struct scan *s)
{
    while (s->at < s->text.n && strchr(" \t\r\n", s->text.p[s->at]))
        s->at++;
}

static char line_peek(struct scan *s)
{
    line_skip_space(s);
    return s->at < s->text.n ? s->text.p[s->at] : 0;
}

/* The raw inside of a string; s stands on its opening quote. */
static struct str line_take_string(struct scan *s)
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

/* Past one value, whatever is in it. */
static void line_skip_value(struct scan *s)
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

static bool line_enter_member(struct scan *s, struct str key)
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

static bool line_enter_item(struct scan *s, struct str index)
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

size_t flow_view_line(struct str text, struct str pointer)
{
    struct scan s = {.text = text};
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
