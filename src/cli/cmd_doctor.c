/* cmd_doctor.c: doctor: examines an install the way its programs do, and reports what is wrong and how to repair it.
 *
 * Each check is independent, so that one that fails does not hide the others; only what needs the database stops when
 * it cannot be reached. A finding names the remedy, because the reader may see Parley for the first time. The command
 * changes nothing and may run beside the programs. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

#include "alarm/alarm.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/limits.h"
#include "base/num.h"
#include "billing/meter/meter.h"
#include "billing/setup/setup.h"
#include "billing/sync/event.h"
#include "cli/cli.h"
#include "db/migrate.h"
#include "db/server.h"
#include "net/address.h"
#include "net/smtp.h"
#include "queue/queue.h"
#include "worker/worker.h"

#include "base/banned.h"

/* Below 1 GB the operator still has time; at 100 MB the next large import or log file may fail. */
#define DISK_FAIL (100 * MB)
#define DISK_WARN (1024 * MB)
#define LAG_WARN_MS (5 * MINUTE_MS)
#define PROXY_SEEN_MS DAY_MS
#define BEAT_LATE_S (INT64_C(6) * WORKER_BEAT_S)
#define OLDEST_SERVER 1006 /* 10.6: SKIP LOCKED and atomic DDL */
#define FILES_MAX 8
#define ALARMS 20 /* of the open ones */

enum level { FINE, ODD, BAD };
struct doctor {
    struct cli *cl;
    struct json *found;
    int bad;
    bool no_memory;
};

