/* run_internal.h: one turn of a flow while it runs. Private to src/flow. */
#ifndef PARLEY_FLOW_RUN_INTERNAL_H
#define PARLEY_FLOW_RUN_INTERNAL_H

#include "flow/model_internal.h"
#include "flow/text_internal.h"
#include "flow/value_internal.h"

#define SUGGEST_MAX 3

/* Where a turn continues: an explicit place instead of a stack of C functions. */
enum run_place {
    RUN_START,     /* the visitor's message has not been given to the node that waits for it */
    RUN_NODES,     /* at the node `next` */
    RUN_HTTP,      /* the `http` node `at` waits for the reply */
    RUN_ANSWER,    /* the `answer` node `at` waits for what matches the message */
    RUN_SUGGESTED, /* the `answer` node `at` waits for what matches the suggestion that the visitor took */
    RUN_ENGINE,    /* the `engine`, `classify` or `extract` node `at` waits for the engine */
    RUN_TOOL,      /* the same, for the reply to the call of its tool `tool` */
    RUN_DONE
};

struct flow_run {
    const struct flow *f;
    struct flow_input in;
    struct arena *a;
    struct err *e;  /* of the public function that runs now */
    struct buf buf; /* scratch for rendering; holds no memory between two public functions */
    struct value *vars;
    int lang;
    struct str locale; /* as the visitor's client last gave it */
    int at;            /* node that waits; NODE_NONE = before the first turn */
    int menu;          /* the last `say` with choices: its buttons may still be on the screen */
    int tries;         /* wrong answers to the `ask` at `at` */
    bool answered;     /* the `answer` at `at` has answered: the next message is a new matter */
    struct str suggest[SUGGEST_MAX];
    size_t suggest_n;
    enum flow_state status;
    /* of this turn */
    enum run_place place;
    int next;                    /* where to go on; NODE_NONE = the flow waits or has ended */
    struct flow_call call;       /* what it waits for */
    struct str input, folded;    /* the visitor's message, and folded */
    int first;                   /* `at` before the message was given to it */
    bool resumed;                /* the message was given to it */
    bool consumed;               /* some node has taken the message as its answer */
    bool caught;                 /* the catch-all was entered: not twice in one turn */
    int steps, asked, delay_ms;  /* asked: questions to engines */
    int64_t own_us, *pattern_us; /* what patterns may still take */
    struct flow_message *said;
    size_t said_n, said_cap;
    /* of the question to an engine that waits */
    struct flow_tool_use *uses; /* tools that were run, or will be */
    size_t use_n, use_done, use_cap;
    int round, tool; /* tool: the node that runs as one */
    struct flow_step *path;
    size_t path_n, path_cap;
};

/* state.c */
enum status run_load(struct flow_run *r, const struct json *state);
enum status run_save(struct flow_run *r, struct json **out);
void run_defaults(struct flow_run *r); /* all variables as the flow presets them */
/* The catch-all, once in a turn; NODE_NONE when there is none (any more). */
int run_catch_all(struct flow_run *r);
const char *flow_state_word(enum flow_state state); /* open handoff closed */

/* run_say.c: everything that becomes a message */
static inline struct flow_message run_message(void)
{
    return (struct flow_message){
        .kind = FLOW_TEXT, .text = STR_EMPTY, .title = STR_EMPTY, .url = STR_EMPTY, .image = STR_EMPTY};
}
/* Room for one more element after the n of `old`; NULL without memory. */
void *run_grow(struct arena *a, void *old, size_t n, size_t *cap, size_t size);
enum status run_add_step(struct flow_run *r, const struct flow_node *n);
/* Why the call of the node that runs failed, for the author, who sees it in the test chat. */
enum status run_report(struct flow_run *r, const char *why);
enum status run_render(struct flow_run *r, const struct tpl *t, struct str *out);
enum status run_text(struct flow_run *r, const struct flow_text *t, struct str *out); /* "" when there is none */
enum status run_send(struct flow_run *r, struct flow_message *m);
enum status run_send_text(struct flow_run *r, struct str text, const struct node_choices *choices);
enum status run_say(struct flow_run *r, const struct flow_node *n);
enum status run_messages(struct flow_run *r, const struct flow_node *n, struct flow_message **out, size_t *count);

/* run_node.c, run_http.c, run_answer.c, run_engine.c: run a node; *next says where to go on, NODE_NONE = stay here. A
 * node that needs something from outside first sets r->call and r->place, and its *next does not count; the function
 * `..._got` is then given the result. */
enum status run_node(struct flow_run *r, const struct flow_node *n, int *next);
enum status run_set(struct flow_run *r, const struct flow_node *n, int *next);
enum status run_http(struct flow_run *r, const struct flow_node *n, int *next);
enum status run_http_got(struct flow_run *r, const struct flow_node *n, const struct flow_http_reply *reply, int *next);
enum status run_answer(struct flow_run *r, const struct flow_node *n, int *next);
enum status run_answer_got(struct flow_run *r, const struct flow_node *n, const struct flow_answer *found, int *next);
enum status run_engine(struct flow_run *r, const struct flow_node *n, int *next);
enum status run_engine_got(struct flow_run *r, const struct flow_node *n, const struct flow_engine_result *result,
                           int *next);
enum status run_engine_tool_got(struct flow_run *r, const struct flow_node *n, const struct flow_http_reply *reply,
                                int *next);
/* run_tool.c: the tools of an `engine` node. run_tools_next runs those that the engine has asked for, until one needs a
 * call (r->place is RUN_TOOL then) or all have their result. */
enum status run_tools_list(struct flow_run *r, const struct node_engine *g, struct flow_engine_call *c);
enum status run_tools_add(struct flow_run *r, const struct flow_engine_result *result);
enum status run_tools_next(struct flow_run *r, const struct node_engine *g);
enum status run_tools_got(struct flow_run *r, const struct flow_http_reply *reply);
/* run_schema.c: an object of a JSON schema, without other members than those that are added */
enum status run_schema_object(struct flow_run *r, struct json *schema, struct json **properties,
                              struct json **required);
/* A member of the type of the variable, or null: some servers want every member to be there. */
enum status run_schema_member(struct flow_run *r, struct json *properties, struct json *required, const char *key,
                              int var, struct str description);
enum status run_schema_fill(struct flow_run *r, const struct engine_fill *fill, size_t n, struct json *schema);
/* run_request.c: the call that an `http` node makes. *refused is NULL, or says why the call must not be made. */
enum status run_request(struct flow_run *r, const struct node_http *h, struct flow_http *rq, const char **refused);
/* resume.c, and run_answer.c for its node: give the waiting node the visitor's message, in the same way */
enum status run_resume(struct flow_run *r, int *next);
enum status resume_answer(struct flow_run *r, const struct flow_node *n, int *next);

/* cond.c */
enum status cond_true(struct flow_run *r, const struct cond *c, bool *out);
struct value run_value(const struct flow_run *r, int var);
/* Sets a variable, as its own type; a value that does not fit leaves it empty. */
enum status run_assign(struct flow_run *r, int var, const struct value *v);

#endif
