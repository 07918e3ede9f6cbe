/* Any text, masked: what is hidden does not leave, and all of it comes back, whatever the size of the pieces. The first
 * byte is that size. */
#include <stdlib.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "engine/mask.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void show(const struct engine_mask *m, struct str hidden, size_t piece, struct str expected)
{
    struct engine_mask_tail tail = {.n = 0};
    struct buf out;
    buf_init(&out, 64 * MB);
    for (size_t i = 0; i < hidden.n; i += piece)
        engine_mask_show_piece(m, &tail, str_sub(hidden, i, piece), false, &out);
    engine_mask_show_end(&tail, &out);
    if (!str_eq(buf_str(&out), expected))
        abort();
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data + 1, size ? size - 1 : 0}, hidden = STR_EMPTY, again = STR_EMPTY;
    struct err e = ERR_INIT;
    struct engine_mask *m;
    struct arena a;
    if (!text.n || !utf8_text(text))
        return 0;
    arena_init(&a, 64 * MB);
    if (engine_mask_new(&a, NULL, 0, &m, &e) != OK)
        abort();
    if (engine_mask_hide(m, text, &hidden, &e) == OK) {
        show(m, hidden, hidden.n ? hidden.n : 1, text);
        show(m, hidden, (size_t)data[0] + 1, text);
        /* The same text is hidden in the same way. */
        if (engine_mask_hide(m, text, &again, &e) != OK || !str_eq(hidden, again))
            abort();
    }
    arena_release(&a);
    return 0;
}
