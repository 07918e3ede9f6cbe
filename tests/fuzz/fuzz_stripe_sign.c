/* Any Stripe-Signature header: first line of the input, the rest is the body. Whatever passes carries the right
 * digest and exactly one time, and no header passes for a body with one byte more. */
#include <stdio.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "stripe/sign.h"

#include "base/banned.h"

#define NOW ((int64_t)1700000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The digest that this body must have at NOW, as Stripe writes it. */
static void right(struct str body, char out[80])
{
    const struct str parts[] = {STR("1700000000."), body};
    uint8_t mac[32];
    struct buf b;
    crypto_hmac_sha256_parts(STR("whsec_fuzz"), parts, 2, mac);
    buf_fixed(&b, out, 80);
    buf_puts(&b, "v1=");
    crypto_hex(&b, mac, sizeof(mac));
}

static bool passes(struct str header, struct str body)
{
    struct err e = ERR_INIT;
    enum status st = stripe_sign_check("whsec_old whsec_fuzz\n", header, body, NOW, &e);
    if (st != OK && (st != ERR_INVALID || !err_code(&e)[0] || !e.message[0]))
        abort();
    return st == OK;
}

/* Text before and after a good header changes nothing, unless it contains a time. */
static void inside(struct str around, struct str body)
{
    char good[80];
    struct buf b;
    right(body, good);
    if (str_has(around, STR("t=")) || around.n > 2000)
        return;
    buf_init(&b, 8192);
    buf_printf(&b, "t=1700000000,%s,", good);
    buf_str_add(&b, around);
    size_t signatures = 1;
    for (size_t i = 0; i + 2 < around.n; i++)
        signatures += memcmp(around.p + i, "v1=", 3) == 0;
    if (buf_ok(&b) && signatures <= 32 && !passes(buf_str(&b), body))
        abort();
    buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = {(const char *)data, size}, header = STR_EMPTY, body;
    static bool ready;
    struct err e = ERR_INIT;
    if (!ready && crypto_init(&e) != OK)
        abort();
    ready = true;
    str_split(&in, '\n', &header);
    body = in;
    if (passes(header, body) && !str_has(header, STR("v1=")))
        abort();
    if (body.n && passes(header, body) && passes(header, str_sub(body, 0, body.n - 1)))
        abort();
    inside(header, body);
    return 0;
}
