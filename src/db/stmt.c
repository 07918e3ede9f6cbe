/* stmt.c: statements taken apart once per process, and prepared once per connection.
 *
 * A db_stmt gets a number at its first use. Its plan is in a global table under that number, and each connection keeps
 * its prepared form in an array under the same number, so running a statement looks nothing up. Values never become
 * part of the SQL text, so no text of a visitor can change what a statement does. */
#include <errmsg.h>
#include <stdlib.h>

#include "db/db_internal.h"

#include "base/banned.h"

static struct db_plan *plans[DB_STATEMENTS]; /* by index; written once under the lock, read without it */
static int plan_count;                       /* indexes start at 1; 0 means "not planned yet" */
static pthread_mutex_t plan_lock = PTHREAD_MUTEX_INITIALIZER;

/* The end of the quoted text, comment or single character at p. Placeholders inside quotes and comments do not count.
 * The SQL is constant text of our own, so escapes inside quotes need not be understood. */
static const char *skip_token(const char *p)
{
    if (*p == '\'' || *p == '"' || *p == '`') {
        const char *end = strchr(p + 1, *p);
        return end ? end + 1 : p + strlen(p);
    }
    if (p[0] == '/' && p[1] == '*') {
        const char *end = strstr(p + 2, "*/");
        return end ? end + 2 : p + strlen(p);
    }
    return p + 1;
}

static void add_slot(struct db_plan *p, int source)
{
    if (p->slots == DB_SLOTS)
        BUG("%s: more than %d placeholders", p->stmt->name, DB_SLOTS);
    p->source[p->slots++] = (int8_t)source;
}

/* Copies the SQL with `?` in place of each :tenant, and notes for each placeholder where its value comes from. Aborts
 * unless :tenant is bound exactly by TENANT statements: one that forgot it would read or change rows of every tenant.
 * The copy is never longer than the original. */
static void plan_sql(struct db_plan *p)
{
    static const char tenant[] = ":tenant";
    char *out = p->sql;
    int arg = 0;
    bool bound = false;
    for (const char *in = p->stmt->sql; *in;) {
        if (strncmp(in, tenant, sizeof(tenant) - 1) == 0) {
            add_slot(p, -1);
            *out++ = '?';
            in += sizeof(tenant) - 1;
            bound = true;
            continue;
        }
        if (*in == '?')
            add_slot(p, arg++);
        const char *end = skip_token(in);
        memcpy(out, in, (size_t)(end - in));
        out += end - in;
        in = end;
    }
    *out = '\0';
    p->sql_n = (size_t)(out - p->sql);
    p->args = (unsigned)arg;
    if (bound != (p->stmt->scope == TENANT))
        BUG("%s: a TENANT statement binds :tenant, a GLOBAL one does not", p->stmt->name);
}

/* Read type letters, each of which may be followed by '?' for "may be NULL". Returns their number. */
static unsigned plan_letters(const struct db_plan *p, const char *z, char *type, bool *null)
{
    unsigned n = 0;
    for (; *z; z++) {
        if (*z == '?' && n) {
            null[n - 1] = true;
            continue;
        }
        if (!strchr("uidsxt", *z) || n == DB_SLOTS)
            BUG("%s: bad type letters", p->stmt->name);
        type[n++] = *z;
    }
    return n;
}

static struct db_plan *plan_new(const struct db_stmt *stmt)
{
    struct db_plan *p = calloc(1, sizeof(*p));
    if (!p || !(p->sql = malloc(strlen(stmt->sql) + 1))) {
        free(p);
        return NULL;
    }
    p->stmt = stmt;
    plan_sql(p);
    if (plan_letters(p, stmt->params, p->type, p->null) != p->args)
        BUG("%s: %u placeholders but parameters \"%s\"", stmt->name, p->args, stmt->params);
    p->cols = plan_letters(p, stmt->columns, p->col, p->col_null);
    return p;
}

/* The index is published with release order after the plan is complete, so the fast path needs no lock. */
const struct db_plan *db_plan(struct db_stmt *stmt)
{
    int i = __atomic_load_n(&stmt->index, __ATOMIC_ACQUIRE);
    if (i)
        return plans[i];
    pthread_mutex_lock(&plan_lock);
    i = stmt->index;
    if (!i) {
        if (plan_count + 1 >= DB_STATEMENTS)
            BUG("more than %d statements", DB_STATEMENTS - 1);
        struct db_plan *p = plan_new(stmt);
        if (p) {
            i = ++plan_count;
            plans[i] = p;
            __atomic_store_n(&stmt->index, i, __ATOMIC_RELEASE);
        }
    }
    pthread_mutex_unlock(&plan_lock);
    return i ? plans[i] : NULL;
}

void db_unprepare(struct db *c, int index)
{
    struct db_prepared *k = &c->cache[index];
    if (k->stmt)
        mysql_stmt_close(k->stmt);
    free(k->cells);
    *k = (struct db_prepared){0};
}

/* Grows in steps, because a program uses a few hundred statements and meets them one after the other in its first
 * minutes. */
static bool cache_grow(struct db *c, int index)
{
    if (index < c->cache_n)
        return true;
    int n = index + 32;
    struct db_prepared *p = realloc(c->cache, (size_t)n * sizeof(*p));
    if (!p)
        return false;
    memset(p + c->cache_n, 0, (size_t)(n - c->cache_n) * sizeof(*p));
    c->cache = p;
    c->cache_n = n;
    return true;
}

/* The server knows how many placeholders and columns the statement has. A declaration that disagrees is a bug, found at
 * the first use and not by a wrong value. */
static void check_shape(const struct db_plan *p, MYSQL_STMT *stmt)
{
    if (mysql_stmt_param_count(stmt) != p->slots)
        BUG("%s: %lu placeholders on the server, %u here", p->stmt->name, mysql_stmt_param_count(stmt), p->slots);
    if (mysql_stmt_field_count(stmt) != p->cols)
        BUG("%s: returns %u columns, declares %u", p->stmt->name, mysql_stmt_field_count(stmt), p->cols);
}

/* Whatever fails on the way, the slot is left empty, so that the next call starts again. */
unsigned db_prepare(struct db *c, const struct db_plan *p, struct db_prepared **out)
{
    int index = p->stmt->index;
    if (!cache_grow(c, index))
        return CR_OUT_OF_MEMORY;
    struct db_prepared *k = *out = &c->cache[index];
    if (k->stmt)
        return 0;
    if (p->cols && !(k->cells = calloc(p->cols, sizeof(*k->cells))))
        return CR_OUT_OF_MEMORY;
    if (!(k->stmt = mysql_stmt_init(c->my))) {
        db_unprepare(c, index);
        return CR_OUT_OF_MEMORY;
    }
    if (mysql_stmt_prepare(k->stmt, p->sql, p->sql_n) != 0) {
        unsigned no = mysql_stmt_errno(k->stmt);
        db_unprepare(c, index);
        return no ? no : CR_UNKNOWN_ERROR;
    }
    check_shape(p, k->stmt);
    if (p->cols && db_bind_columns(p, k) != OK) {
        db_unprepare(c, index);
        return CR_OUT_OF_MEMORY;
    }
    return 0;
}
