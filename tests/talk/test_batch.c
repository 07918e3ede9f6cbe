/* A batch of turns of which some are refused. The batches here are made on purpose: a first turn waits for a row lock
 * while the others queue behind it, so that all of them are in the next transaction. Whatever happens to that
 * transaction, each turn hears the truth about its own rows, and is told once. */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"
#include "base/limits.h"
#include "dbtest.h"
#include "lib/test.h"
#include "okay.h"
#include "talk/journal_internal.h"

#include "base/banned.h"

#define DB "parley_batch"
#define BATCH 8
#define BATCH_TEXT "8"
#define NOW 1794312000000LL /* 2026-11-10 12:00 */
#define MONTH 1793491200000LL

static const struct config *config;
static struct db_pool *pool;
static struct journal *journal;
static struct id free_tenant, full_tenant, gate_tenant; /* each has one bot, with the workspace's id */

DB_STMT(gate_close, GLOBAL, "SELECT bot_id FROM bot WHERE bot_id = ? FOR UPDATE", "u", "u");

/* A turn with one message of the visitor and one reply. */
struct entry {
    struct journal_turn turn;
    struct journal_message messages[2];
    struct journal_wait wait;
    atomic_int wakes;
};

static void entry_wake(void *ctx, uint64_t generation)
{
    (void)generation;
    atomic_fetch_add(&((struct entry *)ctx)->wakes, 1);
}

static void turn_sets(struct entry *x, struct id tenant, struct id conversation, int64_t base_seq, const char *text)
{
    *x = (struct entry){.turn = {.tenant = tenant,
                                 .bot = tenant,
                                 .conversation = conversation,
                                 .opens = base_seq == 0,
                                 .version = 1,
                                 .channel = CHANNEL_api,
                                 .locale = STR("en"),
                                 .contact = STR_EMPTY,
                                 .base_seq = base_seq,
                                 .last_seq = base_seq + 2,
                                 .flow_state = STR("{}"),
                                 .state = TALK_OPEN,
                                 .messages = x->messages,
                                 .n = COUNT_OF(x->messages),
                                 .counts = base_seq == 0,
                                 .quota = {.limit = USAGE_UNLIMITED, .period_start_ms = MONTH},
                                 .now_ms = NOW,
                                 .event = id_new()}};
    x->messages[0] = (struct journal_message){base_seq + 1,   SENDER_VISITOR, MESSAGE_TEXT,
                                              str_from(text), STR_EMPTY,      NOW};
    x->messages[1] = (struct journal_message){base_seq + 2, SENDER_BOT, MESSAGE_TEXT, STR("reply"), STR_EMPTY, NOW};
    x->wait = (struct journal_wait){.turn = &x->turn, .waker = {.wake = entry_wake, .ctx = x}};
}

static void turn_opens(struct entry *x, struct id tenant, const char *text)
{
    turn_sets(x, tenant, id_new(), 0, text);
}

static void turn_has_key(struct entry *x, uint8_t key)
{
    x->turn.has_key = true;
    memset(x->turn.turn_key, key, sizeof(x->turn.turn_key));
}

static int64_t recorded(const char *text)
{
    return dbtest_intf(DB, "SELECT COUNT(*) FROM message WHERE text = '%s' AND sender = 'visitor'", text);
}

static void everything_adds_up(void)
{
    assert_int_equal(dbtest_int(DB,
                                "SELECT COUNT(*) FROM conversation c WHERE seq <> (SELECT MAX(m.seq) FROM message m "
                                "WHERE m.tenant_id = c.tenant_id AND m.conversation_id = c.conversation_id)"),
                     0);
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM turn_event"),
                     dbtest_int(DB, "SELECT COUNT(*) FROM turn_event e JOIN message m ON m.tenant_id = e.tenant_id AND "
                                    "m.conversation_id = e.conversation_id AND m.seq = e.seq AND m.sender = 'visitor' "
                                    "WHERE e.replies = 1"));
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM turn_event"),
                     dbtest_int(DB, "SELECT COUNT(*) FROM message WHERE sender = 'visitor'"));
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM usage_ledger"),
                     dbtest_int(DB, "SELECT COUNT(*) FROM conversation WHERE counted = 1"));
    assert_int_equal(dbtest_int(DB, "SELECT SUM(used) FROM usage_counter"),
                     dbtest_int(DB, "SELECT COUNT(*) FROM usage_ledger"));
}

