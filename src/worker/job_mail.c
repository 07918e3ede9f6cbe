/* job_mail.c: mail {to, template, language, values, rows}: one mail to one person (queue/mail.h). The connection is
 * given back before the mail server is called, which may take minutes. */
#include "base/clock.h"
#include "base/log.h"
#include "net/smtp.h"
#include "queue/mail.h"
#include "worker/worker_internal.h"

#include "base/banned.h"

/* smtp_send() asks this regularly whether to give up: it keeps the lease and never cancels. */
static bool mail_keep_lease(void *ctx)
{
    worker_progress(ctx, NULL);
    return false;
}

/* The job's id at the sender's domain. It is the same each time the job runs, so a mail program can drop a
 * duplicate. */
static struct str mail_message_id(struct worker_job *w, const struct config *c)
{
    char id[ID_TEXT_MAX];
    const char *at = strchr(config_string(c, CONFIG_mail_from), '@');
    return str_from(arena_printf(w->arena, "%s%s", id_text(ID_JOB, w->job->id, id), at ? at : "@localhost"));
}

/* Not an error: an install without smtp_url sends no mail by choice, and failing jobs would pile up as dead letters.
 * The result says so to the operator. */
static enum status mail_skip(struct worker_job *w, struct json **result, struct err *e)
{
    log_line(LOG_INFO, "mail_skipped", LOG_T("template", json_get_str(w->job->payload, "template")));
    *result = json_new_object(w->arena);
    return *result && json_set_bool(*result, "skipped", true) == 0 ? OK : err_nomem(e);
}

static enum status mail_send(struct worker_job *w, const struct config *c, struct json **result, struct err *e)
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
                          .message_id = mail_message_id(w, c),
                          .date_ms = w->job->created_ms,
                          .cancelled = mail_keep_lease,
                          .cancel_ctx = w};
    /* From here on the mail may have been sent. If the worker dies before the outcome is written, it is sent once more,
     * with the same Message-ID. */
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

enum status job_mail(struct worker_job *w, struct json **result, struct err *e)
{
    const struct config *c = config_current();
    enum status st;
    if (!c)
        c = config_retain(w->worker->config);
    if (!smtp_on(c))
        st = mail_skip(w, result, e);
    else if ((st = worker_view(w->worker, e)) == OK)
        st = mail_send(w, c, result, e);
    config_drop(c);
    return st;
}
