/* template.c: parsed templates, and the files they come from.
 *
 * A parsed template cannot be rendered by two threads at once: ClearSilver keeps the data of the render in it and even
 * writes into variable names while it looks them up. So each render takes a copy out of the pool, or parses one.
 * Copies of an older generation (before a reload) are dropped when they come back. Invariant: a copy is either in the
 * idle list of its entry or held by exactly one thread. */
#include <ClearSilver/ClearSilver.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "view/view_internal.h"

#include "base/banned.h"

/* One file that a parsed template came from, to see whether it changed. */
struct template_file {
    char path[256]; /* below the template folder */
    struct timespec mtime;
    ino_t ino;
    off_t size;
};
struct parsed {
    CSPARSE *cs;
    HDF *config; /* where cs_init reads the escape mode */
    struct template_entry *entry;
    struct parsed *next;
    unsigned generation;
    size_t loads;
    struct template_file deps[VIEW_LOADS];
};
struct template_entry {
    char name[128];
    struct parsed *idle;
    struct template_entry *next;
};

static struct {
    pthread_mutex_t lock;  /* the lists below; never held while parsing or rendering */
    pthread_mutex_t parse; /* ClearSilver numbers nodes with a global variable: one parse at a time */
    char dir[900];
    bool reload;
    unsigned generation;
    struct template_entry *entries;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .parse = PTHREAD_MUTEX_INITIALIZER};

/* ---- files ---- */

/* A relative path in lower case without hidden or upward parts: a template name can only mean a file below the
 * folder. */
static bool name_allowed(const char *name)
{
    struct str s = str_from(name);
    if (s.n == 0 || s.n >= sizeof(((struct template_file *)0)->path) || s.p[0] == '/' || !str_ends(s, STR(".cs")) ||
        str_has(s, STR("..")))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '/' || c == '.'))
            return false;
    }
    return true;
}

/* The content of a file as memory that ClearSilver frees. */
static NEOERR *template_read(int fd, const char *name, char **out)
{
    struct buf text;
    buf_init(&text, VIEW_TEMPLATE_FILE);
    int failed = file_read_fd(fd, &text);
    bool good = !failed && !memchr(text.p, '\0', text.n);
    if (good && (*out = buf_detach(&text)))
        return STATUS_OK;
    buf_release(&text);
    return good || failed == ENOMEM ? nerr_raise(NERR_NOMEM, "no memory for %s", name)
                                    : nerr_raise(NERR_IO, "%s cannot be read", name);
}

/* ClearSilver asks for each file of a template here, also for those that it includes. It has no limit of its own: a
 * file that includes itself would end in a stack overflow, so loads are counted. fstat on the open file and not stat on
 * the path: what is checked is then what is read. */
