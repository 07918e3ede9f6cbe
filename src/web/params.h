/* params.h: parsers of what a client sends: queries and forms, multipart bodies, cookies, paths.
 *
 * Pure functions of their input. Results live in the arena or point into the input. Thread safe. */
#ifndef PARLEY_WEB_PARAMS_H
#define PARLEY_WEB_PARAMS_H

#include "base/arena.h"
#include "base/err.h"

struct param {
    struct str name, value, filename;
    bool is_file;
};
struct params {
    struct param *p;
    size_t n;
};

/* The first of that name, or NULL. */
const struct param *params_get(const struct params *ps, struct str name);

/* Decode %XX and, in forms and queries (`plus`), '+'. Text without either is not copied. ERR_INVALID, code
 * bad_encoding: a broken escape, a control character, or bytes that are not UTF-8. */
enum status url_decode(struct arena *a, struct str in, bool plus, struct str *out, struct err *e);
/* A query, or a body of application/x-www-form-urlencoded. ERR_INVALID, code too_many_fields (more than MAX_PARAMS) or
 * bad_encoding. */
enum status params_parse(struct arena *a, struct str text, struct params *out, struct err *e);

/* The boundary of a multipart/form-data content type (RFC 2046: 1 to 70 characters). */
bool multipart_boundary(struct str content_type, struct str *boundary);
/* The parts of a multipart/form-data body (RFC 7578). Values point into the body. Text fields are checked like those of
 * other forms; the bytes of a file are not. ERR_INVALID, code multipart_invalid when the framing is malformed or the
 * closing boundary is missing, too_many_fields or bad_encoding. */
enum status multipart_parse(struct arena *a, struct str boundary, struct str body, struct params *out, struct err *e);

/* A Cookie header. Malformed pieces, and values that are not clean text, are skipped: other software may have set
 * them. */
enum status cookies_parse(struct arena *a, struct str header, struct params *out, struct err *e);

/* "/app/bots/x%2Fy" has the segments "app", "bots" and "x/y"; "/" has none. ERR_INVALID, code bad_path or bad_encoding;
 * ERR_NOT_FOUND when there are more than PATH_SEGMENTS_MAX. */
#define PATH_SEGMENTS_MAX 16
struct path {
    struct str segment[PATH_SEGMENTS_MAX];
    size_t n;
};
enum status path_split(struct arena *a, struct str raw, struct path *out, struct err *e);

/* One parameter of a header value such as `form-data; name="x"`, without its quotes. False if it is absent. */
bool header_param(struct str value, struct str name, struct str *out);
/* The weight ("q", RFC 9110, 12.4.2) of one piece of an Accept header: 1 without one, 0 if it is not a number from 0 to
 * 1. */
double header_weight(struct str piece);

#endif
