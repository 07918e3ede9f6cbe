/* The small readers of outside text: UTF-8, ids, numbers, hexadecimal and base64url. What they take, they give back. */
#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/id.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/utf8.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void characters(struct str s)
{
    struct buf b;
    struct str rest = s;
    size_t count = 0;
    buf_init(&b, 16 * MB);
    while (rest.n) {
        char bytes[4];
        uint32_t cp = utf8_next(&rest);
        buf_add(&b, bytes, utf8_encode(cp, bytes));
        must(utf8_encode(utf8_lower(cp), bytes) > 0 && utf8_encode(utf8_plain(cp), bytes) > 0);
        (void)utf8_is_letter(cp);
        count++;
    }
    must(utf8_valid(buf_str(&b)) && utf8_length(buf_str(&b)) == count);
    must(utf8_valid(s) == str_eq(s, buf_str(&b)));
    for (size_t n = 0; n < 9 && utf8_valid(s); n++)
        must(utf8_valid(utf8_cut(s, n)) && utf8_length(utf8_cut(s, n)) <= n);
    buf_release(&b);
}

/* Any bytes become a JSON string that reads as valid UTF-8, without NUL as a refusal says. */
static void quoting(struct str s)
{
    struct arena a;
    struct buf b;
    struct json *j;
    struct err e = ERR_INIT;
    arena_init(&a, 64 * MB);
    buf_init(&b, 16 * MB);
    buf_json(&b, s);
    if (!memchr(s.p, '\0', s.n)) {
        must(json_parse(&a, buf_str(&b), 1, &j, &e) == OK);
        must(!utf8_valid(s) || str_eq(json_str(j), s));
    }
    buf_clear(&b);
    buf_html(&b, s);
    must(!memchr(b.p, '<', b.n) && !memchr(b.p, '"', b.n));
    buf_clear(&b);
    buf_url(&b, s);
    must(utf8_valid(buf_str(&b)));
    buf_release(&b);
    arena_release(&a);
}

static void numbers(struct str s)
{
    uint64_t u;
    int64_t i;
    double d, back;
    char text[32];
    if (num_u64(s, UINT64_MAX, &u))
        must(s.n > 0 && str_find(s, '-') < 0);
    if (num_i64(s, INT64_MIN, INT64_MAX, &i))
        must(num_double(s, &d) || s.n > 300);
    if (num_double(s, &d))
        must(isfinite(d) && num_double(str_from(num_double_text(d, text)), &back) && back == d);
    (void)num_bytes(s, UINT64_MAX, &u);
}

static void ids_and_codes(struct str s)
{
    char text[ID_TEXT_MAX];
    struct id id;
    uint8_t raw[32];
    struct buf b;
    for (int kind = ID_TENANT; kind <= ID_AUDIT; kind++)
        if (id_parse((enum id_kind)kind, s, &id))
            must(str_eqz(s, id_text((enum id_kind)kind, id, text)));
    buf_init(&b, 1000);
    if (crypto_base64url_decode(s, raw, sizeof(raw))) {
        crypto_base64url(&b, raw, sizeof(raw));
        must(str_eq(s, buf_str(&b)));
    }
    buf_clear(&b);
    if (crypto_hex_decode(s, raw, 16)) {
        crypto_hex(&b, raw, 16);
        must(str_ieq(s, buf_str(&b)));
    }
    buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str s = str_n((const char *)data, size);
    characters(s);
    quoting(s);
    numbers(s);
    ids_and_codes(s);
    return 0;
}
