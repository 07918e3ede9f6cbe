/* rules.h: what an e-mail address, a password and a name must look like. No database, no state. */
#ifndef PARLEY_ACCOUNT_RULES_H
#define PARLEY_ACCOUNT_RULES_H

#include "base/arena.h"
#include "base/email.h"
#include "base/err.h"
#include "base/str.h"

#define PASSWORD_MIN 10    /* characters */
#define PASSWORD_MAX 256   /* bytes */
#define NAME_MAX_CHARS 120 /* of a person, a workspace, a bot */

/* *typed = trimmed as typed, *key = lower-cased: what is unique. Both in the arena. ERR_INVALID code email_invalid at
 * "email". Internationalised addresses are taken; whether mail arrives is found out by sending one. */
enum status rules_email(struct arena *a, struct str in, struct str *typed, struct str *key, struct err *e);

/* ERR_INVALID at "password": password_short, password_long, password_known (one of the commonest, one repeated
 * character, a plain run, or the e-mail address itself). `email` may be empty. */
enum status rules_password(struct str password, struct str email, struct err *e);

/* Trimmed, 1 to NAME_MAX_CHARS characters, no control characters. ERR_INVALID code name_invalid at `pointer`;
 * `what` names it in words ("The workspace's name"). *out is borrowed from `in`. */
enum status rules_name(struct str in, const char *pointer, const char *what, struct str *out, struct err *e);

#endif
