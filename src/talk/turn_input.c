/* turn_input.c: what may come in, and how often. The input is checked before anything is looked up. The rates come
 * after the bot, because two of them are those of the bot and its workspace; the bot is normally found in memory, so a
 * refusal costs no query either. */
#include "base/limits.h"
#include "base/shared.h"
#include "base/utf8.h"
#include "talk/turn_internal.h"

#include "base/banned.h"

#define CLIENT_ID_MAX 100
#define CHOICE_MAX 400
#define LOCALE_MAX 35

/* Letters, digits and hyphens: RFC 5646 tags are made of these. */
static bool turn_locale_ok(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (!word && (c != '-' || i == 0 || i + 1 == s.n || s.p[i - 1] == '-'))
            return false;
    }
    return s.n == 0 || (s.n >= 2 && s.n <= LOCALE_MAX);
}

/* Everything that comes from the visitor is bounded before anything is looked up, so a request that is too large costs
 * no query. The contact is checked when it is written, because its size is that of its JSON. */
enum status turn_check_input(const struct talk_in *in, struct err *e)
{
    if (str_trim(in->text).n == 0 && in->choice.n == 0)
        return err_raise_at(e, E_text_empty, "/text");
    if (!utf8_text(in->text) || !utf8_text(in->choice) || !utf8_text(in->client_id))
        return err_raise_at(e, E_text_invalid, "/text");
    if (utf8_length(in->text) > MAX_TEXT)
        return err_at(e, E_text_too_long, "/text", "A message can have at most %d characters.", MAX_TEXT);
    if (in->choice.n > CHOICE_MAX)
        return err_at(e, E_choice_too_long, "/choice", "A choice can have at most %d bytes.", CHOICE_MAX);
    if (in->client_id.n > CLIENT_ID_MAX)
        return err_at(e, E_id_too_long, "/id", "A message id can have at most %d bytes.", CLIENT_ID_MAX);
    if (!turn_locale_ok(in->locale))
        return err_at(e, E_locale_invalid, "/locale", "A locale must be a language tag such as \"en\" or \"pt-BR\".");
    return OK;
}

static enum status turn_too_fast(int retry_after_s, struct err *e)
{
    (void)err_set(e, E_rate_limited, "Too many messages. Wait a moment.");
    if (e)
        e->retry_after_s = retry_after_s;
    return ERR_RATE;
}

static bool turn_take_rate(const char *name, struct id id, int per_minute, int burst, int *wait_s)
{
    return shared_take(name, str_n((const char *)id.b, sizeof(id.b)), per_minute, burst, wait_s);
}

/* A visitor's address is limited by the program (RATE_CHAT). These limits hold for many addresses together, so that one
 * busy conversation, bot or workspace leaves capacity for the others. The conversation is asked first: what a single
 * flooding visitor tries must not use up the limits of the bot and the workspace. */
enum status turn_check_rates(const struct turn *u, struct err *e)
{
    struct id conversation = u->in->conversation;
    int wait_s = 1;
    bool go = (id_is_none(conversation) ||
               turn_take_rate("conversation", conversation, CONVERSATION_PER_MINUTE, CONVERSATION_BURST, &wait_s)) &&
              turn_take_rate("bot", u->live.id, BOT_PER_MINUTE, BOT_BURST, &wait_s) &&
              turn_take_rate("tenant", u->live.tenant, TENANT_PER_MINUTE, TENANT_BURST, &wait_s);
    return go ? OK : turn_too_fast(wait_s, e);
}
