/* dialogflow.h: what the engines for Dialogflow ES and CX share: the account and its token, the address, one request
 * detectIntent, and the messages of both. Calls thread only. */
#ifndef PARLEY_ENGINE_GOOGLE_DIALOGFLOW_H
#define PARLEY_ENGINE_GOOGLE_DIALOGFLOW_H

#include "engine/engine.h"
#include "engine/google/account.h"

#define DIALOGFLOW_NOTE_MAX 250

/* The memory of a run of both engines. */
struct dialogflow {
    struct google_account account;
    struct fetch_header bearer;
    struct str url, body; /* of detectIntent */
    void (*reply)(struct engine_run *run, const struct json *doc);
    bool renewed;      /* a token was refused, and a new one asked for */
    bool webhook_fail; /* the agent's webhook failed; the note says how */
    char note[DIALOGFLOW_NOTE_MAX];
};

/* `open` of both. */
void dialogflow_open(struct engine_run *run);
/* Ends the run and returns false when the project is missing, or when a part of the address has a character that
 * Google's names do not have. */
bool dialogflow_check_address(struct engine_run *run);
/* The setting `project`, or else the project of the service account. */
struct str dialogflow_project(struct engine_run *run);
/* The setting `agent`, also when it was entered as the whole name that the console copies: projects/.../agents/ID. */
struct str dialogflow_agent(const struct engine_run *run);
/* The session of this conversation: at most 36 bytes. A probe has one of its own. */
const char *dialogflow_session(const struct engine_run *run, char out[ID_TEXT_MAX]);
/* The newest message of the visitor, "hello" for a probe. Without a text the run ends and this is "". */
struct str dialogflow_text(struct engine_run *run);
/* The language of the setting, or else of the visitor, or else English. */
struct str dialogflow_language(const struct engine_run *run);
/* Ask `path` of the server with this body. `reply` gets the queryResult of a turn. Everything is copied. */
void dialogflow_ask(struct engine_run *run, struct str path, const struct json *body,
                    void (*reply)(struct engine_run *run, const struct json *result));
/* Something that the tenant reads beside the answer, as far as there is room. */
void dialogflow_note(struct engine_run *run, struct str text);
/* Note the names of what cannot be shown. */
void dialogflow_note_names(struct engine_run *run, const char *what, const struct json *object);
/* Nothing that the agent knows matched. False: what it says counts as no answer, as the tenant wishes. */
bool dialogflow_no_match(struct engine_run *run);

/* ---- messages ---- */

/* {"text": [...]}: variants of one text. The first that is not empty is said. */
void dialogflow_emit_text(struct engine_run *run, const struct json *text);
/* A payload: a message of our own, one of Dialogflow Messenger, or a handoff. Anything else is noted. */
void dialogflow_emit_payload(struct engine_run *run, const struct json *payload);
/* A person is wanted. */
void dialogflow_emit_handoff(struct engine_run *run, struct str why);

#endif
