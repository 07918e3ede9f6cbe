/* bot_store.c: SQL of bots and their versions. A deleted bot keeps its rows, because conversations refer to it; every
 * statement here leaves it out. Times come from the caller's clock and not from NOW(), so that tests can move it. */
#include "bot/bot_store.h"

#include "base/clock.h"

#include "base/banned.h"

enum status bot_unknown(struct err *e)
{
    return err_raise(e, E_bot_unknown);
}

/* ---- bots ---- */

/* Only an active workspace can be locked, so a suspended one cannot add bots. */
DB_STMT(bot_lock_tenant, TENANT,
        "SELECT tenant_id FROM tenant WHERE tenant_id = :tenant AND state = 'active' FOR UPDATE", "", "u");
DB_STMT(bot_count, TENANT, "SELECT COUNT(*) FROM bot WHERE tenant_id = :tenant AND deleted_at IS NULL", "", "i");
DB_STMT(bot_insert, TENANT,
        "INSERT INTO bot (tenant_id, bot_id, name, language, template, draft, draft_hash, created_at, updated_at)"
        " VALUES (:tenant, ?, ?, ?, ?, ?, ?, ?, ?)",
        "ussssxtt", "");

/* How many bots come before this one in the order in which a plan allows them; see struct bot. The order is computed
 * from columns of the rows and never stored, so nothing has to be written when a plan changes. A bot without kept_at
 * sorts as if it were kept in the year 9999, that is after all that were chosen. */
#define BEFORE                                                                                                      \
    "(SELECT COUNT(*) FROM bot o WHERE o.tenant_id = b.tenant_id AND o.deleted_at IS NULL AND"                      \
    " (IFNULL(o.kept_at, '9999-01-01'), o.created_at, o.bot_id) < (IFNULL(b.kept_at, '9999-01-01'), b.created_at, " \
    "b.bot_id))"
/* The same number for a whole list, in one pass instead of one subquery for each bot. */
#define ORDINAL "ROW_NUMBER() OVER (ORDER BY IFNULL(b.kept_at, '9999-01-01'), b.created_at, b.bot_id) - 1"
#define BOT_COLUMNS(before)                                                                                     \
    "SELECT b.bot_id, b.tenant_id, b.name, b.language, b.live_version, b.draft_revision,"                       \
    " v.flow_hash IS NULL OR v.flow_hash <> b.draft_hash, b.created_at, b.updated_at, b.published_at, " before  \
    " FROM bot b LEFT JOIN bot_version v ON v.tenant_id = b.tenant_id AND v.bot_id = b.bot_id AND v.version = " \
    "b.live_version"
DB_STMT(bot_select, TENANT,
        BOT_COLUMNS(BEFORE) " WHERE b.tenant_id = :tenant AND b.bot_id = ? AND b.deleted_at IS NULL", "u",
        "uussiiittt?i");
DB_STMT(bot_list_all, TENANT,
        BOT_COLUMNS(ORDINAL) " WHERE b.tenant_id = :tenant AND b.deleted_at IS NULL ORDER BY b.bot_id", "",
        "uussiiittt?i");

DB_STMT(bot_set_name, TENANT,
        "UPDATE bot SET name = ?, updated_at = ? WHERE tenant_id = :tenant AND bot_id = ? AND deleted_at IS NULL",
        "stu", "");
DB_STMT(bot_set_deleted, TENANT,
        "UPDATE bot SET deleted_at = ? WHERE tenant_id = :tenant AND bot_id = ? AND deleted_at IS NULL", "tu", "");

DB_STMT(bot_brand_select, TENANT,
        "SELECT brand_name, brand_link FROM bot WHERE tenant_id = :tenant AND bot_id = ? AND deleted_at IS NULL", "u",
        "ss");
DB_STMT(bot_set_brand, TENANT,
        "UPDATE bot SET brand_name = ?, brand_link = ? WHERE tenant_id = :tenant AND bot_id = ? AND deleted_at IS NULL",
        "ssu", "");

