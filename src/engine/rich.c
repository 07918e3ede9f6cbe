/* rich.c: from a message in Parley's own JSON to an event. What the message has decides what it is: nobody has to name
 * its kind. */
#include "engine/rich.h"

#include "base/banned.h"

#define RICH_CHOICES_MAX 50 /* of one message; the rest is left out */

static void rich_emit_choices(struct engine_run *run, struct engine_event ev, const struct json *rows)
{
    struct engine_choice choices[RICH_CHOICES_MAX];
    ev.choices = choices;
    for (size_t i = 0; i < json_len(rows) && ev.choice_count < COUNT_OF(choices); i++) {
        const struct json *row = json_at(rows, i);
        struct engine_choice c = {json_get_str(row, "label"), json_get_str(row, "value"), json_get_str(row, "url")};
        if (json_is(row, JSON_STRING))
            c.label = json_str(row);
        if (!c.value.n && !c.url.n)
            c.value = c.label;
        if (c.label.n)
            choices[ev.choice_count++] = c;
    }
    engine_emit(run, &ev);
}

/* A card has a title, an image has none of the rest, and choices may follow any text. */
bool rich_emit(struct engine_run *run, const struct json *message)
{
    const struct json *choices = json_get(message, "choices");
    struct engine_event ev = {.text = json_is(message, JSON_STRING) ? json_str(message) : json_get_str(message, "text"),
                              .title = json_get_str(message, "title"),
                              .url = json_get_str(message, "image")};
    if (ev.title.n && (ev.text.n || json_len(choices)))
        ev.kind = ENGINE_EVENT_CARD;
    else if (ev.url.n) {
        ev.kind = ENGINE_EVENT_MEDIA;
        ev.mime = STR("image/*");
    } else
        ev.kind = json_len(choices) ? ENGINE_EVENT_CHOICES : ENGINE_EVENT_MESSAGE;
    if (json_len(choices) && ev.kind == ENGINE_EVENT_MEDIA)
        ev.kind = ENGINE_EVENT_CARD;
    bool some = ev.text.n || ev.url.n || json_len(choices);
    if (some)
        rich_emit_choices(run, ev, choices);
    return some;
}
