/* view.h: pages and mails from ClearSilver templates. The one room that knows ClearSilver.
 *
 * A view is the data of one page: names such as "Bot.Name" or "Bots.0.Name". Every value is HTML-escaped where it is shown,
 * except names ending in "_html", which only view_set_html may write. Templates are parsed once per thread and kept; a
 * changed file is read again when `view_config.reload` is on. Numbers and times are formatted here, in C.
 * Thread rule: a view belongs to its thread; the library (opened once in main) serves all threads. */
#ifndef PARLEY_VIEW_VIEW_H
#define PARLEY_VIEW_VIEW_H

#include <stdint.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

struct view_config { const char *template_dir; bool reload; };
enum status view_library_open(const struct view_config *vc, struct err *e); /* once; loads the i18n HDF files too */
void view_library_close(void);

struct view;
/* Made in the arena, let go with it. `language` picks i18n/<language>.hdf (falls back to en) as the tree "T". NULL without
 * memory. */
struct view *view_new(struct arena *a, const char *language);

/* All setters return nothing: the first failure is kept and view_render reports it. `key` is a literal or made of literals
 * and numbers, never of outside text. */
void view_str(struct view *v, const char *key, struct str value);
void view_text(struct view *v, const char *key, const char *value);     /* NULL = not set */
void view_int(struct view *v, const char *key, int64_t value);
void view_bool(struct view *v, const char *key, bool value);            /* 1 or 0 */
void view_number(struct view *v, const char *key, int64_t value);       /* 12,345 in the language's way */
void view_time(struct view *v, const char *key, int64_t ms);            /* key = "23 Nov 2026, 05:52", key + "Iso" = ISO 8601 */
void view_id(struct view *v, const char *key, const char *id_text);
struct safe_html { struct str s; };                                     /* made only by view_safe_* */
struct safe_html view_safe_text(struct arena *a, struct str text);      /* escaped; line breaks and http(s) links become markup */
struct safe_html view_safe_json(struct arena *a, const struct json *j); /* for one <script type="application/json"> island */
void view_set_html(struct view *v, const char *key, struct safe_html h);
/* "Bots.%d.Name" style keys without printf at each call: view_at(v, "Bots", i, "Name") borrowed until the next call. */
const char *view_at(struct view *v, const char *list, size_t i, const char *field);
/* The text T.<key> of the view's language (an error's words, a flash message); the key itself when missing. */
const char *view_t(struct view *v, const char *key);

/* Render templates/<name> ("portal/bots.cs") behind what `out` holds. */
enum status view_render(struct view *v, const char *name, struct buf *out, struct err *e);

#endif
