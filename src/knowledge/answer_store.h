/* answer_store.h: the statements of answers. Within src/knowledge only. */
#ifndef PARLEY_KNOWLEDGE_ANSWER_STORE_H
#define PARLEY_KNOWLEDGE_ANSWER_STORE_H

#include "base/crypto.h"
#include "knowledge/answers.h"

struct answer_row {
    struct answer answer;
    uint8_t question_hash[CRYPTO_HASH];
};

/* *language is the bot's. ERR_NOT_FOUND code bot_unknown. */
enum status answer_store_bot(struct db *c, struct arena *a, struct id tenant, struct id bot, struct str *language,
                             struct err *e);
/* One bulk write in the caller's transaction. A question that exists gets the new text. */
enum status answer_store_put_all(struct db *c, struct id tenant, struct id bot, const struct answer_row *rows, size_t n,
                                 struct err *e);
enum status answer_store_delete_all(struct db *c, struct id tenant, struct id bot, const struct id *ids, size_t n,
                                    struct err *e);
/* Calls fn for every answer, in order of id. The row is valid during the call only. */
enum status answer_store_each(struct db *c, struct id tenant, struct id bot,
                              enum status (*fn)(void *ctx, const struct answer_row *row, struct err *e), void *ctx,
                              struct err *e);
/* f->query is a pattern for LIKE; out->more is not set. */
enum status answer_store_page(struct db *c, struct id tenant, const struct answers_filter *f, struct arena *a,
                              struct answers_page *out, struct err *e);
enum status answer_store_count(struct db *c, struct arena *a, struct id tenant, struct id bot, int64_t *out,
                               struct err *e);
enum status answer_store_get(struct db *c, struct arena *a, struct id tenant, struct id bot, struct id answer,
                             struct answer *out, struct err *e);
/* ERR_CONFLICT code duplicate when the question has an answer already. */
enum status answer_store_add(struct db *c, struct id tenant, struct id bot, const struct answer_row *row,
                             struct err *e);
enum status answer_store_set(struct db *c, struct id tenant, struct id bot, const struct answer_row *row,
                             struct err *e);
enum status answer_store_delete(struct db *c, struct id tenant, struct id bot, struct id answer, bool *there,
                                struct err *e);

#endif
