/* rules_internal.h: what a question with its answer must look like, and when two questions are the same. Within
 * src/knowledge only. */
#ifndef PARLEY_KNOWLEDGE_RULES_INTERNAL_H
#define PARLEY_KNOWLEDGE_RULES_INTERNAL_H

#include "knowledge/answer_store.h"

#define QUESTION_MAX 1000 /* characters */
#define ANSWER_MAX 16000
#define LINK_MAX 2000
#define SOURCE_MAX 200

/* Trims the texts of *w and checks them. NULL when good; else the reason's stable code, *field and *words in a
 * sentence. */
enum error_code answer_check(struct answer *w, const char **field, const char **words);
/* Language and folded question: case, spaces and closing marks do not count. false without memory. */
bool answer_hash(const struct answer *w, uint8_t out[CRYPTO_HASH]);

#endif
