/* reader_internal.h: how flow_parse and flow_lint go through a flow's JSON: where we are (a JSON pointer), what may
 * stand there, and, for lint, notes of what was met. Every function that can fail has filled the reader's err with
 * that pointer. */
#ifndef PARLEY_FLOW_READER_INTERNAL_H
#define PARLEY_FLOW_READER_INTERNAL_H

#include "flow/model_internal.h"

enum note_kind {
    NOTE_TARGET_UNKNOWN,
    NOTE_VAR_READ,
    NOTE_VAR_WRITE,
    NOTE_TRANSLATION,
    NOTE_WORDS,
    NOTE_TYPE,
    NOTE_DUPLICATE,
    NOTE_NO_WAY,
    NOTE_LITERAL_KEY,
    NOTE_BODY_TYPE
};
struct reader_note {
    enum note_kind kind;
    int node; /* NODE_NONE outside the nodes */
    struct str pointer, name, message;
    int var;
};
struct reader_notes {
    struct arena *a;
    struct reader_note *p;
    size_t n, cap;
};

#define READER_PATH 512
struct flow_reader {
    struct flow *f;
    struct arena *a; /* the flow's */
    struct err *e;
    struct reader_notes *notes; /* NULL unless linting */
    int node;
    size_t path_n;
    char path[READER_PATH];
};

/* A flow of its own, with notes for lint; flow_drop it. */
enum status flow_read(const struct json *doc, struct reader_notes *notes, struct flow **out, struct err *e);
enum status read_nodes(struct flow_reader *r, const struct json *nodes);
/* parse_engine.c */
enum status read_engine(struct flow_reader *r, const struct json *j, struct flow_node *n);
enum status read_classify(struct flow_reader *r, const struct json *j, struct flow_node *n);
enum status read_extract(struct flow_reader *r, const struct json *j, struct flow_node *n);
/* `tool`, where a node has it. */
enum status read_tool(struct flow_reader *r, const struct json *j, struct flow_node *n);
/* parse_http.c: `map`, variables and the places in a JSON answer that fill them. */
enum status read_map(struct flow_reader *r, const struct json *j, struct http_mapping **out, size_t *n);
enum status read_http(struct flow_reader *r, const struct json *j, struct flow_node *n);
/* secret.c: refuses a secret where it must not be, and notes a key that is written out. `value` is the header's text as
 * the author wrote it. */
enum status check_header_secrets(struct flow_reader *r, const struct http_header *h, struct str value);
enum status read_tests(struct flow_reader *r, const struct json *tests);
enum status read_condition(struct flow_reader *r, const struct json *j, int depth, struct cond *out);

/* The place: go in, come back. */
size_t path_key(struct flow_reader *r, struct str key);
size_t path_index(struct flow_reader *r, size_t i);
static inline void path_back(struct flow_reader *r, size_t mark)
{
    r->path_n = mark;
    r->path[mark] = 0;
}
enum status reader_refuse(struct flow_reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
enum status reader_refuse_key(struct flow_reader *r, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* What an object may hold. */
#define K_STR 1
#define K_INT 2
#define K_NUM 4
#define K_BOOL 8
#define K_ARR 16
#define K_OBJ 32
#define K_NULL 64
#define K_TEXT (K_STR | K_OBJ)
#define K_SCALAR (K_STR | K_INT | K_NUM | K_BOOL)
#define K_MUST 128
struct field_rule {
    const char *name;
    unsigned is; /* of the above; K_MUST: has to be there */
};
enum status read_fields(struct flow_reader *r, const struct json *j, const struct field_rule *fields, size_t n);
#define READ_FIELDS(r, j, table) read_fields((r), (j), (table), COUNT_OF(table))

/* Fields; each leaves *out alone when the key is absent, and the path as it was. */
enum status read_string(struct flow_reader *r, const struct json *j, const char *key, size_t min, size_t max,
                        struct str *out);
enum status read_int(struct flow_reader *r, const struct json *j, const char *key, int64_t min, int64_t max,
                     int64_t *out);
enum status read_list(struct flow_reader *r, const struct json *j, const char *key, size_t min, size_t max,
                      const struct json **out);
enum status read_target(struct flow_reader *r, const struct json *j, const char *key, int *out);
enum status read_var(struct flow_reader *r, const struct json *j, const char *key, enum note_kind use, int *out);
enum status read_text(struct flow_reader *r, const struct json *j, const char *key, size_t max, struct flow_text *out);
enum status read_label(struct flow_reader *r, const struct json *j, const char *key, const struct str **out);
enum status read_tpl(struct flow_reader *r, const struct json *j, const char *key, size_t max, enum part_mode mode,
                     struct tpl *out);
enum status read_url(struct flow_reader *r, const struct json *j, const char *key, struct tpl *out);
enum status read_choices(struct flow_reader *r, const struct json *j, struct node_choices *out);
enum status read_pattern(struct flow_reader *r, const struct json *j, const char *key, struct pattern **out);
/* A word of a list of words; -1 and an error at the key for any other. */
enum status read_word(struct flow_reader *r, const struct json *j, const char *key, const char *const *words, int n,
                      int *out);

/* The variable of that name, made (as not declared) when it is new; the pseudo variables input and language. */
enum status var_find(struct flow_reader *r, struct str name, enum note_kind use, int *out);
enum status tpl_compile(struct flow_reader *r, struct str source, enum part_mode mode, struct tpl *out);
int language_index(const struct flow *f, struct str tag); /* exactly; -1 */

/* Only when linting; no memory is an error. */
enum status reader_note(struct flow_reader *r, enum note_kind kind, struct str name, int var, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

#endif
