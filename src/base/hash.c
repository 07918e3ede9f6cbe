/* hash.c: SipHash-1-3: one round per eight bytes, three at the end.
 *
 * Follows the reference implementation (https://github.com/veorq/SipHash) with c = 1 and d = 3. The constants are those
 * of the paper: "somepseudorandomlygeneratedbytes". */
#include "base/hash.h"

#include "base/banned.h"

static uint64_t rotate_left(uint64_t x, int n)
{
    return (x << n) | (x >> (64 - n));
}

static uint64_t load_le(const void *p, size_t n)
{
    const uint8_t *b = p;
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)b[i] << (8 * i);
    return v;
}

static void sip_rounds(uint64_t v[4], int rounds)
{
    while (rounds--) {
        v[0] += v[1];
        v[1] = rotate_left(v[1], 13) ^ v[0];
        v[0] = rotate_left(v[0], 32);
        v[2] += v[3];
        v[3] = rotate_left(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotate_left(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotate_left(v[1], 17) ^ v[2];
        v[2] = rotate_left(v[2], 32);
    }
}

/* The length is part of the last block, so that texts which differ only in trailing zero bytes have different
 * hashes. */
uint64_t hash_sip(const uint8_t key[16], struct str data)
{
    uint64_t k0 = load_le(key, 8), k1 = load_le(key + 8, 8);
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
                     k1 ^ 0x7465646279746573};
    size_t i = 0;
    for (; i + 8 <= data.n; i += 8) {
        uint64_t m = load_le(data.p + i, 8);
        v[3] ^= m;
        sip_rounds(v, 1);
        v[0] ^= m;
    }
    uint64_t last = load_le(data.p + i, data.n - i) | (uint64_t)data.n << 56;
    v[3] ^= last;
    sip_rounds(v, 1);
    v[0] ^= last;
    v[2] ^= 0xff;
    sip_rounds(v, 3);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