static void expect_recorded(struct entry *x)
{
    char text[100];
    snprintf(text, sizeof(text), "%.*s", STR_F(x->messages[0].text));
    if (x->wait.status != OK || recorded(text) != 1)
        fail_msg("%s: status %d (%s), recorded %lld times", text, (int)x->wait.status, x->wait.err.message,
                 (long long)recorded(text));
}

static void expect_refused(struct entry *x, enum status st, enum error_code code)
{
    char text[100];
    snprintf(text, sizeof(text), "%.*s", STR_F(x->messages[0].text));
    if (x->wait.status != st || x->wait.err.code != code || recorded(text) != 0)
        fail_msg("%s: status %d (%s), recorded %lld times", text, (int)x->wait.status, err_code(&x->wait.err),
                 (long long)recorded(text));
}

/* ---- making a batch ---- */

struct closing {
    pthread_t thread;
    atomic_bool over;
};

struct queue {
    struct entry *list;
    size_t n;
    struct entry first;
    pthread_t leader;
    struct closing closing;
};

static void *submit_first(void *arg)
{
    struct queue *q = arg;
    struct err e = ERR_INIT;
    if (db_thread_begin(&e) != OK)
        abort();
    journal_submit(journal, &q->first.wait);
    db_thread_end();
    return NULL;
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

/* It cannot finish this statement before the lock is given back, and it has taken the lead before it began it. */
static bool first_is_blocked(void)
{
    return dbtest_int(DB, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = '" DB
                          "' AND INFO LIKE 'INSERT INTO conversation (%'") == 1;
}

/* In the transaction that holds the lock: the first turn leads and waits for it, the others queue. */
static enum status queue_up(struct db *c, void *ctx, struct err *e)
{
    struct queue *q = ctx;
    struct arena a;
    struct db_rows rows;
    arena_init(&a, MB);
    enum status st = db_query(c, &gate_close, DB_GLOBAL, DB_ARGS(db_id(gate_tenant)), &a, &rows, e);
    arena_release(&a);
    if (st != OK)
        return st;
    assert_int_equal(pthread_create(&q->leader, NULL, submit_first, q), 0);
    while (!first_is_blocked())
        pause_ms(10);
    for (size_t i = 0; i < q->n; i++) {
        journal_submit(journal, &q->list[i].wait);
        assert_false(journal_settled(journal, &q->list[i].wait));
    }
    return OK;
}

/* Records all of the list in one batch. The turn that leads it is woken to do so, the others when they are settled. */
static void record_together(struct entry *list, size_t n)
{
    struct queue q = {.list = list, .n = n};
    struct db *c = dbtest_get(pool);
    turn_opens(&q.first, gate_tenant, "gate");
    OKAY(db_transaction(c, queue_up, &q, &fail));
    db_put(c);
    assert_int_equal(pthread_join(q.leader, NULL), 0);
    assert_int_equal(q.first.wait.status, OK);
    assert_int_equal(atomic_load(&list[0].wakes), 1);
    for (size_t i = 1; i < n; i++)
        assert_int_equal(atomic_load(&list[i].wakes), 0);
    for (size_t i = 0; i < n; i++) {
        assert_true(journal_settled(journal, &list[i].wait));
        assert_int_equal(atomic_load(&list[i].wakes), 1);
    }
    everything_adds_up();
}

static void record_alone(struct entry *x)
{
    journal_submit(journal, &x->wait);
    assert_true(journal_settled(journal, &x->wait));
}

/* ---- the batches ---- */

static void turns_are_recorded(size_t n)
{
    static struct entry list[20];
    static char texts[COUNT_OF(list)][60];
    for (size_t i = 0; i < n; i++) {
        snprintf(texts[i], sizeof(texts[i]), "number %zu of %zu", i, n);
        turn_opens(&list[i], free_tenant, texts[i]);
    }
    turn_has_key(&list[2], (uint8_t)n);
    record_together(list, n);
    for (size_t i = 0; i < n; i++)
        expect_recorded(&list[i]);
}

static void a_batch_is_recorded(void **state)
{
    (void)state;
    turns_are_recorded(4);
    turns_are_recorded(BATCH);
}

/* The first turn that is left over leads the next batch, and so on. */
static void what_does_not_fit_into_a_batch_is_in_the_next_one(void **state)
{
    (void)state;
    turns_are_recorded(BATCH + 1);
    turns_are_recorded(2 * BATCH + 2);
}

/* Two first messages of one visitor, from two processes: either conversation may be the one that is kept. */
static void named_visitors_of_a_batch_are_kept(void **state)
{
    static const char *const names[] = {"Ada", "Bob", "Ada", NULL};
    struct entry list[COUNT_OF(names)];
    char text[COUNT_OF(names)][30];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(text[i], sizeof(text[i]), "named %zu", i);
        turn_opens(&list[i], free_tenant, text[i]);
        list[i].turn.has_visitor = names[i];
        if (names[i])
            visitor_hash(str_from(names[i]), list[i].turn.visitor_hash);
    }
    record_together(list, COUNT_OF(list));
    for (size_t i = 0; i < COUNT_OF(list); i++)
        expect_recorded(&list[i]);
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM visitor_conversation"), 2);
}

