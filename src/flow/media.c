/* media.c: how a variable is escaped in a body that the author has written as text.
 *
 * The media type that is really sent decides, because it is what the server reads the body by. Within it the place of
 * the variable decides: inside or outside of a JSON string, in an XML text or in a tag. Invariant: a value never ends
 * the string, text or field that it is put into. Where there is no escape that says so, only values without any
 * punctuation are sent (PART_WORD, PART_TAME), and a call with another value is not made. */
#include "base/utf8.h"
#include "flow/media_internal.h"

#include "base/banned.h"

/* Where the text ends that was read so far. */
enum media_place { PLACE_TEXT, PLACE_TAG, PLACE_QUOTED, PLACE_COMMENT, PLACE_CDATA };

struct media_scan {
    enum media_place place;
    char quote;     /* the one that ends a quoted value */
    bool backslash; /* the last character of a JSON string was one, and the next belongs to it */
};

static bool media_is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= ' ' || c >= 0x7F || strchr("\"(),/:;<=>?@[\\]{}", c))
            return false;
    }
    return s.n > 0;
}

static bool media_has_json(struct str subtype)
{
    for (size_t i = 0; i + 4 <= subtype.n; i++)
        if (str_ieq(str_sub(subtype, i, 4), STR("json")))
            return true;
    return false;
}

static bool media_is_xml(struct str subtype)
{
    size_t n = subtype.n;
    return str_ieq(subtype, STR("xml")) || str_ieq(subtype, STR("html")) ||
           (n > 4 &&
            (str_ieq(str_sub(subtype, n - 4, 4), STR("+xml")) || str_ieq(str_sub(subtype, 0, 4), STR("xml-"))));
}

/* Parameters such as the charset do not count. A value that is not one media type, such as a list of two, is unknown:
 * servers disagree about which of the two they read the body by. */
static enum part_mode media_mode(struct str content_type)
{
    ptrdiff_t end = str_find(content_type, ';');
    struct str type = str_trim(end < 0 ? content_type : str_sub(content_type, 0, (size_t)end));
    ptrdiff_t slash = str_find(type, '/');
    struct str subtype = slash < 0 ? STR_EMPTY : str_sub(type, (size_t)slash + 1, type.n);
    if (slash < 0 || !media_is_token(str_sub(type, 0, (size_t)slash)) || !media_is_token(subtype))
        return PART_TAME;
    if (media_has_json(subtype))
        return PART_JSON_TEXT;
    if (media_is_xml(subtype))
        return PART_XML;
    if (str_ieq(subtype, STR("x-www-form-urlencoded")))
        return PART_URL;
    return str_ieq(type, STR("text/plain")) ? PART_PLAIN : PART_TAME;
}

bool media_known(struct str content_type)
{
    return media_mode(content_type) != PART_TAME;
}

static void media_scan_json(struct media_scan *s, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        bool inside = s->place == PLACE_QUOTED;
        if (s->backslash)
            s->backslash = false;
        else if (text.p[i] == '"')
            s->place = inside ? PLACE_TEXT : PLACE_QUOTED;
        else
            s->backslash = inside && text.p[i] == '\\';
    }
}

/* One step in XML; returns the number of bytes read. */
static size_t media_step_xml(struct media_scan *s, struct str rest)
{
    static const struct {
        enum media_place from, to;
        const char *word;
    } ways[] = {{PLACE_TEXT, PLACE_COMMENT, "<!--"}, {PLACE_TEXT, PLACE_CDATA, "<![CDATA["},
                {PLACE_TEXT, PLACE_TAG, "<"},        {PLACE_TAG, PLACE_TEXT, ">"},
                {PLACE_COMMENT, PLACE_TEXT, "-->"},  {PLACE_CDATA, PLACE_TEXT, "]]>"},
                {PLACE_TAG, PLACE_QUOTED, "\""},     {PLACE_TAG, PLACE_QUOTED, "'"}};
    for (size_t i = 0; i < COUNT_OF(ways); i++)
        if (s->place == ways[i].from && str_starts(rest, str_from(ways[i].word))) {
            s->place = ways[i].to;
            s->quote = rest.p[0];
            return strlen(ways[i].word);
        }
    if (s->place == PLACE_QUOTED && rest.p[0] == s->quote)
        s->place = PLACE_TAG;
    return 1;
}

static enum part_mode media_mode_here(const struct media_scan *s, enum part_mode mode)
{
    if (mode == PART_JSON_TEXT)
        return s->backslash ? PART_WORD : s->place == PLACE_QUOTED ? PART_JSON_TEXT : PART_JSON_BARE;
    if (mode != PART_XML)
        return mode;
    return s->place == PLACE_TAG ? PART_WORD : s->place == PLACE_CDATA ? PART_CDATA : PART_XML;
}

bool media_set_modes(struct arena *a, struct str content_type, struct tpl *t)
{
    enum part_mode mode = media_mode(content_type);
    struct media_scan s = {.place = PLACE_TEXT};
    struct tpl_part *parts = arena_array(a, t->n + 1, sizeof(*parts));
    if (!parts)
        return false;
    for (size_t i = 0; i < t->n; i++) {
        parts[i] = t->parts[i];
        struct str lit = parts[i].lit;
        if (parts[i].var != VAR_NONE)
            parts[i].mode = media_mode_here(&s, mode);
        else if (mode == PART_JSON_TEXT)
            media_scan_json(&s, lit);
        while (parts[i].var == VAR_NONE && mode == PART_XML && lit.n)
            lit = str_sub(lit, media_step_xml(&s, lit), lit.n);
    }
    t->parts = parts;
    return true;
}

/* Letters, digits and _ . - @ have no meaning of their own in any format that a body is likely to have. */
static bool media_char_ok(uint32_t c)
{
    if (c >= 0x80)
        return c > 0xA0 && c != 0x2028 && c != 0x2029 && c != 0xFEFF && c != 0xFFFD;
    return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9') || (c && strchr("_.-@", (char)c));
}

/* A space separates attributes in a tag, so a word cannot contain one. */
bool media_value_ok(enum part_mode mode, struct str value)
{
    if (mode != PART_WORD && mode != PART_TAME)
        return true;
    while (value.n) {
        uint32_t c = utf8_next(&value);
        if (!media_char_ok(c) && !(c == ' ' && mode == PART_TAME))
            return false;
    }
    return true;
}
