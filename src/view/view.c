/* view.c: the data of a page: setters, texts, numbers and times.
 *
 * A handler sets values without checking each call; the first failure is kept and reported by view_render. Formatting
 * is done here rather than in templates, so that a template cannot choose a wrong format or escape. Invariant: names
 * that end in _html are written by view_set_html alone, and only such names may be shown without escaping. */
#include "view/view.h"

#include <ClearSilver/ClearSilver.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "view/view_internal.h"

#include "base/banned.h"

struct view {
    struct arena *arena;
    struct texts *texts;
    HDF *data, *words;
    const char *language;
    NEOERR *failed; /* the first setter that failed */
    bool nomem;
    char key[160];
};

static pthread_mutex_t texts_lock = PTHREAD_MUTEX_INITIALIZER;
static struct texts *texts_now;
static char texts_dir[900];

/* ---- the library ---- */

/* The old texts are dropped outside the lock: freeing a few thousand nodes takes longer than every page may be made to
 * wait. */
static void texts_replace(struct texts *t)
{
    pthread_mutex_lock(&texts_lock);
    struct texts *old = texts_now;
    texts_now = t;
    pthread_mutex_unlock(&texts_lock);
    texts_drop(old);
}

/* nerr_init is not thread safe, which is one reason why this is called once, in main, before threads. */
enum status view_library_open(const struct view_config *vc, struct err *e)
{
    enum status st = neo_status(nerr_init(), "start", e);
    if (st == OK)
        st = templates_open(vc, e);
    if (st == OK) {
        snprintf(texts_dir, sizeof(texts_dir), "%s", vc->template_dir);
        st = view_library_reload(e);
    }
    return st;
}

/* The new texts are complete before they replace the old ones, so a mistake in a file leaves the program as it was.
 * Templates are forgotten after that: a template that is parsed in between meets either set of texts, and both are
 * whole. */
enum status view_library_reload(struct err *e)
{
    struct texts *t = NULL;
    enum status st = texts_load(texts_dir, &t, e);
    if (st != OK)
        return st;
    texts_replace(t);
    templates_forget();
    return OK;
}

void view_library_close(void)
{
    texts_replace(NULL);
    templates_close();
}

/* ---- a view ---- */

static void view_free(void *ptr)
{
    struct view *v = ptr;
    nerr_ignore(&v->failed);
    hdf_destroy(&v->data);
    texts_drop(v->texts);
}

/* The texts are retained for the life of the view, so a reload cannot free them while a page is rendered. */
struct view *view_new(struct arena *a, const char *language)
{
    struct view *v = ARENA_NEW(a, struct view);
    if (!v)
        return NULL;
    v->arena = a;
    pthread_mutex_lock(&texts_lock);
    v->texts = texts_retain(texts_now);
    pthread_mutex_unlock(&texts_lock);
    if (!v->texts)
        BUG("view_new before view_library_open");
    v->words = texts_find(v->texts, language, &v->language);
    NEOERR *ne = hdf_init(&v->data);
    if (ne != STATUS_OK) {
        nerr_ignore(&ne);
        texts_drop(v->texts);
        return NULL;
    }
    if (arena_defer(a, view_free, v) != 0)
        return NULL;
    view_text(v, "Page.Language", v->language);
    return v;
}

const char *view_language(const struct view *v)
{
    return v->language;
}

/* ---- setters ---- */

/* The first failure names the cause; those after it are usually its consequences. Each error has to be consumed once,
 * or it leaks. */
static void view_keep_failure(struct view *v, NEOERR *ne)
{
    if (ne == STATUS_OK)
        return;
    if (v->failed)
        nerr_ignore(&ne);
    else
        v->failed = ne;
}

/* hdf_set_buf takes over the copy. hdf_set_value would copy it once more. Neither parses the value, unlike
 * hdf_set_valuef and hdf_read_string, with which text of a visitor could set other names. */