static void doctor_put(struct doctor *d, enum level level, const char *check, const char *mend, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* One finding; `mend` NULL where there is nothing to do. */
static void doctor_put(struct doctor *d, enum level level, const char *check, const char *mend, const char *fmt, ...)
{
    static const char *const names[] = {"ok", "warn", "fail"};
    struct json *j;
    va_list ap;
    va_start(ap, fmt);
    char *what = arena_vprintf(&d->cl->arena, fmt, ap);
    va_end(ap);
    d->bad += level == BAD;
    if (!what || json_push_object(d->found, &j) || json_set_str(j, "level", str_from(names[level])) ||
        json_set_str(j, "check", str_from(check)) || json_set_str(j, "what", str_from(what)) ||
        json_set_str(j, "mend", str_from(mend)))
        d->no_memory = true;
    cli_say(d->cl, "%-4s  %s%s%s", names[level], what ? what : check, mend ? " - " : "", mend ? mend : "");
}

/* ---- configuration ---- */

/* Reads the text of one file and not the loaded configuration: what counts is which file holds a secret, also when
 * another file overrides it. */
static bool doctor_holds_secret(struct str text)
{
    struct str line;
    while (str_split(&text, '\n', &line)) {
        ptrdiff_t eq = str_find(line, '=');
        struct str key = eq > 0 ? str_trim(str_sub(line, 0, (size_t)eq)) : STR_EMPTY;
        bool set = eq > 0 && str_trim(str_sub(line, (size_t)eq + 1, line.n)).n > 0;
        for (int k = 0; set && k < CONFIG_COUNT; k++)
            if (config_row((enum config_key)k)->secret && str_eqz(key, config_row((enum config_key)k)->name))
                return true;
    }
    return false;
}

/* Group read is allowed, because the programs may run as a user who gets the file by its group. Group write is not:
 * with it another account could replace the key. */
static void doctor_file_mode(struct doctor *d, const char *path, struct str text)
{
    struct stat info;
    if (stat(path, &info) != 0 || !doctor_holds_secret(text))
        return;
    if (info.st_mode & (S_IWGRP | S_IRWXO))
        doctor_put(d, BAD, "secrets", "chmod 600 it",
                   "%s contains secrets, and other users may read or change it (mode %03o)", path, info.st_mode & 0777);
    else
        doctor_put(d, FINE, "secrets", NULL, "%s contains secrets, and other users have no access to it", path);
}

/* A configuration file and what it includes; relative names are read from beside it, as the loader does. The depth is
 * limited, because a file may include itself and the loader has already reported that. */
static void doctor_config_file(struct doctor *d, const char *path, int depth)
{
    struct err e = ERR_INIT;
    struct str text, rest, line;
    const char *slash = strrchr(path, '/');
    if (cli_read_file(d->cl, path, 1 * MB, &text, &e) != OK) {
        doctor_put(d, BAD, "config", "make it readable for the user of the programs", "%s", e.message);
        return;
    }
    if (depth == 0)
        doctor_put(d, FINE, "config", NULL, "%s has no errors", path);
    doctor_file_mode(d, path, text);
    rest = text;
    while (depth < FILES_MAX && str_split(&rest, '\n', &line)) {
        line = str_trim(line);
        if (!str_starts(line, STR("include ")) && !str_starts(line, STR("include\t")))
            continue;
        struct str name = str_trim(str_sub(line, 8, line.n));
        bool beside = name.n && name.p[0] != '/' && slash;
        const char *next = arena_printf(&d->cl->arena, "%.*s%.*s", beside ? (int)(slash - path + 1) : 0, path,
                                        STR_F(name));
        if (next)
            doctor_config_file(d, next, depth + 1);
    }
}

static void doctor_config(struct doctor *d)
{
    const char *path = config_path(d->cl->config);
    uint8_t key[CRYPTO_KEY];
    struct str secret = str_from(config_string(d->cl->config, CONFIG_secret_key));
    if (path[0])
        doctor_config_file(d, path, 0);
    else
        doctor_put(d, ODD, "config", "write one (parley config example), or set PARLEY_CONFIG to its path",
                   "There is no configuration file");
    if (!secret.n)
        doctor_put(d, BAD, "secret_key",
                   "create one: echo \"secret_key = $(openssl rand -hex 32)\" in a file of mode 600, and include it",
                   "secret_key is not set");
    else if (!crypto_hex_decode(secret, key, sizeof(key)))
        doctor_put(d, BAD, "secret_key", "restore the 64 hex digits that were made at installation",
                   "secret_key is not 64 hex digits");
    else
        doctor_put(d, FINE, "secret_key", NULL, "secret_key is set");
    crypto_wipe(key, sizeof(key));
}

/* The programs touch this file when they see such a request (src/web/rate.c). A file older than a day is ignored,
 * because the web server may have been corrected since, and no program would ever remove the file. */
static bool doctor_is_proxied(struct doctor *d)
{
    const char *path = arena_printf(&d->cl->arena, "%s/proxy.seen", config_string(d->cl->config, CONFIG_run_dir));
    struct stat info;
    return path && stat(path, &info) == 0 && clock_now_ms() - (int64_t)info.st_mtime * 1000 < PROXY_SEEN_MS;
}

/* Plain http is only a warning: a trial on the own machine is legitimate, and a proxy that speaks https may be in front
 * of an install whose base_url was forgotten. */
static void doctor_safety(struct doctor *d)
{
    struct str url = str_from(config_string(d->cl->config, CONFIG_base_url));
    if (str_starts(url, STR("https://")) || host_is_loopback(url_host(url)))
        doctor_put(d, FINE, "base_url", NULL, "base_url is %.*s", STR_F(url));
    else
        doctor_put(d, ODD, "base_url", "serve it by https and change base_url",
                   "base_url %.*s sends passwords unencrypted", STR_F(url));
    if (doctor_is_proxied(d))
        doctor_put(
            d, ODD, "proxy",
            "let the web server take the address from the proxy, as the examples show (lighttpd: mod_extforward, "
            "Apache: mod_remoteip, nginx: set_real_ip_from)",
            "Requests come through a proxy on this machine that hides the visitors' addresses: all of them share one "
            "rate limit");
    if (config_bool(d->cl->config, CONFIG_rate_limits))
        doctor_put(d, FINE, "rate_limits", NULL, "rate_limits is on");
    else
        doctor_put(d, ODD, "rate_limits", "set rate_limits = on",
                   "rate_limits is off: the number of requests is not limited");
}

/* ---- files ---- */

/* Signs in at the mail server and sends nothing. */
static void doctor_mail(struct doctor *d)
{
    const struct config *c = d->cl->config;
    struct err e = ERR_INIT;
    const char *url = config_string(c, CONFIG_smtp_url);
    bool sells = config_string(c, CONFIG_stripe_secret_key)[0] != '\0';
    if (!smtp_on(c)) {
        doctor_put(d, sells ? ODD : FINE, "mail", sells ? "set smtp_url and mail_from" : NULL,
                   "No mail is sent: smtp_url is not set%s",
                   sells ? ", so customers are not notified of failed payments" : "");
        return;
    }
    if (config_int(c, CONFIG_smtp_tls) == SMTP_TLS_OFF && strncmp(url, "smtps:", 6) != 0)
        doctor_put(d, ODD, "mail", "set it to required, unless you trust the network to the mail server",
                   "smtp_tls is off: mails and the password for %s are sent unencrypted", url);
    if (smtp_check(c, &d->cl->arena, &e) == OK)
        doctor_put(d, FINE, "mail", NULL, "The mail server %s accepts mails from %s", url,
                   config_string(c, CONFIG_mail_from));
    else
        doctor_put(d, BAD, "mail", "correct the smtp_ and mail_ settings, then run parley mail test ADDRESS", "%s",
                   e.message);
}

/* statvfs counts what an ordinary user may use (f_bavail); the blocks that are reserved for root help no program. */
static void doctor_space(struct doctor *d, const char *name, const char *dir)
{
    struct statvfs v;
    if (statvfs(dir, &v) != 0)
        return;
    uint64_t left = (uint64_t)v.f_bavail * v.f_frsize;
    if (left < DISK_WARN)
        doctor_put(d, left < DISK_FAIL ? BAD : ODD, name, "free some disk space", "Only %llu MB are left for %s",
                   (unsigned long long)(left / MB), dir);
}

/* access() asks for the user who runs doctor. The command is meant to be run as the user of the programs, and says
 * "this user" because of that. */
static void doctor_writable(struct doctor *d, enum config_key k, const char *name)
{
    const char *dir = config_string(d->cl->config, k);
    struct stat info;
    if (stat(dir, &info) != 0 || !S_ISDIR(info.st_mode))
        doctor_put(d, BAD, name, "create it with mode 750 for the user of the programs, or set another folder",
                   "%s %s does not exist", name, dir);
    else if (access(dir, W_OK | X_OK) != 0)
        doctor_put(d, BAD, name, "make the user of the programs its owner", "%s %s is not writable for this user", name,
                   dir);
    else
        doctor_put(d, FINE, name, NULL, "%s %s is writable", name, dir);
    doctor_space(d, name, dir);
}

static bool doctor_has_files(const char *dir)
{
    DIR *h = opendir(dir);
    bool any = false;
    for (struct dirent *f; h && !any && (f = readdir(h));)
        any = f->d_name[0] != '.';
    if (h)
        closedir(h);
    return any;
}

/* A folder that exists but is empty counts as missing: that is what an interrupted installation leaves. Vendored
 * style sheets are fetched by the build and not part of the source, so they can be missing although everything else
 * is there. */
static void doctor_parts(struct doctor *d)
{
    static const struct {
        enum config_key key;
        const char *name, *standard;
    } parts[] = {
        {CONFIG_template_dir, "template_dir", PARLEY_PKGDATADIR "/templates"},
        {CONFIG_htdocs_dir, "htdocs_dir", PARLEY_PKGDATADIR "/htdocs"},
        {CONFIG_sql_dir, "sql_dir", PARLEY_PKGDATADIR "/sql"},
        {CONFIG_flow_template_dir, "flow_template_dir", PARLEY_PKGDATADIR "/flow-templates"},
    };

    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        const char *dir = cli_dir(d->cl, parts[i].key, parts[i].standard);
        if (doctor_has_files(dir))
            doctor_put(d, FINE, parts[i].name, NULL, "%s %s exists", parts[i].name, dir);
        else
            doctor_put(d, BAD, parts[i].name, "install again, or correct the setting", "%s %s is missing or empty",
                       parts[i].name, dir);
    }
    const char *vendor = arena_printf(&d->cl->arena, "%s/vendor/VERSIONS",
                                      cli_dir(d->cl, CONFIG_htdocs_dir, PARLEY_PKGDATADIR "/htdocs"));
    if (vendor && access(vendor, R_OK) != 0)
        doctor_put(d, BAD, "vendor", "run make in the source tree, or install again",
                   "%s is missing: pages have no style", vendor);
}

