/* main.c: finds the command that was typed, runs it, and turns its status into an exit code.
 *
 * Options of every command (--config, --json, --help) may stand before or after its name, so they are taken out before
 * the command is looked up. A command that is not known gets the nearest name as a suggestion. Whatever fails, one
 * message goes to standard error and the exit code is not 0; a script needs nothing else. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/crypto.h"
#include "base/limits.h"
#include "base/log.h"
#include "cli/cli.h"

#include "base/banned.h"

/* An upper limit and not an allocation: the largest input is an imported bot of 128 MB, which is held as text and as
 * JSON. */
#define COMMAND_ARENA (512 * MB)

static const struct cli_command commands[] = {
#define COMMAND(name, fn, usage, help) {name, fn, usage, help},
#include "cli/commands.def"
#undef COMMAND
};

/* The number of words of `name` if argv begins with them, or 0. */
static int command_match(const char *name, int argc, char **argv)
{
    struct str rest = str_from(name), word;
    int n = 0;
    while (str_split(&rest, ' ', &word)) {
        if (n == argc || !str_eqz(word, argv[n]))
            return 0;
        n++;
    }
    return n;
}

/* The command with the most words wins: "tenant delete" before "tenant". */
static const struct cli_command *command_find(int argc, char **argv, int *words)
{
    const struct cli_command *best = NULL;
    *words = 0;
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        int n = command_match(commands[i].name, argc, argv);
        if (n > *words) {
            best = &commands[i];
            *words = n;
        }
    }
    return best;
}

/* Levenshtein distance with one row, for "did you mean". Names are short; longer text is infinitely far. */
static size_t command_distance(struct str a, struct str b)
{
    size_t row[64];
    if (a.n > 60 || b.n > 60)
        return 64;
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t change = corner + (a.p[i - 1] != b.p[j - 1]);
            corner = row[j];
            size_t add = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = change < add ? change : add;
        }
    }
    return row[b.n];
}

/* The limit grows with the length of the word: about a third of its letters may be wrong. A stricter limit misses
 * ordinary typing errors, and a looser one suggests commands that have nothing in common with the word. A word that
 * begins a group ("bot") has distance 0, because only the second word is missing. */
static void command_suggest(struct str typed)
{
    size_t best = typed.n / 3 + 2;
    const char *name = NULL;
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        struct str n = str_from(commands[i].name);
        size_t d = command_distance(typed, n);
        if (str_starts(n, typed) && n.n > typed.n && n.p[typed.n] == ' ')
            d = 0;
        if (d < best) {
            best = d;
            name = commands[i].name;
        }
    }
    if (name)
        fprintf(stderr, "Did you mean: parley %s?\n", name);
}

/* The second word counts unless it is an option: "bot pubish" has to be compared as a whole, or every command of the
 * group would be equally near. */
static int command_unknown(int argc, char **argv)
{
    char typed[64];
    if (argc > 1 && argv[1][0] != '-')
        snprintf(typed, sizeof(typed), "%s %s", argv[0], argv[1]);
    else
        snprintf(typed, sizeof(typed), "%s", argv[0]);
    fprintf(stderr, "parley: there is no command \"%s\".\n", typed);
    command_suggest(str_from(typed));
    fputs("parley --help lists all commands.\n", stderr);
    return 2;
}

/* Is `group` the first word of the command? NULL stands for all commands. */
static bool command_in_group(const struct cli_command *c, const char *group)
{
    size_t n = group ? strlen(group) : 0;
    return !group || (strncmp(c->name, group, n) == 0 && (c->name[n] == ' ' || !c->name[n]));
}

/* Lets `parley bot --help` list the commands that begin with bot, although no command has that name. */
static bool command_is_group(const char *word)
{
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        if (command_in_group(&commands[i], word))
            return true;
    return false;
}

static int usage_print_all(FILE *to, const char *group)
{
    fputs("Usage: parley [--config FILE] [--json] COMMAND [OPTION...] [ARGUMENT...]\n\n", to);
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        if (command_in_group(&commands[i], group))
            fprintf(to, "  %-20s %s\n", commands[i].name, commands[i].help);
    fputs("\n  --config FILE   the configuration to use ($PARLEY_CONFIG)\n"
          "  --json          print results as JSON\n"
          "  COMMAND --help  how to call it\n",
          to);
    return 0;
}

static int usage_print_one(const struct cli_command *c, FILE *to)
{
    fprintf(to, "Usage: parley %s%s%s\n\n%s\n", c->name, c->usage[0] ? " " : "", c->usage, c->help);
    return 0;
}

/* Written without the JSON builder: the arena may be exhausted, and that error must be printed too. */
static void main_print_failure(const struct cli *cl, const struct err *e)
{
    struct buf b;
    if (!cl->json) {
        fprintf(stderr, "parley: %s\n", e->message);
        if (e->pointer[0])
            fprintf(stderr, "  at %s\n", e->pointer);
        return;
    }
    buf_init(&b, 8 * KB);
    buf_puts(&b, "{\"error\":{\"code\":");
    buf_json(&b, str_from(err_code(e)));
    buf_puts(&b, ",\"message\":");
    buf_json(&b, str_from(e->message));
    buf_puts(&b, ",\"pointer\":");
    buf_json(&b, str_from(e->pointer));
    buf_puts(&b, "}}\n");
    fwrite(b.p, 1, b.n, stderr);
    buf_release(&b);
}

