/* index_build.c: builds an index in two steps. index_add writes each answer as numbers of terms into a forward file.
 * index_finish sorts the terms and turns the file round into postings, in two passes: the first finds the sizes, so
 * that everything is allocated once and nothing is copied. */
#include <math.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/vec.h"
#include "knowledge/index_internal.h"

#include "base/banned.h"

#define FORWARD_MAX (256 * MB)
#define NONE UINT32_MAX

struct index_builder {
    struct buf words; /* a byte of length, then the bytes, of each term in order of first sight */
    struct buf forward, texts;
    VEC(uint32_t) at; /* of each term in `words` */
    VEC(struct id) ids;
    VEC(struct index_text) text;
    uint32_t *slots; /* hash table of term number + 1 */
    size_t slot_count;
    uint8_t hash_key[16];
    uint64_t question_length, answer_length; /* sums */
    bool keep_texts;
    struct tokeniser tokeniser;
    char tokeniser_language[36], language[36];
    uint64_t languages;
};

static void copy_language(char out[36], struct str s)
{
    size_t n = s.n < 35 ? s.n : 35;
    memcpy(out, s.p, n);
    out[n] = '\0';
}

/* The language of the bot is the one for answers that carry none. An unknown language gets English stemming: that is
 * wrong for some words, but the same in index and question. */
struct index_builder *index_builder_new(struct str language)
{
    struct index_builder *b = calloc(1, sizeof(*b));
    if (!b)
        return NULL;
    buf_init(&b->words, FORWARD_MAX);
    buf_init(&b->forward, FORWARD_MAX);
    buf_init(&b->texts, INDEX_TEXTS_MAX);
    b->keep_texts = true;
    copy_language(b->language, tokens_language_known(language) ? language : STR("en"));
    copy_language(b->tokeniser_language, str_from(b->language));
    tokens_open(&b->tokeniser, str_from(b->language));
    crypto_random(b->hash_key, sizeof(b->hash_key));
    b->slot_count = 1024;
    b->slots = calloc(b->slot_count, sizeof(*b->slots));
    if (!b->slots) {
        index_builder_free(b);
        return NULL;
    }
    return b;
}

void index_builder_free(struct index_builder *b)
{
    if (!b)
        return;
    tokens_close(&b->tokeniser);
    buf_release(&b->words);
    buf_release(&b->forward);
    buf_release(&b->texts);
    VEC_RELEASE(&b->at);
    VEC_RELEASE(&b->ids);
    VEC_RELEASE(&b->text);
    free(b->slots);
    free(b);
}

/* ---- terms ---- */

static struct str index_word_at(const char *words, uint32_t at)
{
    return str_n(words + at + 1, (uint8_t)words[at]);
}

/* The hash is keyed with random bytes: a tenant chooses the words, and must not be able to choose their places. */
static bool grow_slots(struct index_builder *b)
{
    size_t count = b->slot_count * 2;
    uint32_t *slots = calloc(count, sizeof(*slots));
    if (!slots)
        return false;
    for (size_t t = 0; t < b->at.n; t++) {
        size_t i = hash_sip(b->hash_key, index_word_at(b->words.p, b->at.p[t])) & (count - 1);
        while (slots[i])
            i = (i + 1) & (count - 1);
        slots[i] = (uint32_t)t + 1;
    }
    free(b->slots);
    b->slots = slots;
    b->slot_count = count;
    return true;
}

/* The number of the term, given when it is first seen. NONE without memory. The slot is filled before the table grows,
 * because growing places all terms again. */
static uint32_t term_of(struct index_builder *b, struct str word)
{
    size_t i = hash_sip(b->hash_key, word) & (b->slot_count - 1);
    for (; b->slots[i]; i = (i + 1) & (b->slot_count - 1))
        if (str_eq(index_word_at(b->words.p, b->at.p[b->slots[i] - 1]), word))
            return b->slots[i] - 1;
    if (b->at.n >= INT32_MAX || VEC_PUSH(&b->at, (uint32_t)b->words.n) != 0)
        return NONE;
    b->slots[i] = (uint32_t)b->at.n;
    buf_putc(&b->words, (char)word.n);
    buf_str_add(&b->words, word);
    if (!buf_ok(&b->words) || (b->at.n * 2 > b->slot_count && !grow_slots(b)))
        return NONE;
    return (uint32_t)b->at.n - 1;
}

/* ---- forward file ---- */

static size_t varint_size(uint32_t v)
{
    size_t n = 1;
    while (v >>= 7)
        n++;
    return n;
}

