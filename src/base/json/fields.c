/* fields.c: an object from outside held against the list of its fields.
 *
 * Unknown fields are errors: a client that misspells an optional field learns of it instead of being ignored. */
#include <stdio.h>

#include "base/json.h"

#include "base/banned.h"

/* A pointer to a member (RFC 6901): ~ and / are escaped. A long name is cut to what an error can carry. */
static void pointer_to(struct str name, char *out, size_t size)
{
    size_t n = 0;
    out[n++] = '/';
    for (size_t i = 0; i < name.n && n + 3 < size; i++) {
        bool special = name.p[i] == '~' || name.p[i] == '/';
        if (special)
            out[n++] = '~';
        out[n++] = !special ? name.p[i] : name.p[i] == '~' ? '0' : '1';
    }
    out[n] = '\0';
}

static const char *json_kind_words(enum json_kind k)
{
    switch (k) {
    case JSON_STRING:
        return "text";
    case JSON_INT:
        return "a whole number";
    case JSON_DOUBLE:
        return "a number";
    case JSON_BOOL:
        return "true or false";
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_NULL:
        break;
    }
    return "null";
}

/* The first row of the name decides, and a null is of the wrong kind: a client that means "absent" leaves the member
 * out. */
static enum status check_member(struct json_iter it, const struct json_field *fields, size_t n, struct err *e)
{
    char pointer[100];
    pointer_to(it.key, pointer, sizeof(pointer));
    for (size_t i = 0; i < n; i++) {
        if (!str_eqz(it.key, fields[i].name))
            continue;
        if (json_is(it.value, fields[i].kind))
            return OK;
        return err_at(e, E_field_type, pointer, "\"%s\" must be %s.", fields[i].name, json_kind_words(fields[i].kind));
    }
    return err_raise_at(e, E_field_unknown, pointer);
}

/* Members that are present come first, then those that are missing: a misspelt name is then reported as unknown, which
 * helps more. */
enum status json_fields(const struct json *obj, const struct json_field *fields, size_t n, struct err *e)
{
    struct json_iter it = {0};
    enum status st = OK;
    while (!st && json_each(obj, &it))
        st = check_member(it, fields, n, e);
    for (size_t i = 0; !st && i < n; i++) {
        char pointer[100];
        if (!fields[i].must || json_has(obj, fields[i].name))
            continue;
        pointer_to(str_from(fields[i].name), pointer, sizeof(pointer));
        st = err_at(e, E_field_missing, pointer, "\"%s\" is missing.", fields[i].name);
    }
    return st;
}
