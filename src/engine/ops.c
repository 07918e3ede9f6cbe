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
