/* load.c: loading a config, its references, and the process's current one.
 *
 * A config is built once, then never changes. A request holds a reference of its own, so a reload replaces the current
 * config without a lock around its use: the old one lives until the last request that holds it has ended. */
#define _GNU_SOURCE /* secure_getenv */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/config.h"
#include "base/config/config_internal.h"

#include "base/banned.h"

#define CONFIG_ARENA (16 * MB) /* memory of one config: its values, with file and line of each */

/* ---- loading ---- */

/* Settings from PARLEY_<KEY>. secure_getenv: a set-uid caller must not choose them. */
static enum status config_read_environment(struct config *c, struct err *e)
{
    for (size_t i = 0; i < CONFIG_COUNT; i++) {
        char name[96];
        snprintf(name, sizeof(name), "PARLEY_%s", config_row((enum config_key)i)->name);
        for (char *p = name; *p; p++)
            *p = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
        const char *value = secure_getenv(name);
        if (!value)
            continue;
        if (config_assign(c, (enum config_key)i, str_trim(str_from(value)), "environment", e) != OK)
            return err_wrap(e, "The environment variable %s", name);
    }
    return OK;
}

/* Later sources win: defaults, then the file and what it includes, then the environment. A file that was named must
 * exist; the compiled default may be missing, so that a program starts in a container without any file. */
static enum status config_read_all(struct config *c, const char *path, struct err *e)
{
    for (size_t i = 0; i < CONFIG_COUNT; i++)
        if (config_assign(c, (enum config_key)i, str_from(config_row((enum config_key)i)->default_text), "default",
                          e) != OK)
            return err_wrap(e, "The compiled default");
    bool asked = path;
    if (!path && (path = secure_getenv("PARLEY_CONFIG")) && path[0])
        asked = true;
    else if (!asked)
        path = PARLEY_SYSCONFDIR "/parley/parley.conf";
    if (!asked && access(path, F_OK) != 0)
        return config_read_environment(c, e);
    if (!(c->path = arena_strdup(&c->arena, str_from(path))))
        return err_nomem(e);
    enum status st = config_read_file(c, c->path, 0, e);
    return st == OK ? config_read_environment(c, e) : st;
}

enum status config_load(const char *path, const struct config **out, struct err *e)
{
    *out = NULL;
    struct config *c = calloc(1, sizeof(*c));
    if (!c)
        return err_nomem(e);
    atomic_init(&c->references, 1);
    arena_init(&c->arena, CONFIG_ARENA);
    c->path = "";
    enum status st = config_read_all(c, path, e);
    if (st == OK)
        *out = c;
    else
        config_drop(c);
    return st;
}

/* Callers hold a const pointer, because a loaded config never changes. Only its reference count does. */
static struct config *config_owned(const struct config *c)
{
    return (struct config *)(uintptr_t)c;
}

const struct config *config_retain(const struct config *c)
{
    if (c)
        atomic_fetch_add_explicit(&config_owned(c)->references, 1, memory_order_relaxed);
    return c;
}

/* The last one to drop frees. acquire and release make the freeing thread see that all other readers are done, also on
 * processors that reorder memory accesses. */
void config_drop(const struct config *c)
{
    struct config *mine = config_owned(c);
    if (!c || atomic_fetch_sub_explicit(&mine->references, 1, memory_order_acq_rel) != 1)
        return;
    arena_release(&mine->arena);
    free(mine);
}

/* ---- reading ---- */

const char *config_string(const struct config *c, enum config_key k)
{
    return c->values[k].text;
}

int64_t config_int(const struct config *c, enum config_key k)
{
    return c->values[k].number;
}

bool config_bool(const struct config *c, enum config_key k)
{
    return c->values[k].number != 0;
}

const char *config_path(const struct config *c)
{
    return c->path;
}

bool config_differs(const struct config *a, const struct config *b, enum config_key k)
{
    return strcmp(a->values[k].text, b->values[k].text) != 0;
}

static pthread_mutex_t current_lock = PTHREAD_MUTEX_INITIALIZER;
static const struct config *current;

void config_set_current(const struct config *c)
{
    pthread_mutex_lock(&current_lock);
    const struct config *before = current;
    current = c;
    pthread_mutex_unlock(&current_lock);
    config_drop(before);
}

/* The lock spans reading the pointer and counting the reference: otherwise a reload could free the config in
 * between. */
const struct config *config_current(void)
{
    pthread_mutex_lock(&current_lock);
    const struct config *c = config_retain(current);
    pthread_mutex_unlock(&current_lock);
    return c;
}
