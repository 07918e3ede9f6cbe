/* mail {to, template, language, values, rows}: one mail to one person (queue/mail.h). */
#include "base/clock.h"
#include "base/log.h"
#include "net/smtp.h"
#include "queue/mail.h"
#include "worker/worker.h"

#include "base/banned.h"

job_fn job_mail;

/* While the server is waited for the lease is kept; nobody calls it off. */
static bool keep_lease(void *ctx)
{
    worker_progress(ctx, NULL);
    return false;
}

/* The job's id at the sender's domain: the same whenever this job runs. */
static struct str message_id(struct work *w, const struct config *c)
{
    char id[ID_TEXT_MAX];
    const char *at = strchr(config_string(c, CONFIG_mail_from), '@');
    return str_from(arena_printf(w->arena, "%s%s", id_text(ID_JOB, w->job->id, id), at ? at : "@localhost"));
}

static enum status skip(struct work *w, struct json **result, struct err *e)
{
    log_line(LOG_INFO, "mail_skipped", LOG_T("template", json_get_str(w->job->payload, "template")));
    *result = json_new_object(w->arena);
    return *result && json_set_bool(*result, "skipped", true) == 0 ? OK : err_nomem(e);
}

static enum status send(struct work *w, const struct config *c, struct json **result, struct err *e)
{
    struct mail_written written;
    struct str reply;
    enum status st = mail_write(c, w->arena, w->job->payload, &written, e);
    if (st != OK)
        return st;
    struct smtp_mail m = {.to = written.to,
                          .subject = written.subject,
                          .text = written.text,
                          .html = written.html,
                          .message_id = message_id(w, c),
                          .date_ms = w->job->created_ms,
                          .cancelled = keep_lease,
                          .cancel_ctx = w};
    worker_away(w);
    if ((st = smtp_send(c, w->arena, &m, &reply, e)) != OK)
        return st;
    log_line(LOG_INFO, "mail_sent", LOG_T("template", json_get_str(w->job->payload, "template")),
             LOG_T("reply", reply));
    *result = json_new_object(w->arena);
    return *result && json_set_str(*result, "message_id", m.message_id) == 0 &&
                   json_set_str(*result, "reply", reply) == 0
               ? OK
               : err_nomem(e);
}

enum status job_mail(struct work *w, struct json **result, struct err *e)
{
    struct config *c = config_current();
    enum status st;
    if (!c)
        c = config_retain(w->worker->config);
    if (!smtp_on(c))
        st = skip(w, result, e);
    else if ((st = worker_view(w->worker, e)) == OK)
        st = send(w, c, result, e);
    config_drop(c);
    return st;
}
