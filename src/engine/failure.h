/* failure.h: how a call to an engine ended, whatever the engine: its class, and what the server said. Pure functions;
 * any thread. */
#ifndef PARLEY_ENGINE_FAILURE_H
#define PARLEY_ENGINE_FAILURE_H

#include "base/json.h"

enum engine_class {
#define CLASS(name, retry, next, text) ENGINE_##name,
#include "engine/engine_class.def"
#undef CLASS
    ENGINE_CLASSES
};

struct engine_failure {
    enum engine_class class;
    int http;               /* status of the reply; 0 without one */
    int64_t retry_after_ms; /* what the server asks for; -1 if it does not say */
    int64_t date_ms;        /* the server's clock when it replied; 0 if that is not known */
    bool delivered;         /* the server may have received the request */
    char code[64];          /* the server's own name of the error, or "" */
    char detail[256];       /* the server's own words: UTF-8, one line, without secrets; or "" */
    char upstream_id[96];   /* the server's id of the request, or "" */
};
#define ENGINE_FAILURE_INIT ((struct engine_failure){.retry_after_ms = -1})

enum engine_retry { ENGINE_RETRY_NEVER, ENGINE_RETRY_AGAIN, ENGINE_RETRY_LOADING };
/* Columns of engine_class.def. */
const char *engine_class_name(enum engine_class c);
enum engine_retry engine_class_retry(enum engine_class c);
bool engine_class_next(enum engine_class c);

/* Fill in class, code, detail and retry_after_ms from the reply of a server, all of whose statuses count as failures
 * here. `doc` is its body as JSON, NULL if it is not JSON; `text` is the body itself. All shapes of facts are
 * understood: {"error": {...}}, {"error": "..."}, {"message"}, {"detail"}, problem+json. f->http is set by the
 * caller. */
void engine_failure_read(struct engine_failure *f, const struct json *doc, struct str text);
/* Take the code and the words out of an error object or text; the class stays. */
void engine_failure_take(struct engine_failure *f, const struct json *error);
/* Take only the code, for servers that put it beside the words. */
void engine_failure_take_code(struct engine_failure *f, const struct json *error);
/* The class of a code, type or message of a server, ENGINE_OK if it says nothing. */
enum engine_class engine_class_of_words(struct str code, struct str detail);
/* The class of an HTTP status; ENGINE_OK for 2xx. */
enum engine_class engine_class_of_status(int status);

/* Put a word into code: as much of it as is printable ASCII without spaces. */
void engine_failure_code(struct engine_failure *f, struct str code);
/* Put text into detail: one line, whole characters, and without control characters. */
void engine_failure_detail(struct engine_failure *f, struct str text);
/* Remove a secret from code, detail and upstream_id. A server may show a part of a key, so every piece of it that is 8
 * bytes or longer is replaced by "***". */
void engine_failure_redact(struct engine_failure *f, struct str secret);
/* "The engine refused the key. Check the API key and its rights. (401: Incorrect API key)" */
void engine_failure_text(struct buf *b, const struct engine_failure *f);

#endif
