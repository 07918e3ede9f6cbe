/* feedback.c: /chat/{bot}/feedback: a visitor rates a message or the conversation. The reply has no body: the client
 * knows what it has sent. */
#include "chat/visitor.h"

#include "base/banned.h"

/* The token of the conversation is the only right of a visitor, so it is checked by the domain together with the
 * ids. */
static enum status feedback_save(struct request *rq, struct err *e)
{
    static const struct json_field fields[] = {{"conversation", JSON_STRING, false},
                                               {"token", JSON_STRING, false},
                                               {"seq", JSON_INT, false},
                                               {"rating", JSON_INT, false},
                                               {"comment", JSON_STRING, false}};
    struct chat *chat = rq->app;
    struct json *body = NULL;
    struct talk_place at;
    enum status st;
    if ((st = visitor_bot(rq, &at.bot, e)) != OK || (st = request_json(rq, &body, e)) != OK)
        return st;
    if ((st = json_fields(body, fields, COUNT_OF(fields), e)) != OK)
        return st;
    if ((st = visitor_conversation(json_get_str(body, "conversation"), &at.conversation, e)) != OK)
        return st;
    at.token = visitor_token(rq, json_get_str(body, "token"));
    const struct talk_rating rating = {.seq = json_int(json_get(body, "seq"), 0),
                                       .rating = json_int(json_get(body, "rating"), 0),
                                       .comment = json_get_str(body, "comment")};
    return talk_feedback(chat->talk, &at, &rating, e);
}

void chat_feedback_post(struct request *rq)
{
    struct err e = ERR_INIT;
    if (feedback_save(rq, &e) != OK) {
        reply_problem(rq, &e);
        return;
    }
    reply_status(rq, 204);
}

void chat_feedback_options(struct request *rq)
{
    visitor_preflight(rq);
}
