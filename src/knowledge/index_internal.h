/* index_internal.h: the index as it lies in memory. Within index_*.c only.
 *
 * Terms are sorted by their bytes, a term's number is its place. Its postings lie one after the other: first those of
 * the question's field, then those of the answer's: document number (difference to the one before, base 128) and one
 * byte of weight. */
#ifndef PARLEY_KNOWLEDGE_INDEX_INTERNAL_H
#define PARLEY_KNOWLEDGE_INDEX_INTERNAL_H

#include <math.h>

#include "knowledge/index.h"
#include "knowledge/tokens.h"

#define BM25_K 1.2
#define BM25_B 0.75
#define WEIGHT_MAX (BM25_K + 1) /* what a posting's byte 255 stands for */
#define QUESTION_TOKENS 200     /* read of a question (count) */
#define ANSWER_TOKENS 400       /* read of an answer */

struct index_term {
    uint32_t text;         /* in `words`: a byte of length, then the bytes */
    uint32_t postings;     /* in `postings` */
    uint32_t question_end; /* where the question's postings end and the answer's begin */
    float idf_question, idf_all;
    float mass; /* index_mass(idf_all) */
};
struct index_text {
    uint32_t at;
    uint16_t question, link, source;
    uint32_t answer;
    uint8_t language;
};
struct index {
    size_t docs, terms, bytes;
    struct index_term *term; /* terms + 1: the last one closes the postings */
    uint8_t *words, *postings, *sequences;
    uint32_t *sequence; /* docs + 1: the question's terms in order, base 128, in `sequences` */
    struct id *ids;
    struct index_text *text; /* NULL: texts are not kept */
    char *texts;
    float unknown_idf;  /* of a word that is nowhere */
    char language[36];  /* of answers that carry none */
    uint64_t languages; /* bit i: some answer is in language number i of tokens.c */
};

/* What a word weighs in the shown score: common words say little, less than in the rank. */
static inline float index_mass(float idf)
{
    return idf * sqrtf(idf);
}

static inline uint32_t get_varint(const uint8_t **p)
{
    uint32_t v = 0;
    for (int shift = 0;; shift += 7) {
        uint8_t b = *(*p)++;
        v |= (uint32_t)(b & 127) << shift;
        if (!(b & 128))
            return v;
    }
}

#endif
