/* index.h: the search index of one bot's answers: built once, immutable, thread safe. No database.
 *
 * Ranking: BM25 of the question's field plus a part of BM25 of the answer's, plus a bonus for words that are next to
 * each other in both. A word the index does not know stands for those it begins or that begin it. The shown score is
 * another number: how much of what was asked (by weight of its words) the found question covers and is covered by, 0
 * to 1, comparable between questions and bots. */
#ifndef PARLEY_KNOWLEDGE_INDEX_H
#define PARLEY_KNOWLEDGE_INDEX_H

#include "knowledge/answers.h"

#define INDEX_TEXTS_MAX \
    ((size_t)1024 * 1024) /* bytes of texts kept beside the index; a larger set is read from the database */

struct index;
struct index_builder;

/* `language` is for answers that carry none. NULL without memory. */
struct index_builder *index_builder_new(struct str language);
enum status index_add(struct index_builder *b, const struct answer *answer, struct err *e);
/* Frees the builder, also on failure. */
enum status index_finish(struct index_builder *b, struct index **out, struct err *e);
void index_builder_free(struct index_builder *b);

void index_free(struct index *x);
size_t index_bytes(const struct index *x);
size_t index_count(const struct index *x);

struct index_hit {
    uint32_t doc;
    struct id id;
    double score;
};
struct index_match {
    enum answers_verdict verdict;
    struct index_hit hits[ANSWERS_SUGGEST];
    size_t n;
};
/* `language` picks the stemmer when the index has answers in it. */
enum status index_find(const struct index *x, struct str language, struct str question, struct index_match *out,
                       struct err *e);
/* The whole answer where texts are kept, borrowed from x; else false. updated_ms is not kept. */
bool index_answer(const struct index *x, uint32_t doc, struct answer *out);

#endif