/* The batch fails for the client id that was used, then without that turn for the full plan. So what is left of it is
 * written turn by turn. */
static void each_turn_hears_its_own_refusal(void **state)
{
    struct entry before[2], list[7];
    (void)state;
    turn_opens(&before[0], free_tenant, "before");
    turn_has_key(&before[0], 102);
    record_alone(&before[0]);
    turn_opens(&before[1], full_tenant, "the last place");
    before[1].turn.quota.limit = 1;
    record_alone(&before[1]);
    expect_recorded(&before[0]);
    expect_recorded(&before[1]);

    turn_opens(&list[0], free_tenant, "in front of the refused ones");
    turn_sets(&list[1], free_tenant, before[0].turn.conversation, 1, "where another process has written");
    turn_opens(&list[2], full_tenant, "no place left");
    list[2].turn.quota.limit = 1;
    turn_opens(&list[3], free_tenant, "a client id that was used");
    turn_has_key(&list[3], 102);
    turn_sets(&list[4], free_tenant, before[0].turn.conversation, 2, "a next message");
    turn_opens(&list[5], free_tenant, "a new client id");
    turn_has_key(&list[5], 103);
    turn_opens(&list[6], full_tenant, "no limit any more");
    record_together(list, COUNT_OF(list));
    expect_recorded(&list[0]);
    expect_refused(&list[1], ERR_CONFLICT, E_sequence);
    expect_refused(&list[2], ERR_PLAN, E_plan_limit);
    expect_refused(&list[3], ERR_CONFLICT, E_turn_key);
    for (size_t i = 4; i < COUNT_OF(list); i++)
        expect_recorded(&list[i]);
}

static void the_last_places_go_to_the_first_turns(void **state)
{
    struct entry list[6];
    static const char *const texts[COUNT_OF(list)] = {"place 1",         "no limit 1", "place 2",
                                                      "behind the last", "no limit 2", "behind the last too"};
    int64_t used = dbtest_int(DB, "SELECT IFNULL(SUM(used), 0) FROM usage_counter WHERE tenant_id IN (SELECT tenant_id "
                                  "FROM bot WHERE name = 'full')");
    (void)state;
    for (size_t i = 0; i < COUNT_OF(list); i++) {
        bool limited = str_starts(str_from(texts[i]), STR("no")) ? false : true;
        turn_opens(&list[i], limited ? full_tenant : free_tenant, texts[i]);
        if (limited)
            list[i].turn.quota.limit = used + 2;
    }
    record_together(list, COUNT_OF(list));
    for (size_t i = 0; i < COUNT_OF(list); i++)
        if (i == 3 || i == 5)
            expect_refused(&list[i], ERR_PLAN, E_plan_limit);
        else
            expect_recorded(&list[i]);
}

/* Another process has recorded the very message, with its time: this turn must not be told that it was recorded, since
 * its replies were not. */
static void a_message_recorded_elsewhere_is_refused(void **state)
{
    struct entry list[3], again;
    (void)state;
    turn_opens(&list[0], free_tenant, "recorded elsewhere with an id");
    turn_has_key(&list[0], 104);
    turn_opens(&list[1], free_tenant, "recorded elsewhere without one");
    turn_opens(&list[2], free_tenant, "beside them");
    for (size_t i = 0; i < 2; i++) {
        again = list[i];
        again.wait.turn = &again.turn;
        again.wait.waker.ctx = &again;
        again.turn.event = id_new();
        again.turn.messages = again.messages;
        record_alone(&again);
        expect_recorded(&again);
    }
    record_together(list, COUNT_OF(list));
    assert_int_equal(list[0].wait.err.code, E_turn_key);
    assert_int_equal(list[1].wait.err.code, E_sequence);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(list[i].wait.status, ERR_CONFLICT);
    expect_recorded(&list[2]);
    assert_int_equal(recorded("recorded elsewhere with an id") + recorded("recorded elsewhere without one"), 2);
}

