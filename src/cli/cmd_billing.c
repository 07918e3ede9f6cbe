/* cmd_billing.c: billing setup, status, move: what this install has at Stripe, and on which terms.
 *
 * Stripe shows the secret of a webhook endpoint only when it is created. Invariant: whatever happens after that, setup
 * either stores the secrets or prints them. So every step that can fail is either done before Stripe is called, or has
 * its failure reported after the secrets. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alarm/alarm.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/limits.h"
#include "billing/checkout/checkout.h"
#include "billing/meter/meter.h"
#include "billing/setup/setup.h"
#include "billing/sync/event.h"
#include "cli/cli.h"

#include "base/banned.h"

#define SECRETS_FILE "secrets.conf"
#define SECRETS_KEY "stripe_webhook_secrets"

/* ---- secrets of endpoints, for the file that `parley config init` wrote ---- */

/* The file beside the configuration, where `config init` puts it. An include elsewhere is not followed: which of
 * several files to change would be a guess. */
static const char *secrets_path(struct cli *cl)
{
    const char *settings = config_path(cl->config), *slash = strrchr(settings, '/');
    if (!slash)
        return arena_strdup(&cl->arena, STR(SECRETS_FILE));
    return arena_printf(&cl->arena, "%.*s/" SECRETS_FILE, (int)(slash - settings), settings);
}

/* The complete line: the secrets that were there, and the new ones. The old ones stay, because an endpoint that is
 * replaced still sends what it has queued, signed with its own secret. */
static void secrets_line(struct cli *cl, const struct setup_report *r, struct buf *b)
{
    struct str old = str_trim(str_from(config_string(cl->config, CONFIG_stripe_webhook_secrets)));
    buf_puts(b, SECRETS_KEY " =");
    if (old.n)
        buf_printf(b, " %.*s", STR_F(old));
    if (r->webhook_secret.n)
        buf_printf(b, " %.*s", STR_F(r->webhook_secret));
    if (r->thin_secret.n)
        buf_printf(b, " %.*s", STR_F(r->thin_secret));
    buf_putc(b, '\n');
}

static bool secrets_is_line(struct str line)
{
    struct str key = line, s = str_trim(line);
    ptrdiff_t at = str_find(s, '=');
    if (at < 0)
        return false;
    key = str_trim(str_sub(s, 0, (size_t)at));
    return str_eqz(key, SECRETS_KEY);
}

/* write may stop early, on a signal or a nearly full disk, and half a secret is worse than none. */
static bool secrets_write_all(int fd, struct str text)
{
    while (text.n) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        text = str_sub(text, (size_t)n, text.n);
    }
    return true;
}

/* Writes a new file with the owner and mode of the old one and renames it over that, so that a program that reads at
 * the same time sees either the old or the new one. The owner matters: setup is often run by root, and the programs are
 * not. fsync comes before rename, because a crash could otherwise leave an empty file under the old name. O_NOFOLLOW
 * keeps a link that someone planted at the .new name from being written through. */
static enum status secrets_replace_file(struct cli *cl, const char *path, struct str text, struct err *e)
{
    const char *fresh = arena_printf(&cl->arena, "%s.new", path);
    struct stat info;
    if (!fresh)
        return err_nomem(e);
    if (stat(path, &info) != 0)
        return err_set(e, E_file_failed, "Cannot read %s: %s.", path, strerror(errno));
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_set(e, E_file_failed, "Cannot write %s: %s.", fresh, strerror(errno));
    bool ok = fchown(fd, info.st_uid, info.st_gid) == 0 && fchmod(fd, info.st_mode & 0777) == 0 &&
              secrets_write_all(fd, text) && fsync(fd) == 0;
    int why = errno;
    close(fd);
    if (ok && rename(fresh, path) == 0)
        return OK;
    why = ok ? errno : why;
    unlink(fresh);
    return err_set(e, E_file_failed, "Cannot write %s: %s.", path, strerror(why));
}

