/* A file of settings: whatever is taken can be printed, and no setting is left without a value. Includes are refused
 * (the depth is used up), so that the fuzzer reads no other file. */
#include <stdlib.h>

#include "base/config/config_internal.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct config *c;
    struct err e = ERR_INIT;
    struct buf b;
    if (config_load("/dev/null", &c, &e) != OK)
        abort();
    buf_init(&b, 16 << 20);
    struct config *fresh = (struct config *)(uintptr_t)c; /* not shared yet */
    enum status st = config_read_text(fresh, "fuzz.conf", str_n((const char *)data, size), CONFIG_INCLUDE_MAX, &e);
    if (st != OK && (!e.message[0] || !strstr(e.message, "fuzz.conf:")))
        abort();
    config_print(c, &b);
    for (int k = 0; k < CONFIG_COUNT; k++) {
        const struct config_row *r = config_row((enum config_key)k);
        int64_t v = config_int(c, (enum config_key)k);
        if (!config_string(c, (enum config_key)k) || (r->max && (v < r->min || v > r->max) && v != 0))
            abort();
    }
    buf_release(&b);
    config_drop(c);
    return 0;
}
