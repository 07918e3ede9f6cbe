/* base/email: one table of valid and invalid addresses, for accounts, mails and visitors' answers. */
#include "base/email.h"
#include "lib/test.h"

static void addresses(void **state)
{
    static const struct {
        const char *text;
        bool valid;
    } rows[] = {
        {"a@b.co", true},
        {"Ann.Lee+x@Example.COM", true},
        {"a!#$%&'*+-/=?^_`{|}~b@c.co", true},
        {"josé@correo.es", true},
        {"a@münchen.de", true},
        {"a@b.xn--p1ai", true},
        {"a@b.рф", true},
        {"a@123.co", true},
        {"a@b.c1", true},
        {"a@b.1c", true},
        /* the top-level domain */
        {"a@b.c", false},
        {"a@b.1", false},
        {"a@b.12", false},
        {"a@1.2", false},
        {"a@127.0.0.1", false},
        {"a@[127.0.0.1]", false},
        /* labels */
        {"a@b", false},
        {"a@.co", false},
        {"a@b..co", false},
        {"a@b.co.", false},
        {"a@-b.co", false},
        {"a@b-.co", false},
        {"a@b_c.co", false},
        {"a@b c.co", false},
        /* the name before the @ */
        {"", false},
        {"@", false},
        {"a@", false},
        {"@b.co", false},
        {".a@b.co", false},
        {"a.@b.co", false},
        {"a..b@c.co", false},
        {"a@@b.co", false},
        {"a@b@c.co", false},
        {"a b@c.co", false},
        {"\"a\"@b.co", false},
        {"a\"@b.co", false},
        {"a(b)@c.co", false},
        {"a,b@c.co", false},
        {"a:b@c.co", false},
        {"a;b@c.co", false},
        {"<a@b.co>", false},
        {"a\\b@c.co", false},
        {"[a]@b.co", false},
        {"a\x01@b.co", false},
        {"a\x7F@b.co", false},
        {"a\xFF@b.co", false},
        {"a@b.co\n", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (email_valid(str_from(rows[i].text)) != rows[i].valid)
            fail_msg("\"%s\" is %svalid", rows[i].text, rows[i].valid ? "not " : "");
    assert_false(email_valid(str_n("a@b.co\0", 7)));
}

/* local@label.label….co with a name and labels of these lengths. */
static bool valid_with(size_t local, size_t label, size_t labels)
{
    struct buf b;
    buf_init(&b, 1000);
    for (size_t i = 0; i < local; i++)
        buf_puts(&b, "a");
    buf_puts(&b, "@");
    for (size_t k = 0; k < labels; k++) {
        for (size_t i = 0; i < label; i++)
            buf_puts(&b, "b");
        buf_puts(&b, ".");
    }
    buf_puts(&b, "co");
    bool valid = email_valid(buf_str(&b));
    buf_release(&b);
    return valid;
}

static void lengths(void **state)
{
    (void)state;
    assert_true(valid_with(64, 63, 1));
    assert_false(valid_with(65, 63, 1));
    assert_false(valid_with(64, 64, 1));
    assert_true(valid_with(62, 62, 3));  /* 254 bytes */
    assert_false(valid_with(63, 62, 3)); /* 255 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(addresses), TEST(lengths)};
    return RUN(tests);
}
