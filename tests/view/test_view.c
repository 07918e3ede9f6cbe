/* test_view.c: pages rendered from templates of the test: escaping, texts, numbers and times, reload. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/log.h"
#include "view/view.h"

static char dir[64];
static struct arena arena;

static void put(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void make_dir(const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static int set_up(void **state)
{
    struct err e = ERR_INIT;
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/parley-view-XXXXXX");
    assert_non_null(mkdtemp(dir));
    make_dir("i18n");
    put("i18n/en.hdf",
        "T.Format.Thousands = ,\nT.Format.Time = {day} {month} {year}, {time}\nT.Format.Day = {day} {month} "
        "{year}\nT.Format.Month.11 = Nov\n"
        "T.Hello = Hello {name}, {name}!\nT.Bots.one = {n} bot\nT.Bots.other = {n} bots\nT.Only = english\n");
    put("i18n/en.room.hdf", "T.Room = room & <board>\n");
    put("i18n/de.hdf", "T.Hello = Guten Tag {name}\nT.Format.Thousands = .\n");
    put("value.cs",
        "<?cs var:A.B ?>|<?cs uvar:A.C_html ?>|<?cs var:T.Room ?>|<?cs if:A.B ?><?cs var:A.B ?><?cs /if ?>");
    put("url.cs", "<?cs var:url_validate(U) ?> <?cs var:url_escape(U) ?>");
    put("list.cs", "<?cs each:b = Bots ?>[<?cs var:b.Name ?>]<?cs /each ?>");
    put("self.cs", "<?cs include!\"self.cs\" ?>");
    put("up.cs", "<?cs include!\"../../etc/hostname\" ?>");
    put("slash.cs", "<?cs include!\"/etc/hostname\" ?>");
    put("broken.cs", "<?cs if:A ?>");
    put("endless.cs", "<?cs loop:i = #0, #100000000, #1 ?>0123456789abcdef<?cs /loop ?>");
    put("inner.cs", "one");
    put("outer.cs", "<?cs include!\"inner.cs\" ?>");
    arena_init(&arena, MAX_REQUEST_ARENA);
    struct view_config vc = {dir, true};
    assert_int_equal(view_library_open(&vc, &e), OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_release(&arena);
    view_library_close();
    return 0;
}

static struct view *fresh(const char *language)
{
    arena_reset(&arena);
    struct view *v = view_new(&arena, language);
    assert_non_null(v);
    return v;
}

static void expect(struct view *v, const char *name, const char *want)
{
    struct err e = ERR_INIT;
    struct buf b;
    buf_init(&b, 4096);
    assert_int_equal(view_render(v, name, &b, &e), OK);
    assert_string_equal(b.p, want);
    buf_release(&b);
}

static void refused(struct view *v, const char *name)
{
    struct err e = ERR_INIT;
    struct buf b;
    buf_init(&b, 4096);
    buf_puts(&b, "before");
    assert_int_not_equal(view_render(v, name, &b, &e), OK);
    assert_string_equal(b.p, "before");
    assert_true(buf_ok(&b));
    assert_true(e.message[0] != 0);
    buf_release(&b);
}

static void values_are_escaped(void **state)
{
    (void)state;
    struct view *v = fresh("en");
    view_str(v, "A.B", STR("<b a='1' c=\"2\">&"));
    view_set_html(v, "A.C_html", view_safe_text(&arena, STR("<i>")));
    expect(v, "value.cs",
           "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;|&lt;i&gt;|room &amp; &lt;board&gt;|&lt;b a=&#39;1&#39; "
           "c=&quot;2&quot;&gt;&amp;");
}

static void only_good_addresses_become_links(void **state)
{
    static const char *bad[] = {"javascript:alert(1)", " JaVaScript:alert(1)", "//evil.example", "/\\evil.example",
                                "data:text/html,x",    "java\tscript:x",       "vbscript:x",     ""};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct view *v = fresh("en");
        struct err e = ERR_INIT;
        struct buf b;
        view_text(v, "U", bad[i]);
        buf_init(&b, 4096);
        assert_int_equal(view_render(v, "url.cs", &b, &e), OK);
        assert_memory_equal(b.p, "# ", 2);
        buf_release(&b);
    }
    struct view *v = fresh("en");
    view_text(v, "U", "https://example.com/?a=1&b=\"x\"");
    expect(v, "url.cs",
           "https://example.com/?a=1&amp;b=&quot;x&quot; https%3A%2F%2Fexample.com%2F%3Fa%3D1%26b%3D%22x%22");
    v = fresh("en");
    view_text(v, "U", "/app/bots");
    expect(v, "url.cs", "/app/bots %2Fapp%2Fbots");
}

static void safe_text_links_and_breaks(void **state)
{
    (void)state;
    struct view *v = fresh("en");
    struct safe_html h = view_safe_text(&arena,
                                        STR("See https://a.example/x?y=1&z=(2)). <b>\nhttp:// \"https://q.example\""));
    assert_int_equal(strncmp(h.s.p, "See <a href=\"https://a.example/x?y=1&amp;z=(2)\" rel=", 52), 0);
    assert_non_null(strstr(h.s.p, "&lt;b&gt;<br>http:// &quot;<a href=\"https://q.example\" "));
    assert_null(strstr(h.s.p, "<b>"));
    assert_non_null(v);
}

/* A visitor writes what pages show: no text takes more than its length. */
static void safe_text_takes_its_length(void **state)
{
    (void)state;
    struct arena own;
    size_t n = 100 * KB;
    arena_init(&own, 8 * MB);
    char *text = arena_alloc(&own, n);
    assert_non_null(text);
    memset(text, ')', n);
    memcpy(text, "http://a.example/(x", 19);
    clock_t begun = clock();
    struct str html = view_safe_text(&own, str_n(text, n)).s;
    assert_true(clock() - begun < CLOCKS_PER_SEC / 2);
    assert_int_equal(strncmp(html.p, "<a href=\"http://a.example/(x)\" rel=", 35), 0);
    arena_release(&own);
}

