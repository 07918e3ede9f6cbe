/* index_find.c: ranking. Every document that shares a word with the question gets a rank; the best few are looked at
 * more closely, which gives the score that decides between an answer, a suggestion and nothing. The numbers of BM25
 * below are the usual ones; the others were tried on the public FAQ of the tests and kept where the result changes
 * little around them. */
#include <stdlib.h>

#include "knowledge/index_internal.h"

#include "base/banned.h"

#define SLOTS 48         /* distinct words of a question that count, the rarest first */
#define QUERY_TOKENS 256 /* read of it */
#define CANDIDATES 8     /* known words that stand for an unknown one */
#define PREFIX_MIN 4     /* bytes both must have */
#define PREFIX_WEIGHT 0.8
#define ANSWER_PART 0.3   /* of the answer's field in the rank */
#define PAIR_PART 0.2     /* of words beside each other */
#define ANSWER_COVERS 0.4 /* how far a word of the answer covers one that was asked */
#define RERANK 32
#define NONE_BELOW 0.18
#define SURE_FROM 0.28
#define CLEAR_FROM 0.5 /* nothing else need be offered */
#define CLOSE_RANK 0.8 /* of the best: offered beside it */
#define NO_TERM UINT32_MAX

struct query_slot {
    uint32_t term[CANDIDATES];
    float weight[CANDIDATES], best, mass;
    size_t n;
};
/* Which terms a question holds, roughly: a term whose bit is off is none of them. It saves the exact search for
 * nearly every term of a document. */
struct term_sieve {
    uint64_t bits[16];
};
struct query {
    const struct index *x;
    struct term_sieve slot_terms, sequence_terms;
    uint32_t sequence[QUERY_TOKENS]; /* terms in order, NO_TERM for unknown words */
    size_t length;
    struct query_slot slots[QUERY_TOKENS];
    size_t slot_n;
    double mass;
};
struct doc_tally {
    float rank;
    uint64_t in_question, in_answer; /* bit i: slot i */
};
struct candidate {
    uint32_t doc;
    double rank, score;
};

static struct str index_word(const struct index *x, size_t term)
{
    const uint8_t *p = x->words + x->term[term].text;
    return str_n((const char *)p + 1, *p);
}

