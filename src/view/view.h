/* view.h: pages and mails from ClearSilver templates. The one module that knows ClearSilver.
 *
 * A view is the data of one page, under names such as "Bot.Name" or "Bots.0.Name". Every value is HTML-escaped where it
 * is shown, except names that end in "_html", which only view_set_html can write. Numbers and times are formatted here,
 * in C.
 *
 * Templates are parsed once and kept in a pool: each render takes a parsed copy for itself and gives it back, so there
 * are never more copies of a template than renders of it at the same time. A template may use var, if/elif/else, each,
 * with, loop, set, def/call, include!"literal"; uvar for *_html names; url_escape() for one URL component and
 * url_validate() for whole addresses (http, https, mailto, or a path of this site; anything else shows as "#"), as the
 * outermost call of a var. tools/lint-templates enforces it.
 *
 * Thread rule: a view belongs to its thread; the library (opened once in main) serves all threads. */
#ifndef PARLEY_VIEW_VIEW_H
#define PARLEY_VIEW_VIEW_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

struct view_config {
    const char *template_dir; /* absolute; holds i18n/ as well */
    bool reload;              /* check at each render whether the files of the template changed: for development */
};
/* Once in main. Loads the texts: every i18n/<language>.hdf and i18n/<language>.<part>.hdf. English must exist.
 * ERR_INTERNAL. */
enum status view_library_open(const struct view_config *vc, struct err *e);
/* Read texts and templates again (SIGHUP). After a failure the loaded ones stay. Renders in progress are not
 * disturbed. */
enum status view_library_reload(struct err *e);
void view_library_close(void);

struct view;
/* A view in the arena, released with it. `language` ("de", "de-CH", "" or NULL) selects the tree "T" of texts; a text
 * that a language does not have is shown in English. NULL without memory. */
struct view *view_new(struct arena *a, const char *language);
/* The language that was selected: "en". */
const char *view_language(const struct view *v);

/* ---- setters: they return nothing. The first failure is kept, and view_render reports it. ----
 *
 * `key` is a literal, or made of literals and numbers, never of outside text. */

void view_str(struct view *v, const char *key, struct str value);
/* NULL leaves the key unset. */
void view_text(struct view *v, const char *key, const char *value);
void view_int(struct view *v, const char *key, int64_t value);
/* "1" or "0". */
void view_bool(struct view *v, const char *key, bool value);
/* 12,345, as the language writes it. */
void view_number(struct view *v, const char *key, int64_t value);
/* key = "23 Nov 2026, 05:52" and key + "Iso" = the ISO 8601 form. 0 leaves both unset. */
void view_time(struct view *v, const char *key, int64_t ms);
/* The same for the day alone: "23 Nov 2026" and "2026-11-23". */
void view_date(struct view *v, const char *key, int64_t ms);
void view_id(struct view *v, const char *key, const char *id_text);
/* key = T.<text_key>.one or .other with {n} filled in: "1 answer", "1,200 answers". */
void view_count(struct view *v, const char *key, const char *text_key, int64_t n);
/* HTML that is already safe; only view_safe_text makes it. */
struct safe_html {
    struct str s;
};
void view_set_html(struct view *v, const char *key, struct safe_html h);
/* Escape the text, and make markup of line breaks and http(s) links. */
struct safe_html view_safe_text(struct arena *a, struct str text);
/* The key "<list>.<i>.<field>", such as "Bots.0.Name"; borrowed until the next call. */
const char *view_at(struct view *v, const char *list, size_t i, const char *field);

/* ---- texts: results live as long as the view ---- */

/* The text T.<key> in the language of the view, or the key itself when there is none. */
const char *view_t(struct view *v, const char *key);
/* The same, or NULL when there is none. */
const char *view_t_find(struct view *v, const char *key);
/* Child `i` of the tree T.<key>, in the order of the file: its name and its text (NULL if it has none). False after the
 * last. */
bool view_t_child(struct view *v, const char *key, size_t i, const char **name, const char **text);
/* What view_number, view_time and view_date write, for use in a text; "" without memory. view_day is "" for 0. */
struct str view_number_text(struct view *v, int64_t value);
struct str view_time_text(struct view *v, int64_t ms);
struct str view_day(struct view *v, int64_t ms);
/* The text with "{name}" replaced by the argument of that name; "" without memory. */
struct view_arg {
    const char *name;
    struct str value;
};
struct str view_fill_args(struct view *v, const char *text_key, const struct view_arg *args, size_t n);
#define view_fill(v, text_key, ...)                                         \
    view_fill_args((v), (text_key), (const struct view_arg[]){__VA_ARGS__}, \
                   COUNT_OF(((const struct view_arg[]){__VA_ARGS__})))

/* Append the rendered templates/<name> ("portal/workspace/index.cs") to `out`. After a failure `out` is as it was.
 * ERR_NOMEM; ERR_INTERNAL, code template, or template_missing. */
enum status view_render(struct view *v, const char *name, struct buf *out, struct err *e);

#endif
