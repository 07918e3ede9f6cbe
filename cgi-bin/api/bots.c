/* bots.c: /v1/bots: bots, their draft, brand and versions, publication and rollback. "active" tells whether the plan
 * covers the bot: of more bots than the plan allows, those that the owner has chosen stay active, then the oldest. */
#include "api/api.h"
#include "engine/workspace/canary.h"
#include "engine/workspace/caps.h"
#include "engine/workspace/engines.h"

#include "base/banned.h"

static int api_bots_fill(struct json *o, const struct bot *b, int64_t room)
{
    if (json_set_id(o, "id", ID_BOT, b->id) != 0 || json_set_str(o, "name", b->name) != 0 ||
        json_set_str(o, "language", b->language) != 0)
        return -1;
    if ((b->live_version ? json_set_int(o, "live_version", b->live_version) : json_set_null(o, "live_version")) != 0)
        return -1;
    return json_set_bool(o, "active", b->before < room) != 0 ||
                   json_set_bool(o, "draft_differs", b->draft_differs) != 0 ||
                   json_set_time(o, "created_at", b->created_ms) != 0 ||
                   json_set_time(o, "updated_at", b->updated_ms) != 0 ||
                   json_set_time(o, "published_at", b->published_ms) != 0
               ? -1
               : 0;
}

/* Ends the call with the bot, or with the failure. The plan is read after the change, so "active" is what the change
 * has led to. */
static void api_bots_end(struct api_call *call, enum status st, int status, const struct bot *b)
{
    int64_t room = 0;
    if (st == OK)
        st = bot_room(call->c, call->who.tenant, &room, &call->e);
    struct json *o = st == OK ? json_new_object(call->a) : NULL;
    if (st == OK && (!o || api_bots_fill(o, b, room) != 0))
        st = err_nomem(&call->e);
    api_end(call, st, status, o);
}

/* A workspace has few bots, so the list is not paged; `has_more` is there because every list has it. */
void api_bots_get(struct request *rq)
{
    struct api_call call;
    struct bot *all;
    struct json *out = NULL, *data, *o;
    int64_t room;
    size_t n;
    if (!api_begin(rq, &call))
        return;
    enum status st = bot_list(call.c, call.who.tenant, call.a, &all, &n, &call.e);
    if (st == OK)
        st = bot_room(call.c, call.who.tenant, &room, &call.e);
    if (st == OK)
        out = api_list(call.a, false, &data);
    for (size_t i = 0; out && i < n; i++)
        if (json_push_object(data, &o) != 0 || api_bots_fill(o, &all[i], room) != 0)
            out = NULL;
    if (st == OK && !out)
        st = err_nomem(&call.e);
    api_end(&call, st, 200, out);
}

/* The Location header names the new bot, as for any resource that a POST creates. */
void api_bots_post(struct request *rq)
{
    struct api_call call;
    struct json *in;
    struct bot b;
    if (!api_begin(rq, &call))
        return;
    enum status st = api_body(
        &call, FIELDS({"template", JSON_STRING, true}, {"name", JSON_STRING, true}, {"language", JSON_STRING, false}),
        &in);
    if (st == OK)
        st = bot_create(
            call.c, rq->config, &call.who,
            &(struct bot_wanted){json_get_str(in, "template"), json_get_str(in, "name"), json_get_str(in, "language")},
            call.a, &b, &call.e);
    if (st == OK) {
        char id[ID_TEXT_MAX];
        char *where = arena_printf(call.a, "/v1/bots/%s", id_text(ID_BOT, b.id, id));
        if (where)
            reply_header(rq, "Location", str_from(where));
    }
    api_bots_end(&call, st, 201, &b);
}

/* Starts a call about the bot in the path. False: the reply is written. */
static bool api_bots_begin(struct request *rq, struct api_call *call, struct id *bot)
{
    if (!api_begin(rq, call))
        return false;
    enum status st = api_id(call, "bot", ID_BOT, bot);
    if (st != OK)
        api_end(call, st, 0, NULL);
    return st == OK;
}

/* The same with a body. False: the reply is written. */
static bool api_bots_begin_body(struct request *rq, struct api_call *call, struct id *bot,
                                const struct json_field *fields, size_t n, struct json **in)
{
    if (!api_bots_begin(rq, call, bot))
        return false;
    enum status st = api_body(call, fields, n, in);
    if (st != OK)
        api_end(call, st, 0, NULL);
    return st == OK;
}

