/* Queries, forms, cookies, paths and header parameters: what they give is clean text, whatever came in. */
#include <stdlib.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "web/params.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_text(const struct params *ps)
{
    for (size_t i = 0; i < ps->n; i++)
        if (!utf8_text(ps->p[i].name) || !utf8_text(ps->p[i].value))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = {(const char *)data, size}, out;
    struct arena a;
    struct err e = ERR_INIT;
    struct params ps = {0};
    struct path path;
    arena_init(&a, 64 * MB);
    if (params_parse(&a, in, &ps, &e) == OK)
        must_be_text(&ps);
    if (cookies_parse(&a, in, &ps, &e) == OK)
        must_be_text(&ps);
    if (url_decode(&a, in, true, &out, &e) == OK && !utf8_text(out))
        abort();
    if (path_split(&a, in, &path, &e) == OK)
        for (size_t i = 0; i < path.n; i++)
            if (!utf8_text(path.segment[i]))
                abort();
    header_param(in, STR("name"), &out);
    multipart_boundary(in, &out);
    arena_release(&a);
    return 0;
}
