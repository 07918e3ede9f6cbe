/* rules.h: what an e-mail address, a password and a name must look like. Pure functions, any thread. */
#ifndef PARLEY_ACCOUNT_RULES_H
#define PARLEY_ACCOUNT_RULES_H

#include "base/arena.h"
#include "base/email.h"
#include "base/err.h"
#include "base/str.h"

#define PASSWORD_MIN 10    /* characters */
#define PASSWORD_MAX 256   /* bytes */
#define NAME_MAX_CHARS 120 /* of a person, a workspace, a bot */

/* *typed is the address as typed, without white space around it; *key is its lower-case form, which is unique among
 * users. Both are in the arena. ERR_INVALID code email_invalid at "email". Internationalised addresses are accepted;
 * only a mail shows whether one exists. */
enum status rules_email(struct arena *a, struct str in, struct str *typed, struct str *key, struct err *e);

/* ERR_INVALID at "password": password_invalid (not text), password_short, password_long, password_known (a very
 * common one, one repeated character, a run like abcdefghij, or the e-mail address). `email` may be empty. */
enum status rules_password(struct str password, struct str email, struct err *e);

/* A name has 1 to NAME_MAX_CHARS characters after trimming and no control characters, not even a tab. ERR_INVALID code
 * name_invalid at `pointer`; `what` begins the message ("The workspace's name"). *out borrows from `in`. */
enum status rules_name(struct str in, const char *pointer, const char *what, struct str *out, struct err *e);

#endif
