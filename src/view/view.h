/* view.h: pages and mails from ClearSilver templates. The one room that knows ClearSilver.
 *
 * A view is the data of one page: names such as "Bot.Name" or "Bots.0.Name". Every value is HTML-escaped where it is shown,
 * except names ending in "_html", which only view_set_html may write. Numbers and times are formatted here, in C.
 *
 * Templates are parsed once and kept in a pool: a render takes a parsed copy for itself alone and gives it back, so there
 * are never more copies of a template than renders of it at one time. In a template: var, if/elif/else, each, with, loop,
 * set, def/call, include!"literal"; uvar for *_html names; url_escape() for one URL component and url_validate() for whole
 * addresses (http, https, mailto, or a path of this site; anything else shows as "#"), as the outermost call of a var.
 * tools/lint-templates holds it.
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
    bool reload;              /* look at each render whether a template's files changed: for development */
};
/* Once in main. Loads the texts: every i18n/<language>.hdf and i18n/<language>.<room>.hdf. English must be there. */
enum status view_library_open(const struct view_config *vc, struct err *e);
/* Texts and templates are read again (SIGHUP). On failure what was loaded stays. Renders under way are not disturbed. */
enum status view_library_reload(struct err *e);
void view_library_close(void);

struct view;
/* Made in the arena, let go with it. `language` ("de", "de-CH", "" or NULL) picks the tree "T" of texts; what a language lacks
 * is shown in English. NULL without memory. */
struct view *view_new(struct arena *a, const char *language);
const char *view_language(const struct view *v); /* the one that was found: "en" */

/* All setters return nothing: the first failure is kept and view_render reports it. `key` is a literal or made of literals
 * and numbers, never of outside text. */
void view_str(struct view *v, const char *key, struct str value);
void view_text(struct view *v, const char *key, const char *value); /* NULL = not set */
void view_int(struct view *v, const char *key, int64_t value);
void view_bool(struct view *v, const char *key, bool value);      /* 1 or 0 */
void view_number(struct view *v, const char *key, int64_t value); /* 12,345 in the language's way */
void view_time(struct view *v, const char *key,
               int64_t ms); /* key = "23 Nov 2026, 05:52", key + "Iso" = ISO 8601; 0 = not set */
void view_date(struct view *v, const char *key,
               int64_t ms); /* the same, day only: "23 Nov 2026"; key + "Iso" = 2026-11-23 */
struct str view_day(struct view *v,
                    int64_t ms); /* "23 Nov 2026", UTC, for a place in a text; lives in the arena; "" for 0 */
void view_id(struct view *v, const char *key, const char *id_text);
struct safe_html {
    struct str s;
}; /* made only by view_safe_* */
struct safe_html view_safe_text(struct arena *a,
                                struct str text); /* escaped; line breaks and http(s) links become markup */
void view_set_html(struct view *v, const char *key, struct safe_html h);
/* "Bots.%d.Name" style keys without printf at each call: view_at(v, "Bots", i, "Name") borrowed until the next call. */
const char *view_at(struct view *v, const char *list, size_t i, const char *field);

/* The text T.<key> of the view's language (an error's words, a flash message); the key itself when missing. */
const char *view_t(struct view *v, const char *key);
const char *view_t_find(struct view *v, const char *key); /* the same, but NULL when missing */
/* Child `i` of the tree T.<key>, in the order of the file: its name and its text (NULL: it has none). False behind the last. */
bool view_t_child(struct view *v, const char *key, size_t i, const char **name, const char **text);
/* What view_number and view_time write, for a place in a text; "" without memory. */
struct str view_number_text(struct view *v, int64_t value);
struct str view_time_text(struct view *v, int64_t ms);
/* A text with places to fill: "{name}" becomes the argument of that name. Lives in the arena; "" without memory. */
struct view_arg {
    const char *name;
    struct str value;
};
struct str view_fill_args(struct view *v, const char *text_key, const struct view_arg *args, size_t n);
#define view_fill(v, text_key, ...)                                         \
    view_fill_args((v), (text_key), (const struct view_arg[]){__VA_ARGS__}, \
                   sizeof((const struct view_arg[]){__VA_ARGS__}) / sizeof(struct view_arg))
/* key = T.<text_key>.one or .other with {n}: "1 answer", "1,200 answers". */
void view_count(struct view *v, const char *key, const char *text_key, int64_t n);

/* Render templates/<name> ("portal/workspace/index.cs") behind what `out` holds; on failure `out` holds what it held before. */
enum status view_render(struct view *v, const char *name, struct buf *out, struct err *e);

#endif
