/* lines.c: programs that tests drive line by line with JSON; see lines.h. */
#include "lines.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "base/limits.h"
#include "base/log.h"
#include "net/fetch.h"

#include "base/banned.h"

#define LINE_ARENA (512 * MB)
#define ANSWER_MAX (64 * MB)

static const char *name;

void lines_must(bool ok)
{
    if (!ok) {
        fprintf(stderr, "%s: out of memory, or a wrong line\n", name);
        exit(3);
    }
}

void lines_outcome(struct json *out, enum status st, const struct err *e, const char *status)
{
    lines_must(json_set_bool(out, "ok", st == OK) == 0);
    if (st != OK)
        lines_must(json_set_str(out, status, str_from(error_name(status_default_code(st)))) == 0 &&
                   json_set_str(out, "code", str_from(err_code(e))) == 0 &&
                   json_set_str(out, "message", str_from(e->message)) == 0 &&
                   json_set_str(out, "pointer", str_from(e->pointer)) == 0);
}

static void answer_line(struct str line, lines_fn *answer)
{
    struct err bad = ERR_INIT;
    struct json *in = NULL, *out;
    struct arena a;
    struct buf b;
    arena_init(&a, LINE_ARENA);
    out = json_new_object(&a);
    lines_must(out && json_parse(&a, line, 64, &in, &bad) == OK);
    answer(&a, in, out);
    buf_init(&b, ANSWER_MAX);
    json_write(&b, out);
    lines_must(buf_ok(&b));
    printf("%s\n", b.p);
    fflush(stdout);
    buf_release(&b);
    arena_release(&a);
}

int lines_run(const char *program, int connections, struct db_pool **pool, lines_fn *answer)
{
    const struct config *config = NULL;
    struct err e = ERR_INIT;
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    name = program;
    db_library_begin();
    if (crypto_init(&e) != OK || log_open(program, NULL, LOG_INFO, &e) != OK || db_thread_begin(&e) != OK ||
        config_load(NULL, &config, &e) != OK || db_pool_open(config, connections, pool, &e) != OK) {
        fprintf(stderr, "%s: %s\n", program, e.message);
        return 2;
    }
    while ((n = getline(&line, &size, stdin)) > 0)
        answer_line(str_trim(str_n(line, (size_t)n)), answer);
    free(line);
    db_pool_close(*pool);
    config_drop(config);
    config_set_current(NULL);
    db_thread_end();
    db_library_end();
    fetch_library_end();
    return 0;
}
