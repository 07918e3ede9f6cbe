/* config init: the first configuration of an install, with secrets made on the spot. It never writes over a file, and
 * it reads no configuration, because the one that PARLEY_CONFIG names is often the one it is asked to make. */
#define _GNU_SOURCE /* secure_getenv */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/limits.h"
#include "cli/cli.h"

#include "base/banned.h"

#define SECRET_BYTES 32

/* Whole or not at all: a half-written file is removed. O_EXCL makes "does it exist" and "create it" one step, so that
 * two runs at the same time cannot overwrite each other's key. A lost key cannot be made again, hence fsync. */
static enum status init_write_new(const char *path, mode_t mode, struct str text, struct err *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    int why = errno;
    if (fd < 0 && why == EEXIST)
        return err_set(e, E_file_exists, "%s already exists. Nothing was changed.", path);
    if (fd < 0)
        return err_set(e, E_file_failed, "Cannot write %s: %s.", path, strerror(why));
    bool ok = write(fd, text.p, text.n) == (ssize_t)text.n && fchmod(fd, mode) == 0 && fsync(fd) == 0;
    why = errno;
    close(fd);
    if (ok)
        return OK;
    unlink(path);
    return err_set(e, E_file_failed, "Cannot write %s: %s.", path, strerror(why));
}

/* The key is never printed and never leaves this function except into the file; buffer and key are wiped. Mode 0600 is
 * set when the file is created, so there is no moment at which another user could open it. */
static enum status init_write_secrets(const char *path, struct err *e)
{
    unsigned char key[SECRET_BYTES];
    struct buf b;
    crypto_random(key, sizeof(key));
    buf_init(&b, 1 * KB);
    buf_puts(
        &b,
        "# Made by parley config init. Keep a copy: what is sealed with this key is lost without it.\nsecret_key = ");
    crypto_hex(&b, key, sizeof(key));
    buf_puts(&b, "\n# database_password =\n");
    enum status st = buf_ok(&b) ? init_write_new(path, 0600, buf_str(&b), e) : err_nomem(e);
    crypto_wipe(key, sizeof(key));
    crypto_wipe(b.p, b.n);
    buf_release(&b);
    return st;
}

/* The secrets are included by name alone, which is looked up beside the settings: the folder may be moved. */
static enum status init_write_settings(const char *path, struct err *e)
{
    struct buf b;
    buf_init(&b, 1 * MB);
    buf_puts(&b, "include secrets.conf\n\n");
    config_print_example(&b);
    enum status st = buf_ok(&b) ? init_write_new(path, 0644, buf_str(&b), e) : err_nomem(e);
    buf_release(&b);
    return st;
}

/* lstat and not stat: a dangling symbolic link is the operator's intention too, and O_EXCL would refuse it anyway. */
static bool init_is_there(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

/* Where the settings go: into --dir, else where every other command will look for them, so that with PARLEY_CONFIG set
 * (the file need not be there yet) the next command finds what this one wrote. */
static char *init_settings_path(struct cli *cl, const char *dir)
{
    const char *named = cl->config_path ? cl->config_path : secure_getenv("PARLEY_CONFIG");
    if (!dir && named && named[0])
        return arena_strdup(&cl->arena, str_from(named));
    return arena_printf(&cl->arena, "%s/parley.conf", dir ? dir : PARLEY_SYSCONFDIR "/parley");
}

static char *init_folder_of(struct cli *cl, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return arena_strdup(&cl->arena, STR("."));
    return arena_strdup(&cl->arena, str_n(path, slash > path ? (size_t)(slash - path) : 1));
}

enum status cmd_config_init(struct cli *cl, struct err *e)
{
    const char *wanted = NULL;
    enum status st = cli_options(cl, CLI_OPTIONS({"dir", &wanted, NULL}), 0, 0, e);
    if (st != OK)
        return st;
    char *settings = init_settings_path(cl, wanted), *dir = settings ? init_folder_of(cl, settings) : NULL,
         *secrets = dir ? arena_printf(&cl->arena, "%s/secrets.conf", dir) : NULL;
    if (!secrets)
        return err_nomem(e);
    /* Checked before anything is written, so that no secrets.conf is left beside settings that do not include it. */
    if (init_is_there(settings))
        return err_set(e, E_file_exists, "%s already exists. Nothing was changed.", settings);
    if (mkdir(dir, 0755) != 0 && errno != EEXIST)
        return err_set(e, E_file_failed, "Cannot create the folder %s: %s.", dir, strerror(errno));
    /* Secrets before settings: settings that include a missing file would be an error for every program. If the second
     * file fails, the first is removed, so that the command can simply be repeated. */
    st = init_write_secrets(secrets, e);
    if (st != OK)
        return st;
    st = init_write_settings(settings, e);
    if (st != OK) {
        unlink(secrets);
        return st;
    }
    cli_say(cl, "%s\n%s", settings, secrets);
    return OK;
}