static NEOERR *template_load(void *ctx, HDF *hdf, const char *name, char **out)
{
    struct parsed *p = ctx;
    char path[1200];
    struct stat sb;
    (void)hdf;
    if (!name_allowed(name))
        return nerr_raise(NERR_ASSERT, "%s is not a template name", name);
    if (p->loads == VIEW_LOADS)
        return nerr_raise(NERR_ASSERT, "%s: more than %d includes", name, VIEW_LOADS);
    snprintf(path, sizeof(path), "%s/%s", pool.dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return nerr_raise(NERR_NOT_FOUND, "%s: %s", name, strerror(errno));
    NEOERR *ne;
    if (fstat(fd, &sb) != 0 || !S_ISREG(sb.st_mode) || sb.st_size > (off_t)VIEW_TEMPLATE_FILE)
        ne = nerr_raise(NERR_IO, "%s is not a template file", name);
    else
        ne = template_read(fd, name, out);
    close(fd);
    if (ne == STATUS_OK) {
        struct template_file *d = &p->deps[p->loads++];
        snprintf(d->path, sizeof(d->path), "%s", name);
        d->mtime = sb.st_mtim;
        d->ino = sb.st_ino;
        d->size = sb.st_size;
    }
    return ne;
}

/* The inode is compared too, because an editor that replaces a file may keep time and size. */
static bool dep_changed(const struct template_file *d)
{
    char path[1200];
    struct stat sb;
    snprintf(path, sizeof(path), "%s/%s", pool.dir, d->path);
    return stat(path, &sb) != 0 || sb.st_ino != d->ino || sb.st_size != d->size ||
           sb.st_mtim.tv_sec != d->mtime.tv_sec || sb.st_mtim.tv_nsec != d->mtime.tv_nsec;
}

static bool parsed_changed(const struct parsed *p)
{
    for (size_t i = 0; i < p->loads; i++)
        if (dep_changed(&p->deps[i]))
            return true;
    return false;
}

/* ---- functions a template may call ---- */

static NEOERR *text_out(struct buf *b, char **out)
{
    char *text = buf_ok(b) ? buf_detach(b) : NULL;
    *out = text ? text : strdup("");
    buf_release(b);
    return *out ? STATUS_OK : nerr_raise(NERR_NOMEM, "no memory for a value");
}

static NEOERR *fn_url_escape(const char *in, char **out)
{
    struct buf b;
    buf_init(&b, 1 * MB);
    buf_url(&b, str_from(in));
    return text_out(&b, out);
}

static bool starts_i(struct str s, const char *prefix)
{
    struct str p = str_from(prefix);
    return s.n >= p.n && str_ieq(str_sub(s, 0, p.n), p);
}

/* Only schemes that cannot run anything, or a path of this site. "//host" would be another site, and browsers read a
 * backslash as a slash. Blanks and control characters are refused everywhere, because browsers skip them:
 * "java\tscript:" would pass a check of the prefix. */
static bool address_allowed(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == '\\')
            return false;
    if (s.n && s.p[0] == '/')
        return s.n < 2 || s.p[1] != '/';
    return starts_i(s, "http://") || starts_i(s, "https://") || starts_i(s, "mailto:");
}

/* Registered as an escaping function, so ClearSilver does not escape the result again; hence buf_html here. */
static NEOERR *fn_url_validate(const char *in, char **out)
{
    struct str s = str_trim(str_from(in));
    struct buf b;
    buf_init(&b, 1 * MB);
    buf_html(&b, address_allowed(s) ? s : STR("#"));
    return text_out(&b, out);
}

/* ---- parsing ---- */

static void parsed_free(struct parsed *p)
{
    if (!p)
        return;
    cs_destroy(&p->cs);
    hdf_destroy(&p->config);
    free(p);
}

static NEOERR *parsed_prepare(struct parsed *p)
{
    static char url_escape[] = "url_escape", url_validate[] = "url_validate"; /* the library wants char * */
    NEOERR *ne = hdf_init(&p->config);
    if (ne == STATUS_OK)
        ne = hdf_set_value(p->config, "Config.VarEscapeMode", "html");
    if (ne == STATUS_OK)
        ne = cs_init(&p->cs, p->config);
    if (ne != STATUS_OK)
        return nerr_pass(ne);
    /* The mode is read only in cs_init. Without it every value would be shown without escaping. */
    CHECK(p->cs->escaping.global_ctx == NEOS_ESCAPE_HTML);
    cs_register_fileload(p->cs, p, template_load);
    ne = cs_register_esc_strfunc(p->cs, url_escape, fn_url_escape);
    if (ne == STATUS_OK)
        ne = cs_register_esc_strfunc(p->cs, url_validate, fn_url_validate);
    return nerr_pass(ne);
}

/* Parsing holds a lock of its own, so renders of parsed templates continue meanwhile. Two threads that miss the same
 * template both parse it, one after the other; the pool then simply has two copies, which the next busy moment needs
 * anyway. */
static enum status parsed_make(struct template_entry *en, unsigned generation, struct parsed **out, struct err *e)
{
    struct parsed *p = calloc(1, sizeof(*p));
    if (!p)
        return err_nomem(e);
    p->entry = en;
    p->generation = generation;
    pthread_mutex_lock(&pool.parse);
    NEOERR *ne = parsed_prepare(p);
    if (ne == STATUS_OK)
        ne = cs_parse_file(p->cs, en->name);
    pthread_mutex_unlock(&pool.parse);
    enum status st = neo_status(ne, en->name, e);
    if (st != OK)
        parsed_free(p);
    else
        *out = p;
    return st;
}

