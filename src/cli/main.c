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

const struct command commands[] = {
#define COMMAND(name, fn, usage, help) {name, fn, usage, help},
#include "cli/commands.def"
#undef COMMAND
};
const size_t command_count = COUNT_OF(commands);

/* The words of `name` in front of argv: how many, or 0. */
static int match(const char *name, int argc, char **argv)
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

static const struct command *find(int argc, char **argv, int *words)
{
    const struct command *best = NULL;
    *words = 0;
    for (size_t i = 0; i < command_count; i++) {
        int n = match(commands[i].name, argc, argv);
        if (n > *words) {
            best = &commands[i];
            *words = n;
        }
    }
    return best;
}

/* Edit distance, for "did you mean"; texts here are a few dozen bytes. */
static size_t distance(struct str a, struct str b)
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

static void suggest(struct str typed)
{
    size_t best = typed.n / 3 + 2;
    const char *name = NULL;
    for (size_t i = 0; i < command_count; i++) {
        struct str n = str_from(commands[i].name);
        size_t d = distance(typed, n);
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

static int unknown(int argc, char **argv)
{
    char typed[64];
    if (argc > 1 && argv[1][0] != '-')
        snprintf(typed, sizeof(typed), "%s %s", argv[0], argv[1]);
    else
        snprintf(typed, sizeof(typed), "%s", argv[0]);
    fprintf(stderr, "parley: there is no command \"%s\".\n", typed);
    suggest(str_from(typed));
    fputs("parley --help lists all commands.\n", stderr);
    return 2;
}

/* Those whose first word is `group`; all without one. */
static bool in_group(const struct command *c, const char *group)
{
    size_t n = group ? strlen(group) : 0;
    return !group || (strncmp(c->name, group, n) == 0 && (c->name[n] == ' ' || !c->name[n]));
}

static bool is_group(const char *word)
{
    for (size_t i = 0; i < command_count; i++)
        if (in_group(&commands[i], word))
            return true;
    return false;
}

static int usage_all(FILE *to, const char *group)
{
    fputs("Usage: parley [--config FILE] [--json] COMMAND [OPTION...] [ARGUMENT...]\n\n", to);
    for (size_t i = 0; i < command_count; i++)
        if (in_group(&commands[i], group))
            fprintf(to, "  %-20s %s\n", commands[i].name, commands[i].help);
    fputs("\n  --config FILE   the configuration to use ($PARLEY_CONFIG)\n"
          "  --json          print results as JSON\n"
          "  COMMAND --help  how to call it\n",
          to);
    return 0;
}

static int usage_one(const struct command *c, FILE *to)
{
    fprintf(to, "Usage: parley %s%s%s\n\n%s\n", c->name, c->usage[0] ? " " : "", c->usage, c->help);
    return 0;
}

static void print_failure(const struct cli *cl, const struct err *e)
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

static int run(struct cli *cl)
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
    if (st == OK && (fflush(stdout) != 0 || ferror(stdout)))
        st = err_raise(&e, E_output);
    if (st != OK)
        print_failure(cl, &e);
    if (st == ERR_INVALID && err_is(&e, E_usage)) {
        fprintf(stderr, "Usage: parley %s %s\n", cl->command->name, cl->command->usage);
        return 2;
    }
    return st == OK ? 0 : 1;
}

static void finish(struct cli *cl)
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

/* The options that any command takes, in front of its name or behind it; -1 = go on. */
static int global_options(struct cli *cl, int *argc, char **argv)
{
    int n = 0;
    bool help = false, version = false;
    for (int i = 0; i < *argc; i++) {
        const char *a = argv[i];
        if (strcmp(a, "--") == 0) {
            while (i < *argc)
                argv[n++] = argv[i++];
        } else if (strcmp(a, "--config") == 0) {
            if (++i == *argc) {
                fputs("parley: --config wants a file.\n", stderr);
                return 2;
            }
            cl->config_path = argv[i];
        } else if (strncmp(a, "--config=", 9) == 0)
            cl->config_path = a + 9;
        else if (strcmp(a, "--json") == 0)
            cl->json = true;
        else if (strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0)
            help = true;
        else if (strcmp(a, "--version") == 0 && n == 0)
            version = true;
        else
            argv[n++] = argv[i];
    }
    *argc = n;
    if (version)
        return puts("parley " PARLEY_VERSION) == EOF;
    int words;
    const struct command *c = find(n, argv, &words);
    if (help && c)
        return usage_one(c, stdout);
    return help ? usage_all(stdout, n && is_group(argv[0]) ? argv[0] : NULL) : -1;
}

int main(int argc, char **argv)
{
    struct cli cl = {.program = argv[0]};
    struct err e = ERR_INIT;
    int words;
    crash_init("parley");
    signal(SIGPIPE, SIG_IGN);
    argv++;
    argc = argc ? argc - 1 : 0;
    int done = global_options(&cl, &argc, argv);
    if (done >= 0)
        return done;
    if (argc == 0) {
        usage_all(stderr, NULL);
        return 2;
    }
    if (!(cl.command = find(argc, argv, &words)))
        return unknown(argc, argv);
    cl.argv = argv + words;
    cl.argc = argc - words;
    /* Somebody who looks on reads the result and what is wrong; a log that is kept, or of the worker, has every call. */
    bool brief = isatty(STDERR_FILENO) && strcmp(cl.command->name, "work") != 0;
    if (log_open("parley", NULL, brief ? LOG_WARN : LOG_INFO, &e) != OK)
        fprintf(stderr, "parley: %s\n", e.message);
    arena_init(&cl.arena, 512 * MB);
    int rc = run(&cl);
    finish(&cl);
    return rc;
}
