/* What json_parse takes, json_write gives back so that it reads the same again. */
#include <stdlib.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/limits.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct err e = ERR_INIT;
    struct json *first, *second;
    struct buf one, two;
    arena_init(&a, 64 * MB);
    buf_init(&one, 8 * MB);
    buf_init(&two, 8 * MB);
    if (json_parse(&a, (struct str){(const char *)data, size}, MAX_JSON_DEPTH, &first, &e) == OK) {
        json_write(&one, first);
        if (!buf_ok(&one) || json_parse(&a, buf_str(&one), MAX_JSON_DEPTH, &second, &e) != OK)
            abort();
        json_write(&two, second);
        if (!str_eq(buf_str(&one), buf_str(&two)))
            abort();
    }
    buf_release(&one);
    buf_release(&two);
    arena_release(&a);
    return 0;
}
