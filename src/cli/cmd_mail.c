/* cmd_mail.c: mail test: sends one mail here and now, through the same code as the worker.
 *
 * Template, language and headers are those of real mail, so a test that arrives means that real mail arrives. No job
 * is queued: the operator wants to see the reply of the server, and the error if there is one. */
#include "base/clock.h"
#include "base/email.h"
#include "cli/cli.h"
#include "net/smtp.h"
#include "queue/mail.h"
#include "view/view.h"

#include "base/banned.h"

static enum status mail_write_test(struct cli *cl, struct str to, struct mail_written *out, struct err *e)
{
    const struct mail_new m = {.to = to,
                               .template = "test",
                               .language = STR_EMPTY,
                               MAIL_VALUES(MAIL_TEXT("server", str_from(config_string(cl->config, CONFIG_smtp_url))),
                                           MAIL_TEXT("url", STR("/")))};
    struct json *payload = mail_payload(&cl->arena, &m);
    return payload ? mail_write(cl->config, &cl->arena, payload, out, e) : err_nomem(e);
}

/* The domain of the message id is that of mail_from, as in real mail: servers count a message id of another domain
 * against the sender. The reply is printed, because it contains the queue id by which the mail server's operator finds
 * the mail. */
static enum status mail_send_test(struct cli *cl, struct str to, struct json **out, struct err *e)
{
    struct mail_written written;
    struct str reply;
    char id[ID_TEXT_MAX];
    const char *at = strchr(config_string(cl->config, CONFIG_mail_from), '@');
    enum status st = mail_write_test(cl, to, &written, e);
    if (st != OK)
        return st;
    id_text(ID_JOB, id_new(), id);
    struct smtp_mail m = {.to = to,
                          .subject = written.subject,
                          .text = written.text,
                          .html = written.html,
                          .message_id = str_from(arena_printf(&cl->arena, "test-%s%s", id, at ? at : "@localhost")),
                          .date_ms = clock_now_ms()};
    if ((st = smtp_send(cl->config, &cl->arena, &m, &reply, e)) != OK)
        return st;
    *out = json_new_object(&cl->arena);
    return *out && json_set_str(*out, "message_id", m.message_id) == 0 && json_set_str(*out, "reply", reply) == 0
               ? OK
               : err_nomem(e);
}

enum status cmd_mail_test(struct cli *cl, struct err *e)
{
    struct json *out = NULL;
    enum status st = cli_options(cl, NULL, 0, 1, 1, e);
    if (st != OK)
        return st;
    struct str to = str_from(cl->argv[0]);
    struct view_config vc = {.template_dir = cli_dir(cl, CONFIG_template_dir, PARLEY_PKGDATADIR "/templates")};
    if (!email_valid(to))
        return cli_usage(e, "\"%s\" is not an e-mail address.", cl->argv[0]);
    if ((st = view_library_open(&vc, e)) == OK)
        st = mail_send_test(cl, to, &out, e);
    view_library_close();
    if (st == OK)
        cli_out(cl, out);
    return st;
}
