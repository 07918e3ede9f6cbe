/* mail_write.c: from the job's payload to a mail.
 *
 * It fills the texts, renders the HTML, and builds the plain text from the same words as it goes, so that both forms
 * of a mail always say the same. Values come from anywhere (a visitor, a workspace's name). They are put on one line
 * here and escaped by the template, so no value can become a header, a paragraph or markup. */
#include <stdio.h>

#include "base/email.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "queue/mail.h"
#include "view/view.h"

#include "base/banned.h"

#define SUBJECT_MAX 200 /* characters */
#define VALUES_MAX 64   /* count */
#define TEXT_KEY_MAX 120

struct mail_writing {
    struct arena *arena;
    struct view *view;
    const char *name; /* of the template */
    struct view_arg values[VALUES_MAX];
    size_t count;
    struct str url;  /* "" = no button */
    struct buf text; /* the plain form as it grows */
    size_t rows;
};

/* ---- values ---- */

/* Control characters and line separators become spaces, so that no value can add a line to a subject or a paragraph.
 * U+2028 and U+2029 count too: some mail programs break lines there. The result is never longer than the input. */
static struct str mail_one_line(struct arena *a, struct str s)
{
    char *out = arena_alloc(a, s.n + 1);
    size_t n = 0;
    while (out && s.n) {
        struct str before = s;
        uint32_t cp = utf8_next(&s);
        bool control = cp < 0x20 || (cp >= 0x7F && cp < 0xA0) || cp == 0x2028 || cp == 0x2029;
        if (control) {
            out[n++] = ' ';
        } else if (cp != 0xFFFD) {
            memcpy(out + n, before.p, before.n - s.n);
            n += before.n - s.n;
        }
    }
    return str_trim(str_n(out, n));
}

static struct str mail_value_text(struct mail_writing *w, const struct json *v)
{
    if (json_is(v, JSON_STRING))
        return mail_one_line(w->arena, json_str(v));
    if (json_has(v, "number"))
        return view_number_text(w->view, json_int(json_get(v, "number"), 0));
    if (json_has(v, "date"))
        return view_day(w->view, json_int(json_get(v, "date"), 0));
    return str_from(
        arena_printf(w->arena, "%.*s UTC", STR_F(view_time_text(w->view, json_int(json_get(v, "time"), 0)))));
}

/* A path of this install becomes a full address. Other schemes than http and https are refused, and "//host" is not a
 * path: a value must not be able to make a button that leads elsewhere or runs something. */
static enum status mail_set_url(struct mail_writing *w, const struct config *c, struct str url, struct err *e)
{
    bool path = str_starts(url, STR("/")) && !str_starts(url, STR("//"));
    if (path)
        url = str_from(arena_printf(w->arena, "%s%.*s", config_string(c, CONFIG_base_url), STR_F(url)));
    if (!str_starts(url, STR("https://")) && !str_starts(url, STR("http://")))
        return err_set(e, E_mail_invalid, "The url of the mail %s is neither a path nor an http(s) address.", w->name);
    w->url = url;
    return OK;
}

static enum status mail_add_value(struct mail_writing *w, const char *name, struct str text, struct err *e)
{
    if (w->count == VALUES_MAX)
        return err_set_as(e, ERR_TOO_LARGE, E_mail_invalid, "The mail %s has more than %d values.", w->name,
                          VALUES_MAX);
    w->values[w->count++] = (struct view_arg){name, text};
    return OK;
}

static enum status mail_read_values(struct mail_writing *w, const struct config *c, const struct json *values,
                                    struct err *e)
{
    struct json_iter it = {0};
    enum status st = mail_add_value(w, "brand", mail_one_line(w->arena, str_from(config_string(c, CONFIG_brand_name))),
                                    e);
    while (st == OK && json_each(values, &it)) {
        const char *name = arena_strdup(w->arena, it.key);
        if (!name)
            return err_nomem(e);
        if (str_eqz(it.key, "url"))
            st = mail_set_url(w, c, json_str(it.value), e);
        else
            st = mail_add_value(w, name, mail_value_text(w, it.value), e);
    }
    return st;
}