#define DRAFT_COLUMNS                                                                                           \
    "SELECT b.draft, b.draft_hash, b.draft_revision, b.live_version, b.last_version, v.flow_hash"               \
    " FROM bot b LEFT JOIN bot_version v ON v.tenant_id = b.tenant_id AND v.bot_id = b.bot_id AND v.version = " \
    "b.live_version"                                                                                            \
    " WHERE b.tenant_id = :tenant AND b.bot_id = ? AND b.deleted_at IS NULL"
DB_STMT(bot_draft_select, TENANT, DRAFT_COLUMNS, "u", "sxiiix?");
DB_STMT(bot_draft_lock, TENANT, DRAFT_COLUMNS " FOR UPDATE", "u", "sxiiix?");
/* INSTR and not LIKE, so that no character of the word is a wild card. */
DB_STMT(bot_flow_select, TENANT,
        "SELECT b.bot_id, b.name, IF(INSTR(b.draft, ?), b.draft, ''), IF(INSTR(v.flow, ?), v.flow, '')"
        " FROM bot b LEFT JOIN bot_version v ON v.tenant_id = b.tenant_id AND v.bot_id = b.bot_id AND v.version = "
        "b.live_version"
        " WHERE b.tenant_id = :tenant AND b.deleted_at IS NULL ORDER BY b.bot_id",
        "ss", "usss?");
/* The condition on draft_revision is the editors' lock: of two saves of one revision only the first changes a row. */
DB_STMT(bot_draft_update, TENANT,
        "UPDATE bot SET draft = ?, draft_hash = ?, draft_revision = draft_revision + 1, updated_at = ?"
        " WHERE tenant_id = :tenant AND bot_id = ? AND draft_revision = ? AND deleted_at IS NULL",
        "sxtui", "");
DB_STMT(bot_set_live, TENANT,
        "UPDATE bot SET live_version = ?, last_version = ?, published_at = ? WHERE tenant_id = :tenant AND bot_id = ?",
        "iitu", "");

static struct bot bot_from_row(struct db_row r)
{
    return (struct bot){.id = db_row_id(r, 0),
                        .tenant = db_row_id(r, 1),
                        .name = db_row_str(r, 2),
                        .language = db_row_str(r, 3),
                        .live_version = (int)db_row_int(r, 4),
                        .draft_revision = (int)db_row_int(r, 5),
                        .draft_differs = db_row_int(r, 6) != 0,
                        .created_ms = db_row_time(r, 7),
                        .updated_ms = db_row_time(r, 8),
                        .published_ms = db_row_time(r, 9),
                        .before = db_row_int(r, 10)};
}

/* A bot that was never published has NULL there, which becomes zeros and equals no hash. */
static void bot_hash_from_row(struct db_row r, size_t i, uint8_t out[CRYPTO_HASH])
{
    struct str h = db_row_str(r, i);
    memset(out, 0, CRYPTO_HASH);
    if (h.n == CRYPTO_HASH)
        memcpy(out, h.p, CRYPTO_HASH);
}

enum status bot_store_lock_tenant(struct db *c, struct arena *a, struct id tenant, struct err *e)
{
    struct db_row row;
    enum status st = db_query_one(c, &bot_lock_tenant, &tenant, DB_NONE, a, &row, e);
    if (st == ERR_NOT_FOUND)
        return err_set(e, E_workspace_unknown, "There is no such workspace, or it is suspended.");
    return st;
}

enum status bot_store_count(struct db *c, struct arena *a, struct id tenant, int64_t *out, struct err *e)
{
    struct db_row row;
    enum status st = db_query_one(c, &bot_count, &tenant, DB_NONE, a, &row, e);
    if (st == OK)
        *out = db_row_int(row, 0);
    return st;
}

enum status bot_store_add(struct db *c, struct id tenant, const struct bot_new *b, struct err *e)
{
    struct db_val now = db_time(clock_now_ms());
    return db_exec(c, &bot_insert, &tenant,
                   DB_ARGS(db_id(b->id), db_str(b->name), db_str(b->language), db_str(b->template_id), db_str(b->draft),
                           db_bytes(b->hash, CRYPTO_HASH), now, now),
                   NULL, e);
}

enum status bot_store_get(struct db *c, struct arena *a, struct id tenant, struct id bot, struct bot *out,
                          struct err *e)
{
    struct db_row row;
    enum status st = db_query_one(c, &bot_select, &tenant, DB_ARGS(db_id(bot)), a, &row, e);
    if (st == ERR_NOT_FOUND)
        return bot_unknown(e);
    if (st == OK)
        *out = bot_from_row(row);
    return st;
}