static void doctor_programs(struct doctor *d)
{
    static const char *const files[] = {"portal.fcgi", "api.fcgi", "chat.fcgi", "hooks.fcgi", "parley-worker"};
    const char *dir = cli_dir(d->cl, CONFIG_program_dir, PARLEY_LIBEXECDIR);
    int missing = 0;
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        const char *path = arena_printf(&d->cl->arena, "%s/%s", dir, files[i]);
        if (!path || access(path, X_OK) == 0)
            continue;
        missing++;
        doctor_put(d, BAD, "programs", "install again, or correct program_dir", "%s is not executable: %s", path,
                   strerror(errno));
    }
    if (!missing)
        doctor_put(d, FINE, "programs", NULL, "All programs are in %s", dir);
}

/* ---- the database ---- */

/* MySQL also answers here and even reports a higher version, but it lacks parts of the SQL that the stores use. Hence
 * both the number and the name are checked. */
static void doctor_version(struct doctor *d, struct str version)
{
    struct str rest = version, major, minor;
    uint64_t a = 0, b = 0;
    str_split(&rest, '.', &major);
    str_split(&rest, '.', &minor);
    bool known = num_u64(major, 1000, &a) && num_u64(minor, 99, &b);
    if (known && a * 100 + b >= OLDEST_SERVER && str_has(version, STR("MariaDB")))
        doctor_put(d, FINE, "database", NULL, "The database answers (%.*s)", STR_F(version));
    else
        doctor_put(d, BAD, "database", "install MariaDB 10.6 or newer", "The database server is %.*s", STR_F(version));
}