/* The first term not less than `word`. */
static size_t lower_bound(const struct index *x, struct str word)
{
    size_t lo = 0, hi = x->terms;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (str_cmp(index_word(x, mid), word) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void sieve_add(struct term_sieve *v, uint32_t term)
{
    v->bits[term / 64 % 16] |= UINT64_C(1) << term % 64;
}

static bool sieve_may(const struct term_sieve *v, uint32_t term)
{
    return v->bits[term / 64 % 16] >> term % 64 & 1;
}

/* ---- reading the question ---- */

/* A slot weighs as much as the rarest of its words: it stands for one asked word, whatever number of terms it
 * matches. */
static void slot_add(struct query_slot *s, const struct index *x, size_t term, double weight)
{
    float m = x->term[term].mass;
    if (s->n == CANDIDATES)
        return;
    s->term[s->n] = (uint32_t)term;
    s->weight[s->n++] = (float)weight;
    if (weight > (double)s->best)
        s->best = (float)weight;
    if (m > s->mass)
        s->mass = m;
}

/* A word that no answer has stands for the known words that begin with it and those it begins with, the longer the
 * common part the more. So a misspelt ending or a compound still finds something. */
static void slot_expand(struct query_slot *s, const struct index *x, struct str word)
{
    if (word.n < PREFIX_MIN)
        return;
    for (size_t n = word.n - 1; n >= PREFIX_MIN; n--) {
        struct str part = str_sub(word, 0, n);
        size_t t = lower_bound(x, part);
        if (t < x->terms && str_eq(index_word(x, t), part))
            slot_add(s, x, t, PREFIX_WEIGHT * (double)n / (double)word.n);
    }
    for (size_t t = lower_bound(x, word); t < x->terms && s->n < CANDIDATES && str_starts(index_word(x, t), word); t++)
        slot_add(s, x, t, PREFIX_WEIGHT * (double)word.n / (double)index_word(x, t).n);
}

/* A known word that is asked twice counts once; otherwise repeating a common word would outweigh the rare one. */
static bool asked_before(const struct query *q, uint32_t term)
{
    for (size_t i = 0; i < q->length; i++)
        if (q->sequence[i] == term)
            return true;
    return false;
}

/* A word that no answer has weighs more than any other: a question that is mostly about something unknown must not
 * score high for its common words. */
static void query_take_token(struct query *q, struct str word)
{
    size_t t = lower_bound(q->x, word);
    bool known = t < q->x->terms && str_eq(index_word(q->x, t), word);
    if (!known || !asked_before(q, (uint32_t)t)) {
        struct query_slot *s = &q->slots[q->slot_n++];
        *s = (struct query_slot){0};
        if (known)
            slot_add(s, q->x, t, 1);
        else
            slot_expand(s, q->x, word);
        if (!s->n)
            s->mass = index_mass(q->x->unknown_idf);
    }
    q->sequence[q->length++] = known ? (uint32_t)t : NO_TERM;
}

static int by_mass(const void *a, const void *b)
{
    float x = ((const struct query_slot *)a)->mass, y = ((const struct query_slot *)b)->mass;
    return (x < y) - (x > y);
}

/* The mass is summed before the slots are cut to SLOTS: words that are left out still count as asked and not covered.
 * The rarest are kept, because they decide. */
static void read_question(struct query *q, struct str language, struct str text)
{
    struct tokeniser t;
    char word[TOKEN_MAX];
    size_t n;
    tokens_open(&t, language);
    /* If no answer is in that language, the question is read in the language of the answers. */
    if (t.language < 0 || !(q->x->languages >> t.language & 1)) {
        tokens_close(&t);
        tokens_open(&t, str_from(q->x->language));
    }
    while (q->length < QUERY_TOKENS && (n = tokens_next(&t, &text, word)) > 0)
        query_take_token(q, str_n(word, n));
    tokens_close(&t);
    for (size_t i = 0; i < q->slot_n; i++)
        q->mass += (double)q->slots[i].mass;
    for (size_t i = 0; i < q->length; i++)
        if (q->sequence[i] != NO_TERM)
            sieve_add(&q->sequence_terms, q->sequence[i]);
    if (q->slot_n > SLOTS) {
        qsort(q->slots, q->slot_n, sizeof(*q->slots), by_mass);
        q->slot_n = SLOTS;
    }
    for (size_t i = 0; i < q->slot_n; i++)
        for (size_t k = 0; k < q->slots[i].n; k++)
            sieve_add(&q->slot_terms, q->slots[i].term[k]);
}

/* ---- ranking every document that shares a word ---- */

/* The inner loop of the search. Documents are stored as differences, the weight is one byte, and idf is multiplied in
 * once for each term, so that a common word costs a few instructions for each document. */
static void add_field(struct doc_tally *tally, const uint8_t *p, const uint8_t *end, float factor, uint64_t bit,
                      bool question)
{
    uint32_t doc = 0;
    while (p < end) {
        doc += get_varint(&p);
        struct doc_tally *y = &tally[doc - 1];
        y->rank += factor * (float)*p++;
        *(question ? &y->in_question : &y->in_answer) |= bit;
    }
}

/* The postings of the answer's field follow those of the question's, up to where the next term begins. */
static void add_term(const struct index *x, uint32_t term, float weight, uint64_t bit, struct doc_tally *tally)
{
    const struct index_term *w = &x->term[term];
    float unit = weight * (float)(WEIGHT_MAX / 255);
    add_field(tally, x->postings + w->postings, x->postings + w->question_end, unit * w->idf_question, bit, true);
    add_field(tally, x->postings + w->question_end, x->postings + w[1].postings, unit * w->idf_all * (float)ANSWER_PART,
              bit, false);
}

/* Insertion into a short sorted list: almost every document is worse than the last one of it. */
static size_t best_of(const struct doc_tally *tally, size_t docs, struct candidate out[RERANK])
{
    size_t n = 0;
    for (uint32_t d = 0; d < docs; d++) {
        float r = tally[d].rank;
        size_t i;
        if (r <= 0 || (n == RERANK && (double)r <= out[n - 1].rank))
            continue;
        i = n < RERANK ? n++ : n - 1;
        for (; i > 0 && out[i - 1].rank < (double)r; i--)
            out[i] = out[i - 1];
        out[i] = (struct candidate){.doc = d, .rank = (double)r};
    }
    return n;
}

/* ---- a closer look at the best ---- */

/* The sieve answers "no" for almost every term without looking at the slots. */
static bool is_asked(const struct query *q, uint32_t term)
{
    if (!sieve_may(&q->slot_terms, term))
        return false;
    for (size_t i = 0; i < q->slot_n; i++)
        for (size_t k = 0; k < q->slots[i].n; k++)
            if (q->slots[i].term[k] == term)
                return true;
    return false;
}

static bool pair_asked(const struct query *q, uint32_t a, uint32_t b)
{
    if (!sieve_may(&q->sequence_terms, a) || !sieve_may(&q->sequence_terms, b))
        return false;
    for (size_t i = 1; i < q->length; i++)
        if (q->sequence[i - 1] == a && q->sequence[i] == b)
            return true;
    return false;
}

/* How much of the question the document covers, by the weight of the words. A word that only the answer has covers
 * less. */
static double asked_mass(const struct query *q, const struct doc_tally *y)
{
    double m = 0;
    for (size_t i = 0; i < q->slot_n; i++) {
        const struct query_slot *s = &q->slots[i];
        if (y->in_question >> i & 1)
            m += (double)(s->mass * s->best);
        else if (y->in_answer >> i & 1)
            m += (double)(s->mass * s->best) * ANSWER_COVERS;
    }
    return m;
}

/* The rank gets a bonus for words that are neighbours in both. The score is the harmonic mean of how much of the
 * question the found one covers and the reverse: a short question inside a long one scores less than an equal one. */
static void candidate_score(const struct query *q, const struct doc_tally *y, struct candidate *c)
{
    const struct index *x = q->x;
    const uint8_t *p = x->sequences + x->sequence[c->doc], *end = x->sequences + x->sequence[c->doc + 1];
    uint32_t seen[QUESTION_TOKENS];
    size_t n = 0;
    double all = 0, hit = 0, covers, covered;
    bool same = true;
    while (p < end) {
        uint32_t term = get_varint(&p);
        bool again = false;
        for (size_t i = 0; i < n && !again; i++)
            again = seen[i] == term;
        if (!again) {
            double m = (double)x->term[term].mass;
            all += m;
            hit += is_asked(q, term) ? m : 0;
        }
        if (n && pair_asked(q, seen[n - 1], term))
            c->rank += PAIR_PART * (double)(x->term[seen[n - 1]].idf_question + x->term[term].idf_question);
        same = same && n < q->length && q->sequence[n] == term;
        seen[n++] = term;
    }
    covers = all > 0 ? hit / all : 0;
    covered = q->mass > 0 ? asked_mass(q, y) / q->mass : 0;
    c->score = covers + covered > 0 ? 2 * covers * covered / (covers + covered) : 0;
    if (same && n == q->length) { /* word for word */
        c->score = 1;
        c->rank += 1e6;
    }
}

static int by_rank(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? 1 : -1;
    return (x->doc > y->doc) - (x->doc < y->doc);
}

/* What the best score allows: an answer, suggestions, or nothing. A sure answer that others come close to brings them
 * along, to be offered beside it. */
static void index_judge(const struct index *x, const struct candidate *c, size_t n, struct index_match *out)
{
    double best = n ? c[0].score : 0;
    if (best < NONE_BELOW)
        return;
    out->verdict = best >= SURE_FROM ? ANSWERS_SURE : ANSWERS_UNSURE;
    for (size_t i = 0; i < n && out->n < ANSWERS_SUGGEST; i++) {
        bool beside = out->verdict == ANSWERS_UNSURE || (best < CLEAR_FROM && c[i].rank >= CLOSE_RANK * c[0].rank);
        if (i == 0 || (beside && c[i].score >= NONE_BELOW))
            out->hits[out->n++] = (struct index_hit){.doc = c[i].doc, .id = x->ids[c[i].doc], .score = c[i].score};
    }
}

/* Two steps: all documents that share a word are ranked cheaply, then only the best RERANK are scored. `tally` is
 * allocated for each search, so that searches of one index share nothing that changes. */
enum status index_find(const struct index *x, struct str language, struct str question, struct index_match *out,
                       struct err *e)
{
    struct query *q = calloc(1, sizeof(*q));
    struct doc_tally *tally = calloc(x->docs + 1, sizeof(*tally));
    struct candidate best[RERANK];
    enum status st = OK;
    size_t n;
    *out = (struct index_match){.verdict = ANSWERS_NONE};
    if (!q || !tally) {
        st = err_nomem(e);
        goto out;
    }
    q->x = x;
    read_question(q, language, question);
    for (size_t i = 0; i < q->slot_n; i++)
        for (size_t k = 0; k < q->slots[i].n; k++)
            add_term(x, q->slots[i].term[k], q->slots[i].weight[k], UINT64_C(1) << i, tally);
    n = best_of(tally, x->docs, best);
    for (size_t i = 0; i < n; i++)
        candidate_score(q, &tally[best[i].doc], &best[i]);
    qsort(best, n, sizeof(*best), by_rank);
    index_judge(x, best, n, out);
out:
    free(q);
    free(tally);
    return st;
}