/* Every older line of the key is dropped and one is added at the end, where it wins. The rest of the file is kept,
 * comments too. The buffer is wiped because it holds every secret of the install. */
static enum status secrets_write(struct cli *cl, const struct setup_report *r, const char *path, struct err *e)
{
    struct str text, line;
    struct buf b;
    enum status st = cli_read_file(cl, path, 1 * MB, &text, e);
    if (st != OK)
        return st;
    buf_init(&b, 2 * MB);
    while (str_split(&text, '\n', &line))
        if (line.n && !secrets_is_line(line))
            buf_printf(&b, "%.*s\n", STR_F(line));
    secrets_line(cl, r, &b);
    st = buf_ok(&b) ? secrets_replace_file(cl, path, buf_str(&b), e) : err_nomem(e);
    crypto_wipe(b.p, b.n);
    buf_release(&b);
    return st;
}

/* Reads the configuration again, because another file or the environment may override the line just written. */
static enum status secrets_check(struct cli *cl, const struct setup_report *r, const char *path, struct err *e)
{
    const struct config *c = NULL;
    enum status st = config_load(cl->config_path, &c, e);
    if (st != OK)
        return st;
    struct str now = str_from(config_string(c, CONFIG_stripe_webhook_secrets));
    if (!str_has(now, r->webhook_secret) || !str_has(now, r->thin_secret))
        st = err_set(e, E_config_shadowed,
                     "The secrets are in %s, but another " SECRETS_KEY
                     " line (or PARLEY_STRIPE_WEBHOOK_SECRETS) overrides them.",
                     path);
    config_drop(c);
    return st;
}

/* Writes the secrets if asked to, and otherwise, or if that fails, prints them. With --json the plain case prints
 * nothing here: setup_print puts them into the object. */
static enum status secrets_hand_over(struct cli *cl, const struct setup_report *r, bool write, struct err *e)
{
    const char *path = secrets_path(cl);
    struct buf b;
    enum status st;
    if (!r->webhook_secret.n && !r->thin_secret.n)
        return OK;
    if (!path)
        return err_nomem(e);
    if (write) {
        st = secrets_write(cl, r, path, e);
        if (st == OK)
            st = secrets_check(cl, r, path, e);
        if (st == OK) {
            cli_say(cl,
                    "\nThe endpoints' secrets were written to %s. Running programs read them on SIGHUP: systemctl "
                    "reload parley.",
                    path);
            return OK;
        }
    } else
        st = OK;
    /* Stripe shows them only now, so they are printed if the file cannot be written. */
    buf_init(&b, 64 * KB);
    secrets_line(cl, r, &b);
    if (buf_ok(&b) && !cl->json)
        printf("\nStripe shows these secrets only now. Put this line into %s:\n\n%s\n", path, b.p);
    else if (buf_ok(&b) && st != OK)
        fprintf(stderr, "%s", b.p);
    st = buf_ok(&b) ? st : err_nomem(e);
    crypto_wipe(b.p, b.n);
    buf_release(&b);
    return st;
}

/* ---- setup ---- */

static struct json *setup_lines_json(struct cli *cl, const struct setup_report *r)
{
    struct json *out = json_new_array(&cl->arena), *o;
    for (size_t i = 0; out && i < r->n; i++) {
        const struct setup_line *l = &r->lines[i];
        if (json_push_object(out, &o) != 0 || json_set_str(o, "what", str_from(l->what)) != 0 ||
            json_set_str(o, "name", l->name) != 0 || json_set_str(o, "how", str_from(setup_how_name(l->how))) != 0 ||
            json_set_str(o, "id", l->stripe_id) != 0 || json_set_str(o, "note", str_from(l->note)) != 0)
            return NULL;
    }
    return out;
}

