/* model_internal.h: a flow as the runner sees it: made once by the reader, never changed afterwards. Private to
 * src/flow.
 *
 * Targets are indexes, texts are split at their variables, patterns are compiled: a turn never looks into the flow's
 * JSON. All memory belongs to the flow's arena; texts without variables are borrowed from the flow's own copy of its
 * document. */
#ifndef PARLEY_FLOW_MODEL_INTERNAL_H
#define PARLEY_FLOW_MODEL_INTERNAL_H

#include <stdatomic.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/pattern.h"
#include "flow/flow.h"

/* Instead of an index into nodes. */
#define NODE_NONE (-1)
/* Instead of an index into vars: the visitor's last message, and the language of the conversation. */
#define VAR_NONE (-1)
#define VAR_INPUT (-2)
#define VAR_LANGUAGE (-3)
/* A secret of the workspace: the part's `lit` is its name. Only in the values of headers. */
#define VAR_SECRET (-4)

enum value_kind { KIND_NONE, KIND_TEXT, KIND_NUMBER, KIND_BOOLEAN, KIND_DATE };
struct value {
    enum value_kind kind;
    struct str text; /* of a text; of a date: YYYY-MM-DD */
    double number;
    bool truth;
};
struct flow_var {
    struct str name;
    enum value_kind type;
    struct value preset;
    bool declared; /* false: the flow uses it without naming it in `variables`; lint says so */
};

/* How a variable is put in: as it is; as people write it in the language; percent-encoded; inside a JSON string;
 * as a JSON value of its own type; as it is, in a header, where secrets may stand beside variables. */
enum part_mode {
    PART_PLAIN,
    PART_SHOWN, /* in a text for the visitor */
    PART_URL,
    PART_JSON_TEXT, /* inside a JSON string */
    PART_JSON,      /* a whole JSON value of the variable's type */
    PART_JSON_BARE, /* the same in a body that was written as text: a text that is a JSON number stays one */
    PART_XML,       /* in the text of an element or in a quoted attribute */
    PART_CDATA,
    PART_WORD, /* where nothing can be escaped: only letters, digits and _ . - @ */
    PART_TAME, /* the same with spaces */
    PART_HEADER
};
struct tpl_part {
    struct str lit; /* when var is VAR_NONE or VAR_SECRET */
    int var;
    enum part_mode mode;
};
struct tpl {
    struct tpl_part *parts;
    size_t n;
};
struct flow_text {
    const struct tpl **lang; /* one for each language, for a missing one that of another; NULL = no such text */
};

struct node_choice {
    const struct str *label, *folded; /* one for each language */
    struct str value, value_folded;
    int next;
};
struct node_choices {
    struct node_choice *p;
    size_t n;
};

struct say_message {
    enum flow_message_kind kind;
    struct flow_text text, title;
    struct tpl url, image;
};
struct node_say {
    struct say_message *messages;
    size_t n;
    struct node_choices choices;
};

enum expect {
    EXPECT_TEXT,
    EXPECT_EMAIL,
    EXPECT_NUMBER,
    EXPECT_DATE,
    EXPECT_PHONE,
    EXPECT_CHOICE,
    EXPECT_PATTERN,
    EXPECT_COUNT
};
struct ask_bound {
    bool set;
    double number;   /* of a number; characters of a text */
    struct str date; /* ISO or today, today+N, today-N */
};
struct node_ask {
    struct flow_text text;
    enum expect expect;
    struct pattern *pattern;
    struct ask_bound min, max;
    struct node_choices choices;
    int var;
    struct flow_text retry;
    int retries; /* -1: asks again for ever */
    int then;
    bool no_commands;
};

enum cond_op {
    OP_EQ,
    OP_NE,
    OP_LT,
    OP_LTE,
    OP_GT,
    OP_GTE,
    OP_CONTAINS,
    OP_MATCHES,
    OP_SET,
    OP_EMPTY,
    OP_IN,
    OP_COUNT,
    OP_ALL = OP_COUNT,
    OP_ANY,
    OP_NOT
};
struct cond {
    enum cond_op op;
    int var;
    struct value *values; /* folded where they are texts */
    size_t value_n;
    struct pattern *pattern;
    struct cond *subs;
    size_t sub_n;
};
struct branch_case {
    struct cond when;
    int next;
};
struct node_branch {
    struct branch_case *cases;
    size_t n;
};

