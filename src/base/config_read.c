#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/config_internal.h"
#include "base/utf8.h"

#include "base/banned.h"

static enum status open_failed(const char *path, struct err *e)
{
    return err_set_as(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_UNAVAILABLE, E_config_unreadable,
                      "%s cannot be read: %s.", path, strerror(errno));
}

static enum status slurp(const char *path, struct buf *out, struct err *e)
{
    enum status st = OK;
    char part[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return open_failed(path, e);
    for (;;) {
        ssize_t n = read(fd, part, sizeof(part));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            st = open_failed(path, e);
        if (n <= 0)
            break;
        buf_add(out, part, (size_t)n);
    }
    if (st == OK && !buf_ok(out))
        st = out->n + sizeof(part) > out->max ? err_set_as(e, ERR_TOO_LARGE, E_config_invalid, "%s is over 1 MB.", path)
                                              : err_nomem(e);
    close(fd);
    return st;
}

/* `name` as it is meant in a file at `path`. */
static char *beside(struct arena *a, const char *path, struct str name)
{
    const char *slash = strrchr(path, '/');
    if (str_starts(name, STR("/")) || !slash)
        return arena_strdup(a, name);
    return arena_printf(a, "%.*s%.*s", (int)(slash - path + 1), path, STR_F(name));
}

static enum status include(struct config *c, const char *path, struct str name, int depth, struct err *e)
{
    if (!name.n)
        return err_set(e, E_config_invalid, "include needs the name of a file.");
    if (depth >= CONFIG_INCLUDE_MAX)
        return err_set(e, E_config_invalid, "Files include each other too deep.");
    char *file = beside(&c->arena, path, name);
    return file ? config_read_file(c, file, depth + 1, e) : err_nomem(e);
}

static enum status read_line(struct config *c, const char *path, size_t line, struct str s, int depth, struct err *e)
{
    s = str_trim(s);
    if (!s.n || s.p[0] == '#')
        return OK;
    if (str_starts(s, STR("include ")) || str_starts(s, STR("include\t")))
        return include(c, path, str_trim(str_sub(s, 8, s.n)), depth, e);
    ptrdiff_t equals = str_find(s, '=');
    if (equals < 0)
        return err_set(e, E_config_invalid, "This line is no \"key = value\".");
    struct str name = str_trim(str_sub(s, 0, (size_t)equals)), value = str_trim(str_sub(s, (size_t)equals + 1, s.n));
    enum config_key k;
    if (!config_find(name, &k))
        return err_set(e, E_config_invalid, "There is no setting \"%.*s\".", (int)utf8_cut(name, 60).n, name.p);
    char *from = arena_printf(&c->arena, "%s:%zu", path, line);
    return from ? config_assign(c, k, value, from, e) : err_nomem(e);
}

enum status config_read_text(struct config *c, const char *path, struct str text, int depth, struct err *e)
{
    struct str line;
    for (size_t n = 1; str_split(&text, '\n', &line); n++) {
        enum status st = utf8_valid(line) ? read_line(c, path, n, line, depth, e)
                                          : err_set(e, E_config_invalid, "This line is no UTF-8.");
        if (st != OK)
            return err_wrap(e, "%s:%zu", path, n);
    }
    return OK;
}

enum status config_read_file(struct config *c, const char *path, int depth, struct err *e)
{
    struct buf text;
    buf_init(&text, CONFIG_FILE_MAX);
    enum status st = slurp(path, &text, e);
    if (st == OK)
        st = config_read_text(c, path, buf_str(&text), depth, e);
    buf_release(&text);
    return st;
}
