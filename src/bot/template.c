/* template.c: the bot templates that come with the install: one JSON file each, {"id", "category", "name": {"en": ..},
 * "summary": {"en": ..}, "flow": {..}}. They are read once and kept for the life of the process, because they change
 * only with a release. Invariant: once `loaded` is set, the shelf is read without the lock and never changes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/vec.h"
#include "bot/bot_internal.h"

#include "base/banned.h"

#ifndef PARLEY_PKGDATADIR
#define PARLEY_PKGDATADIR "/usr/share/parley"
#endif
#define MAX_TEMPLATES 200
#define SHELF_ARENA (64 * MB) /* all templates as documents, kept as long as the program runs */

static struct {
    pthread_mutex_t lock;
    bool loaded;
    struct arena arena;
    struct json *docs[MAX_TEMPLATES];
    size_t n;
} shelf = {.lock = PTHREAD_MUTEX_INITIALIZER};

static const char *template_dir(const struct config *c)
{
    const char *dir = config_string(c, CONFIG_flow_template_dir);
    return *dir ? dir : PARLEY_PKGDATADIR "/flows";
}

/* A flow may have MAX_FLOW bytes without white space; a file is indented and has texts around the flow, so it may have
 * twice as many. The message names the file and not its folder, which is the operator's business and not a tenant's. */
static enum status template_read_file(struct arena *a, const char *path, struct str *out, struct err *e)
{
    struct buf text;
    bool ok = true;
    buf_init(&text, 2 * MAX_FLOW);
    int failed = file_read(path, &text);
    if (!failed)
        *out = arena_str(a, buf_str(&text), &ok);
    buf_release(&text);
    if (!ok || failed == ENOMEM)
        return err_nomem(e);
    return !failed ? OK
                   : err_set(e, E_template_unreadable, "A bot template cannot be read: %s.", strrchr(path, '/') + 1);
}

static enum status shelf_load_one(const char *dir, const char *name, struct err *e)
{
    char *path = arena_printf(&shelf.arena, "%s/%s", dir, name);
    struct str text;
    struct json *doc;
    enum status st;
    if (!path)
        return err_nomem(e);
    if ((st = template_read_file(&shelf.arena, path, &text, e)) != OK)
        return st;
    /* The flow is nested deeper here than in a draft. A template that does not parse is a fault of the install, not of
     * the request that found it, hence ERR_INTERNAL. */
    if ((st = json_parse(&shelf.arena, text, MAX_JSON_DEPTH + 2, &doc, e)) != OK) {
        (void)err_wrap(e, "Bot template %s", name);
        return e ? (e->status = ERR_INTERNAL) : ERR_INTERNAL;
    }
    if (!json_get_str(doc, "id").n || !json_is(json_get(doc, "flow"), JSON_OBJECT))
        return err_set(e, E_template_invalid, "Bot template %s has no id or no flow.", name);
    shelf.docs[shelf.n++] = doc;
    return OK;
}

/* Hidden files are left out: editors and package managers leave some beside the real ones. */
static int is_template(const struct dirent *d)
{
    size_t n = strlen(d->d_name);
    return d->d_name[0] != '.' && n > 5 && strcmp(d->d_name + n - 5, ".json") == 0;
}

/* All templates or none: one that cannot be read would otherwise be missing from the gallery unnoticed. The order is
 * that of the file names, so the gallery looks the same in every process. A failure is not remembered, so an operator
 * who repairs the folder need not restart anything. */
static enum status shelf_load(const struct config *c, struct err *e)
{
    const char *dir = template_dir(c);
    struct dirent **found = NULL;
    enum status st = OK;
    int n = scandir(dir, &found, is_template, alphasort);
    if (n < 0)
        return err_set(e, E_templates_missing, "The folder of bot templates cannot be read (flow_template_dir): %s.",
                       strerror(errno));
    arena_init(&shelf.arena, SHELF_ARENA);
    shelf.n = 0;
    for (int i = 0; i < n; i++) {
        if (st == OK && shelf.n < MAX_TEMPLATES)
            st = shelf_load_one(dir, found[i]->d_name, e);
        free(found[i]);
    }
    free(found);
    if (st != OK)
        arena_release(&shelf.arena);
    shelf.loaded = st == OK;
    return st;
}

/* Templates are read at the first use and kept for the life of the process: they come with the release. */
static enum status shelf_open(const struct config *c, struct err *e)
{
    enum status st = OK;
    pthread_mutex_lock(&shelf.lock);
    if (!shelf.loaded)
        st = shelf_load(c, e);
    pthread_mutex_unlock(&shelf.lock);
    return st;
}

/* The text in this language, else in its base language ("es-MX": "es"), else in English, else in any. */
static struct str template_text(const struct json *texts, struct str language)
{
    struct json_iter it = {0};
    struct json *t = json_get_n(texts, language);
    ptrdiff_t dash = str_find(language, '-');
    if (!t && dash > 0)
        t = json_get_n(texts, str_sub(language, 0, (size_t)dash));
    if (!t)
        t = json_get(texts, "en");
    if (!t && json_is(texts, JSON_OBJECT) && json_each(texts, &it))
        t = it.value;
    return t ? json_str(t) : json_str(texts);
}

/* Texts are borrowed from the shelf, which is never released once it is loaded. */
static struct bot_template template_of(struct json *doc, struct str language)
{
    return (struct bot_template){.id = json_get_str(doc, "id"),
                                 .name = template_text(json_get(doc, "name"), language),
                                 .summary = template_text(json_get(doc, "summary"), language),
                                 .category = json_get_str(doc, "category"),
                                 .flow = json_get(doc, "flow")};
}

enum status bot_templates(const struct config *c, struct arena *a, struct str language, struct bot_template **out,
                          size_t *n, struct err *e)
{
    enum status st = shelf_open(c, e);
    if (st != OK)
        return st;
    *out = arena_array(a, shelf.n + 1, sizeof(**out));
    if (!*out)
        return err_nomem(e);
    for (size_t i = 0; i < shelf.n; i++)
        (*out)[i] = template_of(shelf.docs[i], language);
    *n = shelf.n;
    return OK;
}

/* A linear search: there are few templates, and one is looked for only when a bot is made. */
enum status bot_template_find(const struct config *c, struct str id, struct bot_template *out, struct err *e)
{
    enum status st = shelf_open(c, e);
    if (st != OK)
        return st;
    for (size_t i = 0; i < shelf.n; i++) {
        if (!str_eq(json_get_str(shelf.docs[i], "id"), id))
            continue;
        *out = template_of(shelf.docs[i], STR("en"));
        return OK;
    }
    return err_raise_at(e, E_template_unknown, "template");
}
