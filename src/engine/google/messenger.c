/* messenger.c: the elements of Dialogflow Messenger's richContent, one event each. ES and CX have the same elements but
 * write addresses in two ways, and both are read here. An element may fire an event of the agent when it is clicked;
 * its label is said instead, which an agent can be trained for. */
#include "engine/google/messenger.h"

#include "base/limits.h"

#include "base/banned.h"

#define MESSENGER_CHOICES_MAX 50

static struct str messenger_link(const struct json *element)
{
    static const char *const names[] = {"link", "actionLink"};
    struct str link = json_get_str(json_get(element, "anchor"), "href");
    for (size_t i = 0; i < COUNT_OF(names) && !link.n; i++)
        link = json_get_str(element, names[i]);
    return link;
}

static struct str messenger_image(const struct json *element)
{
    const struct json *image = json_get(element, "image");
    struct str url = json_get_str(json_get(image, "src"), "rawUrl");
    return url.n ? url : json_get_str(image, "rawUrl");
}

/* A button or a chip. */
static struct engine_choice messenger_choice(const struct json *element)
{
    struct engine_choice c = {.label = json_get_str(element, "text"), .url = messenger_link(element)};
    if (!c.url.n)
        c.value = c.label;
    return c;
}

static bool messenger_emit_chips(struct engine_run *run, const struct json *element)
{
    const struct json *options = json_get(element, "options");
    struct engine_choice choices[MESSENGER_CHOICES_MAX];
    struct engine_event ev = {.kind = ENGINE_EVENT_CHOICES, .choices = choices};
    for (size_t i = 0; i < json_len(options) && ev.choice_count < COUNT_OF(choices); i++) {
        struct engine_choice c = messenger_choice(json_at(options, i));
        if (c.label.n)
            choices[ev.choice_count++] = c;
    }
    if (ev.choice_count)
        engine_emit(run, &ev);
    return ev.choice_count;
}

static bool messenger_emit_button(struct engine_run *run, const struct json *element)
{
    struct engine_choice c = messenger_choice(element);
    if (c.label.n)
        engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_CHOICES, .choices = &c, .choice_count = 1});
    return c.label.n;
}

static bool messenger_emit_image(struct engine_run *run, const struct json *element)
{
    struct str url = json_get_str(element, "rawUrl");
    if (url.n)
        engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_MEDIA,
                                                .url = url,
                                                .title = json_get_str(element, "accessibilityText"),
                                                .mime = STR("image/*")});
    return url.n;
}

/* A title and its lines are one message. */
static bool messenger_emit_description(struct engine_run *run, const struct json *element)
{
    const struct json *lines = json_get(element, "text");
    struct str title = json_get_str(element, "title");
    struct buf text;
    buf_init(&text, MB);
    if (title.n)
        buf_printf(&text, "**%.*s**", STR_F(title));
    for (size_t i = 0; i < json_len(lines); i++)
        buf_printf(&text, "%s%.*s", text.n ? "\n\n" : "", STR_F(json_str(json_at(lines, i))));
    bool some = text.n;
    if (!buf_ok(&text))
        engine_run_end(run, ENGINE_INTERNAL);
    else if (some)
        engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_MESSAGE, .text = buf_str(&text)});
    buf_release(&text);
    return some;
}

/* info, list and accordion: a title, a subtitle, sometimes a text, an image or an address. */
static bool messenger_emit_card(struct engine_run *run, const struct json *element)
{
    struct engine_choice link = {.label = json_get_str(element, "title"), .url = messenger_link(element)};
    struct engine_event ev = {.kind = ENGINE_EVENT_CARD,
                              .title = json_get_str(element, "title"),
                              .text = json_get_str(element, "text"),
                              .url = messenger_image(element),
                              .choices = &link,
                              .choice_count = link.url.n && link.label.n ? 1 : 0};
    if (!ev.text.n)
        ev.text = json_get_str(element, "subtitle");
    if (ev.title.n)
        engine_emit(run, &ev);
    return ev.title.n;
}

static bool messenger_emit_element(struct engine_run *run, const struct json *element)
{
    static const struct {
        const char *type;
        bool (*emit)(struct engine_run *run, const struct json *element);
    } types[] = {{"chips", messenger_emit_chips},   {"button", messenger_emit_button},
                 {"image", messenger_emit_image},   {"description", messenger_emit_description},
                 {"info", messenger_emit_card},     {"list", messenger_emit_card},
                 {"accordion", messenger_emit_card}};
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (str_eqz(json_get_str(element, "type"), types[i].type))
            return types[i].emit(run, element);
    return false;
}

bool messenger_emit(struct engine_run *run, const struct json *content)
{
    bool some = false;
    for (size_t i = 0; i < json_len(content); i++)
        for (size_t n = 0; n < json_len(json_at(content, i)); n++)
            some = messenger_emit_element(run, json_at(json_at(content, i), n)) || some;
    return some;
}