void api_bots_bot_get(struct request *rq)
{
    struct api_call call;
    struct id id;
    struct bot b;
    if (!api_bots_begin(rq, &call, &id))
        return;
    enum status st = bot_get(call.c, call.who.tenant, id, call.a, &b, &call.e);
    api_bots_end(&call, st, 200, &b);
}

/* The bot is read back after the change: the reply is what is stored, with the name trimmed and the new time. */
void api_bots_bot_patch(struct request *rq)
{
    struct api_call call;
    struct id id;
    struct bot b;
    struct json *in;
    if (!api_bots_begin_body(rq, &call, &id, FIELDS({"name", JSON_STRING, true}), &in))
        return;
    enum status st = bot_rename(call.c, &call.who, id, json_get_str(in, "name"), &call.e);
    if (st == OK)
        st = bot_get(call.c, call.who.tenant, id, call.a, &b, &call.e);
    api_bots_end(&call, st, 200, &b);
}

/* A second DELETE of the same bot is 404, so a client that repeats a lost request must take 404 for done. */
void api_bots_bot_delete(struct request *rq)
{
    struct api_call call;
    struct id id;
    if (!api_bots_begin(rq, &call, &id))
        return;
    enum status st = bot_delete(call.c, &call.who, id, &call.e);
    api_end(&call, st, 204, NULL);
}

/* ---- own brand ---- */

static void api_bots_end_brand(struct api_call *call, enum status st, const struct bot_brand *b)
{
    struct json *o = st == OK ? json_new_object(call->a) : NULL;
    if (st == OK && (!o || json_set_str(o, "name", b->name) != 0 || json_set_str(o, "link", b->link) != 0))
        st = err_nomem(&call->e);
    api_end(call, st, 200, o);
}

void api_bots_brand_get(struct request *rq)
{
    struct api_call call;
    struct id id;
    struct bot_brand b;
    if (!api_bots_begin(rq, &call, &id))
        return;
    enum status st = bot_brand(call.c, call.who.tenant, id, call.a, &b, &call.e);
    api_bots_end_brand(&call, st, &b);
}

/* PUT replaces both fields: a link that is left out is removed. */
void api_bots_brand_put(struct request *rq)
{
    struct api_call call;
    struct id id;
    struct json *in;
    struct bot_brand b;
    if (!api_bots_begin(rq, &call, &id))
        return;
    enum status st = api_body(&call, FIELDS({"name", JSON_STRING, true}, {"link", JSON_STRING, false}), &in);
    if (st == OK) {
        b = (struct bot_brand){json_get_str(in, "name"), json_get_str(in, "link")};
        st = bot_brand_save(call.c, &call.who, id, &b, &call.e);
    }
    if (st == OK)
        st = bot_brand(call.c, call.who.tenant, id, call.a, &b, &call.e);
    api_bots_end_brand(&call, st, &b);
}

/* ---- flow and versions ---- */

/* The revision comes with the flow, because PUT has to send it back. The route needs the scope to write, because a flow
 * may hold a key that was written out. */
void api_bots_flow_get(struct request *rq)
{
    struct api_call call;
    struct id id;
    struct json *flow, *o = NULL;
    int revision;
    if (!api_bots_begin(rq, &call, &id))
        return;
    enum status st = bot_draft(call.c, call.who.tenant, id, call.a, &flow, &revision, &call.e);
    if (st == OK) {
        o = json_new_object(call.a);
        if (!o || json_set_int(o, "revision", revision) != 0 || json_set_copy(o, "flow", flow) != 0)
            st = err_nomem(&call.e);
    }
    api_end(&call, st, 200, o);
}

static void api_bots_end_number(struct api_call *call, enum status st, const char *key, int64_t v)
{
    struct json *o = st == OK ? json_new_object(call->a) : NULL;
    if (st == OK && (!o || json_set_int(o, key, v) != 0))
        st = err_nomem(&call->e);
    api_end(call, st, 200, o);
}

