/* queue TO TEMPLATE [NAME=VALUE ...]: queue one mail the way the program does, in the install of $PARLEY_CONFIG.
 * For mail.test.mjs. A value of digits alone is a number. */
#include <stdio.h>

#include "base/crypto.h"
#include "base/limits.h"
#include "base/num.h"
#include "queue/mail.h"

#include "base/banned.h"

#define MAX_VALUES 16

static struct mail_value value_of(struct arena *a, const char *word)
{
    struct str s = str_from(word);
    ptrdiff_t eq = str_find(s, '=');
    const char *name = arena_strdup(a, str_sub(s, 0, eq < 0 ? 0 : (size_t)eq));
    struct str value = str_sub(s, (size_t)eq + 1, s.n);
    int64_t n;
    if (num_i64(value, 0, INT64_MAX, &n))
        return MAIL_NUMBER(name, n);
    return MAIL_TEXT(name, value);
}

static enum status queue(struct db_pool *p, struct arena *a, int argc, char **argv, struct err *e)
{
    struct mail_value values[MAX_VALUES];
    struct mail_new m = {.to = str_from(argv[1]), .template = argv[2], .language = STR_EMPTY, .values = values};
    struct db *c;
    enum status st = db_get(p, &c, e);
    for (int i = 3; i < argc && m.value_count < MAX_VALUES; i++)
        values[m.value_count++] = value_of(a, argv[i]);
    if (st == OK)
        st = mail_queue(c, &m, e);
    db_put(c);
    return st;
}

int main(int argc, char **argv)
{
    const struct config *c = NULL;
    struct db_pool *p = NULL;
    struct arena a;
    struct err e = ERR_INIT;
    if (argc < 3)
        return 2;
    arena_init(&a, 1 * MB);
    db_library_begin();
    enum status st = crypto_init(&e);
    if (st == OK)
        st = config_load(NULL, &c, &e);
    if (st == OK)
        st = db_pool_open(c, 1, &p, &e);
    if (st == OK)
        st = queue(p, &a, argc, argv, &e);
    db_pool_close(p);
    config_drop(c);
    arena_release(&a);
    db_library_end();
    if (st != OK)
        fprintf(stderr, "%s\n", e.message);
    return st != OK;
}
