/* cli.c: what every command needs: its options, its database, its files.
 *
 * Messages name the word that was wrong, because the caller often is a script whose author reads nothing else. A
 * command takes its options before it opens the database, so wrong usage is reported even when the database is down. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/utf8.h"
#include "db/migrate.h"

#include "base/banned.h"

/* Formatted here first, because err_set has no variant that takes a va_list. A longer text is cut, which is harmless:
 * arguments of any length may be part of the message. */
enum status cli_usage(struct err *e, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return err_set(e, E_usage, "%s", text);
}

/* Takes the option at argv[*i], and its value, which *i is moved to. */
static enum status cli_take_option(struct cli *cl, int *i, const struct cli_opt *opts, size_t n, struct err *e)
{
    const char *word = cl->argv[*i] + 2;
    const char *eq = strchr(word, '=');
    struct str name = str_n(word, eq ? (size_t)(eq - word) : strlen(word));
    for (size_t k = 0; k < n; k++) {
        if (!str_eqz(name, opts[k].name))
            continue;
        if (opts[k].flag) {
            *opts[k].flag = true;
            return eq ? cli_usage(e, "The option --%s takes no value.", opts[k].name) : OK;
        }
        if (!eq && *i + 1 >= cl->argc)
            return cli_usage(e, "The option --%s needs a value.", opts[k].name);
        *opts[k].value = eq ? eq + 1 : cl->argv[++*i];
        return OK;
    }
    return cli_usage(e, "There is no option --%.*s.", STR_F(name));
}

/* Arguments are moved to the front of argv in place: `kept` never overtakes `i`, so no word is lost. A single "-" is an
 * argument (standard input) and not an option. There are no short options; one that is typed is refused and not taken
 * for a file name. */
enum status cli_options(struct cli *cl, const struct cli_opt *opts, size_t n, int min, int max, struct err *e)
{
    int kept = 0;
    bool open = true;
    for (int i = 0; i < cl->argc; i++) {
        const char *word = cl->argv[i];
        if (open && strcmp(word, "--") == 0) {
            open = false;
        } else if (open && word[0] == '-' && word[1] == '-') {
            enum status st = cli_take_option(cl, &i, opts, n, e);
            if (st != OK)
                return st;
        } else if (open && word[0] == '-' && word[1])
            return cli_usage(e, "There is no option %s.", word);
        else
            cl->argv[kept++] = cl->argv[i];
    }
    cl->argc = kept;
    if (kept < min)
        return cli_usage(e, "An argument is missing.");
    if (kept > max)
        return cli_usage(e, "Unexpected argument: \"%s\".", cl->argv[max]);
    return OK;
}

/* The pool keeps the reason why the last connection failed. The operator needs it in full ("Access denied for user
 * ..."). Everyone else gets the general message, because the reason contains host and user names. A refused password
 * does not mend itself, so it has a status of its own, which `serve` does not wait for. */
enum status cli_db_any(struct cli *cl, struct db **out, struct err *e)
{
    enum status st = OK;
    if (!cl->pool) {
        db_library_begin();
        /* The command holds one connection, and what it calls takes others. */
        st = db_pool_open(cl->config, config_int(cl->config, CONFIG_database_connections) < 4 ? 4 : 0, &cl->pool, e);
    }
    if (st == OK && !cl->db && (st = db_get(cl->pool, &cl->db, e)) != OK) {
        char why[256];
        if (db_pool_trouble(cl->pool, why, sizeof(why)))
            st = err_set(e, E_database_refused, "The database refuses the connection: %s", why);
        else if (why[0])
            (void)err_set_as(e, st, E_database_unavailable, "The database cannot be reached: %s", why);
    }
    *out = cl->db;
    return st;
}

enum status cli_db(struct cli *cl, struct db **out, struct err *e)
{
    enum status st = cli_db_any(cl, out, e);
    return st == OK ? migrate_check(*out, e) : st;
}

/* Takes a connection first: that checks the schema once for everything the command does with the pool afterwards. */
enum status cli_pool(struct cli *cl, struct db_pool **out, struct err *e)
{
    struct db *c;
    enum status st = cli_db(cl, &c, e);
    *out = cl->pool;
    return st;
}

enum status cli_id_arg(const char *text, enum id_kind kind, const char *what, struct id *out, struct err *e)
{
    char sample[ID_TEXT_MAX];
    if (text && id_parse(kind, str_from(text), out))
        return OK;
    /* The sample shows the prefix only: an example id in full could be copied and used. */
    char *under = strchr(id_text(kind, ID_NONE, sample), '_');
    if (under)
        under[1] = '\0';
    return cli_usage(e, "\"%s\" is not the id of a%s %s, which begins with %s", text ? text : "",
                     strchr("aeiou", what[0]) ? "n" : "", what, sample);
}

/* The size is not asked for beforehand: standard input has none, and a regular file may grow while it is read. The
 * bytes are copied into the arena only when all of them are there, because a growing buffer inside an arena would leave
 * every smaller copy behind. */
static enum status cli_read_all(struct cli *cl, int fd, size_t max, struct str *out, struct err *e)
{
    struct buf b;
    bool ok = true;
    buf_init(&b, max);
    int failed = file_read_fd(fd, &b);
    if (!failed)
        *out = arena_str(&cl->arena, buf_str(&b), &ok);
    buf_release(&b);
    if (failed == EFBIG)
        return err_set(e, E_too_large, "It is larger than %zu bytes.", max);
    if (!ok || failed == ENOMEM)
        return err_nomem(e);
    return !failed ? OK : err_set(e, E_file, "It cannot be read: %s", strerror(failed));
}

/* The path is added to the message here, in one place, because the functions below do not know it. */
enum status cli_read_file(struct cli *cl, const char *path, size_t max, struct str *out, struct err *e)
{
    bool std = strcmp(path, "-") == 0;
    int fd = std ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(e, E_file, "%s cannot be opened: %s", path, strerror(errno));
    enum status st = cli_read_all(cl, fd, max, out, e);
    if (!std)
        close(fd);
    if (st != OK)
        (void)err_wrap(e, "%s", std ? "standard input" : path);
    return st;
}
