/* messages.c: one message of a conversation as a row of a view, for transcripts and test chats. What visitors and bots
 * wrote is hostile until it is escaped, and staff read it while signed in, so every value goes through the view's
 * escaping or through view_safe_text. */
#include "portal/page/messages.h"

#include <stdio.h>

#include "base/banned.h"

static void message_fill_choices(struct view *v, const char *list, size_t i, const struct flow_message *m)
{
    char key[96];
    snprintf(key, sizeof(key), "%s.%zu.Choices", list, i);
    for (size_t k = 0; k < m->choice_n; k++) {
        view_str(v, view_at(v, key, k, "Label"), m->choices[k].label);
        view_str(v, view_at(v, key, k, "Value"), m->choices[k].value);
    }
}

static void message_fill_citations(struct view *v, const char *list, size_t i, const struct flow_message *m)
{
    char key[96];
    snprintf(key, sizeof(key), "%s.%zu.Citations", list, i);
    for (size_t k = 0; k < m->citation_n; k++) {
        const struct flow_citation *c = &m->citations[k];
        view_str(v, view_at(v, key, k, "Title"), c->title.n ? c->title : c->url);
        view_str(v, view_at(v, key, k, "Url"), c->url);
    }
}

/* The text is made safe here: it is the only value that templates insert as markup. */
void page_fill_message(struct view *v, struct arena *a, const char *list, size_t i, const struct talk_message *m)
{
    view_text(v, view_at(v, list, i, "From"), talk_sender_name(m->from));
    view_text(v, view_at(v, list, i, "Kind"), talk_message_type_name(talk_message_type_of(m->m.kind)));
    view_set_html(v, view_at(v, list, i, "Text_html"), view_safe_text(a, m->m.text));
    view_str(v, view_at(v, list, i, "Title"), m->m.title);
    view_str(v, view_at(v, list, i, "Url"), m->m.url);
    view_str(v, view_at(v, list, i, "Image"), m->m.image);
    view_str(v, view_at(v, list, i, "Alt"), m->m.kind == FLOW_IMAGE ? m->m.text : STR_EMPTY);
    view_time(v, view_at(v, list, i, "Time"), m->created_ms);
    message_fill_choices(v, list, i, &m->m);
    message_fill_citations(v, list, i, &m->m);
}
