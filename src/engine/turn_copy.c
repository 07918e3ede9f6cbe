/* turn_copy.c: questions and events move between the thread of a turn and the calls thread, so each side has its own
 * copy. Personal data is hidden while the question is copied: what was not hidden never reaches the side that sends. */
#include "engine/turn_copy.h"

#include "base/banned.h"

struct turn_copy {
    struct arena *a;
    struct engine_mask *mask;
    bool ok;
};

static void *copy_array(struct turn_copy *c, size_t n, size_t size)
{
    void *p = arena_array(c->a, n ? n : 1, size);
    if (!p)
        c->ok = false;
    return p;
}

/* A text that a caller left out of an initializer has no bytes and no address. */
static struct str copy_str(struct turn_copy *c, struct str from)
{
    return arena_str(c->a, str_n(from.p, from.n), &c->ok);
}

static enum status copy_hidden(struct turn_copy *c, struct str from, struct str *out, struct err *e)
{
    if (c->mask && from.n)
        return engine_mask_hide(c->mask, from, out, e);
    *out = copy_str(c, from);
    return OK;
}

static enum status copy_calls(struct turn_copy *c, const struct engine_message *from, struct engine_message *out,
                              struct err *e)
{
    struct engine_tool_call *calls = copy_array(c, from->call_count, sizeof(*calls));
    enum status st = OK;
    for (size_t i = 0; st == OK && calls && i < from->call_count; i++) {
        calls[i].id = copy_str(c, from->calls[i].id);
        calls[i].name = copy_str(c, from->calls[i].name);
        st = copy_hidden(c, from->calls[i].arguments, &calls[i].arguments, e);
    }
    out->calls = calls;
    return st;
}

static enum status copy_message(struct turn_copy *c, const struct engine_message *from, struct engine_message *out,
                                struct err *e)
{
    struct engine_image *images = copy_array(c, from->image_count, sizeof(*images));
    *out = *from;
    for (size_t i = 0; images && i < from->image_count; i++) {
        images[i].url = copy_str(c, from->images[i].url);
        images[i].mime = copy_str(c, from->images[i].mime);
        images[i].bytes = copy_str(c, from->images[i].bytes);
    }
    out->images = images;
    out->tool_id = copy_str(c, from->tool_id);
    out->tool_name = copy_str(c, from->tool_name);
    enum status st = copy_hidden(c, from->text, &out->text, e);
    return st == OK ? copy_calls(c, from, out, e) : st;
}

/* The copy of null is NULL, which is no failure. */
static const struct json *copy_json(struct turn_copy *c, const struct json *from)
{
    struct json *copy = json_copy(c->a, from);
    if (from && !copy)
        c->ok = false;
    return copy;
}

static void copy_tools(struct turn_copy *c, const struct engine_turn *from, struct engine_turn *out)
{
    struct engine_tool *tools = copy_array(c, from->tool_count, sizeof(*tools));
    struct str *stop = copy_array(c, from->stop_count, sizeof(*stop));
    for (size_t i = 0; tools && i < from->tool_count; i++) {
        tools[i].name = copy_str(c, from->tools[i].name);
        tools[i].description = copy_str(c, from->tools[i].description);
        tools[i].parameters = copy_json(c, from->tools[i].parameters);
    }
    for (size_t i = 0; stop && i < from->stop_count; i++)
        stop[i] = copy_str(c, from->stop[i]);
    out->tools = tools;
    out->stop = stop;
}

enum status engine_turn_copy(struct arena *a, const struct engine_turn *from, struct engine_mask *mask,
                             struct engine_turn **out, struct err *e)
{
    struct turn_copy c = {a, mask, true};
    struct engine_turn *t = copy_array(&c, 1, sizeof(*t));
    struct engine_message *messages = copy_array(&c, from->message_count, sizeof(*messages));
    enum status st = OK;
    if (!c.ok)
        return err_nomem(e);
    *t = *from;
    t->messages = messages;
    t->message_id = copy_str(&c, from->message_id);
    t->language = copy_str(&c, from->language);
    t->schema = copy_json(&c, from->schema);
    t->state = copy_json(&c, from->state);
    copy_tools(&c, from, t);
    for (size_t i = 0; st == OK && i < from->message_count; i++)
        st = copy_message(&c, &from->messages[i], &messages[i], e);
    *out = t;
    return st == OK && !c.ok ? err_nomem(e) : st;
}

bool engine_event_copy(struct arena *a, const struct engine_event *from, struct engine_event *out)
{
    struct turn_copy c = {a, NULL, true};
    struct engine_choice *choices = copy_array(&c, from->choice_count, sizeof(*choices));
    float *vector = copy_array(&c, from->dimensions, sizeof(*vector));
    *out = *from;
    struct str *const texts[] = {&out->text, &out->title,   &out->url,       &out->mime,
                                 &out->key,  &out->call.id, &out->call.name, &out->call.arguments};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        *texts[i] = copy_str(&c, *texts[i]);
    for (size_t i = 0; choices && i < from->choice_count; i++) {
        choices[i].label = copy_str(&c, from->choices[i].label);
        choices[i].value = copy_str(&c, from->choices[i].value);
        choices[i].url = copy_str(&c, from->choices[i].url);
    }
    if (vector && from->dimensions)
        memcpy(vector, from->vector, from->dimensions * sizeof(*vector));
    out->choices = choices;
    out->vector = vector;
    return c.ok;
}
