/* From what mail_queue kept to a mail: texts filled, HTML rendered, plain text made of the same words. */
#include <stdio.h>

#include "base/email.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "queue/mail.h"
#include "view/view.h"

#include "base/banned.h"

#define SUBJECT_MAX 200 /* characters */
#define VALUES_MAX 64   /* count */
#define KEY_MAX 120

struct writing {
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

/* One line, whatever it holds: a value may come from anybody. */
static struct str one_line(struct arena *a, struct str s)
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

static struct str value_text(struct writing *w, const struct json *v)
{
    if (json_is(v, JSON_STRING))
        return one_line(w->arena, json_str(v));
    if (json_has(v, "number"))
        return view_number_text(w->view, json_int(json_get(v, "number"), 0));
    if (json_has(v, "date"))
        return view_day(w->view, json_int(json_get(v, "date"), 0));
    return str_from(
        arena_printf(w->arena, "%.*s UTC", STR_F(view_time_text(w->view, json_int(json_get(v, "time"), 0)))));
}

/* A path of this install becomes an address; nothing else but http and https is followed from a mail. */
static enum status set_url(struct writing *w, const struct config *c, struct str url, struct err *e)
{
    bool path = str_starts(url, STR("/")) && !str_starts(url, STR("//"));
    if (path)
        url = str_from(arena_printf(w->arena, "%s%.*s", config_string(c, CONFIG_base_url), STR_F(url)));
    if (!str_starts(url, STR("https://")) && !str_starts(url, STR("http://")))
        return err_set(e, ERR_INVALID, "mail_invalid", "The mail %s was given an address that is none.", w->name);
    w->url = url;
    return OK;
}

static enum status add_value(struct writing *w, const char *name, struct str text, struct err *e)
{
    if (w->count == VALUES_MAX)
        return err_set(e, ERR_TOO_LARGE, "mail_invalid", "The mail %s was given more than %d values.", w->name,
                       VALUES_MAX);
    w->values[w->count++] = (struct view_arg){name, text};
    return OK;
}

static enum status read_values(struct writing *w, const struct config *c, const struct json *values, struct err *e)
{
    struct json_iter it = {0};
    enum status st = add_value(w, "brand", one_line(w->arena, str_from(config_string(c, CONFIG_brand_name))), e);
    while (st == OK && json_each(values, &it)) {
        const char *name = arena_strdup(w->arena, it.key);
        if (!name)
            return err_nomem(e);
        if (str_eqz(it.key, "url"))
            st = set_url(w, c, json_str(it.value), e);
        else
            st = add_value(w, name, value_text(w, it.value), e);
    }
    return st;
}

static const struct view_arg *find_value(const struct writing *w, struct str name)
{
    for (size_t i = 0; i < w->count; i++)
        if (str_eqz(name, w->values[i].name))
            return &w->values[i];
    return NULL;
}

/* ---- texts ---- */

/* The first {name} of a text that has no value; "" when all have. */
static struct str lacks(const struct writing *w, struct str text)
{
    ptrdiff_t open;
    while ((open = str_find(text, '{')) >= 0) {
        text = str_sub(text, (size_t)open + 1, text.n);
        ptrdiff_t close = str_find(text, '}');
        struct str name = str_sub(text, 0, close < 0 ? 0 : (size_t)close);
        if (name.n && !find_value(w, name))
            return name;
    }
    return STR_EMPTY;
}

static const char *key_of(const struct writing *w, const char *part, char out[KEY_MAX])
{
    snprintf(out, KEY_MAX, "Mail.%s.%s", w->name, part);
    return out;
}

/* What every mail has to say: a value that is missing here is a mistake of the program. */
static enum status must_say(struct writing *w, const char *part, struct str *out, struct err *e)
{
    char key[KEY_MAX];
    const char *text = view_t_find(w->view, key_of(w, part, key));
    struct str gap = text ? lacks(w, str_from(text)) : STR_EMPTY;
    if (!text)
        return err_set(e, ERR_INVALID, "mail_unknown", "There is no text %s.", key);
    if (gap.n)
        return err_set(e, ERR_INVALID, "mail_invalid", "The text %s wants {%.*s}, which was not given.", key,
                       STR_F(gap));
    *out = view_fill_args(w->view, key, w->values, w->count);
    return OK;
}

/* A text that may be missing, or want a value that was not given: then "". */
static struct str may_say(struct writing *w, const char *part)
{
    char key[KEY_MAX];
    const char *text = view_t_find(w->view, key_of(w, part, key));
    return text && !lacks(w, str_from(text)).n ? view_fill_args(w->view, key, w->values, w->count) : STR_EMPTY;
}

/* ---- the parts, each put into the page and into the plain text ---- */

static void put_paragraphs(struct writing *w)
{
    char key[KEY_MAX], part[KEY_MAX];
    const char *name, *text;
    size_t shown = 0;
    for (size_t i = 0; view_t_child(w->view, key_of(w, "Text", key), i, &name, &text); i++) {
        snprintf(part, sizeof(part), "Text.%s", name);
        struct str words = may_say(w, part);
        if (!words.n)
            continue;
        view_str(w->view, view_at(w->view, "Mail.Text", shown++, "Words"), words);
        buf_printf(&w->text, "%.*s\n\n", STR_F(words));
    }
}

static void put_row(struct writing *w, struct str label, struct str value)
{
    view_str(w->view, view_at(w->view, "Mail.Rows", w->rows, "Label"), label);
    view_str(w->view, view_at(w->view, "Mail.Rows", w->rows++, "Value"), value);
    buf_printf(&w->text, "%.*s: %.*s\n", STR_F(label), STR_F(value));
}

static void put_rows(struct writing *w, const struct json *more)
{
    char key[KEY_MAX];
    const char *name, *label;
    for (size_t i = 0; view_t_child(w->view, key_of(w, "Rows", key), i, &name, &label); i++) {
        const struct view_arg *v = find_value(w, str_from(name));
        if (v && v->value.n)
            put_row(w, str_from(label), v->value);
    }
    for (size_t i = 0; i < json_len(more); i++)
        put_row(w, one_line(w->arena, json_get_str(json_at(more, i), "label")),
                one_line(w->arena, json_get_str(json_at(more, i), "value")));
    if (w->rows)
        buf_puts(&w->text, "\n");
}

static void put_button(struct writing *w)
{
    struct str label = w->url.n ? may_say(w, "Button") : STR_EMPTY;
    if (!label.n)
        return;
    view_str(w->view, "Mail.Button", label);
    view_str(w->view, "Mail.Url", w->url);
    buf_printf(&w->text, "%.*s:\n%.*s\n\n", STR_F(label), STR_F(w->url));
}

static void put_foot(struct writing *w, const struct config *c)
{
    struct str small = may_say(w, "Small"), brand = find_value(w, STR("brand"))->value;
    view_str(w->view, "Mail.Small", small);
    view_str(w->view, "Page.Brand", brand);
    view_text(w->view, "Page.Url", config_string(c, CONFIG_base_url));
    buf_puts(&w->text, "-- \n");
    if (small.n)
        buf_printf(&w->text, "%.*s\n", STR_F(small));
    buf_printf(&w->text, "%.*s, %s\n", STR_F(brand), config_string(c, CONFIG_base_url));
}

static enum status put_all(struct writing *w, const struct config *c, const struct json *payload,
                           struct mail_written *out, struct err *e)
{
    struct str head = STR_EMPTY, subject = STR_EMPTY;
    enum status st = must_say(w, "Subject", &subject, e);
    if (st == OK)
        st = must_say(w, "Head", &head, e);
    if (st != OK)
        return st;
    out->subject = utf8_cut(subject, SUBJECT_MAX);
    view_str(w->view, "Mail.Subject", out->subject);
    view_str(w->view, "Mail.Head", head);
    buf_printf(&w->text, "%.*s\n\n", STR_F(head));
    put_paragraphs(w);
    put_rows(w, json_get(payload, "rows"));
    put_button(w);
    put_foot(w, c);
    return OK;
}

static enum status render(struct writing *w, struct mail_written *out, struct err *e)
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

enum status mail_write(const struct config *c, struct arena *a, const struct json *payload, struct mail_written *out,
                       struct err *e)
{
    struct writing w = {.arena = a, .url = STR_EMPTY};
    char *language = arena_strdup(a, json_get_str(payload, "language"));
    *out = (struct mail_written){json_get_str(payload, "to"), STR_EMPTY, STR_EMPTY, STR_EMPTY};
    w.name = arena_strdup(a, json_get_str(payload, "template"));
    if (!language || !w.name || !(w.view = view_new(a, language)))
        return err_nomem(e);
    buf_init(&w.text, MAX_MAIL);
    enum status st = read_values(&w, c, json_get(payload, "values"), e);
    if (st == OK)
        st = put_all(&w, c, payload, out, e);
    if (st == OK)
        st = render(&w, out, e);
    buf_release(&w.text);
    return st;
}
