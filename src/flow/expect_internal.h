/* expect_internal.h: reading what a visitor answered as the kind of value that was asked for. Pure functions. */
#ifndef PARLEY_FLOW_EXPECT_INTERNAL_H
#define PARLEY_FLOW_EXPECT_INTERNAL_H

#include "flow/model_internal.h"

struct expect_in {
    const struct node_ask *ask;
    struct str text;
    /* Of the visitor, else the conversation's language: which of 3/4 is the month, what a comma means. */
    struct str locale;
    int64_t now_ms;
    int64_t *pattern_us; /* what patterns may still take */
    struct arena *a;
};
/* True: *out is the answer. False: the text is not one, or, with *ok false, there is no memory. */
bool expect_read(const struct expect_in *in, struct value *out, bool *ok);

/* The one number of a text: "4", "we are 4", "1,234.50". False for none, for several, beyond 10^15. */
bool number_read(struct str text, struct str locale, double *out);
/* The one e-mail address of a text, its domain in lower case. */
bool email_read(struct arena *a, struct str text, struct str *out, bool *ok);
/* The one phone number of a text: + and 8 to 15 digits (E.164), or 7 to 15 digits where no country is given. */
bool phone_read(struct arena *a, struct str text, struct str *out, bool *ok);
/* A day: 2026-03-31, 31/3/2026, 3/31/26 (where the month comes first), 31.3., 31 March, tomorrow, Friday; without a
 * year the next such day. Names of months and days in English, Spanish, German, French, Portuguese, Italian. Days
 * are UTC days. */
bool date_read(struct arena *a, struct str text, struct str locale, int64_t now_ms, char out[11], bool *ok);

#endif
