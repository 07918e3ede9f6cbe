/* events.c: /admin/events: Stripe's events as they were stored, with their state; an event can be processed again. The
 * list is not paged: what matters is at its top, and an operator looks for one event by its id. */
#include "base/json.h"
#include "base/limits.h"
#include "portal/admin/admin.h"

#include "base/banned.h"

#define EVENTS_PAGE 200
#define PAYLOAD_SHOWN (128 * KB)

/* A thin event carries only an id: the object is fetched in any case. */
static void events_fill_row(struct page *pg, const char *list, size_t i, const struct stripe_event *ev)
{
    struct view *v = pg->v;
    view_str(v, view_at(v, list, i, "Id"), ev->id);
    view_str(v, view_at(v, list, i, "Type"), ev->type);
    view_str(v, view_at(v, list, i, "Object"), ev->object_id);
    view_text(v, view_at(v, list, i, "State"), event_state_name(ev->state));
    view_str(v, view_at(v, list, i, "StateText"),
             words_name(pg, "Admin.Events.State", str_from(event_state_name(ev->state))));
    view_str(v, view_at(v, list, i, "Error"), ev->last_error);
    view_int(v, view_at(v, list, i, "Attempts"), ev->attempts);
    view_time(v, view_at(v, list, i, "Created"), ev->created_ms);
    view_time(v, view_at(v, list, i, "Received"), ev->received_ms);
    if (ev->state == EVENT_PENDING)
        view_time(v, view_at(v, list, i, "Due"), ev->due_ms);
    view_bool(v, view_at(v, list, i, "Thin"), ev->thin);
}

/* Without a filter the page shows what needs attention: dead events if there are any, else pending ones. */
void admin_events_get(struct request *rq)
{
    struct page pg;
    struct admin ad;
    struct event_depth depth = {0};
    struct stripe_event *list = NULL;
    size_t n = 0;
    enum event_state state;
    bool asked = event_state_parse(request_query(rq, "state"), &state);
    if (!admin_begin(rq, &pg, "events", &ad))
        return;
    enum status st = event_depth(pg.db, &depth, &pg.e);
    if (!asked)
        state = st == OK && depth.dead > 0 ? EVENT_DEAD : EVENT_PENDING;
    if (st == OK)
        st = event_list(pg.db, rq->arena, &state, EVENTS_PAGE, &list, &n, &pg.e);
    for (size_t i = 0; st == OK && i < n; i++)
        events_fill_row(&pg, "Events", i, &list[i]);
    view_text(pg.v, "Filter.State", event_state_name(state));
    view_number(pg.v, "Depth.Pending", depth.pending);
    view_number(pg.v, "Depth.Dead", depth.dead);
    view_bool(pg.v, "List.Full", n == EVENTS_PAGE);
    page_end(&pg, st, "portal/admin/events.cs", "Admin.Events.Events");
}

/* The payload is indented if it is valid JSON, and shown as received otherwise. */
static enum status events_fill_payload(struct page *pg, struct str event)
{
    struct str raw = STR_EMPTY;
    struct json *j = NULL;
    struct err ignored = ERR_INIT;
    enum status st = event_payload(pg->db, pg->rq->arena, event, &raw, &pg->e);
    if (st != OK)
        return st;
    struct buf b;
    buf_init(&b, 4 * MB);
    if (json_parse_tolerant(pg->rq->arena, raw, MAX_JSON_DEPTH, &j, &ignored) == OK)
        json_write_pretty(&b, j);
    if (!j || !buf_ok(&b)) {
        buf_clear(&b);
        buf_str_add(&b, raw);
    }
    view_str(pg->v, "Event.Payload", str_sub(buf_str(&b), 0, PAYLOAD_SHOWN));
    view_bool(pg->v, "Event.Cut", b.n > PAYLOAD_SHOWN);
    buf_release(&b);
    return OK;
}

/* The payload was signed by Stripe and is still shown as text only: it holds what customers have typed. */
void admin_events_event_get(struct request *rq)
{
    struct page pg;
    struct admin ad;
    struct stripe_event ev;
    if (!admin_begin(rq, &pg, "events", &ad))
        return;
    enum status st = event_get(pg.db, rq->arena, request_segment(rq, "event"), &ev, &pg.e);
    if (st == OK)
        st = events_fill_payload(&pg, ev.id);
    if (st == OK)
        events_fill_row(&pg, "Events", 0, &ev);
    page_end(&pg, st, "portal/admin/events_event.cs", "Admin.Events.Event");
}

/* The event only becomes due again: the worker processes it, so that there is one place where events are applied.
 * Replaying is harmless, because an event is only a hint to fetch its object. */
void admin_events_replay_post(struct request *rq)
{
    struct page pg;
    if (!page_begin(rq, &pg))
        return;
    enum status st = console_replay(pg.db, &pg.who, request_segment(rq, "event"), &pg.e);
    page_end_redirect(&pg, st, "/admin/events?state=pending&done=event_replayed");
}