enum assign_how { ASSIGN_TO, ASSIGN_ADD, ASSIGN_COPY, ASSIGN_TEMPLATE };
struct assign {
    int var;
    enum assign_how how;
    struct value to;
    double add;
    int from;
    struct flow_text text;
};
struct node_set {
    struct assign *assigns;
    size_t n;
};

struct http_header {
    struct str name;
    struct tpl value;
};
struct http_mapping {
    int var;
    struct str pointer;
};
struct node_http {
    struct str method;
    struct tpl url, body;
    bool body_is_text; /* the modes of its variables depend on the content type (media.c) */
    struct http_header *headers;
    size_t header_n;
    struct http_mapping *map;
    size_t map_n;
    int64_t timeout_ms;
    int status_var, error;
};

/* engine, classify and extract. */
struct engine_label {
    struct str name, folded, description;
    int next;
};
struct engine_fill {
    int var;
    struct str description;
};
/* How an engine sees a node that it may run. */
struct node_tool {
    struct str name, description;
    struct engine_fill *parameters;
    size_t parameter_n;
};
struct node_engine {
    /* role: the system prompt; prompt: without one the visitor's message is asked. */
    struct flow_text role, prompt, failed;
    bool history, show, stream;
    int var; /* gets the answer or the label */
    struct http_mapping *map;
    size_t map_n;
    struct engine_label *labels;
    size_t label_n;
    struct engine_fill *fill;
    size_t fill_n;
    int *tools; /* nodes */
    size_t tool_n;
    int rounds; /* of tools, at most */
    int error, handoff;
};

struct node_answer {
    struct flow_text unsure, none_label;
    int none;
};

enum node_type {
    NODE_SAY,
    NODE_ASK,
    NODE_BRANCH,
    NODE_SET,
    NODE_HTTP,
    NODE_ANSWER,
    NODE_ENGINE,
    NODE_CLASSIFY,
    NODE_EXTRACT,
    NODE_HANDOFF,
    NODE_JUMP,
    NODE_WAIT,
    NODE_END,
    NODE_TYPES
};
struct flow_node {
    struct str id;
    enum node_type type;
    const struct node_tool *tool; /* NULL: it is none */
    int next;                     /* of a branch and a classify: its `else`; of a jump: its `to` */
    union {
        struct node_say say;
        struct node_ask ask;
        struct node_branch branch;
        struct node_set set;
        struct node_http http;
        struct node_answer answer;
        struct node_engine engine; /* engine, classify, extract */
        struct flow_text text;     /* handoff, end */
        int seconds;               /* wait; 0 = for the visitor's next message */
    } u;
};

struct flow_command {
    struct str id;
    int next;
    bool reset;
};

struct flow {
    atomic_int refs;
    struct arena arena;
    struct json *doc;
    struct str *langs;
    size_t lang_n;
    struct flow_var *vars;
    size_t var_n;
    struct map node_names; /* name -> struct flow_node */
    struct flow_node *nodes;
    size_t node_n;
    int start, catch_all;
    struct flow_command *commands;
    size_t command_n;
    struct str *secrets; /* each name once; room for MAX_SECRETS; NULL without any */
    size_t secret_n;
    struct map words;     /* folded word -> struct flow_command */
    size_t pattern_bytes; /* of the compiled patterns, beside the arena */
};

const char *node_type_name(enum node_type t);
/* A node's ways on, one after the other: size_t i = 0; int to; while (node_each_way(n, &i, &to)) ... NODE_NONE among
 * them where a way is not given. */
bool node_each_way(const struct flow_node *n, size_t *i, int *to);
/* Does it wait for the visitor, or end, whenever it is run? Then no loop through it can run for ever. */
bool node_stops(const struct flow_node *n);
/* The names of languages match as in RFC 4647 lookup, also the other way round (es finds es-MX). -1: none does. */
int flow_language(const struct flow *f, struct str tag);

#endif
