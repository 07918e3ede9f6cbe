/* turn_late.c: turns and late replies (late.c) keep out of each other's way.
 *
 * Before a turn asks an engine that may also send its replies in requests of its own, it sets asking_until of the
 * conversation's row, on the condition that the row is as the turn knows it. A late reply is added under the lock of
 * the row. So either the turn finds that the conversation has moved on, and thinks again before it has asked anyone, or
 * the late reply finds the mark, and waits. The record of the turn takes the mark away. A turn that dies with its
 * process leaves it behind until its time is over. */
#include "base/clock.h"
#include "base/limits.h"
#include "engine/receive.h"
#include "engine/workspace/engines.h"
#include "talk/conversation_store.h"
#include "talk/turn_internal.h"

#include "base/banned.h"

/* The longest time that a turn can spend on its engines. */
#define ASKING_MS (ENGINE_LINKS_MAX * ENGINE_BUDGET_MS)

static enum status turn_late_mark(struct turn *u, struct id engine, struct err *e)
{
    char id[ID_TEXT_MAX];
    struct json *mine = NULL;
    if (!u->engines_kept)
        u->engines_kept = json_new_object(u->arena);
    if (!u->engines_kept)
        return err_nomem(e);
    mine = json_get(u->engines_kept, id_text(ID_ENGINE, engine, id));
    if (!mine && json_set_object(u->engines_kept, id, &mine) != 0)
        return err_nomem(e);
    return json_set_bool(mine, TURN_LATE_MEMBER, true) == 0 ? OK : err_nomem(e);
}

/* The first turn of a conversation needs no mark: as long as it runs, there is no row to add to. A test chat never has
 * one. */
enum status turn_late_expect(struct turn *u, struct db *c, const struct engine_link *links, size_t n, struct err *e)
{
    bool any = false;
    enum status st = OK;
    for (size_t i = 0; st == OK && i < n && !u->trial; i++)
        if (engine_receives(links[i].type, links[i].settings)) {
            any = true;
            st = turn_late_mark(u, links[i].engine, e);
        }
    if (st != OK || !any || u->opens || u->asking || id_is_none(u->conv.id))
        return st;
    st = conversation_store_asking(c, &u->conv, clock_now_ms() + ASKING_MS, e);
    u->asking = st == OK;
    return st;
}

/* Best effort: without it late replies wait until the mark is too old. */
void turn_late_give_up(struct turn *u)
{
    struct err ignored = ERR_INIT;
    struct db *c = NULL;
    if (db_get(u->talk->pool, &c, &ignored) == OK)
        (void)conversation_store_asked(c, &u->conv, &ignored);
    db_put(c);
    u->asking = false;
}

/* The text is searched, because it is written by json_write and quotes inside values are escaped. A variable of the
 * same name costs a few requests of the page in vain. */
bool turn_late_is_possible(const struct conv *k)
{
    return k->state == TALK_OPEN && str_has(k->flow_state, STR("\"" TURN_LATE_MEMBER "\":true"));
}
