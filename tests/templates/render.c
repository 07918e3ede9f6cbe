/* render DIR TEMPLATE: fills a view from standard input (lines "name<TAB>value"; names ending in _html as the text
 * they are made of) and prints the page. For tests/templates/hostile.test.mjs. */
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "view/view.h"

#include "base/banned.h"

static void set_line(struct view *v, struct arena *a, char *line)
{
    char *tab = strchr(line, '\t');
    if (!tab)
        return;
    *tab = 0;
    struct str value = str_trim(str_from(tab + 1));
    if (str_ends(str_from(line), STR("_html")))
        view_set_html(v, line, view_safe_text(a, value));
    else
        view_str(v, line, value);
}

static enum status render(struct arena *a, const char *name, struct err *e)
{
    struct view *v = view_new(a, "en");
    struct buf out;
    char *line = NULL;
    size_t cap = 0;
    if (!v)
        return err_nomem(e);
    while (getline(&line, &cap, stdin) > 0)
        set_line(v, a, line);
    free(line);
    buf_init(&out, MAX_REPLY);
    enum status st = view_render(v, name, &out, e);
    if (st == OK)
        fwrite(out.p, 1, out.n, stdout);
    buf_release(&out);
    return st;
}

int main(int argc, char **argv)
{
    struct err e = ERR_INIT;
    struct arena a;
    struct view_config vc = {.template_dir = argc > 1 ? argv[1] : ""};
    if (argc != 3)
        return 2;
    arena_init(&a, MAX_REQUEST_ARENA);
    enum status st = view_library_open(&vc, &e);
    if (st == OK)
        st = render(&a, argv[2], &e);
    arena_release(&a);
    view_library_close();
    if (st != OK)
        fprintf(stderr, "%s: %s\n", argv[2], e.message);
    return st == OK ? 0 : 1;
}