/* A revision or version in the body. A number out of range becomes 0, which no revision or version has. */
static int api_bots_number(const struct json *in, const char *key)
{
    int64_t v = json_int(json_get(in, key), 0);
    return v < 0 || v > INT32_MAX ? 0 : (int)v;
}

/* What the check of the flow has found: the reply to a client that has no page to read it on. */
static enum status api_bots_add_findings(struct api_call *call, struct json *o, const struct json *doc)
{
    struct flow *f = NULL;
    struct flow_finding *all = NULL;
    struct json *list, *row;
    size_t n = 0;
    enum status st = flow_parse(doc, &f, &call->e);
    if (st == OK)
        st = bot_check(call->c, call->who.tenant, f, call->a, &all, &n, &call->e);
    flow_drop(f);
    if (st == OK && json_set_array(o, "findings", &list) != 0)
        st = err_nomem(&call->e);
    for (size_t i = 0; st == OK && i < n; i++)
        if (json_push_object(list, &row) != 0 ||
            json_set_str(row, "severity", all[i].severity == FLOW_ERROR ? STR("error") : STR("warning")) != 0 ||
            json_set_str(row, "code", str_from(all[i].code)) != 0 || json_set_str(row, "node", all[i].node) != 0 ||
            json_set_str(row, "pointer", all[i].pointer) != 0 || json_set_str(row, "message", all[i].message) != 0)
            st = err_nomem(&call->e);
    return st;
}

/* The revision that the client has read must still be the newest one: a change made in between is refused
 * (ERR_CONFLICT) and not overwritten. All that can fail comes before the save, so that an error means that nothing was
 * saved. */
void api_bots_flow_put(struct request *rq)
{
    struct api_call call;
    struct id id;
    struct json *in;
    if (!api_bots_begin_body(rq, &call, &id, FIELDS({"flow", JSON_OBJECT, true}, {"revision", JSON_INT, true}), &in))
        return;
    int revision = api_bots_number(in, "revision");
    struct json *o = json_new_object(call.a);
    enum status st = o && json_set_int(o, "revision", (int64_t)revision + 1) == 0 ? OK : err_nomem(&call.e);
    if (st == OK)
        st = api_bots_add_findings(&call, o, json_get(in, "flow"));
    if (st == OK)
        st = bot_draft_save(call.c, &call.who, id, json_get(in, "flow"), revision, &call.e);
    api_end(&call, st, 200, o);
}

/* A draft that equals the live version answers with that version, so repeating the request has no second effect. */
void api_bots_publish_post(struct request *rq)
{
    struct api_call call;
    struct id id;
    struct json *in;
    int version = 0;
    if (!api_bots_begin_body(rq, &call, &id, FIELDS({"note", JSON_STRING, false}), &in))
        return;
    enum status st = bot_publish(call.c, &call.who,
                                 &(struct bot_publishing){.bot = id, .note = json_get_str(in, "note")}, call.a,
                                 &version, &call.e);
    api_bots_end_number(&call, st, "version", version);
}

/* The draft is left alone, as in the portal. Rolling back to the live version changes nothing and is not an error. */
void api_bots_rollback_post(struct request *rq)
{
    struct api_call call;
    struct id id;
    struct json *in;
    if (!api_bots_begin_body(rq, &call, &id, FIELDS({"version", JSON_INT, true}), &in))
        return;
    int version = api_bots_number(in, "version");
    enum status st = bot_rollback(call.c, &call.who, id, version, &call.e);
    api_bots_end_number(&call, st, "version", version);
}

/* Versions are few, so the list is not paged. */
void api_bots_versions_get(struct request *rq)
{
    struct api_call call;
    struct id id;
    struct bot_version *all;
    struct json *out = NULL, *data, *o;
    size_t n;
    if (!api_bots_begin(rq, &call, &id))
        return;
    enum status st = bot_versions(call.c, call.who.tenant, id, call.a, &all, &n, &call.e);
    if (st == OK)
        out = api_list(call.a, false, &data);
    for (size_t i = 0; out && i < n; i++)
        if (json_push_object(data, &o) != 0 || json_set_int(o, "version", all[i].version) != 0 ||
            json_set_bool(o, "live", all[i].live) != 0 || json_set_str(o, "created_by", all[i].created_by) != 0 ||
            json_set_str(o, "note", all[i].note) != 0 || json_set_time(o, "created_at", all[i].created_ms) != 0)
            out = NULL;
    if (st == OK && !out)
        st = err_nomem(&call.e);
    api_end(&call, st, 200, out);
}

