/* read.c: the file format: `key = value` lines, comments, and `include`.
 *
 * Each value is stored together with "file:line", so that `parley config` shows where it was set and an error names the
 * line. Includes nest at most CONFIG_INCLUDE_MAX deep: a file that includes itself is an error, not an endless loop. */
#include <errno.h>

#include "base/config/config_internal.h"
#include "base/file.h"
#include "base/utf8.h"

#include "base/banned.h"

/* A missing file and one that may not be read have different status codes: the first is usually a typing error in a
 * path, and the second a wrong owner or mode. */
static enum status config_unreadable(const char *path, int why, struct err *e)
{
    switch (why) {
    case EFBIG:
        return err_set_as(e, ERR_TOO_LARGE, E_config_invalid, "%s is larger than 1 MB. Split the file.", path);
    case ENOMEM:
        return err_nomem(e);
    default:
        return err_set_as(e, why == ENOENT ? ERR_NOT_FOUND : ERR_UNAVAILABLE, E_config_unreadable,
                          "%s cannot be read: %s.", path, strerror(why));
    }
}

/* The path of an included file: relative names start at the folder of the file that includes it. */
static char *include_path(struct arena *a, const char *path, struct str name)
{
    const char *slash = strrchr(path, '/');
    if (str_starts(name, STR("/")) || !slash)
        return arena_strdup(a, name);
    return arena_printf(a, "%.*s%.*s", (int)(slash - path + 1), path, STR_F(name));
}

static enum status config_include(struct config *c, const char *path, struct str name, int depth, struct err *e)
{
    if (!name.n)
        return err_set(e, E_config_invalid, "An include line must name a file.");
    if (depth >= CONFIG_INCLUDE_MAX)
        return err_set(e, E_config_invalid, "Too many nested includes.");
    char *file = include_path(&c->arena, path, name);
    return file ? config_read_file(c, file, depth + 1, e) : err_nomem(e);
}

/* A comment must have its own line: a "#" after a value belongs to the value, which may be a password. */
static enum status config_read_line(struct config *c, const char *path, size_t line, struct str s, int depth,
                                    struct err *e)
{
    s = str_trim(s);
    if (!s.n || s.p[0] == '#')
        return OK;
    if (str_starts(s, STR("include ")) || str_starts(s, STR("include\t")))
        return config_include(c, path, str_trim(str_sub(s, 8, s.n)), depth, e);
    ptrdiff_t equals = str_find(s, '=');
    if (equals < 0)
        return err_set(e, E_config_invalid, "Expected \"key = value\".");
    struct str name = str_trim(str_sub(s, 0, (size_t)equals)), value = str_trim(str_sub(s, (size_t)equals + 1, s.n));
    enum config_key k;
    if (!config_find(name, &k))
        return err_set(e, E_config_invalid, "There is no setting named \"%.*s\".", (int)utf8_cut(name, 60).n, name.p);
    char *from = arena_printf(&c->arena, "%s:%zu", path, line);
    return from ? config_assign(c, k, value, from, e) : err_nomem(e);
}

/* UTF-8 is checked by the line, so that the message can name the line of a file that an editor saved in another
 * encoding. A byte that is not valid would otherwise appear in mails and pages. */
enum status config_read_text(struct config *c, const char *path, struct str text, int depth, struct err *e)
{
    struct str line;
    for (size_t n = 1; str_split(&text, '\n', &line); n++) {
        enum status st = utf8_valid(line) ? config_read_line(c, path, n, line, depth, e)
                                          : err_set(e, E_config_invalid, "This line is not valid UTF-8.");
        if (st != OK)
            return err_wrap(e, "%s:%zu", path, n);
    }
    return OK;
}

/* A directory gives an error when it is read, and a device that never ends stops at the maximum, so neither is an
 * endless loop. */
enum status config_read_file(struct config *c, const char *path, int depth, struct err *e)
{
    struct buf text;
    buf_init(&text, CONFIG_FILE_MAX);
    int failed = file_read(path, &text);
    enum status st = failed ? config_unreadable(path, failed, e) : config_read_text(c, path, buf_str(&text), depth, e);
    buf_release(&text);
    return st;
}
