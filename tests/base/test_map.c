/* test_map.c: the hash map against a model, SipHash, and growing arrays. */
#include "base/hash.h"
#include "base/map.h"
#include "base/vec.h"
#include "lib/test.h"

#define MANY 3000
static char keys[MANY][16];

static void behaves_like_a_table(void **state)
{
    (void)state;
    static int model[MANY]; /* 0: not in it */
    struct map m;
    map_init(&m);
    uint64_t seed = 88172645463325252u;
    for (int i = 0; i < MANY; i++)
        snprintf(keys[i], sizeof(keys[i]), "key %d", i);
    for (int step = 0; step < 100000; step++) {
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        size_t k = seed % MANY;
        struct str key = str_from(keys[k]);
        void *value = &model[(seed >> 20) % MANY];
        if (seed >> 60 < 9) {
            assert_int_equal(map_put(&m, key, value), 0);
            model[k] = (int)((seed >> 20) % MANY) + 1;
        } else {
            void *expected = model[k] ? &model[model[k] - 1] : NULL;
            assert_ptr_equal(map_get(&m, key), expected);
        }
    }
    size_t count = 0;
    for (int k = 0; k < MANY; k++)
        count += model[k] != 0;
    assert_int_equal(m.n, count);
    map_release(&m);
}

static void empty_and_odd_keys(void **state)
{
    (void)state;
    struct map m;
    map_init(&m);
    assert_null(map_get(&m, STR("x")));
    char empty[] = "empty", nul[] = "nul", first[] = "a", again[] = "again";
    assert_int_equal(map_put(&m, STR(""), empty), 0);
    assert_int_equal(map_put(&m, STR("a\0b"), nul), 0);
    assert_int_equal(map_put(&m, STR("a"), first), 0);
    assert_int_equal(map_put(&m, STR("a"), again), 0);
    assert_int_equal(m.n, 3);
    assert_string_equal(map_get(&m, STR("")), "empty");
    assert_string_equal(map_get(&m, STR("a\0b")), "nul");
    assert_string_equal(map_get(&m, STR("a")), "again");
    map_release(&m);
}

static void siphash_depends_on_all(void **state)
{
    (void)state;
    uint8_t key[16] = {0}, other[16] = {1};
    char text[64] = {0};
    uint64_t seen[64];
    for (size_t n = 0; n < 64; n++) {
        seen[n] = hash_sip(key, str_n(text, n));
        assert_true(seen[n] == hash_sip(key, str_n(text, n)));
        assert_true(seen[n] != hash_sip(other, str_n(text, n)));
        for (size_t i = 0; i < n; i++)
            assert_true(seen[i] != seen[n]);
    }
}

static void vectors_grow(void **state)
{
    (void)state;
    VEC(uint32_t) v = {0};
    for (uint32_t i = 0; i < 100000; i++)
        assert_int_equal(VEC_PUSH(&v, i), 0);
    assert_int_equal(v.n, 100000);
    for (uint32_t i = 0; i < 100000; i++)
        assert_int_equal(v.p[i], i);
    VEC_RELEASE(&v);
    assert_null(v.p);
    void *p = NULL;
    size_t cap = SIZE_MAX / 2 + 1;
    assert_int_equal(vec_grow(&p, &cap, cap, 8), -1);
    cap = SIZE_MAX / 8;
    assert_int_equal(vec_grow(&p, &cap, cap, 8), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(behaves_like_a_table), TEST(empty_and_odd_keys),
                                       TEST(siphash_depends_on_all), TEST(vectors_grow)};
    return RUN(tests);
}
