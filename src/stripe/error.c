/* error.c: an error answer of Stripe as a struct err.
 *
 * Card errors get a sentence for the payer; everything else is for the operator. Stripe quotes keys in its messages
 * (shortened), so words that look like secrets are removed: messages go to logs, mails and pages. */
#define _GNU_SOURCE /* memmem */
#include "base/utf8.h"
#include "stripe/client_internal.h"

#include "base/banned.h"

static struct str error_field(const struct json *answer, const char *name)
{
    return json_get_str(json_get(answer, "error"), name);
}

static bool error_code_is_plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
            return false;
    }
    return s.n > 0 && s.n <= 40;
}

/* error.code or, without one, error.type. It becomes part of our code, so anything that does not look like a code is
 * dropped. */
static struct str error_code_of(const struct json *answer)
{
    struct str code = error_field(answer, "code"), type = error_field(answer, "type");
    return error_code_is_plain(code) ? code : error_code_is_plain(type) ? type : STR_EMPTY;
}

/* The first that fits counts. A key in use also has the type idempotency_error, and an error of a card may have any
 * code. */
enum stripe_reason stripe_error_reason(const struct json *answer)
{
    static const struct {
        const char *field, *word;
        enum stripe_reason reason;
    } words[] = {{"code", "idempotency_key_in_use", STRIPE_REASON_KEY_IN_USE},
                 {"code", "lock_timeout", STRIPE_REASON_LOCK_TIMEOUT},
                 {"type", "card_error", STRIPE_REASON_CARD},
                 {"type", "idempotency_error", STRIPE_REASON_KEY_REUSED},
                 {"code", "resource_missing", STRIPE_REASON_RESOURCE_MISSING}};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (str_eqz(error_field(answer, words[i].field), words[i].word))
            return words[i].reason;
    return STRIPE_REASON_OTHER;
}

static bool error_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '*' ||
           c == '-';
}

static bool error_word_is_secret(struct str word)
{
    static const char *const prefixes[] = {"sk_", "rk_", "pk_", "whsec_", "ek_", "pi_secret", "seti_secret"};
    for (size_t i = 0; i < COUNT_OF(prefixes); i++)
        if (str_starts(word, str_from(prefixes[i])))
            return true;
    return str_has(word, STR("_secret_"));
}

/* Adds Stripe's sentence on one line, without keys and without the final full stop. */
static void error_add_words(struct buf *b, struct str s)
{
    size_t n;
    s = str_trim(s);
    if (s.n && s.p[s.n - 1] == '.')
        s.n--;
    for (size_t i = 0; i < s.n; i += n) {
        for (n = 0; i + n < s.n && error_word_char(s.p[i + n]); n++)
            ;
        struct str word = str_sub(s, i, n);
        if (error_word_is_secret(word))
            buf_puts(b, "(a key)");
        else if (n)
            buf_str_add(b, word);
        else
            buf_putc(b, (unsigned char)s.p[i + n++] < ' ' ? ' ' : s.p[i]);
    }
}

/* Sentences for the payer. For other codes Stripe's own sentence is meant for the payer. The order matters: next to a
 * more exact decline code Stripe's code is still "card_declined", so that row is the last. */
