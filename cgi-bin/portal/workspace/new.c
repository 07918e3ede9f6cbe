/* new.c: /app/new: makes a bot, from a template or from a file that export.json wrote. A form may be sent once. The
 * table of used forms is in shared memory, so that a double click that reaches two processes still makes one bot. It is
 * the table of the rate limits, so the protection is off where rate_limits is. */
#include <pthread.h>
#include <stdio.h>

#include "base/crypto.h"
#include "base/limits.h"
#include "base/shared.h"
#include "portal/workspace/workspace.h"

#include "base/banned.h"

/* A random number identifies the form. */
static void new_fill_once(struct page *pg)
{
    uint8_t random[12];
    struct buf b;
    crypto_random(random, sizeof(random));
    buf_init(&b, 64);
    crypto_base64url(&b, random, sizeof(random));
    view_str(pg->v, "Form.once", buf_str(&b));
    buf_release(&b);
}

/* Takes the number of the form, so that it cannot be used again. True if it had been taken. It is a bucket that holds
 * one token and gets one a minute: long enough for every double click. A form without a number is accepted, because
 * scripts that send forms have none. */
static bool new_once_used(struct page *pg)
{
    struct str once = request_form(pg->rq, "once");
    int wait = 0;
    return once.n >= 16 && once.n <= 40 && !shared_take("form", once, 1, 1, &wait);
}

static void new_fill_language(struct page *pg, size_t i, struct str language)
{
    char key[64];
    snprintf(key, sizeof(key), "Languages.%.*s", STR_F(str_sub(language, 0, 35)));
    const char *text = view_t(pg->v, key);
    view_str(pg->v, view_at(pg->v, "Languages", i, "Id"), language);
    view_str(pg->v, view_at(pg->v, "Languages", i, "Name"), strcmp(text, key) != 0 ? str_from(text) : language);
}

/* The languages to choose from: those of the templates, each one once. */
static void new_fill_languages(struct page *pg, const struct bot_template *t, size_t n)
{
    struct str seen[32];
    size_t seen_n = 0;
    for (size_t i = 0; i < n; i++) {
        const struct json *list = json_get(t[i].flow, "languages");
        for (size_t k = 0; k < json_len(list); k++) {
            struct str one = json_str(json_at(list, k));
            size_t at = 0;
            while (at < seen_n && !str_eq(seen[at], one))
                at++;
            if (at == seen_n && seen_n < COUNT_OF(seen)) {
                seen[seen_n] = one;
                new_fill_language(pg, seen_n++, one);
            }
        }
    }
}

static enum status new_fill_templates(struct page *pg, struct str chosen)
{
    struct bot_template *t = NULL;
    size_t n = 0;
    struct view *v = pg->v;
    enum status st = bot_templates(pg->rq->config, pg->rq->arena, str_from(view_language(v)), &t, &n, &pg->e);
    for (size_t i = 0; st == OK && i < n; i++) {
        view_str(v, view_at(v, "Templates", i, "Id"), t[i].id);
        view_str(v, view_at(v, "Templates", i, "Name"), t[i].name);
        view_str(v, view_at(v, "Templates", i, "Summary"), t[i].summary);
        view_str(v, view_at(v, "Templates", i, "Category"), t[i].category);
        view_bool(v, view_at(v, "Templates", i, "Chosen"), str_eq(chosen, t[i].id));
    }
    if (st == OK)
        new_fill_languages(pg, t, n);
    return st;
}

static void new_show(struct page *pg, int status)
{
    struct request *rq = pg->rq;
    bool post = rq->method == POST;
    struct str chosen = post ? request_form(rq, "template") : request_query(rq, "template");
    if (new_fill_templates(pg, chosen.n ? chosen : STR("faq")) != OK) {
        page_fail(pg);
        return;
    }
    if (post) {
        view_str(pg->v, "Form.name", request_form(rq, "name"));
        view_str(pg->v, "Form.language", request_form(rq, "language"));
    }
    new_fill_once(pg);
    view_text(pg->v, "Page.Nav", "bots");
    page_send_status(pg, status, "portal/workspace/new.cs", "Workspace.New.Title");
}

void workspace_new_get(struct request *rq)
{
    struct page pg;
    if (!page_begin(rq, &pg))
        return;
    /* The limit is checked before the form is shown: filling it in would be in vain. */
    if (bot_may_add(pg.db, pg.who.tenant, rq->arena, &pg.e) == OK)
        new_show(&pg, 200);
    else
        page_fail(&pg);
}

/* The form that is shown again has a new number, because the old one is used up. */
static void new_show_again(struct page *pg)
{
    if (page_form_again(pg))
        new_show(pg, 422);
}

/* A form that was already used leads to the list of bots, where the user finds the bot that the first click has
 * made. */
void workspace_new_post(struct request *rq)
{
    struct page pg;
    struct bot b;
    if (!page_begin(rq, &pg))
        return;
    if (new_once_used(&pg)) {
        page_redirect(&pg, "/app");
        return;
    }
    if (bot_create(
            pg.db, rq->config, &pg.who,
            &(struct bot_wanted){request_form(rq, "template"), request_form(rq, "name"), request_form(rq, "language")},
            rq->arena, &b, &pg.e) == OK)
        page_redirect(&pg, "/app/bots/%s?done=bot_created", TEXT_ID(ID_BOT, b.id));
    else
        new_show_again(&pg);
}

/* ---- from a file ---- */

/* The form is taken only after the file was parsed: a file that is not JSON can be replaced and sent with the same
 * form. */
static enum status new_import_parsed(struct page *pg, struct arena *a, struct str text, struct bot *out)
{
    struct json *file = NULL;
    enum status st = json_parse_tolerant(a, text, MAX_JSON_DEPTH, &file, &pg->e);
    if (st == OK && new_once_used(pg))
        return err_raise(&pg->e, E_form_used);
    if (st == OK)
        st = bot_import(pg->db, &pg->who, a, file, str_trim(request_form(pg->rq, "name")), out, &pg->e);
    if (st != OK && !pg->e.pointer[0])
        snprintf(pg->e.pointer, sizeof(pg->e.pointer), "file");
    return st;
}

/* A file with all answers of a bot needs more memory than any other request, so each process reads one at a time. */
static enum status new_import_read(struct page *pg, struct bot *out)
{
    static pthread_mutex_t reading = PTHREAD_MUTEX_INITIALIZER;
    struct str filename, text = request_file(pg->rq, "file", &filename);
    struct arena a;
    if (!text.n)
        return err_raise_at(&pg->e, E_file_missing, "file");
    if (pthread_mutex_trylock(&reading) != 0)
        return err_raise(&pg->e, E_import_busy);
    arena_init(&a, MAX_BOT_FILE_ARENA);
    enum status st = new_import_parsed(pg, &a, text, out);
    arena_release(&a);
    pthread_mutex_unlock(&reading);
    return st;
}

void workspace_new_file_post(struct request *rq)
{
    struct page pg;
    struct bot b;
    if (!page_begin(rq, &pg))
        return;
    view_bool(pg.v, "Form.File", true);
    if (new_import_read(&pg, &b) == OK)
        page_redirect(&pg, "/app/bots/%s?done=bot_imported", TEXT_ID(ID_BOT, b.id));
    else
        new_show_again(&pg);
}
