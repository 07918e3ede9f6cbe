/* texts.c: the texts of all languages.
 *
 * They are loaded as a whole and then never change, so any number of threads may read them without a lock. A view
 * holds a reference, so a reload (SIGHUP) replaces them without waiting for pages that are being rendered; the last
 * view frees the old ones. */
#include <ClearSilver/ClearSilver.h>
#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "view/view_internal.h"

#include "base/banned.h"

struct texts_language {
    char name[16];
    HDF *hdf;
};
struct texts {
    atomic_int refs;
    size_t n;
    struct texts_language languages[VIEW_LANGUAGES];
};

/* The full error names files and lines, which are for the log only. */
enum status neo_status(struct _neo_err *ne, const char *what, struct err *e)
{
    if (ne == STATUS_OK)
        return OK;
    STRING text;
    string_init(&text);
    nerr_error_string(ne, &text);
    log_line(LOG_ERROR, "template", LOG_S("what", what), LOG_S("error", text.buf ? text.buf : "no memory"));
    string_clear(&text);
    bool nomem = nerr_match(ne, NERR_NOMEM);
    bool missing = nerr_match(ne, NERR_NOT_FOUND);
    nerr_ignore(&ne);
    if (nomem)
        return err_nomem(e);
    return err_raise(e, missing ? E_template_missing : E_template);
}

static void texts_free(struct texts *t)
{
    for (size_t i = 0; i < t->n; i++)
        hdf_destroy(&t->languages[i].hdf);
    free(t);
}

/* Relaxed, because the caller already holds a reference or the lock of view.c, so the object cannot be freed at the
 * same time. The drop is acquire and release: the thread that frees the texts must see that all others have finished
 * reading. */
struct texts *texts_retain(struct texts *t)
{
    if (t)
        atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void texts_drop(struct texts *t)
{
    if (t && atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) == 1)
        texts_free(t);
}

static const struct texts_language *texts_language_find(const struct texts *t, struct str name)
{
    for (size_t i = 0; i < t->n; i++)
        if (str_ieq(str_from(t->languages[i].name), name))
            return &t->languages[i];
    return NULL;
}

/* "de-CH" falls back to "de", and everything else to the first language, which is English because it is loaded first.
 * So there is always a result, and callers need no check. */
struct _hdf *texts_find(const struct texts *t, const char *wanted, const char **language)
{
    struct str w = str_from(wanted);
    const struct texts_language *l = texts_language_find(t, w);
    ptrdiff_t dash = str_find(w, '-');
    if (!l && dash > 0)
        l = texts_language_find(t, str_sub(w, 0, (size_t)dash));
    if (!l)
        l = &t->languages[0];
    *language = l->name;
    return l->hdf;
}

/* The language in a file name: "en" for "en.hdf" and "en.chat.hdf". */
static bool texts_file_language(const char *file, struct str *out)
{
    struct str f = str_from(file);
    ptrdiff_t dot = str_find(f, '.');
    if (!str_ends(f, STR(".hdf")) || dot < 2 || dot >= (ptrdiff_t)sizeof(((struct texts_language *)0)->name))
        return false;
    *out = str_sub(f, 0, (size_t)dot);
    return true;
}

/* A language begins as a copy of English, so that a text which it does not have is shown in English. */
static enum status texts_language_add(struct texts *t, struct str name, const struct texts_language **out,
                                      struct err *e)
{
    if (t->n == VIEW_LANGUAGES)
        return err_set(e, E_internal, "There are more than %d languages in the template folder.", VIEW_LANGUAGES);
    struct texts_language *l = &t->languages[t->n];
    snprintf(l->name, sizeof(l->name), "%.*s", STR_F(name));
    enum status st = neo_status(hdf_init(&l->hdf), "texts", e);
    if (st != OK)
        return st;
    t->n++;
    *out = l;
    return t->n > 1 ? neo_status(hdf_copy(l->hdf, "", t->languages[0].hdf), "texts", e) : OK;
}

static enum status texts_file_read(struct texts *t, const char *dir, const char *file, struct str name, struct err *e)
{
    char path[1024];
    if (snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int)sizeof(path))
        return err_set(e, E_internal, "The path of the template folder is too long.");
    const struct texts_language *l = texts_language_find(t, name);
    enum status st = l ? OK : texts_language_add(t, name, &l, e);
    return st == OK ? neo_status(hdf_read_file(l->hdf, path), file, e) : st;
}

/* Called twice, first for English: the other languages are laid over a copy of it. */
static enum status texts_folder_read(struct texts *t, const char *dir, bool english, struct err *e)
{
    struct dirent **list = NULL;
    int n = scandir(dir, &list, NULL, alphasort);
    if (n < 0)
        return err_set(e, E_internal, "The texts in %s cannot be read: %s.", dir, strerror(errno));
    enum status st = OK;
    for (int i = 0; i < n; i++) {
        struct str name;
        if (st == OK && texts_file_language(list[i]->d_name, &name) && str_eq(name, STR("en")) == english)
            st = texts_file_read(t, dir, list[i]->d_name, name, e);
        free(list[i]);
    }
    free(list);
    return st;
}

/* Read into a new object; the caller replaces the old one only if all files are good. */
enum status texts_load(const char *template_dir, struct texts **out, struct err *e)
{
    char dir[900];
    if (snprintf(dir, sizeof(dir), "%s/i18n", template_dir) >= (int)sizeof(dir))
        return err_set(e, E_internal, "The path of the template folder is too long.");
    struct texts *t = calloc(1, sizeof(*t));
    if (!t)
        return err_nomem(e);
    atomic_init(&t->refs, 1);
    enum status st = texts_folder_read(t, dir, true, e);
    if (st == OK && t->n == 0)
        st = err_set(e, E_internal, "There is no i18n/en.hdf in %s.", template_dir);
    if (st == OK)
        st = texts_folder_read(t, dir, false, e);
    if (st == OK)
        *out = t;
    else
        texts_free(t);
    return st;
}
