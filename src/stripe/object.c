/* object.c: the words of Stripe's objects, one table for each kind of word. Index 0 of each table is what an unknown
 * word becomes, so a new word from Stripe never counts as one of the others. */
#include "stripe/object.h"

#include "base/err.h"

#include "base/banned.h"

static const char *const object_names[] = {
    [STRIPE_OBJECT_UNKNOWN] = "unknown",   [STRIPE_OBJECT_SUBSCRIPTION] = "subscription",
    [STRIPE_OBJECT_INVOICE] = "invoice",   [STRIPE_OBJECT_SESSION] = "checkout.session",
    [STRIPE_OBJECT_CUSTOMER] = "customer", [STRIPE_OBJECT_SCHEDULE] = "subscription_schedule",
    [STRIPE_OBJECT_CHARGE] = "charge",     [STRIPE_OBJECT_DISPUTE] = "dispute",
    [STRIPE_OBJECT_PRICE] = "price",       [STRIPE_OBJECT_PRODUCT] = "product",
};

enum stripe_object stripe_object_parse(struct str word)
{
    return (enum stripe_object)str_among_or(word, object_names, COUNT_OF(object_names), 0);
}

const char *stripe_object_name(enum stripe_object o)
{
    CHECK((size_t)o < COUNT_OF(object_names));
    return object_names[o];
}

enum stripe_session stripe_session_of(const struct json *session)
{
    static const char *const words[] = {[STRIPE_SESSION_UNKNOWN] = "unknown",
                                        [STRIPE_SESSION_OPEN] = "open",
                                        [STRIPE_SESSION_COMPLETE] = "complete",
                                        [STRIPE_SESSION_EXPIRED] = "expired"};
    return (enum stripe_session)str_among_or(json_get_str(session, "status"), words, COUNT_OF(words), 0);
}

enum stripe_payment stripe_payment_of(const struct json *session)
{
    static const char *const words[] = {[STRIPE_PAYMENT_UNKNOWN] = "unknown",
                                        [STRIPE_PAYMENT_PAID] = "paid",
                                        [STRIPE_PAYMENT_UNPAID] = "unpaid",
                                        [STRIPE_PAYMENT_NOT_REQUIRED] = "no_payment_required"};
    return (enum stripe_payment)str_among_or(json_get_str(session, "payment_status"), words, COUNT_OF(words), 0);
}

enum stripe_schedule stripe_schedule_of(const struct json *schedule)
{
    static const char *const words[] = {
        [STRIPE_SCHEDULE_UNKNOWN] = "unknown",   [STRIPE_SCHEDULE_NOT_STARTED] = "not_started",
        [STRIPE_SCHEDULE_ACTIVE] = "active",     [STRIPE_SCHEDULE_COMPLETED] = "completed",
        [STRIPE_SCHEDULE_RELEASED] = "released", [STRIPE_SCHEDULE_CANCELED] = "canceled"};
    return (enum stripe_schedule)str_among_or(json_get_str(schedule, "status"), words, COUNT_OF(words), 0);
}

enum stripe_dispute stripe_dispute_of(const struct json *dispute)
{
    static const char *const words[] = {[STRIPE_DISPUTE_OTHER] = "unknown",
                                        [STRIPE_DISPUTE_WON] = "won",
                                        [STRIPE_DISPUTE_LOST] = "lost",
                                        [STRIPE_DISPUTE_WARNING_CLOSED] = "warning_closed"};
    return (enum stripe_dispute)str_among_or(json_get_str(dispute, "status"), words, COUNT_OF(words), 0);
}

enum stripe_switch stripe_switch_of(const struct json *object)
{
    static const struct {
        const char *word;
        enum stripe_switch is;
    } words[] = {{"enabled", STRIPE_SWITCH_ON},
                 {"active", STRIPE_SWITCH_ON},
                 {"disabled", STRIPE_SWITCH_OFF},
                 {"inactive", STRIPE_SWITCH_OFF}};
    struct str status = json_get_str(object, "status");
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (str_eqz(status, words[i].word))
            return words[i].is;
    return STRIPE_SWITCH_UNKNOWN;
}