enum status bot_store_list(struct db *c, struct arena *a, struct id tenant, struct bot **out, size_t *n, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &bot_list_all, &tenant, DB_NONE, a, &rows, e);
    if (st != OK)
        return st;
    *n = rows.n;
    *out = arena_array(a, rows.n + 1, sizeof(**out));
    if (!*out)
        return err_nomem(e);
    for (size_t i = 0; i < rows.n; i++)
        (*out)[i] = bot_from_row(rows.rows[i]);
    return OK;
}

enum status bot_store_rename(struct db *c, struct arena *a, struct id tenant, struct id bot, struct str name,
                             struct err *e)
{
    struct bot b;
    enum status st = bot_store_get(c, a, tenant, bot, &b, e); /* an unchanged name changes no row: look first */
    if (st != OK)
        return st;
    return db_exec(c, &bot_set_name, &tenant, DB_ARGS(db_str(name), db_time(clock_now_ms()), db_id(bot)), NULL, e);
}

enum status bot_store_brand(struct db *c, struct arena *a, struct id tenant, struct id bot, struct bot_brand *out,
                            struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &bot_brand_select, &tenant, DB_ARGS(db_id(bot)), a, &r, e);
    if (st == ERR_NOT_FOUND)
        return bot_unknown(e);
    if (st == OK)
        *out = (struct bot_brand){db_row_str(r, 0), db_row_str(r, 1)};
    return st;
}

enum status bot_store_set_brand(struct db *c, struct arena *a, struct id tenant, struct id bot,
                                const struct bot_brand *brand, struct err *e)
{
    struct bot_brand old;
    enum status st = bot_store_brand(c, a, tenant, bot, &old, e); /* as in bot_store_rename */
    if (st != OK)
        return st;
    return db_exec(c, &bot_set_brand, &tenant, DB_ARGS(db_str(brand->name), db_str(brand->link), db_id(bot)), NULL, e);
}

/* Here the number of rows is enough, unlike in a rename: deleted_at changes from NULL, so a row that is found is always
 * changed. */
enum status bot_store_delete(struct db *c, struct id tenant, struct id bot, struct err *e)
{
    int64_t n = 0;
    enum status st = db_exec(c, &bot_set_deleted, &tenant, DB_ARGS(db_time(clock_now_ms()), db_id(bot)), &n, e);
    return st == OK && n == 0 ? bot_unknown(e) : st;
}

enum status bot_store_draft(struct db *c, struct arena *a, struct id tenant, struct id bot, bool for_update,
                            struct bot_draft_row *out, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, for_update ? &bot_draft_lock : &bot_draft_select, &tenant, DB_ARGS(db_id(bot)), a,
                                  &r, e);
    if (st == ERR_NOT_FOUND)
        return bot_unknown(e);
    if (st != OK)
        return st;
    out->text = db_row_str(r, 0);
    bot_hash_from_row(r, 1, out->hash);
    out->revision = (int)db_row_int(r, 2);
    out->live_version = (int)db_row_int(r, 3);
    out->last_version = (int)db_row_int(r, 4);
    bot_hash_from_row(r, 5, out->live_hash);
    return OK;
}

struct bot_flow_each {
    enum status (*fn)(void *ctx, const struct bot_flow_row *b, struct err *e);
    void *ctx;
};

static enum status bot_flow_from_row(void *ctx, struct db_row r, struct err *e)
{
    const struct bot_flow_each *each = ctx;
    const struct bot_flow_row b = {
        .id = db_row_id(r, 0), .name = db_row_str(r, 1), .draft = db_row_str(r, 2), .live = db_row_str(r, 3)};
    return b.draft.n || b.live.n ? each->fn(each->ctx, &b, e) : OK;
}

enum status bot_store_each_flow(struct db *c, struct id tenant, struct str word,
                                enum status (*fn)(void *ctx, const struct bot_flow_row *b, struct err *e), void *ctx,
                                struct err *e)
{
    struct bot_flow_each each = {fn, ctx};
    return db_each(c, &bot_flow_select, &tenant, DB_ARGS(db_str(word), db_str(word)), bot_flow_from_row, &each, e);
}

