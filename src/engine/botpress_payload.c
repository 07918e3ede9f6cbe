/* botpress_payload.c: from the messages of Botpress to events. The two generations name the same things differently
 * (label and title, imageUrl and image), so each field is read under all of its names. Bots are made by hand: a field
 * that is missing or of another kind costs what it would have shown, and never the rest of the message. */
#include "engine/botpress_payload.h"

#include "base/vec.h"

#include "base/banned.h"

#define PAYLOAD_DEPTH 4      /* of blocs in blocs */
#define PAYLOAD_ITEMS_MAX 50 /* of one bloc, carousel or list of choices; the rest is left out */

static struct str payload_first(const struct json *j, const char *const *names, size_t n)
{
    struct str found = STR_EMPTY;
    for (size_t i = 0; i < n && !found.n; i++)
        found = json_get_str(j, names[i]);
    return found;
}
#define PAYLOAD_FIRST(j, ...) \
    payload_first(j, (const char *const[]){__VA_ARGS__}, COUNT_OF(((const char *const[]){__VA_ARGS__})))

/* The choices of a message under the first of their names. */
static const struct json *payload_rows(const struct json *payload)
{
    static const char *const names[] = {"options", "choices", "actions", "items"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (json_is(json_get(payload, names[i]), JSON_ARRAY))
            return json_get(payload, names[i]);
    return NULL;
}

/* An action opens an address or says something; an option is always said. */
static struct engine_choice payload_choice(const struct json *row)
{
    struct engine_choice c = {PAYLOAD_FIRST(row, "label", "title"), STR_EMPTY, STR_EMPTY};
    struct str action = json_get_str(row, "action");
    if (str_ieq(action, STR("url")) || str_ieq(action, STR("Open URL")))
        c.url = PAYLOAD_FIRST(row, "value", "url");
    else
        c.value = PAYLOAD_FIRST(row, "value", "payload", "text", "label", "title");
    return c;
}

/* A choice without a label cannot be shown. An event in which nothing is left is not reported. */
static void payload_emit_choices(struct engine_run *run, struct engine_event ev, const struct json *rows)
{
    struct engine_choice choices[PAYLOAD_ITEMS_MAX];
    ev.choices = choices;
    for (size_t i = 0; i < json_len(rows) && ev.choice_count < COUNT_OF(choices); i++) {
        struct engine_choice c = payload_choice(json_at(rows, i));
        if (c.label.n)
            choices[ev.choice_count++] = c;
    }
    if (ev.choice_count || ev.text.n || ev.title.n || ev.url.n)
        engine_emit(run, &ev);
}

static void payload_emit_text(struct engine_run *run, const struct json *payload)
{
    struct str text = PAYLOAD_FIRST(payload, "text", "markdown", "message");
    if (text.n)
        engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_MESSAGE, .text = text});
}

static void payload_emit_card(struct engine_run *run, const struct json *card)
{
    payload_emit_choices(run,
                         (struct engine_event){.kind = ENGINE_EVENT_CARD,
                                               .title = json_get_str(card, "title"),
                                               .text = json_get_str(card, "subtitle"),
                                               .url = PAYLOAD_FIRST(card, "imageUrl", "image")},
                         json_get(card, "actions"));
}

static void payload_emit_media(struct engine_run *run, const struct json *payload, struct str type)
{
    static const struct {
        const char *type, *mime;
    } kinds[] = {{"image", "image/*"}, {"audio", "audio/*"}, {"voice", "audio/*"}, {"video", "video/*"}, {"file", ""}};
    struct engine_event ev = {.kind = ENGINE_EVENT_MEDIA, .title = json_get_str(payload, "title")};
    ev.url = PAYLOAD_FIRST(payload, "imageUrl", "audioUrl", "videoUrl", "fileUrl", "image", "audio", "video", "file");
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (str_eqz(type, kinds[i].type))
            ev.mime = str_from(kinds[i].mime);
    if (ev.url.n)
        engine_emit(run, &ev);
}

/* No event is a place on a map, so a link to one is sent. */
static void payload_emit_location(struct engine_run *run, const struct json *payload)
{
    struct str name = PAYLOAD_FIRST(payload, "title", "address");
    struct buf text;
    buf_init(&text, 4000);
    if (name.n)
        buf_printf(&text, "%.*s: ", STR_F(str_sub(name, 0, 500)));
    buf_puts(&text, "https://www.openstreetmap.org/?mlat=");
    json_write(&text, json_get(payload, "latitude"));
    buf_puts(&text, "&mlon=");
    json_write(&text, json_get(payload, "longitude"));
    if (json_has(payload, "latitude") && json_has(payload, "longitude") && buf_ok(&text))
        engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_MESSAGE, .text = buf_str(&text)});
    buf_release(&text);
}

static bool payload_is_media(struct str type)
{
    static const char *const names[] = {"image", "audio", "voice", "video", "file"};
    return str_among(type, names, COUNT_OF(names)) < COUNT_OF(names);
}

static bool payload_is_choice(struct str type)
{
    static const char *const names[] = {"choice", "dropdown", "single-choice"};
    return str_among(type, names, COUNT_OF(names)) < COUNT_OF(names);
}

static void payload_emit(struct engine_run *run, const struct json *payload, int depth)
{
    struct str type = json_get_str(payload, "type");
    bool carousel = str_eqz(type, "carousel");
    if (carousel || str_eqz(type, "bloc")) {
        const struct json *items = json_get(payload, "items");
        for (size_t i = 0; depth < PAYLOAD_DEPTH && i < json_len(items) && i < PAYLOAD_ITEMS_MAX; i++)
            if (carousel)
                payload_emit_card(run, json_at(items, i));
            else
                payload_emit(run, json_at(items, i), depth + 1);
    } else if (str_eqz(type, "card"))
        payload_emit_card(run, payload);
    else if (payload_is_choice(type))
        payload_emit_choices(
            run, (struct engine_event){.kind = ENGINE_EVENT_CHOICES, .text = PAYLOAD_FIRST(payload, "text", "message")},
            payload_rows(payload));
    else if (payload_is_media(type))
        payload_emit_media(run, payload, type);
    else if (str_eqz(type, "location"))
        payload_emit_location(run, payload);
    else
        payload_emit_text(run, payload);
}

void botpress_emit_payload(struct engine_run *run, const struct json *payload)
{
    payload_emit(run, payload, 0);
}

void botpress12_emit_response(struct engine_run *run, const struct json *response)
{
    if (!str_eqz(json_get_str(response, "type"), "typing"))
        payload_emit(run, response, 0);
}
