/* A multipart body whose boundary is its first line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "web/params.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = memchr(data, '\n', size);
    size_t n = line ? (size_t)(line - data) : 0;
    struct arena a;
    struct err e = ERR_INIT;
    struct params ps = {0};
    if (n == 0 || n > 70)
        return 0;
    arena_init(&a, 64 * MB);
    struct str boundary = {(const char *)data, n}, body = {(const char *)line + 1, size - n - 1};
    if (multipart_parse(&a, boundary, body, &ps, &e) == OK)
        for (size_t i = 0; i < ps.n; i++)
            if (ps.p[i].value.n > body.n || (!ps.p[i].is_file && !utf8_text(ps.p[i].value))) /* reads every byte */
                abort();
    arena_release(&a);
    return 0;
}