/* ---- engines ---- */

static int api_bots_cap_fill(struct json *o, const struct engine_cap *c)
{
    bool visitor = str_eqz(STR("visitor"), c->scope);
    return json_set_str(o, "scope", str_from(c->scope)) || json_set_str(o, "cap", str_from(c->cap)) ||
                   json_set_str(o, "period", c->monthly ? STR("month") : STR("day")) ||
                   json_set_int(o, "amount", c->amount) ||
                   json_set_int(o, visitor ? "visitors" : "used", visitor ? c->visitors : c->used) ||
                   (c->reached_ms ? json_set_time(o, "reached_at", c->reached_ms) : json_set_null(o, "reached_at")) ||
                   json_set_time(o, "until", c->until_ms)
               ? -1
               : 0;
}

/* The caps that are reached now, so that a script learns why the bot answers from its fallback. */
static enum status api_bots_caps_json(struct api_call *call, struct id bot, const struct bot_engines *b,
                                      struct json *out)
{
    struct engine_cap *all;
    struct json *list = NULL, *o;
    size_t n = 0;
    enum status st = engine_caps_reached(call->c, call->who.tenant, bot, b->limits, clock_now_ms(), call->a, &all, &n,
                                         &call->e);
    if (st == OK && json_set_array(out, "caps_reached", &list) != 0)
        return err_nomem(&call->e);
    for (size_t i = 0; st == OK && i < n; i++)
        if (json_push_object(list, &o) != 0 || api_bots_cap_fill(o, &all[i]) != 0)
            st = err_nomem(&call->e);
    return st;
}

static enum status api_bots_chain_json(struct api_call *call, struct id bot, const struct bot_engines *b,
                                       struct json **out)
{
    struct json *o = json_new_object(call->a);
    bool ok = o && json_set_ids(o, "chain", ID_ENGINE, b->chain, b->n) == 0 &&
              json_set_str(o, "prompt", b->prompt) == 0 && json_set_copy(o, "limits", b->limits) == 0 &&
              json_set_int(o, "revision", b->revision) == 0;
    *out = o;
    return ok ? api_bots_caps_json(call, bot, b, o) : err_nomem(&call->e);
}

void api_bots_engines_get(struct request *rq)
{
    struct api_call call;
    struct bot_engines b;
    struct json *out = NULL;
    struct id bot;
    if (!api_begin(rq, &call))
        return;
    enum status st = api_id(&call, "bot", ID_BOT, &bot);
    if (st == OK)
        st = engines_of_bot(call.c, call.who.tenant, bot, call.a, &b, &call.e);
    if (st == OK)
        st = api_bots_chain_json(&call, bot, &b, &out);
    api_end(&call, st, 200, out);
}

static enum status api_bots_read_ids(struct api_call *call, const struct json *list, struct id out[ENGINE_LINKS_MAX],
                                     size_t *n)
{
    *n = 0;
    if (json_len(list) > ENGINE_LINKS_MAX)
        return err_at(&call->e, E_engines_too_many, "/chain", "A bot can have at most %d engines.", ENGINE_LINKS_MAX);
    for (; *n < json_len(list); (*n)++)
        if (!id_parse(ID_ENGINE, json_str(json_at(list, *n)), &out[*n]))
            return err_raise_at(&call->e, E_engine_unknown, "/chain");
    return OK;
}

static enum status api_bots_read_chain(struct api_call *call, struct json *in, struct bot_engines *out)
{
    *out = (struct bot_engines){.prompt = json_get_str(in, "prompt"), .limits = json_get(in, "limits")};
    out->revision = (int)json_int(json_get(in, "revision"), -1);
    return api_bots_read_ids(call, json_get(in, "chain"), out->chain, &out->n);
}