/* ---- the pool ---- */

/* The entry of a template, made if necessary. The caller holds the lock. Entries live until the library closes. */
static struct template_entry *entry_find(const char *name)
{
    struct template_entry *en = pool.entries;
    while (en && strcmp(en->name, name) != 0)
        en = en->next;
    if (en || strlen(name) >= sizeof(en->name))
        return en;
    en = calloc(1, sizeof(*en));
    if (!en)
        return NULL;
    snprintf(en->name, sizeof(en->name), "%s", name);
    en->next = pool.entries;
    pool.entries = en;
    return en;
}

/* An idle copy that is outdated is freed, and the search starts again. The generation is read under the same lock as
 * the list: a reload between the two could otherwise label a new parse with the old number, which only wastes it, or
 * the reverse, which would keep an old template for ever. */
enum status templates_take(const char *name, struct parsed **out, struct err *e)
{
    for (;;) {
        pthread_mutex_lock(&pool.lock);
        struct template_entry *en = entry_find(name);
        struct parsed *p = en ? en->idle : NULL;
        unsigned generation = pool.generation;
        if (p)
            en->idle = p->next;
        pthread_mutex_unlock(&pool.lock);
        if (!en)
            return err_nomem(e);
        if (!p)
            return parsed_make(en, generation, out, e);
        if (p->generation == generation && !(pool.reload && parsed_changed(p))) {
            *out = p;
            return OK;
        }
        parsed_free(p);
    }
}

/* The data of the render is taken out, so that an idle copy holds no pointer into a finished request. */
void templates_give(struct parsed *p)
{
    p->cs->hdf = p->config;
    p->cs->global_hdf = NULL;
    pthread_mutex_lock(&pool.lock);
    bool keep = p->generation == pool.generation;
    if (keep) {
        p->next = p->entry->idle;
        p->entry->idle = p;
    }
    pthread_mutex_unlock(&pool.lock);
    if (!keep)
        parsed_free(p);
}

/* ClearSilver limits neither loops nor output. The maximum of the buffer is what stops a template that would write for
 * ever. */
static NEOERR *piece_out(void *ctx, char *piece)
{
    struct buf *out = ctx;
    buf_puts(out, piece);
    return buf_ok(out) ? STATUS_OK : nerr_raise(NERR_ASSERT, "the page is too large");
}

/* After a failure the buffer is cut back: half a page must not be sent. */
enum status templates_render(struct parsed *p, struct _hdf *data, struct _hdf *texts, struct buf *out, struct err *e)
{
    size_t before = out->n;
    if (!buf_ok(out))
        return err_set(e, E_internal, "The page is too large.");
    p->cs->hdf = data;
    p->cs->global_hdf = texts;
    enum status st = neo_status(cs_render(p->cs, out, piece_out), p->entry->name, e);
    if (st != OK) {
        out->failed = false;
        out->n = before;
        if (out->cap)
            out->p[before] = 0;
    }
    return st;
}

enum status templates_open(const struct view_config *vc, struct err *e)
{
    if (snprintf(pool.dir, sizeof(pool.dir), "%s", vc->template_dir) >= (int)sizeof(pool.dir))
        return err_set(e, E_internal, "The path of the template folder is too long.");
    pool.reload = vc->reload;
    return OK;
}

void templates_forget(void)
{
    pthread_mutex_lock(&pool.lock);
    pool.generation++;
    pthread_mutex_unlock(&pool.lock);
}

void templates_close(void)
{
    pthread_mutex_lock(&pool.lock);
    struct template_entry *en = pool.entries;
    pool.entries = NULL;
    pthread_mutex_unlock(&pool.lock);
    while (en) {
        struct template_entry *next = en->next;
        while (en->idle) {
            struct parsed *p = en->idle;
            en->idle = p->next;
            parsed_free(p);
        }
        free(en);
        en = next;
    }
}
