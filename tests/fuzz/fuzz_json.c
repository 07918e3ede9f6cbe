/* What a reader takes, json_write gives back so that the strict one reads the same again. The tolerant reader takes all
 * that the strict one takes, and reads the same. */
#include <stdlib.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/limits.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_read_back(struct arena *a, const struct json *first)
{
    struct err e = ERR_INIT;
    struct json *second;
    struct buf one, two;
    buf_init(&one, 16 * MB);
    buf_init(&two, 16 * MB);
    json_write(&one, first);
    if (!buf_ok(&one) || json_parse(a, buf_str(&one), MAX_JSON_DEPTH, &second, &e) != OK)
        abort();
    json_write(&two, second);
    if (!str_eq(buf_str(&one), buf_str(&two)))
        abort();
    buf_release(&one);
    buf_release(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct err e = ERR_INIT;
    struct str text = {(const char *)data, size};
    struct json *strict, *tolerant;
    arena_init(&a, 64 * MB);
    enum status st = json_parse(&a, text, MAX_JSON_DEPTH, &strict, &e);
    if (st == OK)
        must_read_back(&a, strict);
    if (json_parse_tolerant(&a, text, MAX_JSON_DEPTH, &tolerant, &e) == OK) {
        must_read_back(&a, tolerant);
        if (st == OK && !json_equal(strict, tolerant))
            abort();
    } else if (st == OK && e.status == ERR_INVALID) {
        abort();
    }
    arena_release(&a);
    return 0;
}