static enum status setup_print(struct cli *cl, const struct stripe *stripe, const struct setup_report *r, bool written,
                               struct err *e)
{
    struct json *lines = setup_lines_json(cl, r), *out = json_new_object(&cl->arena);
    if (!lines || !out)
        return err_nomem(e);
    if (!cl->json) {
        cli_out(cl, lines);
        return OK;
    }
    if (json_set_str(out, "mode", stripe->livemode ? STR("live") : STR("test")) != 0 ||
        json_set(out, "made", lines) != 0 ||
        (!written && r->webhook_secret.n && json_set_str(out, "webhook_secret", r->webhook_secret) != 0) ||
        (!written && r->thin_secret.n && json_set_str(out, "thin_secret", r->thin_secret) != 0))
        return err_nomem(e);
    cli_out(cl, out);
    return OK;
}

/* An endpoint that exists is reused and its secret is not shown again. Without a secret no event is accepted, and
 * nothing else would say why. */
static void setup_hints(struct cli *cl, const struct setup_report *r)
{
    if (r->webhook_secret.n || str_trim(str_from(config_string(cl->config, CONFIG_stripe_webhook_secrets))).n)
        return;
    cli_say(cl, "\nThe endpoint exists, but " SECRETS_KEY
                " is empty, so nothing that Stripe sends is accepted. If its secret is lost,"
                "\ncreate new endpoints: parley billing setup --new-endpoint --write");
}

/* What was done before a failure is printed too, because a secret among it would be lost otherwise. Two errors may
 * exist: the one from Stripe is reported, as it came first, and the one from writing only if Stripe succeeded. */
static enum status setup_all(struct cli *cl, struct stripe *stripe, const struct setup_options *o, bool write,
                             struct err *e)
{
    struct setup_report r = {.webhook_secret = STR_EMPTY, .thin_secret = STR_EMPTY};
    struct err after = ERR_INIT;
    enum status st = setup_run(stripe, cl->pool, &cl->arena, o, &r, e);
    enum status handed = secrets_hand_over(cl, &r, write, &after);
    if (st == OK || r.n) {
        enum status printed = setup_print(cl, stripe, &r, write && handed == OK, &after);
        handed = handed == OK ? printed : handed;
    }
    if (st == OK && handed != OK)
        *e = after;
    if (st == OK && handed == OK)
        setup_hints(cl, &r);
    return st == OK ? handed : st;
}

/* The file is tested before Stripe is called: finding out afterwards that it cannot be written would leave secrets that
 * exist nowhere but on a screen. */
enum status cmd_billing_setup(struct cli *cl, struct err *e)
{
    struct setup_options o = {0};
    bool write = false;
    struct db_pool *pool;
    struct stripe stripe;
    enum status st = cli_options(cl, CLI_OPTIONS({"new-endpoint", NULL, &o.new_endpoint}, {"write", NULL, &write}), 0,
                                 0, e);
    if (st != OK || (st = cli_pool(cl, &pool, e)) != OK || (st = stripe_open(&stripe, cl->config, pool, e)) != OK)
        return st;
    if (write && access(secrets_path(cl) ? secrets_path(cl) : "", W_OK) != 0)
        st = err_set_as(e, ERR_INVALID, E_file_failed, "--write needs a writable %s next to the configuration: %s.",
                        SECRETS_FILE, strerror(errno));
    if (st == OK)
        st = setup_all(cl, &stripe, &o, write, e);
    stripe_close(&stripe);
    return st;
}

/* ---- status ---- */

struct billing_status {
    bool ready;
    struct str words;
    struct event_depth depth;
    struct meter_lag lag;
    size_t alarms;
    int64_t reads;
};

/* Asks only the database, so the command answers at once and also when Stripe is down. That is when it is needed. */
static enum status billing_status_read(struct cli *cl, struct stripe *stripe, struct db *c, struct billing_status *x,
                                       struct err *e)
{
    struct alarm *alarms;
    enum status st = setup_check(stripe, c, &cl->arena, &x->ready, &x->words, e);
    if (st == OK)
        st = event_depth(c, &x->depth, e);
    if (st == OK)
        st = meter_lag(c, &x->lag, e);
    if (st == OK)
        st = alarm_list(c, &cl->arena, true, ALARMS_COUNTED, &alarms, &x->alarms, e);
    return st == OK ? stripe_reads(cl->pool, clock_now_ms(), &x->reads, e) : st;
}