static void texts_fall_back_to_english(void **state)
{
    (void)state;
    struct view *v = fresh("de-CH");
    assert_string_equal(view_language(v), "de");
    assert_string_equal(view_t(v, "Only"), "english");
    assert_string_equal(view_t(v, "Missing.Key"), "Missing.Key");
    struct str s = view_fill(v, "Hello", {"name", STR("{name}")});
    assert_string_equal(s.p, "Guten Tag {name}");
    assert_string_equal(view_language(fresh("xx")), "en");
    v = fresh(NULL);
    s = view_fill(v, "Hello", {"name", STR("Ada")});
    assert_string_equal(s.p, "Hello Ada, Ada!");
}

static void numbers_and_times(void **state)
{
    (void)state;
    struct view *v = fresh("en");
    view_number(v, "Bots.0.Name", -1234567);
    view_number(v, "Bots.1.Name", 999);
    view_time(v, "Bots.2.Name", 1795413140123);
    view_count(v, "Bots.3.Name", "Bots", 1);
    view_count(v, "Bots.4.Name", "Bots", 12000);
    view_date(v, "Bots.5.Name", 1795413140123);
    view_date(v, "Bots.6.Name", 0); /* not set: no seventh */
    assert_int_equal(view_day(v, 0).n, 0);
    expect(v, "list.cs", "[-1,234,567][999][23 Nov 2026, 05:52][1 bot][12,000 bots][23 Nov 2026]");
}

static void bad_templates_are_refused(void **state)
{
    static const char *names[] = {"self.cs", "up.cs",   "slash.cs",      "broken.cs", "endless.cs",
                                  "none.cs", "../x.cs", "/etc/hostname", ""};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        refused(fresh("en"), names[i]);
}

static void a_changed_file_is_read_again(void **state)
{
    (void)state;
    expect(fresh("en"), "outer.cs", "one");
    expect(fresh("en"), "outer.cs", "one");
    put("inner.cs", "two!");
    expect(fresh("en"), "outer.cs", "two!");
}

static void reload_brings_new_texts(void **state)
{
    struct err e = ERR_INIT;
    (void)state;
    struct view *old = fresh("en");
    put("i18n/en.room.hdf", "T.Room = new\n");
    assert_int_equal(view_library_reload(&e), OK);
    assert_string_equal(view_t(old, "Room"), "room & <board>");
    assert_string_equal(view_t(fresh("de"), "Room"), "new");
    put("i18n/en.room.hdf", "T.Room\n");
    assert_int_not_equal(view_library_reload(&e), OK);
    assert_string_equal(view_t(fresh("en"), "Room"), "new");
    put("i18n/en.room.hdf", "T.Room = room & <board>\n");
    assert_int_equal(view_library_reload(&e), OK);
}

/* ---- many threads, one template ---- */

static void *render_often(void *arg)
{
    struct arena a;
    uintptr_t bad = 0;
    arena_init(&a, MAX_REQUEST_ARENA);
    for (int i = 0; i < 300; i++) {
        char want[256];
        struct err e = ERR_INIT;
        struct buf b;
        struct view *v = view_new(&a, "en");
        const char *name = arena_printf(&a, "t%d-%d", *(int *)arg, i);
        buf_init(&b, 4096);
        for (size_t k = 0; k < 3; k++)
            view_text(v, view_at(v, "Bots", k, "Name"), name);
        snprintf(want, sizeof(want), "[%s][%s][%s]", name, name, name);
        if (view_render(v, "list.cs", &b, &e) != OK || strcmp(b.p, want) != 0)
            bad++;
        buf_release(&b);
        arena_reset(&a);
    }
    arena_release(&a);
    return (void *)bad;
}

static void threads_render_independently(void **state)
{
    pthread_t t[8];
    int number[8];
    (void)state;
    for (int i = 0; i < 8; i++) {
        number[i] = i;
        assert_int_equal(pthread_create(&t[i], NULL, render_often, &number[i]), 0);
    }
    for (int i = 0; i < 8; i++) {
        void *bad = NULL;
        assert_int_equal(pthread_join(t[i], &bad), 0);
        assert_null(bad);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_escaped),         cmocka_unit_test(only_good_addresses_become_links),
        cmocka_unit_test(safe_text_links_and_breaks), cmocka_unit_test(safe_text_takes_its_length),
        cmocka_unit_test(texts_fall_back_to_english), cmocka_unit_test(numbers_and_times),
        cmocka_unit_test(bad_templates_are_refused),  cmocka_unit_test(a_changed_file_is_read_again),
        cmocka_unit_test(reload_brings_new_texts),    cmocka_unit_test(threads_render_independently),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