static const struct view_arg *mail_find_value(const struct mail_writing *w, struct str name)
{
    for (size_t i = 0; i < w->count; i++)
        if (str_eqz(name, w->values[i].name))
            return &w->values[i];
    return NULL;
}

/* ---- texts ---- */

/* The first {name} in the text that has no value; "" if all have one. */
static struct str mail_missing_value(const struct mail_writing *w, struct str text)
{
    ptrdiff_t open;
    while ((open = str_find(text, '{')) >= 0) {
        text = str_sub(text, (size_t)open + 1, text.n);
        ptrdiff_t close = str_find(text, '}');
        struct str name = str_sub(text, 0, close < 0 ? 0 : (size_t)close);
        if (name.n && !mail_find_value(w, name))
            return name;
    }
    return STR_EMPTY;
}

static const char *mail_text_key(const struct mail_writing *w, const char *part, char out[TEXT_KEY_MAX])
{
    snprintf(out, TEXT_KEY_MAX, "Mail.%s.%s", w->name, part);
    return out;
}

/* Subject and heading: every mail needs them, so a missing text or value is an error of the program. */
static enum status mail_required_text(struct mail_writing *w, const char *part, struct str *out, struct err *e)
{
    char key[TEXT_KEY_MAX];
    const char *text = view_t_find(w->view, mail_text_key(w, part, key));
    struct str gap = text ? mail_missing_value(w, str_from(text)) : STR_EMPTY;
    if (!text)
        return err_set(e, E_mail_unknown, "There is no text %s.", key);
    if (gap.n)
        return err_set(e, E_mail_invalid, "The text %s uses {%.*s}, but the mail has no such value.", key, STR_F(gap));
    *out = view_fill_args(w->view, key, w->values, w->count);
    return OK;
}

/* "" when the text does not exist or needs a value that was not given. */
static struct str mail_optional_text(struct mail_writing *w, const char *part)
{
    char key[TEXT_KEY_MAX];
    const char *text = view_t_find(w->view, mail_text_key(w, part, key));
    return text && !mail_missing_value(w, str_from(text)).n ? view_fill_args(w->view, key, w->values, w->count)
                                                            : STR_EMPTY;
}

/* ---- the parts, each written to the page and to the plain text ---- */

/* A paragraph whose value is missing is left out as a whole. So one text serves several occasions, and half a sentence
 * is never sent. */
static void mail_put_paragraphs(struct mail_writing *w)
{
    char key[TEXT_KEY_MAX], part[TEXT_KEY_MAX];
    const char *name, *text;
    size_t shown = 0;
    for (size_t i = 0; view_t_child(w->view, mail_text_key(w, "Text", key), i, &name, &text); i++) {
        snprintf(part, sizeof(part), "Text.%s", name);
        struct str words = mail_optional_text(w, part);
        if (!words.n)
            continue;
        view_str(w->view, view_at(w->view, "Mail.Text", shown++, "Words"), words);
        buf_printf(&w->text, "%.*s\n\n", STR_F(words));
    }
}

static void mail_put_row(struct mail_writing *w, struct str label, struct str value)
{
    view_str(w->view, view_at(w->view, "Mail.Rows", w->rows, "Label"), label);
    view_str(w->view, view_at(w->view, "Mail.Rows", w->rows++, "Value"), value);
    buf_printf(&w->text, "%.*s: %.*s\n", STR_F(label), STR_F(value));
}

/* First the rows that the texts name, in their order, then those that the mail brought along. Both forms get each row
 * in the same call. */
