/* cli.h: the operator's command line: parley COMMAND [OPTION…] [ARGUMENT…].
 *
 * A command is one row of commands.def and one function in a cmd_*.c file; it reads its options with cli_options, calls the
 * library, and prints through cli_id / cli_out, so that every command speaks both to people and, with --json, to scripts.
 * Results go to standard output, everything else to standard error. One thread.
 * Exit code: 0 done, 1 it failed (words on standard error; with --json an object), 2 the call was wrong. */
#ifndef PARLEY_CLI_CLI_H
#define PARLEY_CLI_CLI_H

#include "base/arena.h"
#include "base/config.h"
#include "base/json.h"
#include "bot/bot.h"
#include "db/db.h"

struct command;
struct cli {
    const struct command *command;
    const char *program;     /* argv[0]: serve starts its children beside it */
    const char *config_path; /* --config, NULL = the usual one */
    struct config *config;   /* loaded before the command runs */
    struct arena arena;      /* memory of this run */
    bool json;               /* --json */
    int argc; /* before cli_options: all words behind the command's name; after it: the arguments alone */
    char **argv;
    struct db_pool *pool;
    struct db *db;
};

typedef enum status cli_fn(struct cli *cl, struct err *e);
/* COMMAND("bot create", cmd_bot_create, "--template NAME …", "what it does"): usage is what follows the name. A function that
 * returns ERR_INVALID with code "usage" (cli_usage) ends with 2. */
struct command {
    const char *name;
    cli_fn *fn;
    const char *usage, *help;
};
extern const struct command commands[];
extern const size_t command_count;
#define COMMAND(name, fn, usage, help) cli_fn fn;
#include "cli/commands.def"
#undef COMMAND

/* --NAME VALUE or --NAME=VALUE when `value` is set; a plain --NAME when `flag` is. */
struct cli_opt {
    const char *name;
    const char **value;
    bool *flag;
};
/* Take the options out of cl->argv; what remains are min..max arguments in cl->argv[0..argc). `--` ends the options. */
enum status cli_options(struct cli *cl, const struct cli_opt *opts, size_t n, int min, int max, struct err *e);
#define CLI_OPTIONS(...) \
    (const struct cli_opt[]){__VA_ARGS__}, sizeof((const struct cli_opt[]){__VA_ARGS__}) / sizeof(struct cli_opt)
enum status cli_usage(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The install's database, connected once, given back when the command ends. Refuses a schema that does not fit;
 * cli_db_any does not look at the schema. ERR_UNAVAILABLE when the server does not answer, ERR_DENIED when it refuses user,
 * password or database. */
enum status cli_db(struct cli *cl, struct db **out, struct err *e);
enum status cli_db_any(struct cli *cl, struct db **out, struct err *e);
enum status cli_pool(struct cli *cl, struct db_pool **out,
                     struct err *e); /* for calls that take a pool; checks the schema */

/* The folder a setting names, or, when it is empty, where make install put it. */
const char *cli_dir(struct cli *cl, enum config_key k, const char *standard);

/* A shown id of this kind, as given by the user; ERR_INVALID names what was expected. */
enum status cli_id_arg(const char *text, enum id_kind kind, const char *what, struct id *out, struct err *e);
/* ---- workspace.c: who and where ---- */

/* The workspace a command works in: `text` (id or name; NULL: $PARLEY_TENANT), else the only active one. Several: ERR_INVALID names them. */
enum status cli_tenant(struct cli *cl, struct db *c, const char *text, struct id *out, struct err *e);
/* The command line as actor in that workspace. */
struct actor cli_actor(struct id tenant);
/* --bot or the first argument: the bot and the workspace it is in. */
enum status cli_bot(struct cli *cl, struct db *c, const char *text, struct id *bot, struct actor *who, struct err *e);
/* The database, for a command that changes something: the running programs are told through the shared file. */
enum status cli_db_change(struct cli *cl, struct db **out, struct err *e);

/* A whole file, or standard input for "-"; at most max bytes. */
enum status cli_read_file(struct cli *cl, const char *path, size_t max, struct str *out, struct err *e);

void cli_id(struct cli *cl, enum id_kind kind, struct id id); /* the id alone on a line; {"id": …} with --json */
/* With --json as it is; else an array of objects as a table with the keys as heads, an object as `key  value` lines. */
void cli_out(struct cli *cl, const struct json *j);
void cli_say(struct cli *cl, const char *fmt, ...)
    __attribute__((format(printf, 2, 3))); /* for people: nothing with --json */
/* A progress bar on standard error when that is a terminal; done == all ends its line. */
void cli_progress(const char *what, int64_t done, int64_t all);

#endif