/* Base 128, low bits first; the high bit says that another byte follows. Most numbers take one or two bytes. */
static void add_varint(struct buf *b, uint32_t v)
{
    for (; v >= 128; v >>= 7)
        buf_putc(b, (char)(v | 128));
    buf_putc(b, (char)v);
}

/* At most `max` terms: a question or answer beyond that is indexed by its beginning, which bounds memory for each
 * document. */
static size_t terms_of(struct index_builder *b, struct str text, uint32_t *out, size_t max)
{
    char word[TOKEN_MAX];
    size_t n = 0, len;
    while (n < max && (len = tokens_next(&b->tokeniser, &text, word)) > 0)
        if ((out[n++] = term_of(b, str_n(word, len))) == NONE)
            return SIZE_MAX;
    return n;
}

static int by_number(const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    return (a > b) - (a < b);
}

/* Writes the distinct terms with their counts; sorts `t`. */
static void add_counts(struct buf *out, uint32_t *t, size_t n)
{
    size_t distinct = 0;
    qsort(t, n, sizeof(*t), by_number);
    for (size_t i = 0; i < n; i++)
        distinct += i == 0 || t[i] != t[i - 1];
    add_varint(out, (uint32_t)n);
    add_varint(out, (uint32_t)distinct);
    for (size_t i = 0, k; i < n; i = k) {
        for (k = i + 1; k < n && t[k] == t[i]; k++)
            ;
        add_varint(out, t[i]);
        buf_putc(out, (char)(k - i > 255 ? 255 : k - i));
    }
}

/* Texts of a small set are kept, so that an answer needs no query. When the set grows too large, all texts go at
 * once: half of them would be of no use. */
static enum status keep_text(struct index_builder *b, const struct answer *w, struct err *e)
{
    struct index_text t = {.at = (uint32_t)b->texts.n,
                           .question = (uint16_t)w->question.n,
                           .answer = (uint32_t)w->answer.n,
                           .link = (uint16_t)w->link.n,
                           .source = (uint16_t)w->source.n,
                           .language = (uint8_t)w->language.n};
    size_t all = w->question.n + w->answer.n + w->link.n + w->source.n + w->language.n;
    if (b->texts.n + all > INDEX_TEXTS_MAX || w->question.n > UINT16_MAX || w->link.n > UINT16_MAX ||
        w->source.n > UINT16_MAX || w->language.n > UINT8_MAX) {
        b->keep_texts = false;
        buf_release(&b->texts);
        VEC_RELEASE(&b->text);
        return OK;
    }
    buf_str_add(&b->texts, w->question);
    buf_str_add(&b->texts, w->answer);
    buf_str_add(&b->texts, w->link);
    buf_str_add(&b->texts, w->source);
    buf_str_add(&b->texts, w->language);
    if (!buf_ok(&b->texts) || VEC_PUSH(&b->text, t) != 0)
        return err_nomem(e);
    return OK;
}

/* A tokeniser is changed only when the language does, since answers usually come in runs of one language. */
static void use_language(struct index_builder *b, struct str language)
{
    struct str want = tokens_language_known(language) ? language : str_from(b->language);
    if (!str_eqz(want, b->tokeniser_language)) {
        tokens_close(&b->tokeniser);
        tokens_open(&b->tokeniser, want);
        copy_language(b->tokeniser_language, want);
    }
    if (b->tokeniser.language >= 0)
        b->languages |= UINT64_C(1) << b->tokeniser.language;
}

/* Sequence before counts, because counting sorts the terms. The order of writing here is the order of reading in
 * index_turn_all. */
enum status index_add(struct index_builder *b, const struct answer *w, struct err *e)
{
    uint32_t t[ANSWER_TOKENS], q[QUESTION_TOKENS];
    size_t nq, na;
    use_language(b, w->language);
    nq = terms_of(b, w->question, q, QUESTION_TOKENS);
    na = terms_of(b, w->answer, t, ANSWER_TOKENS);
    if (nq == SIZE_MAX || na == SIZE_MAX || VEC_PUSH(&b->ids, w->id) != 0)
        return err_nomem(e);
    b->question_length += nq;
    b->answer_length += na;
    add_varint(&b->forward, (uint32_t)nq); /* in order, for words that are next to each other */
    for (size_t i = 0; i < nq; i++)
        add_varint(&b->forward, q[i]);
    add_counts(&b->forward, q, nq);
    add_counts(&b->forward, t, na);
    if (!buf_ok(&b->forward))
        return err_nomem(e);
    return b->keep_texts ? keep_text(b, w, e) : OK;
}