/* No changed row may mean an old revision or a bot that is gone; the caller reads the bot to find out which. */
enum status bot_store_draft_save(struct db *c, struct id tenant, struct id bot, struct str draft,
                                 const uint8_t hash[CRYPTO_HASH], int revision, bool *saved, struct err *e)
{
    int64_t n = 0;
    enum status st = db_exec(
        c, &bot_draft_update, &tenant,
        DB_ARGS(db_str(draft), db_bytes(hash, CRYPTO_HASH), db_time(clock_now_ms()), db_id(bot), db_int(revision)), &n,
        e);
    if (st == OK)
        *saved = n == 1;
    return st;
}

enum status bot_store_set_live(struct db *c, struct id tenant, struct id bot, int live, int last, struct err *e)
{
    return db_exec(c, &bot_set_live, &tenant, DB_ARGS(db_int(live), db_int(last), db_time(clock_now_ms()), db_id(bot)),
                   NULL, e);
}

/* ---- versions ---- */

DB_STMT(version_insert, TENANT,
        "INSERT INTO bot_version (tenant_id, bot_id, version, flow, flow_hash, note, created_by, created_at) VALUES "
        "(:tenant, ?, ?, ?, ?, ?, ?, ?)",
        "uisxsu?t", "");
/* LEFT JOIN, because the user who published may have been deleted since. The bot's row is joined for its mark of
 * deletion. */
DB_STMT(version_list, TENANT,
        "SELECT v.version, v.created_at, u.name, v.note, v.version = b.live_version"
        " FROM bot_version v JOIN bot b ON b.tenant_id = v.tenant_id AND b.bot_id = v.bot_id LEFT JOIN user u ON "
        "u.user_id = v.created_by"
        " WHERE v.tenant_id = :tenant AND v.bot_id = ? AND b.deleted_at IS NULL ORDER BY v.version DESC LIMIT 1000",
        "u", "its?si");
/* Without the flow, which may have a megabyte: a rollback only needs to know that the version is there. */
DB_STMT(version_exists, TENANT,
        "SELECT v.version FROM bot_version v JOIN bot b ON b.tenant_id = v.tenant_id AND b.bot_id = v.bot_id"
        " WHERE v.tenant_id = :tenant AND v.bot_id = ? AND v.version = ? AND b.deleted_at IS NULL",
        "ui", "i");
DB_STMT(version_select, TENANT,
        "SELECT v.flow FROM bot_version v JOIN bot b ON b.tenant_id = v.tenant_id AND b.bot_id = v.bot_id"
        " WHERE v.tenant_id = :tenant AND v.bot_id = ? AND v.version = ? AND b.deleted_at IS NULL",
        "ui", "s");
/* GLOBAL: a visitor knows only the bot's public id; the tenant comes out of it. */
DB_STMT(bot_pointer_select, GLOBAL,
        "SELECT b.tenant_id, b.live_version, b.name, b.language, b.brand_name, b.brand_link, " BEFORE
        ", COALESCE(k.run, 0), COALESCE(k.percent, 0), COALESCE(k.version, 0)"
        " FROM bot b JOIN tenant t ON t.tenant_id = b.tenant_id"
        " LEFT JOIN bot_canary k ON k.tenant_id = b.tenant_id AND k.bot_id = b.bot_id"
        " WHERE b.bot_id = ? AND b.deleted_at IS NULL AND t.state = 'active'",
        "u", "uissssiiii");

static enum status version_unknown(struct err *e)
{
    return err_raise(e, E_version_unknown);
}

/* The primary key holds the number of the version. Two publications cannot get the same one, even if the lock on the
 * draft were missing. Versions made by a command of the operator have no user. */
enum status version_store_add(struct db *c, struct id tenant, const struct bot_version_new *v, struct err *e)
{
    return db_exec(c, &version_insert, &tenant,
                   DB_ARGS(db_id(v->bot), db_int(v->version), db_str(v->flow), db_bytes(v->hash, CRYPTO_HASH),
                           db_str(v->note), db_opt(!id_is_none(v->user), db_id(v->user)), db_time(clock_now_ms())),
                   NULL, e);
}