/* Durability is worth a failure and not a warning when the commit itself is not flushed: then a power failure loses
 * answers that visitors have already seen. An unsynchronised binary log only breaks replicas. The number of connections
 * is an estimate of what all programs take when they are busy, with a few left for the operator. */
static void doctor_server(struct doctor *d, struct db *c)
{
    struct db_server v;
    struct err e = ERR_INIT;
    if (db_server_read(c, &d->cl->arena, &v, &e) != OK) {
        doctor_put(d, BAD, "database", "see the log above", "The database does not answer: %s", e.message);
        return;
    }
    doctor_version(d, v.version);
    if (!str_eqz(v.charset, "utf8mb4"))
        doctor_put(d, ODD, "charset", "run ALTER DATABASE ... CHARACTER SET utf8mb4",
                   "The database's character set is %.*s", STR_F(v.charset));
    if (v.flush_at_commit == 1 && (!v.binlog || v.sync_binlog == 1))
        doctor_put(d, FINE, "durability", NULL, "Committed data survives a power failure");
    else
        doctor_put(d, v.flush_at_commit == 1 ? ODD : BAD, "durability",
                   "set innodb_flush_log_at_trx_commit = 1, and sync_binlog = 1 where log_bin is on",
                   "A power failure may lose answers that visitors have seen (innodb_flush_log_at_trx_commit = %lld)",
                   (long long)v.flush_at_commit);
    int64_t wanted = config_int(d->cl->config, CONFIG_database_connections) * 4 +
                     config_int(d->cl->config, CONFIG_journal_writers) + 4;
    if (v.max_connections < wanted)
        doctor_put(d, ODD, "connections", "raise max_connections or lower database_connections",
                   "The programs may use %lld connections, but the server allows %lld", (long long)wanted,
                   (long long)v.max_connections);
}