/* ---- turning it round ---- */

struct turning {
    struct index *x;
    const struct index_builder *b;
    uint32_t *rank; /* term number at first sight -> sorted place */
    struct term_tally {
        uint32_t df_question, df_answer, df_all, last_question, last_answer, seen; /* last and seen: document + 1 */
        uint32_t question_bytes, answer_bytes;
    } * tally; /* by sorted place */
    double question_average, answer_average;
};

struct sort_key {
    const char *words;
    uint32_t at, number;
};

static int by_word(const void *x, const void *y)
{
    const struct sort_key *a = x, *b = y;
    return str_cmp(index_word_at(a->words, a->at), index_word_at(b->words, b->at));
}

/* Sorted by bytes, so that a word is found by bisection and all words with one beginning are neighbours. */
static bool sort_terms(struct turning *t)
{
    const struct index_builder *b = t->b;
    struct sort_key *keys = calloc(b->at.n + 1, sizeof(*keys));
    if (!keys)
        return false;
    for (size_t i = 0; i < b->at.n; i++)
        keys[i] = (struct sort_key){b->words.p, b->at.p[i], (uint32_t)i};
    qsort(keys, b->at.n, sizeof(*keys), by_word);
    for (size_t i = 0; i < b->at.n; i++) {
        t->rank[keys[i].number] = (uint32_t)i;
        t->x->term[i].text = keys[i].at;
    }
    free(keys);
    return true;
}

/* The part of BM25 that depends only on this document, in one byte. It is computed once here, so that ranking only
 * multiplies and adds. */
static uint8_t weight_byte(uint32_t tf, uint32_t length, double average)
{
    double v = tf * (BM25_K + 1) / (tf + BM25_K * (1 - BM25_B + BM25_B * length / average));
    long q = lround(v / WEIGHT_MAX * 255);
    return (uint8_t)(q < 1 ? 1 : q > 255 ? 255 : q);
}

static size_t put_varint(uint8_t *p, uint32_t v)
{
    size_t n = 0;
    for (; v >= 128; v >>= 7)
        p[n++] = (uint8_t)(v | 128);
    p[n++] = (uint8_t)v;
    return n;
}

/* One field of one document: pass 1 (fill false) counts, pass 2 writes. Both passes see the same numbers in the same
 * order, which is why the sizes fit. */
static void index_turn_field(struct turning *t, const uint8_t **p, uint32_t doc, bool question, bool fill)
{
    uint32_t length = get_varint(p), n = get_varint(p);
    double average = question ? t->question_average : t->answer_average;
    while (n--) {
        uint32_t place = t->rank[get_varint(p)], tf = *(*p)++;
        struct term_tally *y = &t->tally[place];
        uint32_t *last = question ? &y->last_question : &y->last_answer,
                 *bytes = question ? &y->question_bytes : &y->answer_bytes;
        uint32_t step = doc + 1 - *last;
        *last = doc + 1;
        if (fill) {
            uint8_t *to = t->x->postings + (question ? t->x->term[place].postings : t->x->term[place].question_end) +
                          *bytes;
            size_t k = put_varint(to, step);
            to[k] = weight_byte(tf, length, average);
            *bytes += (uint32_t)k + 1;
        } else {
            *bytes += (uint32_t)varint_size(step) + 1;
            *(question ? &y->df_question : &y->df_answer) += 1;
            y->df_all += y->seen != doc + 1;
            y->seen = doc + 1;
        }
    }
}

/* Returns the bytes of all sequences. `fill` false only measures. Both passes walk the forward file in the same way, so
 * what is written has exactly the measured size. */
static size_t index_turn_all(struct turning *t, bool fill)
{
    const uint8_t *p = (const uint8_t *)t->b->forward.p;
    size_t at = 0;
    for (uint32_t doc = 0; doc < t->x->docs; doc++) {
        uint32_t n = get_varint(&p);
        if (fill)
            t->x->sequence[doc] = (uint32_t)at;
        while (n--) {
            uint32_t place = t->rank[get_varint(&p)];
            at += fill ? put_varint(t->x->sequences + at, place) : varint_size(place);
        }
        index_turn_field(t, &p, doc, true, fill);
        index_turn_field(t, &p, doc, false, fill);
    }
    if (fill)
        t->x->sequence[t->x->docs] = (uint32_t)at;
    return at;
}

/* How much a term tells, by the number of documents that have it: the usual form of BM25, which is never negative. */
static float index_idf(double docs, double df)
{
    return (float)log(1 + (docs - df + 0.5) / (df + 0.5));
}