enum status version_store_list(struct db *c, struct arena *a, struct id tenant, struct id bot, struct bot_version **out,
                               size_t *n, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &version_list, &tenant, DB_ARGS(db_id(bot)), a, &rows, e);
    if (st != OK)
        return st;
    *n = rows.n;
    *out = arena_array(a, rows.n + 1, sizeof(**out));
    if (!*out)
        return err_nomem(e);
    for (size_t i = 0; i < rows.n; i++)
        (*out)[i] = (struct bot_version){.version = (int)db_row_int(rows.rows[i], 0),
                                         .created_ms = db_row_time(rows.rows[i], 1),
                                         .created_by = db_row_str(rows.rows[i], 2),
                                         .note = db_row_str(rows.rows[i], 3),
                                         .live = db_row_int(rows.rows[i], 4) != 0};
    return OK;
}

enum status version_store_exists(struct db *c, struct arena *a, struct id tenant, struct id bot, int version,
                                 struct err *e)
{
    struct db_row row;
    enum status st = db_query_one(c, &version_exists, &tenant, DB_ARGS(db_id(bot), db_int(version)), a, &row, e);
    return st == ERR_NOT_FOUND ? version_unknown(e) : st;
}

enum status version_store_flow(struct db *c, struct arena *a, struct id tenant, struct id bot, int version,
                               struct str *out, struct err *e)
{
    struct db_row row;
    enum status st = db_query_one(c, &version_select, &tenant, DB_ARGS(db_id(bot), db_int(version)), a, &row, e);
    if (st == ERR_NOT_FOUND)
        return version_unknown(e);
    if (st == OK)
        *out = db_row_str(row, 0);
    return st;
}

enum status bot_store_pointer(struct db *c, struct arena *a, struct id bot, struct bot_pointer *out, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &bot_pointer_select, DB_GLOBAL, DB_ARGS(db_id(bot)), a, &r, e);
    if (st == ERR_NOT_FOUND)
        return bot_unknown(e);
    if (st != OK)
        return st;
    *out = (struct bot_pointer){.tenant = db_row_id(r, 0),
                                .live_version = (int)db_row_int(r, 1),
                                .name = db_row_str(r, 2),
                                .language = db_row_str(r, 3),
                                .brand = {db_row_str(r, 4), db_row_str(r, 5)},
                                .before = db_row_int(r, 6),
                                .canary = {(int)db_row_int(r, 7), (int)db_row_int(r, 8), (int)db_row_int(r, 9)}};
    return OK;
}

/* ---- bots that stay active ---- */

DB_STMT(bot_ids_select, TENANT,
        "SELECT bot_id FROM bot WHERE tenant_id = :tenant AND deleted_at IS NULL ORDER BY created_at, bot_id", "", "u");
/* Only rows that are marked, so that an unchanged choice locks no others. */
DB_STMT(bot_keep_clear, TENANT, "UPDATE bot SET kept_at = NULL WHERE tenant_id = :tenant AND kept_at IS NOT NULL", "",
        "");
DB_STMT(bot_keep_set, TENANT,
        "UPDATE bot SET kept_at = ? WHERE tenant_id = :tenant AND bot_id = ? AND deleted_at IS NULL", "tu", "");

enum status bot_store_ids(struct db *c, struct arena *a, struct id tenant, struct id **out, size_t *n, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &bot_ids_select, &tenant, DB_NONE, a, &rows, e);
    if (st != OK)
        return st;
    *n = rows.n;
    *out = arena_array(a, rows.n ? rows.n : 1, sizeof(**out));
    if (!*out)
        return err_nomem(e);
    for (size_t i = 0; i < rows.n; i++)
        (*out)[i] = db_row_id(rows.rows[i], 0);
    return OK;
}

enum status bot_store_keep_none(struct db *c, struct id tenant, struct err *e)
{
    return db_exec(c, &bot_keep_clear, &tenant, DB_NONE, NULL, e);
}

enum status bot_store_keep(struct db *c, struct id tenant, struct id bot, int64_t now_ms, struct err *e)
{
    return db_exec(c, &bot_keep_set, &tenant, DB_ARGS(db_time(now_ms), db_id(bot)), NULL, e);
}