static const char *error_card_words(struct str code, struct str decline)
{
    static const struct {
        const char *code, *words;
    } known[] = {
        {"insufficient_funds", "The card does not have enough funds. Use another card."},
        {"expired_card", "The card has expired. Use another card."},
        {"incorrect_cvc", "The security code of the card is wrong."},
        {"invalid_cvc", "The security code of the card is wrong."},
        {"incorrect_number", "The number of the card is wrong."},
        {"incorrect_zip", "The postal code does not match the card."},
        {"processing_error", "The payment could not be processed. Try again in a few minutes."},
        {"authentication_required",
         "The bank asks for this payment to be confirmed, which is not possible here. Use another card."},
        {"subscription_payment_intent_requires_action",
         "The bank asks for this payment to be confirmed, which is not possible here. Use another card."},
        {"card_declined", "The card was declined. Use another card, or ask the bank."},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (str_eqz(code, known[i].code) || str_eqz(decline, known[i].code))
            return known[i].words;
    return NULL;
}

static enum status error_card(const struct json *answer, struct str code, const char *text, struct err *e)
{
    const char *words = error_card_words(code, error_field(answer, "decline_code"));
    return err_set(e, E_stripe_card, words ? "%s" : "The payment did not go through: %s.", words ? words : text);
}

/* Stripe names the missing right: "Having the 'rak_checkout_session_write' permission would allow ..." */
static enum status error_right_missing(const struct stripe_exchange *x, struct str text, struct err *e)
{
    const char *at = memmem(text.p, text.n, "rak_", 4);
    size_t n = 0;
    while (at && at + n < text.p + text.n && error_word_char(at[n]))
        n++;
    if (at)
        return err_set(e, E_stripe_right_missing,
                       "Stripe's key (stripe_secret_key) lacks the permission %.*s, which %s %s needs.",
                       (int)(n < 80 ? n : 80), at, x->method, x->path);
    return err_set(e, E_stripe_right_missing, "Stripe's key (stripe_secret_key) has no permission to %s %s.", x->method,
                   x->path);
}

/* The type decides before the status, because 400 stands for a refused parameter and for a reused key alike. */
static enum status error_refused(const struct stripe_exchange *x, struct str code, const char *text, struct err *e)
{
    struct str param = error_field(x->answer, "param");
    enum stripe_reason reason = stripe_error_reason(x->answer);
    char pointer[160];
    struct buf b;
    if (reason == STRIPE_REASON_CARD)
        return error_card(x->answer, code, text, e);
    if (reason == STRIPE_REASON_KEY_REUSED)
        return err_set(e, E_stripe_key_reused,
                       "This idempotency key was used with other parameters. Nothing was done.");
    buf_fixed(&b, pointer, sizeof(pointer));
    buf_str_add(&b, utf8_fit(param, sizeof(pointer) - 1));
    if (x->status == 404 || reason == STRIPE_REASON_RESOURCE_MISSING)
        return err_at(e, E_stripe_resource_missing, pointer, "Stripe has no such object: %s.", text);
    return err_at(e, E_stripe_refused, pointer, "Stripe refused %s %s: %s.", x->method, x->path, text);
}

/* Stripe names a reason with every real rate limit. A 429 without one means that another request holds the object. */
static enum status error_limited(enum stripe_reason reason, struct str limited_by, struct err *e)
{
    if (!limited_by.n && reason == STRIPE_REASON_LOCK_TIMEOUT)
        return err_raise(e, E_stripe_lock_timeout);
    enum status st = err_set(e, E_stripe_rate_limited, "Stripe accepts no more requests for the moment (%.*s).",
                             limited_by.n && limited_by.n < 60 ? (int)limited_by.n : 4,
                             limited_by.n && limited_by.n < 60 ? limited_by.p : "rate");
    if (e)
        e->retry_after_s = 5;
    return st;
}

/* 401, 403 and 429 are decided by the status alone, because a proxy in front of Stripe may answer them without a body.
 * The message is cut to half of its buffer: removed keys may make the rest longer. */
enum status stripe_error(const struct stripe_exchange *x, struct str limited_by, struct err *e)
{
    struct str code = error_code_of(x->answer), message = error_field(x->answer, "message");
    enum stripe_reason reason = stripe_error_reason(x->answer);
    char text[400];
    struct buf b;
    buf_fixed(&b, text, sizeof(text));
    error_add_words(&b, message.n ? utf8_fit(message, sizeof(text) / 2) : STR("it gave no reason"));
    if (x->status == 401)
        return err_raise(e, E_stripe_key_refused);
    if (x->status == 403)
        return error_right_missing(x, message, e);
    if (x->status == 429)
        return error_limited(reason, limited_by, e);
    if (x->status == 409 && reason == STRIPE_REASON_KEY_IN_USE)
        return err_set(e, E_stripe_key_in_use, "Stripe is still processing the same request.");
    if (x->status >= 500)
        return err_set(e, E_stripe_error, "Stripe failed (%d). Try again in a few minutes.", x->status);
    enum status st = error_refused(x, code, text, e);
    if (e && code.n && (err_is(e, E_stripe_card) || err_is(e, E_stripe_refused)))
        err_rename(e, "stripe_%.*s", STR_F(code));
    return st;
}
