/* ops.c: from a row of engine.def to the functions of its engine. It is a file of its own because the engines need the
 * rows (type.c), and the rows must not need the engines. */
#include "engine/ops.h"

#include "base/banned.h"

const struct engine_ops *engine_ops_of(const struct engine_type *t)
{
    static const struct {
        const char *name;
        const struct engine_ops *ops;
    } rows[] = {
#define ENGINE(type, label) {#type, &engine_##type},
#define FIELD(...)
#include "engine/engine.def"
#undef ENGINE
#undef FIELD
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (str_eqz(str_from(rows[i].name), t->name))
            return rows[i].ops;
    return NULL;
}

bool engine_can_embed(const struct engine_type *t, const struct json *settings)
{
    bool has_two = engine_field_find(t, STR("model")) && engine_field_find(t, STR("embedding_model"));
    return engine_ops_of(t)->caps & ENGINE_CAN_EMBED && (!has_two || json_get_str(settings, "embedding_model").n);
}