static void view_set_raw(struct view *v, const char *key, struct str value)
{
    char *copy = malloc(value.n + 1);
    if (!copy) {
        v->nomem = true;
        return;
    }
    memcpy(copy, value.p, value.n);
    copy[value.n] = 0;
    NEOERR *ne = hdf_set_buf(v->data, key, copy);
    if (ne != STATUS_OK)
        free(copy);
    view_keep_failure(v, ne);
}

/* The check is at run time, because keys are often composed. It aborts: a page that continues would show a visitor's
 * text as markup. */
void view_str(struct view *v, const char *key, struct str value)
{
    if (str_ends(str_from(key), STR("_html")))
        BUG("view_str(%s): only view_set_html may write a name ending in _html", key);
    view_set_raw(v, key, value);
}

void view_text(struct view *v, const char *key, const char *value)
{
    if (value)
        view_str(v, key, str_from(value));
}

void view_int(struct view *v, const char *key, int64_t value)
{
    char text[32];
    snprintf(text, sizeof(text), "%" PRId64, value);
    view_text(v, key, text);
}

void view_bool(struct view *v, const char *key, bool value)
{
    view_text(v, key, value ? "1" : "0");
}

/* Digits with the separator of the language between thousands. At most 26 characters and 6 separators of 4 bytes. */
static void number_text(struct view *v, int64_t value, char out[64])
{
    char digits[32];
    const char *mark = view_t(v, "Format.Thousands");
    int n = snprintf(digits, sizeof(digits), "%" PRIu64, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
    size_t at = 0;
    if (value < 0)
        out[at++] = '-';
    for (int i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0)
            at += (size_t)snprintf(out + at, 64 - at, "%.4s", mark);
        out[at++] = digits[i];
    }
    out[at] = 0;
}

void view_number(struct view *v, const char *key, int64_t value)
{
    char text[64];
    number_text(v, value, text);
    view_text(v, key, text);
}

struct str view_number_text(struct view *v, int64_t value)
{
    char text[64];
    number_text(v, value, text);
    const char *copy = arena_strdup(v->arena, str_from(text));
    v->nomem = v->nomem || !copy;
    return str_from(copy);
}

/* Month names and order come from the texts, not from strftime: the locale of a process is one for all threads, and
 * pages have many languages. */
static struct str moment_text(struct view *v, const char *text_key, int64_t ms)
{
    struct clock_date d = clock_split(ms);
    char month[40];
    snprintf(month, sizeof(month), "Format.Month.%d", d.month);
    struct str day = str_from(arena_printf(v->arena, "%d", d.day)),
               year = str_from(arena_printf(v->arena, "%d", d.year));
    struct str time = str_from(arena_printf(v->arena, "%02d:%02d", d.hour, d.minute));
    return view_fill(v, text_key, {"day", day}, {"month", str_from(view_t(v, month))}, {"year", year}, {"time", time});
}

struct str view_time_text(struct view *v, int64_t ms)
{
    return moment_text(v, "Format.Time", ms);
}

struct str view_day(struct view *v, int64_t ms)
{
    return ms ? moment_text(v, "Format.Day", ms) : STR_EMPTY;
}

/* The page shows the readable form and carries the exact one in a <time> element, from which a script can compute local
 * time. */
void view_time(struct view *v, const char *key, int64_t ms)
{
    if (ms == 0)
        return;
    char iso_key[180];
    view_str(v, key, view_time_text(v, ms));
    struct buf b;
    buf_init(&b, 64);
    clock_iso(&b, ms);
    snprintf(iso_key, sizeof(iso_key), "%sIso", key);
    view_str(v, iso_key, buf_str(&b));
    buf_release(&b);
}

void view_date(struct view *v, const char *key, int64_t ms)
{
    char iso[16], iso_key[180];
    if (ms == 0)
        return;
    struct clock_date d = clock_split(ms);
    snprintf(iso, sizeof(iso), "%04d-%02u-%02u", d.year, (unsigned)d.month % 100, (unsigned)d.day % 100);
    snprintf(iso_key, sizeof(iso_key), "%sIso", key);
    view_str(v, key, view_day(v, ms));
    view_text(v, iso_key, iso);
}

