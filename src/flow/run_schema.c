/* run_schema.c: JSON schemas of the values that variables take, for the answers of engines and the arguments of tools.
 * They keep to what the strictest servers take: every member is required and may be null, and there are no others. */
#include "flow/run_internal.h"

#include "base/banned.h"

/* The type of a variable in a JSON schema. What is not known is null: some servers want every member to be there. */
enum status run_schema_member(struct flow_run *r, struct json *properties, struct json *required, const char *key,
                              int var, struct str description)
{
    static const char *const types[] = {
        [KIND_TEXT] = "string", [KIND_NUMBER] = "number", [KIND_BOOLEAN] = "boolean", [KIND_DATE] = "string"};
    struct json *member, *type;
    enum value_kind kind = r->f->vars[var].type;
    if (json_set_object(properties, key, &member) || json_set_array(member, "type", &type) ||
        json_push_str(type, str_from(types[kind])) || json_push_str(type, STR("null")) ||
        (kind == KIND_DATE && json_set_str(member, "format", STR("date"))) ||
        (description.n && json_set_str(member, "description", description)) || json_push_str(required, str_from(key)))
        return err_nomem(r->e);
    return OK;
}

/* An object without other members, as structured output wants it. */
enum status run_schema_object(struct flow_run *r, struct json *schema, struct json **properties, struct json **required)
{
    if (json_set_str(schema, "type", STR("object")) || json_set_object(schema, "properties", properties) ||
        json_set_array(schema, "required", required) || json_set_bool(schema, "additionalProperties", false))
        return err_nomem(r->e);
    return OK;
}

enum status run_schema_fill(struct flow_run *r, const struct engine_fill *fill, size_t n, struct json *schema)
{
    struct json *properties, *required;
    enum status st = run_schema_object(r, schema, &properties, &required);
    for (size_t i = 0; i < n && !st; i++) {
        const char *key = arena_strdup(r->a, r->f->vars[fill[i].var].name);
        st = key ? run_schema_member(r, properties, required, key, fill[i].var, fill[i].description) : err_nomem(r->e);
    }
    return st;
}
