/* alarms.c: /admin/alarms: what needs the operator; an alarm can be closed when it has been dealt with. Many alarms are
 * cleared by the code that raised them. Closing by hand is for causes whose end no code can see. */
#include "alarm/alarm.h"
#include "portal/admin/admin.h"

#include "base/banned.h"

#define ALARMS_PAGE 200

void admin_alarms_get(struct request *rq)
{
    struct page pg;
    struct admin ad;
    bool all = str_eq(request_query(rq, "show"), STR("all"));
    if (!admin_begin(rq, &pg, "alarms", &ad))
        return;
    view_bool(pg.v, "List.All", all);
    enum status st = admin_fill_alarms(&pg, !all, ALARMS_PAGE);
    page_end(&pg, st, "portal/admin/alarms.cs", "Nav.AdminAlarms");
}

/* Closing is logged. An alarm whose cause persists is raised again by the code that found it. */
void admin_alarms_close_post(struct request *rq)
{
    struct page pg;
    struct id id;
    if (!page_begin(rq, &pg) || !page_id(&pg, ID_ALARM, "alarm", &id))
        return;
    enum status st = console_alarm_close(pg.db, &pg.who, id, &pg.e);
    page_end_redirect(&pg, st, "/admin/alarms?done=alarm_closed");
}