static void mail_put_rows(struct mail_writing *w, const struct json *more)
{
    char key[TEXT_KEY_MAX];
    const char *name, *label;
    for (size_t i = 0; view_t_child(w->view, mail_text_key(w, "Rows", key), i, &name, &label); i++) {
        const struct view_arg *v = mail_find_value(w, str_from(name));
        if (v && v->value.n)
            mail_put_row(w, str_from(label), v->value);
    }
    for (size_t i = 0; i < json_len(more); i++)
        mail_put_row(w, mail_one_line(w->arena, json_get_str(json_at(more, i), "label")),
                     mail_one_line(w->arena, json_get_str(json_at(more, i), "value")));
    if (w->rows)
        buf_puts(&w->text, "\n");
}

static void mail_put_button(struct mail_writing *w)
{
    struct str label = w->url.n ? mail_optional_text(w, "Button") : STR_EMPTY;
    if (!label.n)
        return;
    view_str(w->view, "Mail.Button", label);
    view_str(w->view, "Mail.Url", w->url);
    buf_printf(&w->text, "%.*s:\n%.*s\n\n", STR_F(label), STR_F(w->url));
}

static void mail_put_foot(struct mail_writing *w, const struct config *c)
{
    struct str small = mail_optional_text(w, "Small"), brand = mail_find_value(w, STR("brand"))->value;
    view_str(w->view, "Mail.Small", small);
    view_str(w->view, "Page.Brand", brand);
    view_text(w->view, "Page.Url", config_string(c, CONFIG_base_url));
    buf_puts(&w->text, "-- \n");
    if (small.n)
        buf_printf(&w->text, "%.*s\n", STR_F(small));
    buf_printf(&w->text, "%.*s, %s\n", STR_F(brand), config_string(c, CONFIG_base_url));
}

/* The order is that of the plain text; the template places the parts of the page on its own. What can fail comes first,
 * before anything is written. */
static enum status mail_put_all(struct mail_writing *w, const struct config *c, const struct json *payload,
                                struct mail_written *out, struct err *e)
{
    struct str head = STR_EMPTY, subject = STR_EMPTY;
    enum status st = mail_required_text(w, "Subject", &subject, e);
    if (st == OK)
        st = mail_required_text(w, "Head", &head, e);
    if (st != OK)
        return st;
    out->subject = utf8_cut(subject, SUBJECT_MAX);
    view_str(w->view, "Mail.Subject", out->subject);
    view_str(w->view, "Mail.Head", head);
    buf_printf(&w->text, "%.*s\n\n", STR_F(head));
    mail_put_paragraphs(w);
    mail_put_rows(w, json_get(payload, "rows"));
    mail_put_button(w);
    mail_put_foot(w, c);
    return OK;
}

static enum status mail_render(struct mail_writing *w, struct mail_written *out, struct err *e)
{
    struct buf html;
    bool ok = buf_ok(&w->text);
    buf_init(&html, MAX_MAIL);
    enum status st = view_render(w->view, "mail/mail.cs", &html, e);
    if (st == OK) {
        out->text = arena_str(w->arena, buf_str(&w->text), &ok);
        if (ok)
            out->html = arena_str(w->arena, buf_str(&html), &ok);
        st = ok ? OK : err_nomem(e);
    }
    buf_release(&html);
    return st;
}

/* The values borrow from the payload and from the arena, and all of them live as long as the arena. Language and
 * template name are copied because they need a NUL at the end. */
enum status mail_write(const struct config *c, struct arena *a, const struct json *payload, struct mail_written *out,
                       struct err *e)
{
    struct mail_writing w = {.arena = a, .url = STR_EMPTY};
    char *language = arena_strdup(a, json_get_str(payload, "language"));
    *out = (struct mail_written){json_get_str(payload, "to"), STR_EMPTY, STR_EMPTY, STR_EMPTY};
    w.name = arena_strdup(a, json_get_str(payload, "template"));
    if (!language || !w.name || !(w.view = view_new(a, language)))
        return err_nomem(e);
    buf_init(&w.text, MAX_MAIL);
    enum status st = mail_read_values(&w, c, json_get(payload, "values"), e);
    if (st == OK)
        st = mail_put_all(&w, c, payload, out, e);
    if (st == OK)
        st = mail_render(&w, out, e);
    buf_release(&w.text);
    return st;
}