static int status_set_queues(struct json *o, const struct billing_status *x)
{
    return json_set_int(o, "events_pending", x->depth.pending) || json_set_int(o, "events_dead", x->depth.dead) ||
           json_set_int(o, "events_oldest_s", x->depth.oldest_ms / 1000) ||
           json_set_int(o, "meter_pending", x->lag.pending) || json_set_int(o, "meter_unknown", x->lag.unknown) ||
           json_set_int(o, "meter_rejected", x->lag.rejected) ||
           json_set_int(o, "meter_oldest_s", x->lag.oldest_ms / 1000);
}

/* Ready means that a sale would work: the objects exist and events are accepted. Either alone would take money without
 * granting a plan. */
static enum status billing_status_print(struct cli *cl, const struct stripe *stripe, const struct billing_status *x,
                                        struct err *e)
{
    bool secret = str_trim(str_from(config_string(cl->config, CONFIG_stripe_webhook_secrets))).n > 0;
    struct json *o = json_new_object(&cl->arena);
    if (!o || json_set_str(o, "mode", stripe->livemode ? STR("live") : STR("test")) != 0 ||
        json_set_bool(o, "ready", x->ready && secret) != 0 || json_set_str(o, "missing", x->words) != 0 ||
        json_set_bool(o, "webhook_secrets", secret) != 0 || status_set_queues(o, x) != 0 ||
        json_set_int(o, "alarms_open", (int64_t)x->alarms) != 0 || json_set_int(o, "reads_30_days", x->reads) != 0)
        return err_nomem(e);
    cli_out(cl, o);
    return OK;
}

static enum status billing_status_off(struct cli *cl, struct err *e)
{
    struct json *o = json_new_object(&cl->arena);
    if (!o || json_set_str(o, "mode", STR("off")) != 0 || json_set_bool(o, "ready", false) != 0 ||
        json_set_str(o, "missing", STR("stripe_secret_key is not set: the operator assigns plans")) != 0)
        return err_nomem(e);
    cli_out(cl, o);
    return OK;
}

enum status cmd_billing_status(struct cli *cl, struct err *e)
{
    struct billing_status x = {0};
    struct db_pool *pool;
    struct db *c;
    struct stripe stripe;
    enum status st = cli_options(cl, NULL, 0, 0, 0, e);
    if (st != OK)
        return st;
    if (!stripe_enabled(cl->config))
        return billing_status_off(cl, e);
    if ((st = cli_pool(cl, &pool, e)) != OK || (st = cli_db(cl, &c, e)) != OK ||
        (st = stripe_open(&stripe, cl->config, pool, e)) != OK)
        return st;
    st = billing_status_read(cl, &stripe, c, &x, e);
    if (st == OK)
        st = billing_status_print(cl, &stripe, &x, e);
    stripe_close(&stripe);
    return st;
}

/* ---- older terms ---- */

enum status cmd_billing_move(struct cli *cl, struct err *e)
{
    struct db_pool *pool;
    struct db *c;
    struct id id;
    struct stripe stripe;
    enum status st = cli_options(cl, NULL, 0, 1, 1, e);
    if (st != OK || (st = cli_pool(cl, &pool, e)) != OK || (st = cli_db_change(cl, &c, e)) != OK ||
        (st = cli_tenant(cl, c, cl->argv[0], &id, e)) != OK || (st = stripe_open(&stripe, cl->config, pool, e)) != OK)
        return st;
    struct actor who = cli_actor(id);
    st = terms_move(&(struct billing_context){&stripe, pool, &cl->arena, &who}, id, e);
    if (st == OK)
        cli_id(cl, ID_TENANT, id);
    stripe_close(&stripe);
    return st;
}
