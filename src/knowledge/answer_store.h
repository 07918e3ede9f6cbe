/* answer_store.h: the statements of answers. Within src/knowledge only. */
#ifndef PARLEY_KNOWLEDGE_ANSWER_STORE_H
#define PARLEY_KNOWLEDGE_ANSWER_STORE_H

#include "base/crypto.h"
#include "knowledge/answers.h"

struct answer_row {
    struct answer answer;
    uint8_t question_hash[CRYPTO_HASH];
};

/* ERR_NOT_FOUND code bot_unknown; *language is the bot's. */
enum status answer_store_bot(struct db *c, struct arena *a, struct id tenant, struct id bot, struct str *language,
                             struct err *e);
/* One bulk write inside the caller's transaction: a question that is there is given the new text. */
enum status answer_store_put_all(struct db *c, struct id tenant, struct id bot, const struct answer_row *rows, size_t n,
                                 struct err *e);
enum status answer_store_delete_all(struct db *c, struct id tenant, struct id bot, const struct id *ids, size_t n,
                                    struct err *e);
/* Every answer, one by one, in order of id; memory is the callback's for the call. */
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
/* Another answer to the same question: ERR_CONFLICT code duplicate. */
enum status answer_store_add(struct db *c, struct id tenant, struct id bot, const struct answer_row *row,
                             struct err *e);
enum status answer_store_set(struct db *c, struct id tenant, struct id bot, const struct answer_row *row,
                             struct err *e);
enum status answer_store_delete(struct db *c, struct id tenant, struct id bot, struct id answer, bool *there,
                                struct err *e);

#endif
