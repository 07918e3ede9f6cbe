/* vectors.c: from nested arrays to one vector for each text. A server sends [x, ...] for one text, [[x, ...], ...] for
 * several, and models without pooling send a vector for each token, with or without one more level. The number of texts
 * decides what a level means: the outermost level that has as many elements as there are texts is theirs, and all
 * vectors below one of its elements belong to that text. */
#include "engine/vectors.h"

#include "base/limits.h"

#include "base/banned.h"

struct vectors_sum {
    struct buf b; /* of doubles */
    size_t dimensions, count;
    bool bad;
};

static bool vectors_is_number(const struct json *j)
{
    return json_is(j, JSON_INT) || json_is(j, JSON_DOUBLE);
}

static void vectors_add_one(struct vectors_sum *s, const struct json *v)
{
    size_t n = json_len(v);
    double zero = 0;
    if (!s->dimensions)
        for (s->dimensions = n; n; n--)
            buf_add(&s->b, &zero, sizeof(zero));
    if (json_len(v) != s->dimensions || !buf_ok(&s->b)) {
        s->bad = true;
        return;
    }
    double *sum = (double *)(void *)s->b.p;
    for (size_t i = 0; i < s->dimensions; i++) {
        s->bad = s->bad || !vectors_is_number(json_at(v, i));
        sum[i] += json_double(json_at(v, i), 0);
    }
    s->count++;
}

/* Calls itself for each level; ENGINE_JSON_DEPTH limits how many a document can have. */
static void vectors_add(struct vectors_sum *s, const struct json *v) /* NOLINT(misc-no-recursion) */
{
    if (!json_is(v, JSON_ARRAY) || !json_len(v))
        s->bad = true;
    else if (vectors_is_number(json_at(v, 0)))
        vectors_add_one(s, v);
    else
        for (size_t i = 0; i < json_len(v) && !s->bad; i++)
            vectors_add(s, json_at(v, i));
}

/* Report the mean of all vectors below `v`. False if they differ in length, or are none. */
static bool vectors_emit_mean(struct engine_run *run, const struct json *v, size_t index, size_t *dimensions)
{
    struct vectors_sum s = {.bad = false};
    struct buf out;
    buf_init(&s.b, MB);
    buf_init(&out, MB);
    vectors_add(&s, v);
    const double *sum = (const double *)(const void *)s.b.p;
    for (size_t i = 0; !s.bad && i < s.dimensions; i++) {
        float f = (float)(sum[i] / (double)s.count);
        buf_add(&out, &f, sizeof(f));
    }
    bool good = !s.bad && s.count && buf_ok(&out) && (!*dimensions || *dimensions == s.dimensions);
    *dimensions = s.dimensions;
    if (good)
        engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_VECTOR,
                                                .vector = (const float *)(const void *)out.p,
                                                .dimensions = s.dimensions,
                                                .index = index});
    buf_release(&s.b);
    buf_release(&out);
    return good;
}

void engine_emit_vectors(struct engine_run *run, const struct json *doc, size_t first, size_t n)
{
    bool whole = n == 1; /* everything belongs to the one text, however it is nested */
    bool good = json_is(doc, JSON_ARRAY) && (whole || json_len(doc) == n);
    size_t dimensions = 0;
    for (size_t i = 0; good && i < n; i++)
        good = vectors_emit_mean(run, whole ? doc : json_at(doc, i), first + i, &dimensions);
    if (!good)
        engine_run_fail_text(run, ENGINE_PROTOCOL, "The reply does not have a vector for each text.");
}
