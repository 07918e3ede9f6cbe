/* safe_html.c: text of a visitor or tenant as HTML.
 *
 * The only function that makes a struct safe_html. Everything is escaped; the only markup that it adds is <br> and
 * links to http and https addresses. */
#include "base/limits.h"
#include "view/view.h"

#include "base/banned.h"

static struct safe_html html_from(struct arena *a, struct buf *b)
{
    bool ok = buf_ok(b);
    struct str s = ok ? arena_str(a, buf_str(b), &ok) : STR_EMPTY;
    buf_release(b);
    return (struct safe_html){ok ? s : STR_EMPTY};
}

static bool link_starts(struct str s)
{
    return str_starts(s, STR("https://")) || str_starts(s, STR("http://"));
}

/* Where an address ends: at white space or a quote. Final punctuation belongs to the sentence, except a ")" that closes
 * a "(" of the address itself. */
static size_t link_length(struct str s)
{
    size_t n = 0;
    int open = 0; /* more "(" than ")" */
    for (; n < s.n && !strchr(" \t\r\n<>\"'`|\\^{}", s.p[n]); n++)
        open += s.p[n] == '(' ? 1 : s.p[n] == ')' ? -1 : 0;
    while (n && strchr(".,;:!?)]", s.p[n - 1]) && !(s.p[n - 1] == ')' && open >= 0)) {
        n--;
        open += s.p[n] == ')' ? 1 : 0;
    }
    return n;
}

static void link_add(struct buf *b, struct str url)
{
    buf_puts(b, "<a href=\"");
    buf_html(b, url);
    buf_puts(b, "\" rel=\"nofollow noopener noreferrer\" target=\"_blank\">");
    buf_html(b, url);
    buf_puts(b, "</a>");
}

/* Text between links and line breaks is escaped as a whole. An address of nothing but its scheme is not a link. The
 * scheme is part of the pattern, so no other scheme can become a link. rel keeps the visited page from reaching back
 * into ours and search engines from counting what visitors post. */
struct safe_html view_safe_text(struct arena *a, struct str text)
{
    struct buf b;
    buf_init(&b, MAX_REPLY);
    size_t from = 0;
    for (size_t i = 0; i < text.n;) {
        struct str rest = str_sub(text, i, text.n - i);
        size_t n = text.p[i] == 'h' && link_starts(rest) ? link_length(rest) : 0;
        bool newline = text.p[i] == '\n';
        if (n <= sizeof("https://") && !newline) {
            i++;
            continue;
        }
        buf_html(&b, str_sub(text, from, i - from));
        if (newline)
            buf_puts(&b, "<br>");
        else
            link_add(&b, str_sub(rest, 0, n));
        i += newline ? 1 : n;
        from = i;
    }
    buf_html(&b, str_sub(text, from, text.n - from));
    return html_from(a, &b);
}