/* Gives each term its place in the postings, from the sizes of pass 1, and resets the tallies for pass 2. */
static size_t index_lay_out(struct turning *t)
{
    size_t at = 0;
    for (size_t i = 0; i < t->x->terms; i++) {
        struct term_tally *y = &t->tally[i];
        struct index_term *w = &t->x->term[i];
        w->postings = (uint32_t)at;
        w->question_end = (uint32_t)(at + y->question_bytes);
        w->idf_question = index_idf((double)t->x->docs, y->df_question);
        w->idf_all = index_idf((double)t->x->docs, y->df_all);
        w->mass = index_mass(w->idf_all);
        at += y->question_bytes + y->answer_bytes;
        *y = (struct term_tally){0};
    }
    t->x->term[t->x->terms].postings = (uint32_t)at;
    return at;
}

/* The size is added up from what was allocated; the cache evicts by it. */
static bool index_turn(struct turning *t)
{
    struct index *x = t->x;
    size_t sequences, postings;
    x->term = calloc(x->terms + 1, sizeof(*x->term));
    x->sequence = calloc(x->docs + 1, sizeof(*x->sequence));
    t->rank = calloc(x->terms + 1, sizeof(*t->rank));
    t->tally = calloc(x->terms + 1, sizeof(*t->tally));
    if (!x->term || !x->sequence || !t->rank || !t->tally || !sort_terms(t))
        return false;
    sequences = index_turn_all(t, false);
    postings = index_lay_out(t);
    x->sequences = malloc(sequences + 1);
    x->postings = malloc(postings + 1);
    if (!x->sequences || !x->postings)
        return false;
    index_turn_all(t, true);
    x->bytes = sizeof(*x) + (x->terms + 1) * sizeof(*x->term) +
               (x->docs + 1) * (sizeof(*x->sequence) + sizeof(*x->ids)) + sequences + postings + t->b->words.n +
               t->b->texts.n + t->b->text.n * sizeof(*x->text);
    return true;
}

/* Takes from the builder what is in its final form already. */
static bool index_take_over(struct index *x, struct index_builder *b)
{
    x->ids = b->ids.p;
    b->ids.p = NULL;
    if (b->keep_texts) {
        x->text = b->text.p;
        b->text.p = NULL;
        x->texts = buf_detach(&b->texts);
        if (!x->texts)
            return false;
    }
    x->words = (uint8_t *)buf_detach(&b->words);
    return x->words;
}

/* The builder is freed on every way out, which is why index_take_over sets what it has taken to NULL. */
enum status index_finish(struct index_builder *b, struct index **out, struct err *e)
{
    struct turning t = {.b = b};
    struct index *x = calloc(1, sizeof(*x));
    enum status st = OK;
    if (!x) {
        st = err_nomem(e);
        goto out;
    }
    t.x = x;
    x->docs = b->ids.n;
    x->terms = b->at.n;
    x->unknown_idf = index_idf((double)x->docs, 0);
    x->languages = b->languages;
    memcpy(x->language, b->language, sizeof(x->language));
    t.question_average = b->question_length ? (double)b->question_length / (double)x->docs : 1;
    t.answer_average = b->answer_length ? (double)b->answer_length / (double)x->docs : 1;
    if (!index_turn(&t) || !index_take_over(x, b)) {
        st = err_nomem(e);
        goto out;
    }
    *out = x;
    x = NULL;
out:
    free(t.rank);
    free(t.tally);
    index_free(x);
    index_builder_free(b);
    return st;
}

void index_free(struct index *x)
{
    if (!x)
        return;
    free(x->term);
    free(x->words);
    free(x->postings);
    free(x->sequences);
    free(x->sequence);
    free(x->ids);
    free(x->text);
    free(x->texts);
    free(x);
}

size_t index_bytes(const struct index *x)
{
    return x->bytes;
}

size_t index_count(const struct index *x)
{
    return x->docs;
}

bool index_answer(const struct index *x, uint32_t doc, struct answer *out)
{
    if (!x->text || doc >= x->docs)
        return false;
    const struct index_text *t = &x->text[doc];
    const char *p = x->texts + t->at;
    *out = (struct answer){.id = x->ids[doc], .question = str_n(p, t->question)};
    out->answer = str_n(p += t->question, t->answer);
    out->link = str_n(p += t->answer, t->link);
    out->source = str_n(p += t->link, t->source);
    out->language = str_n(p + t->source, t->language);
    return true;
}
