/* The address of an outgoing call: an accepted one is plain text with the right scheme, and the list of allowed hosts
 * can be asked about any part of it. */
#include <stdlib.h>

#include "net/address.h"
#include "net/fetch.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str s = str_n((const char *)data, size);
    struct err e = ERR_INIT;
    if (fetch_check_url(s, &e) == OK) {
        for (size_t i = 0; i < s.n; i++)
            if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7F)
                abort();
        if (s.n < 8 || (s.p[0] | 32) != 'h')
            abort();
    }
    ptrdiff_t line = str_find(s, '\n');
    if (line >= 0)
        (void)address_in_list(str_sub(s, 0, (size_t)line), str_sub(s, (size_t)line + 1, s.n), 80);
    return 0;
}
