/* Any document: a flow that is taken can be linted and asked for its greeting. */
#include "base/arena.h"
#include "base/json.h"
#include "base/limits.h"
#include "flow/flow.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct err e = ERR_INIT;
    struct json *doc;
    struct flow *f = NULL;

    arena_init(&a, 64 * MB);
    if (json_parse(&a, (struct str){(const char *)data, size}, MAX_JSON_DEPTH, &doc, &e) == OK && flow_parse(doc, &f, &e) == OK) {
        struct flow_finding *found;
        struct flow_message *said;
        size_t n;
        if (flow_lint(f, &a, &found, &n, &e) == OK)
            (void)flow_greeting(f, STR("en"), &a, &said, &n, &e);
        flow_drop(f);
    }
    arena_release(&a);
    return 0;
}
