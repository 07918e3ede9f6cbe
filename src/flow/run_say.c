/* run_say.c: everything that becomes a message. All texts are rendered into the arena of the turn, so a message
 * outlives the flow. The pause of a `wait` node goes with the next message as delay_ms: the client waits, the server
 * never sleeps. */
#include <string.h>

#include "flow/run_internal.h"

#include "base/banned.h"

/* The array is copied to twice its size: most turns take a few steps and say one or two messages. */
void *run_grow(struct arena *a, void *old, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return old;
    size_t more = *cap ? 2 * *cap : 4;
    void *grown = arena_array(a, more, size);
    if (!grown)
        return NULL;
    if (n)
        memcpy(grown, old, n * size);
    *cap = more;
    return grown;
}

/* The path is kept for the test chat, which shows the author which nodes were taken. */
enum status run_add_step(struct flow_run *r, const struct flow_node *n)
{
    struct flow_step *all = run_grow(r->a, r->path, r->path_n, &r->path_cap, sizeof(*all));
    if (!all)
        return err_nomem(r->e);
    r->path = all;
    r->path[r->path_n++] = (struct flow_step){n->id, node_type_name(n->type), STR_EMPTY};
    return OK;
}

/* The node that runs is the last step of the path. */
enum status run_report(struct flow_run *r, const char *why)
{
    bool ok = true;
    r->path[r->path_n - 1].fault = arena_str(r->a, str_from(why), &ok);
    return ok ? OK : err_nomem(r->e);
}

/* Most texts have no variables. They are copied without the scratch buffer; a copy is needed in any case, because the
 * message outlives the flow. A text that grows too large is the fault of the flow and its variables, and has its own
 * code, unlike a lack of memory. */
enum status run_render(struct flow_run *r, const struct tpl *t, struct str *out)
{
    bool ok = true;
    if (t->n == 0) {
        *out = STR_EMPTY;
        return OK;
    }
    if (t->n == 1 && t->parts[0].var == VAR_NONE) {
        *out = arena_str(r->a, t->parts[0].lit, &ok);
        return ok ? OK : err_nomem(r->e);
    }
    struct tpl_values v = {.vars = r->vars, .input = r->input, .language = r->f->langs[r->lang]};
    buf_clear(&r->buf);
    tpl_render(&r->buf, t, &v);
    if (!buf_ok(&r->buf) && !r->buf.full)
        return err_nomem(r->e);
    if (!buf_ok(&r->buf))
        return err_set(r->e, E_flow_text, "A text with its variables is larger than %zu KB.", MAX_FLOW_RENDERED / KB);
    *out = arena_str(r->a, buf_str(&r->buf), &ok);
    return ok ? OK : err_nomem(r->e);
}

enum status run_text(struct flow_run *r, const struct flow_text *t, struct str *out)
{
    *out = STR_EMPTY;
    return t->lang ? run_render(r, t->lang[r->lang], out) : OK;
}

/* Labels in the language of the conversation, values the same in all of them: the value is what comes back. */
static enum status set_choices(struct flow_run *r, const struct node_choices *c, struct flow_message *m)
{
    bool ok = true;
    struct flow_choice *all = arena_array(r->a, c->n, sizeof(*all));
    if (!all)
        return err_nomem(r->e);
    for (size_t i = 0; i < c->n; i++)
        all[i] = (struct flow_choice){arena_str(r->a, c->p[i].label[r->lang], &ok),
                                      arena_str(r->a, c->p[i].value, &ok)};
    m->choices = all;
    m->choice_n = c->n;
    return ok ? OK : err_nomem(r->e);
}

/* The caller of the flow sends the messages on whenever the turn waits for something. A limit of messages beside the
 * limit of steps: a loop of `say` nodes could otherwise show hundreds of messages before it is stopped. */
enum status run_send(struct flow_run *r, struct flow_message *m)
{
    if (r->said_n == MAX_TURN_MESSAGES)
        return err_set(r->e, E_flow_messages, "The flow answers one message with more than %d messages.",
                       MAX_TURN_MESSAGES);
    struct flow_message *all = run_grow(r->a, r->said, r->said_n, &r->said_cap, sizeof(*all));
    if (!all)
        return err_nomem(r->e);
    m->delay_ms = r->delay_ms;
    r->delay_ms = 0;
    r->said = all;
    r->said[r->said_n++] = *m;
    return OK;
}

/* The text is copied because it may be one of Parley's own sentences or belong to the flow. */
enum status run_send_text(struct flow_run *r, struct str text, const struct node_choices *choices)
{
    bool ok = true;
    struct flow_message m = run_message();
    m.text = arena_str(r->a, text, &ok);
    if (!ok)
        return err_nomem(r->e);
    enum status st = choices && choices->n ? set_choices(r, choices, &m) : OK;
    return st ? st : run_send(r, &m);
}

/* The address of an image is `url` in the flow's format, but clients expect it in `image`, where a card has its own
 * picture too; `url` is then only ever a link. */
static enum status render_message(struct flow_run *r, const struct say_message *s, struct flow_message *m)
{
    struct str url;
    m->kind = s->kind;
    m->title = STR_EMPTY;
    enum status st = run_text(r, &s->text, &m->text);
    if (!st)
        st = run_text(r, &s->title, &m->title);
    if (!st)
        st = run_render(r, &s->url, &url);
    if (!st)
        st = run_render(r, &s->image, &m->image);
    if (st)
        return st;
    m->url = url;
    if (m->kind == FLOW_IMAGE) {
        m->image = url;
        m->url = STR_EMPTY;
    }
    return OK;
}

/* Choices belong to the last message, because clients show buttons below it. */
enum status run_messages(struct flow_run *r, const struct flow_node *n, struct flow_message **out, size_t *count)
{
    const struct node_say *say = &n->u.say;
    struct flow_message *m = arena_array(r->a, say->n, sizeof(*m));
    enum status st = m ? OK : err_nomem(r->e);
    for (size_t i = 0; i < say->n && !st; i++)
        st = render_message(r, &say->messages[i], &m[i]);
    if (!st && say->choices.n)
        st = set_choices(r, &say->choices, &m[say->n - 1]);
    *out = m;
    *count = say->n;
    return st;
}

/* All messages are rendered before the first is sent, so that a text which is too large does not leave half a node on
 * the visitor's screen. The menu is remembered for visitors who press its buttons later (resume.c). */
enum status run_say(struct flow_run *r, const struct flow_node *n)
{
    struct flow_message *m;
    size_t count;
    enum status st = run_messages(r, n, &m, &count);
    for (size_t i = 0; i < count && !st; i++)
        st = run_send(r, &m[i]);
    if (n->u.say.choices.n)
        r->menu = (int)(n - r->f->nodes);
    return st;
}
