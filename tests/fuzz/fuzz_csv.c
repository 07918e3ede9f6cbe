/* Any bytes as a CSV file: rows end, fields are valid UTF-8 and within their limit, and reading comes to an end. */
#include <stdlib.h>

#include "base/utf8.h"
#include "knowledge/csv.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct csv c;
    struct csv_row r;
    const char *code = NULL, *words = NULL;
    enum csv_result got = CSV_END;
    arena_init(&a, 64 * MB);
    if (csv_open(&c, (struct str){(const char *)data, size}, NULL) == OK) {
        while ((got = csv_next(&c, &a, &r, &code, &words)) == CSV_ROW || got == CSV_BAD) {
            if (c.row > (int64_t)size || (got == CSV_BAD && (!code || !words)) || (got == CSV_ROW && r.n == 0))
                abort();
            for (size_t i = 0; got == CSV_ROW && i < r.n; i++)
                if (!utf8_valid(r.fields[i]) || memchr(r.fields[i].p, 0, r.fields[i].n) ||
                    r.fields[i].n > 3 * MAX_CSV_FIELD)
                    abort();
            arena_reset(&a);
        }
        if (got != CSV_END)
            abort();
    }
    arena_release(&a);
    return 0;
}