/* The age of the oldest job counts and not the number of jobs: a large import queues thousands and is healthy, while
 * one job that waits for five minutes means that no worker runs. */
static void doctor_queue(struct doctor *d, struct db *c)
{
    struct queue_depth q;
    struct err e = ERR_INIT;
    if (queue_depth(c, &q, &e) != OK)
        doctor_put(d, BAD, "queue", "see the log above", "The queue cannot be read: %s", e.message);
    else if (q.oldest_ready_ms > LAG_WARN_MS)
        doctor_put(d, ODD, "queue", "check whether the worker runs",
                   "%lld jobs are waiting, the first for %lld minutes", (long long)q.ready,
                   (long long)(q.oldest_ready_ms / MINUTE_MS));
    else
        doctor_put(d, FINE, "queue", NULL, "%lld jobs are waiting, %lld are running", (long long)q.ready,
                   (long long)q.running);
    if (e.status == OK && q.dead)
        doctor_put(d, ODD, "queue_dead", "run parley job list, then parley job replay", "%lld jobs failed for good",
                   (long long)q.dead);
}

/* A key alone is not enough to sell: the objects at Stripe have to exist, and without the webhook secrets no event is
 * accepted. */
static void doctor_billing_setup(struct doctor *d, struct stripe *stripe, struct db *c)
{
    bool secrets = str_trim(str_from(config_string(d->cl->config, CONFIG_stripe_webhook_secrets))).n > 0, ready;
    const char *mode = stripe->livemode ? "live" : "test";
    struct err e = ERR_INIT;
    struct str missing;
    if (setup_check(stripe, c, &d->cl->arena, &ready, &missing, &e) != OK)
        doctor_put(d, BAD, "billing", "see the log above", "The setup at Stripe cannot be read: %s", e.message);
    else if (!ready)
        doctor_put(d, BAD, "billing", "run parley billing setup --write", "Billing is not set up in %s mode: %.*s",
                   mode, STR_F(missing));
    else
        doctor_put(d, FINE, "billing", NULL, "Billing is set up in %s mode", mode);
    if (e.status == OK && ready && !secrets)
        doctor_put(d, BAD, "webhook_secrets", "run parley billing setup --new-endpoint --write",
                   "stripe_webhook_secrets is empty, so no event from Stripe is accepted");
}

/* An install without a Stripe key is complete: the operator assigns plans. So this is not a warning. */
static void doctor_billing(struct doctor *d, struct db *c)
{
    struct stripe stripe;
    struct err e = ERR_INIT;
    if (!stripe_enabled(d->cl->config))
        doctor_put(d, FINE, "billing", NULL, "Billing is off: stripe_secret_key is not set, and you assign plans");
    else if (stripe_open(&stripe, d->cl->config, d->cl->pool, &e) != OK)
        doctor_put(d, BAD, "billing", "correct the stripe_ settings", "%s", e.message);
    else {
        doctor_billing_setup(d, &stripe, c);
        stripe_close(&stripe);
    }
}

/* Usage that does not reach Stripe before the invoice closes is not billed, so a late report is a failure and not a
 * warning. */
static void doctor_meter(struct doctor *d, struct db *c)
{
    struct meter_lag lag;
    struct err e = ERR_INIT;
    if (!stripe_enabled(d->cl->config))
        return;
    if (meter_lag(c, &lag, &e) != OK)
        doctor_put(d, BAD, "meter", "see the log above", "The usage reports cannot be read: %s", e.message);
    else if (lag.oldest_ms > METER_LAG_ALARM_MS)
        doctor_put(d, BAD, "meter", "check whether the worker runs, then parley usage meter",
                   "Counted conversations have not reached Stripe for %lld minutes",
                   (long long)(lag.oldest_ms / MINUTE_MS));
    else
        doctor_put(d, FINE, "meter", NULL, "%lld conversations are still to be reported to Stripe",
                   (long long)lag.waiting);
    if (e.status == OK && lag.rejected)
        doctor_put(d, ODD, "meter_rejected", "run parley usage meter for the reasons, then parley usage resend",
                   "%lld usage reports were rejected and not billed", (long long)lag.rejected);
}

