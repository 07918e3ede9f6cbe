/* type.c: the types of engines and the rules for their settings. A setting becomes a part of a request line or of a
 * header, so a line break or a space in the wrong place is refused here, with words, and not only when a call fails. */
#include "engine/type.h"

#include <stdio.h>

#include "base/num.h"
#include "base/utf8.h"
#include "net/fetch.h"

#include "base/banned.h"

#define FIELD_TEXT_MAX 500
#define FIELD_BLOCK_MAX 12000 /* a service account with its private key takes about 2,400 */

static const struct engine_field fields[] = {
#define ENGINE(...)
#define FIELD(type, name, kind, required, label, initial) {#type, #name, ENGINE_FIELD_##kind, required, label, initial},
#include "engine/engine.def"
#undef ENGINE
#undef FIELD
};

static const struct engine_type types[] = {
#define ENGINE(type, label) {#type, label},
#define FIELD(...)
#include "engine/engine.def"
#undef ENGINE
#undef FIELD
};

const struct engine_type *engine_types(size_t *n)
{
    *n = COUNT_OF(types);
    return types;
}

const struct engine_type *engine_type_find(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (str_eqz(name, types[i].name))
            return &types[i];
    return NULL;
}

/* The fields of a type follow each other in engine.def. */
const struct engine_field *engine_field_next(const struct engine_type *t, const struct engine_field *last)
{
    const struct engine_field *f = last ? last + 1 : fields;
    for (; f < fields + COUNT_OF(fields); f++)
        if (str_eqz(str_from(f->type), t->name))
            return f;
    return NULL;
}

const struct engine_field *engine_field_find(const struct engine_type *t, struct str name)
{
    const struct engine_field *f = NULL;
    while ((f = engine_field_next(t, f)))
        if (str_eqz(name, f->name))
            return f;
    return NULL;
}

bool engine_field_is_secret(const struct engine_field *f)
{
    return f->kind == ENGINE_FIELD_SECRET || f->kind == ENGINE_FIELD_PASSWORD || f->kind == ENGINE_FIELD_BLOCK;
}

static enum status field_wrong(const struct engine_field *f, struct err *e, const char *why)
{
    char pointer[64];
    snprintf(pointer, sizeof(pointer), "/settings/%s", f->name);
    return err_at(e, E_engine_setting, pointer, "%s: %s", f->label, why);
}

/* The path of an engine's own addresses is added to this one, so nothing may follow it, and dot segments would lead
 * elsewhere once a server resolves them. */
static const char *field_url_fault(struct str url)
{
    struct err why = ERR_INIT;
    if (fetch_check_url(url, &why) != OK)
        return "it must be an address that begins with https:// or http://, without user name and password.";
    if (str_find(url, '#') >= 0 || str_find(url, '?') >= 0)
        return "it must not contain \"?\" or \"#\".";
    struct str rest = url, segment;
    while (str_split(&rest, '/', &segment))
        if (str_eqz(segment, ".") || str_eqz(segment, "..") || str_ieq(segment, STR("%2e")) ||
            str_ieq(segment, STR("%2e%2e")) || str_ieq(segment, STR(".%2e")) || str_ieq(segment, STR("%2e.")))
            return "it must not contain \".\" or \"..\" as a part of its path.";
    return NULL;
}

static const char *field_text_fault(const struct engine_field *f, struct str s)
{
    bool block = f->kind == ENGINE_FIELD_BLOCK;
    if (!utf8_text(s) || s.n > (block ? FIELD_BLOCK_MAX : FIELD_TEXT_MAX))
        return "it is too long, or not text.";
    if (!block && !str_one_line(s))
        return "it must be one line. A line break was probably copied with it.";
    if (f->required && str_trim(s).n == 0)
        return "it is missing.";
    for (size_t i = 0; f->kind == ENGINE_FIELD_SECRET && i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] > '~')
            return "it contains a space or a character that no key has.";
    return f->kind == ENGINE_FIELD_URL && s.n ? field_url_fault(s) : NULL;
}

enum status engine_field_check(const struct engine_field *f, const struct json *value, struct err *e)
{
    if (f->kind == ENGINE_FIELD_NUMBER) {
        int64_t n = json_int(value, -1);
        return n >= 0 && n <= INT32_MAX ? OK : field_wrong(f, e, "it must be a whole number from 0 to 2147483647.");
    }
    if (!json_is(value, JSON_STRING))
        return field_wrong(f, e, "it must be a text.");
    const char *fault = field_text_fault(f, json_str(value));
    return fault ? field_wrong(f, e, fault) : OK;
}

/* Spaces are copied along with keys and addresses; in a password they may be meant. */
int engine_field_set(const struct engine_field *f, struct str typed, struct json *settings)
{
    struct str value = f->kind == ENGINE_FIELD_BLOCK || f->kind == ENGINE_FIELD_PASSWORD ? typed : str_trim(typed);
    int64_t number;
    if (f->kind == ENGINE_FIELD_NUMBER && num_i64(value, 0, INT32_MAX, &number))
        return json_set_int(settings, f->name, number);
    return json_set_str(settings, f->name, value);
}
