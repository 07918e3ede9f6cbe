/* cli.h: the operator's command line: parley COMMAND [OPTION…] [ARGUMENT…].
 *
 * A command is one row of commands.def and one function in a cmd_*.c file. It reads its options with cli_options, calls
 * the library, and prints through cli_id and cli_out, so that every command serves people and, with --json, scripts.
 * Results go to standard output, everything else to standard error. One thread. Exit code: 0 success, 1 failure (a
 * message on standard error; with --json an object), 2 wrong usage. */
#ifndef PARLEY_CLI_CLI_H
#define PARLEY_CLI_CLI_H

#include "base/arena.h"
#include "base/config.h"
#include "base/json.h"
#include "bot/bot.h"
#include "db/db.h"

struct cli_command;
struct cli {
    const struct cli_command *command;
    const char *program;         /* argv[0]: serve starts its children beside it */
    const char *config_path;     /* --config, NULL = the usual one */
    const struct config *config; /* loaded before the command runs */
    struct arena arena;          /* memory of this run */
    bool json;                   /* --json */
    int argc; /* before cli_options all words after the command's name; after it the arguments alone */
    char **argv;
    struct db_pool *pool;
    struct db *db;
};

typedef enum status cli_fn(struct cli *cl, struct err *e);
/* One row of commands.def. `usage` is what follows the name. A function that returns E_usage (cli_usage) makes the
 * program exit with 2. */
struct cli_command {
    const char *name;
    cli_fn *fn;
    const char *usage, *help;
};
#define COMMAND(name, fn, usage, help) cli_fn fn;
#include "cli/commands.def"
#undef COMMAND

/* --NAME VALUE or --NAME=VALUE if `value` is set; a plain --NAME if `flag` is. */
struct cli_opt {
    const char *name;
    const char **value;
    bool *flag;
};
/* Takes the options out of cl->argv; min..max arguments remain in cl->argv[0..argc). `--` ends the options. E_usage. */
enum status cli_options(struct cli *cl, const struct cli_opt *opts, size_t n, int min, int max, struct err *e);
#define CLI_OPTIONS(...) \
    (const struct cli_opt[]){__VA_ARGS__}, sizeof((const struct cli_opt[]){__VA_ARGS__}) / sizeof(struct cli_opt)
/* Sets E_usage; main prints the usage of the command after the message. */
enum status cli_usage(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A connection to the database of the install, opened once and given back when the command ends. ERR_UNAVAILABLE when
 * the server does not answer, ERR_DENIED when it refuses user, password or database, ERR_CONFLICT when the schema is
 * not this release's; cli_db_any does not check the schema. */
enum status cli_db(struct cli *cl, struct db **out, struct err *e);
enum status cli_db_any(struct cli *cl, struct db **out, struct err *e);
/* The pool, for calls that take one. Checks the schema. */
enum status cli_pool(struct cli *cl, struct db_pool **out, struct err *e);

/* The folder that a setting names, or, when it is empty, the one that make install used. */
const char *cli_dir(struct cli *cl, enum config_key k, const char *standard);

/* Reads an id as shown to users ("bot_..."). E_usage names what was expected. */
enum status cli_id_arg(const char *text, enum id_kind kind, const char *what, struct id *out, struct err *e);
/* ---- workspace.c: who and where ---- */

/* The workspace that a command works in: `text` (an id or a name; NULL: $PARLEY_TENANT), otherwise the only active one.
 * E_tenant_ambiguous lists them if there are several. */
enum status cli_tenant(struct cli *cl, struct db *c, const char *text, struct id *out, struct err *e);
/* The operator as an actor in that workspace. */
struct actor cli_actor(struct id tenant);
/* `text` is the id of a bot, from --bot or the first argument; finds the workspace it belongs to. */
enum status cli_bot(struct cli *cl, struct db *c, const char *text, struct id *bot, struct actor *who, struct err *e);
/* Like cli_db, for a command that changes something: running programs are notified through the shared file. */
enum status cli_db_change(struct cli *cl, struct db **out, struct err *e);

/* A whole file, or standard input for "-", into the arena. E_file; E_too_large beyond max bytes. */
enum status cli_read_file(struct cli *cl, const char *path, size_t max, struct str *out, struct err *e);

/* Prints the id alone on a line; {"id": …} with --json. */
void cli_id(struct cli *cl, enum id_kind kind, struct id id);
/* Prints JSON as it is with --json; otherwise an array of objects as a table with the keys as heads, an object as `key
 * value` lines. */
void cli_out(struct cli *cl, const struct json *j);
/* Prints a line for people; nothing with --json. */
void cli_say(struct cli *cl, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Draws a progress bar on standard error if that is a terminal; done == all ends its line. */
void cli_progress(const char *what, int64_t done, int64_t all);

#endif