/* Late events are only a warning: they are hints, and the hourly reconciliation finds what they would have said. */
static void doctor_events(struct doctor *d, struct db *c)
{
    struct event_depth q;
    struct err e = ERR_INIT;
    if (!stripe_enabled(d->cl->config))
        return;
    if (event_depth(c, &q, &e) != OK)
        doctor_put(d, BAD, "events", "see the log above", "The events from Stripe cannot be read: %s", e.message);
    else if (q.oldest_ms > LAG_WARN_MS)
        doctor_put(d, ODD, "events", "check whether the worker runs, then parley billing events --state pending",
                   "%lld events from Stripe are waiting, the first for %lld minutes", (long long)q.pending,
                   (long long)(q.oldest_ms / MINUTE_MS));
    else
        doctor_put(d, FINE, "events", NULL, "%lld events from Stripe are waiting", (long long)q.pending);
    if (e.status == OK && q.dead)
        doctor_put(d, ODD, "events_dead", "run parley billing events, then parley billing replay",
                   "%lld events from Stripe failed for good", (long long)q.dead);
}

static void doctor_alarms(struct doctor *d, struct db *c)
{
    struct alarm *list;
    struct err e = ERR_INIT;
    size_t n;
    if (alarm_list(c, &d->cl->arena, true, ALARMS, &list, &n, &e) != OK)
        doctor_put(d, BAD, "alarms", "see the log above", "The alarms cannot be read: %s", e.message);
    for (size_t i = 0; e.status == OK && i < n; i++)
        doctor_put(d, ODD, "alarm", "resolve it, then run parley billing close", "%s (%.*s): %.*s",
                   alarm_kind_name(list[i].kind), STR_F(list[i].object), STR_F(list[i].words));
}

/* With the wrong schema all later checks would fail in SQL and name the wrong cause, so they are left out. */
static void doctor_database(struct doctor *d)
{
    struct db *c;
    struct err e = ERR_INIT;
    if (cli_db_any(d->cl, &c, &e) != OK) {
        doctor_put(d, BAD, "database", "start MariaDB, or correct the database_ settings", "%s", e.message);
        return;
    }
    doctor_server(d, c);
    if (migrate_check(c, &e) != OK) {
        doctor_put(d, BAD, "schema", err_is(&e, E_schema_new) ? "install the newer release" : "run parley migrate",
                   "%s", e.message);
        return;
    }
    doctor_put(d, FINE, "schema", NULL, "The schema matches this release");
    doctor_queue(d, c);
    doctor_billing(d, c);
    doctor_meter(d, c);
    doctor_events(d, c);
    doctor_alarms(d, c);
}

/* ---- what runs ---- */

static bool doctor_socket_answers(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); /* a full queue must not hold us */
    if (n < sizeof(addr.sun_path))
        memcpy(addr.sun_path, path, n + 1);
    bool yes = fd >= 0 && n < sizeof(addr.sun_path) && connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0;
    if (fd >= 0)
        close(fd);
    return yes;
}

/* The lock says whether `parley serve` runs; the pid in the file may belong to another process by now. A shared lock is
 * tried and given back at once. A start at that very moment would be refused, which is rare and repaired by repeating
 * it. */
static bool doctor_is_running(struct doctor *d)
{
    const char *path = arena_printf(&d->cl->arena, "%s/parley.pid", config_string(d->cl->config, CONFIG_run_dir));
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    bool locked = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0;
    if (fd >= 0)
        close(fd);
    return locked;
}