/* Replaces all of it: what is left out is empty afterwards. */
void api_bots_engines_put(struct request *rq)
{
    struct api_call call;
    struct bot_engines b;
    struct json *in, *out = NULL;
    struct id bot;
    if (!api_begin(rq, &call))
        return;
    enum status st = api_id(&call, "bot", ID_BOT, &bot);
    if (st == OK)
        st = api_body(&call,
                      FIELDS({"chain", JSON_ARRAY, true}, {"prompt", JSON_STRING, false},
                             {"limits", JSON_OBJECT, false}, {"revision", JSON_INT, false}),
                      &in);
    if (st == OK)
        st = api_bots_read_chain(&call, in, &b);
    if (st == OK)
        st = engines_of_bot_save(call.c, &call.who, bot, &b, call.a, &b, &call.e);
    if (st == OK)
        st = api_bots_chain_json(&call, bot, &b, &out);
    api_end(&call, st, 200, out);
}

/* ---- canary ---- */

static int api_bots_counts_fill(struct json *o, const struct canary_counts *n)
{
    return json_set_int(o, "conversations", n->conversations) || json_set_int(o, "answered", n->answered) ||
                   json_set_int(o, "handed_off", n->handed_off) || json_set_int(o, "rated_up", n->rated_up) ||
                   json_set_int(o, "rated_down", n->rated_down) || json_set_int(o, "turns", n->turns) ||
                   json_set_int(o, "took_ms", n->took_ms) || json_set_int(o, "calls", n->calls) ||
                   json_set_int(o, "tokens", n->tokens) || json_set_int(o, "cost", n->cost)
               ? -1
               : 0;
}

static int api_bots_canary_fill(struct json *o, const struct engine_canary *k)
{
    if (json_set_int(o, "run", k->run) || json_set_int(o, "percent", k->percent) ||
        json_set_ids(o, "chain", ID_ENGINE, k->chain, k->n))
        return -1;
    if (k->version ? json_set_int(o, "version", k->version) : json_set_null(o, "version"))
        return -1;
    return k->run ? json_set_time(o, "started_at", k->started_ms) : json_set_null(o, "started_at");
}

static void api_bots_end_canary(struct api_call *call, enum status st, struct id bot, const struct engine_canary *k)
{
    struct json *o = json_new_object(call->a), *others, *canary;
    struct canary_counts n[2];
    if (st == OK)
        st = engine_canary_compare(call->c, call->who.tenant, bot, k->run, call->a, n, &call->e);
    if (st == OK && (!o || api_bots_canary_fill(o, k) || json_set_object(o, "others", &others) ||
                     api_bots_counts_fill(others, &n[0]) || json_set_object(o, "canary", &canary) ||
                     api_bots_counts_fill(canary, &n[1])))
        st = err_nomem(&call->e);
    api_end(call, st, 200, o);
}

void api_bots_canary_get(struct request *rq)
{
    struct api_call call;
    struct engine_canary k = {.run = 0};
    struct id bot;
    if (!api_begin(rq, &call))
        return;
    enum status st = api_id(&call, "bot", ID_BOT, &bot);
    if (st == OK)
        st = engine_canary_get(call.c, call.who.tenant, bot, call.a, &k, &call.e);
    api_bots_end_canary(&call, st, bot, &k);
}

static enum status api_bots_read_canary(struct api_call *call, const struct json *in, struct engine_canary *out)
{
    int64_t percent = json_int(json_get(in, "percent"), -1), version = json_int(json_get(in, "version"), 0);
    *out = (struct engine_canary){.percent = percent > 100 || percent < 0 ? -1 : (int)percent,
                                  .version = version > INT32_MAX || version < 0 ? -1 : (int)version};
    return api_bots_read_ids(call, json_get(in, "chain"), out->chain, &out->n);
}

void api_bots_canary_put(struct request *rq)
{
    struct api_call call;
    struct engine_canary k = {.run = 0};
    struct json *in;
    struct id bot;
    if (!api_begin(rq, &call))
        return;
    enum status st = api_id(&call, "bot", ID_BOT, &bot);
    if (st == OK)
        st = api_body(&call,
                      FIELDS({"percent", JSON_INT, true}, {"version", JSON_INT, false}, {"chain", JSON_ARRAY, false}),
                      &in);
    if (st == OK)
        st = api_bots_read_canary(&call, in, &k);
    if (st == OK)
        st = engine_canary_save(call.c, &call.who, bot, &k, call.a, &k, &call.e);
    api_bots_end_canary(&call, st, bot, &k);
}