/* E_usage means that the call was wrong, so its usage is printed and the exit code is 2. */
static int main_run(struct cli *cl)
{
    struct err e = ERR_INIT;
    /* config init makes the file that the others read. */
    bool fresh = cl->command->fn == cmd_config_init;
    enum status st = config_load(fresh ? "/dev/null" : cl->config_path, &cl->config, &e);
    if (st == OK) {
        config_set_current(config_retain(cl->config));
        st = crypto_init(&e);
    }
    if (st == OK)
        st = cl->command->fn(cl, &e);
    /* A full disk or a closed pipe shows only when the buffer is written. Without this check `parley bot export > file`
     * would report success and leave half a file. */
    if (st == OK && (fflush(stdout) != 0 || ferror(stdout)))
        st = err_raise(&e, E_output);
    if (st != OK)
        main_print_failure(cl, &e);
    if (st == ERR_INVALID && err_is(&e, E_usage)) {
        fprintf(stderr, "Usage: parley %s %s\n", cl->command->name, cl->command->usage);
        return 2;
    }
    return st == OK ? 0 : 1;
}

/* The order matters: the connection goes back before its pool is closed, and the configuration goes last because
 * closing a pool still reads it. Everything is released although the process ends, so that a leak checker sees only
 * real leaks. */
static void main_finish(struct cli *cl)
{
    db_put(cl->db);
    if (cl->pool) {
        db_pool_close(cl->pool);
        db_library_end();
    }
    arena_release(&cl->arena);
    config_set_current(NULL);
    config_drop(cl->config);
}

/* The options that any command takes. */
struct main_options {
    bool help, version;
};

/* Is argv[*i] an option of every command? Takes its value too. False with *failed when the value is missing. */
static bool main_take_option(struct cli *cl, struct main_options *o, int argc, char **argv, int *i, bool *failed)
{
    const char *a = argv[*i];
    *failed = false;
    if (strcmp(a, "--config") == 0) {
        *failed = *i + 1 == argc;
        cl->config_path = *failed ? NULL : argv[++*i];
    } else if (strncmp(a, "--config=", 9) == 0)
        cl->config_path = a + 9;
    else if (strcmp(a, "--json") == 0)
        cl->json = true;
    else if (strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0)
        o->help = true;
    else
        return false;
    return !*failed;
}

/* Takes the options of every command out of argv, wherever they stand before "--". -1 means that a command is to be
 * run; otherwise the result is the exit code. */
static int main_options(struct cli *cl, int *argc, char **argv)
{
    struct main_options o = {0};
    int n = 0, words;
    for (int i = 0; i < *argc; i++) {
        bool failed = false;
        if (strcmp(argv[i], "--") == 0)
            while (i < *argc)
                argv[n++] = argv[i++];
        else if (strcmp(argv[i], "--version") == 0 && n == 0)
            o.version = true;
        else if (!main_take_option(cl, &o, *argc, argv, &i, &failed) && !failed)
            argv[n++] = argv[i];
        if (failed) {
            fputs("parley: --config needs a file.\n", stderr);
            return 2;
        }
    }
    *argc = n;
    if (o.version)
        return puts("parley " PARLEY_VERSION) == EOF;
    const struct cli_command *c = command_find(n, argv, &words);
    if (o.help && c)
        return usage_print_one(c, stdout);
    return o.help ? usage_print_all(stdout, n && command_is_group(argv[0]) ? argv[0] : NULL) : -1;
}

int main(int argc, char **argv)
{
    struct cli cl = {.program = argv[0]};
    struct err e = ERR_INIT;
    int words;
    /* Before anything that can crash. SIGPIPE is ignored so that `parley bot list | head` fails in fflush above, with a
     * message, and is not killed in the middle of a change. */
    crash_init("parley");
    signal(SIGPIPE, SIG_IGN);
    argv++;
    argc = argc ? argc - 1 : 0;
    int done = main_options(&cl, &argc, argv);
    if (done >= 0)
        return done;
    if (argc == 0) {
        usage_print_all(stderr, NULL);
        return 2;
    }
    if (!(cl.command = command_find(argc, argv, &words)))
        return command_unknown(argc, argv);
    cl.argv = argv + words;
    cl.argc = argc - words;
    /* On a terminal only warnings are logged, so that they do not hide the result; a log file gets everything. */
    bool brief = isatty(STDERR_FILENO) && strcmp(cl.command->name, "work") != 0;
    if (log_open("parley", NULL, brief ? LOG_WARN : LOG_INFO, &e) != OK)
        fprintf(stderr, "parley: %s\n", e.message);
    arena_init(&cl.arena, COMMAND_ARENA);
    int rc = main_run(&cl);
    main_finish(&cl);
    return rc;
}