static void doctor_sockets(struct doctor *d)
{
    static const char *const programs[] = {"portal", "api", "chat", "hooks"};
    int silent = 0;
    for (size_t i = 0; i < COUNT_OF(programs); i++) {
        const char *path = arena_printf(&d->cl->arena, "%s/%s.sock", config_string(d->cl->config, CONFIG_run_dir),
                                        programs[i]);
        if (!path || doctor_socket_answers(path))
            continue;
        silent++;
        doctor_put(d, BAD, "sockets", "restart parley serve and read its log", "No program answers on %s", path);
    }
    if (!silent)
        doctor_put(d, FINE, "sockets", NULL, "Parley is running and its sockets answer");
}

/* The heartbeat is a file and not a process id: a worker that hangs still has a process. Six beats may be missed,
 * because one long database call delays several. */
static void doctor_worker(struct doctor *d)
{
    char path[256];
    struct stat info;
    int64_t age = -1;
    worker_heartbeat_path(d->cl->config, path, sizeof(path));
    if (stat(path, &info) == 0)
        age = clock_now_ms() / 1000 - (int64_t)info.st_mtime;
    if (age >= 0 && age <= BEAT_LATE_S)
        doctor_put(d, FINE, "worker", NULL, "The worker is alive");
    else if (age < 0)
        doctor_put(d, BAD, "worker", "read its log", "The worker has never run here");
    else
        doctor_put(d, BAD, "worker", "read its log; if it hangs, kill it and it is restarted",
                   "The worker has not responded for %lld s", (long long)age);
}

/* Two installs with one run_dir share limits, sockets and heartbeat, and doctor would report to each that it runs. The
 * names are compared as real paths, because one of them may be relative or lead through a link. */
static bool doctor_is_of_another_install(struct doctor *d, const char **theirs)
{
    const char *path = arena_printf(&d->cl->arena, "%s/parley.config", config_string(d->cl->config, CONFIG_run_dir));
    char *mine = realpath(config_path(d->cl->config), NULL);
    struct err e = ERR_INIT;
    struct str text = STR_EMPTY;
    bool differs = path && access(path, R_OK) == 0 && cli_read_file(d->cl, path, 8 * KB, &text, &e) == OK &&
                   !str_eqz(str_trim(text), mine ? mine : "");
    *theirs = differs ? arena_strdup(&d->cl->arena, str_trim(text)) : NULL;
    free(mine);
    return differs;
}

/* Not running is only a warning, because plain CGI needs no `parley serve`. When another install holds run_dir, its
 * sockets and worker would answer for ours, so those two checks are left out. */
static void doctor_running(struct doctor *d)
{
    const char *theirs;
    if (!doctor_is_running(d)) {
        doctor_put(
            d, ODD, "serve",
            "run parley serve or start its service; with plain CGI, let cron run parley work --once every minute",
            "Parley is not running");
        return;
    }
    if (doctor_is_of_another_install(d, &theirs)) {
        doctor_put(d, BAD, "serve", "give each install a run_dir of its own",
                   "Another install (%s) runs in the same run_dir %s", theirs && theirs[0] ? theirs : "without a file",
                   config_string(d->cl->config, CONFIG_run_dir));
        return;
    }
    doctor_sockets(d);
    doctor_worker(d);
}

enum status cmd_doctor(struct cli *cl, struct err *e)
{
    struct doctor d = {.cl = cl};
    enum status st = cli_options(cl, NULL, 0, 0, 0, e);
    if (st != OK)
        return st;
    if (!(d.found = json_new_array(&cl->arena)))
        return err_nomem(e);
    doctor_config(&d);
    doctor_safety(&d);
    doctor_mail(&d);
    doctor_writable(&d, CONFIG_run_dir, "run_dir");
    doctor_writable(&d, CONFIG_data_dir, "data_dir");
    doctor_parts(&d);
    doctor_programs(&d);
    doctor_database(&d);
    doctor_running(&d);
    if (d.no_memory)
        return err_nomem(e);
    if (cl->json)
        cli_out(cl, d.found);
    return d.bad ? err_set(e, E_unhealthy, "%d of these must be fixed.", d.bad) : OK;
}