static void a_turn_alone_is_recorded_or_refused(void **state)
{
    struct entry x, next;
    (void)state;
    turn_opens(&x, free_tenant, "one message");
    record_alone(&x);
    expect_recorded(&x);
    turn_sets(&next, free_tenant, x.turn.conversation, 1, "one message too early");
    record_alone(&next);
    expect_refused(&next, ERR_CONFLICT, E_sequence);
    everything_adds_up();
}

/* Nothing was sent, so nothing needs to be looked for: the visitor hears it at once. */
static void a_database_that_is_away_is_reported_at_once(void **state)
{
    const struct config *nowhere = NULL;
    struct journal *mine = journal, *away;
    struct entry x;
    (void)state;
    OKAY(config_load(dbtest_config_file(DB "_away", "journal_writers = 1\ndatabase_socket = /nonexistent/mariadb\n"),
                     &nowhere, &fail));
    OKAY(journal_open(nowhere, &away, &fail));
    turn_opens(&x, free_tenant, "while the database is away");
    int64_t begun = clock_mono_us();
    journal = away;
    record_alone(&x);
    journal = mine;
    expect_refused(&x, ERR_UNAVAILABLE, E_database_unavailable);
    assert_in_range(clock_mono_us() - begun, 0, 3000000);
    journal_close(away);
    config_drop(nowhere);
}

static void *close_journal(void *arg)
{
    journal_close(journal);
    atomic_store(&((struct closing *)arg)->over, true);
    return NULL;
}

static enum status close_behind_lock(struct db *c, void *ctx, struct err *e)
{
    struct queue *q = ctx;
    enum status st = queue_up(c, q, e);
    if (st != OK)
        return st;
    assert_int_equal(pthread_create(&q->closing.thread, NULL, close_journal, &q->closing), 0);
    pause_ms(50);
    assert_false(atomic_load(&q->closing.over));
    return OK;
}

/* The last test, because it closes the journal. */
static void closing_waits_for_what_was_handed_in(void **state)
{
    struct entry last;
    struct queue q = {.list = &last, .n = 1};
    struct db *c = dbtest_get(pool);
    (void)state;
    turn_opens(&q.first, gate_tenant, "recorded while the journal closes");
    turn_opens(&last, free_tenant, "queued while the journal closes");
    OKAY(db_transaction(c, close_behind_lock, &q, &fail));
    db_put(c);
    assert_int_equal(pthread_join(q.leader, NULL), 0);
    pause_ms(50);
    assert_false(atomic_load(&q.closing.over));
    assert_true(journal_settled(journal, &last.wait));
    assert_int_equal(pthread_join(q.closing.thread, NULL), 0);
    expect_recorded(&q.first);
    expect_recorded(&last);
}

static struct id make_tenant(struct db *c, const char *name)
{
    struct id t = dbtest_tenant(c);
    dbtest_sqlf(DB,
                "INSERT INTO bot (tenant_id, bot_id, name, language, template, draft, draft_hash, created_at, "
                "updated_at) VALUES (0x%s, 0x%s, '%s', 'en', '', '{}', REPEAT('x', 32), NOW(3), NOW(3))",
                dbtest_hex(t), dbtest_hex(t), name);
    return t;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {TEST(a_batch_is_recorded),
                                       TEST(what_does_not_fit_into_a_batch_is_in_the_next_one),
                                       TEST(named_visitors_of_a_batch_are_kept),
                                       TEST(each_turn_hears_its_own_refusal),
                                       TEST(the_last_places_go_to_the_first_turns),
                                       TEST(a_message_recorded_elsewhere_is_refused),
                                       TEST(a_turn_alone_is_recorded_or_refused),
                                       TEST(a_database_that_is_away_is_reported_at_once),
                                       TEST(closing_waits_for_what_was_handed_in)};
    struct err e = ERR_INIT;
    dbtest_begin(argc, argv);
    const char *file = dbtest_config_file(DB, "journal_writers = 1\njournal_batch = " BATCH_TEXT "\n");
    if (config_load(file, &config, &e) != OK) {
        fprintf(stderr, "%s\n", e.message);
        return 1;
    }
    dbtest_migrate(config);
    pool = dbtest_pool(config, 2);
    struct db *c = dbtest_get(pool);
    free_tenant = make_tenant(c, "free");
    full_tenant = make_tenant(c, "full");
    gate_tenant = make_tenant(c, "gate");
    db_put(c);
    if (journal_open(config, &journal, &e) != OK) {
        fprintf(stderr, "%s\n", e.message);
        return 1;
    }
    int failed = RUN(tests);
    db_pool_close(pool);
    config_drop(config);
    db_library_end();
    return failed;
}
