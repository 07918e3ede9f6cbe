/* mail.c: puts a mail into the queue. The payload holds names and values, not text: texts are looked up when the
 * mail is sent, in the recipient's language, so that a correction of a text reaches mails that are still waiting. */
#include "queue/mail.h"

#include "base/email.h"
#include "base/limits.h"

#include "base/banned.h"

#define PAYLOAD_ARENA (1 * MB)
#define MAIL_ATTEMPTS 12 /* with the backoff of the queue: almost two days */

/* One value as the job keeps it: a text is a string, the others are an object whose key names the kind. */
static int mail_set_value(struct json *values, const struct mail_value *v)
{
    static const char *const kinds[] = {[MAIL_AS_NUMBER] = "number", [MAIL_AS_DATE] = "date", [MAIL_AS_TIME] = "time"};
    struct json *o;
    if (v->kind == MAIL_AS_TEXT)
        return json_set_str(values, v->name, v->text);
    return json_set_object(values, v->name, &o) || json_set_int(o, kinds[v->kind], v->n);
}

static int mail_set_rows(struct json *payload, const struct mail_new *m)
{
    struct json *rows, *row;
    if (json_set_array(payload, "rows", &rows))
        return -1;
    for (size_t i = 0; i < m->row_count; i++)
        if (json_push_object(rows, &row) || json_set_str(row, "label", m->rows[i].label) ||
            json_set_str(row, "value", m->rows[i].value))
            return -1;
    return 0;
}

struct json *mail_payload(struct arena *a, const struct mail_new *m)
{
    struct json *p = json_new_object(a), *values;
    if (!p || json_set_str(p, "to", m->to) || json_set_str(p, "template", str_from(m->template)) ||
        json_set_str(p, "language", m->language) || json_set_object(p, "values", &values) || mail_set_rows(p, m))
        return NULL;
    for (size_t i = 0; i < m->value_count; i++)
        if (mail_set_value(values, &m->values[i]))
            return NULL;
    return p;
}

/* The address is checked again here, although forms have checked it: a job with a bad address would fail for two days
 * before anyone sees it. */
enum status mail_queue(struct db *c, const struct mail_new *m, struct err *e)
{
    struct arena a;
    if (!email_valid(m->to))
        return err_at(e, E_email_invalid, "to", "This is not a valid e-mail address.");
    arena_init(&a, PAYLOAD_ARENA);
    struct job_new job = {
        .kind = JOB_KIND_mail, .tenant = m->tenant, .payload = mail_payload(&a, m), .max_attempts = MAIL_ATTEMPTS};
    enum status st = job.payload ? queue_add(c, &job, NULL, e) : err_nomem(e);
    arena_release(&a);
    return st;
}