void view_id(struct view *v, const char *key, const char *id_text)
{
    view_text(v, key, id_text);
}

void view_set_html(struct view *v, const char *key, struct safe_html h)
{
    if (!str_ends(str_from(key), STR("_html")))
        BUG("view_set_html(%s): the name must end in _html", key);
    view_set_raw(v, key, h.s);
}

const char *view_at(struct view *v, const char *list, size_t i, const char *field)
{
    if (snprintf(v->key, sizeof(v->key), "%s.%zu.%s", list, i, field) >= (int)sizeof(v->key))
        BUG("view_at(%s): the name is too long", list);
    return v->key;
}

/* ---- texts ---- */

const char *view_t_find(struct view *v, const char *key)
{
    char name[200];
    snprintf(name, sizeof(name), "T.%s", key);
    return hdf_get_value(v->words, name, NULL);
}

/* A missing text shows its key: a page with an odd word in it is better than no page, and the key says what to add. */
const char *view_t(struct view *v, const char *key)
{
    const char *text = view_t_find(v, key);
    if (text)
        return text;
    const char *copy = arena_strdup(v->arena, str_from(key));
    return copy ? copy : "";
}

bool view_t_child(struct view *v, const char *key, size_t i, const char **name, const char **text)
{
    char path[200];
    snprintf(path, sizeof(path), "T.%s", key);
    HDF *child = hdf_get_child(v->words, path);
    for (; child && i; i--)
        child = hdf_obj_next(child);
    *name = child ? hdf_obj_name(child) : NULL;
    *text = child ? hdf_obj_value(child) : NULL;
    return child;
}

static const struct view_arg *arg_find(const struct view_arg *args, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eqz(name, args[i].name))
            return &args[i];
    return NULL;
}

/* A "{" that begins no known name is copied as it is, so texts may contain braces. */
struct str view_fill_args(struct view *v, const char *text_key, const struct view_arg *args, size_t n)
{
    struct str rest = str_from(view_t(v, text_key));
    struct buf b;
    buf_init(&b, MAX_REPLY);
    while (rest.n) {
        ptrdiff_t open = str_find(rest, '{');
        size_t plain = open < 0 ? rest.n : (size_t)open;
        buf_str_add(&b, str_sub(rest, 0, plain));
        rest = str_sub(rest, plain, rest.n - plain);
        if (!rest.n)
            break;
        ptrdiff_t close = str_find(rest, '}');
        const struct view_arg *arg = close > 0 ? arg_find(args, n, str_sub(rest, 1, (size_t)close - 1)) : NULL;
        size_t take = arg ? (size_t)close + 1 : 1;
        buf_str_add(&b, arg ? arg->value : str_sub(rest, 0, 1));
        rest = str_sub(rest, take, rest.n - take);
    }
    bool ok = buf_ok(&b);
    struct str out = ok ? arena_str(v->arena, buf_str(&b), &ok) : STR_EMPTY;
    buf_release(&b);
    v->nomem = v->nomem || !ok;
    return ok ? out : STR_EMPTY;
}

/* Two forms are enough for the languages there are. A language with more plurals needs a rule here and not in
 * templates. */
void view_count(struct view *v, const char *key, const char *text_key, int64_t n)
{
    char number[64], name[200];
    number_text(v, n, number);
    snprintf(name, sizeof(name), "%s.%s", text_key, n == 1 ? "one" : "other");
    view_str(v, key, view_fill(v, name, {"n", str_from(number)}));
}

/* ---- render ---- */

enum status view_render(struct view *v, const char *name, struct buf *out, struct err *e)
{
    struct parsed *p = NULL;
    if (v->nomem)
        return err_nomem(e);
    /* neo_status consumes the error, so the view must not keep it. */
    NEOERR *failed = v->failed;
    v->failed = STATUS_OK;
    enum status st = neo_status(failed, name, e);
    if (st == OK)
        st = templates_take(name, &p, e);
    if (st == OK) {
        st = templates_render(p, v->data, v->words, out, e);
        templates_give(p);
    }
    return st;
}
